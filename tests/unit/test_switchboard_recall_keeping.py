"""Missed calls kept: whose they are, what a restart finds, what screens are told."""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core.errors import Conflict, NotAllowed
from switchboard.events import MissedCallChanged
from switchboard.missed.policy import CALLED_AGAIN
from switchboard.missed.tables import RecallTry
from switchboard.priority import PUSH
from tests.unit.recall_support import CALLER, abandon, item, only, opened
from tests.unit.switchboard_support import Killed, Room, make_room


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with opened(tmp_path) as made:
        yield made


# --- people -----------------------------------------------------------------------------------------------------


async def test_somebody_owns_it_rings_from_his_desk_and_has_reached_the_caller(room: Room) -> None:
    await abandon(room, "s-1", "12345")
    it = await item(room)
    await room.recalls.claim(it.id, who="wang")
    with pytest.raises(NotAllowed, match="已由他人处理"):
        await room.recalls.finish(it.id, who="chen", reason="抢先")
    out = await room.recalls.ring_by_hand(it.id, who="wang", desk="1001")
    assert (room.exchange.dialled[0].call_id, room.exchange.dialled[0].desk) == (out, "1001")
    with pytest.raises(Conflict, match="尚未结束"):
        await room.recalls.ring_by_hand(it.id, who="wang", desk="1001")
    await room.exchange.queue(out)
    await room.exchange.answer(out)
    await room.look(5)
    entry = await only(room)
    assert (entry.item.state, entry.item.owner, entry.tries[0].by) == ("reached", "wang", "wang")


async def test_an_owner_who_does_nothing_loses_the_item_and_an_emergency_is_rung_again(room: Room) -> None:
    room.exchange.in_step = False
    await abandon(room, "a-1")
    it = await item(room)
    await room.recalls.claim(it.id, who="wang")
    room.exchange.in_step = True
    await room.look(599)
    assert ((await item(room)).owner, room.exchange.dialled) == ("wang", [])
    await room.restart()
    await room.look(2)
    assert (await item(room)).owner == "", "given back to all"
    await room.look(1)
    assert ((await item(room)).state, len(room.exchange.dialled)) == ("calling", 1)


async def test_closed_with_a_reason_and_by_the_supervisor_also_somebody_elses(room: Room) -> None:
    await abandon(room, "s-1", "12345")
    it = await item(room)
    await room.recalls.claim(it.id, who="wang")
    with pytest.raises(NotAllowed, match="写明理由"):
        await room.recalls.finish(it.id, who="lin", reason=" ", chief=True)
    await room.recalls.finish(it.id, who="lin", reason="已当面答复", chief=True)
    assert ((await item(room)).state, (await item(room)).owner) == ("closed", "lin")
    with pytest.raises(NotAllowed, match="没有这条"):
        await room.recalls.claim("nothing", who="wang")


# --- restarts ---------------------------------------------------------------------------------------------------


async def test_calls_that_were_abandoned_while_heyi_was_down_are_on_the_list(room: Room) -> None:
    """AsterNET#273: abandoned calls while the application was down were lost. Long ago ones are for a person."""
    await room.die()
    await abandon(room, "old", caller="13900139000")
    room.clock.advance(timedelta(hours=3).total_seconds())
    await abandon(room, "new")
    await abandon(room, "helped", caller="13700137000")
    await room.exchange.waits("again", "119", "13700137000")
    await room.exchange.answer("again")
    room.clock.advance(60)
    await room.exchange.end("again")
    await room.restart()
    await room.look()
    shown = {e.item.number: e.list_only for e in await room.list.open()}
    assert shown == {"13900139000": "漏接已久，由人决定是否回拨", CALLER: ""}
    assert [d.number for d in room.exchange.dialled] == [CALLER]
    assert [e.item.reason for e in await room.list.done()] == [CALLED_AGAIN]


@pytest.mark.parametrize("moment", ["before", "after", "silent"])
async def test_killed_around_the_dialling_nobody_is_rung_twice_at_a_time(room: Room, moment: str) -> None:
    """FreePBX#525: a callback was placed twice. Being killed costs a try at most."""
    room.exchange.kill_before, room.exchange.kill_after = moment == "before", moment == "after"
    room.exchange.says = moment != "silent"
    await abandon(room, "a-1")
    with contextlib.suppress(Killed):
        await room.look()
    await room.restart()
    await room.look(1)
    assert len(room.exchange.dialled) == (0 if moment == "before" else 1)
    assert (await item(room)).state == "calling", "not known yet: Asterisk may be about to show it"
    if moment == "before":
        await room.look(16)
        assert (await only(room)).tries[0].outcome == "failed"
        await room.look(61)
        assert len(room.exchange.dialled) == 1
    out = room.exchange.dialled[-1].call_id
    await room.exchange.queue(out)
    await room.exchange.answer(out)
    await room.look(5)
    assert (await item(room)).state == "reached"


