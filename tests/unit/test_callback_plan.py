"""The plan of callbacks: never in quiet hours, never more than the limit, always ends; rules, better hours, offices."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.city_callbacks import CallbackRule, CityCallbacks
from core.city_clocks import CityCalendar
from core.cityfile import load_city
from core.errors import CityFileError
from tests.unit.ticket_support import CITY
from ticketing.callbacks.plan import Attempt, CallbackPolicy, answered_hours, counted, next_attempt
from ticketing.callbacks.rules import policy_of
from ticketing.clocks.calendar import WorkCalendar

ZONE = ZoneInfo("Asia/Shanghai")
OFFICE = WorkCalendar(CityCalendar(), "Asia/Shanghai")
POLICY = CallbackPolicy(office=OFFICE)
JINJIANG = Path("cities/jinjiang")

MOMENTS = st.integers(0, 360 * 86_400).map(lambda s: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=s))
HOURS = st.builds(time, st.integers(0, 23), st.sampled_from([0, 30]))
POLICIES = st.builds(
    CallbackPolicy,
    first_delay=st.integers(0, 3000).map(lambda m: timedelta(minutes=m)),
    retry_delays=st.lists(st.integers(1, 3000).map(lambda m: timedelta(minutes=m)), min_size=1, max_size=3).map(tuple),
    quiet_from=HOURS,
    quiet_to=HOURS,
    max_attempts=st.integers(1, 5),
    max_later=st.integers(0, 3),
    best_time=st.booleans(),
    office=st.sampled_from([None, OFFICE]),
)
OUTCOMES = st.lists(st.sampled_from(["no_answer", "no_key", "failed", "later"]), min_size=40, max_size=40)


@settings(deadline=None)
@given(POLICIES, MOMENTS, OUTCOMES, st.frozensets(st.integers(0, 23)), st.booleans(), st.integers(0, 20_000))
def test_never_in_quiet_hours_never_more_than_the_limit_and_it_always_ends(
    policy: CallbackPolicy, now: datetime, outcomes: list[str], hours: frozenset[int], firm: bool, wish: int
) -> None:
    attempts: list[Attempt] = []
    asked: datetime | None = None
    for outcome in outcomes:
        due = next_attempt(policy, attempts, now, hours=hours, firm=firm, asked=asked)
        if due is None:
            break
        assert due >= now and (asked is None or due >= asked)
        assert not policy.quiet(due)
        assert next_attempt(policy, [*attempts, Attempt(None, None)], now) is None, "never two at once"
        now = due + timedelta(seconds=40)
        attempts.append(Attempt(now, outcome))  # type: ignore[arg-type]
        asked = now + timedelta(minutes=wish) if outcome == "later" else None
    assert len(attempts) <= policy.max_attempts + policy.max_later
    assert next_attempt(policy, attempts, now, hours=hours, firm=firm, asked=asked) is None
    for answer in ("satisfied", "unsatisfied"):
        assert next_attempt(policy, [Attempt(now, answer)], now) is None


@settings(deadline=None)
@given(MOMENTS, st.frozensets(st.integers(0, 23), min_size=1))
def test_a_better_hour_is_waited_for_less_than_a_day_and_a_bit(now: datetime, hours: frozenset[int]) -> None:
    plain, better = POLICY.reachable(now), POLICY.reachable(now, hours=hours)
    assert plain <= better <= plain + timedelta(hours=24)
    if better != plain:
        assert better.astimezone(ZONE).hour in hours


@settings(deadline=None)
@given(MOMENTS)
def test_fixed_lines_are_called_while_offices_work(now: datetime) -> None:
    assert OFFICE.open(POLICY.reachable(now, firm=True))


def test_offices_that_work_at_night_alone_do_not_hold_the_plan_up() -> None:
    policy = replace(POLICY, quiet_from=time(7), quiet_to=time(20))
    due = policy.reachable(datetime(2026, 11, 20, 2, tzinfo=UTC), firm=True)
    assert due.astimezone(ZONE).hour == 20


def test_a_wish_is_kept_to_the_minute_and_put_off_out_of_quiet_hours() -> None:
    now = datetime(2026, 11, 20, 2, tzinfo=UTC)
    attempts = [Attempt(now, "later")]
    evening = datetime(2026, 11, 20, 18, 15, tzinfo=ZONE)
    assert next_attempt(POLICY, attempts, now, asked=evening, hours={9}) == evening
    night = datetime(2026, 11, 20, 23, 0, tzinfo=ZONE)
    assert next_attempt(POLICY, attempts, now, asked=night) == datetime(2026, 11, 21, 8, 30, tzinfo=ZONE)


def test_who_puts_off_too_often_uses_up_his_attempts() -> None:
    now = datetime(2026, 11, 20, 2, tzinfo=UTC)
    later = [Attempt(now, "later")] * 2
    assert (counted(later, 2), counted([*later, Attempt(now, "later")], 2)) == (0, 1)
    assert next_attempt(POLICY, [*later, *[Attempt(now, "later")] * 3], now) is None


def test_hours_of_answers_are_the_citys() -> None:
    assert answered_hours([datetime(2026, 1, 1, 10, tzinfo=UTC)], "Asia/Shanghai") == {18}


def test_the_rule_that_names_a_category_goes_before_its_group_and_that_before_all() -> None:
    rules = (
        CallbackRule(key="all", name="x", by=("robot", "person")),
        CallbackRule(key="group", name="x", codes=("S01",), by=("sms", "person")),
        CallbackRule(key="code", name="x", codes=("S0104",), urgent=False, by=()),
    )
    policy = replace(POLICY, rules=rules, groups={"S0104": "S01", "S0108": "S01"})
    asked = (("S0104", False), ("S0104", True), ("S0108", False), ("", True))
    found = [policy.rule(code, urgent) for code, urgent in asked]
    assert [rule.key for rule in found if rule] == ["code", "group", "group", "all"]
    assert [policy.channel(rules[0], made) for made in range(4)] == ["robot", "person", "person", "person"]
    assert policy.channel(rules[1], 0) == "robot", "no gateway: nobody can be written to"
    assert replace(policy, channels=frozenset({"sms"})).channel(rules[1], 0) == "sms"
    assert POLICY.rule("S0104", False) is None and POLICY.channel(None, 2) == "robot"


def test_jinjiangs_rules_hold_for_its_categories() -> None:
    policy = policy_of(load_city(JINJIANG))
    by = {code: policy.rule(code, code.startswith("E")).by for code in ("X02", "E504", "S0501", "S0401")}  # type: ignore[union-attr]
    assert by == {
        "X02": (),
        "E504": ("person",),
        "S0501": ("person", "person", "robot"),
        "S0401": ("robot", "robot", "person"),
    }
    assert policy_of(CITY).rules == ()


@pytest.mark.parametrize(
    ("cases", "said"),
    [
        ("[{key: a, name: x, codes: [Z99]}]", "unknown code"),
        ("[{key: a, name: x}, {key: a, name: y, codes: [S01]}]", "stands on line"),
        ("[{key: a, name: x}, {key: b, name: y, urgent: true}]", "same tickets"),
        ("[{key: a, name: x, by: [pigeon]}]", "expected 'robot'"),
    ],
)
def test_a_wrong_file_is_told_with_its_line(tmp_path: Path, cases: str, said: str) -> None:
    shutil.copytree(JINJIANG, tmp_path, dirs_exist_ok=True)
    (tmp_path / "callbacks.yaml").write_text(f"attempts: 2\ncases: {cases}\n", encoding="utf-8")
    with pytest.raises(CityFileError, match=said) as error:
        load_city(tmp_path)
    assert "callbacks.yaml:2" in str(error.value)


def test_a_city_without_the_file_has_the_usual_plan() -> None:
    assert CITY.callbacks == CityCallbacks()
    made, usual = policy_of(CITY), CallbackPolicy()
    assert (made.first_delay, made.retry_delays, made.quiet_from, made.quiet_to, made.max_attempts) == (
        usual.first_delay, usual.retry_delays, usual.quiet_from, usual.quiet_to, usual.max_attempts,
    )  # fmt: skip
