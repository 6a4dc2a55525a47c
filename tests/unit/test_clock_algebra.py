"""What a clock guarantees, whatever happens to it: over random sequences of entries."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from test_clock_calendar import CALENDAR, local

from ticketing.clocks.clock import (
    Amount,
    Entry,
    Extended,
    Merged,
    Paused,
    Planned,
    Resumed,
    Started,
    State,
    Stopped,
    due,
    late,
    left_s,
    measure,
    paused_s,
    plan,
    replay,
    step,
    used,
    warn_at,
    worked_s,
)

_BEGIN = datetime(2026, 9, 1, tzinfo=UTC)

amounts = st.one_of(
    st.builds(Amount, st.integers(1, 15), st.just("workdays")),
    st.builds(Amount, st.integers(1, 200), st.just("hours")),
    st.builds(Amount, st.integers(1, 600), st.just("minutes")),
)


@st.composite
def clocks(draw: st.DrawFn, *, stops: bool = False, plans: bool = True) -> list[Entry]:
    """A clock's entries, an ordered history of up to ten steps over some weeks."""
    at = _BEGIN + timedelta(minutes=draw(st.integers(0, 20_000)))
    entries: list[Entry] = [Started(at, draw(amounts))]
    kinds = ["pause", "resume", "extend", *(["plan"] if plans else [])]
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=9)):
        at += timedelta(minutes=draw(st.integers(0, 5_000)))
        match kind:
            case "pause":
                entries.append(Paused(at))
            case "resume":
                entries.append(Resumed(at))
            case "extend":
                entries.append(Extended(at, draw(amounts)))
            case _:
                entries.append(Planned(at, draw(amounts)))
    if stops:
        entries.append(Stopped(at + timedelta(minutes=draw(st.integers(0, 5_000)))))
    return entries


later = st.integers(0, 60_000).map(lambda minutes: timedelta(minutes=minutes))


@given(clocks(plans=False), later, later)
def test_due_moves_later_only_by_an_approved_extension_or_pause(entries, a, b):
    """zammad#5624: a due time that moves by itself is none. Time alone, and what is no grant, leave it where it was."""
    state = replay(entries, CALENDAR)
    at = max(e.at for e in entries)
    early, late_ = at + min(a, b), at + max(a, b)
    if state.paused is None:
        assert due(state, early, CALENDAR) == due(state, late_, CALENDAR) == state.due
    for before, entry in pairwise(entries):
        one, two = _until(entries, before), _until(entries, entry)
        if not isinstance(entry, Extended) and one.paused is None:
            assert two.due <= one.due, entry
        if isinstance(entry, Extended):
            assert two.due == CALENDAR.add(entry.by.value, entry.by.unit, one.due)


@given(clocks(), clocks(), later)
def test_merging_never_gives_more_time(mine, other, after):
    """zammad#904: clocks were wrong after a merge. The earlier start and the earlier due time hold, also later on."""
    a, b = replay(mine, CALENDAR), replay(other, CALENDAR)
    # clocks of one kind have one unit: another would not be counted alike
    assume(a.allowed.unit == b.allowed.unit)
    now = max(e.at for e in mine + other)
    merged = step(a, _merge(b, now), CALENDAR)
    assert merged.began == min(a.began, b.began)
    assert merged.extended == max(a.extended, b.extended)
    for moment in (now, now + after):
        assert due(merged, moment, CALENDAR) <= min(due(a, moment, CALENDAR), due(b, moment, CALENDAR))
    # the same category chosen once more brings nothing back, either
    again = step(merged, Planned(now, min(a.allowed, b.allowed, key=lambda x: x.value)), CALENDAR)
    assert due(again, now, CALENDAR) <= max(due(a, now, CALENDAR), due(b, now, CALENDAR))


