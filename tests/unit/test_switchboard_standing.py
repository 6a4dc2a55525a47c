"""Priorities applied to those who wait, and the marks that lower them: over a fake exchange."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.errors import NotAllowed
from switchboard.events import CallRanked
from switchboard.priority import PUSH
from switchboard.standing import Standings
from tests.unit.switchboard_support import Room, make_room

CALLER = "13800138000"


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    made = await make_room(tmp_path)
    await made.start()
    yield made
    await made.die()
    await made.database.close()


async def test_who_is_known_by_nothing_is_left_to_the_dialplan(room: Room) -> None:
    await room.exchange.waits("a", "119", CALLER)
    await room.exchange.waits("b", "12345", "13900139000")
    await room.exchange.queue("b", "service-wide", 11)
    await room.settle()
    assert room.exchange.priorities == []
    assert [(r.call.id, r.standing.reasons) for r in room.standings.view()] == [
        ("a", ("emergency",)),
        ("b", ("line", "waited")),
    ]


async def test_words_raise_a_service_call_for_this_round_and_the_next(room: Room) -> None:
    await room.exchange.waits("s", "12345", CALLER)
    await room.settle()
    await room.standings.raised("s")
    await room.standings.raised("s")
    assert (room.exchange.priorities, room.exchange.urged) == ([("s", 100)], ["s"])
    await room.exchange.queue("s", "emergency", 100)
    await room.settle()
    assert (room.exchange.live["s"].priority, room.exchange.urged) == (105, ["s"])
    assert [r.standing.reasons for r in room.standings.view()] == [("raised", "waited")]


async def test_earlier_calls_that_nobody_answered_lift_on_an_emergency_line_only(room: Room) -> None:
    for n in range(2):
        await room.exchange.waits(f"a-{n}", "119", CALLER)
        room.clock.advance(1)
        await room.exchange.end(f"a-{n}")
    await room.exchange.waits("again", "120", CALLER)
    await room.exchange.waits("other", "120", "13900139000")
    await room.exchange.waits("service", "12345", CALLER)
    await room.settle()
    priorities = {call.id: call.priority for call in room.exchange.calls()}
    assert priorities == {"again": 110, "other": 100, "service": 10}
    room.clock.advance(601)
    await room.exchange.end("again")
    await room.exchange.waits("late", "119", CALLER)
    await room.settle()
    assert room.exchange.live["late"].priority == 100, "all of them began more than ten minutes ago"


async def test_a_marked_number_is_ranked_last_of_the_emergencies_and_never_shut_out(room: Room) -> None:
    await room.exchange.waits("a", "119", "+86 138 0013 8000")
    await room.exchange.waits("s", "12345", CALLER)
    mark = await room.marks.add("138-0013-8000", "harassment", days=1, by="lin", reason="反复辱骂")
    await room.settle()
    assert room.exchange.priorities == [("s", 0)]
    assert room.exchange.live["a"].priority == 100, "level with the lowest emergency line, above every service call"
    await room.marks.remove(mark.id, by="lin")
    await room.settle()
    assert room.exchange.live["s"].priority == 10, "as the dialplan would have it"


async def test_a_mark_ends_by_itself_is_replaced_and_wants_number_reason_and_term(room: Room) -> None:
    first = await room.marks.add(CALLER, "hoax", days=1, by="lin", reason="谎报火情")
    second = await room.marks.add("+8613800138000", "harassment", days=7, by="lin", reason="再次谎报")
    assert [m.id for m in await room.marks.all()] == [second.id] and first.number == second.number
    room.clock.advance(7 * 86400 - 1)
    assert await room.marks.active(CALLER) is not None
    room.clock.advance(1)
    assert await room.marks.active(CALLER) is None and await room.marks.all() == []
    for number, days, reason in ((CALLER, 0, "x"), (CALLER, 91, "x"), (CALLER, 1, " "), ("", 1, "x")):
        with pytest.raises(NotAllowed):
            await room.marks.add(number, "hoax", days=days, by="lin", reason=reason)
    with pytest.raises(NotAllowed, match="已经失效"):
        await room.marks.remove(second.id, by="lin")


async def test_a_supervisors_push_goes_first_is_told_and_can_be_taken_back(room: Room) -> None:
    await room.exchange.waits("s", "12345", CALLER)
    await room.settle()
    await room.standings.push("s", by="lin")
    assert room.exchange.live["s"].priority == 100 + PUSH
    await room.exchange.waits("fire", "119", "13900139000")
    await room.settle()
    assert [r.call.id for r in room.standings.view()] == ["fire", "s"], "Asterisk gives a desk to emergencies first"
    told = [e for e in room.told if isinstance(e, CallRanked)]
    assert [(e.reasons, e.by) for e in told] == [(("pushed",), "lin")]
    await room.standings.push("s", by="lin", pushed=False)
    assert room.exchange.live["s"].priority == 10
    await room.exchange.answer("s")
    with pytest.raises(NotAllowed, match="不在等候"):
        await room.standings.push("s", by="lin")


async def test_a_restart_goes_on_from_what_was_decided(room: Room) -> None:
    await room.exchange.waits("s", "12345", CALLER)
    await room.exchange.waits("p", "12345", "13900139000")
    await room.settle()
    await room.standings.raised("s")
    await room.standings.push("p", by="lin")
    room.exchange.live["s"].priority = 10  # what the event file tells of it
    await room.restart()
    assert {c: room.exchange.live[c].priority for c in ("s", "p")} == {"s": 100, "p": 100 + PUSH}
    assert await room.standings.was_raised("s") and not await room.standings.was_raised("p")


async def test_a_kept_place_comes_with_its_own_priority_and_gets_it_back(room: Room) -> None:
    await room.exchange.arrive("kp-12345-0000000000000001", "12345", CALLER)
    await room.exchange.queue("kp-12345-0000000000000001", "service-wide", 17)
    await room.settle()
    assert room.exchange.priorities == []
    await room.standings.push("kp-12345-0000000000000001", by="lin")
    await room.standings.push("kp-12345-0000000000000001", by="lin", pushed=False)
    assert [priority for _, priority in room.exchange.priorities] == [100 + PUSH, 17]


async def test_a_recall_of_a_marked_number_is_the_last_of_the_emergencies(room: Room) -> None:
    assert await room.standings.recall_priority(CALLER, "12345", raised=True) == 100
    assert await room.standings.recall_priority(CALLER, "119") == 100
    await room.marks.add(CALLER, "hoax", days=1, by="lin", reason="谎报火情")
    assert await room.standings.recall_priority(CALLER, "119") == 100


async def test_who_loses_his_place_is_told_why(room: Room) -> None:
    """Every caller's place only improves, or the screens say by what he was passed."""

    def passed() -> dict[str, list[tuple[str, str]]]:
        return {row.call.id: [(one.call_id, one.text) for one in row.passed] for row in room.standings.view()}

    await room.exchange.waits("first", "12345", CALLER)
    room.clock.advance(1)
    await room.exchange.waits("second", "12345", "13900139000")
    await room.settle()
    assert passed() == {"first": [], "second": []}, "who stood there already has passed nobody"
    await room.standings.push("second", by="lin")
    await room.settle()
    assert passed() == {"second": [], "first": [("second", "班长提前")]}
    await room.exchange.waits("fire", "119", "13700137000")
    await room.settle()
    # A push within the service queue is no match for an emergency, and no push is needed to say so.
    assert passed() == {
        "fire": [],
        "second": [("fire", "紧急线路")],
        "first": [("fire", "紧急线路"), ("second", "班长提前")],
    }
    await room.standings.push("second", by="lin", pushed=False)
    await room.exchange.answer("fire")
    await room.settle()
    assert passed() == {"first": [], "second": []}, "all as it was"
    await room.marks.add(CALLER, "hoax", days=1, by="lin", reason="谎报")
    await room.settle()
    assert passed()["first"] == [("second", "位置后移（骚扰标记或取消提前）")]


