"""Import and export of calls and tickets: encodings, columns, bad rows, running again, the way there and back."""

import csv
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from ticket_support import CITY, START
from typer.testing import CliRunner

from core.bus import Bus
from core.clock import ManualClock
from core.database import Database
from core.errors import HeyiError
from heyi.cli import app
from heyi.transfer.calls import CallTable
from heyi.transfer.carry import REASON, Carried, Outcome, bring_in, carry_out
from heyi.transfer.fields import mapping
from heyi.transfer.sheets import neutral, open_sheet, write_all
from heyi.transfer.tickets import TicketTable
from telephony.ledger import CallRow
from tests.databases import KINDS, address
from ticketing.listing import Wanted, page
from ticketing.service import Tickets
from ticketing.tables import Ticket, TicketHistory

HEAD = "工单编号,受理时间,标题,联系电话,承办单位,状态,备用\n"
ROW = "WX001,2025-03-01 10:00:00,路灯不亮,13800138000,water,结案归档,x\n"


@pytest.fixture(params=KINDS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(address(request, tmp_path), Bus())
    await made.create_all()
    yield made
    await made.close()


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite+aiosqlite:///{tmp_path / 'other.db'}", Bus())
    await made.create_all()
    yield made
    await made.close()


async def take(database: Database, table: Carried, path: Path, *said: str, dry_run: bool = False) -> Outcome:
    sheet = open_sheet(path)
    columns = mapping(table.fields, sheet.head, said)
    return await bring_in(database, table, sheet, columns, START, dry_run=dry_run)


async def all_tickets(database: Database) -> list[Ticket]:
    async with database.read() as session:
        return list((await session.scalars(select(Ticket).order_by(Ticket.number))).all())


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
async def test_a_table_is_read_in_the_encoding_it_was_saved_in(sqlite: Database, tmp_path: Path, encoding: str) -> None:
    outcome = await take(sqlite, TicketTable(CITY), written(tmp_path / "a.csv", HEAD + ROW, encoding))
    assert (outcome.added, outcome.bad) == (1, 0)
    (ticket,) = await all_tickets(sqlite)
    assert (ticket.number, ticket.summary, ticket.department, ticket.state) == ("WX001", "路灯不亮", "water", "closed")
    assert ticket.created_at == datetime(2025, 3, 1, 2, 0, tzinfo=UTC)
    assert ticket.closed_at is not None


async def test_semicolons_tabs_and_excel(sqlite: Database, tmp_path: Path) -> None:
    for number, mark in enumerate(";\t"):
        text = (HEAD + ROW.replace("WX001", f"WX{number}")).replace(",", mark)
        assert (await take(sqlite, TicketTable(CITY), written(tmp_path / f"{number}.csv", text))).added == 1
    book = openpyxl.Workbook()
    book.active.append(["编号", "时间", "主题", "电话"])
    book.active.append([20250007, datetime(2025, 3, 1, 10, 0), "漏水", 13800138000.0])  # noqa: DTZ001  as Excel has it
    book.save(tmp_path / "a.xlsx")
    assert (await take(sqlite, TicketTable(CITY), tmp_path / "a.xlsx")).added == 1
    last = (await all_tickets(sqlite))[0]
    assert (last.number, last.contact_digits) == ("20250007", "13800138000")
    assert last.created_at == datetime(2025, 3, 1, 2, 0, tzinfo=UTC)


def test_columns_are_guessed_by_their_names_and_said_ones_win() -> None:
    fields = TicketTable(CITY).fields
    found = mapping(fields, ["编 号", "Created_At", "标题", "内容", "备注"], ["description=内容", "result="])
    assert found["number"] == "编 号"
    assert (found["created_at"], found["summary"], found["description"]) == ("Created_At", "标题", "内容")
    assert "result" not in found
    with pytest.raises(HeyiError, match="受理时间") as told:
        mapping(fields, ["标题"], [])
    assert "--map created_at=" in told.value.hint
    with pytest.raises(HeyiError, match="no field"):
        mapping(fields, ["标题"], ["colour=标题"])
    with pytest.raises(HeyiError, match="no column"):
        mapping(fields, ["标题"], ["summary=没有"])


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
async def test_bad_rows_come_back_with_the_reason_and_are_imported_when_mended(
    database: Database, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"old{ending}"
    head = HEAD.strip().split(",")
    good = ROW.strip().split(",")
    bad = [
        ["WX002", "昨天", *good[2:]], ["WX003", good[1], "", *good[3:]],
        ["WX004", *good[1:4], "没有的部门", *good[5:]], ["WX005", *good[1:5], "未知", ""],
    ]  # fmt: skip
    write_all(path, head, [good, *bad])
    dry = await take(database, TicketTable(CITY), path, dry_run=True)
    assert (dry.added, dry.bad, await all_tickets(database)) == (1, 4, [])
    outcome = await take(database, TicketTable(CITY), path)
    assert (outcome.added, outcome.bad) == (1, 4)
    assert outcome.errors == tmp_path / f"old.errors{ending}"
    errors = open_sheet(outcome.errors)
    assert errors.head == (*head, REASON)
    reasons = [cells[-1] for _, cells in errors.rows()]
    assert [
        part in reason for part, reason in zip(("受理时间", "诉求概要为空", "部门", "状态"), reasons, strict=True)
    ] == [True] * 4
    assert [cells[:-1] for _, cells in errors.rows()] == bad
    mended = tmp_path / f"mended{ending}"
    fixed = [[row[0], good[1], "漏水", good[3], "water", "handling", "", "old reason"] for row in bad]
    write_all(mended, [*head, REASON], fixed)
    again = await take(database, TicketTable(CITY), mended)
    assert (again.added, again.bad, again.errors) == (4, 0, None)
    assert {t.state for t in await all_tickets(database)} == {"closed", "handling"}


async def test_an_import_that_was_broken_off_goes_on_and_writes_nothing_twice(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(ROW.replace("WX001", f"WX{n:05d}") for n in range(1200)) + ROW.replace("WX001", "WX00003")
    path = written(tmp_path / "a.csv", HEAD + rows)
    table = TicketTable(CITY)
    chunks = 0
    add = table.add

    async def killed(*arguments: object) -> None:
        nonlocal chunks
        chunks += 1
        await add(*arguments)  # type: ignore[arg-type]
        if chunks == 2:
            raise RuntimeError("killed")

    monkeypatch.setattr(table, "add", killed)
    with pytest.raises(RuntimeError, match="killed"):
        await take(database, table, path)
    assert len(await all_tickets(database)) == 500
    outcome = await take(database, TicketTable(CITY), path)
    assert (outcome.added, outcome.known) == (700, 501)
    assert len(await all_tickets(database)) == 1200
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(TicketHistory)) == 1200
        assert len((await page(session, Wanted(phrases=("路灯",)), limit=2000)).tickets) == 1200


async def test_rows_without_a_number_are_the_same_the_second_time(sqlite: Database, tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "时间,标题\n2025-03-01,噪音\n2025-03-01,漏水\n2025-03-01,漏水\n")
    first = await take(sqlite, TicketTable(CITY), path)
    second = await take(sqlite, TicketTable(CITY), path)
    assert (first.added, first.known, second.added, second.known) == (2, 1, 0, 3)


async def test_numbers_go_on_behind_what_was_imported(database: Database, tmp_path: Path) -> None:
    day = f"{START:%Y%m%d}"
    text = "编号,时间,标题\n" + "".join(f"JJ{day}-{n:04d},{day} ,漏水\n" for n in (1, 7, 3))
    assert (await take(database, TicketTable(CITY), written(tmp_path / "a.csv", text))).added == 3
    made = await Tickets(database, CITY, ManualClock(START)).draft("1.1", "12345", "13800138000", "1001")
    assert made.number == f"JJ{day}-0008"


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
async def test_tickets_go_out_and_come_back_the_same(
    database: Database, sqlite: Database, tmp_path: Path, ending: str
) -> None:
    at = START.replace(microsecond=0)
    rows = [
        Ticket(
            number=f"JJ20261120-{n:04d}", created_at=at + timedelta(minutes=n), line="12345", caller="+8613800138000",
            caller_digits="13800138000", contact_phone="13800138000", contact_digits="13800138000", state=state,
            summary=summary, description="第一行\n第二行", place="池店镇华洲村", code="S0104", department="water",
            nature="投诉", result="=HYPERLINK(1)", satisfaction="satisfied", is_emergency=n == 2,
            closed_at=at + timedelta(days=1) if state == "closed" else None, due_at=at + timedelta(days=2),
        )
        for n, (state, summary) in enumerate(
            [("closed", "=cmd|' /C calc'!A0"), ("handling", "'=1+1"), ("closed", "a,b;\"c\""), ("filed", "-2+3")], 1
        )
    ]  # fmt: skip
    async with database.work() as work:
        work.session.add_all(rows)
    table, path = TicketTable(CITY), tmp_path / f"out{ending}"
    assert await carry_out(database, table, path) == 4
    assert await carry_out(database, table, tmp_path / "water.csv", department="urban") == 0
    assert await carry_out(database, table, tmp_path / "some.csv", since=at + timedelta(minutes=3)) == 2
    assert not list(tmp_path.glob(".*part*"))  # noqa: ASYNC240
    outcome = await take(sqlite, table, path)
    assert (outcome.added, outcome.bad) == (4, 0), outcome.examples
    keys = [field.key for field in table.fields]
    old, new = await all_tickets(database), await all_tickets(sqlite)
    assert [[getattr(t, key) for key in keys] for t in old] == [[getattr(t, key) for key in keys] for t in new]
    assert [t.caller_digits for t in new] == ["13800138000"] * 4
    again = await take(database, table, path)
    assert (again.added, again.known) == (0, 4)


async def test_calls_go_out_and_come_back_the_same(database: Database, sqlite: Database, tmp_path: Path) -> None:
    at = START.replace(microsecond=0)
    async with database.work() as work:
        for n in range(3):
            answered = at + timedelta(minutes=n, seconds=8) if n else None
            work.session.add(
                CallRow(
                    id=f"hy1-{n}", direction="in", line="119", caller="=1+1", agent="1001", answered_at=answered,
                    arrived_at=at + timedelta(minutes=n), ended_at=at + timedelta(minutes=n + 3), waited_s=8.5,
                    talked_s=172.0 if n else None, outcome="answered" if n else "abandoned",
                )
            )  # fmt: skip
    table, path = CallTable(CITY), tmp_path / "calls.csv"
    assert await carry_out(database, table, path, until=at + timedelta(hours=1)) == 3
    assert (await take(sqlite, table, path)).added == 3
    assert (await take(sqlite, table, path)).known == 3

    async def every(of: Database) -> list[list[object]]:
        async with of.read() as session:
            found = await session.scalars(select(CallRow).order_by(CallRow.id))
            return [[getattr(row, field.key) for field in table.fields] for row in found]

    assert await every(database) == await every(sqlite)
    with pytest.raises(HeyiError, match="no department"):
        await carry_out(database, table, tmp_path / "x.csv", department="water")


async def test_a_foreign_call_has_an_end_and_an_outcome(sqlite: Database, tmp_path: Path) -> None:
    text = (
        "主叫,被叫号码,呼入时间,接听时间,挂断时间\n138,12345,2025/03/01 10:00,2025/03/01 10:01,\n138,119,2025-03-01,,\n"
    )
    text += "138,119,2025-03-01 10:00,2025-03-01 09:00,\n"
    outcome = await take(sqlite, CallTable(CITY), written(tmp_path / "a.csv", text))
    assert (outcome.added, outcome.bad) == (2, 1)
    async with sqlite.read() as session:
        rows = list(await session.scalars(select(CallRow).order_by(CallRow.outcome)))
    assert [(row.outcome, row.ended_at is not None, row.waited_s) for row in rows] == [
        ("answered", True, 60.0), ("unanswered", True, None),
    ]  # fmt: skip


@given(st.text(max_size=12))
def test_no_cell_of_a_csv_is_a_formula(cell: str) -> None:
    assert not neutral(cell).startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"\xff\xff\xff\xff", "neither UTF-8 nor GB 18030"), ("a.csv", b"a\0b", "no text"),
        ("a.csv", b"", "has no head"), ("a.csv", "标题,标题\n".encode(), "two columns"),
        ("a.xlsx", b"PK no", "no XLSX"), ("a.pdf", b"x", "no .csv and no .xlsx"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_told_in_one_line(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(HeyiError, match=said):
        open_sheet(tmp_path / name)


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEYI_DATA", str(tmp_path / "var"))
    monkeypatch.setenv("HEYI_MIN_FREE_MB", "0")
    runner = CliRunner()
    path = written(tmp_path / "a.csv", "单号,时间,标题,承办单位\nA1,2025-03-01,漏水,\nA2,坏,漏水,\n")
    failed = runner.invoke(app, ["import", "tickets", str(path), "--map", "number=单号"])
    assert isinstance(failed.exception, HeyiError)
    assert "1 rows" in str(failed.exception)
    out = tmp_path / "out.csv"
    assert runner.invoke(app, ["export", "tickets", str(out), "--since", "2025-01-01"]).exit_code == 0
    with out.open(encoding="utf-8-sig", newline="") as file:
        assert [row[0] for row in csv.reader(file)] == ["工单编号", "A1"]
    for arguments in (["export", "faults", str(out)], ["export", "tickets", str(out), "--since", "never"],
                      ["export", "tickets", str(out), "--department", "没有"]):  # fmt: skip
        assert isinstance(runner.invoke(app, arguments).exception, HeyiError)
