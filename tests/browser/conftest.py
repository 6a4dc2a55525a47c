"""A page in a real Chromium over a city in memory, and a desk's page with a telephone that rings."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Error, Page, ViewportSize, expect

from core.city import City
from core.clock import SystemClock
from desk.app import create_app
from desk.calls.ringclaims import RingClaims
from desk.server import DeskServer, bundle_ready
from tests.browser.fake_exchange import FakeExchange, Ring
from tests.chromium import chromium, sign_in
from tests.desk_fakes import CITY, PASSWORD, Stage, make_stage
from tests.eventually import PATIENCE_MS, PATIENCE_S
from tests.fake_city import FakeCity

CALLER = "13800001234"
UNBUILT = "build the scripts first: npm ci && npm run build in desk/web"
SCREEN = ViewportSize(width=1366, height=768)
#: The exchange of these tests carries no sound: without this the page would hang up for want of it. And every sound
#: that the page makes is written down, and every tone that it gives its line to send (RFC 4733), which only a line with
#: sound would take.
PAGE = """
const add = RTCPeerConnection.prototype.addEventListener;
RTCPeerConnection.prototype.addEventListener = function (name, ...rest) {
  if (name !== 'iceconnectionstatechange') add.call(this, name, ...rest);
};
window.sounds = [];
const make = AudioContext.prototype.createBufferSource;
AudioContext.prototype.createBufferSource = function () {
  const source = make.call(this);
  const sound = { source, context: this, stopped: false };
  window.sounds.push(sound);
  const stop = source.stop.bind(source);
  source.stop = () => { sound.stopped = true; stop(); };
  return source;
};
window.tones = [];
RTCDTMFSender.prototype.insertDTMF = (tones) => { window.tones.push(tones); };
window.peers = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...rest) {
    super(...rest);
    window.peers.push(this);
  }
};
window.muted = () => window.peers.at(-1).getSenders().some((sender) => sender.track && !sender.track.enabled);
window.ringing = () => window.sounds.filter((s) => s.source.loop && !s.stopped && s.context.state === 'running').length;
"""


@dataclass
class Floor:
    """A desk's page, its telephone's exchange, and the city behind it."""

    city: FakeCity
    exchange: FakeExchange
    context: BrowserContext
    claims: RingClaims

    async def open(self, login: str = "wang", *, script: str = "", frozen: bool = False, path: str = "") -> Page:
        page = await self.context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        await page.add_init_script(PAGE + script)
        if frozen:
            await page.clock.install()
        await sign_in(page, login, PASSWORD, path=path)
        await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")
        await asyncio.wait_for(self.exchange.registered.wait(), PATIENCE_S)
        await expect(page.locator("[data-test=phone-state]")).to_have_attribute("data-state", "registered")
        await page.keyboard.press("Shift")  # the first gesture, which allows sound
        return page

    async def rings(self, call_id: str = "c-1", line: str = "119", caller: str = CALLER) -> Ring:
        """A caller of the queue, up to the ring at desk 1001."""
        await self.city.arrive(call_id, line, caller)
        await self.city.ring(call_id, "1001")
        return await self.exchange.ring()

    async def talks(self, page: Page, call_id: str = "c-1", line: str = "119") -> Ring:
        ring = await self.rings(call_id, line)
        await expect(page.locator("[data-test=answer]")).to_be_visible()
        await page.keyboard.press("F2")
        await asyncio.wait_for(ring.answered.wait(), PATIENCE_S)
        await self.city.answer(call_id, "1001")
        await expect(page.locator("[data-test=transfer-open]")).to_be_visible()
        return ring


async def stand_still(page: Page) -> None:
    """The page's clock stands until the test moves it: nothing of the page is over before the test has looked."""
    soon = "Date.now() / 1000 + 1"  # in seconds
    try:
        await page.clock.pause_at(await page.evaluate(soon))
    except Error as error:
        # The moment had passed before the page was told of it; since then its clock stands.
        if "past" not in str(error):
            raise
        await page.clock.pause_at(await page.evaluate(soon))


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = await make_stage(tmp_path, SystemClock())
    yield made
    await made.bus.close()
    await made.services.database.close()


@pytest.fixture
async def page(stage: Stage) -> AsyncIterator[Page]:
    """A page without a telephone, nobody signed in yet."""
    assert bundle_ready(), UNBUILT
    server = DeskServer(create_app(stage.services), "127.0.0.1", 0)
    await server.start()
    async with chromium() as browser:
        context = await browser.new_context(base_url=f"http://127.0.0.1:{server.port}", viewport=SCREEN)
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        yield page
    await server.stop()


Opened = Callable[[City], Awaitable[Floor]]


@pytest.fixture
async def opened(stage: Stage) -> AsyncIterator[Opened]:
    assert bundle_ready(), UNBUILT
    exchange = FakeExchange()
    port = await exchange.start()
    servers: list[DeskServer] = []
    async with chromium() as browser:

        async def open_floor(city: City) -> Floor:
            settings = stage.services.settings.model_copy(update={"sip_ws_port": port})
            app = create_app(replace(stage.services, settings=settings, city=city))
            server = DeskServer(app, "127.0.0.1", 0)
            servers.append(server)
            await server.start()
            context = await browser.new_context(base_url=f"http://127.0.0.1:{server.port}", viewport=SCREEN)
            return Floor(stage.city, exchange, context, app.state.claims)

        yield open_floor
    for server in servers:
        await server.stop()
    await exchange.stop()


@pytest.fixture
async def floor(opened: Opened) -> Floor:
    return await opened(CITY)
