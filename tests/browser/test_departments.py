"""Departments proposed on the call taker's form, in a real Chromium: with reasons, by click and key, never scrolled."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from core.city import Department
from tests.browser.conftest import Floor, Opened
from tests.desk_fakes import CITY, FIRE, NOISE, Stage
from ticketing.repository import TicketRepository
from ticketing.tables import Ticket

pytestmark = pytest.mark.browser
ASSIST = ("urban", "market", "housing")
#: Long names, three departments that assist, and an emergency with its first questions.
FIRES = CITY.taxonomy[0].model_copy(update={
    "categories": tuple(
        one.model_copy(update={"assist": ASSIST, "department": ("fire", "medical")[at]})
        for at, one in enumerate(CITY.taxonomy[0].categories)
    ),
})  # fmt: skip
WIDE = CITY.model_copy(update={
    "departments": (
        *CITY.departments,
        Department(id="housing", name="住房和城乡建设局", name_en="Housing and urban-rural development", kind="bureau"),
        Department(id="market", name="市场监督管理局", name_en="Market supervision", kind="bureau"),
    ),
    "taxonomy": (FIRES, CITY.taxonomy[1]),
})  # fmt: skip
BLAZE = replace(FIRE, assist=ASSIST, reasons=FIRE.reasons * 3)
FITS = """() => [...document.querySelectorAll('.fields, .column.case, html')]
  .filter((one) => one.scrollHeight > one.clientHeight + 1).map((one) => one.className)"""


async def _look(page: Page, name: str) -> None:
    """A picture for people, where a folder for pictures is named."""
    if folder := os.environ.get("HEYI_PICTURES"):
        await page.screenshot(path=Path(folder) / f"departments-{name}.png")


async def _ticket(stage: Stage) -> Ticket:
    async with stage.services.database.read() as session:
        found = await TicketRepository(session).by_call("c-1")
    assert found
    return found


async def _saved(page: Page) -> None:
    await expect(page.locator("#saved")).to_have_text("已保存")


async def test_two_departments_stand_with_their_reasons_and_one_key_takes_the_next(floor: Floor, stage: Stage) -> None:
    page = await floor.open()
    await floor.talks(page, line="12345")
    await floor.city.judge("c-1", NOISE)
    chips = page.locator("[data-test=departments] button")
    await expect(chips).to_have_text(["城市管理局", "话务中心"])
    await expect(chips.nth(0)).to_have_attribute("aria-pressed", "true")
    await expect(chips.nth(0)).to_have_accessible_description("城市管理局；类别对应 · 施工噪声")
    await expect(chips.nth(1)).to_have_accessible_description("话务中心；来话热线 12345")

    await page.locator("[name=summary]").focus()
    await page.keyboard.press("Alt+m")
    await expect(page.locator("[name=department]")).to_have_value("centre")
    await _saved(page)
    assert (await _ticket(stage)).department == "centre"
    await expect(chips.nth(1)).to_have_attribute("aria-pressed", "true")
    await chips.nth(0).click()
    await expect(page.locator("[name=department]")).to_have_value("urban")
    await page.keyboard.press("F1")
    await expect(page.locator("#help-keys")).to_contain_text("Alt+M换下一个推荐部门")


async def test_departments_that_assist_are_added_and_left_out_by_their_chips(floor: Floor, stage: Stage) -> None:
    page = await floor.open()
    await floor.talks(page)
    await floor.city.judge("c-1", FIRE)
    chip = page.locator("[data-test=departments] [data-part=assist]")
    await expect(chip).to_have_text(["+ 急救中心"])
    await expect(chip).to_have_accessible_name("协办 急救中心")
    await expect(chip).to_have_attribute("aria-pressed", "true")
    await chip.focus()
    await page.keyboard.press("Space")
    await expect(chip).to_have_attribute("aria-pressed", "false")
    await _saved(page)
    assert (await _ticket(stage)).assist == []
    # Triage does not put back what a person left out; he does.
    await floor.city.judge("c-1", replace(FIRE, phone="13800009999"))
    await expect(page.locator("[name=contact_phone]")).to_have_value("13800009999")
    await expect(chip).to_have_attribute("aria-pressed", "false")
    await expect(chip).to_be_focused()
    await page.keyboard.press("Space")
    await expect(chip).to_have_attribute("aria-pressed", "true")
    await _saved(page)
    assert (await _ticket(stage)).assist == ["medical"]


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_chips_of_long_names_fit_into_the_form_in_big_type_too(
    opened: Opened, stage: Stage, language: str
) -> None:
    stage.services.tickets.city = WIDE
    floor = await opened(WIDE)
    page = await floor.open(path=f"/desk?lang={language}")
    await floor.talks(page)
    await floor.city.say("c-1", "我们小区楼下的商店着火了，火从二楼窗户出来了，楼上还有老人和小孩下不来")
    await floor.city.judge("c-1", BLAZE)
    await expect(page.locator("[data-test=departments] button")).to_have_count(5)
    await _look(page, language)
    assert await page.evaluate(FITS) == []
    await page.evaluate("document.documentElement.dataset.type = 'big'")
    await _look(page, f"{language}-big")
    assert await page.evaluate(FITS) == []
