"""Who is answered first: the policy against its rules, against the dialplan, and against what people complain about."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cityfile import load_city
from core.settings import Settings
from switchboard.priority import (
    EMERGENCY_STEP,
    REASON_NAMES,
    SERVICE_STEP,
    Caller,
    explain,
    limits,
    order,
    standing,
)
from telephony.dialplan import render
from telephony.install import Install

JINJIANG = load_city(Path(__file__).resolve().parents[2] / "cities" / "jinjiang")
CEILING, TOP = limits(JINJIANG.lines)
T0 = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
#: Seconds of a round with the default settings: 25 in the queue, 20 for the last resort, 1 between; 60 for a service.
EMERGENCY_ROUND_S, SERVICE_ROUND_S = 46, 60
SERVICE_LINES = sorted({line.priority for line in JINJIANG.lines if line.kind == "service"})
EMERGENCY_LINES = sorted({line.priority for line in JINJIANG.lines if line.kind == "emergency"})

unhurried = settings(deadline=None)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def caller(call_id: str = "1", line: int = 20, emergency: bool = False, since: float = 0, **marks: object) -> Caller:
    return Caller(call_id, line, emergency, at(since), **marks)  # type: ignore[arg-type]


def rank(who: Caller) -> int:
    return standing(who, CEILING, TOP).priority


def after(who: Caller, now_s: float) -> Caller:
    """The caller with the rounds that have passed by then."""
    length = EMERGENCY_ROUND_S if who.emergency else SERVICE_ROUND_S
    return replace(who, rounds=int((at(now_s) - who.arrived_at).total_seconds() // length))


@st.composite
def callers(draw: st.DrawFn, call_id: str = "", plain: bool = False) -> Caller:
    emergency = draw(st.booleans())
    flag = st.just(False) if plain else st.booleans()
    return Caller(
        call_id=call_id or f"{draw(st.integers(0, 99))}",
        line_priority=draw(st.sampled_from(EMERGENCY_LINES if emergency else SERVICE_LINES)),
        emergency=emergency,
        arrived_at=at(draw(st.integers(0, 3600))),
        raised=draw(flag),
        repeat=draw(st.just(0) if plain else st.integers(0, 5)),
        nuisance=draw(flag),
        recall=draw(flag),
        pushed=draw(flag),
        rounds=draw(st.integers(0, 90)),
    )


def crowds(plain: bool = False) -> st.SearchStrategy[list[Caller]]:
    return st.lists(callers(plain=plain), max_size=8, unique_by=lambda c: c.call_id)


# --- the numbers ------------------------------------------------------------------------------------------------


def test_the_dialplan_alone_gives_the_same_numbers(tmp_path: Path) -> None:
    """What Asterisk does while nothing of ours runs, read out of the rendered file, round by round."""
    site = Settings(data=tmp_path, secret="for tests only")
    text = render(JINJIANG, site, Install(tmp_path / "prefix"), tmp_path)["extensions.conf"]
    for kind in ("emergency", "service"):
        section = re.split(r"^\[", text.split(f"\n[{kind}]\n", 1)[1], flags=re.MULTILINE)[0]
        step = re.search(r"Set\(QUEUE_PRIO=\$\[\$\{QUEUE_PRIO\} ?\+ ?(\d+)\]\)", section)
        bound = re.search(r"\$\{QUEUE_PRIO\} ?< ?(\d+)", section)
        assert step, f"[{kind}] no longer ages by itself"
        assert (bound is None) == (kind == "emergency"), "services have a ceiling, emergencies none"
        for line in JINJIANG.lines:
            if line.kind != kind:
                continue
            held = line.priority
            for rounds in range(100):
                who = Caller("1", line.priority, kind == "emergency", T0, rounds=rounds)
                assert rank(who) == held, (line.number, rounds)
                if bound is None or held < int(bound[1]):
                    held += int(step[1])


def test_figures_and_reasons() -> None:
    assert (CEILING, TOP) == (89, 100)
    for who, priority, reasons in (
        (caller(line=20), 20, ("line",)),
        (caller(line=20, rounds=3), 23, ("line", "waited")),
        (caller(line=20, nuisance=True, rounds=2), 2, ("waited", "lowered")),
        (caller(line=20, raised=True), 100, ("raised",)),
        (caller(line=20, pushed=True), 1100, ("pushed",)),
        (caller(line=20, repeat=3), 20, ("line",)),
        (caller(line=90, emergency=True), 90, ("emergency",)),
        (caller(line=90, emergency=True, rounds=2), 100, ("emergency", "waited")),
        (caller(line=90, emergency=True, repeat=1), 95, ("repeat", "emergency")),
        (caller(line=90, emergency=True, repeat=50), 105, ("repeat", "emergency")),
        (caller(line=90, emergency=True, recall=True), 100, ("recall", "emergency")),
        (caller(line=100, emergency=True, nuisance=True, repeat=3, raised=True), 90, ("emergency", "lowered")),
        (caller(line=20, nuisance=True, raised=True), 90, ("raised", "lowered")),
    ):
        assert (standing(who, CEILING, TOP).priority, standing(who, CEILING, TOP).reasons) == (priority, reasons), who


@given(callers(), st.sampled_from(["raised", "recall", "pushed", "emergency", "repeat", "rounds"]))
def test_no_mark_but_nuisance_ever_lowers_anybody(who: Caller, mark: str) -> None:
    value = getattr(who, mark)
    more = replace(who, **{mark: True if isinstance(value, bool) else value + 1})
    if mark == "emergency":
        more = replace(more, line_priority=max(EMERGENCY_LINES[0], who.line_priority))
    assert rank(more) >= rank(who)
    assert rank(replace(who, nuisance=True)) <= rank(replace(who, nuisance=False))


@given(callers())
def test_an_emergency_stands_above_every_service_call(who: Caller) -> None:
    """Also a nuisance caller on an emergency line: ranked behind the others, never behind a service matter."""
    assert rank(who) > CEILING if who.urgent else 0 <= rank(who) <= CEILING


def test_a_recall_stands_behind_who_dialled_the_highest_line_before_it() -> None:
    back, early, late = (
        caller("b", 100, True, since=60, recall=True),
        caller("a", 100, True, since=0),
        caller("c", 100, True, since=61),
    )
    assert order([back, early, late], CEILING, TOP) == ["a", "b", "c"]


# --- the order --------------------------------------------------------------------------------------------------


@given(crowds())
def test_order_is_priority_then_arrival(crowd: list[Caller]) -> None:
    by_id = {c.call_id: c for c in crowd}
    queue = [by_id[call] for call in order(crowd, CEILING, TOP)]
    assert len(queue) == len(crowd)
    for first, second in pairwise(queue):
        assert rank(first) > rank(second) or (rank(first) == rank(second) and first.arrived_at <= second.arrived_at)


@st.composite
def days(draw: st.DrawFn) -> tuple[list[tuple[Caller, int | None]], list[int]]:
    """Calls, each with the second at which its words raise it (or never), and the seconds at which a desk is free."""
    calls = []
    for number in range(draw(st.integers(2, 12))):
        who = replace(draw(callers(f"c{number}", plain=True)), rounds=0, nuisance=draw(st.booleans()))
        start = int((who.arrived_at - T0).total_seconds())
        calls.append((who, draw(st.none() | st.integers(start, start + 600))))
    return calls, sorted(draw(st.lists(st.integers(0, 9000), min_size=1, max_size=12)))


@unhurried
@given(days())
def test_an_emergency_is_never_answered_after_a_service_call_that_came_later_and_waited_with_the_same_desks_free(
    day: tuple[list[tuple[Caller, int | None]], list[int]],
) -> None:
    calls, free_at = day
    answered: set[str] = set()
    for second in free_at:
        waiting = [
            replace(after(who, second), raised=raised is not None and raised <= second)
            for who, raised in calls
            if who.arrived_at <= at(second) and who.call_id not in answered
        ]
        if not waiting:
            continue
        first = order(waiting, CEILING, TOP)[0]
        answered.add(first)
        taken = next(c for c in waiting if c.call_id == first)
        if not taken.urgent:
            assert not [c for c in waiting if c.urgent], "a service call was taken while an emergency waited"


@given(st.sampled_from(SERVICE_LINES), st.integers(0, 60), st.integers(0, 3600), st.integers(0, 7200))
def test_12345_never_starves(newer_line: int, beyond_s: int, since: int, later_s: int) -> None:
    """A service call goes before every one that comes more than N rounds later, N = highest − lowest service line.

    A newer call starts at most N above the older one's start, and both gain one a round: whoever is N rounds ahead
    stays level or above for good, and level is decided by arrival. At the ceiling both are level: arrival again.
    """
    rounds = SERVICE_LINES[-1] - SERVICE_LINES[0]
    old = caller("old", line=SERVICE_LINES[0], since=since)
    comes = since + rounds * SERVICE_ROUND_S + 1 + beyond_s
    new = caller("new", line=newer_line, since=comes)
    now = comes + later_s
    assert order([after(new, now), after(old, now)], CEILING, TOP) == ["old", "new"]


def test_the_bound_of_12345_is_tight() -> None:
    """Somewhat sooner than N rounds the higher line still goes first: the bound is no empty promise."""
    rounds = SERVICE_LINES[-1] - SERVICE_LINES[0]
    old, new = caller("old", line=SERVICE_LINES[0]), caller("new", line=SERVICE_LINES[-1], since=(rounds - 1) * 60)
    now = (rounds - 1) * 60
    assert order([after(old, now), after(new, now)], CEILING, TOP) == ["new", "old"]


@given(st.sampled_from(EMERGENCY_LINES), st.integers(0, 7200))
def test_no_emergency_line_starves_another(newer_line: int, later_s: int) -> None:
    rounds = -(-(EMERGENCY_LINES[-1] - EMERGENCY_LINES[0]) // EMERGENCY_STEP)
    old = caller("old", line=EMERGENCY_LINES[0], emergency=True)
    comes = rounds * EMERGENCY_ROUND_S + 1
    new = caller("new", line=newer_line, emergency=True, since=comes)
    now = comes + later_s
    assert order([after(new, now), after(old, now)], CEILING, TOP) == ["old", "new"]


def test_the_longest_wait_does_not_beat_priority() -> None:
    """asterisk#1561, asterisk#1637: the longest waiting caller was taken although one of higher priority waited."""
    hours = after(caller("old", line=30, since=0), 4 * 3600)
    fresh = caller("new", line=90, emergency=True, since=4 * 3600)
    assert order([hours, fresh], CEILING, TOP) == ["new", "old"]


