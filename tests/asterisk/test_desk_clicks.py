"""Calls in hand by clicks on the pages, in Chromium, over a real Asterisk; who hears whom is measured at every ear."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Browser, Page, expect

from core.city import City, Desk, Person, SkillGroup
from core.clock import SystemClock
from desk.access.users import Users
from desk.app import create_app
from desk.server import DeskServer, bundle_ready
from desk.services import DeskServices
from heyi.readers import Transcripts, Verdicts
from telephony.dialplan import sip_secret
from telephony.events import CallEnded, CallHandedOver, CallTransferred
from telephony.ledger import LedgerReader
from telephony.phone import PhoneCall
from tests.asterisk.conftest import TONE, House, Site, Taker, listening, silence, write_wav
from tests.chromium import chromium, sign_in
from tests.citykit import small_city
from tests.eventually import PATIENCE_MS, PATIENCE_S, until
from ticketing.service import Tickets

pytestmark = [pytest.mark.asterisk, pytest.mark.browser]

PASSWORD = "for tests only"
Ear = Page | PhoneCall


@pytest.fixture
def city() -> City:
    """A page of the queue, a telephone beside it, one of 120's, and a supervisor's page."""
    both = ("emergency", "service")
    return small_city().model_copy(
        update={
            "desks": (
                Desk(extension="1001", name="1号席", kind="browser", groups=both),
                Desk(extension="1002", name="2号席", kind="phone", groups=("service",)),
                Desk(extension="1101", name="120急救席", kind="phone", groups=("medical",)),
                Desk(extension="1009", name="值班长席", kind="browser", in_queue=False),
            ),
            "groups": (
                SkillGroup(key="emergency", name="紧急席", name_en="Emergency"),
                SkillGroup(key="service", name="服务席", name_en="Service"),
                SkillGroup(key="medical", name="120急救席", name_en="120", linkage=True, hotkey="1"),
            ),
            "people": (
                Person(login="wang", name="王接警", role="agent", password=PASSWORD, extension="1001"),
                Person(login="he", name="何班长", role="supervisor", password=PASSWORD, extension="1009"),
            ),
        }
    )  # fmt: skip


def talk(seconds: float = 20.0) -> bytes:
    """Like a voice to the browser's noise suppression: syllables of changing pitch with breaks between them."""
    dice, parts = np.random.default_rng(7), [np.zeros(1)]
    while sum(map(len, parts)) < seconds * 8000:
        t = np.arange(int(dice.uniform(0.12, 0.25) * 8000)) / 8000
        pitch = dice.uniform(110, 240) * (1 + 0.05 * np.sin(2 * np.pi * 4 * t))
        phase = 2 * np.pi * np.cumsum(pitch) / 8000
        sound = sum(np.sin(n * phase) / n for n in range(1, 12))
        parts += [9000 * sound / 2 * np.hanning(t.size), np.zeros(int(dice.uniform(0.03, 0.1) * 8000))]
    return np.concatenate(parts).astype("<i2").tobytes()


@dataclass
class Desks:
    """The pages, and the house behind them."""

    base: str
    browser: Browser
    house: House

    async def open(self, login: str) -> Page:
        context = await self.browser.new_context(base_url=self.base, viewport={"width": 1366, "height": 768})
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        await sign_in(page, login, PASSWORD)
        await expect(page.locator("#phone-state")).to_have_attribute("data-state", "registered")
        return page

    async def ready(self) -> Page:
        page = await self.open("wang")
        await page.click("[data-test=ready]")
        await expect(page.locator("[data-test=agent-state]")).to_have_attribute("data-state", "ready")
        return page


