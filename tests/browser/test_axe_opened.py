"""axe-core over what a key opens on the call taker's page and on the board; where the keyboard stands then."""

import asyncio

import pytest
from playwright.async_api import Page, expect

from tests.board_scene import noise
from tests.browser.conftest import Floor
from tests.browser.test_axe import AXE, BY_DAY, BY_NIGHT, LOOK
from tests.chromium import sign_in
from tests.desk_fakes import FIRE, PASSWORD, Stage

pytestmark = pytest.mark.browser


async def judged(page: Page) -> list[str]:
    """What is serious on the page as it now stands."""
    found: list[str] = []
    for look, run in (("light", BY_DAY), ("dark", BY_NIGHT)):
        await page.evaluate(LOOK, look)
        for broken in (await page.evaluate(run))["violations"]:
            if broken["impact"] in ("serious", "critical"):
                found += [f"{look}: {broken['id']} {node['html'][:160]}" for node in broken["nodes"]]
    await page.evaluate(LOOK, "light")
    return found


@pytest.mark.parametrize(
    ("key", "selector"),
    [("F6", "#transfer"), ("Alt+d", "#dispatch-dialog"), ("Alt+z", "#close-dialog"), ("F1", "#help-dialog")],
)
async def test_what_a_key_opens_has_nothing_serious_and_escape_closes_it(floor: Floor, key: str, selector: str) -> None:
    page = await floor.open()
    await floor.talks(page)
    await floor.city.judge("c-1", FIRE)
    await expect(page.locator("[data-test=departments] button")).to_have_count(2)
    await page.evaluate(await asyncio.to_thread(AXE.read_text, encoding="utf-8"))
    # The chips of departments among what stands there already.
    assert await judged(page) == []
    await page.keyboard.press(key)
    box = page.locator(selector)
    await expect(box).to_be_visible()
    if selector == "#dispatch-dialog":
        await expect(box.locator("input[type=checkbox]").first).to_be_visible()
    assert await judged(page) == []
    # The keyboard stands in it, or reaches it with the next Tab.
    if not await box.evaluate("(one) => one.contains(document.activeElement)"):
        await page.keyboard.press("Tab")
    assert await box.evaluate("(one) => one.contains(document.activeElement)")
    await page.keyboard.press("Escape")
    await expect(box).to_be_hidden()


async def test_the_palette_of_the_board_has_nothing_serious(page: Page, stage: Stage) -> None:
    waiting = await noise(stage)
    await sign_in(page, "lin", PASSWORD, path="/board")
    await page.locator(f"#ticket-{waiting.id}").click()
    await page.evaluate(await asyncio.to_thread(AXE.read_text, encoding="utf-8"))
    await page.keyboard.press("a")
    await expect(page.locator("[data-choice='department:urban']")).to_be_visible()
    assert await judged(page) == []
    await page.keyboard.press("Escape")
    await expect(page.locator("[data-test=palette]")).to_be_hidden()
