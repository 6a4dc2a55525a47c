"""Many callers at once before a voice on the real Asterisk: does each reach somebody, and how soon does a key act?

Callers walk the city's default flow: some press 0, some ask for their ticket's progress and urge it, some say nothing,
some hang up on the way, some press 9. Each that stays must come to a person or to an answer. Measured at the caller's
telephone: from the moment at which a key is let go to the first packet of what comes of it (the next prompt; after 9
the emergency queue's ringing). Recognition is left out. Then the same callers meet the same menu made of the dialplan
alone (Background, WaitExten, Read), which looks nothing up: what Asterisk itself takes is the limit.
"""

import asyncio
import contextlib
import json
import math
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from rich.progress import Progress
from rich.table import Table

from bench._calls_sipp import CALLERS, DESKS
from bench._command import command, console
from bench._ivr_ours import caller, figures
from bench._ivr_phones import OTHER, Ended, Leg, Phones, desks
from bench._ivr_site import LINE, PEER, PERSON, asterisk, city_of, environment, prompts_of, site
from core.errors import HeyiError
from core.settings import Settings
from telephony.install import Server

#: Callers that begin in one second.
RATE = 25
#: A caller who has heard nothing of what must come for so long is lost.
PATIENCE_S = 120.0
#: Callers that are not counted, and the number of the first of them.
WARM, WARM_FIRST = 10, 9000
GOAL_MS = 150.0
#: Of ten callers.
MIX = ("zero", "zero", "zero", "progress", "progress", "progress-zero", "silent", "silent", "leaves", "emergency")


@dataclass
class Walked:
    """What became of one caller: ``person``, ``answer``, ``left`` (of his own), ``lost``; and how soon keys acted."""

    kind: str
    end: str = "lost"
    why: str = ""
    #: A person came before the flow had run its course: the dialplan went on without us.
    cut_short: bool = False
    #: What the key asked for (``prompt``, ``look-up``, ``emergency``), and seconds.
    responses: list[tuple[str, float]] = field(default_factory=list)


class Person(Exception):
    """A person is on the line, sooner than was looked for."""


class Caller:
    """One caller with a mind of his own."""

    def __init__(self, leg: Leg, codes: dict[str, int], chance: random.Random, walked: Walked) -> None:
        self._leg, self._codes, self._chance, self._walked = leg, codes, chance, walked

    async def hears(self, prompt: str) -> None:
        await self._until((self._codes[prompt],))

    async def reaches(self) -> None:
        """A person."""
        with contextlib.suppress(Person):
            await self._until((PERSON,))

    async def _until(self, wanted: Collection[int]) -> float:
        """Whoever is put through to a person on the way has come to one, and says no more."""
        if self._leg.hears == PERSON:
            raise Person
        at = await self._leg.until({*wanted, PERSON}, PATIENCE_S)
        if self._leg.hears == PERSON and PERSON not in wanted:
            raise Person
        return at

    async def waits(self, least: float, most: float) -> None:
        await asyncio.sleep(self._chance.uniform(least, most))

    async def presses(self, digit: str, what: str, wanted: Collection[int]) -> None:
        """A key after which one of these is to be heard."""
        while not self._leg.changes.empty():
            self._leg.changes.get_nowait()
        let_go = await self._leg.press(digit)
        self._walked.responses.append((what, await self._until(wanted) - let_go))

    async def walk(self, kind: str, ticket: str) -> str:
        """How it ended."""
        try:
            return await self._walk(kind, ticket)
        except Person:
            self._walked.cut_short = True
            return "person"

    async def _walk(self, kind: str, ticket: str) -> str:
        await self.hears("welcome/greeting")
        if kind == "leaves":
            await self.waits(1, 9)
            return "left"
        if kind == "silent":
            await self.hears("welcome/wait")
        elif kind == "emergency":
            await self.waits(0.5, 5)
            await self.presses("9", "emergency", (OTHER, PERSON))
        elif kind == "zero":
            await self.waits(0.5, 6)
            await self.presses("0", "prompt", (self._codes["welcome/person"],))
        else:
            await self._progress(ticket)
            if kind == "progress":
                return "answer"
            await self.presses("0", "prompt", (self._codes["progress/person"], self._codes["welcome/person"]))
        await self.reaches()
        await asyncio.sleep(0.5)
        return "person"

    async def _progress(self, ticket: str) -> None:
        await self.waits(0.5, 6)
        await self.presses("1", "prompt", (self._codes["progress/number"],))
        await self.waits(0.5, 2)
        for digit in ticket:
            await self._leg.press(digit)
            await asyncio.sleep(0.15)
        await self.presses("#", "look-up", (self._codes["progress/found"],))
        await self.hears("progress/what")
        await self.waits(0.5, 3)
        await self.presses("1", "look-up", (self._codes["progress/urged"],))
        await self.hears("progress/more")
        await self.waits(0.5, 2)