@pytest.fixture
async def desks(site: Site, house: House, tmp_path: Path) -> AsyncIterator[Desks]:
    assert bundle_ready(), "build the scripts first: npm ci && npm run build in desk/web"
    database, clock = house.database, SystemClock()
    await Users(database).seed_people(site.city)
    services = DeskServices(
        settings=site.settings, city=site.city, database=database, bus=house.bus, clock=clock,
        switchboard=house.switchboard, ledger=LedgerReader(database), transcripts=Transcripts(database),
        verdicts=Verdicts(database), tickets=Tickets(database, site.city, clock), sip_secret=sip_secret(site.settings),
    )  # fmt: skip
    server = DeskServer(create_app(services), "127.0.0.1", 0)
    await server.start()
    microphone = tmp_path / "microphone.wav"
    write_wav(microphone, talk())
    async with chromium(microphone) as browser:
        yield Desks(f"http://127.0.0.1:{server.port}", browser, house)
    await server.stop()


async def level(page: Page) -> float:
    """How loud the page's telephone hears the other side just now: 0 to 1."""
    stats = await page.evaluate("() => window.heyi?.stats?.() ?? null")
    return (stats or {}).get("audioLevel") or 0.0


class Listening:
    """An ear that listens until it has ``heard`` a voice."""

    def __init__(self, ear: Ear) -> None:
        self.heard = False
        self._task = asyncio.create_task(self._listen(ear))

    async def _listen(self, ear: Ear) -> None:
        async def loud(page: Page) -> bool:
            return await level(page) > 0.02

        voice = listening(ear, 15) if isinstance(ear, PhoneCall) else partial(loud, ear)
        await until(voice, "a voice", None)
        self.heard = True

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def all_silent(ears: list[Ear]) -> None:
    """What was said before is over at every ear."""
    await silence(*(ear for ear in ears if isinstance(ear, PhoneCall)))
    pages = [ear for ear in ears if isinstance(ear, Page)]

    async def still() -> bool:
        return max([await level(page) for _ in range(3) for page in pages], default=0.0) <= 0.02

    await until(still, "silence at the pages")


async def speak(speaker: Ear) -> None:
    if isinstance(speaker, PhoneCall):
        await speaker.play(TONE)
    else:
        await asyncio.sleep(1.2)


async def heard_by(speaker: Ear, ears: list[Ear], not_by: list[Ear] | None = None) -> None:
    """The speaker is heard by these, and not by those. All microphones of pages are mute but the speaker's."""
    not_by = not_by or []
    await all_silent([*ears, *not_by])
    hears, deaf = [Listening(ear) for ear in ears], [Listening(ear) for ear in not_by]
    if isinstance(speaker, Page):
        await speaker.click("#mute")
    try:
        await speak(speaker)

        async def heard() -> bool:
            if not all(one.heard for one in hears):
                await speak(speaker)
            return all(one.heard for one in hears)

        await until(heard, lambda: f"heard by all, but {[one.heard for one in hears]}")
        await asyncio.sleep(0.3)  # what those hear who should not may come a moment later
        assert [one.heard for one in deaf] == [False] * len(deaf)
    finally:
        for one in (*hears, *deaf):
            await one.close()
        if isinstance(speaker, Page):
            await speaker.click("#mute")


async def all_hear_each_other(*parties: Ear) -> None:
    for speaker in parties:
        await heard_by(speaker, [party for party in parties if party is not speaker])


async def taken(page: Page, site: Site) -> PhoneCall:
    """A caller of 119 whom the page has answered, and heard; the page is mute from then on."""
    trunk = await site.phone("exchange", trunk=True)
    call = await trunk.call("119", caller="13800138000")
    await page.click("[data-test=answer]")
    await expect(page.locator("[data-test=call-state]")).to_have_text("通话中")
    await until(lambda: call.audio is not None and call.audio.voiced > 20, lambda: "the caller hears the page")
    await page.click("#mute")
    return call


