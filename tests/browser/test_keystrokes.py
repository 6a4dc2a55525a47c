"""Typical service calls, from the ring to the next ready: at most six keys, nothing typed, every one counted."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import CALLER, Floor
from tests.browser.fake_exchange import Ring
from tests.browser.test_incidents import _wang
from tests.browser.test_knowledge import article
from tests.desk_fakes import NOISE, Stage
from ticketing.repository import TicketRepository
from ticketing.tables import Ticket
from triage.incidents.rarity import seed_rarity
from triage.verdict import Fact, Facts, Place

pytestmark = pytest.mark.browser
MOST = 6
#: Every key that goes down counts, Ctrl and Alt by themselves, too; and so would a click.
COUNT = """
window.pressed = [];
addEventListener('keydown', (event) => window.pressed.push(event.key), true);
addEventListener('pointerdown', () => window.pressed.push('click'), true);
"""
AT_HOME = replace(
    NOISE,
    places=(Place(canonical="池店镇华洲村", town="池店镇", community="华洲村", mention="华洲村", score=0.98),),
    facts=Facts(items=(Fact(kind="name", value="蒲", words="我姓蒲", utterance_id="c-1-1"),)),
)


async def ready(floor: Floor) -> Page:
    page = await floor.open(script=COUNT)
    await floor.city.become("1001", "ready")
    await expect(page.locator("[data-test=agent-state]")).to_have_attribute("data-state", "ready")
    return page


async def ringing(floor: Floor, page: Page, call_id: str, caller: str = CALLER) -> Ring:
    ring = await floor.rings(call_id, "12345", caller)
    await expect(page.locator("[data-test=call-card]")).to_have_attribute("data-call-id", call_id)
    await expect(page.locator("[data-test=answer]")).to_be_visible()
    await page.evaluate("pressed.length = 0")
    return ring


async def press(page: Page, *keys: str) -> None:
    for key in keys:
        await page.keyboard.press(key)


async def answer(floor: Floor, page: Page, ring: Ring, call_id: str) -> Ticket:
    await press(page, "F2")
    await ring.answered.wait()
    ticket = await floor.city.answer(call_id, "1001")
    await expect(page.locator("[data-test=ticket-form]")).to_be_visible()
    return ticket


async def over(floor: Floor, page: Page, call_id: str) -> Sequence[str]:
    """The call ends, the desk is ready again; all that was pressed since the ring."""
    await floor.city.end(call_id)
    await expect(page.locator("[data-test=agent-state]")).to_have_attribute("data-state", "wrapup")
    await press(page, "F9")
    await expect(page.locator("[data-test=agent-state]")).to_have_attribute("data-state", "ready")
    keys: list[str] = await page.evaluate("pressed")
    assert "click" not in keys
    # Nothing is typed: keys of one character go with Alt alone.
    assert all(len(key) > 1 or "Alt" in keys for key in keys)
    return keys


async def stored(stage: Stage, ticket: Ticket) -> Ticket:
    async with stage.services.database.read() as session:
        return await TicketRepository(session).get(ticket.id)


async def test_a_complaint_is_heard_and_sent_to_its_department(stage: Stage, floor: Floor) -> None:
    page = await ready(floor)
    ring = await ringing(floor, page, "c-1")
    draft = await answer(floor, page, ring, "c-1")
    await floor.city.say("c-1", "华洲村的工地半夜还在施工，吵得睡不着")
    await floor.city.say("c-1", "我姓蒲")
    await floor.city.judge("c-1", AT_HOME)
    await expect(page.locator("[name=place]")).to_have_value("池店镇华洲村")
    await press(page, "Control+Enter")
    await expect(page.locator("[data-test=ticket-state]")).to_have_attribute("data-state", "dispatched")
    await press(page, "F4")
    await ring.over.wait()
    keys = await over(floor, page, "c-1")
    assert keys == ["F2", "Control", "Enter", "F4", "F9"]
    assert len(keys) <= MOST
    sent = await stored(stage, draft)
    assert (sent.state, sent.department, sent.code) == ("dispatched", "urban", "S101")
    assert (sent.place, sent.contact_name, sent.contact_phone) == ("池店镇华洲村", "蒲", CALLER)


async def test_a_question_is_answered_from_the_knowledge_base(stage: Stage, floor: Floor) -> None:
    seed_rarity()
    await article(stage, "夜间施工噪声", "工地晚上施工太吵", "夜间施工可以投诉吗")
    page = await ready(floor)
    ring = await ringing(floor, page, "c-1")
    draft = await answer(floor, page, ring, "c-1")
    await floor.city.say("c-1", "你好，我想问一下，夜间施工可以投诉吗，工地晚上施工太吵")
    await expect(page.locator("[data-test=proposal]").first).to_contain_text("夜间施工噪声")
    await page.keyboard.down("Alt")
    await press(page, "k")
    await expect(page.locator("[data-test=answer-steps]")).to_be_visible()
    # Read out to the caller; then it is what the ticket was closed with.
    await press(page, "k")
    await page.keyboard.up("Alt")
    await expect(page.locator("[data-test=ticket-state]")).to_have_attribute("data-state", "closed")
    await press(page, "F4")
    await ring.over.wait()
    keys = await over(floor, page, "c-1")
    assert keys == ["F2", "Alt", "k", "k", "F4", "F9"]
    assert len(keys) <= MOST
    assert (await stored(stage, draft)).state == "closed"


async def test_a_caller_who_rings_again_about_an_open_ticket(stage: Stage, floor: Floor) -> None:
    await floor.city.arrive("c-0", "12345", CALLER)
    first = await floor.city.answer("c-0", "1002")
    await floor.city.judge("c-0", AT_HOME)
    await stage.services.tickets.submit(first.id, (await _wang(stage)))
    await floor.city.end("c-0")
    page = await ready(floor)
    ring = await ringing(floor, page, "c-1")
    draft = await answer(floor, page, ring, "c-1")
    await expect(page.locator("[data-test=urge]")).to_be_visible()
    await expect(page.locator("#help-keys")).to_contain_text("Alt+U催办来电人的未结工单（首件）")
    await page.keyboard.down("Alt")
    await press(page, "u")
    await expect(page.locator("[data-test=urge]")).to_be_disabled()
    await press(page, "z")
    await page.keyboard.up("Alt")
    await expect(page.locator("#close-dialog")).to_be_visible()
    # 重复来电，已有在办工单
    await press(page, "5")
    await expect(page.locator("[data-test=ticket-state]")).to_have_attribute("data-state", "closed")
    # This caller hangs up first.
    keys = await over(floor, page, "c-1")
    assert keys == ["F2", "Alt", "u", "z", "5", "F9"]
    assert len(keys) <= MOST
    assert (await stored(stage, draft)).result == "重复来电，已有在办工单"