def test_a_stream_of_the_heavier_line_starves_nobody() -> None:
    """asterisk#1561: callers of the lighter queue were never reached while the heavier one had any.

    One desk, a call a minute, and a call of the highest service line comes every minute: the old one of the lowest
    line is reached within N rounds.
    """
    waiting = [caller("old", line=SERVICE_LINES[0])]
    for minute in range(200):
        waiting.append(caller(f"new{minute}", line=SERVICE_LINES[-1], since=minute * 60))
        first = order([after(c, minute * 60) for c in waiting], CEILING, TOP)[0]
        waiting = [c for c in waiting if c.call_id != first]
        if first == "old":
            break
    assert minute == SERVICE_LINES[-1] - SERVICE_LINES[0] == 20


# --- why --------------------------------------------------------------------------------------------------------


@st.composite
def changes(draw: st.DrawFn) -> tuple[list[Caller], list[Caller]]:
    """A queue, and the queue later: some have left, come, risen or been marked."""
    before = draw(crowds())
    now = []
    for who in before:
        if draw(st.booleans()):
            continue
        marks = {m: draw(st.booleans()) for m in ("raised", "nuisance", "recall", "pushed") if draw(st.booleans())}
        grown = draw(st.integers(0, 4))
        now.append(replace(who, rounds=who.rounds + grown, repeat=who.repeat + draw(st.integers(0, 1)), **marks))
    for number in range(draw(st.integers(0, 3))):
        now.append(draw(callers(f"n{number}")))
    return before, now


