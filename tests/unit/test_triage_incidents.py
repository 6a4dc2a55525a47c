"""Same incident: what two calls have in common, and the query by which others are found."""

import csv
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text
from sqlalchemy.dialects import sqlite

from core.bus import Bus
from core.database import Database
from tests.unit.triage_support import small_judge
from triage.incidents import store
from triage.incidents.account import Account, account_of, keys, profile
from triage.incidents.likeness import LIKELY, comparable, likely, likeness, metres, window
from triage.incidents.matters import DEFAULT, load_matters
from triage.incidents.rarity import count, grams, seed_rarity
from triage.judge import Turn
from triage.rulefile import RuleFileError

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
PAIRS = DEFAULT.parent / "pairs.tsv"


def account(call_id: str, said: str, minutes: float = 0, line: str = "12345", **more: object) -> Account:
    """What a call of the small city tells."""
    verdict = small_judge().judge(line, [Turn("caller", said)])
    made = account_of(call_id, NOW + timedelta(minutes=minutes), verdict, [said])
    return replace(made, **more)  # type: ignore[arg-type]


FIRE = "华洲村这边一栋自建房着火了，烟好大"


def test_two_callers_about_one_fire_are_likely_and_the_reasons_say_why() -> None:
    first = account("c1", FIRE, 0, "119")
    second = account("c2", "池店花洲村有房子烧起来了，快来", 3, "119")
    alike = likeness(second, first)
    assert alike is not None and alike.probability >= LIKELY
    grounds = {ground.why: ground.about for ground in alike.grounds}
    assert grounds["place"] == "华洲村"
    assert grounds["time"] == "180"
    assert grounds["matter"] in FIRE
    assert alike.grounds[0].why == "place"


def test_another_matter_at_the_same_place_is_not_suggested() -> None:
    """No water and leaking water in one estate are two matters, though both are about water."""
    supply = (("S0104", 0.9), ("S0101", 0.1))
    dry = account("c1", "滨江豪庭小区停水了，一滴水都没有", codes=supply)
    again = account("c2", "滨江豪庭从早上到现在没水用", 50, codes=supply)
    leak = account("c3", "滨江豪庭小区楼上渗水，天花板都泡坏了", 20, codes=(("S0101", 0.6), ("S0104", 0.4)))
    assert comparable(again, leak)
    assert [other.call_id for other, _ in likely(again, [dry, leak])] == ["c1"]


def test_names_that_recognition_misheard_still_meet() -> None:
    first = account("c1", "锦绣豪庭停水了")
    misheard = account("c2", "锦秀毫庭没有水", 10)
    assert comparable(first, misheard)
    assert likely(misheard, [first])


def test_the_same_words_in_another_village_are_another_matter() -> None:
    here, there = account("c1", FIRE, 0, "119"), account("c2", "新店村这边一栋自建房着火了，烟好大", 1, "119")
    assert likely(there, [here]) == []


def test_positions_nearby_make_two_calls_comparable_without_a_named_place() -> None:
    first = account("c1", "着火了快来", 0, "119", position=(24.7800, 118.5500))
    near = account("c2", "着火了快点来人", 2, "119", position=(24.7810, 118.5510))
    far = account("c3", "着火了快点来人", 2, "119", position=(24.9000, 118.5510))
    assert [other.call_id for other, _ in likely(first, [near, far])] == ["c2"]
    assert metres((24.78, 118.55), (24.79, 118.55)) == pytest.approx(1112, rel=0.01)


def test_a_call_that_tells_no_place_finds_nothing() -> None:
    assert keys(account("c1", "喂，你好，快来啊")) == ()


def test_figures_of_a_house_are_compared_as_numbers() -> None:
    assert profile(account("c1", "御景华府十二栋电梯坏了")).units == {"栋": frozenset({"12"})}
    assert profile(account("c2", "御景华府12号楼二单元")).units == {"栋": frozenset({"12"}), "单元": frozenset({"2"})}


def test_rarity_counts_lines_and_not_repetitions() -> None:
    rarity = count(["水水水", "水电", "火"])
    assert (rarity.lines, rarity.counts["水"], rarity.counts["水电"]) == (3, 2, 1)
    assert rarity.weight("水") < rarity.weight("火")
    assert list(grams("水，电")) == ["水", "电"]


def test_a_pattern_for_an_unknown_matter_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("version: 1\nreviewed: 2026-11-22\nmatters: {a: [b]}\npatterns: {c: ['d']}\n", encoding="utf-8")
    with pytest.raises(RuleFileError, match=r"unknown matters: c"):
        load_matters(path)


# --- what holds for all -----------------------------------------------------------------------------------------

_SAID = (
    FIRE,
    "华洲村停水了",
    "新店村没有水",
    "万达广场有人打架",
    "锦绣豪庭三号楼漏水",
    "世纪大道两车相撞",
    "喂你好",
    "",
)
_ACCOUNTS = st.builds(
    Account,
    call_id=st.sampled_from(["c1", "c2", "c3"]),
    at=st.integers(0, 30 * 24 * 60).map(lambda m: NOW + timedelta(minutes=m)),
    emergency=st.booleans(),
    codes=st.sampled_from([(), (("E101", 0.7), ("E106", 0.2)), (("S0104", 0.9),), (("E106", 0.5), ("S0104", 0.4))]),
    place=st.just(""),
    town=st.sampled_from(["", "池店镇", "安海镇"]),
    community=st.sampled_from(["", "华洲村", "新店村"]),
    text=st.sampled_from(_SAID),
    position=st.sampled_from([None, (24.78, 118.55), (24.7801, 118.5501)]),
)


