"""Answers of the knowledge base beside a call in a real Chromium: proposed, read, taken by one key."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from tests.chromium import sign_in
from tests.desk_fakes import PASSWORD, Stage
from ticketing.actor import Actor
from ticketing.knowledge.service import Knowledge
from ticketing.repository import TicketRepository
from triage.incidents.rarity import seed_rarity

pytestmark = pytest.mark.browser
WANG, LIN = Actor("wang", "agent", extension="1001"), Actor("lin", "supervisor")


@pytest.fixture(autouse=True)
def counted() -> None:
    """How seldom words are said is counted once, at the house's start: not while a page waits for it."""
    seed_rarity()


async def article(stage: Stage, title: str, *questions: str, codes: tuple[str, ...] = ("S101",)) -> None:
    services = stage.services
    knowledge = Knowledge(services.database, services.city, services.clock, services.tickets)
    steps = [f"{title}：第 {n} 步，照公布的渠道办理，材料以窗口公布为准" for n in range(1, 7)]
    made = await knowledge.create(
        {"title": title, "questions": list(questions), "steps": steps, "codes": list(codes), "source": "常识"}, WANG
    )
    await knowledge.publish(made.id, LIN, version=1)


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_an_answer_is_proposed_read_and_taken_by_one_key(
    stage: Stage, page: Page, lang: str, tmp_path: Path
) -> None:
    await article(stage, "夜间施工噪声", "工地晚上施工太吵", "夜间施工可以投诉吗")
    await article(stage, "工地扬尘", "工地施工灰尘大", "夜间施工灰尘")
    await article(stage, "占道经营", "有人摆摊占道", codes=("S102",))
    await sign_in(page, "wang", PASSWORD, lang=lang)
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")
    await stage.city.arrive("c-1", "12345", "13800001111")
    ticket = await stage.city.answer("c-1", "1001")
    box, proposals = page.locator("[data-test=answers]"), page.locator("[data-test=proposal]")
    await expect(box).to_be_hidden()
    stage.city.partial("c-1", "u-0", "你好，我想问一下，夜间施工可以投诉吗")
    await expect(proposals.first).to_contain_text("夜间施工噪声")
    await stage.city.say("c-1", "你好，我想问一下，夜间施工可以投诉吗，工地晚上施工太吵")
    await expect(proposals.first.locator("mark").first).to_contain_text("施工")
    # The first press only opens: nobody closes with what he has not seen.
    await page.locator("[name=contact_name]").click()
    await page.keyboard.press("Alt+k")
    steps = page.locator("[data-test=answer-steps]")
    await expect(steps.locator("li").first).to_contain_text("夜间施工噪声")
    for name in ("submit", "verdict", "transcript", "answers", "take-answer"):
        await expect(page.locator(f"[data-test={name}]")).to_be_in_viewport(ratio=1)
    await page.screenshot(path=str(tmp_path / f"answers-{lang}.png"))
    async with stage.services.database.read() as session:
        assert (await TicketRepository(session).get(ticket.id)).state == "draft"
    await page.keyboard.press("Alt+j")
    await page.keyboard.press("Alt+j")
    await expect(steps.locator("li").first).to_contain_text("夜间施工噪声")
    await page.keyboard.press("Alt+k")
    await expect(page.locator("[data-test=ticket-state]")).to_have_attribute("data-state", "closed")
    await expect(box).to_be_hidden()
    async with stage.services.database.read() as session:
        closed = await TicketRepository(session).get(ticket.id)
    assert closed.result.startswith("夜间施工噪声\n1. ") and closed.code == "S101"


async def test_a_slow_answer_to_an_earlier_question_takes_nothing_away(stage: Stage, page: Page) -> None:
    await article(stage, "夜间施工噪声", "夜间施工可以投诉吗")
    await sign_in(page, "wang", PASSWORD)
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")
    shown, answered = asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        """What was asked before a word was said is answered when the proposal stands there."""
        await shown.wait()
        await route.fulfill(json=[])
        answered.set()

    await page.route(re.compile(r"/knowledge\?saying=$"), late)
    await stage.city.arrive("c-1", "12345", "13800001111")
    async with page.expect_request(re.compile(r"/knowledge\?saying=$")):
        await stage.city.answer("c-1", "1001")
    stage.city.partial("c-1", "u-0", "你好，我想问一下，夜间施工可以投诉吗")
    proposal = page.locator("[data-test=proposal]").first
    await expect(proposal).to_contain_text("夜间施工噪声")
    async with page.expect_response(re.compile(r"/knowledge\?saying=$")):
        shown.set()
    await answered.wait()
    await page.wait_for_timeout(300)
    await expect(proposal).to_contain_text("夜间施工噪声")
    await page.unroute_all(behavior="wait")


async def test_what_did_not_help_goes_away_with_its_reason(stage: Stage, page: Page) -> None:
    await article(stage, "夜间施工噪声", "工地晚上施工太吵")
    await sign_in(page, "wang", PASSWORD)
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")
    await stage.city.arrive("c-1", "12345", "13800001111")
    await stage.city.answer("c-1", "1001")
    await stage.city.say("c-1", "工地晚上施工太吵")
    await page.locator("[data-test=proposal] > button").click()
    await page.locator("[data-test=unhelpful]").select_option("old")
    await expect(page.locator("[data-test=answers]")).to_be_hidden()
    services = stage.services
    knowledge = Knowledge(services.database, services.city, services.clock, services.tickets)
    assert [one.unhelpful for one in await knowledge.all()] == [1]
