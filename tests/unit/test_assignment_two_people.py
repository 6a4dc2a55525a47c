"""Two people at two processes act on one part or one unit in the same moment: one wins, the other is told. On both.

Each test lets both act at once several times, so that either may be the first.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from pathlib import Path
from typing import Any

import pytest
from assign_support import ARBITER, TOWN, VILLAGE, AssignRoom
from sqlalchemy import select
from ticket_support import AGENT, CHIEF, FIRE, URBAN, WATER

from core.errors import Conflict, HeyiError, NotAllowed
from tests.databases import KINDS, address
from tests.unit.dispatch_support import Scene
from ticketing.actor import SYSTEM, Actor
from ticketing.assign.tables import Assignment
from ticketing.dispatch.tables import UnitLog, UnitOrder, UnitRow

WATER2 = Actor("water2", "department", department="water")
TURNS = 5
Rooms = tuple[AssignRoom, AssignRoom]


@pytest.fixture(params=KINDS)
async def rooms(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rooms]:
    """Two processes' views of one database."""
    url = address(request, tmp_path)
    one, other = AssignRoom(url), AssignRoom(url)
    await one.database.create_all()
    yield one, other
    await one.close()
    await other.close()


@pytest.fixture(params=KINDS)
async def scenes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Scene, Scene]]:
    url = address(request, tmp_path)
    one, other = Scene(url), Scene(url)
    await one.database.create_all()
    yield one, other
    await one.close()
    await other.close()


async def at_once(*acts: Awaitable[Any]) -> tuple[list[Any], list[HeyiError]]:
    """What came of acts in the same moment: results, and what those were told that came second."""
    said = await asyncio.gather(*acts, return_exceptions=True)
    for one in said:
        if isinstance(one, BaseException) and not isinstance(one, Conflict | NotAllowed):
            raise one
    return (
        [one for one in said if not isinstance(one, BaseException)],
        [one for one in said if isinstance(one, HeyiError)],
    )


async def actions(room: AssignRoom | Scene, ticket_id: str) -> list[str]:
    """What the history says was done; each version once."""
    rows = await room.history(ticket_id)
    assert [row.version for row in rows] == list(range(1, len(rows) + 1))
    return [row.action for row in rows]


def open_of(parts: Sequence[Assignment]) -> list[tuple[str, str]]:
    return [(part.department, part.part) for part in parts if part.open]


async def test_accepted_and_refused_at_once_it_is_one_of_both(rooms: Rooms) -> None:
    one, other = rooms
    for turn in range(TURNS):
        ticket = await one.sent(call_id=f"1.{turn}")
        part = await one.part(ticket.id, "water")
        acts = [one.assignments.accept(part.id, WATER), other.assignments.refuse(part.id, WATER2, "不归我们")]
        done, told = await at_once(*(acts if turn % 2 else acts[::-1]))
        assert (len(done), len(told)) == (1, 1)
        state, did = (await one.get(ticket.id)).state, await actions(one, ticket.id)
        assert (did.count("accept"), did.count("refuse"), state) in ((1, 0, "handling"), (0, 1, "filed"))
        assert len(await one.refusals(ticket.id)) == did.count("refuse")
        assert await one.replayed(ticket.id) == state


async def test_accepted_or_given_back_twice_it_is_done_once(rooms: Rooms) -> None:
    one, other = rooms
    for turn in range(TURNS):
        ticket = await one.sent(call_id=f"1.{turn}")
        part = await one.part(ticket.id, "water")
        await at_once(one.assignments.accept(part.id, WATER), other.assignments.accept(part.id, WATER2))
        assert (await actions(one, ticket.id)).count("accept") == 1
        again = await one.sent(call_id=f"2.{turn}")
        done, told = await at_once(
            one.tickets.refuse(again.id, WATER, "不归我们"), other.tickets.refuse(again.id, WATER2, "也不归我们")
        )
        assert (len(done), len(told), len(await one.refusals(again.id))) == (1, 1, 1)
        assert (await actions(one, again.id)).count("refuse") == 1


