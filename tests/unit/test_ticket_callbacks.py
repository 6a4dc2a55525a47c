"""Calling back: satisfied, not satisfied, not reached, crashed in between; and who may be dialled at all."""

from datetime import timedelta

import pytest
from ticket_support import AGENT, CHIEF, START, WATER, WATER2, Room, room

from core.errors import NotAllowed
from telephony.events import KeyPressed
from ticketing.events import CallbackTried


async def test_number_and_id_of_the_call(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.reported(caller="+86 138 0013 8000")
        assert await r.runner.tick() == 0, "not due yet"
        call = await r.dial(10)
        assert r.dialler.dialled == [(call, "13800138000", ticket.number)]
        (row,) = await r.callbacks(ticket.id)
        assert (row.call_id, row.number, row.placed_at) == (call, "13800138000", START + timedelta(minutes=10))
        assert call.startswith("cb-")


async def test_contact_goes_before_the_caller(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted()
        await r.tickets.submit(ticket.id, AGENT, {"code": "S0104", "contact_phone": "0595-8568 1234"})
        await r.tickets.accept(ticket.id, WATER)
        await r.tickets.report(ticket.id, WATER, "已修复")
        await r.dial(10)
        assert r.dialler.dialled[0][1] == "85681234"


@pytest.mark.parametrize("caller", ["110", "anonymous", "+44 20 7946 0000", "85680000"])
async def test_nobody_to_call_closes_without_dialling(tmp_path, caller):
    async with room(tmp_path) as r:
        ticket = await r.reported(caller=caller)
        r.clock.advance(600)
        assert await r.runner.tick() == 0
        now = await r.get(ticket.id)
        assert (now.state, now.satisfaction) == ("closed", "unknown")
        assert (await r.history(ticket.id))[-1].note == "没有可回访的号码"
        assert r.dialler.dialled == []


async def test_answered_key_counts_once_and_the_hangup_after_it_changes_nothing(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.reported()
        call = await r.dial(10)
        for _ in range(2):
            await r.key(call, "1")
            await r.hangup(call)
        assert (await r.get(ticket.id)).state == "closed"
        tried = [e for e in r.events if isinstance(e, CallbackTried)]
        assert [(e.attempt, e.outcome, e.digit, e.call_id) for e in tried] == [(1, "satisfied", "1", call)]
        assert len(await r.callbacks(ticket.id)) == 1


async def test_unsatisfied_reopens_once_then_waits_for_the_supervisor(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.reported()
        await r.key(await r.dial(10), "2")
        now = await r.get(ticket.id)
        assert (now.state, now.reopened, now.satisfaction) == ("handling", 1, "unsatisfied")
        assert now.due_at == r.clock.now() + timedelta(hours=24)

        await r.tickets.report(ticket.id, WATER2, "二次维修完毕")
        await r.key(await r.dial(10), "2")
        now = await r.get(ticket.id)
        assert (now.state, now.escalated_at) == ("callback", r.clock.now())
        assert (await r.history(ticket.id))[-1].note == "重办后来电人仍不满意，待值班主任决定"
        r.clock.advance(86400)
        assert await r.runner.tick() == 0, "nobody is called while the supervisor decides"

        with pytest.raises(NotAllowed):
            await r.tickets.reopen(ticket.id, AGENT, "再办")
        now = await r.tickets.reopen(ticket.id, CHIEF, "现场督办")
        assert (now.state, now.reopened, now.escalated_at) == ("handling", 2, None)
        await r.tickets.report(ticket.id, WATER, "三次维修完毕")
        await r.key(await r.dial(10), "1")
        assert (await r.get(ticket.id)).satisfaction == "satisfied"
        assert [(c.round, c.attempt, c.digit) for c in await r.callbacks(ticket.id)] == [
            (0, 1, "2"), (1, 1, "2"), (2, 1, "1"),
        ]  # fmt: skip
        assert await r.replayed(ticket.id) == "closed"


async def test_unanswered_thrice_closes_with_a_note(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.reported()
        for minutes in (10, 60, 180):
            call = await r.dial(minutes)
            await r.hangup(call, "unanswered")
            await r.hangup(call, "unanswered")
        now = await r.get(ticket.id)
        assert (now.state, now.satisfaction) == ("closed", "unknown")
        assert (await r.history(ticket.id))[-1].note == "多次回访未接通"
        assert [c.outcome for c in await r.callbacks(ticket.id)] == ["no_answer"] * 3
        assert len({c.call_id for c in await r.callbacks(ticket.id)}) == 3


async def test_answered_without_a_key_is_tried_again_and_noted_as_such(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.reported()
        first = await r.dial(10)
        await r.key(first, "")
        await r.key(first, "7")
        assert (await r.callbacks(ticket.id))[0].ended_at is None, "the end of the call decides"
        await r.hangup(first)
        for minutes in (60, 180):
            await r.hangup(await r.dial(minutes), "unanswered")
        assert [c.outcome for c in await r.callbacks(ticket.id)] == ["no_key", "no_answer", "no_answer"]
        assert (await r.history(ticket.id))[-1].note == "回访已接通，未作评价"


async def test_attempt_that_asterisk_refuses_is_failed_and_tried_again(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.reported()
        r.dialler.answer = False
        r.clock.advance(600)
        assert await r.runner.tick() == 0
        r.dialler.answer = OSError("no connection to Asterisk")
        r.clock.advance(3600)
        assert await r.runner.tick() == 0
        assert [c.outcome for c in await r.callbacks(ticket.id)] == ["failed", "failed", None]
        r.dialler.answer = True
        await r.key(await r.dial(180), "1")
        assert (await r.get(ticket.id)).state == "closed"


async def test_crash_between_placed_and_result_dials_once_and_tries_again_later(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.reported()
        r.dialler.answer = KeyboardInterruptStandIn()
        r.clock.advance(600)
        with pytest.raises(KeyboardInterruptStandIn):
            await r.runner.tick()
        (row,) = await r.callbacks(ticket.id)
        assert row.placed_at == r.clock.now(), "marked before it was dialled"
    async with room(tmp_path) as r:
        r.clock.advance(600 + 299)
        assert await r.runner.tick() == 0
        assert r.dialler.dialled == []
        r.clock.advance(2)
        await r.runner.tick()
        assert [c.outcome for c in await r.callbacks(ticket.id)] == ["failed", None]
        await r.key(await r.dial(60), "1")
        assert (await r.get(ticket.id)).state == "closed"


class KeyboardInterruptStandIn(BaseException):
    """Ends the process as far as the runner can tell: not an ``Exception``."""


async def test_key_that_comes_after_we_gave_up_still_counts(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.reported()
        call = await r.dial(10)
        r.clock.advance(301)
        await r.runner.tick()
        assert [c.outcome for c in await r.callbacks(ticket.id)] == ["failed", None]
        await r.key(call, "1")
        assert [c.outcome for c in await r.callbacks(ticket.id)] == ["satisfied"], "the next attempt is dropped"
        assert (await r.get(ticket.id)).state == "closed"


async def test_answer_after_a_supervisor_closed_is_kept_and_moves_nothing(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.reported()
        call = await r.dial(10)
        await r.tickets.close(ticket.id, CHIEF, "已当面答复")
        await r.key(call, "2")
        now = await r.get(ticket.id)
        assert (now.state, now.satisfaction) == ("closed", "unsatisfied")
        assert (await r.callbacks(ticket.id))[0].outcome == "unsatisfied"


async def test_service_that_was_down_over_night_does_not_dial_in_quiet_hours(tmp_path):
    async with room(tmp_path) as r:
        await r.reported()
        r.clock.advance(12 * 3600)  # 22:00 in the city
        assert await r.runner.tick() == 0
        r.clock.advance(10 * 3600 - 1)  # one second before 08:00
        assert await r.runner.tick() == 0
        r.clock.advance(1)
        assert await r.runner.tick() == 1


async def test_one_person_is_not_rung_for_two_tickets_at_once(tmp_path):
    async with room(tmp_path) as r:
        first, second = await r.reported("1.1"), await r.reported("1.2")
        call = await r.dial(10)
        assert await r.runner.tick() == 0
        await r.key(call, "1")
        other = await r.dial(0)
        await r.key(other, "1")
        assert [(await r.get(t.id)).state for t in (first, second)] == ["closed", "closed"]


async def test_a_morning_of_many_due_callbacks_is_spread(tmp_path):
    async with room(tmp_path) as r:
        for i in range(8):
            await r.reported(f"1.{i}", caller=f"1380013800{i}")
        r.clock.advance(600)
        assert await r.runner.tick() == 6
        assert await r.runner.tick() == 0
        await r.hangup(r.dialler.dialled[0][0], "unanswered")
        assert await r.runner.tick() == 1


async def test_two_runners_on_one_database_dial_once(tmp_path):
    async with room(tmp_path) as a:
        await a.reported()
        b = Room(f"sqlite+aiosqlite:///{tmp_path / 'heyi.db'}")
        try:
            for r in (a, b):
                r.clock.advance(600)
            (due,) = await a.callbacks((await a.drafted()).id)
            assert await a.runner._dial(due, [])
            assert not await b.runner._dial(due, [])
            assert (len(a.dialler.dialled), len(b.dialler.dialled)) == (1, 0)
        finally:
            await b.close()


async def test_events_of_other_calls_and_questions_are_not_ours(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.reported()
        call = await r.dial(10)
        await r.key("1.1", "1")
        await r.hangup("1.1")
        await r.key("cb-unknown", "1")
        await r.runner.handle(KeyPressed(at=r.clock.now(), call_id=call, question="language", digit="1"))
        assert (await r.callbacks(ticket.id))[0].outcome is None


async def test_results_come_over_the_bus(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.reported()
        r.runner.listen(r.bus)
        call = await r.dial(10)
        r.bus.publish(KeyPressed(at=r.clock.now(), call_id=call, question="satisfaction", digit="1"))
        await r.bus.drain()
        assert (await r.get(ticket.id)).state == "closed"


async def test_answer_about_the_first_handling_does_not_judge_the_second(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.reported()
        call = await r.dial(10)
        await r.tickets.reopen(ticket.id, CHIEF, "抽查发现未修好")
        await r.tickets.report(ticket.id, WATER, "重新修复")
        await r.key(call, "1")
        now = await r.get(ticket.id)
        assert (now.state, now.satisfaction) == ("callback", "")
        assert [(c.round, c.outcome) for c in await r.callbacks(ticket.id)] == [(0, "satisfied"), (1, None)]
        await r.key(await r.dial(10), "1")
        assert (await r.get(ticket.id)).state == "closed"
