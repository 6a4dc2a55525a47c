"""What the caller told stands on the desk with its words, and the line to read back."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Floor
from tests.desk_fakes import CITY, FIRE, NOISE
from triage.judge import Judge, Turn
from triage.verdict import Fact, Facts

pytestmark = pytest.mark.browser
TOLD = (
    ("agent", "119，请讲。"),
    ("caller", "楼上着火了，两个小孩被困在里面，在花州村对面那栋楼"),
    ("agent", "有没有人受伤？您贵姓，电话多少？"),
    ("caller", "没有人受伤，我姓蒲，电话幺三八五九五零"),
    ("caller", "幺二三四，不对，被困的不是两个，是三个"),
    ("caller", "后面一台白色面包车，闽C幺二三四五，撞坏了也要赔八千六"),
)
AGREED = (("agent", "蒲女士，您是在池店镇华洲村对面，三个人被困，对吗？"), ("caller", "对，电话13859501234"))


async def _tell(floor: Floor, said: tuple[tuple[str, str], ...], heard: list[Turn]) -> None:
    for leg, text in said:
        await floor.city.say("c-1", text, "agent" if leg == "agent" else "caller")
        heard.append(Turn("agent" if leg == "agent" else "caller", text, f"c-1-{len(heard)}"))
    await floor.city.judge("c-1", Judge(CITY).judge("119", heard))


async def _look(page: Page, name: str) -> None:
    """A picture for people, where a folder for pictures is named."""
    if folder := os.environ.get("HEYI_PICTURES"):
        await page.screenshot(path=Path(folder) / f"facts-{name}.png")


async def test_facts_stand_with_their_words_and_are_read_back(floor: Floor) -> None:
    page = await floor.open()
    await floor.talks(page)
    heard: list[Turn] = []
    await _tell(floor, TOLD, heard)

    facts = page.locator("[data-test=fact]")
    place = page.locator("[data-test=fact][data-kind=place]")
    await expect(place).to_contain_text("地点池店镇华洲村对面楼")
    await expect(place).to_contain_text("“花州村对面那栋楼”")
    await expect(page.locator("[data-test=fact][data-kind=trapped]")).to_contain_text("3 人")
    await expect(page.locator("[data-test=fact][data-kind=hurt]")).to_contain_text("无")
    await expect(page.locator("[data-test=fact][data-kind=vehicle]")).to_contain_text("白色面包车")
    await expect(page.locator("[data-test=fact][data-kind=plate]")).to_contain_text("闽C12345")
    await expect(page.locator("[data-test=fact][data-kind=sum]")).to_contain_text("8600 元")
    read_back = page.locator("[data-test=read-back]")
    await expect(read_back).to_contain_text("您是在池店镇华洲村对面楼，有3人被困")
    await expect(read_back).to_contain_text("对吗？")

    # A click shows where it was said.
    await place.click()
    marked = page.locator("[data-test=transcript] .pointed mark.told")
    await expect(marked).to_have_text("花州村对面那栋楼")
    await expect(page.locator(".pointed")).to_have_count(1)
    await page.locator("[data-test=fact][data-kind=sum]").click()
    await expect(marked).to_have_text("八千六")
    await expect(page.locator(".pointed")).to_have_count(1)

    # The draft holds what was said.
    await expect(page.locator("[name=place]")).to_have_value("池店镇华洲村对面楼")
    await expect(page.locator("[name=contact_name]")).to_have_value("蒲")
    await expect(page.locator("[name=contact_phone]")).to_have_value("13859501234")
    await _look(page, "zh")

    # What a person typed stays; what the caller agreed to is not asked again.
    await page.locator("[name=contact_name]").fill("蒲小妹")
    await page.locator("[name=contact_phone]").focus()
    await expect(page.locator("#saved")).not_to_be_empty()
    await _tell(floor, AGREED, heard)
    await expect(page.locator("[data-test=fact][data-kind=name]")).to_contain_text("蒲女士")
    await expect(place).to_contain_text("✓")
    await expect(page.locator("[data-test=read-back]")).not_to_contain_text("华洲村")
    await expect(page.locator("[name=contact_name]")).to_have_value("蒲小妹")
    await expect(facts.nth(6)).to_be_attached()


async def test_what_was_told_is_marked_and_goes_into_the_form_by_one_key_each(floor: Floor) -> None:
    page = await floor.open()
    await floor.talks(page)
    place, phone = page.locator("[name=place]"), page.locator("[name=contact_phone]")
    summary = page.locator("[name=summary]")
    # A person has written something else into these; what is heard does not overwrite it.
    await place.fill("不清楚")
    await summary.fill("房屋着火")
    await expect(page.locator("#saved")).to_have_text("已保存")
    await _tell(floor, TOLD, [])
    told = page.locator("[data-test=told-fact]")
    spot = page.locator("[data-test=told-fact][data-kind=place]")
    await expect(spot.locator("[data-test=take] kbd")).to_have_text("Alt+Q")
    await expect(page.locator("[data-test=utterance] mark.place")).to_have_text("花州村对面那栋楼")
    await expect(page.locator("[data-test=utterance] mark.place")).to_have_attribute("data-key", "Q")
    await expect(page.locator("[data-test=utterance] mark.number")).to_contain_text(["闽C幺二三四五", "八千六"])
    # What stands in the draft by itself is not offered.
    await expect(phone).to_have_value("13859501234")
    await expect(page.locator("[data-test=told-fact][data-kind=phone] [data-test=take]")).to_have_count(0)
    await page.keyboard.press("Alt+q")
    await expect(place).to_have_value("池店镇华洲村对面楼")
    await expect(spot.locator("[data-test=take]")).to_have_count(0)
    plate = page.locator("[data-test=told-fact][data-kind=plate]")
    # Its letter is its own, also when another is gone; and the keys work while somebody writes elsewhere.
    letter = (await plate.locator("kbd").inner_text()).removeprefix("Alt+").lower()
    assert letter != "q"
    await page.locator("[name=contact_name]").focus()
    await page.keyboard.press(f"Alt+{letter}")
    await expect(summary).to_have_value("房屋着火，车牌闽C12345")
    await expect(page.locator("#saved")).to_have_text("已保存")
    await page.reload()
    await expect(summary).to_have_value("房屋着火，车牌闽C12345")
    await expect(place).to_have_value("池店镇华洲村对面楼")
    # Of a ticket that is sent nothing is offered any more.
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("[data-test=ticket-state]")).to_have_attribute("data-state", "dispatched")
    await expect(page.locator("[data-test=take]")).to_have_count(0)
    await expect(told.nth(6)).to_be_attached()


async def test_words_of_danger_that_the_ticket_does_not_have_are_taken_by_a_key(floor: Floor) -> None:
    page = await floor.open()
    await floor.talks(page, line="12345")
    await page.locator("[name=is_emergency]").check()
    await page.locator("[name=is_emergency]").uncheck()
    await page.locator("[name=summary]").fill("有烟")
    await expect(page.locator("#saved")).to_have_text("已保存")
    await floor.city.say("c-1", "华洲村有房子冒烟，人困在楼上")
    await floor.city.judge("c-1", FIRE)
    danger = page.locator("[data-test=told-fact][data-kind=danger]")
    await expect(danger).to_have_count(2)
    letter = (await danger.first.locator("kbd").inner_text()).removeprefix("Alt+").lower()
    await page.keyboard.press(f"Alt+{letter}")
    await expect(page.locator("[name=is_emergency]")).to_be_checked()
    await expect(page.locator("[name=summary]")).to_have_value("有烟，冒烟")
    await expect(danger).to_have_count(1)


async def test_what_the_ticket_has_gives_its_letter_to_what_has_none(floor: Floor) -> None:
    page = await floor.open()
    await floor.talks(page, line="12345")
    await page.locator("[name=summary]").fill("停车费")
    await expect(page.locator("#saved")).to_have_text("已保存")
    plates = tuple(Fact(kind="plate", value=f"闽C1234{n}", words=f"闽C1234{n}") for n in range(10))
    await floor.city.judge("c-1", replace(NOISE, facts=Facts(items=plates)))
    letters = page.locator("[data-test=told-fact][data-kind=plate] kbd")
    await expect(letters).to_have_text([f"Alt+{letter}" for letter in "QWERTYAXB"])
    await page.keyboard.press("Alt+w")
    await expect(page.locator("[name=summary]")).to_have_value("停车费，车牌闽C12341")
    # The others keep theirs; the tenth has that of the second.
    await expect(letters).to_have_text([f"Alt+{letter}" for letter in "QERTYAXBW"])
    await page.keyboard.press("Alt+w")
    await expect(page.locator("[name=summary]")).to_have_value("停车费，车牌闽C12341，车牌闽C12349")


async def test_any_number_that_was_said_is_taken_by_a_click_and_overwrites_nothing(floor: Floor) -> None:
    page = await floor.open()
    await floor.talks(page, line="12345")
    summary, phone = page.locator("[name=summary]"), page.locator("[name=contact_phone]")
    await summary.fill("停水")
    await phone.fill("")
    await expect(page.locator("#saved")).to_have_text("已保存")
    await floor.city.say("c-1", "户号是 3505 8200 17，打 13859501234，要么 13859505678")
    marks = page.locator("[data-test=utterance] mark")
    taken = page.locator("[data-test=take-mark]")
    await expect(taken).to_have_count(3)
    await taken.filter(has_text="3505 8200 17").click()
    await expect(summary).to_have_value("停水，3505820017")
    # What the form has is not offered again.
    await expect(taken).to_have_count(2)
    await taken.first.focus()
    await page.keyboard.press("Enter")
    await expect(phone).to_have_value("13859501234")
    await taken.filter(has_text="13859505678").click()
    await expect(phone).to_have_value("13859501234")
    await expect(summary).to_have_value("停水，3505820017，13859505678")
    await expect(taken).to_have_count(0)
    await expect(marks).to_have_count(3)


async def test_in_english_the_chinese_line_stands_with_its_meaning(floor: Floor) -> None:
    page = await floor.open()
    await page.click("[data-test=me] summary")
    await page.get_by_role("link", name="English").click()
    await expect(page.locator("html")).to_have_attribute("lang", re.compile("^en"))
    await expect(page.locator("[data-test=phone-state]")).to_have_attribute("data-state", "registered")
    await floor.talks(page)
    await _tell(floor, TOLD, [])
    read_back = page.locator("[data-test=read-back]")
    await expect(read_back).to_contain_text("您是在池店镇华洲村对面楼")
    await expect(read_back).to_contain_text("You are at 池店镇华洲村对面楼, 3 people are trapped")
    await expect(page.locator("[data-test=fact][data-kind=trapped]")).to_contain_text("Trapped")
    await _look(page, "en")


async def test_a_call_without_facts_shows_none(floor: Floor) -> None:
    page = await floor.open()
    await floor.talks(page)
    await _tell(floor, (("caller", "喂？"),), [])
    await expect(page.locator("[data-test=utterance]")).to_have_count(1)
    await expect(page.locator("[data-test=told]")).to_be_hidden()
