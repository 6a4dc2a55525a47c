"""Open screens on one process: how soon an event reaches each, what they cost, and that a cut of 30 s loses nothing.

Fifty calls talk (fifty partial texts and ten utterances a second) and callers come and go, over a city in memory. The
screens are the live streams of call takers', supervisors' and departments' pages, read by this process over real
sockets. Delays are from the time in the event, by the same clock, until the screen's socket had it.
"""

import asyncio
import json
import math
import re
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import httpx
import psutil
from rich.progress import Progress
from rich.table import Table

from bench._command import command, console
from core.errors import HeyiError
from telephony.dialplan import free_ports
from tests.desk_fakes import PASSWORD

#: Who looks besides call takers, each of whom has a desk: of eight screens two are supervisors', one a department's.
OTHERS = {5: "lin", 6: "lin", 7: "fire"}
#: Seconds of each window, and of the cut.
WINDOW_S, CUT_S = 20, 30
#: After which a screen that has not caught up never will.
LIMIT_S = 60
#: One screen in so many reads the time in what it gets; doing so for all would take this process more than the server.
TIMED = 10
_EVENT = re.compile(rb"(?:id: (?P<number>\d+)\n)?event: (?P<kind>\w+)\ndata: (?P<data>.*)")
#: Of the stream itself, no events.
_OURS = frozenset({b"hello", b"reset", b"alive"})


