"""Dispatch on a database: orders, the ticket's flow, two desks at once, positions, scenes and plans."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.database import Database
from core.errors import Conflict, HeyiError, NotAllowed
from tests.dispatch_kit import HERE
from tests.unit.dispatch_support import OUR_CITY, Scene, find, opened
from tests.unit.ticket_support import AGENT, AGENT2, CHIEF, FIRE, START, URBAN, WATER
from ticketing.actor import Actor
from ticketing.dispatch.events import SceneChanged, UnitChanged, UnitMoved
from ticketing.dispatch.service import Dispatch
from ticketing.dispatch.states import BUSY
from ticketing.service import Tickets


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = await opened(tmp_path)
    yield made
    await made.close()


async def test_the_plan_proposes_what_is_missing_and_only_those_on_duty(scene: Scene) -> None:
    ticket = await scene.fire(submit=False)
    await scene.dispatch.scenes.place(ticket.id, *HERE, AGENT)
    seen = await scene.dispatch.proposal(ticket.id)
    # By day a1's team works: a2, though nearer, is not even listed.
    assert [c.standing.unit.key for c in seen.candidates] == ["e1", "a1", "e2", "e3"]
    assert seen.chosen == ["e1", "e2", "a1"]
    assert seen.grid is not None and seen.grid.key == "g-1"
    assert [camera.id for camera, _ in seen.cameras] == ["c1"]
    await scene.dispatch.send(ticket.id, ["e1", "a1"], AGENT)
    assert (await scene.dispatch.proposal(ticket.id)).chosen == ["e2"]
    await scene.dispatch.send(ticket.id, ["e2"], AGENT)
    assert (await scene.dispatch.proposal(ticket.id)).chosen == []
    # Who could not go is missing again.
    await scene.dispatch.act("e2", "decline", FIRE, "水泵故障")
    assert (await scene.dispatch.proposal(ticket.id)).chosen == ["e2"]


async def test_one_order_to_several_units_files_dispatches_and_tells_their_departments(scene: Scene) -> None:
    ticket = await scene.fire(submit=False)
    orders = await scene.dispatch.send(ticket.id, ["e1", "a1"], AGENT, "从南门进", ["urban"])
    now = await scene.get(ticket.id)
    assert (now.state, now.department, now.assist) == ("dispatched", "fire", ["urban", "water"])
    async with scene.database.read() as session:
        parts = [(part.department, part.part) for part in await scene.tickets.parts.open(session, ticket.id)]
    assert sorted(parts) == [("fire", "main"), ("urban", "assist"), ("water", "assist")]
    assert [(o.unit, o.note, o.ending) for o in orders] == [("e1", "从南门进", ""), ("a1", "从南门进", "")]
    assert await scene.states() == {"e1": "assigned", "e2": "idle", "e3": "idle", "a1": "assigned", "a2": "idle",
                                    "p1": "idle"}  # fmt: skip
    await scene.bus.drain()
    assert [(e.unit, e.after, e.number) for e in scene.told(UnitChanged) if isinstance(e, UnitChanged)] == [
        ("e1", "assigned", ticket.number), ("a1", "assigned", ticket.number)
    ]  # fmt: skip
    assert await scene.replayed(ticket.id) == "dispatched"


async def test_the_first_unit_of_an_emergency_moves_its_flow_and_each_order_keeps_its_times(scene: Scene) -> None:
    ticket = await scene.fire()
    await scene.dispatch.send(ticket.id, ["e1", "e2", "a1"], CHIEF)
    steps = []
    for unit, action, by in (
        ("a1", "receive", WATER), ("a1", "depart", WATER), ("e1", "depart", FIRE), ("e1", "arrive", FIRE),
        ("a1", "arrive", WATER), ("e2", "arrive", FIRE), ("e1", "finish", FIRE),
    ):  # fmt: skip
        scene.clock.advance(60)
        await scene.dispatch.act(unit, action, by)  # type: ignore[arg-type]
        steps.append((await scene.get(ticket.id)).step)
    # The ambulance of another department goes first; the fire brigade's own steps are its engines'.
    assert steps == ["dispatched", "dispatched", "departed", "arrived", "arrived", "arrived", "arrived"]
    times = {key: START + timedelta(minutes=n) for n, key in enumerate(("sent", "1", "2", "3", "4", "5", "6", "7"))}
    first, engine, direct = [await scene.order(ticket.id, unit) for unit in ("a1", "e1", "e2")]
    assert (first.received_at, first.departed_at, first.arrived_at) == (times["1"], times["2"], times["5"])
    # Who departs has received; who arrives without having departed has done both at that moment.
    assert (engine.received_at, engine.departed_at, engine.ended_at) == (times["3"], times["3"], times["7"])
    assert (direct.received_at, direct.departed_at, direct.arrived_at) == (times["6"], times["6"], times["6"])
    assert engine.ending == "done" and (await scene.states())["e1"] == "returning"
    history = [(row.action, row.who, row.role) for row in await scene.history(ticket.id) if row.action == "depart"]
    assert history == [("depart", "fire1", "department")]
    assert await scene.replayed(ticket.id) == "handling"


async def test_an_assisting_unit_leaves_the_main_department_free_to_give_the_matter_back(scene: Scene) -> None:
    ticket = await scene.fire()
    await scene.dispatch.send(ticket.id, ["e1", "a1"], CHIEF)
    for action in ("receive", "depart", "arrive"):
        await scene.dispatch.act("a1", action, WATER)  # type: ignore[arg-type]
        main = next(part for part in await scene.parts(ticket.id) if part.part == "main")
        assert (main.state, main.accepted_at) == ("assigned", None), action
    assert (await scene.get(ticket.id)).state == "dispatched"
    await scene.tickets.refuse(ticket.id, FIRE, "不属消防")
    assert [p.state for p in await scene.parts(ticket.id) if p.department == "fire"] == ["refused"]


async def test_a_unit_is_told_of_a_withdrawn_order_for_a_day(scene: Scene) -> None:
    ticket = await scene.fire()
    await scene.dispatch.send(ticket.id, ["e1"], CHIEF)
    await scene.tickets.close(ticket.id, CHIEF, "误报")
    scene.clock.advance(86_399)
    assert [u.standing.unit.key for u in await scene.dispatch.units() if u.notices] == ["e1"]
    scene.clock.advance(2)
    assert [u.standing.unit.key for u in await scene.dispatch.units() if u.notices] == []


async def test_a_unit_on_a_service_request_does_not_move_the_ticket(scene: Scene) -> None:
    ticket = await scene.drafted()
    await scene.tickets.submit(ticket.id, AGENT, {"code": "S0108", "place": "池店镇"})
    await scene.dispatch.send(ticket.id, ["p1"], URBAN)
    await scene.dispatch.act("p1", "depart", URBAN)
    assert (await scene.get(ticket.id)).state == "dispatched"


async def test_recall_and_breakdown_end_the_order_with_a_reason_and_free_the_unit(scene: Scene) -> None:
    ticket = await scene.fire()
    await scene.dispatch.send(ticket.id, ["e1", "e2", "e3"], AGENT)
    with pytest.raises(HeyiError, match="请写明理由"):
        await scene.dispatch.act("e1", "recall", AGENT, " ")
    await scene.dispatch.act("e1", "recall", AGENT, "误报")
    await scene.dispatch.act("e2", "depart", FIRE)
    await scene.dispatch.act("e2", "recall", CHIEF, "已有两车到场")
    await scene.dispatch.act("e3", "break_down", FIRE, "轮胎爆裂")
    states = await scene.states()
    assert (states["e1"], states["e2"], states["e3"]) == ("idle", "returning", "out")
    endings = [
        ((await scene.order(ticket.id, u)).ending, (await scene.order(ticket.id, u)).reason) for u in ("e1", "e3")
    ]
    assert endings == [("recalled", "误报"), ("failed", "轮胎爆裂")]
    # On its way back it may be sent again; out of service it may not.
    await scene.dispatch.send(ticket.id, ["e2"], AGENT)
    with pytest.raises(NotAllowed, match="单位e3: 停用"):
        await scene.dispatch.send(ticket.id, ["e1", "e3"], AGENT)
    assert (await scene.states())["e1"] == "idle", "all of them, or none"
    log = [row.action for row in await scene.dispatch.log("e2")]
    assert log == ["send", "recall", "depart", "send"]


async def test_nobody_sends_who_is_off_duty_busy_of_another_house_or_on_a_closed_ticket(scene: Scene) -> None:
    ticket = await scene.fire()
    with pytest.raises(NotAllowed, match="单位不在班"):
        await scene.dispatch.send(ticket.id, ["a2"], AGENT)
    with pytest.raises(NotAllowed, match="您的岗位"):
        await scene.dispatch.send(ticket.id, ["e1"], WATER)
    with pytest.raises(HeyiError, match="请先选择"):
        await scene.dispatch.send(ticket.id, [], AGENT)
    with pytest.raises(HeyiError, match="没有这个单位"):
        await scene.dispatch.send(ticket.id, ["e9"], AGENT)
    with pytest.raises(HeyiError, match="没有这个部门"):
        await scene.dispatch.send(ticket.id, ["e1"], AGENT, departments=["nobody"])
    await scene.tickets.close(ticket.id, CHIEF, "误报")
    with pytest.raises(NotAllowed, match="已结案"):
        await scene.dispatch.send(ticket.id, ["e1"], AGENT)
    assert set((await scene.states()).values()) == {"idle"}
    # A unit whose shift ends on the way goes on, and is off duty only once it is back.
    other = await scene.drafted("1.2", line="119")
    await scene.tickets.submit(other.id, AGENT, {"code": "E101"})
    await scene.dispatch.send(other.id, ["a1"], AGENT)
    scene.clock.advance(11 * 3600)
    await scene.dispatch.act("a1", "arrive", WATER)
    assert (await scene.states())["a1"] == "onscene"


async def test_two_desks_on_two_processes_do_not_send_one_unit_twice(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = await scene.fire(), await scene.drafted("1.2", line="119")
    await scene.tickets.submit(other.id, AGENT2, {"code": "E101"})
    database = Database(str(scene.database._engine.url), scene.bus)
    second = Dispatch(database, scene.clock, Tickets(database, OUR_CITY, scene.clock), find)
    looked = second.free

    async def meanwhile(*said: object) -> None:
        """The other process sends in the moment between the look and the order."""
        await looked(*said)  # type: ignore[arg-type]
        await scene.dispatch.send(one.id, ["e1"], AGENT)

    monkeypatch.setattr(second, "free", meanwhile)
    with pytest.raises(NotAllowed, match="派出 × 派出"):
        await second.send(other.id, ["e1", "e2"], AGENT2)
    await database.close()
    assert (await scene.order(one.id, "e1")).ending == ""
    assert list((await scene.dispatch.proposal(other.id)).orders) == []


async def test_positions_that_come_late_do_not_undo_later_ones(scene: Scene) -> None:
    locate, now = scene.dispatch.locate, START
    assert await locate("e1", 118.55, 24.81, FIRE, 15.0, now)
    assert not await locate("e1", 118.0, 24.0, FIRE, 15.0, now - timedelta(minutes=1))
    assert not await locate("e1", 118.0, 24.0, FIRE, 15.0, now)
    scene.clock.advance(30)
    assert await locate("e1", 118.56, 24.82, FIRE)
    [e1] = [u for u in await scene.dispatch.units() if u.standing.unit.key == "e1"]
    position = e1.standing.position
    assert position is not None
    assert (position.lon, position.lat, position.accuracy_m, position.at) == (118.56, 24.82, None, scene.clock.now())
    with pytest.raises(HeyiError, match="将来"):
        await locate("e1", 118.5, 24.8, FIRE, None, scene.clock.now() + timedelta(minutes=5))
    with pytest.raises(HeyiError, match="坐标不在有效范围"):
        await locate("e1", 24.8, 118.5, FIRE)
    with pytest.raises(NotAllowed, match="只有本单位"):
        await locate("e1", 118.5, 24.8, WATER)
    await scene.bus.drain()
    assert len(scene.told(UnitMoved)) == 2
    stored = [row.type for row in await scene.database.events_after(0)]
    assert "UnitMoved" not in stored, "positions are told, not kept"


async def test_a_person_sets_the_place_and_the_grade(scene: Scene) -> None:
    ticket = await scene.fire()
    assert (await scene.dispatch.proposal(ticket.id)).scene.spot.town == "池店镇"
    with pytest.raises(HeyiError, match="填反了"):
        await scene.dispatch.scenes.place(ticket.id, HERE[1], HERE[0], AGENT)
    with pytest.raises(HeyiError, match="不在本市范围"):
        await scene.dispatch.scenes.place(ticket.id, 121.5, 31.2, AGENT)
    with pytest.raises(HeyiError, match="一起填写"):
        await scene.dispatch.scenes.place(ticket.id, 118.5, None, AGENT)
    with pytest.raises(NotAllowed):
        await scene.dispatch.scenes.place(ticket.id, *HERE, WATER)
    await scene.dispatch.scenes.place(ticket.id, *HERE, AGENT)
    await scene.dispatch.scenes.grade(ticket.id, 2, CHIEF)
    seen = (await scene.dispatch.proposal(ticket.id)).scene
    assert (seen.spot.lon, seen.source, seen.grade) == (HERE[0], "person", 2)
    await scene.dispatch.scenes.place(ticket.id, None, None, AGENT)
    seen = (await scene.dispatch.proposal(ticket.id)).scene
    assert (seen.source, seen.grade) == ("none", 2)
    await scene.bus.drain()
    assert len(scene.told(SceneChanged)) == 3


async def test_ticks_say_who_and_when_and_can_be_taken_back(scene: Scene) -> None:
    ticket = await scene.fire()
    tick = scene.dispatch.scenes.tick
    await tick(ticket.id, "fire", "people", True, AGENT)
    await tick(ticket.id, "fire", "people", True, AGENT2)
    scene.clock.advance(90)
    await tick(ticket.id, "fire", "gas", True, FIRE)
    await tick(ticket.id, "fire", "people", False, CHIEF)
    ticks = (await scene.dispatch.proposal(ticket.id)).ticks
    assert {key: (t.done, t.who) for key, t in ticks.items()} == {
        ("fire", "people"): (False, "chief"), ("fire", "gas"): (True, "fire1")
    }  # fmt: skip
    assert ticks["fire", "gas"].at == START + timedelta(seconds=90)
    with pytest.raises(HeyiError, match="预案没有这一项"):
        await tick(ticket.id, "fire", "nothing", True, AGENT)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["e1", "e2", "a1"]),
            st.sampled_from(["send", "receive", "depart", "arrive", "finish", "decline", "recall", "back", "break_down",
                             "stand_down", "restore"]),
            st.sampled_from([FIRE, WATER, AGENT, CHIEF]),
        ),
        max_size=25,
    )
)  # fmt: skip
async def test_whatever_is_pressed_a_unit_has_an_order_exactly_while_it_is_busy(
    tmp_path_factory: pytest.TempPathFactory, presses: list[tuple[str, str, Actor]]
) -> None:
    """At every moment each busy unit has one open order, each free one none; the ticket's history replays."""
    scene = Scene(f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('walk') / 'heyi.db'}")
    await scene.database.create_all()
    ticket = await scene.fire()
    for unit, action, by in presses:
        scene.clock.advance(1)
        try:
            if action == "send":
                await scene.dispatch.send(ticket.id, [unit], by)
            else:
                await scene.dispatch.act(unit, action, by, "原因")  # type: ignore[arg-type]
        except (NotAllowed, Conflict):
            continue
        orders = (await scene.dispatch.proposal(ticket.id)).orders
        for key, state in (await scene.states()).items():
            assert sum(o.unit == key and not o.ending for o in orders) == (state in BUSY)
        for order in orders:
            times = [order.sent_at, order.received_at, order.departed_at, order.arrived_at, order.ended_at]
            assert [t for t in times if t] == sorted(t for t in times if t)
            assert bool(order.ended_at) == bool(order.ending)
    assert await scene.replayed(ticket.id) in ("dispatched", "handling")
    await scene.close()
