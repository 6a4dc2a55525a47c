"""The runner of missed calls over a fake exchange: who is rung, how often; being killed rings nobody twice."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy.event import listen, remove

from core.errors import NotAllowed
from switchboard.events import RecallTried
from switchboard.missed import tables
from switchboard.missed.policy import CALLED_AGAIN, HOLD_NAMES, REACHED, Missed, new_item
from switchboard.missed.recalls import LIST_ONLY
from switchboard.missed.tables import CALLS, Count, MissedItem
from tests.unit.recall_support import CALLER, abandon, item, only, opened
from tests.unit.switchboard_support import Room


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with opened(tmp_path) as made:
        yield made


async def test_an_abandoned_emergency_is_rung_back_at_night_put_first_and_closed(room: Room) -> None:
    """AsterNET#273, qpanel#265: an abandoned call is an item of a list that ends in a conversation."""
    await abandon(room, "a-1")
    await room.look()
    assert [(d.why, d.line, d.number, d.desk) for d in room.exchange.dialled] == [("recall", "119", CALLER, "")]
    assert room.exchange.dialled[0].priority == 100, "as the highest line, where age decides"
    out = room.exchange.dialled[0].call_id
    assert (await item(room)).state == "calling"
    await room.exchange.queue(out)
    await room.exchange.answer(out)
    await room.settle()
    await room.look(4)
    assert (await item(room)).state == "calling", "he may be cut off again"
    await room.look(1)
    assert (await item(room)).state == "reached"
    await room.exchange.end(out)
    await room.look(600)
    assert ((await item(room)).reason, len(room.exchange.dialled)) == (REACHED, 1)
    assert [e.outcome for e in room.told if isinstance(e, RecallTried)] == ["answered"]


async def test_cut_off_within_five_seconds_of_the_answer_counts_but_not_by_the_call_taker(room: Room) -> None:
    for call_id, by, caller in (("a-1", "caller", CALLER), ("a-2", "agent", "13900139000")):
        await room.exchange.waits(call_id, "119", caller)
        await room.exchange.answer(call_id)
        room.clock.advance(4)
        await room.exchange.end(call_id, by)
    await room.settle()
    assert [(c.call_id, c.kind) for c in (await item(room)).calls] == [("a-1", "dropped")]


async def test_three_tries_in_vain_stay_on_the_list_owned_by_nobody(room: Room) -> None:
    """qpanel#249: what nobody reached is seen by everybody until somebody closes it."""
    await abandon(room, "a-1")
    waited = []
    for _ in range(60):
        before = len(room.exchange.dialled)
        await room.look(10)
        if len(room.exchange.dialled) > before:
            waited.append(room.clock.now())
            room.clock.advance(30)
            await room.exchange.end(room.exchange.dialled[-1].call_id, "system")
    assert len(waited) == 3
    # thirty seconds of ringing, and then 60 s and 180 s from its end to the next try
    assert [round((b - a).total_seconds()) for a, b in pairwise(waited)] == [30 + 60, 30 + 180]
    entry = await only(room)
    assert (entry.item.state, entry.item.owner, entry.item.due_at) == ("open", "", None)
    assert entry.list_only == "自动回拨次数已用完，由人处理"
    assert [(t.outcome, t.by) for t in entry.tries] == [("unanswered", "")] * 3


async def test_picked_up_but_gone_before_a_desk_answered_is_tried_again(room: Room) -> None:
    await abandon(room, "a-1")
    await room.look()
    out = room.exchange.dialled[0].call_id
    await room.exchange.queue(out)
    room.clock.advance(5)
    await room.exchange.end(out)
    await room.settle()
    entry = await only(room)
    assert (entry.item.state, entry.item.count, entry.tries[0].outcome) == ("open", 1, "abandoned")
    await room.look(61)
    assert len(room.exchange.dialled) == 2


