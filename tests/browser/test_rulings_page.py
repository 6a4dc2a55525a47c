"""A refusal in a real Chromium: one department gives it back, the arbiter decides, the other one accepts."""

from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from core.city import Person
from desk.access.users import Users
from tests.chromium import sign_in
from tests.desk_fakes import NOISE, PASSWORD, Stage
from tests.eventually import until
from ticketing.actor import Actor
from ticketing.repository import TicketRepository

pytestmark = pytest.mark.browser
WANG = Actor("wang", "agent", extension="1001")
PHONE = {"width": 390, "height": 844}
SCREEN = {"width": 1366, "height": 768}


async def sent(stage: Stage, call_id: str = "c-1") -> str:
    """A complaint of the city's urban management, with the fire brigade assisting; its number."""
    await stage.city.arrive(call_id, "12345", "13800001111")
    ticket = await stage.city.answer(call_id, "1001")
    await stage.city.judge(call_id, NOISE)
    tickets = stage.services.tickets
    fields = {"code": "S101", "department": "urban", "assist": ["fire"], "summary": "夜里烧烤摊占了消防通道"}
    await tickets.edit(ticket.id, fields, WANG)
    return (await tickets.submit(ticket.id, WANG)).number


async def fits(page: Page) -> None:
    """Nothing sticks out to the side, on a desk's screen and on a telephone."""
    for size in (PHONE, SCREEN):
        await page.set_viewport_size(size)  # type: ignore[arg-type]
        # Scripts follow a new window a frame later.
        narrow = partial(page.evaluate, "document.documentElement.scrollWidth <= window.innerWidth")
        await until(narrow, f"{page.url} fits {size}")


async def test_refused_ruled_and_accepted_elsewhere(stage: Stage, page: Page, tmp_path: Path) -> None:
    judge = Person(login="judge", name="督查员", role="arbiter", password=PASSWORD)
    await Users(stage.services.database).add(judge)
    number = await sent(stage)

    await sign_in(page, "urban", PASSWORD)
    row = page.locator(f"[data-test=ticket][data-number={number}]")
    await row.locator("[data-test=refuse-open]").click()
    await row.locator("[data-test=reason]").fill("消防通道归消防管")
    await row.locator("[data-test=suggested]").select_option("fire")
    await row.locator("[data-test=refuse]").click()
    await expect(row).to_have_count(0)

    await page.context.clear_cookies()
    await sign_in(page, "judge", PASSWORD)
    await expect(page).to_have_url("/rulings")
    waiting = page.locator(f"[data-test=waiting-refusal][data-number={number}]")
    await expect(waiting).to_contain_text("消防通道归消防管")
    await expect(waiting.locator("[data-test=matters]")).to_contain_text("城市管理局")
    await expect(waiting.locator("select[name=department]")).to_have_value("fire")
    await fits(page)
    await page.screenshot(path=str(tmp_path / "rulings.png"))
    await waiting.locator("[data-test=decide-why]").fill("占用消防通道由消防查处")
    await waiting.locator("[data-test=decide]").click()
    await expect(waiting).to_have_count(0)
    # What others do arrives by itself.
    async with stage.services.database.read() as session:
        ticket = await TicketRepository(session).by_number(number)
    assert ticket is not None
    assert (ticket.state, ticket.department) == ("dispatched", "fire")
    await stage.services.assignments.nudge(ticket.id, "urge", WANG, "来电人再次来电催问")
    await expect(page.locator("[data-test=nudge]")).to_contain_text("来电人再次来电催问")

    await page.context.clear_cookies()
    await sign_in(page, "lin", PASSWORD, path="/rulings")
    await expect(page.locator("[data-test=nudge]")).to_have_count(1)
    await fits(page)

    await page.context.clear_cookies()
    await sign_in(page, "fire", PASSWORD)
    await row.locator("[data-test=accept]").click()
    await expect(row).to_have_count(0)
    await page.goto(f"/tickets/{number}")
    await expect(page.locator("[data-test=part]")).to_have_count(3)
    await expect(page.locator("[data-test=part][data-state=accepted]")).to_contain_text("消防救援大队")
    await expect(page.locator("[data-test=part][data-state=refused]")).to_contain_text("消防通道归消防管")
    await page.locator("[data-test=answer-nudge-open]").click()
    await page.locator("[data-test=answer-nudge-why]").fill("十分钟后到场")
    await page.locator("[data-test=answer-nudge]").click()
    await expect(page.locator("[data-test=nudge]")).to_contain_text("十分钟后到场")
    await fits(page)
    await page.screenshot(path=str(tmp_path / "ticket.png"), full_page=True)


async def test_who_rings_again_is_an_urge_by_one_key(stage: Stage, page: Page) -> None:
    number = await sent(stage)
    await stage.city.end("c-1")
    await sign_in(page, "wang", PASSWORD)
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")
    await stage.city.arrive("c-2", "12345", "13800001111")
    await stage.city.answer("c-2", "1001")
    await expect(page.locator("#history [data-test=urge]")).to_have_count(1)
    await page.keyboard.press("Alt+u")
    await expect(page.locator("#history [data-test=urge]")).to_have_text("已催办")
    async with stage.services.database.read() as session:
        ticket = await TicketRepository(session).by_number(number)
        assert ticket is not None
        history = await TicketRepository(session).history(ticket.id)
    assert [(row.action, row.who) for row in history][-1] == ("urge", "wang")
