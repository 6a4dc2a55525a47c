"""What a phone sends is done exactly once, in whatever order, however often and late it comes."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.bus import Bus
from core.database import Database, Work, together
from core.errors import HeyiError
from tests.desk_fakes import CITY, Stage
from tests.postgres import Postgres
from tests.unit.field_support import AGENT, FIRE, HERE, LEAD, URBAN, advance, burning, noise, wish, work_of
from ticketing.actor import Actor
from ticketing.assign.service import Assignments
from ticketing.dispatch.service import Dispatch
from ticketing.dispatch.tables import UnitOrder, UnitPosition
from ticketing.doors.intake import Intake
from ticketing.patrol.service import FieldWork
from ticketing.patrol.tables import FieldAction, FieldHelp
from ticketing.repository import TicketRepository
from ticketing.service import Tickets
from ticketing.tables import Ticket, TicketHistory


async def history(stage: Stage, ticket: str) -> list[tuple[str, str]]:
    async with stage.services.database.read() as session:
        return [(row.action, row.note) for row in await TicketRepository(session).history(ticket)]


async def now(stage: Stage, ticket: str) -> Ticket:
    async with stage.services.database.read() as session:
        return await TicketRepository(session).get(ticket)


async def test_what_comes_again_is_answered_as_before_and_done_once(stage: Stage) -> None:
    ticket, work = await noise(stage), work_of(stage)
    accept, report = wish(stage, "accept", ticket.id), wish(stage, "report", ticket.id, text="已劝停")
    for one in (accept, accept, report, accept, report):
        assert (await work.do(one, URBAN)).state == "done"
    done = Counter(action for action, _ in await history(stage, ticket.id))
    assert done["accept"] == done["report"] == 1
    assert (await now(stage, ticket.id)).result == "已劝停"


async def test_the_same_at_the_same_moment_is_done_once(stage: Stage) -> None:
    ticket, work = await noise(stage), work_of(stage)
    accept = wish(stage, "accept", ticket.id, position=HERE)
    told = await asyncio.gather(*(work.do(accept, URBAN) for _ in range(5)))
    assert {one.state for one in told} == {"done"} and {one.number for one in told} == {ticket.number}
    assert Counter(action for action, _ in await history(stage, ticket.id))["accept"] == 1


async def test_two_processes_on_postgresql_do_it_once(stage: Stage, postgres: Postgres, tmp_path: Path) -> None:
    url, buses = postgres.new_database(), (Bus(), Bus())
    databases = [Database(url, bus) for bus in buses]
    await databases[0].create_all()
    try:
        works = [_work(database, stage, tmp_path) for database in databases]
        tickets = Tickets(databases[0], CITY, stage.clock)
        draft = await tickets.draft("c-1", "12345", "13800001111", "1001")
        await tickets.submit(draft.id, AGENT, {"code": "S101"})
        accept, found = wish(stage, "accept", draft.id), wish(stage, "help", draft.id, position=HERE)
        for one in (accept, found):
            told = await asyncio.gather(*(work.do(one, URBAN) for work in works * 3))
            assert {each.state for each in told} == {"done"}
        async with databases[0].read() as session:
            rows = [row.action for row in await TicketRepository(session).history(draft.id)]
            assert rows.count("accept") == 1
            assert await session.scalar(select(func.count()).select_from(FieldHelp)) == 1
            assert await session.scalar(select(func.count()).select_from(FieldAction)) == 2
    finally:
        for database, bus in zip(databases, buses, strict=True):
            await bus.close()
            await database.close()


def _work(database: Database, stage: Stage, folder: Path) -> FieldWork:
    tickets = Tickets(database, CITY, stage.clock)
    dispatch = Dispatch(database, stage.clock, tickets, lambda _text: ())
    intake = Intake(database, CITY, stage.clock, secret="for tests only", photos=folder)
    return FieldWork(
        database, stage.clock, tickets, Assignments(database, tickets, stage.clock), dispatch, intake, folder
    )


async def test_killed_between_doing_and_answering_it_is_neither_lost_nor_doubled(stage: Stage) -> None:
    """Whatever breaks before the commit undoes both the step and its row; the phone asks again."""
    ticket, work = await noise(stage), work_of(stage)
    accept = wish(stage, "accept", ticket.id)
    database = stage.services.database

    class Killed(Exception): ...

    async def broken(_work: Work) -> None:
        raise Killed

    with pytest.raises(Killed), together(broken):
        await stage.services.tickets.accept(ticket.id, URBAN)
    assert (await now(stage, ticket.id)).state == "dispatched"
    original = work._row
    work._row = lambda *_a, **_k: (_ for _ in ()).throw(Killed)  # type: ignore[method-assign]
    with pytest.raises(Killed):
        await work.do(accept, URBAN)
    work._row = original  # type: ignore[method-assign]
    async with database.read() as session:
        assert await session.get(FieldAction, accept.id) is None
    assert (await now(stage, ticket.id)).state == "dispatched"
    assert (await work.do(accept, URBAN)).state == "done"
    assert (await now(stage, ticket.id)).state == "handling"


async def test_an_id_is_of_one_person_and_one_thing(stage: Stage) -> None:
    ticket, work = await noise(stage), work_of(stage)
    accept = wish(stage, "accept", ticket.id)
    await work.do(accept, URBAN)
    with pytest.raises(HeyiError, match="编号已用于"):
        await work.do(accept, FIRE)
    with pytest.raises(HeyiError, match="编号已用于"):
        await work.do(replace(accept, kind="report", text="x"), URBAN)
    # The phone's clock was corrected in between: it is the same thing.
    assert (await work.do(replace(accept, made_at=accept.made_at + timedelta(minutes=3)), URBAN)).state == "done"


async def test_what_a_colleague_has_done_is_done(stage: Stage) -> None:
    ticket, work = await noise(stage), work_of(stage)
    await stage.services.tickets.accept(ticket.id, URBAN)
    other = Actor("li", "department", department="urban")
    late = await work.do(wish(stage, "accept", ticket.id), other)
    assert (late.state, late.message) == ("already", "已由本部门接单")
    await work.do(wish(stage, "report", ticket.id, text="已劝停"), other)
    late = await work.do(wish(stage, "report", ticket.id, text="我也劝了"), URBAN)
    assert (late.state, late.message) == ("already", "结果已由本部门反馈")
    assert (await now(stage, ticket.id)).result == "已劝停"


async def test_a_ticket_that_went_elsewhere_meanwhile_says_where_and_the_words_are_not_lost(stage: Stage) -> None:
    ticket, work = await noise(stage), work_of(stage)
    await stage.services.assignments.reassign(ticket.id, "centre", LEAD, "派错")
    told = await work.do(wish(stage, "report", ticket.id, text="已劝停"), URBAN)
    assert (told.state, told.message, told.hint) == ("refused", "任务已撤回或改派", "话务中心")
    # Asked again, the answer is the same, and what was written is kept.
    async with stage.services.database.read() as session:
        kept = await session.get(FieldAction, told.id)
    assert kept is not None and (kept.state, kept.text) == ("refused", "已劝停")
    # The phone proposes to leave it as a note: taken, since the department had the ticket.
    assert (await work.do(wish(stage, "note", ticket.id, text="已劝停"), URBAN)).state == "done"
    assert ("field", "情况说明：已劝停") in await history(stage, ticket.id)
    assert (await work.do(wish(stage, "note", ticket.id, text="路过"), FIRE)).state == "refused"


async def test_place_and_delay_stand_in_the_history(stage: Stage) -> None:
    ticket, work = await noise(stage), work_of(stage)
    pressed = stage.clock.now()
    advance(stage, minutes=20)
    await work.do(wish(stage, "accept", ticket.id, made_at=pressed), URBAN)
    await work.do(wish(stage, "arrive", ticket.id, position=HERE), URBAN)
    said = [note for action, note in await history(stage, ticket.id) if action == "field"]
    assert said == [
        "接单：11-20 09:30:00 离线操作，11-20 09:50:00 送达", "到场：位置 24.80000, 118.55000（±12 米）",
    ]  # fmt: skip


async def test_a_units_steps_move_the_ticket_tell_where_it_is_and_end_with_a_result(stage: Stage) -> None:
    ticket, work = await burning(stage, "e1"), work_of(stage)
    for kind in ("accept", "depart", "arrive"):
        told = await work.do(wish(stage, kind, ticket.id, unit="e1", position=HERE), FIRE)  # type: ignore[arg-type]
        assert told.state == "done", told
        advance(stage, minutes=1)
    assert (await now(stage, ticket.id)).step == "arrived"
    again = await work.do(wish(stage, "depart", ticket.id, unit="e1"), FIRE)
    assert (again.state, again.message) == ("already", "这一步已由本单位完成")
    async with stage.services.database.read() as session:
        position = await session.get(UnitPosition, "e1")
        assert position is not None and (position.lon, position.lat, position.accuracy_m) == (118.55, 24.8, 12.0)
    assert (await work.do(wish(stage, "report", ticket.id, unit="e1", text="明火已灭"), FIRE)).state == "done"
    async with stage.services.database.read() as session:
        order = await session.scalar(select(UnitOrder).where(UnitOrder.ticket_id == ticket.id))
        assert order is not None and order.ending == "done" and order.received_at and order.arrived_at
    assert (await work.do(wish(stage, "back", unit="e1"), FIRE)).state == "done"


async def test_a_recalled_unit_learns_it_when_its_phone_comes_back(stage: Stage) -> None:
    ticket, work = await burning(stage, "e1"), work_of(stage)
    await stage.services.dispatch.act("e1", "recall", AGENT, "误报")
    told = await work.do(wish(stage, "arrive", ticket.id, unit="e1"), FIRE)
    assert (told.state, told.message, told.hint) == ("refused", "命令已被召回", "误报")
    # Nobody moves another department's unit, and nothing is said about where it is.
    told = await work.do(wish(stage, "arrive", ticket.id, unit="e1", position=HERE), URBAN)
    assert told.state == "refused"
    async with stage.services.database.read() as session:
        assert await session.get(UnitPosition, "e1") is None


async def test_only_changes_are_written_together(stage: Stage) -> None:
    """A unit of work that tells nothing is not the one that keeps the row."""
    ticket, seen = await noise(stage), []

    async def also(work: Work) -> None:
        seen.append([type(event).__name__ for event in work.events])

    with together(also) as joined:
        async with stage.services.database.work():
            pass
        assert not joined.kept
        await stage.services.tickets.accept(ticket.id, URBAN)
        await stage.services.tickets.report(ticket.id, URBAN, "好")
    assert joined.kept and len(seen) == 1 and "TicketMoved" in seen[0]
    await noise(stage, "c-2")
    assert len(seen) == 1


async def test_a_person_of_the_grid_does_it_alike(stage: Stage) -> None:
    ticket, work = await noise(stage), work_of(stage)
    grid = Actor("wangge", "grid", department="urban")
    for one in (wish(stage, "accept", ticket.id), wish(stage, "report", ticket.id, text="已清理")):
        assert (await work.do(one, grid)).state == "done"
    async with stage.services.database.read() as session:
        roles = set(await session.scalars(select(TicketHistory.role).where(TicketHistory.who == "wangge")))
    assert roles == {"grid"}
