"""Facts, scores and ranks of the assessment: examples computed by hand, and what holds for any figures."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.city_assessment import CityAssessment, Grade, Weight
from core.errors import HeyiError
from ticketing.assessment.facts import (
    AskedRow,
    Case,
    ClockRow,
    Fact,
    NudgeRow,
    PartRow,
    RefusalRow,
    ReopenRow,
    TicketRow,
    facts,
)
from ticketing.assessment.frozen import pack, plain, result_of, seal, unpack
from ticketing.assessment.measures import COUNT_NAMES, COUNT_RULES, COUNTS, FORMULAS, SUBJECTS, Count, Subject
from ticketing.assessment.period import Period, month_of, parse
from ticketing.assessment.score import Member, Tables, earned, marks, score, tables

ZONE = ZoneInfo("Asia/Shanghai")
BEGIN, END = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 20, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
USUAL = CityAssessment()
T = TicketRow("t", "JJ1", "wang", BEGIN + DAY, "S101")


def part(key: str, at: datetime, kind: str = "main", name: str = "", **times: datetime) -> PartRow:
    fields = {"accepted_at": None, "refused_at": None, "reported_at": None, "withdrawn_at": None, **times}
    return PartRow("t", name or f"{key}-{kind}", key, kind, at, **fields)


def clock(kind: str, at: datetime, hours: float, stop: datetime | None, own: str = "") -> ClockRow:
    return ClockRow("t", own, kind, at, at + hours * HOUR, None, stop)


def told(
    case: Case, subject: Subject = "departments", begin: datetime = BEGIN, end: datetime = END
) -> set[tuple[str, str]]:
    return {(f.who, f.kind) for f in facts(case, begin, end, NOW) if f.subject == subject}


# --- facts ------------------------------------------------------------------------------------------------------------


def test_a_ticket_handled_in_time() -> None:
    sent = BEGIN + DAY + HOUR
    case = Case(
        T,
        [part("urban", sent, accepted_at=sent + HOUR, reported_at=sent + 20 * HOUR)],
        [
            clock("answer", BEGIN + DAY - timedelta(seconds=5), 15 / 3600, BEGIN + DAY),
            clock("dispatch", BEGIN + DAY, 0.5, sent),
            clock("accept", sent, 2, sent + HOUR), clock("handle", sent, 24, sent + 20 * HOUR),
        ],
        [AskedRow("t", sent + 22 * HOUR, "satisfied", True, "person", "chen")],
    )  # fmt: skip
    assert told(case) == {
        ("urban", name) for name in ("received", "accept_ok", "handle_ok", "reported", "satisfied", "solved", "reached")
    }
    # Dispatched half an hour late; the callback was another's.
    assert told(case, "agents") == {
        ("wang", "received"), ("wang", "accept_ok"), ("wang", "handle_late"), ("wang", "satisfied"),
        ("wang", "solved"), ("chen", "reached"),
    }  # fmt: skip


def test_what_is_late_counts_once_at_the_due_moment_of_whoever_had_it() -> None:
    """Handed on in the last hour or accepted after it: the day on which the time ended decides month and department."""
    sent, due = END - 30 * HOUR, END - 6 * HOUR
    case = Case(
        T,
        [
            part("urban", sent, name="a", withdrawn_at=due - 2 * HOUR),
            part("water", due - 2 * HOUR, name="b", accepted_at=END + HOUR, reported_at=END + 2 * DAY),
        ],
        [
            clock("accept", sent, 2, due - 2 * HOUR), clock("accept", due - 2 * HOUR, 2, END + HOUR),
            clock("handle", sent, 24, END + 2 * DAY),
        ],
    )  # fmt: skip
    late = {("urban", "accept_late"), ("water", "handle_late")}
    assert {fact for fact in told(case) if fact[1].endswith(("late", "ok"))} == late | {("water", "accept_late")}
    after = {fact for fact in told(case, begin=END, end=NOW) if fact[0] != "wang"}
    assert after == {("water", "reported")}  # reported late: no second lateness in the next month


def test_what_ended_before_its_time_without_a_result_is_neither_in_time_nor_late() -> None:
    """A part that was refused or withdrawn, and a ticket that somebody closed: nothing was done in time."""
    sent = BEGIN + DAY
    refused = Case(T, [part("urban", sent, refused_at=sent + HOUR)], [clock("accept", sent, 2, sent + HOUR)])
    assert told(refused) == {("urban", "received"), ("urban", "refused")}
    closed = Case(
        T,
        [part("urban", sent, accepted_at=sent + HOUR, withdrawn_at=sent + 3 * HOUR)],
        [clock("accept", sent, 2, sent + HOUR), clock("handle", sent, 24, sent + 3 * HOUR)],
    )
    assert told(closed) == {("urban", "received"), ("urban", "accept_ok")}


def test_a_clock_taken_off_counts_nowhere_and_one_taken_off_too_late_is_late() -> None:
    """Another category has no time to accept; a draft is closed with another ticket: there was nothing to be done."""
    sent = BEGIN + DAY
    off = clock("accept", sent, 2, sent + HOUR)._replace(withdrawn=True)
    for accepted in (sent + 1.5 * HOUR, sent + 9 * HOUR):
        case = Case(T, [part("urban", sent, accepted_at=accepted)], [off])
        assert told(case) == {("urban", "received")}
    waited = clock("dispatch", sent, 0.5, sent + HOUR)._replace(withdrawn=True)
    assert ("wang", "handle_late") in told(Case(T, clocks=[waited]), "agents")
    soon = waited._replace(stopped_at=sent + 0.25 * HOUR)
    assert told(Case(T, clocks=[soon]), "agents") == {("wang", "received")}


def test_what_was_overdue_stays_with_who_had_it_when_more_time_is_given() -> None:
    """A village is overdue, then its town gets the ticket with a longer time, and keeps it."""
    sent = BEGIN + DAY
    up, done = sent + 30 * HOUR, sent + 40 * HOUR
    moved = clock("handle", sent, 60, done)._replace(lapses=(sent + 24 * HOUR,))
    both = [part("village", sent, withdrawn_at=up), part("town", up, reported_at=done)]
    assert told(Case(T, both, [moved])) >= {("village", "handle_late"), ("town", "handle_ok")}
    assert ("village", "handle_ok") not in told(Case(T, both, [moved]))
    # An extension granted afterwards, another category: the same department is late, once, and not in time as well.
    alone = [part("village", sent, accepted_at=sent, reported_at=done)]
    for hours in (60, 30):
        again = clock("handle", sent, hours, done)._replace(lapses=(sent + 24 * HOUR,))
        found = [f for f in facts(Case(T, alone, [again]), BEGIN, END, NOW) if f.kind.startswith("handle")]
        assert [(f.who, f.kind, f.at) for f in found] == [("village", "handle_late", sent + 24 * HOUR)]


def test_a_time_to_accept_or_assist_that_was_over_stays_over() -> None:
    sent, lapse = BEGIN + DAY, BEGIN + DAY + 2 * HOUR
    longer = clock("accept", sent, 20, sent + 3 * HOUR)._replace(lapses=(lapse,))
    case = Case(T, [part("urban", sent, accepted_at=sent + 3 * HOUR)], [longer])
    assert {f for f in told(case) if "accept" in f[1]} == {("urban", "accept_late")}
    helped = clock("handle", sent, 20, sent + 3 * HOUR, "w")._replace(lapses=(lapse,))
    case = Case(T, [part("water", sent, "assist", "w", reported_at=sent + 3 * HOUR)], [helped])
    assert {f for f in told(case) if "handle" in f[1]} == {("water", "handle_late")}
    sent_on = clock("dispatch", sent, 20, sent + 3 * HOUR)._replace(lapses=(lapse,))
    assert ("wang", "handle_late") in told(Case(T, clocks=[sent_on]), "agents")


def test_while_nobody_has_it_the_lateness_is_no_departments() -> None:
    sent = BEGIN + DAY
    case = Case(T, [part("urban", sent, refused_at=sent + HOUR)], [clock("handle", sent, 24, None)])
    assert ("", "handle_late") in told(case)


def test_an_open_clock_counts_once_its_time_is_over_and_one_that_stands_still_does_not() -> None:
    sent = NOW - DAY
    late = Case(T, [part("urban", sent)], [clock("handle", sent, 12, None)])
    assert ("urban", "handle_late") in told(late, begin=END, end=NOW)
    running = Case(T, [part("urban", sent)], [clock("handle", sent, 48, None)])
    paused = Case(T, [part("urban", sent)], [clock("handle", sent, 12, None)._replace(paused_at=sent + HOUR)])
    for case in (running, paused):
        assert told(case, begin=END, end=NOW + DAY) == {("urban", "received")}


def test_an_assisting_department_has_its_own_times() -> None:
    sent = BEGIN + DAY
    case = Case(
        T,
        [
            part("urban", sent, accepted_at=sent, reported_at=sent + HOUR),
            part("water", sent, "assist", "w", accepted_at=sent + 3 * HOUR, reported_at=sent + 30 * HOUR),
        ],
        [
            clock("accept", sent, 2, sent), clock("handle", sent, 24, sent + HOUR),
            clock("accept", sent, 2, sent + 3 * HOUR, "w"), clock("handle", sent, 24, sent + 30 * HOUR, "w"),
        ],
    )  # fmt: skip
    ok = {("urban", "accept_ok"), ("urban", "handle_ok"), ("water", "accept_late"), ("water", "handle_late")}
    assert {f for f in told(case) if "_" in f[1]} == ok


def test_refusals_rulings_nudges_and_what_is_done_again() -> None:
    at = BEGIN + DAY
    case = Case(
        T,
        [part("urban", at, reported_at=at + HOUR), part("water", at + 5 * HOUR, name="b", reported_at=at + 9 * HOUR)],
        refusals=[
            RefusalRow("t", "urban", at, at + HOUR, "bound"), RefusalRow("t", "water", at, at + HOUR, "sent"),
            RefusalRow("t", "fire", at, None, None),
        ],
        nudges=[NudgeRow("t", "urban", at, "urge"), NudgeRow("t", "water", at, "supervise")],
        reopened=[ReopenRow("t", at + 2 * HOUR)],
    )  # fmt: skip
    found = told(case)
    assert {("urban", "unjustified"), ("urban", "urged"), ("water", "supervised"), ("urban", "reopened")} <= found
    assert ("water", "unjustified") not in found and ("water", "reopened") not in found
    assert ("wang", "misdirected") in told(case, "agents")


# --- scores -----------------------------------------------------------------------------------------------------------


def counts(**numbers: int) -> dict[Count, int]:
    return numbers  # type: ignore[return-value]


def test_a_score_computed_by_hand() -> None:
    found = marks(
        "departments",
        counts(received=50, accept_ok=45, accept_late=5, handle_ok=32, handle_late=8, satisfied=19, unsatisfied=1,
               unjustified=1, reopened=2, reported=40, urged=15),
        USUAL.departments,
    )  # fmt: skip
    by = {mark.measure: mark for mark in found}
    # 90 % of 60..100 → 3/4 of 15; 80 % → half of 30; 95 % → all 25; 2 % of 10..0 → 4/5 of 5; 5 % of 20..0 → 3/4 of 5;
    # 30 % is worse than 20 % → none; nobody was asked whether it is settled.
    points = {"accept": 11.25, "handle": 15, "satisfied": 25, "unjustified": 4, "reopened": 3.75, "urged": 0}
    assert {m: mark.points for m, mark in by.items() if mark.points is not None} == pytest.approx(points)
    assert by["solved"].points is None and by["solved"].share is None
    assert score(found) == pytest.approx(round(100 * 59 / 85, 2)) == 69.41


def test_ties_share_a_rank_and_nothing_is_ranked_on_too_few() -> None:
    weights = (Weight(measure="handle", weight=100, full=100, zero=0),)
    numbers = {"a": (9, 1), "b": (18, 2), "c": (8, 2), "d": (5, 5), "few": (9, 0)}
    made = [
        Fact("departments", who, kind, BEGIN, f"{who}{n}")
        for who, (ok, late) in numbers.items()
        for kind, many in (("handle_ok", ok), ("handle_late", late), ("received", ok + late))
        for n in range(many)
    ]  # fmt: skip
    members = [Member(who, who, "bureau") for who in numbers] + [Member("idle", "idle", "bureau")]
    grades = (Grade(name="好", name_en="Good", at_least=85), Grade(name="差", name_en="Bad", at_least=0))
    rows = tables(made, "departments", members, weights, grades, 10).rows  # type: ignore[arg-type]
    assert [(r.who, r.rank, r.score, r.grade) for r in rows] == [
        ("b", 1, 90.0, 0), ("a", 1, 90.0, 0), ("c", 3, 80.0, 1), ("d", 4, 50.0, 1), ("few", None, 100.0, None),
        ("idle", None, None, None),
    ]  # fmt: skip


FIGURES = st.fixed_dictionaries({count: st.integers(0, 60) for count in COUNTS})


@given(FIGURES, st.sampled_from(SUBJECTS))
def test_a_score_lies_between_0_and_100(figures: dict[Count, int], subject: Subject) -> None:
    weights = USUAL.departments if subject == "departments" else USUAL.agents
    found = score(marks(subject, figures, weights))
    assert found is None or 0 <= found <= 100


@given(FIGURES, st.sampled_from(["accept", "handle"]))
def test_more_on_time_never_lowers_a_score(figures: dict[Count, int], what: str) -> None:
    late, ok = f"{what}_late", f"{what}_ok"
    better = {**figures, ok: figures[ok] + figures[late], late: 0}  # type: ignore[index]
    before = score(marks("departments", figures, USUAL.departments))
    after = score(marks("departments", better, USUAL.departments))  # type: ignore[arg-type]
    assert before is None or (after is not None and after >= before)


@given(st.floats(0, 100), st.floats(0, 100), st.sampled_from([*USUAL.departments, *USUAL.agents]))
def test_points_never_fall_on_the_way_to_the_full_bar(one: float, two: float, weight: Weight) -> None:
    worse, better = sorted((one, two), reverse=weight.full < weight.zero)
    assert 0 <= earned(worse, weight) <= earned(better, weight) <= weight.weight


FACTS = st.lists(
    st.builds(
        Fact,
        st.sampled_from(SUBJECTS),
        st.sampled_from(["", "urban", "water", "fire", "gone"]),
        st.sampled_from(COUNTS),
        st.integers(0, 10**9).map(lambda ms: BEGIN + timedelta(milliseconds=ms)),
        st.sampled_from(["JJ1", "JJ2", "JJ3"]),
    ),
    max_size=60,
)


@given(FACTS)
def test_the_rows_add_up_to_the_total_and_the_total_to_the_facts(found: list[Fact]) -> None:
    members = [Member(who, who, tier) for who, tier in (("urban", "bureau"), ("water", "utility"), ("fire", "x"))]
    made = tables(found, "departments", members, USUAL.departments, USUAL.grades, 1)
    assert len({row.who for row in made.rows}) == len(made.rows)
    for kind in COUNTS:
        here = sum(1 for f in found if f.subject == "departments" and f.kind == kind)
        assert sum(row.counts.get(kind, 0) for row in made.rows) == made.total.get(kind, 0) == here


@given(FACTS)
def test_a_frozen_period_is_read_as_it_was_written(found: list[Fact]) -> None:
    members = [Member("urban", "城管", "bureau")]
    made: dict[Subject, Tables] = {
        "departments": tables(found, "departments", members, USUAL.departments, USUAL.grades, 1),
        "agents": tables(found, "agents", [], USUAL.agents, USUAL.grades, 1),
    }
    kept = pack(found)
    assert unpack(kept) == found
    assert result_of(json.loads(json.dumps(plain(made)))) == made
    rules = USUAL.model_dump(mode="json")
    assert seal(rules, json.loads(json.dumps(plain(made))), kept) == seal(rules, plain(made), kept)
    assert seal(rules, plain(made), kept) != seal({**rules, "minimum": 9}, plain(made), kept)


# --- periods and names ------------------------------------------------------------------------------------------------


def test_periods_by_the_citys_clock() -> None:
    half = parse("2026-H2")
    assert (half.key, half.before.key, half.after.key) == ("2026-H2", "2026-H1", "2027-H1")
    assert parse("2026-01").before.key == "2025-12" and parse("2026").before.key == "2025"
    assert [month.key for month in half.parts()] == [f"2026-{n:02d}" for n in range(7, 13)]
    assert half.begin(ZONE) == datetime(2026, 6, 30, 16, tzinfo=UTC)
    assert half.end(ZONE) == Period(2027, 1).begin(ZONE)
    assert month_of(datetime(2026, 10, 31, 17, tzinfo=UTC), ZONE).key == "2026-11"
    for wrong in ("", "2026-13", "2026-H3", "26-01", "2026-1", "2026-10-01", "２０２６"):
        with pytest.raises(HeyiError):
            parse(wrong)


def test_every_weighted_figure_has_a_name_and_a_rule() -> None:
    for subject in SUBJECTS:
        assert set(COUNT_NAMES[subject]) == set(COUNT_RULES[subject])
        for formula in FORMULAS[subject].values():
            assert {*formula.parts, *formula.whole} <= set(COUNT_NAMES[subject])
    assert {w.measure for w in USUAL.departments} <= set(FORMULAS["departments"])
    assert {w.measure for w in USUAL.agents} <= set(FORMULAS["agents"])
