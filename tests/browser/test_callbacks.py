"""A person's callback in a real Chromium: one click claims and dials, the form says what came of it."""

from dataclasses import replace
from datetime import time, timedelta
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from core.city_callbacks import CallbackRule
from desk.access.users import Users
from tests.chromium import sign_in
from tests.desk_fakes import PASSWORD, Stage
from tests.eventually import until
from ticketing.repository import TicketRepository
from ticketing.tables import Ticket

pytestmark = pytest.mark.browser


async def reported(stage: Stage, call_id: str, caller: str) -> Ticket:
    tickets, people = stage.services.tickets, Users(stage.services.database)
    tickets.policy = replace(
        tickets.policy, rules=(CallbackRule(key="all", name="人工回访", by=("person",)),), first_delay=timedelta(0),
        quiet_from=time(0), quiet_to=time(0),
    )  # fmt: skip
    await stage.city.arrive(call_id, "12345", caller)
    ticket = await stage.city.answer(call_id, "1001")
    wang, urban = await people.get("wang"), await people.get("urban")
    assert wang is not None and urban is not None
    await tickets.submit(ticket.id, wang.actor(), {"code": "S101", "summary": "工地晚上施工太吵"})
    await tickets.accept(ticket.id, urban.actor())
    return await tickets.report(ticket.id, urban.actor(), "已责令停工")


async def test_one_click_dials_and_the_form_ends_it(stage: Stage, page: Page, tmp_path: Path) -> None:
    ticket = await reported(stage, "c-1", "13800001111")
    other = await reported(stage, "c-2", "13800002222")
    await sign_in(page, "he", PASSWORD, path="/callbacks")
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")
    await page.evaluate(
        """() => {
          window.asked = [];
          new BroadcastChannel("heyi-dial").addEventListener("message", ({ data }) => window.asked.push(data.number));
        }"""
    )
    await expect(page.locator("[data-test=due-callback]")).to_have_count(2)
    await page.locator("[data-test=begin]").first.click()
    form = page.locator("[data-test=result-form]")
    await expect(form).to_be_visible()
    # What one tab tells another comes a moment later.
    await until(partial(page.evaluate, "window.asked.length"), "a number is asked for")
    assert await page.evaluate("window.asked") == ["13800001111"]
    await form.locator("[data-test=outcome]").select_option("unsatisfied")
    await form.locator("[data-test=solved]").select_option("no")
    await form.locator("textarea").fill("晚上十一点还在打桩")
    await page.screenshot(path=str(tmp_path / "callbacks.png"))
    await form.locator("[data-test=save-result]").click()
    await expect(page.locator("#notice")).to_contain_text("请选择不满意的原因")
    await form.locator("[data-test=reason]").select_option("undone")
    await form.locator("[data-test=save-result]").click()
    await expect(form).to_have_count(0)
    await expect(page.locator("[data-test=due-callback]")).to_have_count(1)
    async with stage.services.database.read() as session:
        found = await TicketRepository(session).get(ticket.id)
    assert (found.state, found.reopened) == ("handling", 1)
    await page.goto(f"/tickets/{ticket.number}/callbacks")
    await expect(page.locator("[data-test=history]")).to_contain_text("晚上十一点还在打桩")
    await page.locator("[data-test=handler]").fill("城管局副局长")
    await page.locator("[data-test=set-handler]").click()
    await expect(page.locator("[data-test=handlers]")).to_contain_text("城管局副局长")
    await page.screenshot(path=str(tmp_path / "history.png"))
    await page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/callbacks", f"/tickets/{other.number}/callbacks"):
        await page.goto(path)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
