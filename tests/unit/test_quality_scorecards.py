"""Scorecards: the arithmetic to the decimal, Jinjiang's cards, what is refused with its line, versions that stay."""

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from core.bus import Bus
from core.city_quality import CityQuality
from core.city_scorecards import Scorecard
from core.cityfile import load_city
from core.database import Database
from core.errors import CityFileError, HeyiError
from quality.call import Call, Turn
from quality.checks.findings import Checked, Finding, Review
from quality.checks.review import Checks
from quality.checks.rulebook import load_rulebook
from quality.scorecards import versions
from quality.scorecards.prefill import prefill, unknown_checks
from quality.scorecards.score import Answer, missing, score

JINJIANG = Path(__file__).parents[2] / "cities" / "jinjiang"
NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)


def card(*items: dict[str, Any], pass_mark: int = 80, version: int = 1) -> Scorecard:
    named = [{"name": item["key"], "name_en": item["key"]} | item for item in items]
    sections = [{"name": "全部", "name_en": "All", "items": named}]
    return Scorecard.model_validate(
        {"key": "t", "version": version, "name": "试", "name_en": "Test", "kind": "service", "pass_mark": pass_mark,
         "sections": sections}
    )  # fmt: skip


CARD = card(
    {"key": "greeting", "weight": 20, "check": "greeting"},
    {"key": "place", "weight": 50, "may_skip": True, "check": "address"},
    {"key": "manner", "weight": 30, "kind": "scale", "top": 4, "may_skip": True},
    {"key": "conduct", "auto_fail": True, "check": "hung_up"},
)
FINE: dict[str, Answer] = {"greeting": "yes", "place": "yes", "manner": 4, "conduct": "yes"}


@pytest.mark.parametrize(
    ("changed", "points", "passed"),
    [
        ({}, "100.0", True),
        ({"greeting": "no"}, "80.0", True),
        ({"place": "no"}, "50.0", False),
        ({"manner": 1}, "77.5", False),
        # What does not apply takes its weight out: 20 of 20 + 30.
        ({"place": "na", "manner": 0}, "40.0", False),
        ({"place": "na", "greeting": "no", "manner": 3}, "45.0", False),
        # 20 / 70 = 28.571… %
        ({"manner": "na", "place": "no"}, "28.6", False),
    ],
)
def test_the_score_is_the_share_of_the_weights_that_apply(changed: dict[str, Any], points: str, passed: bool) -> None:
    got = score(CARD, FINE | changed)
    assert (got.points, got.passed, got.failed) == (Decimal(points), passed, ())


def test_an_auto_fail_makes_the_call_nothing_and_says_what_it_would_have_been() -> None:
    got = score(CARD, FINE | {"conduct": "no", "greeting": "no"})
    assert (got.points, got.before_fail, got.failed, got.passed) == (
        Decimal("0.0"),
        Decimal("80.0"),
        ("conduct",),
        False,
    )
    assert got.lost == {"greeting": Decimal("20.0")}


def test_halves_go_up_and_are_not_lost_to_binary() -> None:
    """51.25 is 51.3; rounding halves to the even digit, as ``round`` does, would make 51.2 of it."""
    third = card({"key": "a", "weight": 3, "kind": "scale", "top": 10}, {"key": "b", "weight": 97, "may_skip": True})
    assert score(third, {"a": 5, "b": "no"}).points == Decimal("1.5")
    odd = card(
        {"key": "a", "weight": 41, "may_skip": True}, {"key": "b", "weight": 39, "may_skip": True},
        {"key": "c", "weight": 20, "may_skip": True},
    )  # fmt: skip
    assert score(odd, {"a": "yes", "b": "no", "c": "na"}).points == Decimal("51.3")  # 51.25 exactly


def test_where_nothing_applies_there_is_no_score() -> None:
    only = card({"key": "a", "weight": 100, "may_skip": True}, {"key": "x", "auto_fail": True})
    assert score(only, {"a": "na", "x": "yes"}).points is None
    assert score(only, {"a": "na", "x": "yes"}).passed is None
    assert score(only, {"a": "na", "x": "no"}).points == 0


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({k: v for k, v in FINE.items() if k != "place"}, "还有项目没有评分"),
        (FINE | {"other": "yes"}, "评分表没有这一项"),
        (FINE | {"greeting": "na"}, "不能选"),
        (FINE | {"greeting": 1}, "只能答"),
        (FINE | {"manner": 5}, "0 至 4"),
        (FINE | {"manner": -1}, "0 至 4"),
        (FINE | {"manner": True}, "0 至 4"),
        (FINE | {"manner": "yes"}, "0 至 4"),
    ],
)
def test_wrong_answers_are_refused(answers: dict[str, Answer], words: str) -> None:
    with pytest.raises(HeyiError, match=words):
        score(CARD, answers)


def test_what_is_missing_is_told_in_order() -> None:
    assert [item.key for item in missing(CARD, {"place": "no"})] == ["greeting", "manner", "conduct"]


