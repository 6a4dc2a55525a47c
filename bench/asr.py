"""Live calls in real time through the real recognition: how long after the end of speech its final text is there.

Both sides of every call talk in turn, with pauses and some overlap. Their sound comes over the media socket as Asterisk
brings it, goes through ears, decode processes with the city's engine, and SQLite; events are timed on the bus. The end
of speech is where the sound itself ends, not where the detector noticed.
"""

import argparse
import asyncio
import json
import logging
import math
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import structlog
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from asr import models
from asr.decode.pool import Pool
from asr.events import UtteranceHeard, UtterancePartial
from asr.live.ears import Ears
from asr.live.sound import read_recording
from asr.recognition import Pcm
from asr.words import overlay
from bench._asr_talk import Leg, conversation
from core.bus import Bus
from core.city import City
from core.cityfile import load_city
from core.clock import SystemClock
from core.database import Database
from core.errors import HeyiError
from core.events import Event
from core.settings import Settings
from heyi.demo.script import read
from heyi.demo.voices import CALL_TAKER, CALLERS
from ivr import voice_model
from ivr.voice import Voice
from telephony.dialplan import free_ports
from telephony.media import MediaServer

#: Finals that are still on their way when the last sound was heard have this long.
_DRAIN_S = 120.0
#: Above this load of the machine, figures say more about what else runs on it.
_QUIET = 0.5
_ROOT = Path(__file__).resolve().parent.parent
console = Console(stderr=True)

Turns = Sequence[tuple[bool, Pcm]]


@dataclass
class Heard:
    """What came out of the ears, with the moment it came, on the machine's steady clock."""

    finals: list[tuple[float, UtteranceHeard]] = field(default_factory=list)
    partials: list[tuple[float, UtterancePartial]] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        if isinstance(event, UtteranceHeard):
            self.finals.append((time.monotonic(), event))
        elif isinstance(event, UtterancePartial) and event.text:
            self.partials.append((time.monotonic(), event))


def spoken(city: City, city_folder: Path, settings: Settings) -> list[Turns]:
    """The calls of the city's demonstration, spoken once and then kept in the cache."""
    voice = Voice(voice_model.ensure(settings.cache), settings.cache)
    dialogues = read(city_folder / "demo.jsonl", city)
    found: list[Turns] = []
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("speaking the calls", total=sum(len(each.turns) for each in dialogues))
        for index, dialogue in enumerate(dialogues):
            turns: list[tuple[bool, Pcm]] = []
            for turn in dialogue.turns:
                speaker = CALLERS[index % len(CALLERS)] if turn.who == "C" else CALL_TAKER
                turns.append((turn.who == "C", _telephone(voice.wav8k(turn.text, speaker))))
                progress.advance(task)
            found.append(turns)
    return found


def recorded(folder: Path) -> list[Turns]:
    """Every WAV file of a folder as one turn, caller and call taker in alternation."""
    files = sorted(folder.glob("*.wav"))
    if not files:
        raise HeyiError(f"no .wav file lies in {folder}", hint="one turn of speech in each, 16-bit mono")
    return [[(number % 2 == 0, _telephone(file)) for number, file in enumerate(files)]]


def _telephone(file: Path) -> Pcm:
    """A recording at 8 kHz. It is read at 16 kHz, where every second sample of an 8 kHz file is the file's own."""
    return read_recording(file)[::2]


