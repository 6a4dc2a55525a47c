"""The form of the counter in a real Chromium: what is open for the visitor's number stands beside it."""

import pytest
from playwright.async_api import Page, expect

from tests.chromium import sign_in
from tests.desk_fakes import PASSWORD, Stage
from ticketing.doors.intake import Said

pytestmark = pytest.mark.browser


async def test_open_tickets_of_a_visitor_appear_while_the_number_is_typed(stage: Stage, page: Page) -> None:
    """Signalen/frontend#122: open cases of the same person are not shown while a new one is entered."""
    said = Said(text="路灯坏了三天，晚上很黑", name="陈女士", phone="13800138000")
    taken = await stage.services.doors.intake.take_in("walkin", said)
    await sign_in(page, "wang", PASSWORD, path="/walkin")
    earlier = page.locator("[data-test=earlier]")
    await page.fill("[name=text]", "还是那盏路灯")
    await page.locator("[name=phone]").press_sequentially("138 0013 8000")
    await expect(earlier).to_contain_text("未结工单 1 件")
    await expect(earlier.locator("a")).to_have_attribute("href", f"/tickets/{taken.number}")
    await page.fill("[name=phone]", "13900139000")
    await expect(earlier).to_be_hidden()
    await expect(page.locator("[name=text]")).to_have_value("还是那盏路灯")
