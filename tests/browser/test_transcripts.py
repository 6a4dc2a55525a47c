"""Search over transcripts and their correction in a real Chromium, by keyboard and by mouse."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import delete, select

from asr.record.backlog import TranscriptPass
from asr.record.corrections import correct
from asr.record.transcripts import PendingRecording, forget_pending
from asr.words import overlay
from core.audit import AuditEntry
from core.clock import SystemClock
from tests.chromium import sign_in
from tests.desk_fakes import PASSWORD, START, Stage, make_stage
from tests.eventually import PATIENCE_S, until
from tests.transcript_scene import transcribed, with_real_books

pytestmark = pytest.mark.browser


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = with_real_books(await make_stage(tmp_path, SystemClock()))
    said = (
        ("agent", "您好，12345，请问有什么可以帮您？"),
        ("caller", "我们小区对面工地的噪音，很大"),
        ("agent", "请问是哪个镇？"),
        ("caller", "在吃点镇"),
    )
    await transcribed(made, "c-1", *said, at=START, seconds=20)
    await transcribed(
        made, "c-2", ("caller", "这里是吃点镇，有噪音"), at=START + timedelta(hours=1), line="119", seconds=5
    )
    yield made
    await made.bus.close()
    await made.services.database.close()


async def open_page(page: Page, login: str, path: str = "/search") -> None:
    await sign_in(page, login, PASSWORD, path=path)


async def fits(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


async def plays_from(page: Page, second: float) -> float:
    """Waits until the player is there or later; where it then is, in seconds."""
    async with asyncio.timeout(PATIENCE_S):
        # The page's own rules forbid the usual way of waiting, which evaluates a text.
        while (now := await page.evaluate("document.getElementById('player').currentTime")) < second:
            await page.wait_for_timeout(50)
    return float(now)


async def heard(stage: Stage) -> list[tuple[str, str | None]]:
    async with stage.services.database.read() as session:
        rows = await session.scalars(select(AuditEntry).where(AuditEntry.what == "recording"))
        return [(row.who, row.call_id) for row in rows]


async def test_by_keyboard_from_the_query_to_the_second_of_the_recording(stage: Stage, page: Page) -> None:
    await open_page(page, "lin")
    await expect(page.locator("[data-test=query]")).to_be_focused()
    await page.keyboard.type("噪音很大")
    await page.keyboard.press("Enter")
    hits = page.locator("[data-test=hit]")
    await expect(hits).to_have_count(1)
    await expect(hits.locator("mark")).to_have_text("噪音，很大")
    await expect(hits.locator(".beside").last).to_contain_text("请问是哪个镇？")
    await expect(hits.locator(".second")).to_have_text("录音 0:04")
    await page.keyboard.press("/")
    await expect(page.locator("[data-test=query]")).to_be_focused()
    await page.keyboard.type("噪音")
    await page.keyboard.press("Enter")
    await expect(hits).to_have_count(2)
    assert await heard(stage) == []
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await expect(hits.nth(1).locator("[data-test=open]")).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"/calls/c-1\?at=4\.0&u=c-1-u1$"))
    row = page.locator("#u-c-1-u1")
    await expect(row).to_have_class(re.compile(r"\bhere\b"))
    assert await plays_from(page, 4) < 12
    await until(lambda: heard(stage), "who listens is written down")
    assert await heard(stage) == [("lin", "c-1")]


async def test_a_sentence_plays_from_its_second_and_shows_while_it_is_heard(stage: Stage, page: Page) -> None:
    await open_page(page, "wang", "/calls/c-1")
    await expect(page.locator("[data-test=correct]")).to_have_count(0)
    rows = page.locator("[data-test=utterance]")
    assert await heard(stage) == []
    # Slowly: the sentence is still to be heard when the test looks.
    await page.evaluate(
        "Object.assign(document.getElementById('player'), {defaultPlaybackRate: 0.1, playbackRate: 0.1})"
    )
    await rows.nth(2).locator("[data-test=play]").click()
    await plays_from(page, 8)
    await expect(rows.nth(2)).to_have_class(re.compile(r"\bnow\b"))
    await page.evaluate("document.getElementById('player').pause()")
    await expect(rows.nth(2)).not_to_have_class(re.compile(r"\bnow\b"))


async def test_a_correction_in_its_place_and_the_word_that_comes_of_it(stage: Stage, page: Page) -> None:
    await open_page(page, "lin", "/calls/c-1")
    row = page.locator("#u-c-1-u3")
    await row.locator("[data-test=correct]").click()
    field = row.locator("textarea")
    await expect(field).to_have_value("在吃点镇")
    await field.fill("乱写")
    await page.keyboard.press("Escape")
    await expect(row.locator(".text")).to_have_text("在吃点镇")
    await page.keyboard.press("Enter")  # the button has the focus again
    await field.fill("在池店镇")
    await page.keyboard.press("Enter")
    await expect(row.locator(".text")).to_have_text("在池店镇")
    await expect(row.locator("[data-test=corrected]")).to_have_attribute("title", "林主任 更正，原为：在吃点镇")
    await page.reload()
    await expect(row.locator(".text")).to_have_text("在池店镇")
    await expect(row.locator("[data-test=corrected]")).to_be_visible()
    # While the page of the lexicon is open, the same is corrected a second time.
    await page.goto("/lexicon")
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")
    await expect(page.locator("[data-test=proposal]")).to_have_count(0)
    other = await page.context.new_page()
    await other.goto("/calls/c-2")
    await other.click("[data-test=correct]")
    await other.locator("textarea").fill("这里是池店镇，有噪音")
    await other.click("[data-test=save]")
    proposal = page.locator("[data-test=proposal]")
    await expect(proposal).to_have_count(1)
    await expect(proposal.locator("[data-test=right]")).to_have_value("池店镇")
    await proposal.locator("[data-test=accept]").click()
    await expect(page.locator("[data-test=words]")).to_contain_text("池店镇")
    await expect(proposal).to_have_count(0)
    assert overlay.read(stage.services.settings.data / overlay.FILE) == [overlay.Word("吃点镇", "池店镇", "landmark")]
    await page.goto("/search?q=池店")
    await expect(page.locator("[data-test=hit]")).to_have_count(2)


async def test_who_was_slower_sees_what_it_is_now_and_keeps_what_he_typed(stage: Stage, page: Page) -> None:
    await open_page(page, "lin", "/calls/c-1")
    row = page.locator("#u-c-1-u3")
    await row.locator("[data-test=correct]").click()
    await row.locator("textarea").fill("在池店镇那里")
    async with stage.services.database.work() as work:
        await correct(work.session, "c-1", "c-1-u3", before="在吃点镇", after="在池店镇", who="he", at=START)
    await row.locator("[data-test=save]").click()
    await expect(page.locator("#notice")).to_contain_text("刚被别人更正过")
    await expect(row.locator(".text")).to_have_text("在池店镇")
    await expect(row.locator("textarea")).to_have_value("在池店镇那里")
    await row.locator("[data-test=save]").click()
    await expect(row.locator(".text")).to_have_text("在池店镇那里")
    await expect(page.locator("#notice")).to_be_hidden()


async def test_every_page_fits_narrow_and_wide_in_both_languages(stage: Stage, page: Page) -> None:
    await open_page(page, "lin")
    for width in (390, 1366):
        await page.set_viewport_size({"width": width, "height": 800})
        for language in ("zh", "en"):
            for path in ("/search?q=噪音", "/search?q=没有的", "/search", "/calls/c-1?u=c-1-u3", "/lexicon"):
                await page.goto(f"{path}{'&' if '?' in path else '?'}lang={language}")
                assert await fits(page), (width, path, language)


async def test_the_wall_tells_of_recordings_that_wait_or_were_lost(stage: Stage, page: Page) -> None:
    async with stage.services.database.work() as work:
        work.session.add(PendingRecording(call_id="c-1", caller_wav="", agent_wav="", agent_from_s=0, since=START))
        work.session.add(TranscriptPass(call_id="c-1", state="working", done_s=5, total_s=20, began_at=START))
    await open_page(page, "lin", "/wallboard")
    chip = page.locator("[data-test=backlog]")
    await expect(chip).to_have_text("待转写 1")
    await expect(chip).to_have_attribute("title", "c-1 已转写 25%")
    async with stage.services.database.work() as work:
        now = stage.clock.now()
        work.session.add(TranscriptPass(call_id="c-2", state="failed", fault="damaged", began_at=now))
        await forget_pending(work.session, "c-1")
    for language, text in (("zh", "转写异常 1"), ("en", "Not transcribed 1")):
        await page.goto(f"/wallboard?lang={language}")
        await expect(chip).to_have_text(text)
        assert await fits(page), language
    await expect(chip).to_have_attribute("title", "c-2 recording damaged")
    async with stage.services.database.work() as work:
        await work.session.execute(delete(TranscriptPass))
    await page.reload()
    await expect(chip).to_be_hidden()