class Screen(asyncio.Protocol):
    """One page's live stream, read as EventSource does: it goes on after the last number that it has."""

    def __init__(self, login: str, cookies: httpx.Cookies, port: int, *, timed: bool) -> None:
        self.login, self._cookies = login, cookies
        self._cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        self._port, self._timed = port, timed
        #: Number of the last event that it has.
        self.last: int | None = None
        self.seen: list[int] = []
        self.frames = 0
        self.delays: list[float] = []
        self.stands = False
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def beside(self) -> "Screen":
        return Screen(self.login, self._cookies, self._port, timed=False)

    async def open(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._port)

    def cut(self) -> None:
        """Its socket is gone."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport, self._rest, self.stands = transport, b"", False
        after = "" if self.last is None else f"?after={self.last}"
        host = f"Host: 127.0.0.1:{self._port}"
        transport.write(f"GET /live{after} HTTP/1.1\r\n{host}\r\nCookie: {self._cookie}\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        *whole, self._rest = (self._rest + data).split(b"\n\n")
        now = time.time()
        for frame in whole:
            if said := _EVENT.search(frame):
                self._take(said["kind"], said["number"], said["data"], now)

    def _take(self, kind: bytes, number: bytes | None, data: bytes, now: float) -> None:
        self.stands = True
        if number is not None:
            self.last = int(number)
        if kind in _OURS:
            return
        self.frames += 1
        if number is not None:
            self.seen.append(int(number))
        if self._timed:
            self.delays.append(1000 * (now - datetime.fromisoformat(json.loads(data)["at"]).timestamp()))


def logins(screens: int) -> list[str]:
    return [OTHERS.get(number % 8, f"desk{number // 8 * 5 + number % 8}") for number in range(screens)]


async def signed_in(port: int, who: Sequence[str]) -> dict[str, httpx.Cookies]:
    base = f"http://127.0.0.1:{port}"
    found = {}
    for login in dict.fromkeys(who):
        async with httpx.AsyncClient(base_url=base, headers={"Origin": base}, trust_env=False) as http:
            (await http.post("/api/login", json={"login": login, "password": PASSWORD})).raise_for_status()
            found[login] = http.cookies
    return found


async def measure(screens: int) -> dict[str, Any]:
    (port,) = free_ports(1)
    ours = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench._screens_ours", str(port), stdout=asyncio.subprocess.PIPE
    )
    opened: list[Screen] = []
    try:
        if ours.stdout is None or await asyncio.wait_for(ours.stdout.readline(), LIMIT_S) != b"ready\n":
            raise HeyiError("our side did not start")
        process, who = psutil.Process(ours.pid), logins(screens)
        cookies = await signed_in(port, who)
        found: dict[str, Any] = {"screens": screens, "windows": []}
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("", total=None)
            # The same again with fewer, so that its growth is seen in one run.
            for many in sorted({1, max(1, screens // 4), screens}):
                progress.update(task, description=f"{many} screens look on for {WINDOW_S} s")
                while len(opened) < many:
                    login = who[len(opened)]
                    opened.append(Screen(login, cookies[login], port, timed=len(opened) % TIMED == 0))
                    await opened[-1].open()
                await until(lambda: all(screen.stands for screen in opened), "all streams stand")
                found["windows"].append(await window(opened, process))
            progress.update(task, description=f"a cut of {CUT_S} s")
            found["cut"] = await cut(opened, process)
        return found
    finally:
        for screen in opened:
            screen.cut()
        if ours.returncode is None:
            ours.terminate()
            await ours.wait()


async def window(screens: Sequence[Screen], process: psutil.Process) -> dict[str, float]:
    """What happens in ``WINDOW_S`` seconds while these look on."""
    for screen in screens:
        screen.delays.clear()
        screen.frames = 0
    before, at = sum(process.cpu_times()[:2]), time.monotonic()
    await asyncio.sleep(WINDOW_S)
    spent = sum(process.cpu_times()[:2]) - before
    delays = sorted(delay for screen in screens for delay in screen.delays)
    if not delays:
        raise HeyiError("nothing reached any screen")
    return {
        "screens": len(screens),
        "frames_a_second": round(sum(screen.frames for screen in screens) / WINDOW_S, 1),
        "p50_ms": round(statistics.median(delays), 1),
        "p95_ms": round(delays[math.ceil(0.95 * len(delays)) - 1], 1),
        "max_ms": round(delays[-1], 1),
        "core": round(spent / (time.monotonic() - at), 3),
        "memory_mb": round(process.memory_info().rss / 1e6, 1),
    }


async def cut(screens: Sequence[Screen], process: psutil.Process) -> dict[str, float]:
    """All lose their line at once and come back at once.

    Beside each stands another of the same person that stays, and says what there was to hear.
    """
    staying = {screen.login: screen.beside() for screen in screens}
    await asyncio.gather(*(screen.open() for screen in staying.values()))
    await until(lambda: all(screen.stands for screen in staying.values()), "all streams stand")
    leaving = screens
    for screen in leaving:
        screen.cut()
    await asyncio.sleep(CUT_S)
    before, at = sum(process.cpu_times()[:2]), time.monotonic()
    goal = {login: screen.seen[-1] if screen.seen else 0 for login, screen in staying.items()}
    await asyncio.gather(*(screen.open() for screen in leaving))
    await until(lambda: all((screen.last or 0) >= goal[screen.login] for screen in leaving), "all have caught up")
    caught_up = time.monotonic() - at
    spent = sum(process.cpu_times()[:2]) - before
    # Until the same event has reached all.
    await asyncio.sleep(2)
    lost = doubled = missed = 0
    for screen in leaving:
        beside = staying[screen.login]
        due = {number for number in beside.seen if number <= goal[screen.login]}
        lost += len(due - set(screen.seen))
        doubled += len(screen.seen) - len(set(screen.seen))
        missed = max(missed, len(due))
    return {
        "screens": len(leaving), "cut_s": CUT_S, "events_each": missed, "lost": lost, "doubled": doubled,
        "caught_up_s": round(caught_up, 2), "core_s": round(spent, 2),
    }  # fmt: skip


async def until(reached: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not reached():
        if time.monotonic() > deadline:
            raise HeyiError(f"after {LIMIT_S} s it was not yet so: {what}")
        await asyncio.sleep(0.01)


def report(figures: dict[str, Any]) -> None:
    table = Table("screens", "frames / s", "p50 ms", "p95 ms", "max ms", "cores", "MB", title="50 calls talk")
    for row in figures["windows"]:
        table.add_row(*(str(row[name]) for name in (
            "screens", "frames_a_second", "p50_ms", "p95_ms", "max_ms", "core", "memory_mb",
        )))  # fmt: skip
    console.print(table)
    after = figures["cut"]
    console.print(
        f"After a cut of {after['cut_s']} s: {after['screens']} screens, {after['events_each']} events each at most, "
        f"{after['lost']} lost, {after['doubled']} doubled, all caught up after {after['caught_up_s']} s "
        f"({after['core_s']} s of a core)",
        highlight=False,
    )


if __name__ == "__main__":
    command(__doc__, measure, report, name="screens", many="screens", what="open screens", default=200)
