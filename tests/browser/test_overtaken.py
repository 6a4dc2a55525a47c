"""The call taker's page where answers of the server come late, out of order, or after what happened since."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from playwright.async_api import Page, Request, Route, expect

from desk.access.users import Users
from tests.browser.conftest import CALLER, Floor, stand_still
from tests.browser.test_desk_page import open_desk
from tests.browser.test_dispatch import BRIGADE, burning
from tests.chromium import sign_in
from tests.desk_fakes import FIRE, NOISE, PASSWORD, Stage
from tests.eventually import PATIENCE_S, until
from ticketing.repository import TicketRepository
from ticketing.tables import Ticket

pytestmark = pytest.mark.browser

#: Every stream that the page opens, so that a test can say on it what the server says in such a case.
STREAMS = """
window.streams = [];
window.EventSource = class extends EventSource {
  constructor(...rest) {
    super(...rest);
    window.streams.push(this);
  }
};
"""

#: What other tabs tell this page comes late: when the test calls ``late()``.
DEAF = """
const hear = BroadcastChannel.prototype.addEventListener;
const told = [];
BroadcastChannel.prototype.addEventListener = function (name, handle) {
  hear.call(this, name, (event) => told.push(() => handle(event)));
};
window.late = () => told.splice(0).forEach((run) => run());
"""


class Held:
    """Questions of one kind to the server; ``asked`` is set with the first."""

    def __init__(self) -> None:
        self.asked, self.go = asyncio.Event(), asyncio.Event()
        self.count = 0


@asynccontextmanager
async def held(page: Page, address: str | re.Pattern[str], *, answered_first: bool) -> AsyncIterator[Held]:
    """
    The first question to this address is held up until ``go``: its answer, which was given at once
    (``answered_first``), or the question itself, which the server hears only then.
    """
    made = Held()

    async def slowly(route: Route) -> None:
        made.count += 1
        if made.count > 1:
            await route.continue_()
            return
        answer = await route.fetch() if answered_first else None
        made.asked.set()
        await made.go.wait()
        if answer is None:
            await route.continue_()
        else:
            await route.fulfill(response=answer)

    await page.route(address, slowly)
    yield made
    await page.unroute(address, slowly)


async def ticket_of(stage: Stage, ticket: Ticket) -> Ticket:
    async with stage.services.database.read() as session:
        return await TicketRepository(session).get(ticket.id)


async def test_what_happens_while_the_page_loads_everything_afresh_is_not_lost(stage: Stage, page: Page) -> None:
    """asterisk#1006: a state that no screen shows."""
    await page.add_init_script(STREAMS)
    await open_desk(page)
    await stage.city.become("1001", "ready")
    state = page.locator("[data-test=agent-state]")
    await expect(state).to_have_attribute("data-state", "ready")
    async with held(page, "**/api/state", answered_first=True) as loading:
        await page.evaluate("streams[0].dispatchEvent(new MessageEvent('reset', { data: '{}' }))")
        await asyncio.wait_for(loading.asked.wait(), PATIENCE_S)
        await stage.city.become("1001", "paused", "用餐")
        await stage.city.arrive("w-1", "120", "13900000000")
        await asyncio.sleep(0.5)  # time for the events; whether they are lost shows below
        loading.go.set()
        await expect(state).to_have_attribute("data-state", "paused")
    await expect(page.locator("#waiting")).to_contain_text("紧急等待 1")


async def test_everything_is_loaded_afresh_although_the_server_fails_the_first_time(stage: Stage, page: Page) -> None:
    await page.add_init_script(STREAMS)
    await open_desk(page)
    failed = 0

    async def fail(route: Route) -> None:
        nonlocal failed
        failed += 1
        if failed == 1:
            await route.fulfill(status=500, body="")
        else:
            await route.continue_()

    await page.route("**/api/state", fail)
    # Of this nobody is told: only who asks knows it.
    stage.city.states["1001"] = replace(stage.city.states["1001"], state="paused", reason="培训")
    await page.evaluate("streams[0].dispatchEvent(new MessageEvent('reset', { data: '{}' }))")
    await expect(page.locator("[data-test=agent-state]")).to_contain_text("培训")
    assert failed == 2


async def test_an_earlier_verdict_that_comes_late_does_not_replace_a_newer_one(stage: Stage, page: Page) -> None:
    city = stage.city
    await city.arrive("c-1", "119", CALLER)
    await city.answer("c-1", "1001")
    await open_desk(page)
    verdict = page.locator("[data-test=verdict]")
    async with held(page, "**/api/calls/c-1/verdict", answered_first=True) as asking:
        await city.judge("c-1", NOISE)
        await asyncio.wait_for(asking.asked.wait(), PATIENCE_S)
        await city.judge("c-1", FIRE)
        await expect(verdict).to_have_attribute("data-outcome", "emergency")
        async with page.expect_response("**/api/calls/c-1/verdict"):
            asking.go.set()
        await page.evaluate("new Promise((resolve) => setTimeout(resolve, 300))")
        await expect(verdict).to_have_attribute("data-outcome", "emergency")


async def test_words_typed_in_the_moment_in_which_another_call_comes_are_saved_with_their_ticket(
    stage: Stage, page: Page
) -> None:
    city = stage.city
    await city.arrive("c-1", "12345", CALLER)
    first = await city.answer("c-1", "1001")
    await page.clock.install()
    await open_desk(page)
    # The page saves half a second after the last key: not before the other call is there.
    await stand_still(page)
    await page.fill("[name=contact_name]", "黄先生")
    await city.end("c-1")
    await city.arrive("c-2", "12345", "13800001235")
    second = await city.answer("c-2", "1001")
    await expect(page.locator("[data-test=ticket-number]")).to_have_text(second.number)
    await expect(page.locator("[name=contact_name]")).to_have_value("")

    async def saved() -> bool:
        return (await ticket_of(stage, first)).contact_name == "黄先生"

    await until(saved, "what was typed last is in its ticket")
    assert (await ticket_of(stage, second)).contact_name == ""