async def test_consultation_conference_linkage_and_leaving_by_clicks(site: Site, house: House, desks: Desks) -> None:
    expert, medical = Taker(await site.phone("1002")), Taker(await site.phone("1101"))
    page = await desks.ready()
    call = await taken(page, site)
    await all_hear_each_other(page, call)

    await page.click("[data-test=transfer-open]")
    await page.fill("[data-test=transfer-query]", "1002")
    await page.click("[data-test=consult]")
    await expect(page.locator("[data-test=consulting]")).to_contain_text("正在咨询 1002")
    other = expert.calls[-1]
    # A consultation is private.
    await heard_by(page, [other], [call])
    await heard_by(other, [page], [call])

    await page.click("[data-test=conference]")
    await expect(page.locator("[data-test=parties]")).to_contain_text("1002")
    await all_hear_each_other(page, call, other)

    await page.click("[data-test=groups] [data-group=medical]")
    await expect(page.locator("[data-test=parties] [data-extension='1101'][data-joined=true]")).to_be_visible()
    await all_hear_each_other(page, call, other, medical.calls[-1])

    await expect(page.locator("[data-test=hangup]")).to_contain_text("离开")
    await page.click("[data-test=hangup]")
    await house.until(lambda: bool(house.of(CallHandedOver)), "handed over")
    await all_hear_each_other(call, other, medical.calls[-1])
    assert await page.evaluate("window.heyi.state().talking") is False
    await expect(page.locator("[data-test=agent-state]")).to_have_attribute("data-state", "ready")  # after its wrap-up
    await call.hang_up()
    await house.until(lambda: bool(house.of(CallEnded)), "ended")


async def test_a_caller_is_handed_over_by_clicks(site: Site, house: House, desks: Desks) -> None:
    expert = Taker(await site.phone("1002"))
    page = await desks.ready()
    call = await taken(page, site)
    await page.click("[data-test=transfer-open]")
    await page.fill("[data-test=transfer-query]", "1002")
    await page.fill("[data-test=transfer-reason]", "请专家处置")
    await page.click("[data-test=consult]")
    await expect(page.locator("[data-test=consulting]")).to_contain_text("正在咨询 1002")
    await page.click("[data-test=complete]")
    await house.until(lambda: bool(house.of(CallHandedOver)), "handed over")
    await all_hear_each_other(call, expert.calls[-1])
    told = [(e.kind, e.target, e.reason) for e in house.of(CallTransferred) if isinstance(e, CallTransferred)]
    assert told == [("attended", "1002", "请专家处置")]
    await expect(page.locator("[data-test=agent-state]")).to_have_attribute("data-state", "ready")  # after its wrap-up


async def test_a_supervisor_takes_a_call_over_by_clicks(site: Site, house: House, desks: Desks) -> None:
    page = await desks.ready()
    call = await taken(page, site)
    wall = await desks.open("he")
    await wall.locator("[data-test=live-call]").get_by_role("button", name="接管").click()
    await wall.locator("#choice").get_by_role("button", name="突发事件").click()
    await house.until(lambda: bool(house.of(CallHandedOver)), "taken over")
    await wall.wait_for_url("**/desk")
    await expect(wall.locator("[data-test=call-state]")).to_have_text("通话中")
    await until(lambda: [p.extension for p in house.switchboard.calls()[0].parties] == ["1009"], lambda: "alone")
    await wall.click("#mute")
    await all_hear_each_other(wall, call)
    await heard_by(call, [], [page])
    await wall.click("[data-test=hangup]")
    await asyncio.wait_for(call.ended.wait(), PATIENCE_S)


async def test_a_number_is_rung_by_clicks(site: Site, house: House, desks: Desks) -> None:
    page = await desks.open("wang")
    outside = Taker(await site.phone("exchange", trunk=True))
    await page.fill("[data-test=dial-number]", "0595-8560 0001")
    await page.click("[data-test=dial]")
    await until(lambda: bool(outside.calls), lambda: "the number rings")
    await expect(page.locator("[data-test=agent-state]")).to_have_attribute("data-state", "talking")
    other = outside.calls[-1]
    await until(lambda: other.audio is not None and other.audio.voiced > 20, lambda: "they hear the page")
    await heard_by(other, [page])
    await page.click("[data-test=hangup]")
    await asyncio.wait_for(other.ended.wait(), PATIENCE_S)
    await house.until(lambda: bool(house.of(CallEnded)), "ended")
    row = await LedgerReader(house.database).call(house.of(CallEnded)[0].call_id or "")
    assert row is not None and (row.direction, row.caller, row.agent) == ("out", "059585600001", "1001")