@pytest.mark.parametrize("ended", [False, True])
async def test_what_became_of_a_call_out_while_heyi_was_down_is_found(room: Room, ended: bool) -> None:
    await abandon(room, "a-1")
    await room.look()
    out = room.exchange.dialled[0].call_id
    await room.die()
    await room.exchange.queue(out)
    await room.exchange.answer(out)
    room.clock.advance(5)
    if ended:
        await room.exchange.end(out)
    await room.restart()
    await room.look(1)
    assert (await item(room)).state == "reached" and len(room.exchange.dialled) == 1


async def test_while_the_connection_to_asterisk_is_lost_nothing_is_concluded(room: Room) -> None:
    room.exchange.takes = False
    await abandon(room, "a-1")
    await room.look()
    room.exchange.in_step = False
    await room.look(600)
    assert (await item(room)).state == "calling"
    room.exchange.in_step = True
    await room.look()
    assert (await item(room)).state == "open"


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(["look", "minute", "kill before", "kill after", "restart", "lost word", "fail", "answer",
                         "calls again", "claim", "ring", "release", "twice"]),
        max_size=25,
    )
)  # fmt: skip
async def test_whatever_happens_in_whatever_order(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    """FreePBX#525 under every interleaving: one telephone rings once at a time, at most three times by itself."""
    room = await make_room(tmp_path_factory.mktemp("room"))
    exchange = room.exchange
    await room.start()
    await abandon(room, "a-1")
    count = 0
    for step in steps:
        ringing = [d.call_id for d in exchange.dialled if d.call_id in exchange.live]
        entries = await room.list.open()
        with contextlib.suppress(Killed, NotAllowed, Conflict):
            match step:
                case "minute":
                    await room.look(61)
                case "kill before" | "kill after":
                    exchange.kill_before, exchange.kill_after = step == "kill before", step == "kill after"
                    await room.look(181)
                case "restart":
                    await room.restart()
                case "lost word":
                    exchange.says = not exchange.says
                case "fail" if ringing:
                    await exchange.end(ringing[0], "system")
                case "answer" if ringing:
                    await exchange.queue(ringing[0])
                    await exchange.answer(ringing[0])
                case "calls again":
                    count += 1
                    await abandon(room, f"b-{count}")
                case "claim" if entries:
                    await room.recalls.claim(entries[0].item.id, who="wang")
                case "ring" if entries:
                    await room.recalls.ring_by_hand(entries[0].item.id, who="wang")
                case "release" if entries:
                    await room.recalls.release(entries[0].item.id, who="wang")
                case "twice":
                    await room.recalls.settle("a-1")
                case _:
                    await room.look()
        if exchange.kill_before or exchange.kill_after:
            await room.restart()
        up = [d.number for d in exchange.dialled if d.call_id in exchange.live]
        assert len(up) <= 1, "the same telephone rings twice"
    await room.settle()
    async with room.database.read() as session:
        tries = list(await session.scalars(select(RecallTry)))
    assert {d.call_id for d in exchange.dialled} <= {t.call_id for t in tries}, "every call out is on record"
    by_item: dict[str, int] = {}
    for tried in tries:
        by_item[tried.item] = by_item.get(tried.item, 0) + (not tried.by)
    assert all(number <= 3 for number in by_item.values())
    assert len({d.call_id for d in exchange.dialled}) == len(exchange.dialled)
    counted = [c.call_id for e in [*await room.list.open(), *await room.list.done()] for c in e.item.calls]
    assert sorted(counted) == sorted({"a-1", *(f"b-{n}" for n in range(1, count + 1))}), "each missed call once"
    await room.die()
    await room.database.close()


async def test_screens_are_told_without_the_number(room: Room) -> None:
    await abandon(room, "a-1")
    await room.look()
    told = [e for e in room.told if isinstance(e, MissedCallChanged)]
    assert [e.state for e in told] == ["open", "calling", "calling"]
    assert not any(CALLER in str(e) for e in told)
    assert room.exchange.dialled[0].priority < 100 + PUSH