async def test_let_go_and_reporting_at_once_the_part_ends_once(rooms: Rooms) -> None:
    one, other = rooms
    for turn in range(TURNS):
        ticket = await one.sent(call_id=f"1.{turn}")
        await one.assignments.assist(ticket.id, "urban", CHIEF) if not ticket.assist else None
        part = await one.part(ticket.id, "urban")
        done, told = await at_once(
            one.assignments.withdraw(part.id, CHIEF, "不需要"), other.assignments.report(part.id, URBAN, "已办")
        )
        assert (len(done), len(told)) == (1, 1)
        did, ended = await actions(one, ticket.id), await one.part(ticket.id, "urban")
        assert did.count("part_drop") + did.count("part_report") == 1
        assert ended.state == ("withdrawn" if "part_drop" in did else "reported")
        assert ("urban" in (await one.get(ticket.id)).assist) == (ended.state == "reported")


async def test_sent_up_by_two_and_by_the_rule_it_goes_up_one_level(rooms: Rooms) -> None:
    one, other = rooms
    for turn in range(TURNS):
        ticket = await one.sent("S0108", "池店镇华洲村", call_id=f"1.{turn}")
        part = await one.part(ticket.id, VILLAGE.department)
        ups = [
            one.assignments.escalate(ticket.id, CHIEF, "村里管不了", part_id=part.id),
            other.assignments.escalate(ticket.id, ARBITER, "督办上报", part_id=part.id),
            other.assignments.escalate(ticket.id, VILLAGE, "管不了", part_id=part.id),
            one.assignments.escalate(ticket.id, SYSTEM, "本级逾期未办结", part_id=part.id),
        ]
        # What the rule finds done already is no fault; people are told.
        await at_once(*(ups[turn % 4 :] + ups[: turn % 4]))
        assert (await actions(one, ticket.id)).count("escalate") == 1
        assert ("town_chidian", "main") in open_of(await one.parts(ticket.id))
        assert (await one.get(ticket.id)).department == "town_chidian"


async def test_reassigned_to_two_departments_at_once_the_second_is_told(rooms: Rooms) -> None:
    one, other = rooms
    for turn in range(TURNS):
        ticket = await one.sent(call_id=f"1.{turn}")
        part = (await one.part(ticket.id, "water")).id
        done, told = await at_once(
            one.assignments.reassign(ticket.id, "police", CHIEF, "归公安", part_id=part),
            other.assignments.reassign(ticket.id, "town_chidian", ARBITER, "归镇", part_id=part),
        )
        assert (len(done), len(told)) == (1, 1)
        assert isinstance(told[0], Conflict) and "改派" in told[0].message
        mains = [department for department, kind in open_of(await one.parts(ticket.id)) if kind == "main"]
        assert mains == [(await one.get(ticket.id)).department]
        assert (await actions(one, ticket.id)).count("reassign") == 1


async def test_recalled_while_it_is_accepted(rooms: Rooms) -> None:
    one, other = rooms
    for turn in range(TURNS):
        ticket = await one.sent(call_id=f"1.{turn}")
        done, told = await at_once(
            one.tickets.refuse(ticket.id, CHIEF, "派错了"), other.tickets.accept(ticket.id, WATER)
        )
        assert (len(done), len(told)) == (1, 1)
        state = (await one.get(ticket.id)).state
        assert bool([d for d, kind in open_of(await one.parts(ticket.id)) if kind == "main"]) == (state == "handling")


async def test_one_ruling_and_one_assistant(rooms: Rooms) -> None:
    one, other = rooms
    ticket = await one.sent()
    await one.tickets.refuse(ticket.id, WATER, "不归我们")
    (refusal,) = await one.refusals(ticket.id)
    done, told = await at_once(
        one.assignments.decide(refusal.id, ARBITER, "police", "归公安"),
        other.assignments.decide(refusal.id, CHIEF, "town_chidian", "归镇"),
        other.tickets.submit(ticket.id, AGENT, {"department": "urban"}),
    )
    assert (len(done), len(told)) == (1, 2)
    done, told = await at_once(
        *(room.assignments.assist(ticket.id, "fire", by) for room, by in zip(rooms, (CHIEF, ARBITER), strict=True))
    )
    assert (len(done), len(told)) == (1, 1)
    assert [d for d, kind in open_of(await one.parts(ticket.id)) if d == "fire"] == ["fire"]


