"""The report of what callers did before a person: outcomes, troubles, the worst step first, sums that agree."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.city_ivr import IvrFlow
from core.cityfile import load_city
from ivr.journal import How
from ivr.journalread import Begun, Called, settled, unserved
from ivr.report import OUTCOMES, Figure, Outcome, Report, SessionRow, StepRow, Walk, p95, report, walks

AT = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
CITY = Path(__file__).parents[2] / "cities" / "jinjiang"
FLOWS: dict[str, IvrFlow] = {flow.key: flow for flow in load_city(CITY).ivr}

#: Steps as (flow/step, seconds in it, why it was left, why it was asked again).
Told = tuple[str, float, str, tuple[str, ...]]


def told(place: str, seconds: float, why: str, *again: str) -> Told:
    return place, seconds, why, again


def call(
    call_id: str, how: How, *steps: Told, flow: str = "welcome", at: float = 0.0, to: str = ""
) -> tuple[SessionRow, list[StepRow]]:
    """A session that began ``at`` seconds after the beginning, with its steps one after the other."""
    began = now = AT + timedelta(seconds=at)
    rows = []
    for place, seconds, why, again in steps:
        left = now + timedelta(seconds=seconds)
        rows.append(StepRow(call_id, *place.split("/"), now, left, why, again))
        now = left
    return SessionRow(call_id, flow, began, now, how, to), rows


def found(*calls: tuple[SessionRow, list[StepRow]], answered: dict[str, datetime] | None = None) -> list[Walk]:
    steps = [step for _, own in calls for step in own]
    return walks([session for session, _ in calls], steps, answered or {}, FLOWS)


def outcomes(*calls: tuple[SessionRow, list[StepRow]]) -> list[Outcome]:
    return [walk.outcome for walk in found(*calls)]


def test_each_end_has_its_outcome() -> None:
    silent = told("welcome/greet", 9, "silence"), told("welcome/menu", 4, "key 0"), told("welcome/person", 1, "queue")
    asks = told("welcome/greet", 5, "heard"), told("welcome/judged", 0, "outcome"), told("welcome/known", 0.4, "found")
    assert outcomes(
        call("1", "queue", *silent),
        call("2", "emergency", told("welcome/greet", 2, "key 9"), at=1),
        call("3", "caller", *asks, told("welcome/answer", 8, "hung up"), at=2),
        call("4", "hangup", *asks, told("welcome/answer", 8, "said"), told("welcome/more", 3, "words"), at=3),
        # Nothing of the answer can be heard in a second.
        call("5", "caller", *asks, told("welcome/answer", 1, "hung up"), at=4),
        call("6", "queue", *asks, told("welcome/answer", 8, "said"), told("welcome/more", 3, "key 0"), at=5),
        call("7", "caller", told("welcome/greet", 3, "hung up"), at=6),
        call("8", "party", told("move-car/call", 9, "connected"), at=7),
        call("9", "callback", told("waiting/offer", 3, "key 1"), flow="waiting", at=8),
        call("10", "hangup", told("satisfaction/ask", 5, "silence"), told("satisfaction/end", 0, "hang up"),
             flow="satisfaction", at=9),
        call("11", "hangup", told("satisfaction/ask", 5, "key 1"), told("satisfaction/save", 0.1, "done"),
             told("satisfaction/thanks", 3, "hang up"), flow="satisfaction", at=10),
        call("12", "late", told("welcome/greet", 5, "heard"), at=11),
    ) == [
        "person", "emergency", "answer", "answer", "left", "person", "left", "done", "callback", "let_go", "done",
        "late",
    ]  # fmt: skip


def test_the_worst_step_stands_first_and_repeated_questions_count() -> None:
    made = report(
        found(
            call("1", "caller", told("welcome/greet", 4, "silence"), told("welcome/menu", 6, "hung up")),
            call("2", "caller", told("welcome/greet", 2, "hung up"), at=1),
            call(
                "3", "hangup", told("robot-callback/hello", 5, "said"),
                told("robot-callback/solved", 16, "not understood", "silence", "not understood"),
                flow="robot-callback", at=2,
            ),
            call("4", "queue", told("welcome/greet", 3, "key 0"), told("welcome/person", 1, "queue"), at=3),
        )
    )  # fmt: skip
    worst = made.steps[0]
    assert (worst.flow, worst.step, worst.trouble) == ("robot-callback", "solved", 3)
    assert worst.troubles == {"silence": 1, "wrong": 0, "not_understood": 2, "failed": 0, "left": 0}
    greet = next(step for step in made.steps if step.step == "greet")
    assert (greet.entered, greet.hung_up, greet.troubles["left"], greet.troubles["silence"]) == (3, 1, 1, 1)
    assert (greet.median_s, greet.p95_s) == (3, 4)
    assert [(way.why, way.to, way.count) for way in greet.ways] == [
        ("hung up", ":caller", 1), ("key 0", "welcome/person", 1), ("silence", "welcome/menu", 1),
    ]  # fmt: skip


def test_times_before_a_person_name_their_call() -> None:
    made = found(
        call("a", "queue", told("welcome/greet", 4, "silence"), told("welcome/menu", 8, "silence")),
        call("b", "queue", told("welcome/greet", 3, "key 0"), at=100),
        call("c", "caller", told("welcome/greet", 60, "hung up"), at=200),
        # Afterwards, the same call: nobody is waited for any more.
        call("b", "hangup", told("satisfaction/ask", 5, "silence"), flow="satisfaction", at=400),
        answered={"b": AT + timedelta(seconds=130), "a": AT + timedelta(seconds=20)},
    )
    welcome, after = report(made).flows
    assert (welcome.flow, after.flow) == ("welcome", "satisfaction")
    assert welcome.longest_voice is not None and welcome.longest_person is not None
    assert (welcome.longest_voice.seconds, welcome.longest_voice.call_id) == (12, "a")
    assert (welcome.longest_person.seconds, welcome.longest_person.call_id) == (30, "b")
    assert after.longest_person is None
    assert welcome.share("left") == 1 / 3


def test_steps_go_to_the_session_in_which_they_were() -> None:
    first, second = (
        call("1", "queue", told("welcome/greet", 3, "key 0"), told("welcome/person", 1, "queue")),
        call(
            "1", "keep", told("waiting/known", 0, "caller"), told("waiting/offer", 9, "silence"), flow="waiting", at=60
        ),
    )
    one, two = found(second, first)
    assert [step.step for step in one.steps] == ["greet", "person"]
    assert [step.step for step in two.steps] == ["known", "offer"]
    only = report([one, two], flow="waiting")
    assert [flow.flow for flow in only.flows] == ["waiting"] and {step.flow for step in only.steps} == {"waiting"}


def test_a_flow_reached_from_another_is_counted_for_those_who_came_by_it() -> None:
    made = found(
        call("1", "queue", told("welcome/greet", 3, "key 1"), told("progress/number", 9, "key #")),
        call("2", "queue", told("welcome/greet", 3, "key 0"), at=1),
    )
    (only,) = report(made, flow="progress").flows
    assert (only.flow, only.sessions) == ("progress", 1)
    assert [walk.session.call_id for walk in made if Figure(flow="progress").has(walk)] == ["1"]
    assert not any(Figure(flow="progress", began=True).has(walk) for walk in made)


def test_whom_our_side_did_not_serve_is_told_by_the_exchange() -> None:
    served, rows = call("1", "queue", told("welcome/greet", 3, "key 0"))
    # Killed in mid-call: a step was written, the end was not.
    _, orphans = call("2", "queue", told("welcome/greet", 5, "heard"), told("welcome/judged", 1, "service"), at=10)
    begun = [
        Begun("1", "welcome", AT - timedelta(seconds=0.2)),
        Begun("2", "welcome", AT + timedelta(seconds=9.9)),
        Begun("1", "waiting", AT + timedelta(seconds=60)),
    ]
    late = unserved(begun, [served], [*rows, *orphans])
    assert [(row.call_id, row.flow, row.how) for row in late] == [("2", "welcome", "late"), ("1", "waiting", "late")]
    assert late[0].ended == AT + timedelta(seconds=16) and late[1].ended == late[1].began
    assert [step.step for step in walks(late, [*rows, *orphans], {}, FLOWS)[0].steps] == ["greet", "judged"]


@pytest.mark.parametrize(
    ("how", "call", "was"),
    [
        ("caller", Called(), "caller"),
        ("caller", None, "caller"),
        # It was queued, or answered, when our line was lost: the caller is still there.
        ("caller", Called(queued_at=AT + timedelta(seconds=9)), "late"),
        ("caller", Called(answered_at=AT + timedelta(seconds=30)), "late"),
        ("late", Called(ended_at=AT + timedelta(seconds=10.4), ended_by="caller"), "caller"),
        ("late", Called(ended_at=AT + timedelta(seconds=10.4), ended_by="system"), "late"),
        ("late", Called(ended_at=AT + timedelta(seconds=60), ended_by="caller"), "late"),
        # Queued before, as every caller to whom a voice speaks while he waits.
        ("caller", Called(queued_at=AT - timedelta(seconds=60)), "caller"),
        ("queue", Called(queued_at=AT + timedelta(seconds=10)), "queue"),
    ],
)
def test_the_ledger_tells_who_went_away(how: How, call: Called | None, was: How) -> None:
    assert settled(SessionRow("1", "welcome", AT, AT + timedelta(seconds=10), how), call).how == was


def test_p95_is_what_95_of_100_do_not_exceed() -> None:
    assert p95([float(n) for n in range(1, 101)]) == 95
    assert p95([3.0]) == 3
    assert p95([]) == 0


# --- whatever callers do, sums agree --------------------------------------------------------------------------------

_PLACES = [f"{flow.key}/{step.key}" for flow in FLOWS.values() for step in flow.steps]
_WHYS = ["silence", "wrong key", "not understood", "failed", "key 0", "hung up", "found", "done", "said", "queue"]
_HOWS: list[How] = ["queue", "emergency", "group", "line", "keep", "party", "callback", "hangup", "caller", "late"]
_STEP = st.builds(
    told, st.sampled_from(_PLACES), st.floats(0, 60), st.sampled_from(_WHYS), st.sampled_from(["silence", "wrong key"])
)
_CALLS = st.lists(st.tuples(st.sampled_from(_HOWS), st.lists(_STEP, max_size=6)), max_size=12)


@given(_CALLS)
@settings(max_examples=200, deadline=None)
def test_sums_agree(calls: Sequence[tuple[How, list[Told]]]) -> None:
    made = found(*(call(str(n), how, *steps, at=1000 * n) for n, (how, steps) in enumerate(calls)))
    whole = report(made)
    assert sum(flow.sessions for flow in whole.flows) == len(calls)
    assert sum(step.entered for step in whole.steps) == sum(len(steps) for _, steps in calls)
    for flow in whole.flows:
        assert sum(flow.outcomes.values()) == flow.sessions
    # Every session's way leads from its first step to its end, through steps that lead on as often as they are entered.
    ends = sum(way.count for step in whole.steps for way in step.ways if way.to.startswith(":"))
    assert ends == sum(bool(steps) for _, steps in calls)
    into = {f"{step.flow}/{step.step}": 0 for step in whole.steps}
    for step in whole.steps:
        assert sum(way.count for way in step.ways) == step.entered
        assert step.troubles["left"] <= step.hung_up <= step.entered
        for way in step.ways:
            if not way.to.startswith(":"):
                into[way.to] += way.count
    for walk in made:
        if walk.steps:
            into[f"{walk.steps[0].flow}/{walk.steps[0].step}"] += 1
    assert into == {f"{step.flow}/{step.step}": step.entered for step in whole.steps}
    _every_figure_opens_what_it_counts(whole, made)


def _every_figure_opens_what_it_counts(whole: Report, made: list[Walk]) -> None:
    for flow in whole.flows:
        for outcome in OUTCOMES:
            behind = [w for w in made if Figure(flow=flow.flow, began=True, outcome=outcome).has(w)]
            assert len(behind) == flow.outcomes[outcome]
    for step in whole.steps:
        place = f"{step.flow}/{step.step}"
        passed = [w for w in made if Figure(step=place).has(w)]
        # Whoever comes by a step twice is one caller.
        assert 0 < len(passed) <= step.entered
        for way in step.ways:
            assert 0 < sum(Figure(step=place, why=way.why, to=way.to).has(w) for w in passed) <= way.count
        for trouble, count in step.troubles.items():
            assert (sum(Figure(step=place, trouble=trouble).has(w) for w in passed) > 0) == (count > 0)