class Bench:
    """One pool for all measurements, as in service; ears, database and media intake anew for each."""

    def __init__(
        self, city: City, city_folder: Path, settings: Settings, calls: Sequence[Turns], seconds: float
    ) -> None:
        self._city, self._settings, self._calls, self._seconds = city, settings, calls, seconds
        model = models.require(city.profile.asr_model, settings.cache)
        words = (city_folder.resolve(), settings.data.resolve() / overlay.FILE) if city.profile.asr_words else None
        self._pool = Pool(city.profile.asr_engine, model, settings.asr_workers, words=words)

    async def __aenter__(self) -> "Bench":
        await self._pool.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    async def run(self, calls: int, progress: Progress) -> dict[str, float]:
        """Figures of so many calls at once; every third is an emergency."""
        ids = [f"bench-{number}" for number in range(calls)]
        urgent = set(ids[::3])
        with tempfile.TemporaryDirectory(prefix="heyi-bench-") as name:
            folder = Path(name)
            legs: dict[tuple[str, str], Leg] = {}
            for number, call in enumerate(ids):
                pair = conversation(self._calls[number % len(self._calls)], self._seconds, seed=number)
                legs[call, "caller"], legs[call, "agent"] = pair
            bus = Bus()
            heard = Heard()
            bus.listen(heard)
            database = Database(f"sqlite+aiosqlite:///{folder / 'heyi.db'}", bus)
            await database.create_all()
            ears = Ears(bus, database, SystemClock(), self._pool, urgent.__contains__)
            await ears.start()
            (port,) = free_ports(1)
            media = MediaServer(port, ears)
            await media.start()
            loads, before, cpu = os.getloadavg()[0], self._pool.state(), self._cpu()
            try:
                began, cores, memory = await self._play(port, media, legs, folder, ears, progress, cpu)
            finally:
                await media.close()
                await ears.close()
                await database.close()
                await bus.close()
            after = self._pool.state()
            done = Counter(after.decoded)
            done.subtract(before.decoded)
            return {
                "calls": calls,
                "load_before": round(loads, 2),
                "speaking": round(sum(over - begun for leg in legs.values() for begun, over in leg.spoken)
                                  / self._seconds, 2),
                **timed(heard, legs, began, urgent),
                "open_at_the_end": ears.backlog(),
                "lost": after.failed - before.failed + ears.backlog(),
                "decoded_final": done["final"],
                "decoded_pause": done["pause"],
                "decoded_partial": done["partial"],
                "shed": after.shed - before.shed,
                "replaced": after.replaced - before.replaced,
                **cores,
                "memory_mb": memory,
            }  # fmt: skip

    async def _play(
        self, port: int, media: MediaServer, legs: dict[tuple[str, str], Leg], folder: Path, ears: Ears,
        progress: Progress, cpu: tuple[float, float],
    ) -> tuple[float, dict[str, float], float]:  # fmt: skip
        """The steady clock at the first sample; cores used by heyi and by the decode processes; megabytes."""
        orders = []
        for number, ((call, leg), what) in enumerate(legs.items()):
            file = folder / f"{number}.raw"
            file.write_bytes(what.pcm.astype("<i2").tobytes())
            orders.append(json.dumps([media.expect(call, "caller" if leg == "caller" else "agent"), str(file)]))
        lines = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench._asr_lines", str(port), cwd=_ROOT,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert lines.stdin is not None and lines.stdout is not None  # noqa: S101
        try:
            lines.stdin.write("\n".join(orders).encode())
            lines.stdin.close()
            began = float((await asyncio.wait_for(lines.stdout.readline(), 60)).decode() or "nan")
            if math.isnan(began):
                raise HeyiError("the benchmark's lines did not connect", hint="their own message stands above")
            task = progress.add_task(f"{len(legs) // 2} calls", total=self._seconds)
            memory = 0.0
            while lines.returncode is None:
                progress.update(task, completed=time.monotonic() - began)
                memory = max(memory, self._memory_mb())
                await asyncio.sleep(1)
            used = self._cpu()
            took = time.monotonic() - began
            deadline = time.monotonic() + _DRAIN_S
            while ears.backlog() and time.monotonic() < deadline:  # noqa: ASYNC110  the ears tell nobody
                await asyncio.sleep(0.1)
            progress.remove_task(task)
        finally:
            if lines.returncode is None:
                lines.kill()
                await lines.wait()
        names = ("heyi_cores", "decode_cores")
        return began, {n: round((b - a) / took, 2) for n, a, b in zip(names, cpu, used, strict=True)}, round(memory)

    def _processes(self) -> list[psutil.Process]:
        return [psutil.Process(process.pid) for process in self._pool._processes.values()]

    def _cpu(self) -> tuple[float, float]:
        """CPU seconds of this process (with a little for the benchmark itself) and of the decode processes."""
        return _seconds(psutil.Process()), sum(map(_seconds, self._processes()))

    def _memory_mb(self) -> float:
        everyone = [psutil.Process(), *self._processes()]
        return float(sum(process.memory_full_info().pss for process in everyone)) / 1e6


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def timed(heard: Heard, legs: dict[tuple[str, str], Leg], began: float, urgent: set[str]) -> dict[str, float]:
    """Seconds from the end of speech to its final, and from the last sound of a partial to its showing."""
    delays: list[float] = []
    emergency: list[float] = []
    for at, event in heard.finals:
        call = event.call_id or ""
        ended = legs[call, event.leg].end_of_speech(event.start_s, event.end_s)
        if ended is None:
            continue
        delays.append(at - began - ended)
        if call in urgent:
            emergency.append(delays[-1])
    said = sum(len(_turns(leg)) for leg in legs.values())
    reached = sum(
        any(event.call_id == call and event.leg == side and event.start_s < over and event.end_s > begun
            for _, event in heard.finals)
        for (call, side), leg in legs.items() for begun, over in _turns(leg)
    )  # fmt: skip
    lags = [at - began - event.end_s for at, event in heard.partials]
    minutes = sum(over - begun for leg in legs.values() for begun, over in leg.spoken) / 60
    return {
        "finals": len(heard.finals),
        "final_p50_s": _share(delays, 0.5),
        "final_p95_s": _share(delays, 0.95),
        "final_max_s": _share(delays, 1),
        "emergency_p95_s": _share(emergency, 0.95),
        "partials": len(heard.partials),
        "partials_per_spoken_minute": round(len(heard.partials) / minutes, 1) if minutes else 0.0,
        "partial_lag_p50_s": _share(lags, 0.5),
        "partial_lag_p95_s": _share(lags, 0.95),
        "stretches_said": said,
        "stretches_without_final": said - reached,
    }


