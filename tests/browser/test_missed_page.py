"""The list of missed calls in a real Chromium: it changes by itself, and a person works it off."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.chromium import sign_in
from tests.desk_fakes import PASSWORD, Stage

pytestmark = pytest.mark.browser


async def miss(stage: Stage, call_id: str, line: str, caller: str) -> None:
    """An emergency counts at once; a service call would have to wait for three seconds."""
    await stage.city.exchange.waits(call_id, line, caller)
    await stage.city.exchange.end(call_id)
    await stage.city.recalls.settle(call_id)


async def open_page(page: Page, login: str, path: str = "/missed") -> None:
    await sign_in(page, login, PASSWORD, path=path)
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")


async def test_a_missed_call_appears_by_itself_and_is_worked_off(stage: Stage, page: Page) -> None:
    """qpanel#249: the calls themselves, as they come, with a way to deal with each."""
    await open_page(page, "wang")
    rows = page.locator("[data-test=missed]")
    await expect(rows).to_have_count(0)
    await miss(stage, "a-1", "119", "13800001234")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("13800001234")
    await page.click("[data-test=claim]")
    await expect(page.locator("[data-test=owner]")).to_have_text("王晓燕")
    await page.click("[data-test=call-back]")
    await expect(rows).to_contain_text("进行中")
    await stage.city.exchange.end(stage.city.exchange.dialled[0].call_id, "system")
    await stage.city.recalls.settle(stage.city.exchange.dialled[0].call_id)
    await expect(rows).to_contain_text("无人接听")
    await page.click("[data-test=close-open]")
    await page.fill("[data-test=missed] details[open] [data-test=reason]", "家属已另行联系")
    # What is being typed outlives the changes of others; the bar tells of them meanwhile.
    await miss(stage, "a-2", "120", "13900139000")
    await expect(page.locator("[data-test=nav-missed-count]")).to_have_text("2")
    await expect(page.locator("#part")).to_have_attribute("data-waits", re.compile("新变化"))
    await expect(page.locator("details[open] [data-test=reason]")).to_have_value("家属已另行联系")
    await page.click("details[open] [data-test=close]")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("13900139000")
    await expect(page.locator("[data-test=nav-missed-count]")).to_have_text("1")
    await page.click("[data-test=tab-done]")
    await expect(page.locator("[data-test=missed]")).to_contain_text("家属已另行联系")


async def test_a_mark_half_filled_in_is_not_touched_by_calls_that_come_and_go(stage: Stage, page: Page) -> None:
    """What is chosen and typed is what is saved: a word that an input method is still making, too."""
    await miss(stage, "a-1", "119", "13800001234")
    await open_page(page, "wang")
    await page.click("[data-test=mark-open]")
    box = page.locator("[data-test=missed] details[open]")
    await box.locator("select[name=kind]").select_option(index=1)
    kind = await box.locator("select[name=kind]").input_value()
    await box.locator("select[name=days]").select_option("90")
    why = box.locator("[data-test=mark-reason]")
    await why.click()
    typing = await page.context.new_cdp_session(page)
    await typing.send("Input.insertText", {"text": "反复"})
    await typing.send("Input.imeSetComposition", {"text": "huangbao", "selectionStart": 8, "selectionEnd": 8})
    await why.evaluate("(field) => { window.field = field; }")
    await miss(stage, "a-2", "120", "13900139000")
    await stage.city.arrive("z-1", "12345", "13911112222")
    await expect(page.locator("#part")).to_have_attribute("data-waits", re.compile("新变化"))
    assert await page.evaluate("window.field.isConnected && document.activeElement === window.field")
    await typing.send("Input.insertText", {"text": "谎报"})
    await expect(why).to_have_value("反复谎报")
    # Folded up, the new call appears; unfolded again, nothing of it is lost.
    await box.locator("summary").click()
    await expect(page.locator("[data-test=missed]")).to_have_count(2)
    item = page.locator("[data-test=missed]", has_text="13800001234")
    await item.locator("[data-test=mark-open]").click()
    await expect(item.locator("select[name=days]")).to_have_value("90")
    await expect(item.locator("[data-test=mark-reason]")).to_have_value("反复谎报")
    await item.locator("[data-test=mark]").click()
    await page.click("[data-test=tab-marks]")
    row = page.locator("[data-test=mark-row]")
    await expect(row).to_contain_text("反复谎报")
    (mark,) = await stage.city.marks.all()
    assert (mark.kind, round((mark.until - mark.at).total_seconds() / 86400)) == (kind, 90)


async def test_a_call_taker_learns_of_a_missed_emergency_on_any_page(stage: Stage, page: Page) -> None:
    await open_page(page, "wang", "/desk")
    count = page.locator("[data-test=nav-missed-count]")
    await expect(count).to_be_hidden()
    await miss(stage, "a-1", "119", "13800001234")
    await expect(count).to_have_text("1")
    await expect(page.locator("[data-test=nav-missed]")).to_have_class(re.compile("urgent"))
    await page.goto("/calls")
    await expect(count).to_have_text("1")
    await miss(stage, "a-2", "120", "13900139000")
    await expect(count).to_have_text("2")


async def test_the_queue_tells_who_waits_how_long_and_who_passed_him(stage: Stage, page: Page) -> None:
    await stage.city.standings.start()
    for call_id, number in (("w-1", "13900139000"), ("w-2", "13700137000")):
        await stage.city.exchange.waits(call_id, "12345", number)
    await stage.bus.drain()
    await open_page(page, "lin", "/missed?tab=queue")
    callers = page.locator("[data-test=waiting-caller]")
    await expect(callers.first.locator("[data-test=waits]")).to_have_text(re.compile(r"^0:\d\d$"))
    await expect(page.locator("[data-test=passed]")).to_have_count(0)
    await stage.city.standings.push("w-2", by="lin")
    await expect(callers.nth(1)).to_contain_text("13900139000")
    await expect(callers.nth(1).locator("[data-test=passed]")).to_have_text("位置后移：班长提前")


async def test_a_supervisor_pushes_and_marks(stage: Stage, page: Page) -> None:
    await stage.city.exchange.waits("w-1", "12345", "13900139000")
    await stage.city.exchange.waits("w-2", "12345", "13700137000")
    await open_page(page, "lin", "/missed")
    await page.click("[data-test=tab-queue]")
    second = page.locator("[data-test=waiting-caller]").nth(1)
    await second.locator("[data-test=push-open]").click()
    await second.locator("[data-test=reason]").fill("产妇")
    await second.locator("[data-test=push]").click()
    first = page.locator("[data-test=waiting-caller]").first
    await expect(first).to_contain_text("13700137000")
    await expect(first).to_contain_text("班长提前")
    await page.click("[data-test=tab-marks]")
    await page.click("[data-test=new-mark-open]")
    await page.fill("[data-test=mark-number]", "13900139000")
    await page.fill("[data-test=mark-reason]", "反复谎报")
    await page.click("[data-test=mark]")
    await expect(page.locator("[data-test=mark-row]")).to_contain_text("13900139000")
