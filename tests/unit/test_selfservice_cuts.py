"""Announced cuts: told by area, entered by those who may, brought in from tables."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.errors import Conflict, HeyiError, NotAllowed
from tests.unit.selfservice_support import AGENT, CHIEF, START, WATER, Site, jinjiang, site
from ticketing.actor import Actor
from ticketing.selfservice import sheets
from ticketing.selfservice.announcements import area_name, kinds_said

TEXT = "因管网检修停水，预计20日18点恢复供水"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as opened:
        yield opened


def cut(**fields: Any) -> dict[str, Any]:
    return {
        "kind": "water", "areas": ["池店镇华洲村"], "begins": START - timedelta(hours=1),
        "until": START + timedelta(hours=8), "text": TEXT, "source": "供水公司", **fields,
    }  # fmt: skip


async def ask(desk: Site, words: str) -> tuple[str, dict[str, str]]:
    return await desk.ask("announcement", {"words": words})


async def test_told_where_it_is_and_nowhere_else(desk: Site) -> None:
    await desk.cuts.add(cut(), CHIEF)
    assert await ask(desk, "我们池店镇华洲村怎么没水了") == ("found", {"area": "池店镇华洲村", "announcement": TEXT})
    # As recognition writes it, and the village by its own name.
    assert (await ask(desk, "池店镇华州村停水了吗"))[0] == "found"
    assert await ask(desk, "青阳街道停水了吗") == ("none", {"area": "青阳街道"})
    assert await ask(desk, "家里没水了") == ("unclear", {})
    assert await ask(desk, "") == ("unclear", {})


async def test_a_village_in_a_town_that_is_cut_off_counts(desk: Site) -> None:
    await desk.cuts.add(cut(areas=["池店镇"]), CHIEF)
    assert (await ask(desk, "池店镇华洲村没水"))[0] == "found"
    assert (await ask(desk, "池店镇没水"))[0] == "found"


async def test_where_only_villages_of_a_named_town_are_cut_off_the_village_is_asked_for(desk: Site) -> None:
    await desk.cuts.add(cut(), CHIEF)
    assert await ask(desk, "池店镇停水了") == ("unclear", {})
    assert await ask(desk, "池店镇停电了") == ("none", {"area": "池店镇"})


async def test_the_whole_city_and_the_nearest_first(desk: Site) -> None:
    await desk.cuts.add(cut(areas=["全市"], text="全市水压偏低"), CHIEF)
    assert (await ask(desk, "青阳街道没水"))[1]["announcement"] == "全市水压偏低"
    await desk.cuts.add(cut(areas=["池店镇"], text="池店镇停水"), CHIEF)
    await desk.cuts.add(cut(), CHIEF)
    assert (await ask(desk, "池店镇华洲村没水"))[1]["announcement"] == TEXT


async def test_what_was_asked_for_goes_before_what_may_be_its_cause(desk: Site) -> None:
    await desk.cuts.add(cut(kind="power", text="停电检修"), CHIEF)
    await desk.cuts.add(cut(kind="road", text="道路封闭"), CHIEF)
    # No pump without power.
    assert (await ask(desk, "池店镇华洲村没水"))[1]["announcement"] == "停电检修"
    assert (await ask(desk, "池店镇华洲村煤气停了"))[0] == "none"
    await desk.cuts.add(cut(), CHIEF)
    assert (await ask(desk, "池店镇华洲村没水"))[1]["announcement"] == TEXT
    assert (await ask(desk, "池店镇华洲村停电"))[1]["announcement"] == "停电检修"
    # The second question names the place alone.
    assert (await ask(desk, "池店镇华洲村"))[0] == "found"


async def test_from_a_day_before_until_its_end(desk: Site) -> None:
    begins = START + timedelta(hours=30)
    made = await desk.cuts.add(cut(begins=begins, until=begins + timedelta(hours=4)), CHIEF)
    assert (await ask(desk, "华洲村停水了吗"))[0] == "none"
    desk.clock.advance(6.5 * 3600)
    assert (await ask(desk, "华洲村停水了吗"))[0] == "found"
    desk.clock.advance(27.5 * 3600)
    assert (await ask(desk, "华洲村停水了吗"))[0] == "none"
    assert [row.id for row in await desk.cuts.listed(over=True)] == [made.id]


async def test_ended_before_its_time_it_is_told_to_nobody(desk: Site) -> None:
    made = await desk.cuts.add(cut(), WATER)
    with pytest.raises(NotAllowed):
        await desk.cuts.end(made.id, Actor("power1", "department", department="power"))
    await desk.cuts.end(made.id, WATER)
    assert (await ask(desk, "华洲村停水了吗"))[0] == "none"
    with pytest.raises(Conflict):
        await desk.cuts.end(made.id, CHIEF)
    with pytest.raises(HeyiError):
        await desk.cuts.end("nothing", CHIEF)


async def test_who_may_enter_what(desk: Site) -> None:
    for by in (AGENT, Actor("a", "arbiter"), Actor("g", "grid", department="water"), Actor("p", "department", "power")):
        with pytest.raises(NotAllowed):
            await desk.cuts.add(cut(), by)
    await desk.cuts.add(cut(), WATER)
    with pytest.raises(NotAllowed):
        await desk.cuts.add(cut(kind="power"), WATER)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "snow"}, "种类"), ({"areas": []}, "范围"), ({"areas": ["华州村"]}, "华洲村"),
        ({"areas": ["北京"]}, "镇街"),
        ({"begins": None}, "起止"), ({"until": START - timedelta(days=1)}, "早于"),
        ({"begins": START - timedelta(days=3), "until": START - timedelta(days=1)}, "已过"),
        ({"until": START + timedelta(days=200)}, "90 天"), ({"text": " "}, "播报"), ({"text": "长" * 61}, "60 字"),
        ({"source": ""}, "来源"), ({"text": "停\x07水"}, "不能显示"),
    ],
)  # fmt: skip
async def test_what_an_announcement_cannot_be(desk: Site, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(HeyiError) as refused:
        await desk.cuts.add(cut(**wrong), CHIEF)
    assert said in str(refused.value)
    assert not await desk.cuts.listed()


async def test_a_villages_own_name_is_enough_where_it_is_the_only_one(desk: Site) -> None:
    assert (await desk.cuts.add(cut(areas=["华洲村"]), CHIEF)).areas == ["池店镇华洲村"]


def test_words_of_places_and_things_are_no_kind() -> None:
    assert kinds_said("停水了") == ("water", "power")
    assert kinds_said("电梯坏了打电话") == ()
    assert kinds_said("天气怎么样") == ()
    assert kinds_said("什么时候来电") == ("power",)
    assert area_name("晋江市经济开发区", "安东园社区") == "安东园社区"


async def test_a_table_is_brought_in_once_and_every_bad_row_is_told(desk: Site) -> None:
    head = ["种类", "范围", "开始时间", "结束时间", "播报内容", "来源"]
    rows = [
        (2, ["停水", "池店镇华洲村、青阳街道", "2026-11-20 08:00", "2026/11/20 18:00", TEXT, "供水公司"]),
        (3, ["停电", "全市", "2026-11-20 08:00", "2026-11-20 18:00", "检修停电", "供电公司"]),
        (4, ["停水", "北京", "2026-11-20 08:00", "2026-11-20 18:00", TEXT, "供水公司"]),
        (5, ["停水", "池店镇", "明天", "2026-11-20 18:00", TEXT, "供水公司"]),
        (6, ["停水", "池店镇", "2026-11-20 08:00", "2026-11-20 18:00", "长" * 61, "供水公司"]),
    ]
    zone = ZoneInfo("Asia/Shanghai")
    entries, faults = sheets.cuts(head, rows, desk.cuts.checked, zone)
    assert [line for line, _ in faults] == [4, 5, 6]
    assert await desk.cuts.add_all(entries, CHIEF, dry_run=True) == 2
    assert not await desk.cuts.listed()
    assert await desk.cuts.add_all(entries, CHIEF) == 2
    assert await desk.cuts.add_all(entries, CHIEF) == 0
    assert [(row.kind, row.areas) for row in await desk.cuts.listed()] == [
        ("water", ["池店镇华洲村", "青阳街道"]), ("power", [])
    ] or [(row.kind, row.areas) for row in await desk.cuts.listed()] == [
        ("power", []), ("water", ["池店镇华洲村", "青阳街道"])
    ]  # fmt: skip
    with pytest.raises(HeyiError, match="begins"):
        sheets.cuts(head[:2], [], desk.cuts.checked, zone)


def test_departments_of_the_citys_file_announce_their_own() -> None:
    named = jinjiang().selfservice
    assert named.may_announce("power", "power") and not named.may_announce("power", "water")
    assert not named.may_announce("water", "")
