"""Names of the city in the transcript: what was heard, and what else it may have been, in a real Chromium."""

import pytest
from playwright.async_api import Page, expect

from asr.recognition import NameCandidate, NameHeard
from tests.browser.test_desk_page import open_desk
from tests.desk_fakes import FIRE, Stage

pytestmark = pytest.mark.browser


async def test_a_corrected_name_is_underlined_and_shows_the_others(stage: Stage, page: Page) -> None:
    city = stage.city
    await open_desk(page)
    await city.arrive("c-1", "119", "13800001234")
    await city.answer("c-1", "1001")
    first = NameCandidate("华洲村", "池店镇", "华洲村", 0.9)
    second = NameCandidate("<b>花</b>", "安海镇", "", 0.05)
    doubtful = NameCandidate("溪头村", "池店镇", "溪头村", 0.5)
    weak = NameCandidate("下村", "内坑镇", "下村", 0.1)
    names = (
        NameHeard(3, 6, "花州寸", "corrected", (first, second)),
        NameHeard(7, 9, "系统", "unsure", (doubtful,)),
        NameHeard(9, 11, "冒烟", "unsure", (weak,)),
    )
    # A character outside the basic plane takes two units in the browser and one in Python.
    await city.say("c-1", "𠮷我在华洲村，系统冒烟", names=names)
    shown = page.locator("[data-test=name]")
    await expect(shown).to_have_text(["华洲村", "系统"])
    await expect(shown.nth(0)).to_have_attribute("title", "听到的是“花州寸”，点击看其他可能")
    others = page.locator("[data-test=others]")
    await expect(others.nth(0)).to_be_hidden()
    await shown.nth(0).click()
    await expect(others.nth(0)).to_have_text("池店镇华洲村、安海镇<b>花</b>")
    await expect(shown.nth(0)).to_have_attribute("aria-expanded", "true")
    await shown.nth(0).click()
    await expect(others.nth(0)).to_be_hidden()
    await page.reload()
    await expect(shown).to_have_text(["华洲村", "系统"])
    await city.judge("c-1", FIRE)
    await expect(page.locator("[data-test=utterance] mark")).to_have_text(["冒烟"])
    await expect(shown).to_have_text(["华洲村", "系统"])
