"""Clocks beside tickets: what starts and stops them, who may stretch them, who is told."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
from clock_support import CLOCK_CITY, ClockRoom, clock_room
from ticket_support import AGENT, CHIEF, FIRE, START, URBAN, WATER, verdict

from core.city_clocks import CityCalendar, SpecialDay
from core.errors import Conflict, HeyiError, NotAllowed
from ticketing.actor import Actor
from ticketing.clocks.events import ClockEvent, ClockOverdue, ClockWarned
from ticketing.clocks.keeper import entries, replayed
from ticketing.clocks.policy import Subject, choose, policy_of
from ticketing.clocks.tables import ClockRequest, TicketClock
from ticketing.clocks.watch import ClockWatch
from ticketing.tables import Ticket

HOUR = timedelta(hours=1)


async def handled(r: ClockRoom, code: str = "S0104", call: str = "1.1") -> Ticket:
    """A ticket that the water company was sent."""
    ticket = await r.drafted(call)
    return await r.tickets.submit(ticket.id, AGENT, {"code": code, "department": "water"})


def told(r: ClockRoom) -> list[tuple[str, str]]:
    return [(type(e).__name__, e.kind) for e in r.events if isinstance(e, ClockEvent)]


# --- what steps start and stop ----------------------------------------------------------------------------------------


async def test_a_service_ticket_from_the_call_to_the_callback(tmp_path):
    async with clock_room(tmp_path) as r:
        ticket = await r.drafted()
        assert await r.running(ticket.id) == {"dispatch"}
        r.clock.advance(600)
        sent = await r.tickets.submit(ticket.id, AGENT, {"code": "S0104"})
        assert await r.running(ticket.id) == {"accept", "handle"}, "nobody drives to a service ticket"
        assert sent.due_at == START + timedelta(minutes=10) + 24 * HOUR
        r.clock.advance(600)
        await r.tickets.accept(ticket.id, WATER)
        assert await r.running(ticket.id) == {"handle"}
        await r.tickets.report(ticket.id, WATER, "已修复")
        assert await r.running(ticket.id) == {"callback"}
        call = await r.dial(10)
        await r.key(call, "1")
        assert await r.running(ticket.id) == set()
        clocks = await r.clocks(ticket.id)
        assert clocks["dispatch"].state.stopped == START + timedelta(minutes=10)
        assert [view.late for view in clocks.values()] == [False] * 4


async def test_an_emergency_is_timed_to_the_arrival(tmp_path):
    async with clock_room(tmp_path) as r:
        ticket = await r.drafted(line="119")
        assert (await r.clocks(ticket.id))["dispatch"].due_at == START + timedelta(minutes=3)
        await r.tickets.submit(ticket.id, AGENT, {"code": "E101"})
        assert await r.running(ticket.id) == {"accept", "arrive", "handle"}
        r.clock.advance(30)
        await r.tickets.accept(ticket.id, FIRE)
        await r.tickets.advance(ticket.id, "depart", FIRE)
        assert await r.running(ticket.id) == {"arrive", "handle"}
        r.clock.advance(400)
        await r.tickets.advance(ticket.id, "arrive", FIRE)
        clocks = await r.clocks(ticket.id)
        assert (clocks["arrive"].late, clocks["arrive"].colour) == (True, "red")
        assert (clocks["accept"].late, clocks["accept"].colour) == (False, "blue")


async def test_nobody_wins_time_by_not_accepting_or_by_refusing(tmp_path):
    """A clock runs from the assignment; neither silence nor a refusal nor another department begins it anew."""
    async with clock_room(tmp_path) as r:
        sent = await handled(r)
        r.clock.advance(10 * 3600)
        await r.tickets.refuse(sent.id, WATER, "不归我们")
        assert await r.running(sent.id) == {"dispatch", "handle"}, "the caller waits all the same"
        r.clock.advance(3600)
        again = await r.tickets.submit(sent.id, AGENT, {"department": "urban"})
        clocks = await r.clocks(sent.id)
        assert again.due_at == sent.due_at == clocks["handle"].due_at
        assert clocks["accept"].row.started_at == r.clock.now(), "a new department's acceptance begins with it"
        r.clock.advance(14 * 3600)
        assert (await r.clocks(sent.id))["handle"].late


async def test_a_limit_that_the_new_flow_does_not_have_is_withdrawn(tmp_path):
    """zammad#5624: a limit of the former group ran on, and became overdue, where none of its kind is set."""
    async with clock_room(tmp_path) as r:
        ticket = await r.drafted(line="119")
        await r.tickets.submit(ticket.id, AGENT, {"code": "E101"})
        assert "arrive" in await r.running(ticket.id)
        await r.tickets.edit(ticket.id, {"is_emergency": False}, CHIEF)
        assert await r.running(ticket.id) == {"accept", "handle"}
        r.clock.advance(24 * 3600)
        await r.watch.tick()
        arrive = (await r.clocks(ticket.id))["arrive"]
        assert arrive.state.withdrawn and not arrive.late
        assert "arrive" not in {kind for _, kind in told(r)}