async def test_a_village_and_its_town_act_for_it_at_once(rooms: Rooms) -> None:
    one, other = rooms
    town = Actor("t", "department", department=TOWN.department, below=frozenset({VILLAGE.department}))
    for turn in range(TURNS):
        ticket = await one.sent("S0108", "池店镇华洲村", call_id=f"1.{turn}")
        part = await one.part(ticket.id, VILLAGE.department)
        await at_once(one.assignments.accept(part.id, VILLAGE), other.assignments.accept(part.id, town))
        done, told = await at_once(
            one.assignments.report(part.id, VILLAGE, "已拆除"), other.assignments.report(part.id, town, "村里已拆")
        )
        assert (len(done), len(told)) == (1, 1)
        did = await actions(one, ticket.id)
        assert (did.count("accept"), did.count("report"), did.count("call_back")) == (1, 1, 1)


# --- units ------------------------------------------------------------------------------------------------------------


async def rows(scene: Scene, table: Any) -> list[Any]:
    async with scene.database.read() as session:
        return list(await session.scalars(select(table)))


async def test_one_unit_sent_twice_at_once_has_one_order(scenes: tuple[Scene, Scene]) -> None:
    one, other = scenes
    for turn in range(TURNS):
        first = await emergency(one, f"a.{turn}")
        second = await emergency(one, f"b.{turn}")
        done, told = await at_once(
            one.dispatch.send(first.id, ["e1"], AGENT),
            other.dispatch.send(second.id if turn % 2 else first.id, ["e1"], CHIEF),
        )
        assert (len(done), len(told)) == (1, 1)
        assert len([order for order in await rows(one, UnitOrder) if order.ended_at is None]) == 1
        await one.dispatch.act("e1", "recall", CHIEF, "演练")


async def emergency(scene: Scene, call_id: str) -> Any:
    ticket = await scene.drafted(call_id=call_id, line="119")
    fields = {"code": "E101", "place": "池店镇", "is_emergency": True}
    return await scene.tickets.submit(ticket.id, AGENT, fields)


async def test_one_step_of_a_unit_pressed_twice_is_taken_once(scenes: tuple[Scene, Scene]) -> None:
    one, other = scenes
    ticket = await one.fire()
    await one.dispatch.send(ticket.id, ["e1"], AGENT)
    for action, text in (("depart", ""), ("arrive", ""), ("finish", "火已扑灭")):
        done, told = await at_once(
            one.dispatch.act("e1", action, FIRE, text),
            other.dispatch.act("e1", action, CHIEF, text),  # type: ignore[arg-type]
        )
        assert (len(done), len(told)) == (1, 1), action
    log = [(row.action, row.before, row.after) for row in await rows(one, UnitLog)]
    assert [action for action, _, _ in log] == ["send", "depart", "arrive", "finish"]
    did = await actions(one, ticket.id)
    assert [did.count(name) for name in ("depart", "arrive", "report", "call_back")] == [1, 1, 1, 1]


async def test_closed_while_a_unit_is_sent_or_comes_back_nothing_stays_open(scenes: tuple[Scene, Scene]) -> None:
    one, other = scenes
    for turn in range(TURNS):
        ticket = await emergency(one, f"a.{turn}")
        if turn % 2:
            await one.dispatch.send(ticket.id, ["e1"], AGENT)
            await one.dispatch.act("e1", "arrive", FIRE)
            act: Awaitable[Any] = other.dispatch.act("e1", "finish", FIRE, "火已扑灭")
        else:
            act = other.dispatch.send(ticket.id, ["e1"], AGENT)
        await at_once(one.tickets.close(ticket.id, CHIEF, "误报"), act)
        if (await one.get(ticket.id)).state != "closed":
            await one.tickets.close(ticket.id, CHIEF, "误报")
        assert [order.unit for order in await rows(one, UnitOrder) if order.ended_at is None] == []
        assert [(row.unit, row.order_id) for row in await rows(one, UnitRow) if row.order_id] == []
        if (await one.states())["e1"] == "returning":
            await one.dispatch.act("e1", "back", FIRE)