@pytest.mark.parametrize(
    "caller,why",
    [("", "来电未显示号码，无法回拨"), ("1002", "内部或特殊号码，不能外拨"), ("119", "内部或特殊号码，不能外拨"),
     ("+4915112345678", "内部或特殊号码，不能外拨"), ("95598", "内部或特殊号码，不能外拨")],
)  # fmt: skip
async def test_a_number_that_must_not_be_dialled_is_on_the_list_only_and_says_why(
    room: Room, caller: str, why: str
) -> None:
    await abandon(room, "a-1", caller=caller)
    await room.look(3600)
    entry = await only(room)
    assert (entry.list_only, entry.dialable, room.exchange.dialled) == (why, False, [])
    with pytest.raises(NotAllowed, match="不能外拨"):
        await room.recalls.ring_by_hand(entry.item.id, who="wang")
    assert (await item(room)).state == "open", "a refused call leaves no owner behind"


async def test_a_service_caller_is_rung_by_people_only_unless_his_words_were_an_emergency(room: Room) -> None:
    await abandon(room, "s-1", "12345")
    await abandon(room, "s-2", "12345", "13900139000", waited_s=2)
    await room.exchange.waits("s-3", "12345", "13700137000")
    await room.standings.raised("s-3")
    room.clock.advance(9)
    await room.exchange.end("s-3")
    await room.look(1)
    assert [e.item.number for e in await room.list.open()] == ["13700137000", CALLER], "two seconds: misdialled"
    assert [(d.number, d.urgent) for d in room.exchange.dialled] == [("13700137000", True)]


async def test_the_caller_who_is_on_the_line_again_is_not_rung_and_his_item_ends_with_help(room: Room) -> None:
    """FreePBX#525: no second call to somebody who is with us already."""
    await room.exchange.waits("a-1", "119", CALLER)
    await room.exchange.waits("a-2", "120", "+86 138 0013 8000")
    await room.exchange.end("a-1")
    await room.look(5)
    assert room.exchange.dialled == [] and (await only(room)).on_the_line
    await room.exchange.answer("a-2")
    room.clock.advance(60)
    await room.exchange.end("a-2")
    await room.look(600)
    entry = await only(room)
    assert (entry.item.state, entry.item.reason, room.exchange.dialled) == ("closed", CALLED_AGAIN, [])


async def test_called_again_while_his_telephone_rings_the_call_out_is_dropped(room: Room) -> None:
    await abandon(room, "a-1")
    await room.look()
    out = room.exchange.dialled[0].call_id
    await room.exchange.waits("a-2", "119", CALLER)
    await room.exchange.answer("a-2")
    room.clock.advance(30)
    await room.exchange.end("a-2")
    await room.settle()
    assert room.exchange.given_up == [out]
    await room.exchange.end(out, "system")
    await room.look(600)
    assert (len(room.exchange.dialled), (await item(room)).state) == (1, "closed")


async def test_called_again_and_cut_off_again_is_the_same_item_rung_at_once(room: Room) -> None:
    await abandon(room, "a-1")
    await room.look()
    await room.exchange.end(room.exchange.dialled[0].call_id, "system")
    await abandon(room, "a-2", "120")
    await room.look()
    assert ((await item(room)).count, len(room.exchange.dialled)) == (2, 2)


async def test_no_more_calls_out_at_a_time_than_allowed(room: Room) -> None:
    for n in range(9):  # one desk nine times: the small city has no more
        room.exchange.desk(f"{n}", "ready")
        room.exchange.states[f"{n}"] = replace(room.exchange.states[f"{n}"], extension="1001")
    for n in range(12):
        await abandon(room, f"a-{n}", caller=f"138001380{n:02}", waited_s=0)
    await room.look()
    await room.look()
    assert len(room.exchange.dialled) == 8
    await room.exchange.end(room.exchange.dialled[0].call_id, "system")
    await room.look()
    assert len(room.exchange.dialled) == 9


