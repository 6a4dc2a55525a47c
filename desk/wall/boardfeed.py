"""What all wallboards show, computed once for all of them and pushed as it changes."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.events import Event
from desk.calls.happened import cries
from desk.services import DeskServices
from desk.sse import encode
from desk.statefeed import StateFeed, to_line
from desk.views import stamp
from desk.wall.alarmbook import AlarmBook
from switchboard.events import CallRanked, MissedCallChanged
from switchboard.figures.alarms import Alarm, AlarmNoted
from switchboard.figures.board import Figures, Usual, compute, group_of, stretches, target_s, usuals, waits
from switchboard.figures.tally import tally
from switchboard.health import LineHealthChanged
from switchboard.missed import tables as missed_tables
from switchboard.modes import ModeChanged
from switchboard.supervision import HelpAsked, HelpGiven
from switchboard.views import CallView
from telephony.events import AgentChanged, CallEnded, CallEvent

#: Shortest time between two frames: what happens is on the wall within this and the time of one computation.
PACE_S = 0.5
#: Longest time between two: waits pass their limits without any event, and pages see that the line is alive.
TICK_S = 3.0
#: The medians of the weeks before move slowly.
USUAL_FOR = timedelta(minutes=5)

#: Events of other rooms after which a page asks again for what it shows of them.
NOTED = ("LineHealthChanged",)
_CHANGING = (
    CallEvent, AgentChanged, ModeChanged, HelpAsked, HelpGiven, MissedCallChanged, CallRanked, AlarmNoted,
    LineHealthChanged,
)  # fmt: skip


class BoardFeed(StateFeed):
    """One for the application; a stream for each page. ``noted`` tells the name of an event besides."""

    PACE_S, TICK_S = PACE_S, TICK_S

    def __init__(self, services: DeskServices) -> None:
        super().__init__(services)
        self._zone = ZoneInfo(services.city.profile.timezone)
        self._usual: dict[str, Usual] = {}
        self._usual_at: datetime | None = None
        #: Cries for help that nobody has answered: call and desk → since when.
        self._help: dict[tuple[str, str], datetime] = {}
        self._alarms = AlarmBook(services.city)

    async def start(self) -> None:
        living = [call.call_id for call in self._services.switchboard.calls()]
        self._help = {(cry.call_id, cry.agent): cry.at for cry in await cries(self._services.database, living)}
        await self._alarms.start(self._services.database)
        await super().start()

    # -- what happens

    def _heard(self, event: Event) -> None:
        if event.type in NOTED:
            frame = encode("noted", to_line({"type": event.type}))
            for page in tuple(self._pages):
                page.offer(frame)
        self._alarms.heard(event)
        if not isinstance(event, _CHANGING):
            return
        match event:
            case HelpAsked():
                self._help[event.call_id or "", event.agent] = event.at
            case HelpGiven():
                self._help.pop((event.call_id or "", event.agent), None)
            case CallEnded():
                for key in [key for key in self._help if key[0] == event.call_id]:
                    del self._help[key]
        self._wake.set()

    # -- what is

    async def alarms(self) -> list[Alarm]:
        """What is wrong at this moment."""
        services = self._services
        async with services.database.read() as session:
            missed = await missed_tables.count(session)
            return await self._alarms.alarms(session, services.clock.now(), services.switchboard.calls(), missed)

    async def sections(self) -> dict[str, Any]:
        """Everything on the wall, by section: plain JSON types, without names, which pages have in their language."""
        services = self._services
        city, now, mode = services.city, services.clock.now(), services.switchboard.modes.current
        calls, desks = services.switchboard.calls(), services.switchboard.agents()
        today, *past = stretches(now, self._zone)
        targets = {line.number: target_s(line, mode) for line in city.lines}
        async with services.database.read() as session:
            missed = await missed_tables.count(session)
            alarms = await self._alarms.alarms(session, now, calls, missed)
            counted = await tally(session, today[0], now + timedelta(seconds=1), targets)
            if self._usual_at is None or not timedelta(0) <= now - self._usual_at < USUAL_FOR:
                weeks = [await tally(session, start, end, targets) for start, end in past]
                self._usual, self._usual_at = usuals(city, weeks), now
        board = compute(city, mode, now, today=counted, usual=self._usual, calls=calls, desks=desks)
        kind_of = {line.number: line.kind for line in city.lines}
        return {
            "day": today[0].date().isoformat(),
            "mode": mode.key,
            "missed": {"open": missed.open, "emergency": missed.emergency},
            "kinds": [_figures(figures, figures.key) for figures in board.kinds],
            "lines": [_figures(figures, kind_of[figures.key]) for figures in board.lines],
            "groups": [_figures(f, "emergency" if f.key == "emergency" else "service") for f in board.groups],
            "desks": [
                {
                    "extension": desk.extension,
                    "state": desk.state,
                    "reason": desk.reason,
                    "since": stamp(desk.since),
                    "call_id": desk.call_id,
                }
                for desk in desks
                if desk.kind != "robot" or desk.call_id
            ],
            "calls": [self._call(call) for call in sorted(calls, key=_place)],
            "alarms": [_alarm(alarm) for alarm in alarms],
            "help": [
                {"call_id": call_id, "agent": agent, "at": stamp(at)} for (call_id, agent), at in self._help.items()
            ],
        }

    def _call(self, call: CallView) -> dict[str, Any]:
        return {
            "call_id": call.call_id,
            "line": call.line,
            "group": group_of(self._services.city, call.queue, call.line),
            "direction": call.direction,
            "caller": call.caller,
            "state": call.state,
            "waits": waits(call),
            "arrived_at": stamp(call.arrived_at),
            "answered_at": stamp(call.answered_at),
            "agent": call.agent,
            "ringing": sorted(call.ringing),
            "with": [party.extension for party in call.parties if party.extension not in ("", call.agent)],
            "priority": call.priority,
        }


def _alarm(alarm: Alarm) -> dict[str, Any]:
    noted = alarm.noted
    return {
        "key": alarm.key, "kind": alarm.kind, "what": alarm.what, "why": alarm.why, "count": alarm.count,
        "began": stamp(alarm.began),
        "noted": noted and {"by": noted.by, "at": stamp(noted.at), "note": noted.note},
    }  # fmt: skip


def _place(call: CallView) -> tuple[bool, int, datetime]:
    """Who waits stands above who talks, as in the queue; among those who talk the longest first."""
    talking = call.state == "talking"
    return (talking, 0 if talking else -call.priority, call.answered_at or call.arrived_at)


def _figures(figures: Figures, kind: str) -> dict[str, Any]:
    today, usual = figures.today, figures.usual
    return {
        "key": figures.key,
        "kind": kind,
        "waiting": figures.waiting,
        "oldest": stamp(figures.oldest),
        "talking": figures.talking,
        "offered": today.offered,
        "answered": today.answered,
        "within": today.within,
        "shares": [_rounded(share, 4) for share in figures.shares],
        "on_target": _rounded(today.share(today.on_target), 4),
        "target_s": figures.target_s,
        "gone": today.gone,
        "speed_s": _rounded(today.speed_s, 1),
        "short_of": [level.seconds for level in figures.short_of(kind)],
        "usual": {
            "weeks": usual.weeks,
            "offered": usual.offered,
            "share": _rounded(usual.share, 4),
            "gone": usual.gone,
            "speed_s": _rounded(usual.speed_s, 1),
        },
        "desks": dict(figures.desks),
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