@given(clocks(), clocks())
def test_merging_there_or_here_comes_to_the_same(mine, other):
    """zammad#904: which of two tickets is kept decides nothing about the time."""
    a, b = replay(mine, CALENDAR), replay(other, CALENDAR)
    assume(a.allowed.unit == b.allowed.unit)
    now = max(e.at for e in mine + other)
    here, there = step(a, _merge(b, now), CALENDAR), step(b, _merge(a, now), CALENDAR)
    assert (here.began, here.due, here.paused) == (there.began, there.due, there.paused)


@given(clocks(plans=False), amounts)
def test_another_category_counts_from_the_original_start(entries, allowed):
    """zammad#5624: a changed deadline must not begin anew. What was granted is granted again, nothing is forgotten."""
    state = replay(entries, CALENDAR)
    at = max(e.at for e in entries)
    planned = step(state, Planned(at, allowed), CALENDAR)
    assert (planned.began, planned.paused, planned.pauses, planned.extended) == (
        state.began, state.paused, state.pauses, state.extended,
    )  # fmt: skip
    # as if it had had this amount from the beginning
    assert planned.due == replay([Started(entries[0].at, allowed), *entries[1:]], CALENDAR).due
    assert step(planned, Planned(at, state.allowed), CALENDAR).due == state.due


@given(clocks(), amounts, later)
def test_another_plan_makes_nothing_overdue_and_gives_no_more_than_the_longer_of_both(entries, allowed, after):
    """zammad#5624: nor may it fall into the past. A village gets a ticket that its town had in time for four days."""
    state = replay(entries, CALENDAR)
    now = max(e.at for e in entries) + after
    entry = plan(state, now, allowed, CALENDAR)
    planned, plain = step(state, entry, CALENDAR), step(state, Planned(now, allowed), CALENDAR)
    assert late(state, now) or not late(planned, now)
    assert plain.due <= planned.due <= max(state.due, plain.due)
    if late(state, now) or not late(plain, now + timedelta(microseconds=1)):
        assert planned.due == plain.due, "from the original start"


@given(clocks(), st.lists(amounts, min_size=2, max_size=4), later)
def test_no_time_is_won_by_planning_to_and_fro(entries, several, after):
    state = replay(entries, CALENDAR)
    assume(state.paused is None)
    now = max(e.at for e in entries) + after
    longest = max([state.due, *(step(state, Planned(now, allowed), CALENDAR).due for allowed in several)])
    for allowed in several:
        state = step(state, plan(state, now, allowed, CALENDAR), CALENDAR)
    assert state.due <= longest


@given(clocks(stops=True), later)
def test_all_of_its_time_is_what_it_ran_and_what_it_stood_still(entries, after):
    state = replay(entries, CALENDAR)
    now = entries[-1].at + after
    whole = measure(state.allowed.unit, entries[0].at, entries[-1].at, CALENDAR)
    assert worked_s(state, now, CALENDAR) + paused_s(state, now, CALENDAR) == pytest.approx(whole)


@given(clocks(), later)
def test_all_of_its_time_while_it_goes_on(entries, after):
    state = replay(entries, CALENDAR)
    now = max(e.at for e in entries) + after
    whole = measure(state.allowed.unit, entries[0].at, now, CALENDAR)
    assert worked_s(state, now, CALENDAR) + paused_s(state, now, CALENDAR) == pytest.approx(whole)


@given(clocks(stops=True), later)
def test_a_stopped_clock_stays_as_it_is(entries, after):
    state = replay(entries, CALENDAR)
    at = entries[-1].at + after
    for entry in (Paused(at), Resumed(at), Extended(at, Amount(3, "hours")), Planned(at, Amount(1, "hours"))):
        assert step(state, entry, CALENDAR) == state
    assert late(state, at) == (state.stopped > state.due)
    assert used(state, at, CALENDAR) == used(state, at + timedelta(days=30), CALENDAR)


@given(clocks())
def test_replay_is_one_step_after_the_other(entries):
    state = replay(entries[:1], CALENDAR)
    for entry in entries[1:]:
        state = step(state, entry, CALENDAR)
    assert state == replay(entries, CALENDAR)