async def test_of_one_desk_one_caller_is_rung_at_a_time_and_none_while_an_emergency_waits(room: Room) -> None:
    room.exchange.desk("1001", "talking")
    for n in range(3):
        await abandon(room, f"a-{n}", caller=f"1380013800{n}", waited_s=0)
    await room.exchange.waits("fire", "120", "13900139000")
    await room.look()
    assert room.exchange.dialled == [], "who holds the line comes first"
    room.exchange.desk("1001", "wrapup")
    await room.look()
    assert room.exchange.dialled == []
    await room.exchange.answer("fire")
    room.exchange.desk("1001", "talking")
    await room.look()
    await room.look()
    assert len(room.exchange.dialled) == 1
    room.exchange.desk("1001", "ready")
    room.exchange.desk("1002", "wrapup")
    await room.look()
    assert len(room.exchange.dialled) == 2
    await room.exchange.waits("fire-2", "119", "13700137000")
    await room.look()
    assert len(room.exchange.dialled) == 2, "the desk that is ready is the caller's who waits"


async def test_passed_on_to_an_emergency_line_and_gone_while_waiting_there_he_is_rung_back(room: Room) -> None:
    """AsterNET#273: nobody who was not helped is lost, whoever spoke to him before."""
    await abandon(room, "before", "120")
    room.exchange.in_step = False
    await room.exchange.waits("t-1", "12345", CALLER)
    await room.exchange.answer("t-1")
    room.clock.advance(60)
    await room.exchange.pass_on("t-1", "119")
    room.clock.advance(20)
    await room.exchange.end("t-1")
    room.exchange.in_step = True
    await room.look()
    calls = [(c.call_id, c.line, c.kind) for c in (await item(room)).calls]
    assert calls == [("before", "120", "waiting"), ("t-1", "119", "waiting")], "neither lost nor closed as helped"
    assert [d.line for d in room.exchange.dialled] == ["119"]


async def test_passed_on_and_gone_while_heyi_was_down(room: Room) -> None:
    await room.die()
    await room.exchange.waits("t-1", "12345", CALLER)
    await room.exchange.answer("t-1")
    room.clock.advance(60)
    await room.exchange.pass_on("t-1", "119")
    await room.exchange.end("t-1")
    await room.restart()
    assert [(c.call_id, c.line) for c in (await item(room)).calls] == [("t-1", "119")]
    await room.restart()
    assert (await item(room)).count == 1


async def test_rung_back_and_cut_off_at_once_he_was_not_reached(room: Room) -> None:
    await abandon(room, "a-1")
    await room.look()
    out = room.exchange.dialled[0].call_id
    await room.exchange.queue(out)
    await room.exchange.answer(out)
    await room.look(4)
    await room.exchange.end(out)
    await room.settle()
    entry = await only(room)
    assert (entry.item.state, entry.tries[0].outcome) == ("open", "dropped")
    await room.look(61)
    assert len(room.exchange.dialled) == 2


async def test_rung_back_helped_passed_on_and_gone_while_waiting_he_is_missed_anew(room: Room) -> None:
    await abandon(room, "a-1")
    await room.look()
    out = room.exchange.dialled[0].call_id
    await room.exchange.queue(out)
    await room.exchange.answer(out)
    await room.look(30)
    await room.exchange.pass_on(out, "120")
    await room.exchange.end(out)
    await room.look()
    assert [e.item.reason for e in await room.list.done()] == [REACHED]
    assert [[(c.call_id, c.line) for c in e.item.calls] for e in await room.list.open()] == [[(out, "120")]]
    assert len(room.exchange.dialled) == 2


# --- harassment -------------------------------------------------------------------------------------------------


