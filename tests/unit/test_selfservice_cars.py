"""The owner of a car is rung without anybody being told the number."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select, text

from core.audit import AuditEntry
from core.errors import HeyiError
from tests.unit.selfservice_support import CALLER, CHIEF, OTHER, OWNER, START, Site, jinjiang, site
from ticketing.selfservice import sheets
from ticketing.selfservice.asked import TooOften
from ticketing.selfservice.cars import LIFE, bring_owners
from ticketing.selfservice.sheets import Owner
from ticketing.selfservice.tables import CarCall, CarOwner

TODAY = date(2026, 11, 20)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as opened:
        owners = [Owner(plate, OWNER, "陈车主", TODAY) for plate in ("闽C12345", "闽CD12345", "闽C11111", "闽C22222")]
        await bring_owners(opened.database, owners, CHIEF, START)
        yield opened


async def ask(desk: Site, words: str, caller: str = CALLER) -> tuple[str, dict[str, str]]:
    return await desk.ask("car_owner", {"words": words}, caller=caller)


async def test_found_by_ear_and_rung_once(desk: Site) -> None:
    result, told = await ask(desk, "民吸幺二三四五")
    assert (result, told["plate"]) == ("found", "闽C12345")
    assert await desk.service.party_number(told["owner"]) == OWNER
    assert await desk.service.party_number(told["owner"]) is None
    assert await desk.service.party_number("") is None


async def test_of_two_that_take_a_name_at_once_one_gets_the_number(desk: Site) -> None:
    _, told = await ask(desk, "闽C12345")
    again = Site(desk.folder, desk.clock)
    try:
        got = await asyncio.gather(*(one.service.party_number(told["owner"]) for one in (desk, again, desk, again)))
    finally:
        await again.close()
    assert sorted(map(str, got)) == sorted([OWNER, "None", "None", "None"])


async def test_a_name_holds_for_minutes(desk: Site) -> None:
    _, told = await ask(desk, "闽C12345")
    desk.clock.advance(LIFE.total_seconds() + 1)
    assert await desk.service.party_number(told["owner"]) is None
    await ask(desk, "闽C11111")
    async with desk.database.read() as session:
        assert [row.plate for row in await session.scalars(select(CarCall))] == ["闽C11111"]


async def test_unknown_and_unclear(desk: Site) -> None:
    assert await ask(desk, "闽C99999") == ("none", {"plate": "闽C99999"})
    for words in ("", "车挡住了", "闽C1234", "12345"):
        assert await ask(desk, words) == ("unclear", {})


async def test_a_caller_and_a_plate_have_so_many_a_day(desk: Site) -> None:
    """Nobody has somebody rung again and again, from one telephone or from several."""
    for _ in range(3):
        await ask(desk, "闽C12345")
    with pytest.raises(TooOften):
        await ask(desk, "闽C11111")
    with pytest.raises(TooOften):
        await ask(desk, "闽C12345", caller=OTHER)
    assert (await ask(desk, "闽C22222", caller=OTHER))[0] == "found"
    desk.clock.advance(24 * 3600 + 1)
    assert (await ask(desk, "闽C12345"))[0] == "found"


async def test_whoever_hides_the_own_number_has_nobody_rung(desk: Site) -> None:
    with pytest.raises(HeyiError):
        await ask(desk, "闽C12345", caller="anonymous")


async def test_every_use_is_in_the_audit_and_the_number_is_nowhere_but_in_the_register(
    desk: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    _, told = await ask(desk, "闽C12345")
    await ask(desk, "闽C99999")
    assert OWNER not in str(told)
    await desk.service.party_number(told["owner"])
    async with desk.database.read() as session:
        rows = (await session.scalars(select(AuditEntry).where(AuditEntry.call_id == "hy-2.1"))).all()
        assert [(row.what, row.detail) for row in rows] == [
            ("car_owner", "闽C12345 found"), ("car_owner", "闽C99999 none"), ("car_owner_rung", "闽C12345")
        ]  # fmt: skip
        for table in ("audit", "events", "car_calls", "door_knocks"):
            held = (await session.execute(text(f"SELECT * FROM {table}"))).all()  # noqa: S608  names of our own
            assert OWNER not in str(held) and "陈车主" not in str(held)
    said = capsys.readouterr()
    assert OWNER not in said.out + said.err


async def test_a_look_up_that_is_cut_off_leaves_no_name(desk: Site) -> None:
    async with desk.database.work():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ask(desk, "闽C12345"), 0.2)
    async with desk.database.read() as session:
        assert (await session.scalars(select(CarCall))).all() == []


def test_rows_of_a_register_are_checked_and_no_fault_holds_a_number() -> None:
    head = ["车牌号", "手机号", "车主姓名", "登记日期"]
    rows = [
        (2, ["闽C·12345", "13800000001", "甲", "2026-01-01"]),
        (3, ["闽c12345", "+86 138 0000 0002", "乙", "2026/05/01"]),
        (4, ["闽C1234", "13800000003", "", ""]),
        (5, ["闽C22222", "110", "", ""]),
        (6, ["闽C33333", "12345", "", ""]),
        (7, ["闽C44444", "13800000004", "", "2027-01-01"]),
        (8, ["闽C55555", "13800000005", "", "昨天"]),
        (9, ["闽C66666", "13800000006", "长" * 61, ""]),
        (10, ["闽C77777", "059585551234", "", ""]),
    ]
    owners, faults = sheets.owners(head, rows, jinjiang(), TODAY)
    assert owners == [
        Owner("闽C12345", "13800000002", "乙", date(2026, 5, 1)), Owner("闽C77777", "85551234", "", TODAY)
    ]  # fmt: skip
    assert [line for line, _ in faults] == [4, 5, 6, 7, 8, 9]
    assert not any("1380000" in reason for _, reason in faults)
    with pytest.raises(HeyiError, match="phone"):
        sheets.owners(["车牌号"], [], jinjiang(), TODAY)


async def test_newer_rows_replace_older_ones_and_the_same_file_twice_changes_nothing(desk: Site) -> None:
    newer, older = Owner("闽C12345", OTHER, "乙", date(2026, 11, 21)), Owner("闽C11111", OTHER, "乙", date(2020, 1, 1))
    checked = await bring_owners(desk.database, [newer, older], CHIEF, START, dry_run=True)
    assert (checked.added, checked.changed, checked.same) == (0, 1, 1)
    for added, changed, same in ((0, 1, 1), (0, 0, 2)):
        done = await bring_owners(desk.database, [newer, older], CHIEF, START)
        assert (done.added, done.changed, done.same) == (added, changed, same)
    async with desk.database.read() as session:
        held = {row.plate: row.phone for row in await session.scalars(select(CarOwner))}
    assert (held["闽C12345"], held["闽C11111"]) == (OTHER, OWNER)