async def test_what_was_submitted_is_the_ticket_that_was_seen(stage: Stage, page: Page) -> None:
    """A save is still on its way when the ticket is submitted, and another call comes meanwhile."""
    city = stage.city
    await city.arrive("c-1", "119", CALLER)
    first = await city.answer("c-1", "1001")
    await city.judge("c-1", FIRE)
    await open_desk(page)
    await expect(page.locator("[name=code]")).to_have_value("E101")
    async with held(page, f"**/api/tickets/{first.id}", answered_first=False) as saving:
        await page.fill("[name=contact_name]", "黄先生")
        await asyncio.wait_for(saving.asked.wait(), PATIENCE_S)
        await page.keyboard.press("Control+Enter")
        await city.end("c-1")
        await city.arrive("c-2", "119", "13800001235")
        second = await city.answer("c-2", "1001")
        await city.judge("c-2", FIRE)
        await expect(page.locator("[data-test=ticket-number]")).to_have_text(second.number)
        saving.go.set()

        async def submitted() -> bool:
            return (await ticket_of(stage, first)).state != "draft"

        await until(submitted, "the first ticket is submitted")
    assert (await ticket_of(stage, first)).contact_name == "黄先生"
    assert (await ticket_of(stage, second)).state == "draft"


async def test_a_newer_ticket_does_not_take_away_what_is_being_saved(stage: Stage, page: Page) -> None:
    city = stage.city
    await city.arrive("c-1", "119", CALLER)
    ticket = await city.answer("c-1", "1001")
    await open_desk(page)
    place = page.locator("[name=place]")

    def posted(request: Request) -> bool:
        return request.method == "POST" and request.url.endswith(f"/api/tickets/{ticket.id}")

    done, go = asyncio.Event(), asyncio.Event()

    async def slowly(route: Route) -> None:
        if posted(route.request):
            done.set()
            await go.wait()
        await route.continue_()

    await page.route(f"**/api/tickets/{ticket.id}", slowly)
    await place.fill("梅岭街道竹园社区")
    await asyncio.wait_for(done.wait(), PATIENCE_S)
    await page.locator("[name=contact_name]").focus()
    # The verdict fills the rest, also a place, of which nobody has told the server yet that a person has typed it.
    await city.judge("c-1", FIRE)
    await expect(page.locator("[name=code]")).to_have_value("E101")
    await expect(place).to_have_value("梅岭街道竹园社区")
    go.set()
    await expect(page.locator("#saved")).to_have_text("已保存")
    await expect(place).to_have_value("梅岭街道竹园社区")
    assert (await ticket_of(stage, ticket)).place == "梅岭街道竹园社区"


async def test_a_tab_with_the_telephone_that_is_slow_to_answer_is_no_tab_that_is_not_there(floor: Floor) -> None:
    page = await floor.open(script=DEAF)
    await floor.city.arrive("c-0", "12345", CALLER)
    ticket = await floor.city.answer("c-0", "1001")
    await floor.city.end("c-0")
    await expect(page.locator("[data-test=ticket-form]")).to_be_visible()
    other = await floor.context.new_page()
    await other.goto(f"/tickets/{ticket.number}")
    await other.locator(f"[data-dial='{CALLER}']").first.click()
    await expect(other.locator("#notice")).to_contain_text("请先打开坐席页")
    await page.evaluate("late()")
    await until(floor.exchange.dialled, "the tab with the telephone dials")
    await expect(other.locator("#notice")).to_be_hidden()


async def test_a_page_that_could_not_be_drawn_anew_is_drawn_as_soon_as_it_can(stage: Stage, page: Page) -> None:
    await open_desk(page, "urban")
    failed = asyncio.Event()

    async def fail(route: Route) -> None:
        if failed.is_set():
            await route.continue_()
        else:
            failed.set()
            await route.abort("connectionreset")

    await page.route(re.compile(r"[?&]part=1"), fail)
    await stage.city.arrive("c-1", "12345", CALLER)
    ticket = await stage.city.answer("c-1", "1001")
    await stage.city.judge("c-1", NOISE)
    user = await Users(stage.services.database).get("wang")
    assert user is not None
    await stage.services.tickets.submit(ticket.id, user.actor())
    await asyncio.wait_for(failed.wait(), PATIENCE_S)
    await expect(page.locator(f"[data-number='{ticket.number}']")).to_be_visible()


async def test_a_tick_of_the_plan_is_not_taken_back_by_what_was_read_before_it(stage: Stage, page: Page) -> None:
    ticket = await burning(stage)
    await sign_in(page, "lin", PASSWORD, path=f"/tickets/{ticket.number}")
    panel = page.locator("[data-test=dispatch]")
    summary = panel.locator("[data-test=plan] summary")
    await expect(summary).to_contain_text("0/2")
    async with held(page, f"**/tickets/{ticket.number}/dispatch", answered_first=True) as reading:
        await stage.services.dispatch.act("e2", "stand_down", BRIGADE, "加油")
        await asyncio.wait_for(reading.asked.wait(), PATIENCE_S)
        await panel.locator("[data-test=tick]").first.check()
        await expect(summary).to_contain_text("1/2")
        async with page.expect_response(f"**/tickets/{ticket.number}/dispatch"):
            reading.go.set()
        await page.wait_for_timeout(300)
        await expect(summary).to_contain_text("1/2")
    await expect(panel.locator("[data-test=tick]").first).to_be_checked()