async def test_another_category_counts_from_the_first_dispatch(tmp_path):
    """zammad#5624: another category or department must not begin the time anew."""
    async with clock_room(tmp_path) as r:
        sent = await handled(r)
        r.clock.advance(5 * 3600)
        slow = await r.tickets.edit(sent.id, {"code": "S0108"}, AGENT)
        # Friday 20 November 2026; seven working days on
        assert slow.due_at == datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
        back = await r.tickets.edit(sent.id, {"code": "S0104"}, AGENT)
        assert back.due_at == START + 24 * HOUR


async def test_what_was_overdue_is_noted_before_another_category_moves_it(tmp_path):
    """Overdue by a day, then corrected to a category with more time; and once more, by an extension granted late."""
    async with clock_room(tmp_path) as r:
        sent = await handled(r)
        r.clock.advance(30 * 3600)
        slow = await r.tickets.edit(sent.id, {"code": "S0108"}, AGENT)
        view = (await r.clocks(sent.id))["handle"]
        assert slow.due_at == view.due_at > r.clock.now() and not view.late
        assert [e.at for e in view.history if e.kind == "lapse"] == [START + 24 * HOUR]
        asked = await r.tickets.clocks.request_extension(view.row.id, WATER, 2, "要换总管")
        r.clock.advance(20 * 24 * 3600)
        await r.tickets.clocks.decide(asked.id, CHIEF, True)
        view = (await r.clocks(sent.id))["handle"]
        assert [e.at for e in view.history if e.kind == "lapse"] == [START + 24 * HOUR, slow.due_at]


async def test_a_shorter_time_that_would_be_over_counts_from_now(tmp_path):
    """Seven working days, in time after two of them; 24 hours would be over already: the new ones begin now."""
    async with clock_room(tmp_path) as r:
        sent = await handled(r, "S0108")
        r.clock.advance(4 * 24 * 3600)
        fast = await r.tickets.edit(sent.id, {"code": "S0104"}, AGENT)
        view = (await r.clocks(sent.id))["handle"]
        assert fast.due_at == view.due_at == r.clock.now() + 24 * HOUR < sent.due_at
        assert view.row.started_at == START and not [e for e in view.history if e.kind == "lapse"]
        back = await r.tickets.edit(sent.id, {"code": "S0108"}, AGENT)
        assert back.due_at == sent.due_at


async def test_a_clock_that_is_new_to_a_ticket_does_not_begin_overdue(tmp_path):
    async with clock_room(tmp_path) as r:
        sent = await handled(r)
        r.clock.advance(3 * 3600)
        await r.tickets.prefill("1.1", verdict("emergency"))
        arrive = (await r.clocks(sent.id))["arrive"]
        assert (arrive.row.started_at, arrive.due_at) == (r.clock.now(), r.clock.now() + timedelta(minutes=5))