@unhurried
@given(changes())
def test_every_callers_place_only_improves_or_is_explained(change: tuple[list[Caller], list[Caller]]) -> None:
    before, now = change
    old, new = {c.call_id: c for c in before}, {c.call_id: c for c in now}
    was, become = order(before, CEILING, TOP), order(now, CEILING, TOP)
    for call in old.keys() & new.keys():
        passed = explain(before, now, call, CEILING, TOP)
        assert len(passed) >= become.index(call) - was.index(call), "each place lost has its passer"
        assert [p.call_id for p in passed] == [
            c for c in become[: become.index(call)] if c not in was[: was.index(call)]
        ]
        for one in passed:
            assert one.text == REASON_NAMES[one.reason]
            assert _true(one.reason, new[one.call_id], old.get(one.call_id), new[call], old[call]), one


def _true(reason: str, passer: Caller, was: Caller | None, passed: Caller, passed_was: Caller) -> bool:
    """Whether the reason that is told is a fact about these two."""
    match reason:
        case "pushed" | "recall" | "raised" | "emergency":
            return bool(getattr(passer, reason))
        case "repeat":
            return passer.repeat > 0 and passer.emergency and not passer.nuisance
        case "line":
            return passer.line_priority > passed.line_priority
        case "waited":
            return passer.arrived_at <= passed.arrived_at or passer.rounds > (was.rounds if was else 0)
        case _:
            fallen = any(getattr(passed_was, m) > getattr(passed, m) for m in ("pushed", "recall", "raised"))
            return reason == "lowered" and (passed.nuisance or fallen)


