"""Real calls with media on this machine: our CPU beside Asterisk's, and how soon a page sees a desk ring.

Callers and telephones are sipp's; every call is queued, answered, recorded three times and tapped on both legs.
Measured are our bridge with switchboard, media intake and live stream (recognition left out), Asterisk itself, and the
time from AgentCalled, by Asterisk's own clock, to CallRinging at a page's socket.
"""

import asyncio
import contextlib
import json
import math
import re
import statistics
import struct
import sys
import tempfile
import time
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiortp
import httpx
import psutil
from rich.progress import Progress
from rich.table import Table
from sqlalchemy import select

from bench import _calls_sipp as sipp
from bench._calls_site import WATCHER, asterisk, environment, site
from bench._command import command, console
from core.bus import Bus
from core.database import Database
from core.errors import HeyiError
from core.settings import Settings
from telephony.ami import Ami
from telephony.install import Server
from telephony.ledger import CallRow
from telephony.wire import Message

#: Calls that begin in one second.
RATE = 5
#: Seconds with all calls up in which CPU is counted.
WINDOW_S = 20
#: Recordings begin when the dialplan picks up, after its first steps: this much later than the call at most.
ALLOWED_S = 0.2
#: Of sound in one packet.
FRAME_S = 0.02
#: A row of Asterisk's table: bridge, channel, time up, codec, packets received.
_COUNTED = re.compile(r"\s*(?:[0-9a-f]{8} )?\s*(\S+)\s+\d\d:\d\d:\d\d\s+\w+\s+(\d+)")


@dataclass
class Seen:
    """When each call's desk rang, by Asterisk and at the page; and who was answered."""

    called: dict[str, float] = field(default_factory=dict)
    ringing: dict[str, float] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)

    def asterisk_says(self, message: Message) -> None:
        if message.get("Event") == "AgentCalled":
            self.called.setdefault(message["Uniqueid"], float(message["Timestamp"]))

    def page_says(self, kind: str, call_id: str, now: float) -> None:
        if kind == "CallRinging":
            self.ringing.setdefault(call_id, now)
        elif kind == "CallAnswered":
            self.answered.add(call_id)
        elif kind == "CallEnded":
            self.ended.add(call_id)

    @property
    def delays_ms(self) -> list[float]:
        both = self.called.keys() & self.ringing.keys()
        return sorted(1000 * (self.ringing[call] - self.called[call]) for call in both)


def voice(path: Path) -> None:
    """Eight seconds that rise and fall like speech, as raw A-law."""
    samples = [
        int(6000 * math.sin(n * 0.15) * math.sin(n * 0.0007) ** 2 + 1500 * math.sin(n * 0.61)) for n in range(64000)
    ]
    codec = aiortp.get_codec(8)
    path.write_bytes(b"".join(codec.encode(struct.pack("<160h", *samples[n : n + 160])) for n in range(0, 64000, 160)))


async def page(settings: Settings, seen: Seen) -> None:
    """A supervisor's page: takes what comes on the live stream."""
    base = f"http://{settings.host}:{settings.desk_port}"
    async with httpx.AsyncClient(base_url=base, headers={"Origin": base}, timeout=None, trust_env=False) as http:  # noqa: S113
        (await http.post("/api/login", json={"login": "supervisor", "password": "heyi-demo"})).raise_for_status()
        async with http.stream("GET", "/live") as stream:
            kind = ""
            async for line in stream.aiter_lines():
                now = time.time()
                if line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: ") and kind.startswith("Call"):
                    seen.page_says(kind, json.loads(line[6:]).get("call_id") or "", now)


