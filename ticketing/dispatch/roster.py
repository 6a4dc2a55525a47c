"""Who is on duty when. Pure: the moment, the city's zone and its working days are arguments."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from core.city_dispatch import Roster, Shift, Team

#: Whether a day is a working day in this city, swapped days (调休) taken into account.
Works = Callable[[date], bool]


def monday_to_friday(day: date) -> bool:
    """Where no calendar is at hand."""
    return day.weekday() < 5


@dataclass(frozen=True)
class Duty:
    """One stretch of duty of one team: from ``starts`` on, before ``ends``."""

    team: Team
    shift: Shift
    starts: datetime
    ends: datetime


class DutyRoster:
    """A city's roster to ask."""

    def __init__(self, roster: Roster, zone: ZoneInfo, works: Works = monday_to_friday) -> None:
        self._roster = roster
        self._zone = zone
        self._works = works
        self._shifts = {shift.key: shift for shift in roster.shifts}
        self._teams = {team.key: team for team in roster.teams}
        self._swapped = {
            (key, s.day): other for s in roster.swaps for key, other in ((s.one, s.other), (s.other, s.one))
        }
        self.listed = frozenset(unit for team in roster.teams for unit in team.units)

    def shift_on(self, team: Team, day: date) -> Shift | None:
        """The shift that this team begins on that day; of a swapped day the other team's."""
        other = self._swapped.get((team.key, day))
        worker = self._teams[other] if other else team
        if worker.days == "workdays" and not self._works(day):
            return None
        key = worker.pattern[(day - worker.since).days % len(worker.pattern)]
        return self._shifts[key] if key and day >= worker.since else None

    def duties(self, day: date) -> Iterator[Duty]:
        """Every stretch of duty that begins on that day, in the order of the file."""
        for team in self._roster.teams:
            shift = self.shift_on(team, day)
            if shift is not None:
                starts = datetime.combine(day, shift.starts, self._zone)
                over = timedelta(days=1 if shift.ends <= shift.starts else 0)
                yield Duty(team, shift, starts, datetime.combine(day + over, shift.ends, self._zone))

    def now(self, moment: datetime) -> tuple[Duty, ...]:
        """Who is on duty at this moment; yesterday's night shift among them."""
        today = moment.astimezone(self._zone).date()
        days = (today - timedelta(days=1), today)
        return tuple(duty for day in days for duty in self.duties(day) if duty.starts <= moment < duty.ends)

    def on_duty(self, moment: datetime) -> dict[str, Duty]:
        """The units of the teams on duty, each with its stretch (of two, the one that ends later)."""
        found: dict[str, Duty] = {}
        for duty in self.now(moment):
            for unit in duty.team.units:
                if unit not in found or found[unit].ends < duty.ends:
                    found[unit] = duty
        return found

    def is_on(self, unit: str, moment: datetime) -> bool:
        """Whether this unit is on duty; one that no team has always is."""
        return unit not in self.listed or unit in self.on_duty(moment)
