"""The runner of kept places over a fake exchange: rung in turn, once, and back where he was."""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.event import listen

from core.city import City, Desk, Mode
from core.errors import NotAllowed
from switchboard.events import KeptPlaceChanged
from switchboard.kept.policy import CALLED_AGAIN, EXPIRED, GIVEN_UP, HOLDS, Held
from switchboard.kept.pools import pool
from switchboard.missed.policy import Item
from switchboard.views import AgentView
from tests.citykit import small_city
from tests.unit.switchboard_support import START, Killed, Room, make_room

CALLER = "13800138000"


def city_with_helpers(city: City) -> City:
    """One service desk; the emergency desks help out after a minute."""
    return city.model_copy(
        update={
            "desks": (
                Desk(extension="1001", name="服务坐席", kind="phone", groups=("service",)),
                Desk(extension="1002", name="紧急坐席", kind="phone", groups=("emergency",)),
            )
        }
    )


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    made = await make_room(tmp_path)
    await made.start()
    yield made
    await made.die()
    await made.database.close()


async def keeps(room: Room, call_id: str, caller: str = CALLER, after_s: float = 5) -> None:
    await room.exchange.waits(call_id, "12345", caller)
    room.clock.advance(after_s)
    await room.exchange.press_to_keep(call_id)
    await room.settle()


async def place(room: Room, call_id: str) -> Held | None:
    return next((held for row, held in await room.keeping.places() if row.call_id == call_id), None)


async def missed(room: Room) -> list[Item]:
    return [entry.item for entry in await room.list.open()]


async def test_rung_only_when_fewer_are_ahead_than_desks_are_free(room: Room) -> None:
    """FreePBX#621: queue callbacks jumped ahead of callers who had waited longer."""
    room.exchange.desk("1001", "talking")
    await room.exchange.waits("earlier", "12345", "13900139000")
    room.clock.advance(1)
    await keeps(room, "k")
    await room.exchange.waits("later", "12345", "13700137000")
    await room.look(1)
    assert room.exchange.dialled == []
    await room.exchange.answer("earlier")
    await room.look(1)
    assert [(d.why, d.line, d.number, d.position) for d in room.exchange.dialled] == [("kept", "12345", CALLER, 1)]
    await room.look(1)
    await room.look(1)
    assert len(room.exchange.dialled) == 1


async def test_nobody_is_rung_while_no_desk_works_and_an_emergency_is_ahead(room: Room) -> None:
    await keeps(room, "k")
    await room.look(1)
    room.exchange.desk("1001", "away")
    await room.look(1)
    assert room.exchange.dialled == []
    await room.exchange.waits("fire", "119", "13900139000")
    room.exchange.desk("1001", "ready")
    await room.look(1)
    assert room.exchange.dialled == [], "the only desk is the emergency's"
    await room.exchange.answer("fire")
    await room.look(1)
    assert len(room.exchange.dialled) == 1


async def test_his_place_is_told_anew_while_his_telephone_rings(room: Room) -> None:
    """FreePBX#621: a position counted before the ring would put him behind those who came later."""
    room.exchange.desk("1001", "wrapup")
    room.exchange.desk("1002", "wrapup")
    await room.exchange.waits("earlier", "12345", "13900139000")
    room.clock.advance(1)
    await keeps(room, "k")
    await room.look(1)
    out = room.exchange.dialled[0]
    assert out.position == 2
    await room.exchange.answer("earlier")
    await room.exchange.waits("later", "12345", "13700137000")
    await room.look(1)
    assert room.exchange.places[-1] == (out.call_id, 10, 1)


async def test_picked_up_he_is_seated_and_his_place_counts_from_his_first_call(room: Room) -> None:
    room.exchange.desk("1001", "talking")
    await keeps(room, "k")
    await room.look(1)
    out = room.exchange.dialled[0].call_id
    await room.exchange.waits("later", "12345", "13900139000")
    room.clock.advance(5)
    await room.exchange.queue(out)
    await room.settle()
    assert await place(room, "k") is None
    await keeps(room, "other", "13700137000")
    await room.look(1)
    assert len(room.exchange.dialled) == 1, "two are ahead, one of them by the place that he kept"
    await room.exchange.answer(out)
    await room.exchange.end(out)
    await room.look(600)
    assert await missed(room) == []


async def test_waits_again_and_gives_up_is_a_missed_call(room: Room) -> None:
    room.exchange.desk("1001", "talking")
    await keeps(room, "k")
    await room.look(1)
    out = room.exchange.dialled[0].call_id
    await room.exchange.queue(out)
    room.clock.advance(30)
    await room.exchange.end(out)
    await room.settle()
    assert [[c.call_id for c in item.calls] for item in await missed(room)] == [[out]]


