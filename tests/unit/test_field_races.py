"""What a phone pressed meets what the desk did meanwhile: it is of the part, or the order, that it was pressed for."""

import asyncio
from contextvars import Context
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from core import photos as pictures
from core.errors import Conflict
from tests.desk_fakes import PASSWORD, Stage
from tests.eventually import PATIENCE_S
from tests.unit.conftest import SignIn
from tests.unit.doors_support import jpeg
from tests.unit.field_support import AGENT, FIRE, HERE, LEAD, URBAN, advance, body, burning, noise, wish, work_of
from ticketing.actor import Actor
from ticketing.assign.tables import Assignment
from ticketing.dispatch.tables import UnitOrder
from ticketing.patrol.tables import FieldAction, FieldPhoto, FieldState
from ticketing.repository import TicketRepository

#: Two villages, in the order of their keys, and the town above them.
TOWN = Actor("town", "department", department="centre", below=frozenset({"fire", "urban"}))


async def part_of(stage: Stage, ticket: str, department: str) -> Assignment:
    async with stage.services.database.read() as session:
        wanted = select(Assignment).where(Assignment.ticket_id == ticket, Assignment.department == department)
        found = (await session.scalars(wanted.order_by(Assignment.assigned_at))).all()
    return found[-1]


async def order_of(stage: Stage, ticket: str, unit: str) -> UnitOrder:
    async with stage.services.database.read() as session:
        wanted = select(UnitOrder).where(UnitOrder.ticket_id == ticket, UnitOrder.unit == unit)
        found = (await session.scalars(wanted.order_by(UnitOrder.sent_at))).all()
    return found[-1]


async def kept(stage: Stage, action_id: str) -> FieldState | None:
    async with stage.services.database.read() as session:
        row = await session.get(FieldAction, action_id)
    return row.state if row else None


# --- parts --------------------------------------------------------------------------------------------------------


async def test_a_village_that_is_done_with_it_does_not_stand_before_the_one_that_has_it(stage: Stage) -> None:
    ticket, work = await noise(stage), work_of(stage)
    await stage.services.assignments.reassign(ticket.id, "fire", LEAD, "在那里")
    advance(stage, minutes=1)
    await stage.services.assignments.reassign(ticket.id, "urban", LEAD, "又不在那里")
    for kind in ("accept", "arrive"):
        told = await work.do(wish(stage, kind, ticket.id), TOWN)
        assert told.state == "done", told
    assert (await part_of(stage, ticket.id, "urban")).accepted_at is not None
    # With its own part ended, too: what is open comes first.
    await stage.services.assignments.assist(ticket.id, "centre", LEAD)
    own = await part_of(stage, ticket.id, "centre")
    await stage.services.assignments.withdraw(own.id, LEAD, "不需要")
    assert (await work.do(wish(stage, "report", ticket.id, text="已劝停"), TOWN)).state == "done"


async def test_a_step_is_of_the_part_that_was_shown_and_of_no_other_departments(stage: Stage) -> None:
    ticket, work = await noise(stage), work_of(stage)
    await stage.services.assignments.assist(ticket.id, "fire", LEAD)
    shown, other = await part_of(stage, ticket.id, "urban"), await part_of(stage, ticket.id, "fire")
    assert (await work.do(wish(stage, "accept", ticket.id, part=shown.id), TOWN)).state == "done"
    assert (await part_of(stage, ticket.id, "urban")).accepted_at is not None
    assert (await part_of(stage, ticket.id, "fire")).accepted_at is None
    assert (await work.do(wish(stage, "accept", ticket.id, part=other.id), TOWN)).state == "done"
    assert (await part_of(stage, ticket.id, "fire")).accepted_at is not None
    # Taken from it while the phone had no network: its result is not the other village's.
    await stage.services.assignments.withdraw(other.id, LEAD, "不需要")
    told = await work.do(wish(stage, "report", ticket.id, part=other.id, text="已到"), TOWN)
    assert (told.state, told.message) == ("refused", "任务已撤回或改派")
    assert (await part_of(stage, ticket.id, "urban")).reported_at is None


