"""The whole thread in a real browser: a SIP caller dials 119, a call taker answers on the page."""

import asyncio
import re
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from core.city import City
from core.settings import Settings
from ivr import voice_model
from ivr.voice import Voice
from telephony.phone import PhoneCall
from tests.asterisk.conftest import Site
from tests.asterisk.serving import Serve
from tests.chromium import chromium, sign_in
from tests.eventually import PATIENCE_MS, until

pytestmark = [pytest.mark.asterisk, pytest.mark.browser, pytest.mark.models]


@pytest.fixture
def city(jinjiang: City) -> City:
    return jinjiang


@pytest.fixture(scope="session")
def voice() -> Voice:
    cache = Settings().cache
    return Voice(voice_model.ensure(cache), cache)


@pytest.fixture
async def page(serve: Serve, voice: Voice) -> AsyncIterator[Page]:
    microphone = await asyncio.to_thread(voice.wav8k, "您好，请问具体在什么位置？里面还有没有人？")
    async with chromium(microphone) as browser:
        context = await browser.new_context(base_url=serve.base, viewport={"width": 1366, "height": 768})
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        yield page


def pcm(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        frames: bytes = file.readframes(file.getnframes())
    return frames


async def stats(page: Page) -> dict[str, Any]:
    found = await page.evaluate("() => window.heyi.stats()")
    assert isinstance(found, dict)
    return found


async def flows(page: Page, call: PhoneCall) -> None:
    """Audio goes both ways: packets at the page, the call taker's voice at the caller."""
    before, heard = await stats(page), call.audio.voiced if call.audio else 0
    await until(lambda: call.audio is not None and call.audio.voiced > heard + 25, lambda: "the caller hears the page")
    now = before

    async def came() -> bool:
        nonlocal now
        now = await stats(page)
        return (
            now["packetsReceived"] > before["packetsReceived"] + 50 and now["packetsSent"] > before["packetsSent"] + 50
        )

    await until(came, lambda: f"audio at the page: {before} → {now}")
    assert now["bytesReceived"] > before["bytesReceived"]


async def test_a_call_is_answered_heard_judged_and_dispatched_on_the_page(
    site: Site, serve: Serve, page: Page, voice: Voice
) -> None:
    words = pcm(
        await asyncio.to_thread(
            voice.wav8k, "火苗从窗户冒出来了，还有两个工人没有跑出来，在青阳街道阳光社区，市场门口。"
        )
    )
    await sign_in(page, "agent1", "heyi-demo")
    await expect(page.locator("[data-test=phone-state]")).to_have_attribute("data-state", "registered")
    # A page that has just opened takes no calls before its person says so.
    await expect(page.locator("[data-test=agent-state]")).to_have_attribute("data-state", "away")
    await page.click("[data-test=ready]")
    await expect(page.locator("[data-test=agent-state]")).to_have_attribute("data-state", "ready")

    trunk = await site.phone("exchange", trunk=True)
    call = await trunk.call("119", caller="13800138000")
    card = page.locator("[data-test=call-card]")
    await expect(card).to_be_visible()
    await expect(card).to_contain_text("13800138000")
    await page.click("[data-test=answer]")
    await expect(page.locator("[data-test=agent-state]")).to_have_attribute("data-state", "talking")
    speaking = asyncio.create_task(call.play(words))
    await flows(page, call)
    await speaking

    heard = page.locator("[data-test=utterance][data-final=true]").filter(has_text="工人")
    await expect(heard.first).to_be_visible()
    await expect(page.locator("[data-test=verdict]")).to_have_attribute("data-outcome", "emergency")
    await expect(page.locator("[name=place]")).to_have_value(re.compile("^青阳街道"))
    # Which emergency it is depends on what recognition makes of the words; that it is one does not.
    await expect(page.locator("[name=code]")).to_have_value(re.compile("^E"))

    # Browser-Phone#267: a refresh drops the call. Here the caller stays and both hear each other again.
    await page.reload()
    await expect(page.locator("[data-test=agent-state]")).to_have_attribute("data-state", "talking")
    await page.wait_for_function("() => window.heyi?.state().talking ?? false")
    assert not call.ended.is_set()
    await flows(page, call)
    await expect(page.locator("[name=place]")).to_have_value(re.compile("^青阳街道"))

    await page.fill("[name=contact_name]", "陈先生")
    await page.click("[data-test=submit]")
    await expect(page.locator("[data-test=ticket-state]")).to_have_attribute("data-state", "dispatched")
    await page.click("[data-test=hangup]")
    await until(call.ended.is_set, lambda: "the caller's call ended")
    await expect(page.locator("[data-test=agent-state]")).to_have_attribute("data-state", "wrapup")