class Ours:
    """The measured process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> "Ours":
        with (self._settings.data / "ours.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bench._calls_ours", stdout=asyncio.subprocess.PIPE, stderr=log,
                env=environment(self._settings),
            )  # fmt: skip
        assert self._process.stdout is not None  # noqa: S101
        while True:
            line = await asyncio.wait_for(self._process.stdout.readline(), 60)
            if line == b"ready\n":
                return self
            if not line:
                said = (self._settings.data / "ours.log").read_text().strip().splitlines()
                raise HeyiError(f"our side did not start: {(said or ['no output'])[-1]}")

    @property
    def pid(self) -> int:
        assert self._process is not None  # noqa: S101
        return self._process.pid

    async def legs(self) -> list[float]:
        """End it; seconds of audio that each tap brought."""
        assert self._process is not None  # noqa: S101
        self._process.terminate()
        said, _ = await asyncio.wait_for(self._process.communicate(), 30)
        return [float(each) for each in said.decode().strip().splitlines()[-1].split()]

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


async def measure(calls: int) -> dict[str, float]:
    with (
        tempfile.TemporaryDirectory(prefix="heyi-bench-") as name,
        Progress(console=console, transient=True) as progress,
    ):
        task = progress.add_task("starting Asterisk and our side", total=None)
        settings = site(Path(name), calls)
        server = asterisk(settings, desk_port=settings.trunk_port)
        server.start()
        running: list[sipp.Sipp] = []
        try:
            async with Ours(settings) as ours:
                run = Run(settings, server, ours, calls, running)
                return await run.measure(lambda text: progress.update(task, description=text))
        finally:
            for each in running:
                each.stop()
            server.stop()


@dataclass
class Run:
    """One measurement over a site that is up."""

    settings: Settings
    server: Server
    ours: Ours
    calls: int
    running: list[sipp.Sipp]
    seen: Seen = field(default_factory=Seen)

    async def measure(self, show: Callable[[str], object]) -> dict[str, float]:
        seen = self.seen
        watcher = Ami(
            host="127.0.0.1", port=self.settings.ami_port, user=WATCHER, secret=WATCHER,
            on_event=seen.asterisk_says, on_up=lambda: None, on_down=lambda: None,
        )  # fmt: skip
        await watcher.start()
        looking = asyncio.create_task(page(self.settings, seen))
        try:
            await asyncio.sleep(1)
            talk_s = self._dial()
            begun = self._cpu()
            show("calls begin")
            await self._until(seen.answered, "answered", 60)
            heard, up = await self._heard(), self._cpu()
            show(f"{self.calls} calls with media, three recordings and two taps each")
            await asyncio.sleep(WINDOW_S)
            down, gained = (
                self._cpu(),
                [now - heard.get(channel, now) for channel, now in (await self._heard()).items()],
            )
            show("calls end")
            await self._until(seen.ended, "ended", talk_s + 30)
            over = self._cpu()
            await asyncio.sleep(1)
            legs = await self.ours.legs()
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            await watcher.close()
        delays, shortfalls = seen.delays_ms, await recordings(self.settings)
        if len(delays) < self.calls:
            seen_by = f"{len(seen.called)} by Asterisk, {len(seen.ringing)} at the page"
            raise HeyiError(f"only {len(delays)} of {self.calls} rings were seen on both sides ({seen_by})")
        return {
            "calls": self.calls,
            "ours_core": _cores(up, down, 1),
            "ours_core_whole_run": _cores(begun, over, 1),
            "asterisk_core": _cores(up, down, 2),
            "p50_ms": round(statistics.median(delays), 1),
            "p95_ms": round(delays[math.ceil(0.95 * len(delays)) - 1], 1),
            "max_ms": round(delays[-1], 1),
            "recordings": len(shortfalls),
            "short_recordings": sum(short > ALLOWED_S for short in shortfalls),
            "worst_shortfall_s": round(max(shortfalls, default=0.0), 3),
            "window_s": round(down[0] - up[0], 2),
            "slowest_sound_s": round(min(gained, default=0) * FRAME_S, 2),
            "taps": len(legs),
            "shortest_tap_s": min(legs, default=0.0),
            "talked_s": talk_s,
        }

    def _dial(self) -> int:
        """Start telephones and callers; seconds that each call lasts."""
        settings, sound = self.settings, self.settings.data / "voice.alaw"
        voice(sound)
        # The same port at another address.
        self.running.append(sipp.desks(settings.data, sound, port=settings.trunk_port))
        talk_s = self.calls // RATE + WINDOW_S + 10
        self.running.append(
            sipp.callers(
                settings.data, sound, source=settings.trunk_port, target=settings.sip_port, line="119",
                calls=self.calls, rate=RATE, s=talk_s,
            )
        )  # fmt: skip
        return talk_s

    def _cpu(self) -> tuple[float, float, float]:
        """Now, and the CPU seconds used so far by our side and by Asterisk."""
        return time.monotonic(), _cpu_s(self.ours.pid), _cpu_s(self.server.pid() or 0)

    async def _heard(self) -> dict[str, int]:
        """Packets of sound that Asterisk has received so far, by channel.

        sipp paces its sound by a thread of its own; what it does not send in time cannot be in a recording.
        """
        table = await asyncio.to_thread(self.server.cli, "pjsip show channelstats")
        rows = [row.groups() for row in map(_COUNTED.match, table.splitlines()) if row is not None]
        return {channel: int(count) for channel, count in rows}

    async def _until(self, reached: set[str], what: str, limit_s: float) -> None:
        deadline = time.monotonic() + limit_s
        while len(reached) < self.calls:
            for each in self.running:
                each.check()
            if time.monotonic() > deadline:
                raise HeyiError(f"after {limit_s:.0f} s only {len(reached)} of {self.calls} calls are {what}")
            await asyncio.sleep(0.05)


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def _cores(start: tuple[float, float, float], end: tuple[float, float, float], whose: int) -> float:
    return round((end[whose] - start[whose]) / (end[0] - start[0]), 3)


async def recordings(settings: Settings) -> list[float]:
    """Of each of a call's three recordings: how many seconds it is shorter than the call, from arrival to end."""
    database = Database(settings.db_url, Bus())
    async with database.read() as session:
        rows = list(await session.scalars(select(CallRow)))
    await database.close()
    found: list[float] = []
    for row in rows:
        if row.ended_at is None:
            continue
        length = (row.ended_at - row.arrived_at).total_seconds()
        for part in ("", "-caller", "-agent"):
            file = settings.recordings / f"{row.id}{part}.wav"
            seconds = 0.0
            with contextlib.suppress(OSError, wave.Error, EOFError), wave.open(str(file)) as sound:
                seconds = sound.getnframes() / sound.getframerate()
            found.append(length - seconds)
    return found


