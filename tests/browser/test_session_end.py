"""A session that ends on the server: the page leaves, but never in the middle of a call."""

from playwright.async_api import expect

from desk.access.users import Users
from tests.browser.conftest import Floor
from tests.desk_fakes import Stage


async def test_a_call_goes_on_when_its_desks_session_ends_and_the_page_leaves_after_it(
    stage: Stage, floor: Floor
) -> None:
    page = await floor.open()
    await floor.talks(page)
    await Users(stage.services.database).disable("wang", stage.clock.now())
    await expect(page.locator("#notice")).to_contain_text("本次通话可以继续")
    await expect(page.locator("[data-test=phone-state]")).to_have_attribute("data-state", "unregistered")
    assert "/desk" in page.url and (await page.evaluate("window.heyi.state()"))["talking"]
    await page.keyboard.press("F4")
    await page.wait_for_url("**/login**")