async def test_a_department_that_got_it_again_goes_on_with_its_new_part(stage: Stage) -> None:
    ticket, work = await noise(stage), work_of(stage)
    first = await part_of(stage, ticket.id, "urban")
    for to in ("fire", "urban"):
        advance(stage, minutes=1)
        await stage.services.assignments.reassign(ticket.id, to, LEAD, "改派")
    assert (await work.do(wish(stage, "accept", ticket.id, part=first.id), URBAN)).state == "done"
    assert (await part_of(stage, ticket.id, "urban")).accepted_at is not None
    # Another's part, by its id, helps nobody.
    strange = await part_of(stage, ticket.id, "fire")
    assert (await work.do(wish(stage, "report", ticket.id, part=strange.id, text="x"), URBAN)).state == "done"
    assert (await part_of(stage, ticket.id, "fire")).reported_at is None


async def test_the_phone_is_told_whose_step_it_presses_and_says_it_back(stage: Stage, sign_in: SignIn) -> None:
    ticket = await burning(stage, "e1")
    fire, urban = await sign_in("fire"), await sign_in("urban")
    service = await noise(stage)
    [job] = (await urban.get("/api/field/tasks")).json()["jobs"]
    [track] = job["tracks"]
    assert track["part_id"] == (await part_of(stage, service.id, "urban")).id
    [job] = (await fire.get("/api/field/tasks")).json()["jobs"]
    [unit] = job["tracks"]
    assert unit["order_id"] == (await order_of(stage, ticket.id, "e1")).id
    for client, about in (
        (urban, body(stage, "accept", service.id, part=track["part_id"])),
        (fire, body(stage, "accept", ticket.id, "fire", unit="e1", order=unit["order_id"])),
    ):
        answer = await client.post("/api/field/actions", json=about)
        assert answer.json()["state"] == "done", answer.text


# --- orders -------------------------------------------------------------------------------------------------------


async def test_recalled_and_sent_elsewhere_in_the_same_moment_the_step_is_not_the_other_tickets(stage: Stage) -> None:
    ticket, service, work = await burning(stage, "e1"), await noise(stage), work_of(stage)
    dispatch = stage.services.dispatch
    act, between = dispatch.act, [True]

    async def sent_elsewhere(unit: str) -> None:
        await act(unit, "recall", AGENT, "误报")
        await dispatch.send(service.id, [unit], AGENT)

    async def late(unit: str, action: Any, by: Actor, reason: str = "", **more: Any) -> Any:
        if between and by is FIRE:
            between.clear()
            await asyncio.create_task(sent_elsewhere(unit), context=Context())
        return await act(unit, action, by, reason, **more)

    dispatch.act = late  # type: ignore[method-assign]
    told = await work.do(wish(stage, "arrive", ticket.id, unit="e1"), FIRE)
    assert not between
    assert (told.state, told.message, told.hint) == ("refused", "命令已被召回", "误报")
    assert (await order_of(stage, service.id, "e1")).arrived_at is None


async def test_a_step_of_an_order_that_was_recalled_is_none_of_the_next_on_the_same_ticket(stage: Stage) -> None:
    ticket, work = await burning(stage, "e1"), work_of(stage)
    first = await order_of(stage, ticket.id, "e1")
    await stage.services.dispatch.act("e1", "recall", AGENT, "改派")
    advance(stage, minutes=1)
    await stage.services.dispatch.send(ticket.id, ["e1"], AGENT)
    told = await work.do(wish(stage, "arrive", ticket.id, unit="e1", order=first.id), FIRE)
    assert (told.state, told.message) == ("refused", "命令已被召回")
    second = await order_of(stage, ticket.id, "e1")
    assert second.id != first.id and second.arrived_at is None
    assert (await work.do(wish(stage, "arrive", ticket.id, unit="e1", order=second.id), FIRE)).state == "done"


