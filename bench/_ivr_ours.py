"""What the benchmark of voices measures: our bridge, switchboard, taps, and the voice server with journal and look-ups
over a real database, in a process of its own. Recognition is left out; what the taps deliver is taken in and dropped.
"""

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from pathlib import Path

import structlog
from sqlalchemy import func, select

from bench._ivr_site import Prompts, city_of, prompts_of
from core.bus import Bus
from core.city import City
from core.clock import SystemClock
from core.collector import settle
from core.database import Database
from core.settings import Settings
from heyi.voice import Voices
from ivr.journal import Journal
from ivr.signals import Play
from ivr.tables import VoiceSession, VoiceStep
from switchboard.board import Switchboard
from telephony.bridge import Bridge
from telephony.events import Leg
from telephony.media import MediaServer
from ticketing.assign.service import Assignments
from ticketing.callbacks.rules import policy_of
from ticketing.knowledge.service import Knowledge
from ticketing.selfservice.service import SelfService
from ticketing.service import Tickets
from ticketing.tables import Ticket
from triage.judge import Judge

#: Seconds between two looks at how late the loop is and how many calls there are.
_LOOK_S = 0.05


class Sink:
    """Takes the taps' sound and drops it."""

    def opened(self, call_id: str, leg: Leg, rate: int) -> None:
        pass

    def audio(self, call_id: str, leg: Leg, pcm: bytes) -> None:
        pass

    def closed(self, call_id: str, leg: Leg) -> None:
        pass


class Tones:
    """Sounds: every prompt is there, the ones with values too, as they are once their pieces were spoken."""

    def __init__(self, prompts: Prompts) -> None:
        self._prompts = prompts

    async def sound(self, play: Play) -> AsyncIterator[Path]:
        yield self._prompts.file(play.sound)


def caller(number: int) -> str:
    """The number of a caller."""
    return f"138{number:08d}"


def figures(number: int) -> str:
    """The last figures of that caller's ticket."""
    return f"{number % 10000:04d}"


async def fill(database: Database, city: City, callers: Iterable[int]) -> None:
    """A ticket for each caller, in the hands of a department."""
    now = SystemClock().now()
    group = next(group for group in city.taxonomy if not group.emergency)
    category = group.categories[0]
    async with database.work() as work:
        for number in callers:
            work.session.add(
                Ticket(
                    number=f"{city.profile.ticket_prefix}20261101-{figures(number)}", call_id=f"old-{number}",
                    line="12345", caller=caller(number), caller_digits=caller(number), code=category.code,
                    created_at=now - timedelta(days=1), state="dispatched", nature="投诉", summary="路灯不亮",
                    department=category.department, due_at=now + timedelta(days=2),
                )
            )  # fmt: skip


async def main() -> None:
    # Standard output is for what is counted.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    settings = Settings()
    city, bus, clock = city_of(settings), Bus(), SystemClock()
    database = Database(settings.db_url, bus)
    await database.upgrade()
    count, warm_first, warm = map(int, sys.argv[1:])
    await fill(database, city, (*range(count), *range(warm_first, warm_first + warm)))
    media = MediaServer(settings.media_port, Sink())
    await media.start()
    bridge = Bridge(settings, city, database, clock)
    switchboard = Switchboard(settings, city, bridge, database, bus, clock, media.expect)
    await bridge.start()
    await switchboard.start()
    tickets = Tickets(database, city, clock, policy_of(city))
    journal = Journal(database)
    journal.start()
    assignments, knowledge = Assignments(database, tickets, clock), Knowledge(database, city, clock, tickets)
    service = SelfService(
        database, city, clock, tickets, assignments, knowledge,
        recordings=settings.recordings, find_places=lambda _: [], sayable=lambda *_: True,
    )  # fmt: skip
    voices = Voices(
        settings, city, bridge, bus, clock, Tones(prompts_of(settings, city)), service, journal,
        Judge(city).judge, switchboard.standings.raised,
    )  # fmt: skip
    await voices.start()
    settle()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print("ready", flush=True)
    #: Seconds by which the loop was late, at each look.
    peak, late = 0, [0.0]
    while not stop.is_set():
        begun = time.perf_counter()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _LOOK_S)
        late.append(time.perf_counter() - begun - _LOOK_S)
        peak = max(peak, len(voices._server))
    await voices.close()
    await journal.close()
    async with database.read() as session:
        ended = await session.execute(select(VoiceSession.how, func.count()).group_by(VoiceSession.how))
        told = {
            "peak": peak, "loop_late_ms": round(1000 * max(late), 1),
            "loop_late_p95_ms": round(1000 * sorted(late)[int(0.95 * len(late))], 1), "journal_lost": journal.lost,
            "ends": {how: count for how, count in ended},
            "steps": await session.scalar(select(func.count()).select_from(VoiceStep)),
        }  # fmt: skip
    print(json.dumps(told), flush=True)
    await switchboard.close()
    await bridge.close()
    await media.close()
    await bus.close()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main())
