"""The call taker's page in a real Chromium: how soon a ringing call is painted while others talk, and what it weighs.

Asterisk, callers, telephones and our side are those of ``bench.calls`` (recognition left out); one desk more is a page
with its softphone. All calls talk; then callers ring the page, one after another, and hang up when it shows them.
"""

import asyncio
import math
import statistics
import tempfile
import time
import wave
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Browser, Page
from rich.progress import Progress
from rich.table import Table

from bench import _calls_sipp as sipp
from bench._calls_site import WATCHER, asterisk, site
from bench._command import command, console
from bench.calls import Ours, voice
from core.errors import HeyiError
from core.settings import Settings
from telephony.ami import Ami
from telephony.phone import Phone
from telephony.wire import Message
from tests.chromium import chromium, sign_in

#: Calls that ring the page, and after how many seconds one that was not painted is given up.
RINGS, LOST_S = 40, 20
#: Each page is loaded so often with an empty cache, and rendered so often by the server.
LOADS, RENDERS = 5, 60
#: The city's own; its login is one of the demonstration's.
DESK, LOGIN, PASSWORD = "1001", "agent1", "heyi-demo"
#: Pages, and who looks at them.
PAGES = {
    "/desk": LOGIN, "/callbacks": LOGIN, "/knowledge": LOGIN, "/wallboard": "supervisor", "/calls": "supervisor",
    "/department": "supervisor",
}  # fmt: skip
#: Notes when the card was on the screen, with line, number and the key to answer; and when all that the server knows of
#: the call was. The second frame begins when the first has been painted.
PAINTED = """
window.painted = [];
window.whole = [];
addEventListener('DOMContentLoaded', () => {
  const card = document.querySelector('[data-test=call-card]');
  if (!card) return;
  const note = (list) => requestAnimationFrame(() => requestAnimationFrame(() => list.push(Date.now() / 1000)));
  let shown = !card.hidden;
  let told = '';
  new MutationObserver(() => {
    if (!card.hidden && !shown) note(window.painted);
    shown = !card.hidden;
    const id = shown ? card.dataset.callId : '';
    if (id && id !== told) note(window.whole);
    told = id;
  }).observe(card, { attributes: true, attributeFilter: ['hidden', 'data-call-id'] });
});
"""


@dataclass
class Rung:
    """When Asterisk's queue rang the page's desk, by its own clock."""

    at: list[float] = field(default_factory=list)
    others: set[str] = field(default_factory=set)

    def asterisk_says(self, message: Message) -> None:
        if message.get("Event") == "AgentCalled":
            if DESK in message.get("Interface", ""):
                self.at.append(float(message["Timestamp"]))
            else:
                self.others.add(message["Uniqueid"])


async def measure(calls: int) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory(prefix="heyi-bench-") as name,
        Progress(console=console, transient=True) as progress,
    ):
        task = progress.add_task("starting Asterisk and our side", total=None)
        settings = site(Path(name), calls, page=True)
        server = asterisk(settings, desk_port=settings.trunk_port)
        server.start()
        running: list[sipp.Sipp] = []
        try:
            async with Ours(settings), chromium(microphone(settings)) as browser:
                progress.update(task, description="pages, with nobody calling")
                found: dict[str, Any] = {"calls": calls, "pages": await weights(browser, settings)}
                found["render_quiet"] = await rendering(settings)
                progress.update(task, description=f"{calls} calls begin")
                rung = Rung()
                watcher = Ami(
                    host="127.0.0.1", port=settings.ami_port, user=WATCHER, secret=WATCHER,
                    on_event=rung.asterisk_says, on_up=lambda: None, on_down=lambda: None,
                )  # fmt: skip
                await watcher.start()
                try:
                    running += dial(settings, calls)
                    await until(lambda: len(rung.others) >= calls, "calls are up", running)
                    progress.update(task, description=f"pages, while {calls} calls talk")
                    found["render_busy"] = await rendering(settings)
                    progress.update(task, description="calls ring the page", total=RINGS, completed=0)
                    delays = await rings(browser, settings, rung, lambda: progress.advance(task))
                finally:
                    await watcher.close()
                painted, whole = zip(*delays, strict=True)
                return {**found, **spread(painted), "whole": spread(whole), "rings": len(delays)}
        finally:
            for each in running:
                each.stop()
            server.stop()


def microphone(settings: Settings) -> Path:
    """A silence for the page's microphone."""
    file = settings.data / "silence.wav"
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(16000))
    return file


def dial(settings: Settings, calls: int) -> list[sipp.Sipp]:
    """Telephones, and callers who talk until everything is over."""
    sound = settings.data / "voice.alaw"
    voice(sound)
    desks = sipp.desks(settings.data, sound, port=settings.trunk_port)
    callers = sipp.callers(
        settings.data, sound, source=settings.trunk_port, target=settings.sip_port, line="119", calls=calls, rate=5,
        s=3600,
    )  # fmt: skip
    return [desks, callers]


async def rings(browser: Browser, settings: Settings, rung: Rung, done: Any) -> list[tuple[float, float]]:
    """From AgentCalled to the painted card of each call, and to all that is known of it, in milliseconds."""
    context = await browser.new_context(base_url=base(settings), viewport={"width": 1366, "height": 768})
    page = await context.new_page()
    await page.add_init_script(PAINTED)
    await sign_in(page, LOGIN, PASSWORD, path="/desk")
    await page.locator("[data-test=phone-state][data-state=registered]").wait_for()
    await page.click("[data-test=ready]")
    await page.locator("[data-test=agent-state][data-state=ready]").wait_for()
    exchange = Phone(
        "exchange", host=sipp.CALLERS, port=settings.trunk_port + 1, rtp_start=45000,
        registrar=("127.0.0.1", settings.sip_port), password="",
    )  # fmt: skip
    await exchange.start()
    try:
        return [await ring(page, exchange, rung, number, done) for number in range(RINGS)]
    finally:
        await exchange.close()
        await context.close()


