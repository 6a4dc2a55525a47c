"""The panel 调派 in a real Chromium: one key opens it beside the call, the next sends, and it follows the units."""

import pytest
from playwright.async_api import Page, expect

from tests.chromium import sign_in
from tests.desk_fakes import FIRE, PASSWORD, Stage
from ticketing.actor import Actor
from ticketing.tables import Ticket

pytestmark = pytest.mark.browser
BRIGADE = Actor("fire", "department", department="fire")


async def burning(stage: Stage) -> Ticket:
    await stage.city.become("1001", "ready")
    await stage.city.arrive("c-1", "119", "13800001234")
    ticket = await stage.city.answer("c-1", "1001")
    await stage.city.judge("c-1", FIRE)
    await stage.services.tickets.prefill("c-1", FIRE)
    return ticket


async def test_two_keys_send_what_is_proposed_while_the_call_goes_on(stage: Stage, page: Page) -> None:
    await burning(stage)
    await sign_in(page, "wang", PASSWORD, path="/desk")
    await expect(page.locator("[data-test=ticket-form]")).to_be_visible()
    await page.keyboard.press("Alt+d")
    box = page.locator("[data-test=dispatch-dialog]")
    await expect(box.locator("[data-test=candidate]")).not_to_have_count(0)
    await expect(box.locator("[data-unit=e1] input")).to_be_checked()
    await page.keyboard.press("Alt+d")
    await expect(box.locator("[data-order=e1]")).to_be_visible()
    await expect(page.locator("[data-test=ticket-state]")).to_have_text("派警")
    # What a person types stays while the units move.
    await box.locator("#send-note").fill("从南门进")
    await stage.services.dispatch.act("e1", "depart", BRIGADE)
    await expect(box.locator("[data-order=e1] + tr [data-test=arrive]")).to_be_visible()
    await expect(box.locator("[data-order=e1] + tr [data-test=depart]")).to_have_count(0)
    await expect(box.locator("#send-note")).to_have_value("从南门进")
    await expect(page.locator("[data-test=ticket-state]")).to_have_text("出动")
    await page.keyboard.press("Escape")
    await expect(box).to_be_hidden()


async def test_the_tickets_page_follows_the_units_and_ticks_the_plan(stage: Stage, page: Page) -> None:
    ticket = await burning(stage)
    await sign_in(page, "lin", PASSWORD, path=f"/tickets/{ticket.number}")
    panel = page.locator("[data-test=dispatch]")
    await expect(panel.locator("[data-unit=e1] input")).to_be_checked()
    # A choice made by hand is not undone when a unit elsewhere moves.
    await panel.locator("[data-unit=e3] input").check()
    await stage.services.dispatch.locate("e2", 118.55, 24.801, BRIGADE)
    await stage.services.dispatch.act("e2", "stand_down", BRIGADE, "加油")
    await expect(panel.locator("[data-unit=e2]")).to_have_count(0)
    await expect(panel.locator("[data-unit=e3] input")).to_be_checked()
    await panel.locator("[data-test=tick]").first.check()
    await expect(panel.locator("[data-test=plan] summary")).to_contain_text("1/2")
    await expect(panel.locator("[data-test=plan] li").first).to_contain_text("林主任")
    await page.keyboard.press("Alt+d")
    await expect(panel.locator("[data-order=e3]")).to_be_visible()
    await panel.locator("[data-order=e3] + tr [data-test=recall-open]").click()
    await panel.locator("[data-order=e3] + tr [data-test=recall-reason]").fill("误派")
    await panel.locator("[data-order=e3] + tr [data-test=recall]").click()
    await expect(panel.locator("[data-order=e3]")).to_contain_text("已召回")
    await expect(panel.locator("[data-order=e3]")).to_contain_text("误派")


async def test_the_page_of_units_moves_a_unit_from_state_to_state(stage: Stage, page: Page) -> None:
    ticket = await burning(stage)
    await sign_in(page, "lin", PASSWORD, path="/units")
    await expect(page.locator("[data-group=idle] [data-unit=e1]")).to_be_visible()
    await stage.services.dispatch.send(ticket.id, ["e1"], Actor("wang", "agent"))
    row = page.locator("[data-group=assigned] [data-unit=e1]")
    await expect(row).to_contain_text(ticket.number)
    await row.locator("[data-test=depart]").click()
    await expect(page.locator("[data-group=enroute] [data-unit=e1]")).to_be_visible()