def _turns(leg: Leg) -> list[tuple[float, float]]:
    """Stretches of speech with the short pauses between them closed; what is briefer than a syllable left out."""
    found: list[tuple[float, float]] = []
    for begun, over in leg.spoken:
        if found and begun - found[-1][1] < 0.6:
            found[-1] = found[-1][0], over
        else:
            found.append((begun, over))
    return [(begun, over) for begun, over in found if over - begun > 0.3]


def _share(values: Sequence[float], share: float) -> float:
    """The value that such a share of all do not exceed; 0 without any."""
    if not values:
        return 0.0
    return round(sorted(values)[max(0, math.ceil(share * len(values)) - 1)], 2)


def report(rows: Sequence[dict[str, float]], workers: int) -> None:
    table = Table("what", *(f"{row['calls']:.0f} calls" for row in rows), title=f"both sides live, {workers} processes")
    for what, form in (
        ("load of the machine before", "{load_before:.2f}"),
        ("voices speaking at once", "{speaking:.1f}"),
        ("end of speech → final stored, p50, s", "{final_p50_s:.2f}"),
        ("  p95 (goal ≤ 1.0)", "{final_p95_s:.2f}"),
        ("  slowest", "{final_max_s:.2f}"),
        ("  p95 of emergencies", "{emergency_p95_s:.2f}"),
        ("finals / lost (goal 0)", "{finals:.0f} / {lost:.0f}"),
        ("stretches of speech / without a final", "{stretches_said:.0f} / {stretches_without_final:.0f}"),
        ("partials in a minute of speech", "{partials_per_spoken_minute:.0f}"),
        ("partial behind its sound, p50 / p95, s", "{partial_lag_p50_s:.2f} / {partial_lag_p95_s:.2f}"),
        ("looks shed / replaced by newer", "{shed:.0f} / {replaced:.0f}"),
        ("cores: heyi / decoding", "{heyi_cores:.2f} / {decode_cores:.2f}"),
        ("memory, all processes", "{memory_mb:.0f} MB"),
    ):
        table.add_row(what, *(form.format(**row) for row in rows))
    console.print(table)
    worst = max(row["load_before"] for row in rows)
    if worst > _QUIET:
        console.print(f"The machine was not idle (load {worst:.1f}): these times are upper bounds.", style="yellow")


async def measure(
    city_folder: Path, levels: Sequence[int], seconds: float, sound: Path | None
) -> list[dict[str, float]]:
    settings = Settings()
    city = load_city(city_folder)
    calls = recorded(sound) if sound else spoken(city, city_folder, settings)
    rows: list[dict[str, float]] = []
    async with Bench(city, city_folder, settings, calls, seconds) as bench:
        with Progress(console=console, transient=True) as progress:
            overall = progress.add_task("all", total=len(levels))
            for level in levels:
                rows.append(await bench.run(level, progress))
                progress.advance(overall)
    return rows


def _levels(text: str) -> list[int]:
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError("numbers with commas, such as 1,4,8") from None
    if not all(1 <= level <= 100 for level in found):
        raise argparse.ArgumentTypeError("1 to 100 calls")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="./run bench asr", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object on the last line")
    parser.add_argument("--calls", type=_levels, default="1,4,8,12,16", help="calls at once (default 1,4,8,12,16)")
    parser.add_argument("--seconds", type=float, default=60, help="length of each measurement (default 60)")
    parser.add_argument("--sound", type=Path, help="folder of WAV files with a turn of speech each")
    parser.add_argument("--city", type=Path, default=_ROOT / "cities" / "jinjiang", help="city folder")
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        rows = asyncio.run(measure(chosen.city, chosen.calls, chosen.seconds, chosen.sound))
    except HeyiError as error:
        console.print(f"[red]bench:[/red] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)
    report(rows, Settings().asr_workers)
    if chosen.json:
        print(json.dumps({"levels": rows}))


if __name__ == "__main__":
    main()