SHIPPED = load_city(JINJIANG).scorecards


@st.composite
def answered(draws: st.DrawFn) -> tuple[Scorecard, dict[str, Answer]]:
    chosen = draws(st.sampled_from([*SHIPPED, CARD]))
    answers: dict[str, Answer] = {}
    for item in chosen.items():
        fits: list[Answer] = list(range(item.top + 1)) if item.kind == "scale" else ["yes", "no"]
        answers[item.key] = draws(st.sampled_from([*fits, "na"] if item.may_skip else fits))
    return chosen, answers


@given(answered())
def test_every_card_gives_a_score_that_its_losses_explain(case: tuple[Scorecard, dict[str, Answer]]) -> None:
    chosen, answers = case
    got = score(chosen, answers)
    assert (got.points == 0) if got.failed else (got.points == got.before_fail)
    assert got.before_fail is not None and 0 <= got.before_fail <= 100
    # Each loss is rounded for itself.
    assert abs(100 - sum(got.lost.values()) - got.before_fail) <= Decimal("0.05") * (len(got.lost) + 1)
    better = {k: ("yes" if v == "no" else v) for k, v in answers.items()}
    assert (score(chosen, better).points or 0) >= (got.points or 0)
    weights = {item.key: item.weight for item in chosen.items()}
    applies = sum(weight for key, weight in weights.items() if answers[key] != "na")
    worth = sum(
        Fraction(item.weight) * (Fraction(a, item.top) if isinstance(a := answers[item.key], int) else a == "yes")
        for item in chosen.items()
    )
    assert abs(Fraction(got.before_fail) - 100 * worth / applies) <= Fraction(1, 20)


# --- prefilled ----------------------------------------------------------------------------------------------------


def test_checks_answer_beforehand_with_their_evidence() -> None:
    words = Finding(check="greeting", severity="note", reason="问好", turn=0, words="您好", second=1.5)
    review = Review({
        "greeting": Checked("pass", (words,)), "address": Checked("na"), "hung_up": Checked("fail"),
        "closing": Checked("pass"),
    })  # fmt: skip
    assert [(one.item, one.answer, one.check) for one in prefill(CARD, review)] == [
        ("greeting", "yes", "greeting"), ("place", "na", "address"), ("conduct", "no", "hung_up"),
    ]  # fmt: skip
    assert prefill(CARD, review)[0].evidence == (words,)


def test_what_must_be_answered_stays_open_where_a_check_had_no_occasion() -> None:
    assert prefill(CARD, Review({"greeting": Checked("na"), "closing": Checked("fail")})) == ()


def test_a_card_that_asks_for_checks_there_are_not() -> None:
    assert unknown_checks(CARD, ["greeting", "address"]) == [("conduct", "hung_up")]


def test_jinjiangs_cards_ask_for_checks_that_there_are() -> None:
    call = Call(id="c", line="12345", turns=(Turn("agent", "您好，晋江12345，请问有什么可以帮您？"),))
    names = list(Checks(load_rulebook()).review(call).checks)
    assert [unknown_checks(one, names) for one in SHIPPED] == [[], []]


# --- the city's file ----------------------------------------------------------------------------------------------


def test_jinjiang_has_a_card_for_each_kind_of_call() -> None:
    city = load_city(JINJIANG)
    assert [chosen.kind for chosen in city.scorecards] == ["service", "emergency"]
    for chosen in city.scorecards:
        assert sum(item.weight for item in chosen.items()) == 100
        assert any(item.auto_fail for item in chosen.items())
        assert any(item.check for item in chosen.items())
    assert {one.risk for one in city.quality.risks} >= {"emergency", "complaint"}