async def test_words_of_an_emergency_explain_why_those_before_it_wait_longer(room: Room) -> None:
    for n, number in enumerate(("13700137000", CALLER)):
        await room.exchange.waits(f"s-{n}", "12345", number)
        room.clock.advance(1)
    await room.settle()
    await room.standings.raised("s-1")
    await room.exchange.queue("s-1", "emergency", 100)
    await room.settle()
    assert [(r.call.id, [p.text for p in r.passed]) for r in room.standings.view()] == [
        ("s-1", []),
        ("s-0", ["通话内容紧急"]),
    ]


async def test_while_a_desk_rings_he_stays_and_is_moved_when_it_rang_in_vain(room: Room) -> None:
    await room.exchange.waits("s", "12345", CALLER)
    await room.exchange.ring("s", "1001")
    await room.settle()
    await room.standings.raised("s")
    assert room.exchange.urged == []
    await room.exchange.ring_in_vain("s", "1001")
    await room.settle()
    assert room.exchange.urged == ["s"]
    await room.exchange.waits("plain", "12345", "13900139000")
    await room.exchange.ring("plain", "1001")
    await room.exchange.ring_in_vain("plain", "1001")
    await room.settle()
    assert (room.exchange.urged, room.exchange.priorities) == (["s"], [("s", 100)])


async def test_an_order_that_asterisk_did_not_take_is_given_once_more_and_holds_up_nobody(tmp_path: Path) -> None:
    room = await make_room(tmp_path)
    room.standings = Standings(
        room.database, room.bus, room.clock, room.city, room.exchange, room.marks, retry_s=3600
    )  # fmt: skip
    await room.start()
    await room.exchange.waits("s", "12345", CALLER)
    await room.exchange.waits("other", "12345", "13900139000")
    room.exchange.refuses = 1
    await room.standings.raised("s")
    await room.standings.push("other", by="lin")
    assert room.exchange.priorities == [("s", 100), ("other", 100 + PUSH)], "nobody waits for the second try"
    await room.die()
    await room.database.close()


@pytest.mark.parametrize(
    ("meanwhile", "orders"), [("waits", 2), ("answered", 1), ("gone", 1), ("fails again", 2)]
)  # fmt: skip
async def test_the_second_try_is_for_those_only_who_wait_still(room: Room, meanwhile: str, orders: int) -> None:
    await room.exchange.waits("s", "12345", CALLER)
    room.exchange.refuses = 2 if meanwhile == "fails again" else 1
    await room.settle()
    await room.standings.raised("s")
    if meanwhile == "answered":
        await room.exchange.answer("s")
    if meanwhile == "gone":
        await room.exchange.end("s")
    for _ in range(5):
        await asyncio.sleep(0)
    await room.settle()
    assert len(room.exchange.priorities) == orders
    if meanwhile == "waits":
        assert room.exchange.live["s"].priority == 100


async def test_emergencies_that_wait_are_counted_where_no_desk_rings_and_nobody_was_rung_by_us(room: Room) -> None:
    await room.exchange.waits("fire", "119", CALLER)
    await room.exchange.waits("rung", "120", "13900139000")
    await room.exchange.ring("rung", "1001")
    await room.exchange.waits("rc-119-0000000000000001", "119", "13700137000")
    await room.exchange.waits("service", "12345", "13600136000")
    await room.exchange.waits("words", "12345", "13500135000")
    await room.exchange.queue("words", "emergency")
    assert room.standings.emergencies_waiting() == 2
