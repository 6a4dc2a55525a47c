"""Lists of tickets on SQLite and PostgreSQL: every filter against the same asked in Python, words, pages, the index."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, event, func, select, text

from asr.record.grams import phrases, searchable
from asr.record.gramtable import place_at, weeks
from core.bus import Bus
from core.database import Database
from core.errors import HeyiError
from core.ids import new_id
from tests.databases import KINDS, address
from ticketing import index, listing
from ticketing.assign.tables import Assignment
from ticketing.index import FIELDS, INDEX, TicketEntry, catch_up, missing
from ticketing.listing import OPEN, Order, Wanted, page
from ticketing.tables import Ticket

START = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
STATES = (*OPEN, "closed")
WORDS = ("路灯不亮", "噪音", "漏水", "井盖", "垃圾没人收", "噪声", "灯")


@pytest.fixture(params=KINDS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(address(request, tmp_path), Bus())
    await made.create_all()
    yield made
    await made.close()


def ticket(number: int, at: datetime = START, **fields: object) -> Ticket:
    values = {"line": "12345", "caller": "", "caller_digits": "", "state": "filed", **fields}
    return Ticket(**{"id": new_id(), "number": f"JJ20260301-{number:04d}", "created_at": at} | values)


def any_ticket(number: int, chance: random.Random) -> Ticket:
    due = chance.choice([None, START + timedelta(hours=chance.randint(-40, 40))])
    return ticket(
        number,
        # Some share a moment.
        START + timedelta(weeks=chance.randrange(4), minutes=chance.randrange(90)),
        line=chance.choice(["12345", "119", "110"]),
        source=chance.choice(["call", "call", "import", "letter", "chat"]),
        state=chance.choice(STATES),
        flow=chance.choice(["six", "emergency", ""]),
        step=chance.choice(["filed", "on-site", ""]),
        is_emergency=chance.random() < 0.3,
        code=chance.choice(["S0104", "E0101", ""]),
        department=chance.choice(["water", "urban_management", "fire"]),
        assist=chance.sample(["water", "urban_management", "fire"], k=chance.randrange(3)),
        agent_login=chance.choice(["lin", "wang", ""]),
        caller_digits=chance.choice(["13800138000", "059585680000", ""]),
        contact_digits=chance.choice(["13800138000", ""]),
        summary="，".join(chance.choices(WORDS, k=2)),
        place=chance.choice(["池店镇华洲村", "安海镇", ""]),
        due_at=due,
    )


def any_wanted(chance: random.Random) -> Wanted:
    def sometimes(value: Any, empty: Any, share: float = 0.25) -> Any:
        return value if chance.random() < share else empty

    return Wanted(
        states=sometimes(tuple(chance.sample(STATES, k=chance.randint(1, 3))), ()) or sometimes(OPEN, ()),
        flow=sometimes(chance.choice(["six", "emergency"]), ""),
        step=sometimes("on-site", "", 0.1),
        department=sometimes(chance.choice(["water", "urban_management"]), ""),
        assisting=chance.random() < 0.3,
        code=sometimes("S0104", ""),
        line=sometimes(chance.choice(["12345", "119"]), ""),
        source=sometimes(chance.choice(["call", "import", "letter", "chat"]), ""),
        emergency=sometimes(chance.choice([True, False]), None),
        agent=sometimes("lin", ""),
        overdue_at=sometimes(START, None),
        since=sometimes(START + timedelta(minutes=chance.randrange(60)), None),
        until=sometimes(START + timedelta(minutes=chance.randrange(30, 90)), None),
        phone=sometimes("13800138000", "", 0.15),
        phrases=sometimes(phrases(chance.choice(["噪", "灯不", "漏水", "灯 华洲", "噪音漏水", "138001"])), ()),
    )


def holds(row: Ticket, wanted: Wanted) -> bool:
    """The same in plain Python."""
    texts = [searchable(getattr(row, name)) for name in FIELDS]
    return (
        (not wanted.states or row.state in wanted.states)
        and wanted.flow in ("", row.flow)
        and wanted.step in ("", row.step)
        and (
            not wanted.department
            or row.department == wanted.department
            or (wanted.assisting and wanted.department in row.assist)
        )
        and wanted.code in ("", row.code)
        and wanted.line in ("", row.line)
        and wanted.source in ("", row.source)
        and wanted.emergency in (None, row.is_emergency)
        and wanted.agent in ("", row.agent_login)
        and (
            wanted.overdue_at is None
            or (row.state != "closed" and row.due_at is not None and row.due_at < wanted.overdue_at)
        )
        and (wanted.since is None or row.created_at >= wanted.since)
        and (wanted.until is None or row.created_at < wanted.until)
        and wanted.phone in ("", row.caller_digits, row.contact_digits)
        and all(any(phrase in one for one in texts) for phrase in wanted.phrases)
    )


async def every_page(database: Database, wanted: Wanted, order: Order = "newest", limit: int = 7) -> list[Ticket]:
    found: list[Ticket] = []
    after = ""
    async with database.read() as session:
        while True:
            part = await page(session, wanted, after=after, order=order, limit=limit)
            assert len(part.tickets) == limit or not part.next
            found += part.tickets
            after = part.next
            if not after:
                return found


async def test_every_filter_finds_what_it_says_on_every_page(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LATEST", 10)
    chance = random.Random(6)  # noqa: S311
    rows = [any_ticket(number, chance) for number in range(120)]
    async with database.work() as work:
        work.session.add_all(rows)
    ways = set()
    for _ in range(60):
        wanted = any_wanted(chance)
        expected = {row.id for row in rows if holds(row, wanted)}
        found = await every_page(database, wanted)
        assert [row.id for row in found] == list(dict.fromkeys(row.id for row in found)), "a ticket came twice"
        assert {row.id for row in found} == expected, wanted
        times = [row.created_at for row in found]
        assert times == sorted(times, reverse=True)
        due = await every_page(database, wanted, order="due")
        dated = {row.id for row in rows if holds(row, wanted) and row.state != "closed" and row.due_at}
        assert {row.id for row in due} == dated and len(due) == len(dated), wanted
        assert [row.due_at for row in due] == sorted(row.due_at for row in due if row.due_at)
        ways.add(bool(expected))
    assert ways == {True, False}


async def test_a_word_that_is_met_now_and_then_is_asked_for_week_by_week(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LATEST", 12)
    asked = []
    recent = listing.recent
    monkeypatch.setattr(listing, "recent", lambda *a: asked.append(recent(*a)) or asked[-1])  # type: ignore[func-returns-value]
    async with database.work() as work:
        work.session.add_all(
            ticket(day, START + timedelta(days=day), summary="漏水" if day % 3 else "路灯不亮") for day in range(240)
        )
    found = await every_page(database, Wanted(phrases=("路灯",)))
    assert [row.created_at for row in found] == [START + timedelta(days=day) for day in range(237, -1, -3)]
    async with database.read() as session:
        dialect = session.get_bind().dialect.name
    if dialect == "postgresql":
        assert len(asked) == len(found) // 7 + 1 and all(len(weeks) < 12 for weeks in asked)


def test_the_weeks_asked_for_hold_twice_a_page_by_what_was_met() -> None:
    def at(*days: float) -> list[int]:
        return [place_at(START + timedelta(days=day)) for day in days]

    assert listing.recent([], 50) == listing.recent(at(9, 8), 50) == []
    # One a day: 51 in 51 days, twice as many to be sure.
    met = listing.recent(at(200, 199, 198), 50)
    assert met == weeks(*at(98, 200)) and len(met) in (15, 16)
    assert listing.recent(at(900, 895, 890), 50) == [], "510 days are too many to name"


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("灯", [3, 2, 1]),  # one character, also the last of a field
        ("路灯", [3, 1]),
        ("路灯不亮", [1]),
        ("燈", [3, 2, 1]),  # traditional
        ("华洲 路灯", [3, 1]),
        ("260301-0001", [1]),  # of the number
        ("8000138", []),
        ("138000", [2]),
        ("亮池店", []),  # no phrase reaches from one field into the next
        ("JJ20260301-0002", [2]),
        ("water", []),  # a department's key is no word
        ("龘", []),
    ],
)
async def test_words_are_found_however_short(database: Database, query: str, numbers: list[int]) -> None:
    at = START
    async with database.work() as work:
        work.session.add_all(
            [
                ticket(1, at, summary="路灯不亮", place="池店镇华洲村", department="water"),
                ticket(2, at + timedelta(minutes=1), summary="红绿灯", caller_digits="13800001111", department="water"),
                ticket(3, at + timedelta(minutes=2), summary="路灯，太亮", description="华洲村口", department="water"),
            ]
        )
    found = await every_page(database, Wanted(phrases=phrases(query)))
    assert [int(row.number[-4:]) for row in found] == numbers


async def test_the_index_follows_the_ticket(database: Database) -> None:
    row = ticket(1, summary="噪音", department="urban")
    async with database.work() as work:
        work.session.add(row)

    async def change(**values: object) -> None:
        async with database.work() as work:
            kept = await work.session.get(Ticket, row.id)
            assert kept is not None
            for name, value in values.items():
                setattr(kept, name, value)
            kept.version += 1

    async def found(**wanted: object) -> int:
        return len(await every_page(database, Wanted(**wanted)))  # type: ignore[arg-type]

    assert await found(phrases=("噪音",), department="urban", states=("filed",)) == 1
    await change(summary="漏水", state="dispatched", department="water")
    assert await found(phrases=("噪音",)) == 0
    assert await found(phrases=("漏水",), department="urban") == 0
    assert await found(phrases=("漏水",), department="water", states=("dispatched",)) == 1
    await change(satisfaction="satisfied")
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(TicketEntry)) == 1
    # What is taken back never was.
    with pytest.raises(RuntimeError):
        async with database.work() as work:
            kept = await work.session.get(Ticket, row.id)
            assert kept is not None
            kept.summary, kept.version = "井盖", kept.version + 1
            await work.session.flush()
            raise RuntimeError
    assert (await found(phrases=("井盖",)), await found(phrases=("漏水",))) == (0, 1)
    async with database.work() as work:
        await work.session.delete(await work.session.get(Ticket, row.id))
    assert await found(phrases=("漏水",)) == 0


async def test_tickets_from_before_the_index_are_entered_once(database: Database) -> None:
    async with database.work() as work:
        work.session.add_all([ticket(number, summary="漏水") for number in range(3)])
    async with database.work() as work:
        dialect = work.session.get_bind().dialect.name
        await work.session.execute(delete(TicketEntry))
        emptied = "INSERT INTO ticket_grams (ticket_grams) VALUES ('delete-all')"
        await work.session.execute(text(emptied if dialect == "sqlite" else "DELETE FROM ticket_grams"))
    assert await every_page(database, Wanted(phrases=("漏水",))) == []
    told: list[int] = []
    assert await catch_up(database, told.append) == 3
    assert sum(told) == 3
    assert len(await every_page(database, Wanted(phrases=("漏水",)))) == 3
    assert await catch_up(database) == 0
    assert await missing(database) == 0


async def test_an_entry_from_before_tickets_knew_how_they_came_is_written_anew(database: Database) -> None:
    rows = [ticket(1, source="letter", summary="漏水"), ticket(2, source="call", summary="漏水")]
    async with database.work() as work:
        work.session.add_all(rows)
        await work.session.flush()
        # As it was: written by the same code without the word.
        old = ticket(1, source="call", summary="漏水", id=rows[0].id, created_at=rows[0].created_at)
        connection = await work.session.connection()
        await connection.run_sync(index._write, old)
    wanted = Wanted(source="letter", phrases=("漏水",))
    assert await every_page(database, wanted) == []
    assert await missing(database) == 1
    assert await catch_up(database) == 1
    assert [found.id for found in await every_page(database, wanted)] == [rows[0].id]
    assert await missing(database) == 0


async def test_the_level_is_that_of_the_part_that_holds(database: Database) -> None:
    rows = [ticket(number, summary="漏水", department="water") for number in (1, 2, 3)]
    async with database.work() as work:
        work.session.add_all(rows)
        await work.session.flush()
        for number, level, refused in ((0, "grid", START), (0, "street", None), (1, "grid", None)):
            work.session.add(
                Assignment(
                    ticket_id=rows[number].id, department="water", part="main", level=level, assigned_at=START,
                    assigned_by="lin", refused_at=refused,
                )
            )  # fmt: skip
    for more in ({}, {"department": "water"}, {"phrases": ("漏水",)}, {"line": "12345", "department": "water"}):
        of_grid = await every_page(database, Wanted(level="grid", **more))  # type: ignore[arg-type]
        of_street = await every_page(database, Wanted(level="street", **more))  # type: ignore[arg-type]
        assert ([t.id for t in of_grid], [t.id for t in of_street]) == ([rows[1].id], [rows[0].id])


async def test_a_foreign_mark_is_no_page(database: Database) -> None:
    async with database.read() as session:
        for wanted in (Wanted(), Wanted(phrases=("灯",))):
            for mark in ("x", "1~", "2026-01-01~a", "'; DROP TABLE tickets", "9" * 40):
                with pytest.raises(HeyiError):
                    await page(session, wanted, after=mark)


async def test_quotes_and_signs_of_a_query_language_are_harmless(database: Database) -> None:
    async with database.work() as work:
        work.session.add(ticket(1, summary="漏水", department="urban_management", code="S0104"))
    for said in ('"', "' OR 1", "a*", "漏水) OR (x", "\\", "\ue000d.urban"):
        if wanted := phrases(said):
            await every_page(database, Wanted(phrases=wanted, line="12345"))
    assert await every_page(database, Wanted(department="urban' OR '", line='"')) == []
    assert len(await every_page(database, Wanted(department="urban_management", code="S0104"))) == 1


async def test_a_tickets_own_terms_differ(database: Database) -> None:
    """A key that is the beginning of another's is another."""
    async with database.work() as work:
        work.session.add(ticket(1, department="water_works", assist=["urban"], line="110"))
    assert await every_page(database, Wanted(department="water", line="110")) == []
    assert len(await every_page(database, Wanted(department="urban", assisting=True, line="110"))) == 1
    assert INDEX.table.name == "ticket_grams"


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Wanted(), "ix_tickets_created_at"),
        (Wanted(states=OPEN), "tickets_open_by_time"),
        (Wanted(states=("filed",)), "tickets_by_state"),
        (Wanted(department="water"), "tickets_by_department"),
        (Wanted(department="water", states=("filed",)), "tickets_of_department"),
        (Wanted(code="S0104"), "tickets_by_code"),
        (Wanted(line="119"), "tickets_by_line"),
        (Wanted(agent="lin"), "tickets_by_agent"),
        (Wanted(flow="six"), "tickets_by_flow"),
        (Wanted(source="letter"), "tickets_by_source"),
        (Wanted(source="import"), "tickets_by_source"),
        (Wanted(source="letter", line="12345"), "VIRTUAL TABLE INDEX"),
        (Wanted(overdue_at=START), "tickets_open_by_time"),
        (Wanted(code="S0104", line="119"), "VIRTUAL TABLE INDEX"),
    ],
)
async def test_sqlite_reads_each_list_from_its_index(tmp_path: Path, wanted: Wanted, index: str) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'heyi.db'}", Bus())
    await database.create_all()
    asked: list[tuple[str, object]] = []
    engine = database._engine.sync_engine

    event.listen(engine, "before_cursor_execute", lambda c, cu, s, p, x, m: asked.append((s, p)))
    async with database.read() as session:
        await page(session, wanted)
        statement, values = asked[-1]
        plan = await (await session.connection()).exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)  # type: ignore[arg-type]
        lines = [row[3] for row in plan]
    await database.close()
    assert any(index in line for line in lines), lines
    assert "SCAN tickets" not in lines