async def one(phones: Phones, number: int, line: str, kind: str, codes: dict[str, int]) -> Walked:
    walked, leg = Walked(kind), None
    try:
        leg = await phones.dial(caller(number), line)
        walked.end = await Caller(leg, codes, random.Random(number), walked).walk(kind, figures(number))  # noqa: S311
    except Ended as error:
        walked.why = f"{kind}: {error}"
    finally:
        if leg is not None:
            phones.hang_up(leg)
    return walked


@dataclass
class Ours:
    """The measured process."""

    settings: Settings
    callers: int
    process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> "Ours":
        with (self.settings.data / "ours.log").open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bench._ivr_ours", str(self.callers), str(WARM_FIRST), str(WARM),
                stdout=asyncio.subprocess.PIPE, stderr=log, env=environment(self.settings),
            )  # fmt: skip
        assert self.process.stdout is not None  # noqa: S101
        while (line := await asyncio.wait_for(self.process.stdout.readline(), 120)) != b"ready\n":
            if not line:
                said = (self.settings.data / "ours.log").read_text().strip().splitlines()
                raise HeyiError(f"our side did not start: {(said or ['no output'])[-1]}")
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None  # noqa: S101
        return self.process.pid

    async def told(self) -> dict[str, object]:
        """End it; what it has counted."""
        assert self.process is not None  # noqa: S101
        self.process.terminate()
        said, _ = await asyncio.wait_for(self.process.communicate(), 60)
        found: dict[str, object] = json.loads(said.decode().strip().splitlines()[-1])
        return found

    async def __aexit__(self, *_: object) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


@dataclass
class Phase:
    """All callers of one menu."""

    walked: list[Walked]
    seconds: float
    #: Cores that were used by each: ours, asterisk, callers.
    cores: dict[str, float]

    def responses(self, what: str = "") -> list[float]:
        """Milliseconds, in order."""
        return sorted(1000 * s for one in self.walked for kind, s in one.responses if what in ("", kind))

    def ends(self) -> Counter[str]:
        return Counter(one.end for one in self.walked)


async def measure(sessions: int) -> dict[str, object]:
    with (
        tempfile.TemporaryDirectory(prefix="heyi-bench-") as name,
        Progress(console=console, transient=True) as progress,
    ):
        task = progress.add_task("starting Asterisk and our side", total=None)
        settings = site(Path(name), sessions)
        city = city_of(settings)
        codes = prompts_of(settings, city).codes
        exchange = (settings.host, settings.sip_port)
        callers, people = (
            Phones(CALLERS, settings.trunk_port, exchange),
            desks(DESKS, settings.trunk_port, exchange),
        )
        server = asterisk(settings, city, settings.trunk_port)
        server.start()
        try:
            async with Ours(settings, sessions) as ours:
                callers.start()
                people.start()
                await asyncio.sleep(1)

                async def phase(line: str, first: int, title: str, count: int = sessions) -> Phase:
                    progress.update(task, description=title, total=count, completed=0)
                    return await _phase(
                        callers, server, ours, line, first, count, codes, lambda: progress.advance(task)
                    )

                # Every statement is prepared, every module loaded, before anything is counted.
                await phase(LINE, WARM_FIRST, "warming up", WARM)
                flow = await phase(LINE, 0, f"{sessions} callers before the voice")
                await asyncio.sleep(3)
                # Other callers, whose tickets nobody asks for.
                peer = await phase(PEER, 50_000_000, f"{sessions} callers before the dialplan alone")
                await asyncio.sleep(1)
                told = await ours.told()
        finally:
            await callers.close()
            await people.close()
            server.stop()
        return {
            **_figures(flow, peer), "sessions": sessions, "at_once": told["peak"],
            **{name: told[name] for name in ("loop_late_ms", "loop_late_p95_ms", "journal_lost")},
            "journal_ends": told["ends"], "journal_steps": told["steps"],
            "callers_late_ms": round(1000 * callers.late, 1), "load_1m": round(os.getloadavg()[0], 1),
        }  # fmt: skip


