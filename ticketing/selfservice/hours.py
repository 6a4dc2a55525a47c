"""When the service hall is open, in one spoken clause. Pure."""

from datetime import date, datetime, time, timedelta

from core.city import City
from core.city_ivr import LONGEST
from ticketing.clocks.calendar import WorkCalendar
from ticketing.selfservice.asked import Answer

_WEEKDAYS = "一二三四五六日"


class Hall:
    """The hall of a city: its own hours, on the days that the calendar has as working days."""

    def __init__(self, city: City) -> None:
        own = city.selfservice.hall_hours
        calendar = city.calendar.model_copy(update={"office_hours": own}) if own else city.calendar
        self._calendar = WorkCalendar(calendar, city.profile.timezone)

    def look_up(self, now: datetime) -> Answer:
        """``open`` with today's hours, or ``closed`` with the time at which it opens next."""
        local = self._calendar.local(now)
        if self._calendar.open(now):
            spans = [f"{_clock(a)}到{_clock(b)}" for a, b in self._calendar.office_hours]
            said = "今天" + "，".join(spans)
            if len(said) > LONGEST["hours"]:
                said = f"今天到{_clock(max(b for _, b in self._calendar.office_hours))}"
            return "open", {"hours": said}
        opens = self._calendar.local(self._calendar.next_open(now))
        why = self._calendar.day(local.date())
        name = "" if why.works or "调休" in why.name else why.name
        when = _when(opens.date(), local.date())
        ways = (f"{name}放假，{when}{_clock(opens.time())}上班", f"{when}{_clock(opens.time())}上班")
        return "closed", {"hours": next(w for w in (ways if name else ways[1:]) if len(w) <= LONGEST["hours"])}


def _when(day: date, today: date) -> str:
    if day == today:
        return "今天"
    if day == today + timedelta(days=1):
        return "明天"
    year = f"{day.year}年" if day.year != today.year else ""
    return f"{year}{day.month}月{day.day}日星期{_WEEKDAYS[day.weekday()]}"


def _clock(at: time) -> str:
    return f"{at.hour}:{at.minute:02d}"
