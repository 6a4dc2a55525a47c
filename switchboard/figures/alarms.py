"""What is wrong in the centre at this moment, in one list, and who has taken note of it. Pure.

An alarm begins, lasts while its cause does, and goes by itself: nobody can switch one off. Taking note (确认) says that
somebody knows; an alarm that begins anew is noted by nobody.

    line       trunk, recordings' disk or a line fails (:mod:`switchboard.health`).
    waiting    somebody has waited on an emergency line for longer than the line's target.
    missed     emergency callers who gave up and were not reached again (:mod:`switchboard.missed`).
    recording  recordings that could not be transcribed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from core.events import Event

Kind = Literal["line", "waiting", "missed", "recording"]
#: The gravest first; of one kind those that have lasted longest.
_ORDER: Mapping[Kind, int] = {"waiting": 0, "missed": 1, "line": 2, "recording": 3}


@dataclass(frozen=True, kw_only=True)
class AlarmNoted(Event):
    """Somebody has taken note of an alarm."""

    #: As :attr:`Alarm.key`, and when that alarm began.
    key: str
    began: datetime
    by: str
    note: str = ""


@dataclass(frozen=True)
class Alarm:
    """One thing that is wrong."""

    kind: Kind
    #: Of that kind: a line's number, ``trunk``, ``recordings``; a call's id; empty where there is one of the kind.
    what: str
    began: datetime
    #: Why, in words of the house; empty where the kind says it.
    why: str = ""
    #: How many it is about.
    count: int = 1
    #: Who has taken note, when, and what they wrote.
    noted: AlarmNoted | None = None

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.what}"


@dataclass(frozen=True)
class Waiting:
    """Somebody who waits on an emergency line."""

    call_id: str
    line: str
    arrived_at: datetime
    target_s: int


def of_waiting(callers: Iterable[Waiting], now: datetime) -> list[Alarm]:
    """Those who have waited too long."""
    late = ((caller, caller.arrived_at + timedelta(seconds=caller.target_s)) for caller in callers)
    return [Alarm("waiting", caller.call_id, since, caller.line) for caller, since in late if since <= now]


def standing(alarms: Iterable[Alarm], notes: Mapping[str, AlarmNoted]) -> list[Alarm]:
    """The alarms as they are shown, with who took note of which; the latest note of each key is given."""
    noted = [
        replace(alarm, noted=note if (note := notes.get(alarm.key)) and note.began >= alarm.began else None)
        for alarm in alarms
    ]
    return sorted(noted, key=lambda one: (one.noted is not None, _ORDER[one.kind], one.began, one.what))
