"""Lists as Excel files: what is on the screen, as its reader sees it, times by the city's clock; the audit has it."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import partial
from io import BytesIO
from typing import Any
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import httpx
import openpyxl
import pytest
from sqlalchemy import select

from core.audit import AuditEntry
from desk import listexport
from desk.access.users import User, Users
from desk.listcatalogue import SHEETS
from desk.listexport import Sheet, by_mark, by_place, write
from desk.listsheets import AT_ONCE, cell
from desk.sheets import MEDIA_TYPE
from desk.views import Views
from heyi.transfer.sheets import open_sheet
from tests.desk_fakes import Stage
from tests.unit.conftest import SignIn
from ticketing.repository import TicketRepository
from ticketing.tables import Ticket

ZONE = ZoneInfo("Asia/Shanghai")
HALF_PAST = datetime(2026, 11, 21, 0, 30, tzinfo=UTC).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""), (False, ""), (True, "是"), (3, 3), (2.5, 2.5), (date(2026, 11, 20), "2026-11-20"),
        (datetime(2026, 11, 20, 16, 30, tzinfo=UTC), HALF_PAST),
        ("2026-11-20T16:30:00.5+00:00", HALF_PAST),
        ("2026-11-20T16:30:00", "2026-11-20T16:30:00"), ("2026-xx-20T16:30:00+00:00", "2026-xx-20T16:30:00+00:00"),
        (["供水", "供电"], "供水、供电"), ([{"code": "S1", "name": "供水"}], "供水"), ("=1+1", "=1+1"),
    ],
)  # fmt: skip
def test_a_value_as_a_cell(value: Any, expected: Any) -> None:
    assert cell(value, ZONE, lambda text: text) == expected


async def filed(stage: Stage) -> str:
    wang = await Users(stage.services.database).get("wang")
    assert wang is not None
    await stage.city.arrive("c-1", "12345", "13800001111")
    ticket = await stage.city.answer("c-1", "1001")
    fields = {"code": "S101", "summary": "=HYPERLINK(工地太吵)", "contact_name": "欧阳建国"}
    done = await stage.services.tickets.submit(ticket.id, wang.actor(), fields)
    return done.number


async def read(client: httpx.AsyncClient, address: str, tmp: Any) -> Sequence[Sequence[str]]:
    answer = await client.get(address)
    assert answer.status_code == 200 and answer.headers["content-type"] == MEDIA_TYPE, answer.text[:300]
    assert ZipFile(BytesIO(answer.content)).testzip() is None
    file = tmp / "list.xlsx"
    file.write_bytes(answer.content)
    sheet = open_sheet(file)
    return [sheet.head, *(cells for _line, cells in sheet.rows())]


async def test_tickets_as_each_role_sees_them_and_the_audit_knows(stage: Stage, sign_in: SignIn, tmp_path: Any) -> None:
    number = await filed(stage)
    lin, urban = await sign_in("lin"), await sign_in("urban")
    page = await lin.get("/department?tab=new")
    assert 'href="/department?tab=new&amp;xlsx=1"' in page.text
    head, row = await read(lin, "/department?tab=new&xlsx=1", tmp_path)
    told = dict(zip(head, row, strict=False))
    assert told["工单号"] == number and told["事由"] == "=HYPERLINK(工地太吵)" and told["联系人"] == "欧阳建国"
    assert told["受理时间"].startswith("2026-11-20 09:30")
    assert (await urban.get("/department?tab=new&xlsx=1")).headers["content-type"] == MEDIA_TYPE
    assert (await (await sign_in("fire")).get("/users?xlsx=1")).status_code == 403
    assert (
        "text/html"
        in (await (await sign_in("")).get("/department?xlsx=1", follow_redirects=True)).headers["content-type"]
    )
    async with stage.services.database.read() as session:
        entries = (await session.scalars(select(AuditEntry).where(AuditEntry.what == "export_list"))).all()
    told_of = "tickets 1 tab=new&xlsx=1"
    assert [(e.who, e.detail) for e in entries] == [("lin", told_of), ("urban", told_of)]


@pytest.mark.parametrize(
    ("login", "address"),
    [
        ("lin", "/missed"), ("lin", "/callbacks"), ("lin", "/mailbox"), ("lin", "/units"), ("lin", "/knowledge"),
        ("lin", "/rulings"), ("lin", "/announcements"), ("lin", "/webhooks"), ("lin", "/search?q=施工"),
        ("lin", "/quality/oversight"), ("lin", "/quality/appeals"), ("wang", "/quality/appeals"), ("wang", "/calls"),
    ],
)  # fmt: skip
async def test_every_list_has_its_file(stage: Stage, sign_in: SignIn, tmp_path: Any, login: str, address: str) -> None:
    await filed(stage)
    client = await sign_in(login)
    page = await client.get(address)
    assert page.status_code == 200 and 'data-test="export"' in page.text
    if address != "/calls":
        rows = await read(client, f"{address}{'&' if '?' in address else '?'}xlsx=1", tmp_path)
        assert len(rows[0]) >= 4


class _Reader:
    def __init__(self, role: str) -> None:
        self.role = role


class _Review:
    def __init__(self, copy: int) -> None:
        self.call_id, self.agent, self.reviewer, self.state, self.copy = "c-1", "wang", "zhijian", "appealed", copy
        self.due_at = self.created_at = None


class _Listed:
    def __init__(self, copy: int) -> None:
        self.review, self.tenths, self.passed = _Review(copy), 875, True


@pytest.mark.parametrize(("role", "told"), [("agent", False), ("reviewer", False), ("supervisor", True)])
async def test_a_file_names_no_reviewer_and_no_blind_score_that_the_page_does_not(role: str, told: bool) -> None:
    rows = [_Listed(0), _Listed(1)]
    values = {
        "me": _Reader(role),
        "named": str,
        "rows": rows,
    }
    for template in ("quality/appeals.html", "quality/oversight.html"):
        parts = [
            Sheet(part.name, part.head(str), part.found(values), partial(part.cells, zone=ZONE, text=str))
            for part in SHEETS[template].parts
        ]
        data, count = await write(parts, str)
        found = list(openpyxl.load_workbook(BytesIO(data)).active.values)
        one, blind = (dict(zip(found[0], row, strict=True)) for row in found[1:])
        assert (count, one["质检员"], one["得分"], one["合格"]) == (2, "zhijian" if told else None, 87.5, "合格")
        assert (blind["得分"], blind["合格"]) == (None, None)


@pytest.mark.parametrize(("rows", "told"), [(6, True), (5, False), (0, False)])
async def test_a_sheet_that_a_limit_cut_says_so(rows: int, told: bool) -> None:
    given = Sheet("甲", [("数", 10)], range(rows), lambda row: [row])
    data, count = await write([given, Sheet("甲", [("数", 10)], [], list)], str, 5)
    first, second = openpyxl.load_workbook(BytesIO(data)).worksheets
    cells = [row[0] for row in first.values]
    assert cells[:6] == ["数", *range(min(rows, 5))] and count == min(rows, 5)
    assert [str(cell) for cell in cells[6:]] == (["本表只含 5 行，其余未导出，请缩小范围再导出"] if told else [])
    assert (first.title, second.title, list(second.values)) == ("甲", "甲 2", [("数",)])


async def test_a_list_that_is_read_in_pages_is_read_no_further_than_the_limit() -> None:
    asked = []

    async def some(start: int, size: int) -> Sequence[int]:
        asked.append((start, size))
        return range(start, start + size)

    async def next_of(mark: int | None) -> tuple[Sequence[int], int | None]:
        asked.append((mark or 0, 2))
        return [mark or 0, 0], (mark or 0) + 1

    sheets = [Sheet("甲", [("数", 10)], pages, lambda row: [row]) for pages in (by_place(some), by_mark(next_of))]
    _, count = await write(sheets, str, AT_ONCE + 1)
    assert count == 2 * (AT_ONCE + 1)
    assert asked[:2] == [(0, AT_ONCE), (AT_ONCE, AT_ONCE)] and len(asked) == 2 + AT_ONCE // 2 + 1


async def test_a_long_list_lets_others_have_their_turn(
    stage: Stage, sign_in: SignIn, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, made = await filed(stage), Views.ticket
    async with stage.services.database.work() as work:
        row = await TicketRepository(work.session).by_number(number)
        assert row is not None
        for n in range(2 * AT_ONCE):
            copied = {c.key: getattr(row, c.key) for c in Ticket.__table__.columns if c.key not in ("id", "number")}
            work.session.add(Ticket(**{**copied, "id": f"t{n}", "number": f"N{n}", "call_id": None}))
    lin, turn, in_turn = await sign_in("lin"), 0, Counter[int]()

    async def others() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    def counted(views: Views, ticket: Ticket, user: User) -> dict[str, Any]:
        in_turn[turn] += 1
        return made(views, ticket, user)

    monkeypatch.setattr(Views, "ticket", counted)
    beside = asyncio.create_task(others())
    rows = await read(lin, "/department?tab=new&xlsx=1", tmp_path)
    beside.cancel()
    assert len(rows) == 2 * AT_ONCE + 2 and len({row[0] for row in rows[1:]}) == 2 * AT_ONCE + 1
    assert max(in_turn.values()) <= AT_ONCE and len(in_turn) >= 3


async def test_the_board_s_file_has_every_row_of_the_chosen_level(stage: Stage, sign_in: SignIn, tmp_path: Any) -> None:
    number, lin = await filed(stage), await sign_in("lin")
    assert 'href="/board?xlsx=1"' in (await lin.get("/board")).text
    head, row = await read(lin, "/board?level=&xlsx=1", tmp_path)
    told = dict(zip(head, row, strict=False))
    assert told["工单号"] == number and told["列"] == "在办" and told["事由"] == "=HYPERLINK(工地太吵)"
    assert "欧阳建国" not in row and "13800001111" not in row
    assert len(await read(lin, "/board?level=grid&xlsx=1", tmp_path)) == 1


async def test_all_missed_calls_are_in_the_file_whatever_page_is_shown(
    stage: Stage, sign_in: SignIn, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        await stage.city.exchange.waits(f"m-{n}", "119", f"1380000{n:04}")
        await stage.city.exchange.end(f"m-{n}")
        await stage.city.recalls.settle(f"m-{n}")
    monkeypatch.setattr(listexport, "AT_ONCE", 2)
    head, *rows = await read(await sign_in("lin"), "/missed?page=2&xlsx=1", tmp_path)
    assert sorted(row[0] for row in rows) == ["13800000000", "13800000001", "13800000002"]
    first = dict(zip(head, rows[0], strict=False))
    assert first["热线名称"] and first["来电时间"].startswith("2026-11-20")


def test_files_have_names_of_their_own() -> None:
    assert len({sheet.file for sheet in SHEETS.values()}) == len(SHEETS)
