"""The gate before a proposed model: what it compares, refuses and shows."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cityfile import load_city
from core.errors import HeyiError
from tests.loop_scene import call, case, says
from tests.unit.triage_support import small_city
from triage.judge import Judge
from triage.loop.cases import fixed_cases, own_cases, policy_cases
from triage.loop.gate import MEASURES, Answer, Answered, answer, breaks_policy, compare, rights

JINJIANG = Path("cities/jinjiang")


ALARM = says(alarmed=True, outcome="emergency", p_emergency=0.9)
ANSWERS = st.builds(
    says, alarmed=st.booleans(), nature=st.sampled_from(["投诉", "求助"]),
    codes=st.sampled_from([("S0103",), ("S0105", "S0103"), ("E101", "S0105")]),
)  # fmt: skip


@given(st.lists(st.tuples(st.booleans(), ANSWERS), min_size=1, max_size=20))
def test_the_same_answers_are_never_refused_and_differ_nowhere(given_cases: list[tuple[bool, Answer]]) -> None:
    compared = compare(Answered(case(n, emergency=e), a, a) for n, (e, a) in enumerate(given_cases))
    assert (compared.refused, compared.differing) == ((), ())


@given(st.lists(st.tuples(st.booleans(), ANSWERS, ANSWERS), min_size=1, max_size=20))
def test_better_and_worse_are_opposites(rows: list[tuple[bool, Answer, Answer]]) -> None:
    there = [Answered(case(n, emergency=e), a, b) for n, (e, a, b) in enumerate(rows)]
    back = [Answered(a.case, a.after, a.before) for a in there]
    opposite = {"better": "worse", "worse": "better", "other": "other", None: None}
    assert [opposite[a.became] for a in there] == [a.became for a in back]
    compared = compare(there)
    assert sum(compared.count(b) for b in ("better", "worse", "other")) == len(compared.differing)


@pytest.mark.parametrize(("lost", "refused"), [(0, False), (1, False), (2, True), (5, True)])
def test_lower_recall_is_refused_beyond_the_margin_with_the_cases(lost: int, refused: bool) -> None:
    rows = [Answered(case(n, emergency=True), ALARM, says() if n < lost else ALARM) for n in range(100)]
    compared = compare(rows)
    assert [f.measure for f in compared.refused] == (["missed"] if refused else [])
    if refused:
        assert compared.refused[0].refused == tuple(f"h{n}" for n in range(lost))
        assert [a.case.name for a in compared.differing] == sorted(f"h{n}" for n in range(lost))


def test_recall_gained_elsewhere_makes_up_for_recall_lost() -> None:
    rows = [Answered(case(n, emergency=True), ALARM, says()) for n in range(5)]
    rows += [Answered(case(10 + n, emergency=True), says(), ALARM) for n in range(5)]
    compared = compare(rows)
    assert compared.refused == () and compared.count("worse") == compared.count("better") == 5


def test_false_alarms_are_refused_and_those_of_the_citys_own_calls_are_shown() -> None:
    raised = [Answered(case(n), says(), ALARM if n < 3 else says()) for n in range(100)]
    assert {f.measure for f in compare(raised).refused} == {"raised"}
    own = [Answered(replace(a.case, source="own"), a.before, a.after) for a in raised]
    compared = compare(own)
    assert compared.refused == () and compared.count("worse") == 3
    (figure,) = (f for f in compared.figures if f.measure == "raised")
    assert (figure.before.hits, figure.after.hits, figure.margin) == (0, 3, None)


def test_a_broken_policy_is_refused_though_the_model_before_broke_it_too() -> None:
    bound = case(source="policy", line="119", least="emergency")
    compared = compare([Answered(bound, says(), says())])
    assert [(f.measure, f.refused) for f in compared.refused] == [("policy", ("h0",))]
    assert [a.case.name for a in compared.differing] == ["h0"]


def test_every_margin_has_its_reason() -> None:
    assert all(measure.reason for measure in MEASURES)
    assert {m.name for m in MEASURES if m.margin is None} == {"nature"}


def test_the_policy_holds_for_the_rules_and_the_files_fit_the_city() -> None:
    city = load_city(JINJIANG)
    judge, bound = Judge(city), policy_cases(city)
    assert len(bound) >= 10
    assert [c.name for c in bound if breaks_policy(c, answer(judge, c))] == []
    fixed = fixed_cases(city)
    assert sum(c.emergency for c in fixed) >= 50 and sum(not c.emergency for c in fixed) >= 50
    assert len({c.name for c in fixed}) == len(fixed)


def test_the_citys_own_cases_are_those_kept_aside() -> None:
    calls = [call(f"c{n}", number=f"JJ{n}") for n in range(50)]
    assert [c.name for c in own_cases(calls, small_city())] == [c.number for c in calls if c.aside]
    assert rights(case(emergency=True), ALARM)[0] and not rights(case(), ALARM)[0]


def test_a_policy_file_that_is_wrong_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "policy.tsv"
    path.write_text("name\tline\tleast\ttext\na\t119\turgent\t喂\n", encoding="utf-8")
    with pytest.raises(HeyiError, match="line 2: least must be one of"):
        policy_cases(small_city(), path)