async def test_a_forged_number_is_rung_three_times_an_hour_and_six_a_day_whether_its_owner_answers_or_not(
    room: Room,
) -> None:
    """Somebody calls 119 in another's name every two minutes and hangs up: heyi must not ring that other all day."""
    rung = []
    for n in range(12 * 30):
        await abandon(room, f"a-{n}", waited_s=0)
        await room.look(120)
        for out in [d.call_id for d in room.exchange.dialled if d.call_id in room.exchange.live]:
            rung.append(room.clock.now())
            if n % 2:
                await room.exchange.queue(out)
                await room.exchange.answer(out)
                room.clock.advance(10)
            await room.exchange.end(out, "caller" if n % 2 else "system")
        await room.settle()
    hour = max(sum(first <= at < first + timedelta(hours=1) for at in rung) for first in rung)
    assert (len(rung), hour) == (6, 3)
    held = [e for e in await room.list.open() if e.list_only]
    assert {e.list_only for e in held} == {HOLD_NAMES["often"]} and held[-1].dialable, "a person may"


async def test_a_marked_number_is_not_rung_and_the_list_says_why(room: Room) -> None:
    mark = await room.marks.add(CALLER, "hoax", days=1, by="lin", reason="谎报火情")
    await abandon(room, "a-1")
    await room.look()
    entry = await only(room)
    assert (room.exchange.dialled, entry.list_only) == ([], HOLD_NAMES["nuisance"])
    await room.marks.remove(mark.id, by="lin")
    await room.look(600)
    assert room.exchange.dialled == []
    await abandon(room, "a-2")
    await room.look()
    assert len(room.exchange.dialled) == 1 and (await only(room)).list_only == ""


# --- a long list ------------------------------------------------------------------------------------------------


async def test_a_long_list_is_shown_by_pages_counted_and_emergencies_lead(room: Room) -> None:
    async with room.database.work() as work:
        for n in range(500):
            at = room.clock.now() - timedelta(seconds=n)
            line = "119" if n % 2 else "12345"
            call = Missed(f"a-{n}", f"1380013{n:04}", line, line == "119", "waiting", at)
            await tables.save(work.session, new_item(f"i-{n}", call, LIST_ONLY), room.clock.now())
        gone = replace(new_item("gone", Missed("g", CALLER, "119", True, "waiting", at), LIST_ONLY), state="closed")
        await tables.save(work.session, gone, room.clock.now())
    pages = [[e.item.id for e in await room.list.open(page)] for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [200, 200, 100, 0]
    urgent, others = [f"i-{n}" for n in range(499, 0, -2)], [f"i-{n}" for n in range(498, -1, -2)]
    assert [item_id for page in pages for item_id in page] == [*urgent, *others]
    assert await room.list.count() == Count(500, 250, room.clock.now() - timedelta(seconds=1))


async def test_a_flood_of_withheld_numbers_is_one_item_of_each_line_with_its_latest_calls(room: Room) -> None:
    for n in range(CALLS + 10):
        await abandon(room, f"a-{n}", caller="", waited_s=1)
    await abandon(room, "b-1", "120", caller="anonymous", waited_s=1)
    entries = await room.list.open()
    assert [(e.item.calls[-1].line, e.item.count, len(e.item.calls)) for e in entries] == [
        ("119", CALLS + 10, CALLS), ("120", 1, 1)
    ]  # fmt: skip
    assert entries[0].item.calls[-1].call_id == f"a-{CALLS + 9}"
    await room.recalls.settle("a-0")
    assert (await room.list.open())[0].item.count == CALLS + 10, "counted once, also where it is no longer shown"


async def test_neither_a_look_nor_a_missed_call_reads_the_whole_list(room: Room) -> None:
    async with room.database.work() as work:
        for n in range(300):
            call = Missed(f"a-{n}", f"1380013{n:04}", "119", True, "waiting", room.clock.now())
            await tables.save(work.session, new_item(f"i-{n}", call, LIST_ONLY), room.clock.now())
    read: list[str] = []

    def note(row: MissedItem, _context: object) -> None:
        read.append(row.id)

    listen(MissedItem, "load", note)
    try:
        await room.look()
        await abandon(room, "new", caller="13800130007")
    finally:
        remove(MissedItem, "load", note)
    assert set(read) == {"i-7"}