@settings(max_examples=300, deadline=None)
@given(_ACCOUNTS, _ACCOUNTS)
def test_likeness_is_symmetric_never_of_itself_and_never_outside_the_window(a: Account, b: Account) -> None:
    there, back = likeness(a, b), likeness(b, a)
    assert (there and there.probability) == (back and back.probability)
    if a.call_id == b.call_id or abs(a.at - b.at) > window(a, b):
        assert there is None
    assert window(a, b) == window(b, a)
    urgent = all(x.emergency and not x.code.startswith("S") for x in (a, b))
    limit = timedelta(hours=1) if urgent else timedelta(days=14)
    assert there is None or abs(a.at - b.at) <= limit


# --- measured on pairs of our own -------------------------------------------------------------------------------


def test_suggestions_on_our_own_pairs_hold_precision_and_recall() -> None:
    """The small city's few names and categories, no model: what words and matters alone tell. With a city's model and
    names more is found, see docs/triage.md."""
    with PAIRS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    said = [
        (row["scene"] + row["incident"], account(str(i), row["text"], float(row["minute"]), row["line"]))
        for i, row in enumerate(rows)
    ]
    right = wrong = missed = 0
    for (one, a), (other, b) in itertools.combinations(said, 2):
        alike = likeness(b, a)
        suggested = alike is not None and alike.probability >= LIKELY
        right += suggested and one == other
        wrong += suggested and one != other
        missed += not suggested and one == other
    assert right + missed > 100
    assert right / (right + wrong) >= 0.8
    assert right / (right + missed) >= 0.55


# --- the store --------------------------------------------------------------------------------------------------


@asynccontextmanager
async def database(folder: Path) -> AsyncIterator[Database]:
    bus = Bus()
    made = Database(f"sqlite+aiosqlite:///{folder / 'incidents.db'}", bus)
    await made.create_all()
    try:
        yield made
    finally:
        await bus.close()
        await made.close()


async def test_others_are_found_by_place_within_their_window_and_never_the_call_itself(tmp_path: Path) -> None:
    async with database(tmp_path) as base:
        accounts = [
            account("c1", "华洲村停水了"),
            account("c2", "新店村停水了"),
            account("old", "华洲村停水了", -15 * 24 * 60),
            account("c3", "池店镇花洲村没水了", 30),
        ]
        async with base.work() as work:
            for one in accounts:
                await store.save(work.session, one)
        async with base.read() as session:
            found = await store.others(session, accounts[-1])
        assert "c1" in {one.call_id for one in found}
        assert {"c3", "old"}.isdisjoint(one.call_id for one in found)
        assert next(one for one in found if one.call_id == "c1") == accounts[0]


async def test_the_first_time_and_what_a_person_wrote_stay(tmp_path: Path) -> None:
    async with database(tmp_path) as base:
        async with base.work() as work:
            await store.save(work.session, account("c1", "华洲村停水了"))
            await store.settle(work.session, "c1", {"place": "安海镇后山村", "town": "安海镇", "community": "后山村"})
            kept = await store.save(work.session, account("c1", "华洲村停水了，没有水", 5))
            assert await store.settle(work.session, "nobody", {"place": ""}) is None
        assert (kept.at, kept.community) == (NOW, "后山村")
        assert kept.text.endswith("没有水")
        async with base.read() as session:
            assert await store.get(session, "c1") == kept


async def test_what_is_too_old_is_forgotten(tmp_path: Path) -> None:
    async with database(tmp_path) as base:
        async with base.work() as work:
            await store.save(work.session, account("old", "华洲村停水了", -15 * 24 * 60))
            await store.save(work.session, account("c1", "华洲村停水了"))
            await store.forget(work.session, NOW)
        async with base.read() as session:
            assert await store.get(session, "old") is None
            assert await store.get(session, "c1") is not None
            left = set((await session.execute(text("SELECT DISTINCT call_id FROM incident_keys"))).scalars())
        assert left == {"c1"}


async def test_the_query_only_looks_up_in_the_index_however_many_calls_there_are(tmp_path: Path) -> None:
    async with database(tmp_path) as base:
        wanted = account("c1", "华洲村停水了，万达广场旁边")
        async with base.work() as work:
            rows = [
                {"key": key, "at": NOW - timedelta(minutes=i), "call_id": f"k{i}"}
                for i in range(2000)
                for key in (keys(wanted)[0], f"n:{i}")
            ]
            await work.session.execute(insert(store.IncidentKey), rows)
        query = store.lookup(wanted)
        assert query is not None
        sql = str(query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))
        async with base.read() as session:
            plan = [row[3] for row in await session.execute(text(f"EXPLAIN QUERY PLAN {sql}"))]
            found = (await session.execute(query)).all()
        touching = [step for step in plan if "incident_keys" in step]
        assert touching
        assert all(step.startswith("SEARCH") and "COVERING INDEX" in step for step in touching)
        assert len(found) == store.NEWEST


def test_names_of_the_city_are_rare_and_everyday_words_are_not() -> None:
    rarity = seed_rarity()
    assert rarity.lines > 5000
    assert not rarity.is_rare("小区") and not rarity.is_rare("我们")
    assert rarity.is_rare("滨江")