async def _phase(
    callers: Phones, server: Server, ours: Ours, line: str, first: int, count: int, codes: dict[str, int],
    done: Callable[[], None],
) -> Phase:  # fmt: skip
    pids = {"ours": ours.pid, "asterisk": server.pid() or 0, "callers": os.getpid()}
    before, begun = {who: _cpu_s(pid) for who, pid in pids.items()}, time.monotonic()

    async def after(number: int) -> Walked:
        await asyncio.sleep(number / RATE)
        walked = await one(callers, first + number, line, MIX[number % len(MIX)], codes)
        done()
        return walked

    walked = await asyncio.gather(*(after(number) for number in range(count)))
    took = time.monotonic() - begun
    return Phase(walked, took, {who: round((_cpu_s(pid) - before[who]) / took, 3) for who, pid in pids.items()})


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def _figures(flow: Phase, peer: Phase) -> dict[str, object]:
    found: dict[str, object] = {"lost": flow.ends()["lost"], "peer_lost": peer.ends()["lost"]}
    found["cut_short"] = sum(one.cut_short for one in flow.walked)
    for name, phase in (("", flow), ("peer_", peer)):
        found |= {f"{name}{end}": phase.ends()[end] for end in ("person", "answer", "left")}
        for what in ("", "prompt", "look-up", "emergency"):
            of = phase.responses(what)
            kind = f"_{what.replace('-', '_')}" if what else ""
            found |= {
                f"{name}p50{kind}_ms": _rank(of, 0.5), f"{name}p95{kind}_ms": _rank(of, 0.95),
                f"{name}responses{kind}": len(of),
            }  # fmt: skip
        found[f"{name}max_ms"] = _rank(phase.responses(), 1.0)
        found |= {f"{name}{who}_cores": cores for who, cores in phase.cores.items()}
        found[f"{name}seconds"] = round(phase.seconds, 1)
    found["why_lost"] = [one.why for one in (*flow.walked, *peer.walked) if one.end == "lost"][:10]
    return found


def _rank(of: Sequence[float], share: float) -> float | None:
    if not of:
        return None
    return round(statistics.median(of) if share == 0.5 else of[math.ceil(share * len(of)) - 1], 1)


def report(found: dict[str, object]) -> None:
    title = f"{found['sessions']} callers, {found['at_once']} at once before the voice; load {found['load_1m']}"
    table = Table("what", "voice", "dialplan alone", "goal", title=title)
    table.add_row("lost", str(found["lost"]), str(found["peer_lost"]), "0")
    ends = [" / ".join(str(found[f"{name}{end}"]) for end in ("person", "answer", "left")) for name in ("", "peer_")]
    table.add_row("to a person / an answer / hung up on the way", *ends)
    kinds = (("", "all keys"), ("_prompt", "key → next prompt"), ("_look_up", "key → look-up → prompt"),
             ("_emergency", "9 → emergency queue"))  # fmt: skip
    for kind, words in kinds:
        shown = [
            f"{found[f'{name}p50{kind}_ms']} / {found[f'{name}p95{kind}_ms']} ms ({found[f'{name}responses{kind}']})"
            for name in ("", "peer_")
        ]
        table.add_row(f"{words}: p50 / p95", *shown, f"p95 ≤ {GOAL_MS:.0f} ms" if not kind else "")
    for who, words in (("ours", "our side"), ("asterisk", "Asterisk"), ("callers", "callers and desks")):
        table.add_row(f"{words}, cores", str(found[f"{who}_cores"]), str(found[f"peer_{who}_cores"]))
    table.add_row("put through by the dialplan, our side late", str(found["cut_short"]), "", "0")
    table.add_row("our loop late, p95 / at most", f"{found['loop_late_p95_ms']} / {found['loop_late_ms']} ms", "")
    table.add_row("rows of the journal lost", str(found["journal_lost"]), "", "0")
    console.print(table)
    for why in found["why_lost"]:  # type: ignore[attr-defined]
        console.print(f"lost: {why}", markup=False, highlight=False)


if __name__ == "__main__":
    command(__doc__, measure, report, name="ivr", many="sessions", what="callers at once", default=100)