# --- photographs and the answer -----------------------------------------------------------------------------------


async def test_nobody_waits_while_a_photograph_is_written(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket, work, loop = await noise(stage), work_of(stage), asyncio.get_running_loop()
    keep = pictures.keep

    def slow(*args: Any) -> str:
        # On a disk that takes its time, somebody else saves the same ticket.
        accepting = stage.services.tickets.accept(ticket.id, URBAN)
        saved = Context().run(asyncio.run_coroutine_threadsafe, accepting, loop)
        assert saved.result(PATIENCE_S).state == "handling"
        return keep(*args)

    monkeypatch.setattr(pictures, "keep", slow)
    told = await asyncio.wait_for(work.photo(wish(stage, "photo", ticket.id), URBAN, jpeg()), PATIENCE_S)
    assert told.state == "done"
    async with stage.services.database.read() as session:
        assert len((await session.scalars(select(FieldPhoto))).all()) == 1


async def test_a_photograph_of_anothers_ticket_is_not_even_written(stage: Stage) -> None:
    ticket, work = await noise(stage), work_of(stage)
    assert (await work.photo(wish(stage, "photo", ticket.id), FIRE, jpeg())).state == "refused"
    assert not (stage.services.settings.data / "photos").exists()


async def test_whoever_is_first_three_times_over_the_phone_sends_again(stage: Stage, sign_in: SignIn) -> None:
    ticket, work = await noise(stage), work_of(stage)
    accept = stage.services.assignments.accept
    tries: list[str] = []

    async def busy(part_id: str, _by: Actor) -> Any:
        tries.append(part_id)
        raise Conflict("工单刚被他人修改，请刷新后再试")

    stage.services.assignments.accept = busy  # type: ignore[assignment,method-assign]
    one = wish(stage, "accept", ticket.id)
    with pytest.raises(Conflict):
        await work.do(one, URBAN)
    assert len(tries) == 3 and await kept(stage, one.id) is None
    answer = await (await sign_in("urban")).post("/api/field/actions", json=body(stage, "accept", ticket.id))
    assert answer.status_code == 409
    stage.services.assignments.accept = accept  # type: ignore[method-assign]
    assert (await work.do(one, URBAN)).state == "done"
    assert await kept(stage, one.id) == "done"


async def test_sent_again_with_the_position_that_was_found_since_it_is_the_same(stage: Stage) -> None:
    ticket, work = await noise(stage), work_of(stage)
    first = wish(stage, "help", ticket.id, text="请增援")
    assert (await work.do(first, URBAN)).state == "done"
    assert (await work.do(replace(first, position=HERE), URBAN)).state == "done"
    async with stage.services.database.read() as session:
        assert len((await session.scalars(select(FieldAction))).all()) == 1
        assert (await TicketRepository(session).get(ticket.id)).state == "dispatched"


# --- whose phone --------------------------------------------------------------------------------------------------


async def test_the_page_of_phones_learns_whose_session_it_is_and_that_it_has_ended(
    stage: Stage, sign_in: SignIn
) -> None:
    client = await sign_in("")
    answer = await client.post("/login", data={"login": "urban", "password": PASSWORD})
    told = [line for line in answer.headers.get_list("set-cookie") if line.startswith("heyi_who=")]
    assert len(told) == 1 and told[0].startswith("heyi_who=urban;") and "Path=/field/" in told[0]
    assert "httponly" not in told[0].lower()
    # It is no key: with it alone nobody is signed in.
    stranger = await sign_in("")
    stranger.cookies.set("heyi_who", "urban")
    assert (await stranger.get("/api/field/tasks")).status_code == 401
    ended = (await client.post("/logout")).headers.get_list("set-cookie")
    assert {line.split("=")[0] for line in ended if "Max-Age=0" in line} == {"heyi_session", "heyi_who"}