@given(clocks(), later)
def test_overdue_is_when_the_share_reaches_one(entries, after):
    state = replay(entries, CALENDAR)
    now = max(e.at for e in entries) + after
    assert (used(state, now, CALENDAR) >= 1) == late(state, now)
    assert left_s(state, now, CALENDAR) <= 0 if late(state, now) else left_s(state, now, CALENDAR) >= 0


@given(clocks(), st.floats(0.05, 0.95))
def test_the_warning_comes_before_the_due_time_and_not_before_the_start(entries, share):
    state = replay(entries, CALENDAR)
    assume(state.paused is None)
    moment = warn_at(state, share, None, CALENDAR)
    assert moment <= max(state.due, state.began)
    assert moment >= state.began
    if not state.pauses and state.extended == 0:
        whole = measure(state.allowed.unit, state.began, state.due, CALENDAR)
        assert measure(state.allowed.unit, state.began, moment, CALENDAR) == pytest.approx(whole * share, abs=1)


# --- named scenarios --------------------------------------------------------------------------------------------------


def test_seven_working_days_over_the_national_holiday():
    state = replay([Started(local("2026-09-29"), Amount(7, "workdays"))], CALENDAR)
    # 30; 8, 9, 10 (swapped Saturday); 12, 13, 14 October
    assert state.due == local("2026-10-14", "17:30")


def test_a_pause_in_working_days_costs_the_hours_that_were_open():
    state = replay(
        [Started(local("2026-11-16"), Amount(2, "workdays")), Paused(local("2026-11-17", "16:30"))], CALENDAR
    )
    assert due(state, local("2026-11-18", "07:00"), CALENDAR) == local("2026-11-19", "09:00"), "an hour was open since"
    state = step(state, Resumed(local("2026-11-18", "09:00")), CALENDAR)
    assert state.due == local("2026-11-19", "10:00")


def test_what_is_late_does_not_become_punctual_by_a_pause():
    entries = [Started(local("2026-11-16"), Amount(2, "hours")), Paused(local("2026-11-16", "13:00"))]
    state = replay(entries, CALENDAR)
    assert due(state, local("2026-11-20"), CALENDAR) == local("2026-11-16", "12:00")
    assert late(state, local("2026-11-20"))


def test_an_extension_that_a_merge_took_away_does_not_come_back_with_the_category():
    """zammad#904: the extended ticket is linked to one that is due earlier, then its category is chosen once more."""
    extended = replay([Started(_BEGIN, Amount(24, "hours")), Extended(_BEGIN, Amount(24, "hours"))], CALENDAR)
    other = replay([Started(_BEGIN + timedelta(hours=1), Amount(24, "hours"))], CALENDAR)
    now = _BEGIN + timedelta(hours=2)
    merged = step(extended, _merge(other, now), CALENDAR)
    assert merged.due == other.due
    again = step(merged, Planned(now, Amount(24, "hours")), CALENDAR)
    assert again.due == _BEGIN + timedelta(hours=24)
    assert again.extended == 1, "it was used, all the same"


def test_a_warning_a_day_before():
    state = replay([Started(local("2026-11-16"), Amount(5, "workdays"))], CALENDAR)
    assert state.due == local("2026-11-23", "17:30")
    assert warn_at(state, 0.8, 1, CALENDAR) == local("2026-11-20", "17:30")


def test_what_is_no_clock_is_refused():
    with pytest.raises(ValueError, match="entries"):
        replay([], CALENDAR)
    with pytest.raises(ValueError, match="first"):
        replay([Paused(_BEGIN)], CALENDAR)
    with pytest.raises(ValueError, match="once"):
        replay([Started(_BEGIN, Amount(1, "hours")), Started(_BEGIN, Amount(1, "hours"))], CALENDAR)


def _merge(other: State, now: datetime) -> Merged:
    return Merged(now, other.began, due(other, now, CALENDAR), other.extended, other.paused is not None)


def _until(entries: list[Entry], last: Entry) -> State:
    return replay(entries[: next(i for i, e in enumerate(entries) if e is last) + 1], CALENDAR)