async def test_a_calendar_that_changes_later_undoes_no_lateness(tmp_path):
    async with clock_room(tmp_path) as r:
        sent = await handled(r, "S0108")
        r.clock.advance(12 * 24 * 3600)
        assert (await r.clocks(sent.id))["handle"].late
        holidays = CityCalendar(closed=(SpecialDay(day=date(2026, 11, 24), until=date(2026, 11, 27), name="假日"),))
        watch = ClockWatch(r.database, CLOCK_CITY.model_copy(update={"calendar": holidays}), r.clock)
        await watch.begin()
        await watch.begin()
        async with r.database.read() as session:
            kept = await entries(session, (await r.clocks(sent.id))["handle"].row.id)
        assert (await r.get(sent.id)).due_at > r.clock.now()
        assert [e.at for e in kept if e.kind == "lapse"] == [sent.due_at]


async def test_raised_to_an_emergency_after_the_dispatch(tmp_path):
    async with clock_room(tmp_path) as r:
        sent = await handled(r)
        r.clock.advance(120)
        await r.tickets.prefill("1.1", verdict("emergency"))
        clocks = await r.clocks(sent.id)
        assert clocks["arrive"].due_at == START + timedelta(minutes=5), "from the dispatch"
        assert clocks["accept"].due_at == r.clock.now() + timedelta(minutes=1), "a minute from now: it was in time"
        assert not clocks["accept"].late


async def test_sent_back_after_a_callback_is_timed_anew(tmp_path):
    async with clock_room(tmp_path) as r:
        ticket = await r.reported()
        call = await r.dial(10)
        await r.key(call, "2")
        clocks = await r.clocks(ticket.id)
        assert await r.running(ticket.id) == {"handle"}
        assert clocks["handle"].row.started_at == r.clock.now()
        assert (await r.get(ticket.id)).due_at == r.clock.now() + 24 * HOUR


async def test_linked_the_head_has_the_earliest_start_and_due_time(tmp_path):
    """zammad#904: merged tickets kept the time of whichever was left."""
    async with clock_room(tmp_path) as r:
        old = await handled(r, call="1.1")
        r.clock.advance(3 * 3600)
        new = await handled(r, call="1.2")
        await r.tickets.incidents.link(old.id, new.id, CHIEF)
        merged = (await r.clocks(new.id))["handle"]
        assert (merged.row.started_at, merged.due_at) == (START, old.due_at)
        assert (await r.get(new.id)).due_at == old.due_at
        assert "handle" in await r.running(old.id), "linking stops nothing: its department still has it"


async def test_what_is_carried_by_its_head_waits_for_no_dispatch(tmp_path):
    async with clock_room(tmp_path) as r:
        head = await handled(r, call="1.1")
        child = await r.drafted("1.2")
        await r.tickets.edit(child.id, {"code": "S0104"}, AGENT)
        await r.tickets.incidents.link(child.id, head.id, CHIEF)
        assert await r.running(child.id) == set()
        await r.tickets.incidents.unlink(child.id, CHIEF)
        assert (await r.clocks(child.id))["dispatch"].row.started_at == START, "as if it had waited all along"


async def test_a_city_without_limits_has_the_categorys_due_hours():
    bare = CLOCK_CITY.model_copy(update={"clocks": type(CLOCK_CITY.clocks)()})
    subject = Subject("S0104", "six", "", False)
    assert policy_of(bare, "accept", subject) is None
    handle = policy_of(bare, "handle", subject)
    assert handle is not None and (handle.amount, handle.unit, handle.extensions) == (24, "hours", 0)


def test_the_more_specific_policy_holds():
    clocks = CLOCK_CITY.clocks
    assert choose(clocks, "handle", Subject("S0104", "six", "", False)).amount == 24
    assert choose(clocks, "handle", Subject("S0199", "six", "", False)).amount == 7
    assert choose(clocks, "handle", Subject("S0201", "six", "", False)) is None
    assert choose(clocks, "handle", Subject("", "six", "", False)) is None
    assert choose(clocks, "accept", Subject("S0104", "emergency", "", True)).unit == "minutes"