async def test_two_tries_in_vain_and_the_place_is_an_item_of_the_list(room: Room) -> None:
    room.exchange.desk("1001", "ready")
    await keeps(room, "k")
    for seconds in (1, 59, 2, 600):
        await room.look(seconds)
        for dialled in room.exchange.dialled:
            if dialled.call_id in room.exchange.live:
                await room.exchange.end(dialled.call_id, "system")
    await room.settle()
    assert len(room.exchange.dialled) == 2
    items = await missed(room)
    assert [(item.number, item.count, item.due_at) for item in items] == [(CALLER, 1, None)]
    await room.restart()
    assert [item.count for item in await missed(room)] == [1]
    assert GIVEN_UP in [getattr(event, "reason", "") for event in room.told]


async def test_a_number_has_one_place_and_one_call(room: Room) -> None:
    """FreePBX#525: a caller who asked twice was called back twice."""
    await keeps(room, "k-1")
    await room.exchange.waits("k-2", "12345", "+86 138 0013 8000")
    await room.settle()
    # He has called again: the place is his new call's, and his again if he presses the key once more.
    assert [seat[0] for seat in room.exchange.seats] == ["k-2"]
    await room.exchange.press_to_keep("k-2")
    await room.settle()
    kept = await room.keeping.places()
    assert [(row.call_id, held.arrived_at) for row, held in kept] == [("k-2", START)]
    room.exchange.desk("1001", "ready")
    await room.look(1)
    await room.look(1)
    assert len(room.exchange.dialled) == 1


async def test_the_new_call_takes_the_old_place_before_later_ones(room: Room) -> None:
    room.exchange.desk("1001", "talking")
    await room.exchange.waits("earlier", "12345", "13900139000")
    room.clock.advance(1)
    await keeps(room, "k")
    await room.exchange.waits("later", "12345", "13700137000")
    await room.exchange.waits("again", "12345", CALLER)
    await room.settle()
    assert room.exchange.seats == [("again", 10, 2, False)]
    assert CALLED_AGAIN in [getattr(event, "reason", "") for event in room.told]
    await room.exchange.waits("fire", "119", CALLER)
    await room.settle()
    assert len(room.exchange.seats) == 1, "another matter on another line"


async def test_without_a_number_that_can_be_rung_the_key_leads_to_the_list(room: Room) -> None:
    await keeps(room, "k", caller="")
    await room.look(1)
    assert [item.calls[0].call_id for item in await missed(room)] == ["k"]
    assert await room.keeping.places() == []


async def test_a_place_ages_as_if_its_caller_waited_and_ends_after_two_hours(room: Room) -> None:
    await keeps(room, "k")
    room.clock.advance(60 * 4)
    held = await place(room, "k")
    assert held is not None and held.priority == 14, "four rounds of a minute have passed"
    await room.look(timedelta(hours=2).total_seconds())
    assert await place(room, "k") is None
    assert EXPIRED in [getattr(event, "reason", "") for event in room.told]
    assert len(await missed(room)) == 1 and room.exchange.dialled == []


@pytest.mark.parametrize("moment", ["pressed", "before", "after"])
async def test_killed_between_keeping_and_ringing_he_is_rung_once(room: Room, moment: str) -> None:
    """FreePBX#525: whoever kills heyi gets nobody rung twice, and nobody forgotten."""
    if moment == "pressed":
        await room.die()
    await keeps(room, "k")
    room.exchange.kill_before, room.exchange.kill_after = moment == "before", moment == "after"
    room.exchange.desk("1001", "ready")
    if moment != "pressed":
        with contextlib.suppress(Killed):
            await room.look(1)
    await room.restart()
    await room.look(1)
    if moment == "before":
        await room.look(16)  # not seen: never made
        await room.look(61)
    await room.look(1)
    assert [d.number for d in room.exchange.dialled] == [CALLER]
    await room.exchange.queue(room.exchange.dialled[0].call_id)
    await room.restart()
    await room.look(600)
    assert len(room.exchange.dialled) == 1 and await room.keeping.places() == []


async def test_a_person_cancels_with_a_reason_and_the_telephone_stops_ringing(room: Room) -> None:
    room.exchange.desk("1001", "ready")
    await keeps(room, "k")
    await room.look(1)
    with pytest.raises(NotAllowed, match="写明理由"):
        await room.keeping.cancel("k", reason="")
    await room.keeping.cancel("k", reason="来电人已到现场")
    assert room.exchange.given_up == [room.exchange.dialled[0].call_id]
    with pytest.raises(NotAllowed, match="不再保留"):
        await room.keeping.cancel("k", reason="再次")


