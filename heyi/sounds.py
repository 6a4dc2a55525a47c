"""The sounds of a running house: shelf, recordings and speaking process joined, and what will have to be said told."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from core.city import City
from core.clock import Clock
from core.errors import HeyiError
from core.settings import Settings
from ivr import recordings
from ivr.mouth import Mouth, command
from ivr.recordings import Recorded
from ivr.shelf import Shelf
from ivr.spokenstore import SpokenStore
from ticketing.events import TicketState
from ticketing.selfservice.progress import ANY_MATTER, matter_of, progress_of
from ticketing.selfservice.service import SelfService

log = structlog.get_logger(__name__)

#: Values are asked for again so often: announcements come and go, days pass.
_AGAIN_S = 60.0
#: Days ahead for which "until then" is spoken, and back for "ended on"; hours for which the opening hours are.
_DAYS, _HOURS = 16, 72
_STATES: tuple[TicketState, ...] = ("filed", "dispatched", "handling", "reported", "callback", "closed")

Values = Callable[[], Awaitable[Sequence[str]]]


def store_of(settings: Settings, city: City) -> SpokenStore:
    """Spoken texts, where Asterisk may read them."""
    return SpokenStore(settings.data / "asterisk" / "sounds" / "spoken", city.profile.voice)


def recorded_of(settings: Settings, city: City) -> tuple[Recorded, list[HeyiError]]:
    """The city's own recordings, converted; and what is wrong with the others."""
    return recordings.take(settings.city / "sounds", city, settings.data / "asterisk" / "sounds" / "recorded")


class Sounds:
    """Shelf and speaking process of one house. ``quiet``: nobody is on the line."""

    def __init__(self, settings: Settings, city: City, quiet: Callable[[], bool]) -> None:
        recorded, faults = recorded_of(settings, city)
        for fault in faults:
            log.error("a recording is left out", reason=fault.message, hint=fault.hint)
        self._city = city
        self._mouth = Mouth(command(settings.cache))
        self.shelf = Shelf(city, store_of(settings, city), recorded, self._mouth, quiet=quiet)
        self._followed: list[tuple[str, Values, bool]] = []
        self._told: dict[str, Sequence[str]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._mouth.start()
        self.shelf.start()
        self._task = asyncio.create_task(self._follow(), name="sounds to expect")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.shelf.close()
        await self._mouth.close()

    def follow(self, name: str, values: Values, *, by_clause: bool = False) -> None:
        """``values`` gives what the variable ``name`` may have to say soon; asked at the start and again and again."""
        self._followed.append((name, values, by_clause))

    async def _follow(self) -> None:
        while True:
            for name, values, by_clause in self._followed:
                try:
                    told = list(await values())
                except Exception:
                    log.exception("what will have to be said is not known", variable=name)
                    continue
                if told != self._told.get(name):
                    self._told[name] = told
                    self.shelf.expect(name, told, by_clause=by_clause)
            await asyncio.sleep(_AGAIN_S)

    def serve(self, service: SelfService, clock: Clock) -> None:
        """What the look-ups may answer is spoken beforehand: what holds now first, then what is said every day."""

        async def announcements() -> Sequence[str]:
            return [cut.text for cut in await service.announcements.in_force(clock.now())]

        async def hours() -> Sequence[str]:
            times = [clock.now() + timedelta(hours=hour) for hour in range(_HOURS)]
            found = [(await service.look_up("hours", {}, "", "", "", at))[1]["hours"] for at in times]
            return list(dict.fromkeys(found))

        async def of_matters() -> Sequence[str]:
            return matters(self._city)

        async def of_progress() -> Sequence[str]:
            return progresses(self._city, clock.now())

        self.follow("announcement", announcements)
        self.follow("hours", hours)
        self.follow("matter", of_matters)
        self.follow("progress", of_progress, by_clause=True)
        self.follow("answer", service.sayings)


@dataclass(frozen=True)
class AnyTicket:
    """A ticket of which only is known what is told of it."""

    state: TicketState
    code: str = ""
    department: str = ""
    due_at: datetime | None = None
    closed_at: datetime | None = None
    is_emergency: bool = False
    nature: str = ""


def matters(city: City) -> list[str]:
    """How callers hear what their ticket is about: every category, in the words of the look-up. Pure."""
    codes = [category.code for group in city.taxonomy for category in group.categories]
    told = (matter_of(AnyTicket("filed", code), city, own=True) for code in codes)
    return list(dict.fromkeys([ANY_MATTER, *told]))


def progresses(city: City, now: datetime) -> list[str]:
    """How a ticket may stand: every state, and every day and department at least once; the clauses recur. Pure."""
    near = next(iter(city.departments)).id
    days = [now + timedelta(days=day) for day in range(-1, _DAYS)]
    tickets = [AnyTicket(state) for state in _STATES]
    tickets += [AnyTicket("dispatched", department=near, due_at=day) for day in days]
    tickets += [AnyTicket("closed", closed_at=now - timedelta(days=day)) for day in range(_DAYS)]
    for department in city.departments:
        tickets += [AnyTicket(state, department=department.id, due_at=days[-1]) for state in _STATES]
        tickets.append(AnyTicket("dispatched", department=department.id))
    return list(dict.fromkeys(progress_of(one, city, now, own=True) for one in tickets))