async def test_tickets_from_before_there_were_clocks_get_theirs(tmp_path):
    async with clock_room(tmp_path) as r:
        sent = await handled(r)
        async with r.database.work() as work:
            for view in (await r.clocks(sent.id)).values():
                for entry in await entries(work.session, view.row.id):
                    await work.session.delete(entry)
                await work.session.flush()
                await work.session.delete(await work.session.get_one(TicketClock, view.row.id))
        r.clock.advance(3600)
        await r.watch.begin()
        assert (await r.clocks(sent.id))["handle"].due_at == sent.due_at


async def test_running_clocks_follow_a_calendar_that_has_learned_of_a_holiday(tmp_path):
    async with clock_room(tmp_path) as r:
        sent = await handled(r, "S0108")
        assert sent.due_at == datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
        holiday = CityCalendar(closed=(SpecialDay(day=date(2026, 11, 24), name="新公布的假日"),))
        watch = ClockWatch(r.database, CLOCK_CITY.model_copy(update={"calendar": holiday}), r.clock)
        await watch.begin()
        assert (await r.get(sent.id)).due_at == datetime(2026, 12, 2, 9, 30, tzinfo=UTC)


# --- more time, by request and approval -------------------------------------------------------------------------------


async def test_an_extension_is_asked_for_and_approved_as_often_as_the_city_allows(tmp_path):
    async with clock_room(tmp_path) as r:
        sent = await handled(r)
        handle, service = (await r.clocks(sent.id))["handle"].row.id, r.tickets.clocks
        for wrong in (0, -1, 13):
            with pytest.raises(HeyiError, match="超过"):
                await service.request_extension(handle, WATER, wrong, "要换总管")
        with pytest.raises(HeyiError, match="理由"):
            await service.request_extension(handle, WATER, 12, " ")
        with pytest.raises(NotAllowed, match="承办部门"):
            await service.request_extension(handle, AGENT, 12, "要换总管")
        asked = await service.request_extension(handle, WATER, 12, "要换总管")
        assert (await r.get(sent.id)).due_at == sent.due_at, "asking moves nothing"
        with pytest.raises(Conflict, match="待审批"):
            await service.request_extension(handle, WATER, 6, "再要")
        assert [request.id for request, _clock, _ticket in await service.waiting()] == [asked.id]
        with pytest.raises(NotAllowed, match="审批"):
            await service.decide(asked.id, WATER, True)
        await service.decide(asked.id, CHIEF, True, "同意一次")
        assert (await r.get(sent.id)).due_at == sent.due_at + 12 * HOUR
        with pytest.raises(Conflict, match="已有决定"):
            await service.decide(asked.id, CHIEF, True)
        second = await service.request_extension(handle, WATER, 1, "还差一点")
        await service.decide(second.id, CHIEF, True)
        with pytest.raises(NotAllowed, match="用完"):
            await service.request_extension(handle, WATER, 1, "第三次")
        view = (await r.clocks(sent.id))["handle"]
        assert (view.due_at, view.extensions_left) == (sent.due_at + 13 * HOUR, 0)
        notes = [row.note for row in await r.history(sent.id) if row.action == "clock"]
        assert notes == ["申请延期：要换总管", "同意延期：同意一次", "申请延期：还差一点", "同意延期"]


async def test_a_refused_extension_moves_nothing_and_says_why(tmp_path):
    async with clock_room(tmp_path) as r:
        sent = await handled(r)
        handle, service = (await r.clocks(sent.id))["handle"].row.id, r.tickets.clocks
        asked = await service.request_extension(handle, WATER, 12, "忙不过来")
        with pytest.raises(HeyiError, match="理由"):
            await service.decide(asked.id, CHIEF, False)
        await service.decide(asked.id, CHIEF, False, "人手不足不是理由")
        view = (await r.clocks(sent.id))["handle"]
        assert (view.due_at, view.extensions_left, view.requests[0].granted) == (sent.due_at, 2, False)