# --- pools ------------------------------------------------------------------------------------------------------


def test_where_somebody_would_wait_by_now() -> None:
    group = {"service": "emergency"}
    city = city_with_helpers(small_city())
    normal, night = city.modes[0], Mode(key="night", name="夜间", name_en="Night", groups=group)
    now = START + timedelta(seconds=59)
    own = pool(city, normal, "12345", START, now, 60)
    assert (own.queue, own.wide, own.desks, own.rounds) == ("service", False, {"1001"}, 0)
    assert own.rivals == {"service", "service-wide", "last-resort"}
    later = pool(city, normal, "12345", START, START + timedelta(seconds=121), 60)
    assert (later.queue, later.wide, later.desks, later.rounds) == ("service-wide", True, {"1001", "1002"}, 2)
    assert "emergency" in later.rivals, "the helpers' own callers count"
    assert pool(city, night, "12345", START, now, 60).queue == "emergency"


def test_desks_that_can_be_counted_on() -> None:
    where = pool(small_city(), small_city().modes[0], "12345", START, START, 60)

    def free(**states: str) -> int:
        return where.free(
            AgentView(extension=name.strip("d"), name="", kind="phone", state=state, reason="",  # type: ignore[arg-type]
                      since=START, call_id=None)
            for name, state in states.items()
        )  # fmt: skip

    assert free(d1001="ready", d1002="wrapup", d1901="talking") == 2
    assert free(d1001="talking", d1002="held") == 1, "the next one that becomes free"
    assert free(d1001="paused", d1002="away", d1901="offline") == 0
    assert free(d9999="ready") == 0


async def test_a_key_pressed_on_an_emergency_line_keeps_no_place_but_is_rung_back_at_once(room: Room) -> None:
    await room.exchange.waits("fire", "119", CALLER)
    await room.exchange.answer("fire")
    await room.exchange.queue("fire", "service")  # passed on to another group
    await room.exchange.press_to_keep("fire")
    await room.exchange.waits("words", "12345", "13900139000")
    await room.standings.raised("words")
    await room.exchange.press_to_keep("words")
    await room.look()
    assert await room.keeping.places() == []
    assert [(i.number, i.emergency) for i in await missed(room)] == [(CALLER, True), ("13900139000", True)]
    assert room.exchange.dialled[0].why == "recall"


async def test_a_number_that_was_rung_three_times_within_the_hour_is_left_to_people(room: Room) -> None:
    room.exchange.desk("1001", "ready")
    for n in range(4):
        await keeps(room, f"k-{n}")
        await room.look(1)
        for dialled in room.exchange.dialled:
            if dialled.call_id in room.exchange.live:
                await room.exchange.queue(dialled.call_id)
                await room.exchange.answer(dialled.call_id)
                room.clock.advance(30)
                await room.exchange.end(dialled.call_id)
        await room.settle()
    assert len(room.exchange.dialled) == 3
    assert (await place(room, "k-3")) is None and [item.count for item in await missed(room)] == [1]
    told = [e for e in room.told if isinstance(e, KeptPlaceChanged) and e.call_id == "k-3"]
    assert (told[-1].state, told[-1].reason) == ("given_up", HOLDS["often"])


async def test_a_marked_number_that_keeps_a_place_is_not_rung(room: Room) -> None:
    room.exchange.desk("1001", "ready")
    await room.marks.add(CALLER, "harassment", days=1, by="lin", reason="反复骚扰")
    await keeps(room, "k")
    await room.look(1)
    assert room.exchange.dialled == [] and len(await missed(room)) == 1


async def test_looking_at_the_queue_costs_the_same_however_many_wait(room: Room) -> None:
    asked: list[str] = []
    room.exchange.desk("1001", "talking")
    for n in range(40):
        await room.exchange.waits(f"w-{n}", "12345", f"138001380{n:02}")
    await keeps(room, "k", "13700137000")
    listen(room.database._engine.sync_engine, "before_cursor_execute", lambda c, cu, sql, *_: asked.append(sql))
    await room.keeping.tick()
    assert len(asked) < 20, asked


async def test_who_picked_up_and_who_came_again_count_from_their_first_call(room: Room) -> None:
    room.exchange.desk("1001", "talking")
    began = room.clock.now()
    await keeps(room, "k")
    await room.look(1)
    out = room.exchange.dialled[0].call_id
    await room.exchange.queue(out)
    await keeps(room, "j", "13700137000")
    room.clock.advance(60)
    await room.exchange.waits("again", "12345", "13700137000")
    await room.settle()
    since = {caller.call_id: caller.arrived_at for _, caller in await room.keeping._waiting()}
    assert since == {out: began, "again": began + timedelta(seconds=6)}
