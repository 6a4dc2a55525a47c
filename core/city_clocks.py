"""What a city says of time: its working days (``calendar.yaml``) and how long each thing may take (``clocks.yaml``)."""

from collections.abc import Iterator
from datetime import date, time
from typing import Annotated, Literal

from pydantic import Field

from core.citytypes import Data, Key, KeyOrNone, Text, form

#: What runs: the answer to a call, the dispatch of its ticket, a department's acceptance, a unit's arrival, the
#: handling, the call back.
ClockKind = Literal["answer", "dispatch", "accept", "arrive", "handle", "callback"]
Unit = Literal["minutes", "hours", "workdays"]

Day = Annotated[date, Field(description="a day such as 2026-10-01")]
Code = Annotated[str, form(r"^[A-Z][0-9]{0,4}$", "the code of a group or a category, such as S06 or S0602")]


class OfficeHours(Data):
    """One stretch of a working day."""

    opens: time
    closes: time


class SpecialDay(Data):
    """A day, or several in a row, on which this city differs from the country's calendar."""

    day: Day
    #: Last day of the stretch; absent: ``day`` alone.
    until: Day | None = None
    name: Text


class CityCalendar(Data):
    """``calendar.yaml``. National holidays and swapped days (调休) are known without it."""

    #: Of every working day; morning and afternoon are two.
    office_hours: Annotated[tuple[OfficeHours, ...], Field(min_length=1)] = (
        OfficeHours(opens=time(8, 30), closes=time(17, 30)),
    )
    #: The offices are closed although the country works: a typhoon, a city's own festival.
    closed: tuple[SpecialDay, ...] = ()
    #: The offices work although the country rests. Stands above ``closed``.
    working: tuple[SpecialDay, ...] = ()
    #: Years whose holidays this file itself lists, because the program's own calendar does not reach them yet.
    years: tuple[Annotated[int, Field(ge=2000, le=2100)], ...] = ()


class PauseReason(Data):
    """Why a clock may stand still."""

    key: Key
    name: Text
    name_en: Text


class ClockPolicy(Data):
    """How long one kind of thing may take, and for which tickets this holds.

    Of those that fit a ticket the most specific holds: one that names its category before one that names its group,
    then one that names the level, then one that names the flow.
    """

    kind: ClockKind
    #: Codes of groups and categories; empty: all.
    codes: tuple[Code, ...] = ()
    #: Level of the assignment (市 镇街 社区 网格), by key; empty: all.
    level: KeyOrNone = ""
    #: Key of the flow; empty: all.
    flow: KeyOrNone = ""

    amount: Annotated[float, Field(gt=0, le=100_000)]
    unit: Unit
    #: Pre-warning when this share of the time is used up, ...
    warn: Annotated[float, Field(gt=0, lt=1)] = 0.8
    #: ... or this long before it is due, in ``unit``.
    warn_before: Annotated[float | None, Field(gt=0)] = None
    #: How often it may be extended.
    extensions: Annotated[int, Field(ge=0, le=20)] = 0
    #: At most this much each time, in ``unit``; absent: ``amount`` again.
    extension: Annotated[float | None, Field(gt=0)] = None
    #: Who approves extensions and pauses; a supervisor always may.
    approver: Literal["supervisor", "arbiter"] = "supervisor"
    #: Keys of the reasons for which it may pause.
    pauses: tuple[Key, ...] = ()

    @property
    def longest_extension(self) -> float:
        """In ``unit``."""
        return self.amount if self.extension is None else self.extension

    def selectors(self) -> Iterator[tuple[str, str, str]]:
        """Every (code, level, flow) that this policy stands for; two policies of a kind may share none."""
        for code in self.codes or ("",):
            yield code, self.level, self.flow


class Colours(Data):
    """From which share of its time on a clock is blue, yellow or orange; before that it is green, overdue it is red."""

    blue: Annotated[float, Field(gt=0, lt=1)] = 0.5
    yellow: Annotated[float, Field(gt=0, lt=1)] = 0.7
    orange: Annotated[float, Field(gt=0, lt=1)] = 0.9


class CityClocks(Data):
    """``clocks.yaml``. A kind without a policy has no clock, but for ``handle``: that has the category's due time."""

    policies: tuple[ClockPolicy, ...] = ()
    pause_reasons: tuple[PauseReason, ...] = ()
    colours: Colours = Colours()
    #: Between these local times nobody is told of what can wait until morning; equal: there are no such hours.
    quiet_from: time = time(21, 0)
    quiet_to: time = time(8, 30)

    def reason(self, key: str) -> PauseReason | None:
        return next((r for r in self.pause_reasons if r.key == key), None)
