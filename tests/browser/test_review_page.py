"""A reviewer's way in a real Chromium: from his list to the score handed in, by keyboard."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import select

from core.audit import AuditEntry
from core.clock import SystemClock
from quality.listening.tables import Clip, PrivatePart
from quality.reviews.service import scores
from tests.chromium import sign_in
from tests.desk_fakes import PASSWORD, Stage
from tests.eventually import PATIENCE_S, until
from tests.review_scene import review_stage, reviewed

pytestmark = pytest.mark.browser


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = await review_stage(tmp_path, SystemClock())
    yield made
    await made.bus.close()
    await made.services.database.close()


async def open_review(page: Page, review: str, login: str = "zhijian") -> None:
    """Begun, with its waveform."""
    await sign_in(page, login, PASSWORD, path=f"/reviews/{review}")
    if login == "zhijian":
        await begin(page)
    await expect(page.locator("[data-test=spot]").first).to_be_visible()


async def begin(page: Page) -> None:
    await page.locator("[data-test=begin]").wait_for()
    await page.wait_for_load_state()  # the page knows its keys
    await page.keyboard.press("Enter")


async def second(page: Page) -> float:
    return float(await page.evaluate("document.getElementById('player').currentTime"))


async def comes_to(page: Page, wanted: float) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await second(page) < wanted:
            await page.wait_for_timeout(50)


async def press(page: Page, *keys: str) -> None:
    for key in keys:
        await page.keyboard.press(key)


async def listenings(stage: Stage) -> list[str]:
    async with stage.services.database.read() as session:
        rows = await session.scalars(select(AuditEntry).where(AuditEntry.what == "recording"))
        return [f"{row.who} {row.detail.split()[0]}" for row in rows]


async def test_from_the_list_to_the_score_by_keyboard(stage: Stage, page: Page) -> None:
    (review,) = await reviewed(stage, "c-1", "zhijian")
    await sign_in(page, "zhijian", PASSWORD)
    await expect(page).to_have_url(re.compile("/reviews$"))  # a reviewer's day begins there
    await expect(page.locator("[data-test=open]").first).to_be_focused()
    await page.keyboard.press("Enter")
    await begin(page)
    spots = page.locator("[data-test=spot]")
    await expect(spots).to_have_count(3)  # two findings, and the caller's word of danger
    assert await listenings(stage) == []  # the waveform alone is no listening
    items = page.locator("[data-test=item]")
    await expect(items.nth(0)).to_have_class(re.compile("current"))
    await expect(items.nth(0)).to_contain_text("机检建议：是")
    # Play from the beginning; the transcript runs along. Slowly: the first sentence is still heard when the test looks.
    await page.evaluate(
        "Object.assign(document.getElementById('player'), {defaultPlaybackRate: 0.1, playbackRate: 0.1})"
    )
    await page.keyboard.press("Space")
    await comes_to(page, 0.4)
    await expect(page.locator("#u-c-1-u0")).to_have_class(re.compile("now"))
    await page.keyboard.press("Space")
    await until(lambda: listenings(stage), "who listens is written down")
    assert await listenings(stage) == [f"zhijian review={review}"]
    # What is heard becomes evidence of the first item, and its answer.
    await press(page, "y", "e")
    await expect(items.nth(0).locator("[data-test=place]")).to_contain_text("您好，12345热线")
    await expect(page.locator("[data-test=points]")).to_have_text("100.0")
    # The scale; the next item is answered as the check proposes, with what it rests on.
    await press(page, "j", "4", "j", "p")
    await expect(items.nth(2).locator("[data-answer=no]")).to_have_attribute("aria-pressed", "true")
    await expect(items.nth(2).locator("[data-test=place]")).to_contain_text("跳楼")
    # A sentence further on, by arrows.
    await press(page, "j", "y", *["ArrowDown"] * 6, "e")
    await expect(items.nth(3).locator("[data-test=place]")).to_contain_text("池店镇华洲村小学附近，对吧")
    assert 23.9 < await second(page) < 24.5
    await press(page, "j", "n")
    await expect(page.locator("[data-test=auto-fail]")).to_contain_text("整通计 0 分（否则为 76.0 分）")
    await expect(page.locator("[data-test=points]")).to_have_text("0.0")
    await press(page, "y", "c")
    await page.keyboard.type("没有违规")
    await page.keyboard.press("Escape")
    await expect(page.locator("[data-test=saved]")).to_have_text("已保存")
    # Nothing is lost with the page.
    await page.reload()
    await expect(page.locator("[data-test=points]")).to_have_text("76.0")
    await expect(items.nth(4).locator("textarea")).to_have_value("没有违规")
    await expect(items.nth(3).locator("[data-test=place]")).to_have_count(1)
    await page.keyboard.press("Control+Enter")
    await expect(page).to_have_url(re.compile("/reviews$"))
    async with stage.services.database.read() as session:
        (kept,) = await scores(session, review)
    assert (kept.tenths, kept.comments) == (760, {"conduct": "没有违规"})
    assert [place["utterance_id"] for place in kept.evidence["address"]] == ["c-1-u6"]


async def test_speed_loop_silence_marks_and_help(stage: Stage, page: Page) -> None:
    (review,) = await reviewed(stage, "c-1", "zhijian")
    await open_review(page, review)
    await press(page, *["="] * 9)
    await expect(page.locator("[data-test=speed]")).to_have_text("2.0×")
    await press(page, *["-"] * 9)
    await expect(page.locator("[data-test=speed]")).to_have_text("0.75×")
    await press(page, *["="] * 5)
    # From mark to mark, five seconds on and back.
    await press(page, ".")
    assert 27.9 < await second(page) < 28.1
    await press(page, ".", "ArrowRight", "ArrowLeft", "ArrowLeft")
    assert 26.9 < await second(page) < 27.1
    # A loop goes back to its beginning.
    await press(page, "[", "ArrowRight", "]")
    await expect(page.locator("[data-test=loop]")).to_have_text("0:27 – 0:32")
    await press(page, "ArrowLeft", "Space")
    await comes_to(page, 29)
    async with asyncio.timeout(PATIENCE_S):
        while await second(page) >= 29:
            await page.wait_for_timeout(20)
    await press(page, "Space", "\\")
    await expect(page.locator("[data-test=loop]")).to_have_text("可在波形上拖选")
    # Behind the last word there is nothing but silence until the end.
    await press(page, "s")
    await expect(page.locator("[data-test=skip]")).to_have_attribute("aria-pressed", "true")
    await page.locator("#u-c-1-u10 [data-play]").click()
    await comes_to(page, 49.5)
    await press(page, "?")
    await expect(page.locator("#help-dialog")).to_contain_text("当前这句（或选中的字）作为本项依据")
    await page.keyboard.press("Escape")
    # Keys of the page are not for what somebody types.
    await page.locator("[data-test=note]").fill("")
    await page.locator("[data-test=note]").press_sequentially("yes 5 s")
    await expect(page.locator("[data-test=note]")).to_have_value("yes 5 s")
    await expect(page.locator("[data-test=points]")).to_have_text("—")


async def test_words_are_hidden_a_clip_is_commented_and_a_sentence_corrected(stage: Stage, page: Page) -> None:
    (review,) = await reviewed(stage, "c-1", "zhijian")
    await open_review(page, review)
    await page.evaluate(
        """() => {
            const text = document.querySelector("#u-c-1-u5 .text").firstChild;
            getSelection().setBaseAndExtent(text, 0, text, 11);
        }"""
    )
    await page.keyboard.press("m")
    await expect(page.locator("#mark-where")).to_contain_text("13800001234")
    await page.locator("[data-test=mark-text]").fill("手机号")
    await page.locator("[data-test=mark-save]").click()
    await expect(page.locator("[data-test=hidden]")).to_contain_text("手机号")
    async with stage.services.database.read() as session:
        part = (await session.scalars(select(PrivatePart))).one()
    assert (part.words, part.start, part.end, part.from_s) == ("13800001234", 0, 11, 20.0)
    # A clip without a stretch is refused; what is typed in vain stays.
    await page.evaluate("getSelection().removeAllRanges()")
    await page.keyboard.press("b")
    await expect(page.locator("#notice")).to_contain_text("请先用")
    await press(page, ".", "[", "ArrowRight", "]", "b")
    await page.locator("[data-test=mark-save]").click()
    await expect(page.locator("#mark-error")).to_have_text("请填写批注")
    await page.locator("[data-test=mark-text]").fill("应先安抚")
    await page.locator("[data-test=mark-save]").click()
    await expect(page.locator("[data-test=clip]").last).to_contain_text("应先安抚")
    async with stage.services.database.read() as session:
        clip = (await session.scalars(select(Clip))).one()
    assert 27.9 < clip.from_s < 28.1 < 32.9 < clip.to_s < 33.1
    row = page.locator("#u-c-1-u9")
    await row.locator("[data-test=correct]").click()
    await row.locator("textarea").fill("您这是什么态度")
    await page.keyboard.press("Enter")
    await expect(row.locator(".text")).to_have_text("您这是什么态度")


async def test_of_two_open_pages_the_slower_is_told(stage: Stage, page: Page) -> None:
    (review,) = await reviewed(stage, "c-1", "zhijian")
    await open_review(page, review)
    other = await page.context.new_page()
    await other.goto(f"/reviews/{review}")
    await expect(other.locator("[data-test=spot]").first).to_be_visible()
    await other.keyboard.press("n")
    await expect(other.locator("[data-test=saved]")).to_have_text("已保存")
    await page.keyboard.press("y")
    await expect(page.locator("#notice")).to_contain_text("刚在另一页面上改过")
    await page.locator("[data-test=reload]").click()
    await expect(page.locator("[data-test=item]").nth(0).locator("[data-answer=no]")).to_have_attribute(
        "aria-pressed", "true"
    )


async def test_what_was_typed_last_arrives_though_the_page_goes_at_once(stage: Stage, page: Page) -> None:
    (review,) = await reviewed(stage, "c-1", "zhijian")
    await open_review(page, review)
    await page.locator("[data-test=note]").press_sequentially("最后几个字")
    await page.goto("/reviews")

    async def kept() -> bool:
        await page.goto(f"/reviews/{review}")
        return await page.locator("[data-test=note]").input_value() == "最后几个字"

    await until(kept, "what was typed last is lost")


async def test_the_page_fits_and_says_who_listens(stage: Stage, page: Page) -> None:
    (review,) = await reviewed(stage, "c-1", "zhijian")
    await open_review(page, review)
    for width in (390, 1366, 1920):
        await page.set_viewport_size({"width": width, "height": 768})
        for language in ("zh", "en"):
            for path in (f"/reviews/{review}", "/reviews", "/examples"):
                await page.goto(f"{path}?lang={language}")
                fits = await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
                assert fits, (width, path, language)
    await page.goto(f"/reviews/{review}?lang=zh")
    mark = page.locator("[data-test=watermark]")
    await expect(mark).to_contain_text("郑质检 zhijian")
    await page.emulate_media(media="print")
    await expect(mark).to_be_visible()