ITEMS = """- key: t
  version: 1
  name: 试
  name_en: Test
  kind: service
  sections:
    - name: 全部
      name_en: All
      items:
        - {key: a, name: 甲, name_en: A, weight: 60, check: greeting}
        - {key: b, name: 乙, name_en: B, weight: 40, kind: scale, top: 3}
        - {key: c, name: 丙, name_en: C, auto_fail: true}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(JINJIANG, tmp_path / "city"))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("weight: 60", "weight: 50", "scorecards.yaml:7: the weights of t sum to 90, expected 100"),
        ("weight: 60", "weight: 160", "scorecards.yaml:10: weight is"),
        ("key: b", "key: a", 'scorecards.yaml:11: item "a" stands on line 10 too'),
        ("auto_fail: true", "check: greeting, auto_fail: true", '12: check "greeting" answers line 10 too'),
        ("top: 3", "top: 3, auto_fail: true", '11: item "b" is a scale, expected auto_fail on yes_no alone'),
        ("top: 3", "top: 3, check: closing", '11: item "b" is a scale, expected check on yes_no alone'),
        (", auto_fail: true", "", '12: item "c" weighs 0, expected a weight or auto_fail'),
        ("check: greeting", "top: 4", '10: item "a" is yes_no, expected top on a scale alone'),
        ("kind: service", "kind: other", "scorecards.yaml:5: kind is"),
        ("version: 1", "version: 0", "scorecards.yaml:2: version is"),
        ("name: 丙", "naem: 丙", 'scorecards.yaml:12: unknown key "naem", did you mean "name"?'),
        ("name: 全部", "title: 全部", 'scorecards.yaml:7: unknown key "title"'),
    ],
)
def test_what_is_wrong_is_told_with_its_line(folder: Path, old: str, new: str, fault: str) -> None:
    (folder / "scorecards.yaml").write_text(ITEMS, encoding="utf-8")
    assert len(load_city(folder).scorecards) == 1
    (folder / "scorecards.yaml").write_text(ITEMS.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CityFileError) as told:
        load_city(folder)
    assert fault in str(told.value)


def test_two_cards_of_a_kind_are_refused(folder: Path) -> None:
    (folder / "scorecards.yaml").write_text(ITEMS + ITEMS.replace("key: t", "key: u"), encoding="utf-8")
    with pytest.raises(CityFileError, match='17: kind "service" stands on line 5 too'):
        load_city(folder)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("agent_least: 9\n", "quality.yaml:1: agent_least is 9, agent_most 6"),
        ("risks:\n  - {risk: angry, weight: 1}\n  - {risk: angry, weight: 2}\n", '3: "angry" stands on line 2 too'),
        ("risks:\n  - {risk: loud, weight: 1}\n", "quality.yaml:2: risk is"),
        ("share: 101\n", "quality.yaml:1: share is"),
        ("strata: [line, desk]\n", "quality.yaml:1: strata is"),
        ("shifts:\n  - {key: a, name: 甲, name_en: A, begin: 08:00, end: 20:00}\n"
         "  - {key: b, name: 乙, name_en: B, begin: 19:30, end: 08:00}\n", '3: overlaps "a"'),
        ("share: 3\nsample: 4\n", 'quality.yaml:2: unknown key "sample"'),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_plan_is_told_with_its_line(folder: Path, text: str, fault: str) -> None:
    (folder / "quality.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CityFileError) as told:
        load_city(folder)
    assert fault in str(told.value)


def test_a_city_without_the_files_has_the_usual_plan_and_no_cards(folder: Path) -> None:
    (folder / "quality.yaml").unlink()
    (folder / "scorecards.yaml").unlink()
    city = load_city(folder)
    assert (city.quality, city.scorecards) == (CityQuality(), ())


# --- versions -----------------------------------------------------------------------------------------------------


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite+aiosqlite:///{tmp_path}/heyi.db", Bus())
    await made.create_all()
    yield made
    await made.close()


async def test_a_version_stays_readable_after_the_next(database: Database) -> None:
    newer = card({"key": "other", "weight": 100}, version=2)
    async with database.work() as work:
        first = await versions.keep(work.session, CARD, NOW)
        second = await versions.keep(work.session, newer, NOW)
        assert await versions.keep(work.session, CARD, NOW) == first
    async with database.read() as session:
        assert await versions.read(session, first) == CARD
        assert await versions.read(session, second) == newer
        assert [row.version for row in await versions.every(session)] == [1, 2]


async def test_a_used_version_cannot_change_its_content(database: Database) -> None:
    async with database.work() as work:
        await versions.keep(work.session, CARD, NOW)
    changed = CARD.model_copy(update={"pass_mark": 60})
    with pytest.raises(HeyiError, match="请把 version 改为 2"):
        async with database.work() as work:
            await versions.keep(work.session, changed, NOW)


async def test_a_kept_version_that_was_changed_is_found(database: Database) -> None:
    async with database.work() as work:
        told = await versions.keep(work.session, CARD, NOW)
        await work.session.execute(
            update(versions.ScorecardVersion).values(body=versions.body_of(CARD).replace('"weight":50', '"weight":40'))
        )
    async with database.read() as session:
        with pytest.raises(HeyiError, match="已被改动"):
            await versions.read(session, told)
        with pytest.raises(HeyiError, match="没有这一版"):
            await versions.read(session, "0" * 64)


async def test_a_card_kept_by_the_first_program_is_read_by_this_one(database: Database) -> None:
    """Red: the form of a card changed so that old scores can no longer be read."""
    body = (
        '{"key":"old","kind":"service","name":"旧表","name_en":"Old","pass_mark":70,"sections":[{"items":['
        '{"auto_fail":false,"check":"greeting","guide":"","guide_en":"","key":"a","kind":"yes_no","may_skip":true,'
        '"name":"甲","name_en":"A","top":5,"weight":100}],"name":"一","name_en":"One"}],"version":3}'
    )
    async with database.work() as work:
        row = versions.ScorecardVersion(
            hash=versions.hash_of(body), key="old", version=3, body=body, first_at=NOW
        )  # fmt: skip
        work.session.add(row)
    async with database.read() as session:
        old = await versions.read(session, versions.hash_of(body))
    assert score(old, {"a": "no"}).points == 0
