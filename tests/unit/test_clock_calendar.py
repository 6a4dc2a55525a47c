"""Working days: holidays, swapped days, a city's own days and hours, and what adding them up guarantees."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.city_clocks import CityCalendar, OfficeHours, SpecialDay
from ticketing.clocks.calendar import WorkCalendar

ZONE = ZoneInfo("Asia/Shanghai")
HOURS = (OfficeHours(opens=time(8), closes=time(12)), OfficeHours(opens=time(14, 30), closes=time(17, 30)))
#: A typhoon on a Friday, and a Saturday and Sunday that were worked instead.
CITY = CityCalendar(
    office_hours=HOURS,
    closed=(SpecialDay(day=date(2026, 7, 10), name="台风停工"),),
    working=(SpecialDay(day=date(2026, 7, 18), until=date(2026, 7, 19), name="补班"),),
)
CALENDAR = WorkCalendar(CITY, "Asia/Shanghai")


def local(day: str, clock: str = "10:00") -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZONE)


def works(day: str) -> bool:
    return CALENDAR.day(date.fromisoformat(day)).works


# The arrangement of 2025 and 2026, as the State Council's General Office published it.
@pytest.mark.parametrize(
    "day",
    [
        "2025-01-26",
        "2025-02-08",
        "2025-04-27",
        "2025-09-28",
        "2025-10-11",
        "2026-01-04",
        "2026-02-14",
        "2026-02-28",
        "2026-05-09",
        "2026-09-20",
        "2026-10-10",
    ],
)
def test_weekends_that_are_worked_in_exchange(day):
    assert date.fromisoformat(day).weekday() >= 5
    assert works(day)
    assert CALENDAR.day(date.fromisoformat(day)).name == "调休上班"


@pytest.mark.parametrize(
    "day",
    [
        "2025-01-28",
        "2025-02-04",
        "2025-04-04",
        "2025-05-05",
        "2025-06-02",
        "2025-10-08",
        "2026-01-02",
        "2026-02-16",
        "2026-02-23",
        "2026-04-06",
        "2026-05-05",
        "2026-06-19",
        "2026-09-25",
        "2026-10-07",
    ],
)
def test_weekdays_on_which_the_country_rests(day):
    assert date.fromisoformat(day).weekday() < 5
    assert not works(day)
    assert CALENDAR.day(date.fromisoformat(day)).name in ("元旦", "春节", "清明", "劳动节", "端午", "中秋", "国庆节")


def test_the_citys_own_days_stand_above_the_countrys():
    assert not works("2026-07-10")
    assert CALENDAR.day(date(2026, 7, 10)).name == "台风停工"
    assert works("2026-07-18") and works("2026-07-19")
    assert not works("2026-07-11"), "an ordinary Saturday"


def test_a_year_that_nobody_announced_has_its_weekends_and_says_so():
    assert CALENDAR.known(2026)
    assert not CALENDAR.known(2031)
    assert not works("2031-10-04") and works("2031-10-01"), "Saturday; National Day is not known for that year"
    own = WorkCalendar(CityCalendar(years=(2031,), closed=(SpecialDay(day=date(2031, 10, 1), name="国庆节"),)), "UTC")
    assert own.known(2031) and not own.day(date(2031, 10, 1)).works


def test_days_end_when_the_office_closes_and_the_first_does_not_count():
    # Thursday; Friday is worked, the weekend is not
    assert CALENDAR.add(2, "workdays", local("2026-11-19")) == local("2026-11-23", "17:30")
    assert CALENDAR.add(1, "workdays", local("2026-11-19", "23:59")) == local("2026-11-20", "17:30")
    assert CALENDAR.add(1, "workdays", local("2026-11-21")) == local("2026-11-23", "17:30"), "begun on a Saturday"


def test_working_days_go_round_the_national_holiday_and_use_the_swapped_day():
    # 30 September 2026 is a Wednesday; rest until the 7th; worked: 8, 9 and Saturday the 10th
    assert CALENDAR.add(3, "workdays", local("2026-09-30")) == local("2026-10-10", "17:30")
    assert CALENDAR.back(3, "workdays", local("2026-10-10", "17:30")) == local("2026-09-30", "17:30")


def test_minutes_and_hours_run_through_nights_and_holidays():
    assert CALENDAR.add(24, "hours", local("2026-09-30", "18:00")) == local("2026-10-01", "18:00")
    assert CALENDAR.add(0.25, "minutes", local("2026-09-30")) == local("2026-09-30") + timedelta(seconds=15)


def test_office_hours_are_counted_without_the_pause_at_noon():
    assert CALENDAR.working_s(local("2026-11-20", "11:00"), local("2026-11-20", "15:00")) == 1.5 * 3600
    assert CALENDAR.working_s(local("2026-11-20", "17:00"), local("2026-11-23", "08:30")) == 3600
    assert CALENDAR.next_open(local("2026-11-20", "12:30")) == local("2026-11-20", "14:30")
    assert CALENDAR.next_open(local("2026-11-20", "17:30")) == local("2026-11-23", "08:00")
    assert CALENDAR.next_open(local("2026-11-23", "08:00")) == local("2026-11-23", "08:00")


def test_no_working_day_is_half():
    with pytest.raises(ValueError, match="whole"):
        CALENDAR.add(1.5, "workdays", local("2026-11-20"))


# --- what holds always ------------------------------------------------------------------------------------------------

_BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
moments = st.integers(0, 3 * 365 * 86400).map(lambda s: _BEGIN + timedelta(seconds=s))
days = st.integers(1, 40)


@given(moments, moments, days)
def test_who_begins_later_is_due_no_earlier(a, b, n):
    first, second = sorted((a, b))
    assert CALENDAR.add(n, "workdays", first) <= CALENDAR.add(n, "workdays", second)
    assert CALENDAR.add(n, "workdays", a) < CALENDAR.add(n + 1, "workdays", a)


@given(moments, days, days)
def test_days_add_up(at, n, m):
    assert CALENDAR.add(m, "workdays", CALENDAR.add(n, "workdays", at)) == CALENDAR.add(n + m, "workdays", at)


@given(moments, days)
def test_nothing_is_due_on_a_closed_day_or_outside_office_hours(at, n):
    due = CALENDAR.add(n, "workdays", at).astimezone(ZONE)
    assert CALENDAR.day(due.date()).works
    assert due.time() == time(17, 30)


@given(moments, moments, moments)
def test_working_time_between_moments_adds_up(a, b, c):
    assert CALENDAR.working_s(a, b) + CALENDAR.working_s(b, c) == pytest.approx(CALENDAR.working_s(a, c))
    assert CALENDAR.working_s(min(a, b), max(a, b)) >= 0


@given(moments, st.integers(1, 10 * 7 * 3600))
def test_working_on_and_counting_back_are_each_others_opposite(at, seconds):
    there = CALENDAR.work_on(at, seconds)
    assert CALENDAR.working_s(at, there) == pytest.approx(seconds)
    back = CALENDAR.work_back(there, seconds)
    assert CALENDAR.working_s(back, there) == pytest.approx(seconds)
    assert back >= at.astimezone(UTC), "the latest such moment"


@given(moments)
def test_the_next_open_moment_is_open_and_nothing_is_before_it(at):
    there = CALENDAR.next_open(at)
    assert there >= at and CALENDAR.open(there)
    assert CALENDAR.working_s(at, there) == 0