async def test_what_is_overdue_can_no_longer_be_asked_for(tmp_path):
    async with clock_room(tmp_path) as r:
        sent = await handled(r)
        r.clock.advance(24 * 3600)
        with pytest.raises(NotAllowed, match="已过"):
            await r.tickets.clocks.request_extension((await r.clocks(sent.id))["handle"].row.id, WATER, 1, "迟了")


async def test_a_pause_needs_a_reason_of_the_city_and_an_approver(tmp_path):
    async with clock_room(tmp_path) as r:
        sent = await handled(r)
        handle, service = (await r.clocks(sent.id))["handle"].row.id, r.tickets.clocks
        with pytest.raises(NotAllowed, match="因此"):
            await service.request_pause(handle, WATER, "lunch", "吃饭")
        with pytest.raises(NotAllowed, match="审批"):
            await service.pause(handle, WATER, "storm")
        asked = await service.request_pause(handle, WATER, "storm", "台风登陆")
        r.clock.advance(3600)
        await service.decide(asked.id, CHIEF, True)
        r.clock.advance(10 * 3600)
        view = (await r.clocks(sent.id))["handle"]
        assert (view.row.next_at, view.due_at, view.late) == (None, sent.due_at + 10 * HOUR, False)
        with pytest.raises(NotAllowed):
            await service.resume(handle, URBAN)
        await service.resume(handle, WATER, "复工")
        assert (await r.get(sent.id)).due_at == sent.due_at + 10 * HOUR, "from the approval, not from the request"
        with pytest.raises(Conflict, match="没有暂停"):
            await service.resume(handle, WATER)


async def test_nobody_approves_a_wish_of_their_own(tmp_path):
    async with clock_room(tmp_path) as r:
        sent = await handled(r)
        asked = await r.tickets.clocks.request_extension((await r.clocks(sent.id))["handle"].row.id, WATER, 1, "请批")
        with pytest.raises(NotAllowed, match="自己"):
            await r.tickets.clocks.decide(asked.id, Actor("water1", "supervisor"), True)


async def test_a_request_that_comes_too_late_is_not_granted(tmp_path):
    async with clock_room(tmp_path) as r:
        sent = await handled(r)
        asked = await r.tickets.clocks.request_extension((await r.clocks(sent.id))["handle"].row.id, WATER, 1, "请批")
        await r.tickets.accept(sent.id, WATER)
        await r.tickets.report(sent.id, WATER, "已修复")
        with pytest.raises(Conflict, match="已经结束"):
            await r.tickets.clocks.decide(asked.id, CHIEF, True)


# --- the watch --------------------------------------------------------------------------------------------------------


async def test_each_is_told_once_whatever_stops_or_runs_beside_it(tmp_path):
    async with clock_room(tmp_path) as r:
        await handled(r, "E101")
        await r.tickets.prefill("1.1", verdict("emergency"))
        r.clock.advance(50)
        other = ClockRoom(f"sqlite+aiosqlite:///{tmp_path / 'heyi.db'}")
        other.clock = r.clock
        other.watch = ClockWatch(other.database, CLOCK_CITY, r.clock)
        try:
            for _ in range(3):
                await asyncio.gather(r.watch.tick(), other.watch.tick())
            assert sorted(told(r) + told(other)) == [("ClockWarned", "accept")]
            r.clock.advance(11)
            await asyncio.gather(r.watch.tick(), other.watch.tick(), other.watch.tick())
        finally:
            await other.close()
        assert await ClockWatch(r.database, CLOCK_CITY, r.clock).tick() == 0, "after a restart nothing is left to tell"
        assert sorted(told(r) + told(other)) == [("ClockOverdue", "accept"), ("ClockWarned", "accept")]


