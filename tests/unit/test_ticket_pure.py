"""The pure parts: numbers, summaries, the merge of two savings, and the plan of callbacks."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ticket_support import CITY, verdict

from core.errors import HeyiError
from core.phones import dialable, normal
from ticketing.callbacks.plan import Attempt, CallbackPolicy, next_attempt
from ticketing.dialler import is_callback, new_call_id
from ticketing.fields import Saved, clean, merge, of_verdict
from ticketing.summary import LIMIT, extend
from triage.verdict import Fact, Facts, Place

# The machine may be busy: time proves nothing here.
unhurried = settings(deadline=None)

# --- telephone numbers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("138 0013 8000", "13800138000"),
        ("+86 138-0013-8000", "13800138000"),
        ("8613800138000", "13800138000"),
        ("008613800138000", "13800138000"),
        ("013800138000", "13800138000"),
        ("85681234", "059585681234"),
        ("86591234", "059586591234"),
        ("(0595) 8568 1234", "059585681234"),
        ("+86 595 85681234", "059585681234"),
        ("+44 20 7946 0000", "00442079460000"),
        ("anonymous", ""),
        ("+", ""),
    ],
)
def test_spellings_of_one_number_compare_equal(written, digits):
    assert normal(written, "0595") == digits


@unhurried
@given(st.text(max_size=20))
def test_normal_is_stable(text):
    once = normal(text, "0595")
    assert normal(once, "0595") == once


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("+86 138 0013 8000", "13800138000"),
        ("0595-85681234", "85681234"),
        ("010 6552 1234", "01065521234"),
        ("4008001234", "4008001234"),
    ],
)
def test_mobiles_and_landlines_are_called_back(written, dialled):
    assert dialable(written, "0595") == dialled


@pytest.mark.parametrize(
    "written",
    ["", "110", "119", "0595110", "0595 120", "12345", "+44 20 7946 0000", "00852 2345 6789", "16895000", "95598",
     "anonymous", "059512345678", "138001380001"],
)  # fmt: skip
def test_short_foreign_and_charged_numbers_are_never_dialled(written):
    assert dialable(written, "0595") == ""


@unhurried
@given(st.text(alphabet="0123456789+- ", max_size=18))
def test_whatever_is_dialled_is_long_and_national(text):
    number = dialable(text, "0595")
    assert number == "" or (number.isdigit() and 7 <= len(number) <= 12 and not number.startswith("00"))


def test_call_ids_of_callbacks():
    call_id = new_call_id()
    assert is_callback(call_id)
    assert call_id.replace("-", "").isalnum()
    assert not is_callback("1763690000.12")


# --- summary ----------------------------------------------------------------------------------------------------


def test_summary_skips_greetings_and_grows():
    first = extend("", "喂，你好。")
    assert first == ""
    second = extend(first, "你好，我家水管爆了，水一直在流。")
    assert second == "我家水管爆了，水一直在流。"
    assert extend(second, "嗯，对。") == second
    assert extend(second, "在池店镇华洲村") == "我家水管爆了，水一直在流。在池店镇华洲村"


def test_summary_is_cut_at_a_clause_and_then_complete():
    long = "，".join(["这条路上的路灯已经坏了三天"] * 8)
    cut = extend("", long)
    assert cut == "，".join(["这条路上的路灯已经坏了三天"] * 5) + "…"
    assert extend(cut, "还有别的事情") == cut


@unhurried
@given(st.lists(st.text(alphabet="水管爆了，。 好的喂", max_size=60), max_size=8))
def test_summary_never_grows_too_long_and_only_forward(texts):
    summary = ""
    for text in texts:
        longer = extend(summary, text)
        assert len(longer) <= LIMIT
        assert longer.startswith(summary[: LIMIT // 2].rstrip("…"))
        summary = longer


# --- fields -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": "closed"}, "没有这个字段"),
        ({"code": "S9999"}, "没有这个类别"),
        ({"department": "moon"}, "没有这个部门"),
        ({"assist": ["moon"]}, "没有这个部门"),
        ({"assist": "water"}, "协办"),
        ({"nature": "骂人"}, "没有这种"),
        ({"is_emergency": "yes"}, "紧急"),
        ({"summary": "水" * 501}, "太长"),
        ({"place": 7}, "文字"),
    ],
)
def test_values_that_a_field_cannot_hold_are_refused(fields, words):
    with pytest.raises(HeyiError, match=words):
        clean(fields, CITY)


def test_clean_trims_and_drops_control_characters():
    assert clean({"summary": " 水管\x00爆了\r\n急 ", "assist": ["water", "water"]}, CITY) == {
        "summary": "水管爆了\n急",
        "assist": ["water"],
    }


def test_a_verdict_says_only_what_it_knows():
    assert of_verdict(verdict(code="S9999", department="moon", phone="110"), CITY) == {}
    said = of_verdict(verdict("emergency", code="E101", place="池店镇", phone="13900139000", department="fire"), CITY)
    assert said == {
        "is_emergency": True,
        "code": "E101",
        "place": "池店镇",
        "contact_phone": "13900139000",
        "department": "fire",
        "assist": [],
    }


def test_merge_keeps_both_where_fields_differ_and_reports_where_they_meet():
    current = {"place": "池店镇", "summary": "乙", "nature": "投诉"}
    since = [
        Saved("system", False, {"nature": ["", "投诉"]}),
        Saved("agent2", True, {"summary": ["", "甲"]}),
        Saved("agent2", True, {"summary": ["甲", "乙"]}),
    ]
    edits, lost = merge({"place": "安海镇", "nature": "求助", "summary": ""}, current, since)
    assert edits == {"place": "安海镇", "nature": "求助"}, "an unchanged value sent back is no edit"
    assert lost == ()
    _edits, lost = merge({"summary": "丙"}, current, since)
    assert [(d.field, d.mine, d.theirs, d.by) for d in lost] == [("summary", "丙", "乙", "agent2")]
    assert merge({"summary": "乙"}, current, since) == ({}, ())


# --- plan of callbacks ------------------------------------------------------------------------------------------

#: 2024 to 2027, to the second.
MOMENTS = st.integers(1704067200, 1830297600).map(lambda second: datetime.fromtimestamp(second, UTC))
HOURS = st.times(timezones=st.none()).map(lambda t: t.replace(second=0, microsecond=0))
DELAYS = st.timedeltas(timedelta(0), timedelta(days=2))
POLICIES = st.builds(
    CallbackPolicy,
    first_delay=DELAYS,
    retry_delays=st.lists(DELAYS, min_size=1, max_size=4).map(tuple),
    quiet_from=HOURS,
    quiet_to=HOURS,
    timezone=st.sampled_from(["Asia/Shanghai", "Asia/Urumqi", "Europe/Berlin", "Australia/Lord_Howe"]),
    max_attempts=st.integers(1, 5),
)


@unhurried
@given(POLICIES, MOMENTS)
def test_attempts_are_audible_bounded_and_in_order(policy, now):
    attempts: list[Attempt] = []
    times = []
    while (due := next_attempt(policy, attempts, now)) is not None:
        assert due >= now
        assert not policy.quiet(due)
        times.append(due)
        assert next_attempt(policy, [*attempts, Attempt(None, None)], now) is None, "never two at once"
        now = due + timedelta(seconds=40)
        attempts.append(Attempt(now, "no_answer"))
    assert len(times) == policy.max_attempts
    assert times == sorted(times)


@unhurried
@given(POLICIES, MOMENTS, DELAYS)
def test_later_planning_never_calls_earlier(policy, now, later):
    first, second = next_attempt(policy, [], now), next_attempt(policy, [], now + later)
    assert first is not None
    assert second is not None
    assert first <= second


@unhurried
@given(POLICIES, MOMENTS, st.sampled_from(["satisfied", "unsatisfied"]))
def test_nobody_is_called_after_an_answer(policy, now, outcome):
    assert next_attempt(policy, [Attempt(now, outcome)], now) is None


def test_quiet_hours_cross_midnight():
    policy = CallbackPolicy(first_delay=timedelta(0), quiet_from=time(21), quiet_to=time(8, 30))
    evening = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)  # 22:00 in the city
    assert next_attempt(policy, [], evening) == datetime(2026, 11, 21, 0, 30, tzinfo=UTC)
    morning = datetime(2026, 11, 21, 0, 30, tzinfo=UTC)
    assert next_attempt(policy, [], morning) == morning


def test_equal_hours_mean_no_quiet_hours():
    policy = CallbackPolicy(first_delay=timedelta(0), quiet_from=time(0), quiet_to=time(0))
    night = datetime(2026, 11, 20, 19, 0, tzinfo=UTC)
    assert next_attempt(policy, [], night) == night


@pytest.mark.parametrize(
    "wrong",
    [{"max_attempts": 0}, {"retry_delays": ()}, {"first_delay": timedelta(seconds=-1)}],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong)).split("_")[-1]):
        CallbackPolicy(**wrong)


def test_a_verdict_fills_in_name_and_where_from_the_place():
    where = Place(canonical="池店镇华洲村", town="池店镇", community="华洲村", mention="", score=1, relative="对面")
    name = Fact(kind="name", value="蒲女士", words="我姓蒲")
    said = of_verdict(replace(verdict(), places=(where,), facts=Facts(items=(name,))), CITY)
    assert (said["place"], said["contact_name"]) == ("池店镇华洲村对面", "蒲女士")
    beside = Fact(kind="relative", value="湘味小炒旁边", words="湘味小炒旁边")
    nowhere = of_verdict(replace(verdict(), facts=Facts(items=(beside,))), CITY)
    assert nowhere["place"] == "湘味小炒旁边"
    assert "contact_name" not in nowhere
