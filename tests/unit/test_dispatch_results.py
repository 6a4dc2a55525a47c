"""Units' results report their department's part; orders end with their ticket or part, and the unit is told."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from core.errors import NotAllowed
from tests.unit.dispatch_support import Scene, opened
from tests.unit.ticket_support import AGENT, CHIEF, FIRE, URBAN, WATER
from ticketing.actor import SYSTEM, Actor
from ticketing.assign.service import Assignments
from ticketing.clocks.tables import TicketClock
from ticketing.dispatch.events import UnitChanged
from ticketing.dispatch.states import DRIVES, EDGES, sides_of, unit_actions
from ticketing.service import Tickets

FIRE2 = Actor("fire2", "department", department="fire")


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = await opened(tmp_path)
    yield made
    await made.close()


async def orders_of(scene: Scene, ticket_id: str) -> dict[str, tuple[str, str]]:
    return {o.unit: (o.ending, o.reason) for o in (await scene.dispatch.proposal(ticket_id)).orders}


async def states(scene: Scene, ticket_id: str) -> dict[str, str]:
    return {part.department: part.state for part in await scene.parts(ticket_id)}


async def test_the_last_units_result_is_the_departments(scene: Scene) -> None:
    ticket = await scene.fire()
    await scene.dispatch.send(ticket.id, ["e1", "e2"], CHIEF)
    for unit in ("e1", "e2"):
        await scene.dispatch.act(unit, "arrive", FIRE)
    await scene.dispatch.act("e1", "finish", FIRE, "二楼明火已扑灭")
    assert (await scene.get(ticket.id)).state == "handling", "another engine is still at it"
    await scene.dispatch.act("e2", "finish", FIRE2, "无人员伤亡，已移交业主")
    now = await scene.get(ticket.id)
    assert (now.state, await states(scene, ticket.id)) == ("callback", {"fire": "reported"})
    assert now.result == "单位e1：二楼明火已扑灭；单位e2：无人员伤亡，已移交业主"
    reported = [row for row in await scene.history(ticket.id) if row.action == "report"]
    assert [(row.who, row.role) for row in reported] == [("fire2", "department")]
    assert await scene.replayed(ticket.id) == "callback"


async def test_a_unit_that_says_nothing_reports_nothing(scene: Scene) -> None:
    ticket = await scene.fire()
    await scene.dispatch.send(ticket.id, ["e1"], CHIEF)
    await scene.dispatch.act("e1", "arrive", FIRE)
    await scene.dispatch.act("e1", "finish", FIRE)
    assert (await scene.get(ticket.id)).state == "handling"


async def test_the_other_departments_part_keeps_the_ticket_open(scene: Scene) -> None:
    ticket = await scene.fire()
    await scene.dispatch.send(ticket.id, ["e1", "a1"], CHIEF)
    # The ambulance goes: the water company, whose it is here, has accepted, and the result waits for it.
    await scene.dispatch.act("a1", "depart", WATER)
    assert (await states(scene, ticket.id))["water"] == "accepted"
    await scene.dispatch.act("e1", "arrive", FIRE)
    await scene.dispatch.act("e1", "finish", FIRE, "火已扑灭")
    assert await states(scene, ticket.id) == {"fire": "reported", "water": "accepted"}
    assert (await scene.get(ticket.id)).state == "handling"
    await scene.dispatch.act("a1", "arrive", WATER)
    await scene.dispatch.act("a1", "finish", WATER, "一人送医")
    now = await scene.get(ticket.id)
    assert (now.state, now.result) == ("callback", "单位e1：火已扑灭"), "the result is the main department's"
    assert {p.department: p.result for p in await scene.parts(ticket.id)}["water"] == "单位a1：一人送医"


async def test_a_second_handling_says_only_what_was_done_in_it(scene: Scene) -> None:
    ticket = await scene.fire()
    await scene.dispatch.send(ticket.id, ["e1", "e2"], CHIEF)
    for unit, said in (("e1", "明火已扑灭"), ("e2", "现场已清理")):
        await scene.dispatch.act(unit, "arrive", FIRE)
        await scene.dispatch.act(unit, "finish", FIRE, said)
    scene.clock.advance(3600)
    await scene.tickets.reopen(ticket.id, CHIEF, "复燃")
    scene.clock.advance(60)
    await scene.dispatch.send(ticket.id, ["e2"], CHIEF)
    await scene.dispatch.act("e2", "arrive", FIRE)
    await scene.dispatch.act("e2", "finish", FIRE2, "复燃处已浇灭")
    assert (await scene.get(ticket.id)).result == "单位e2：复燃处已浇灭"


async def test_a_unit_still_out_from_the_first_handling_does_not_report_the_second(scene: Scene) -> None:
    ticket = await scene.fire()
    await scene.dispatch.send(ticket.id, ["e1"], CHIEF)
    await scene.dispatch.act("e1", "arrive", FIRE)
    await scene.tickets.report(ticket.id, FIRE, "电话已报")
    scene.clock.advance(3600)
    await scene.tickets.reopen(ticket.id, CHIEF, "复燃")
    scene.clock.advance(60)
    await scene.dispatch.act("e1", "finish", FIRE, "已扑灭")
    now = await scene.get(ticket.id)
    assert (now.state, await states(scene, ticket.id)) == ("handling", {"fire": "accepted"})


async def test_what_was_done_while_assisting_counts_for_who_becomes_the_main_department(scene: Scene) -> None:
    assignments = Assignments(scene.database, scene.tickets, scene.clock)
    ticket = await scene.fire()
    await scene.dispatch.send(ticket.id, ["e1", "a1"], CHIEF)
    await scene.dispatch.act("a1", "arrive", WATER)
    scene.clock.advance(60)
    await assignments.reassign(ticket.id, "water", CHIEF, "只需送医")
    scene.clock.advance(60)
    await scene.dispatch.act("a1", "finish", WATER, "一人送医")
    now = await scene.get(ticket.id)
    assert (now.state, now.result) == ("callback", "单位a1：一人送医")


async def test_of_a_service_request_the_result_accepts_and_reports(scene: Scene) -> None:
    ticket = await scene.drafted()
    await scene.tickets.submit(ticket.id, AGENT, {"code": "S0108", "place": "池店镇"})
    await scene.dispatch.send(ticket.id, ["p1"], URBAN)
    await scene.dispatch.act("p1", "arrive", URBAN)
    assert (await scene.get(ticket.id)).state == "dispatched"
    await scene.dispatch.act("p1", "finish", URBAN, "已责令停工")
    assert (await scene.get(ticket.id)).state == "callback"
    assert [row.action for row in await scene.history(ticket.id)][-3:] == ["accept", "report", "call_back"]


async def test_a_closed_ticket_withdraws_its_orders_and_tells_the_units(scene: Scene) -> None:
    ticket = await scene.fire()
    await scene.dispatch.send(ticket.id, ["e1", "e2"], CHIEF)
    await scene.dispatch.act("e1", "arrive", FIRE)
    await scene.tickets.close(ticket.id, CHIEF, "误报，已核实")
    assert await orders_of(scene, ticket.id) == {"e1": ("withdrawn", "工单已结案"), "e2": ("withdrawn", "工单已结案")}
    after = await scene.states()
    assert (after["e1"], after["e2"]) == ("returning", "idle")
    await scene.bus.drain()
    told = [e for e in scene.told(UnitChanged) if isinstance(e, UnitChanged) and e.action == "withdraw"]
    assert [(e.unit, e.department, e.number, e.reason) for e in told] == [
        ("e1", "fire", ticket.number, "工单已结案"), ("e2", "fire", ticket.number, "工单已结案")
    ]  # fmt: skip
    # The notice stands until the unit says that it knows; nobody else says it.
    waiting = {u.standing.unit.key: u.notices for u in await scene.dispatch.units() if u.notices}
    assert {key: [o.reason for o, _ in found] for key, found in waiting.items()} == {
        "e1": ["工单已结案"], "e2": ["工单已结案"]
    }  # fmt: skip
    order = (await scene.order(ticket.id, "e1")).id
    for stranger in (WATER, AGENT, SYSTEM):
        with pytest.raises(NotAllowed):
            await scene.dispatch.seen(order, stranger)
    first = (await scene.dispatch.seen(order, FIRE)).seen_at
    scene.clock.advance(60)
    assert (await scene.dispatch.seen(order, FIRE)).seen_at == first
    assert [u.standing.unit.key for u in await scene.dispatch.units() if u.notices] == ["e2"]
    # It may be sent again at once.
    other = await scene.drafted(call_id="1.2", line="119")
    await scene.tickets.submit(other.id, AGENT, {"code": "E101", "place": "池店镇", "is_emergency": True})
    await scene.dispatch.send(other.id, ["e2"], CHIEF)


async def test_a_part_that_is_withdrawn_or_given_back_takes_its_units_along(scene: Scene) -> None:
    assignments = Assignments(scene.database, scene.tickets, scene.clock)
    ticket = await scene.fire()
    await scene.dispatch.send(ticket.id, ["e1", "a1"], CHIEF)
    part = next(p for p in await scene.parts(ticket.id) if p.department == "water")
    await assignments.withdraw(part.id, CHIEF, "现场无人受伤")
    assert await orders_of(scene, ticket.id) == {"e1": ("", ""), "a1": ("withdrawn", "部门任务已撤回：现场无人受伤")}
    await scene.tickets.refuse(ticket.id, FIRE, "辖区外")
    assert (await orders_of(scene, ticket.id))["e1"] == ("withdrawn", "部门已退单：辖区外")
    assert (await scene.states())["e1"] == "idle"


async def test_a_reported_part_leaves_its_units_to_come_back_by_themselves(scene: Scene) -> None:
    ticket = await scene.fire()
    await scene.dispatch.send(ticket.id, ["e1", "a1"], CHIEF)
    await scene.dispatch.act("a1", "depart", WATER)
    await scene.dispatch.act("e1", "arrive", FIRE)
    await scene.tickets.report(ticket.id, FIRE, "电话已报")
    assert (await orders_of(scene, ticket.id))["e1"] == ("", ""), "it is on its way back; the ticket waits for water"


async def test_reported_by_a_unit_the_clocks_say_in_time_and_those_withdrawn_say_so(scene: Scene) -> None:
    ticket = await scene.fire()
    await scene.dispatch.send(ticket.id, ["e1", "a1"], CHIEF)
    await scene.dispatch.act("e1", "arrive", FIRE)
    await scene.dispatch.act("e1", "finish", FIRE, "火已扑灭")
    async with scene.database.read() as session:
        rows = (await session.scalars(select(TicketClock).where(TicketClock.ticket_id == ticket.id))).all()
    assert {(r.kind, bool(r.assignment), r.withdrawn) for r in rows if r.kind == "handle"} == {
        ("handle", False, False), ("handle", True, True)
    }, "the ambulance never went: its department's time measured nothing"  # fmt: skip
    assert await states(scene, ticket.id) == {"fire": "reported", "water": "withdrawn"}


def test_heyi_only_withdraws_and_nobody_else_does(scene: Scene) -> None:
    engine = scene.dispatch.unit("e1")
    assert sides_of(SYSTEM, engine) == {"heyi"}
    assert {e.action for e in EDGES if "heyi" in e.sides} == {"withdraw"}
    assert all(e.sides == ("heyi",) and e.reason for e in EDGES if e.action == "withdraw")
    assert all("withdraw" not in unit_actions(e.before, sides_of(AGENT, engine)) for e in EDGES)
    assert set(DRIVES) == {"receive", "depart", "arrive", "finish"} and all(d.reason for d in DRIVES.values())
    assert isinstance(scene.tickets, Tickets)