async def test_what_can_wait_is_not_told_at_midnight(tmp_path):
    """zammad#4432: reminders came at midnight. Emergencies are told at any hour, all else when the night is over."""
    async with clock_room(tmp_path) as r:
        r.clock.advance(8 * 3600)  # 18:00
        sent = await handled(r)
        fire = await r.drafted("1.9", line="119")
        warn = (await r.clocks(sent.id))["handle"].row.warn_at
        assert warn == START + 26 * HOUR, "12:00 on the next day"
        r.clock.advance(4 * 3600)  # 22:00
        assert await r.watch.tick() == 1
        assert told(r) == [("ClockOverdue", "dispatch")]
        assert [e.ticket_id for e in r.events if isinstance(e, ClockEvent)] == [fire.id]
        second = await r.drafted("1.10")  # its dispatch is due at 22:30
        r.clock.advance(3 * 3600)
        assert await r.watch.tick() == 0
        r.clock.advance(7.5 * 3600)  # 8:30
        assert await r.watch.tick() == 1
        last = [e for e in r.events if isinstance(e, ClockOverdue)][-1]
        assert (last.ticket_id, last.at, last.due_at) == (
            second.id,
            r.clock.now(),
            START + timedelta(hours=12, minutes=30),
        )


async def test_stopped_and_paused_clocks_are_not_looked_at(tmp_path):
    async with clock_room(tmp_path) as r:
        sent = await handled(r)
        handle = (await r.clocks(sent.id))["handle"].row.id
        await r.tickets.accept(sent.id, WATER)
        await r.tickets.clocks.pause(handle, CHIEF, "storm")
        r.clock.advance(26 * 3600)
        assert await r.watch.tick() == 0
        await r.tickets.clocks.resume(handle, CHIEF)
        r.clock.advance(18 * 3600)
        assert await r.watch.tick() == 0, "06:00: nobody is told at night"
        r.clock.advance(3 * 3600)
        assert await r.watch.tick() == 1
        assert told(r) == [("ClockWarned", "handle")]
        r.clock.advance(3 * 3600)
        assert await r.watch.tick() == 1
        assert told(r)[-1] == ("ClockOverdue", "handle")


async def test_after_an_extension_the_new_due_time_is_told_again(tmp_path):
    async with clock_room(tmp_path) as r:
        sent = await handled(r)
        await r.tickets.accept(sent.id, WATER)
        handle, service = (await r.clocks(sent.id))["handle"].row.id, r.tickets.clocks
        asked = await service.request_extension(handle, WATER, 12, "要换总管")
        r.clock.advance(24 * 3600)
        await r.watch.tick()
        await service.decide(asked.id, CHIEF, True)
        r.clock.advance(12 * 3600 + 11 * 3600)
        await r.watch.tick()
        assert told(r) == [("ClockOverdue", "handle"), ("ClockOverdue", "handle")]
        due = [e.due_at for e in r.events if isinstance(e, ClockOverdue)]
        assert due == [sent.due_at, sent.due_at + 12 * HOUR]
        assert not [e for e in r.events if isinstance(e, ClockWarned)]


async def test_rows_say_what_their_entries_add_up_to(tmp_path):
    async with clock_room(tmp_path) as r:
        sent = await handled(r)
        handle = (await r.clocks(sent.id))["handle"].row.id
        await r.tickets.clocks.pause(handle, CHIEF, "storm")
        r.clock.advance(3600)
        await r.tickets.clocks.resume(handle, CHIEF)
        await r.tickets.edit(sent.id, {"code": "S0108"}, AGENT)
        async with r.database.read() as session:
            row = await session.get_one(TicketClock, handle)
            state = replayed(await entries(session, handle), r.tickets.clocks.keeper.calendar)
            assert await session.get(ClockRequest, 1) is None
        assert (row.started_at, row.due_at, row.paused_at, row.stopped_at) == (
            state.began, state.due, state.paused, state.stopped,
        )  # fmt: skip
        assert (row.amount, row.unit, row.extended) == (state.allowed.value, state.allowed.unit, state.extended)