@pytest.mark.parametrize(
    ("passer_before", "passer", "passed", "reason"),
    [
        (None, caller("p", 100, True, since=90), caller("q", 20), "emergency"),
        (None, caller("p", 100, True, since=90), caller("q", 90, True), "line"),
        (None, caller("p", 30, since=90), caller("q", 20), "line"),
        (None, caller("p", 20, since=90), caller("q", 20, nuisance=True), "lowered"),
        (None, caller("p", 90, True, since=90, recall=True), caller("q", 90, True), "recall"),
        (None, caller("p", 100, True, since=90, repeat=1), caller("q", 100, True), "repeat"),
        (caller("p", 20, since=90), caller("p", 20, since=90, raised=True), caller("q", 30), "raised"),
        (caller("p", 20, since=90), caller("p", 20, since=90, pushed=True), caller("q", 100, True), "pushed"),
        (caller("p", 25, since=9), caller("p", 25, since=9, rounds=6), caller("q", 30), "waited"),
        (caller("p", 90, True), caller("p", 90, True, rounds=2), caller("q", 100, True, since=9), "waited"),
    ],
)
def test_the_reason_is_the_one_that_decided(
    passer_before: Caller | None, passer: Caller, passed: Caller, reason: str
) -> None:
    before = [passed] if passer_before is None else [passed, passer_before]
    told = explain(before, [passed, passer], "q", CEILING, TOP)
    assert [(p.call_id, p.reason) for p in told] == [("p", reason)]


def test_who_was_marked_is_told_so() -> None:
    before = [caller("q", 20), caller("p", 20, since=9)]
    told = explain(before, [replace(before[0], nuisance=True), before[1]], "q", CEILING, TOP)
    assert [(p.call_id, p.reason) for p in told] == [("p", "lowered")]
    assert explain(before, before, "q", CEILING, TOP) == ()
    assert explain(before, before, "gone", CEILING, TOP) == ()


def test_steps_are_the_dialplans() -> None:
    assert rank(caller(line=90, emergency=True, rounds=1)) - rank(caller(line=90, emergency=True)) == EMERGENCY_STEP
    assert rank(caller(rounds=1)) - rank(caller()) == SERVICE_STEP