async def ring(page: Page, exchange: Phone, rung: Rung, number: int, done: Any) -> tuple[float, float]:
    """One caller, who hangs up when the page has painted everything and rings no more."""
    rung.at.clear()
    await page.evaluate("window.painted.length = window.whole.length = 0")
    # Asterisk takes every call up before it queues it.
    call = await exchange.call("119", caller=f"1390000{number:04d}")
    try:
        await page.wait_for_function("() => painted.length > 0 && whole.length > 0", timeout=LOST_S * 1000)
        painted, whole = await page.evaluate("[painted[0], whole[0]]")
    finally:
        await call.hang_up()
    await page.locator("[data-test=call-card]").wait_for(state="hidden")
    # The next one does not fall on the tail of this one.
    await asyncio.sleep(0.5)
    done()
    return 1000 * (float(painted) - rung.at[0]), 1000 * (float(whole) - rung.at[0])


async def weights(browser: Browser, settings: Settings) -> dict[str, dict[str, float]]:
    """Of each page with an empty cache: bytes over the wire, requests, first paint in milliseconds (median)."""
    found: dict[str, dict[str, float]] = {}
    for path, login in PAGES.items():
        loads = [await load(browser, settings, path, login) for _ in range(LOADS)]
        found[path] = {
            "wire_kb": round(loads[0][0] / 1024, 1),
            "requests": loads[0][1],
            "first_paint_ms": round(statistics.median(paint for _, _, paint in loads), 1),
        }
    return found


async def load(browser: Browser, settings: Settings, path: str, login: str) -> tuple[int, int, float]:
    """A person's first sight of a page: in a context without a cache, signed in without having seen a page."""
    context = await browser.new_context(base_url=base(settings), viewport={"width": 1366, "height": 768})
    signed = await context.request.post(
        "/api/login", data={"login": login, "password": PASSWORD}, headers={"Origin": base(settings)}
    )
    if not signed.ok:
        raise HeyiError(f"{login} could not sign in: {signed.status}")
    page = await context.new_page()
    network = await context.new_cdp_session(page)
    await network.send("Network.enable")
    wire: list[float] = []
    network.on("Network.loadingFinished", lambda event: wire.append(event["encodedDataLength"]))
    await page.goto(path, wait_until="load")
    await page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length > 0")
    # Modules of modules.
    await asyncio.sleep(1)
    paint = await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    await context.close()
    return int(sum(wire)), len(wire), float(paint)


async def rendering(settings: Settings) -> dict[str, dict[str, float]]:
    """How long the server takes for each page, connection kept, in milliseconds."""
    found: dict[str, dict[str, float]] = {}
    origin = {"Origin": base(settings)}
    async with httpx.AsyncClient(base_url=base(settings), headers=origin, trust_env=False, timeout=60) as http:
        for path, login in PAGES.items():
            (await http.post("/api/login", json={"login": login, "password": PASSWORD})).raise_for_status()
            took = []
            for _ in range(RENDERS + 1):
                began = time.perf_counter()
                (await http.get(path)).raise_for_status()
                took.append(1000 * (time.perf_counter() - began))
            found[path] = spread(took[1:])
    return found


def spread(times: Sequence[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "p50_ms": round(statistics.median(ordered), 1),
        "p95_ms": round(ordered[math.ceil(0.95 * len(ordered)) - 1], 1),
    }


def base(settings: Settings) -> str:
    return f"http://{settings.host}:{settings.desk_port}"


async def until(reached: Any, what: str, running: Sequence[sipp.Sipp], limit_s: float = 120) -> None:
    deadline = time.monotonic() + limit_s
    while not reached():
        for each in running:
            each.check()
        if time.monotonic() > deadline:
            raise HeyiError(f"after {limit_s:.0f} s it was not yet so: {what}")
        await asyncio.sleep(0.05)


def report(figures: dict[str, Any]) -> None:
    table = Table("what", "measured", "goal", title=f"{figures['calls']} calls talk, {figures['rings']} ring the page")
    table.add_row("AgentCalled → painted card, p50", f"{figures['p50_ms']:.0f} ms", "")
    table.add_row("AgentCalled → painted card, p95", f"{figures['p95_ms']:.0f} ms", "≤ 250 ms")
    table.add_row("… with all that is known, p50 / p95", "{p50_ms:.0f} / {p95_ms:.0f} ms".format(**figures["whole"]))
    for path, page in figures["pages"].items():
        goal = "≤ 400 KB" if path == "/desk" else ""
        table.add_row(f"{path}: over the wire", f"{page['wire_kb']:.0f} KB, {page['requests']} requests", goal)
        table.add_row(f"{path}: first paint", f"{page['first_paint_ms']:.0f} ms", "")
        quiet, busy = figures["render_quiet"][path], figures["render_busy"][path]
        table.add_row(f"{path}: server, p50 / p95", f"{quiet['p50_ms']} / {quiet['p95_ms']} ms", "≤ 30 ms")
        table.add_row(f"{path}: server, while all talk", f"{busy['p50_ms']} / {busy['p95_ms']} ms", "")
    console.print(table)


if __name__ == "__main__":
    command(__doc__, measure, report, name="desk", many="calls", what="calls that talk meanwhile", default=50)
