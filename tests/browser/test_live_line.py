"""The page's one line to the server: cut without a word, given back while nobody looks, heard by all its scripts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, expect

from desk.app import create_app
from desk.live import Feed
from desk.server import DeskServer, bundle_ready
from switchboard.supervision import HelpAsked
from tests.browser.conftest import SCREEN, UNBUILT
from tests.browser.test_desk_page import open_desk
from tests.chromium import chromium, sign_in
from tests.desk_fakes import PASSWORD, Stage
from tests.eventually import PATIENCE_MS, until

pytestmark = pytest.mark.browser

#: As a browser tells a page that another tab is looked at.
TAB = """
let state = 'visible';
Object.defineProperty(document, 'visibilityState', { get: () => state });
window.looked = (now) => { state = now; document.dispatchEvent(new Event('visibilitychange')); };
"""


class Cable:
    """The network between the page and the server: while it is cut nothing passes, and nobody is told."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._whole = asyncio.Event()
        self._whole.set()
        self._running: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        for pair in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pass_on(*pair))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while said := await reader.read(65536):
                await self._whole.wait()
                writer.write(said)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def wired(stage: Stage) -> AsyncIterator[tuple[Page, Cable, Feed]]:
    """A page that nobody is signed in at yet, behind a cable."""
    assert bundle_ready(), UNBUILT
    app = create_app(stage.services)
    server = DeskServer(app, "127.0.0.1", 0)
    await server.start()
    cable = Cable(server.port)
    port = await cable.start()
    try:
        async with chromium() as browser:
            context = await browser.new_context(base_url=f"http://127.0.0.1:{port}", viewport=SCREEN)
            page = await context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            await page.add_init_script(TAB)
            yield page, cable, app.state.feed
    finally:
        await cable.close()
        await server.stop()


async def test_a_line_cut_without_a_word_is_noticed_and_nothing_is_lost_or_told_twice(stage: Stage) -> None:
    city = stage.city
    async with wired(stage) as (page, cable, feed):
        await page.clock.install()
        await open_desk(page)
        await city.arrive("c-1", "119", "13800001234")
        await city.ring("c-1", "1001")
        await city.answer("c-1", "1001")
        await city.say("c-1", "第一句")
        rows = page.locator("[data-test=utterance]")
        await expect(rows).to_have_count(1)
        cable.cut()
        for number in range(40):
            await city.say("c-1", f"断网时说的第{number}句")
        # Half a minute: the page has noticed, and asks again and again.
        for _ in range(3):
            await page.clock.run_for(10_000)
        await expect(page.locator("#live-state")).to_have_attribute("data-state", "off")
        await expect(rows).to_have_count(1)
        cable.mend()
        await expect(rows).to_have_count(41)
        await expect(rows.last).to_contain_text("断网时说的第39句")
        await city.say("c-1", "接上以后")
        await expect(rows).to_have_count(42)
        await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")
        # The lines that nobody reads any more are gone.
        await until(lambda: feed.pages == 1, "one line")


async def test_a_page_that_nobody_sees_gives_its_line_back_and_catches_up(stage: Stage) -> None:
    async with wired(stage) as (page, _cable, feed):
        await page.clock.install()
        await sign_in(page, "wang", PASSWORD, path="/missed")
        await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")
        # The page and its bars hear by the same line.
        assert feed.pages == 1
        await page.evaluate("looked('hidden')")
        await page.clock.run_for(11_000)
        await until(lambda: feed.pages == 0, "the line is given back")
        # A network that comes back is no reason to look.
        await page.evaluate("window.dispatchEvent(new Event('online'))")
        await page.clock.run_for(60_000)
        assert feed.pages == 0
        await stage.city.exchange.waits("m-1", "119", "13800001234")
        await stage.city.exchange.end("m-1")
        await stage.city.recalls.settle("m-1")
        await page.evaluate("looked('visible')")
        await until(lambda: feed.pages == 1, "the line is there again")
        await page.clock.run_for(2_000)
        await expect(page.locator("[data-test=nav-missed-count]")).to_have_text("1")


async def test_one_tab_of_those_that_hear_cries_for_help_keeps_its_line(stage: Stage) -> None:
    async with wired(stage) as (page, _cable, feed):
        await page.clock.install()
        await sign_in(page, "lin", PASSWORD, path="/missed")
        await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")
        other = await page.context.new_page()
        await other.add_init_script(TAB)
        await other.clock.install()
        await other.goto("/missed")
        await until(lambda: feed.pages == 2, "both are heard")
        await other.evaluate("looked('hidden')")
        await other.clock.run_for(11_000)
        await until(lambda: feed.pages == 1, "the second rests")
        # The first is closed: the second takes the cries over although nobody looks at it.
        await page.close()
        await until(lambda: feed.pages == 1, "the second has a line")
        await stage.city.arrive("c-1", "119", "13800001234")
        await stage.city.answer("c-1", "1001")
        async with stage.services.database.work() as work:
            work.record(HelpAsked(at=stage.clock.now(), call_id="c-1", agent="1001"))
        await expect(other.locator("[data-test=cry]")).to_be_visible()


async def test_a_call_takers_page_keeps_its_line_while_another_tab_is_looked_at(stage: Stage) -> None:
    async with wired(stage) as (page, _cable, feed):
        await page.clock.install()
        await open_desk(page)
        await page.evaluate("looked('hidden')")
        await page.clock.run_for(60_000)
        await stage.city.arrive("c-1", "119", "13800001234")
        await stage.city.ring("c-1", "1001")
        await expect(page.locator("[data-test=call-card]")).to_be_visible()
        assert feed.pages == 1