def report(figures: dict[str, float]) -> None:
    table = Table("what", "measured", "goal", title=f"{figures['calls']:.0f} calls, {WINDOW_S} s with all of them up")
    table.add_row("our side, cores", f"{figures['ours_core']:.3f}", "≤ 0.25")
    table.add_row("our side over the whole run, cores", f"{figures['ours_core_whole_run']:.3f}", "")
    table.add_row("Asterisk, cores", f"{figures['asterisk_core']:.3f}", "")
    table.add_row("AgentCalled → page, p50 / max", f"{figures['p50_ms']:.1f} / {figures['max_ms']:.1f} ms", "")
    table.add_row("AgentCalled → page, p95", f"{figures['p95_ms']:.1f} ms", "≤ 100 ms")
    table.add_row(
        f"sound that reached Asterisk in {figures['window_s']:.2f} s, slowest channel",
        f"{figures['slowest_sound_s']:.2f} s", "",
    )  # fmt: skip
    table.add_row(
        "recordings shorter than their call", f"{figures['short_recordings']:.0f} of {figures['recordings']:.0f}", "0"
    )
    table.add_row("worst shortfall (the dialplan's first steps)", f"{figures['worst_shortfall_s']:.3f} s", "")
    table.add_row("taps / shortest", f"{figures['taps']:.0f} / {figures['shortest_tap_s']:.1f} s", "")
    console.print(table)


if __name__ == "__main__":
    command(__doc__, measure, report, name="calls", many="calls", what="calls at once", default=50)
