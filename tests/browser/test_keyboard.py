"""The call taker's page by keyboard alone: every control in reading order, the focus seen, dialogs that keep it and
give it back; times that are the city's wherever the browser is; and how a person likes the pages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, expect

from desk.app import create_app
from desk.server import DeskServer, bundle_ready
from tests.browser.conftest import SCREEN, UNBUILT
from tests.chromium import chromium, sign_in
from tests.desk_fakes import NOISE, PASSWORD, Stage
from tests.eventually import PATIENCE_MS

pytestmark = pytest.mark.browser

#: The controls in the order of the page, each with a number; ``seen`` says how its focus looks.
CONTROLS = """() => {
  const shown = (node) => node.checkVisibility({ checkVisibilityCSS: true }) && node.getClientRects().length > 0;
  const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")]
    .filter((node) => shown(node) && !node.disabled && node.tabIndex >= 0);
  window.controls = all;
  return all.map((node) => `${node.tagName} ${node.id || node.name || node.textContent.trim().slice(0, 20)}`);
}"""
FOCUSED = """() => {
  const node = document.activeElement;
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(node);
  const columns = [...document.querySelectorAll(".column")];
  const column = 1 + columns.findIndex((one) => one.contains(node));
  return {
    number: window.controls.indexOf(node), column,
    seen: (outlineStyle !== "none" && parseFloat(outlineWidth) >= 2) || boxShadow !== "none",
  };
}"""


async def talking(stage: Stage) -> None:
    """Desk 1001 has an earlier call of this caller and talks with him now."""
    city = stage.city
    await city.become("1001", "ready")
    await city.arrive("c-0", "12345", "13800001234")
    await city.answer("c-0", "1001")
    await city.judge("c-0", NOISE)
    await city.end("c-0")
    await city.arrive("c-1", "12345", "13800001234")
    await city.ring("c-1", "1001")
    await city.answer("c-1", "1001")
    await city.say("c-1", "工地半夜还在施工")
    await city.judge("c-1", NOISE)


async def open_desk(browser: Browser, port: int, **context: str) -> Page:
    made = await browser.new_context(base_url=f"http://127.0.0.1:{port}", viewport=SCREEN, **context)  # type: ignore[arg-type]
    page = await made.new_page()
    page.set_default_timeout(PATIENCE_MS)
    await sign_in(page, "wang", PASSWORD)
    await expect(page.locator("[data-test=ticket-form]")).to_be_visible()
    # What comes last: who rang before, and the departments that are proposed.
    await expect(page.locator("#history .past").first).to_be_visible()
    await expect(page.locator("#departments button").first).to_be_visible()
    return page


@asynccontextmanager
async def served(stage: Stage) -> AsyncIterator[int]:
    """The port of a desk over ``stage``."""
    server = DeskServer(create_app(stage.services), "127.0.0.1", 0)
    await server.start()
    try:
        yield server.port
    finally:
        await server.stop()


async def test_tab_reaches_every_control_in_reading_order(stage: Stage) -> None:
    assert bundle_ready(), UNBUILT
    await talking(stage)
    async with served(stage) as port, chromium() as browser:
        page = await open_desk(browser, port)
        names = await page.evaluate(CONTROLS)
        assert len(names) > 25
        await page.evaluate("document.activeElement.blur(); window.getSelection().removeAllRanges()")
        reached = []
        # Chromium stops at what scrolls, too, which is no control.
        for _ in range(len(names) + 10):
            await page.keyboard.press("Tab")
            if (stop := await page.evaluate(FOCUSED))["number"] >= 0:
                reached.append(stop)
            if len(reached) == len(names):
                break
        assert [names[one["number"]] for one in reached] == names
        assert [one["column"] for one in reached] == sorted(one["column"] for one in reached)
        assert [names[one["number"]] for one in reached if not one["seen"]] == []

        await page.locator("[data-test=to-content]").focus()
        await expect(page.locator("[data-test=to-content]")).to_be_in_viewport(ratio=1)
        await page.keyboard.press("Enter")
        # The browser goes there with the next frame.
        await expect(page.locator("#content")).to_be_focused()
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.closest('.column.phone') !== null"), "past the bar"

        await page.locator("#help").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#help-dialog")).to_be_visible()
        for _ in range(4):
            await page.keyboard.press("Tab")
            # The browser's own bar is the only other stop.
            assert await page.evaluate("['DIALOG', 'BODY'].includes(document.activeElement.tagName) || "
                                       "document.activeElement.closest('#help-dialog') !== null")  # fmt: skip
        await page.keyboard.press("Escape")
        await expect(page.locator("#help-dialog")).to_be_hidden()
        await expect(page.locator("#help")).to_be_focused()

        await page.locator("[data-test=me] summary").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("[data-test=account]")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator("[data-test=account]")).to_be_hidden()
        await expect(page.locator("[data-test=me] summary")).to_be_focused()


async def test_times_are_the_citys_wherever_the_browser_is(stage: Stage) -> None:
    assert bundle_ready(), UNBUILT
    began = stage.clock.now()
    await talking(stage)
    ended = stage.clock.now()
    told = []
    async with served(stage) as port, chromium() as browser:
        for zone in ("Asia/Shanghai", "America/New_York"):
            page = await open_desk(browser, port, timezone_id=zone)
            history = await page.locator("#history").inner_text()
            await page.goto(f"/tickets/{await page.locator('#ticket-number').inner_text()}")
            told.append((history, await page.locator(".timeline").inner_text()))
    assert told[0] == told[1]
    # An hour may just have ended.
    hours = {f"{at.astimezone(stage.services.reviews.zone):%m-%d %H}:" for at in (began, ended)}
    assert any(hour in told[0][0] for hour in hours), (hours, told[0][0])


async def test_a_look_is_chosen_without_a_reload_and_kept(page: Page) -> None:
    await sign_in(page, "wang", PASSWORD, path="/account")
    paper = "getComputedStyle(document.documentElement).getPropertyValue('--paper').trim()"
    size = "parseFloat(getComputedStyle(document.documentElement).fontSize)"
    light, usual = await page.evaluate(paper), await page.evaluate(size)
    await page.evaluate("window.same = true")
    await page.click("[data-test=me] summary")
    await page.click("[data-wish=look][data-value=dark]")
    assert await page.evaluate(paper) != light
    await page.click("[data-wish=letters][data-value=big]")
    assert await page.evaluate(size) == usual * 1.25
    assert await page.evaluate("window.same")
    # The next page comes as it is to be: without its scripts, too. Paper stays white.
    await page.route("**/*.js*", lambda route: route.abort())
    await page.goto("/calls")
    assert await page.evaluate(paper) != light and await page.evaluate(size) == usual * 1.25
    await page.emulate_media(media="print")
    assert await page.evaluate(paper) == light
    await page.emulate_media(media="screen", color_scheme="dark")
    await page.goto("/login?look=light&letters=usual")
    assert await page.evaluate(paper) == light and await page.evaluate(size) == usual
    await page.goto("/login?look=auto")
    assert await page.evaluate(paper) != light, "as the system has it"
