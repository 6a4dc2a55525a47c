"""What callers tell a voice: the robot's callback by words, a call that is rated, somebody who wants a person."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from core.errors import Conflict, HeyiError
from telephony.events import CallAnswered, CallQueued
from tests.unit.ticket_support import AGENT, AGENT2, Room, room
from ticketing.callbacks.people import FORGOTTEN, CallbackDesk
from ticketing.callbacks.robot import CallbackRunner
from ticketing.callbacks.said import Said
from ticketing.callbacks.tables import CallEvaluation
from ticketing.events import CallbackTried, CallEvaluated
from ticketing.selfservice.asked import Asked
from ticketing.selfservice.tables import VoiceMessage


@pytest.fixture
async def r(tmp_path: Path) -> AsyncIterator[Room]:
    async with room(tmp_path) as opened:
        yield opened


def asked(r: Room, call_id: str, **arguments: str) -> Asked:
    return Asked(arguments, "13800138000", call_id, "", r.clock.now())


async def says(r: Room, call_id: str, **arguments: str) -> tuple[str, dict[str, str]]:
    return await Said(r.database, r.tickets).result(asked(r, call_id, ticket="20261120-0001", **arguments))


# --- the robot's callback ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solved", ["yes", "no", ""])
async def test_satisfied_closes_whatever_was_said_of_the_solution(r: Room, solved: str) -> None:
    """解决率 and 满意率 are two figures: the answer about the solution is kept beside the other."""
    ticket = await r.reported()
    call = await r.dial(10)
    assert await says(r, call, satisfied="yes", solved=solved) == ("done", {})
    await r.hangup(call)
    now = await r.get(ticket.id)
    assert (now.state, now.satisfaction) == ("closed", "satisfied")
    (row,) = await r.callbacks(ticket.id)
    assert (row.outcome, row.solved) == ("satisfied", {"yes": True, "no": False, "": None}[solved])


async def test_solved_and_not_satisfied_is_heard_again(r: Room) -> None:
    ticket = await r.reported()
    call = await r.dial(10)
    await says(r, call, satisfied="no", solved="yes", recording=f"{call}-voice-1.wav")
    await r.hangup(call)
    now = await r.get(ticket.id)
    assert (now.state, now.reopened, now.satisfaction) == ("handling", 1, "unsatisfied")
    (row,) = await r.callbacks(ticket.id)
    assert (row.outcome, row.solved) == ("unsatisfied", True)
    async with r.database.read() as session:
        (message,) = await session.scalars(select(VoiceMessage))
    assert (message.ticket_id, message.call_id, message.state) == (ticket.id, call, "waiting")
    assert "来电人在回访中口述原因" in [row.note for row in await r.history(ticket.id)]


@pytest.mark.parametrize("word", ["", "fair", "maybe", "是", "满意", "YES", "0"])
async def test_what_is_no_answer_is_never_satisfied(r: Room, word: str) -> None:
    ticket = await r.reported()
    call = await r.dial(10)
    with pytest.raises(HeyiError):
        await says(r, call, satisfied=word, solved="yes")
    await r.hangup(call)
    assert [(row.outcome, row.solved) for row in await r.callbacks(ticket.id)] == [("no_key", None), (None, None)]
    assert (await r.get(ticket.id)).state == "callback"


@pytest.mark.parametrize("name", ["other-voice-1.wav", "../../etc/passwd", "{call}-voice-1.wav.exe", "{call}.wav"])
async def test_a_recording_of_another_call_is_not_taken(r: Room, name: str) -> None:
    await r.reported()
    call = await r.dial(10)
    await says(r, call, satisfied="no", recording=name.format(call=call))
    async with r.database.read() as session:
        assert list(await session.scalars(select(VoiceMessage))) == []


async def test_told_twice_it_counts_once_and_the_first_holds(r: Room) -> None:
    ticket = await r.reported()
    call = await r.dial(10)
    await says(r, call, satisfied="yes", solved="yes")
    await says(r, call, satisfied="no", solved="no", recording=f"{call}-voice-1.wav")
    await says(r, call, satisfied="no", solved="no", recording=f"{call}-voice-1.wav")
    (row,) = await r.callbacks(ticket.id)
    assert (row.outcome, row.solved) == ("satisfied", True)
    assert len([e for e in r.events if isinstance(e, CallbackTried)]) == 1


async def test_a_call_that_nobody_planned_has_no_result(r: Room) -> None:
    with pytest.raises(HeyiError, match="没有这次回访"):
        await says(r, "cb-unknown", satisfied="yes")


async def test_somebody_who_knows_nothing_of_it_is_not_rung_by_the_robot_again(r: Room) -> None:
    ticket = await r.reported()
    call = await r.dial(10)
    await says(r, call, satisfied="wrong")
    await r.hangup(call)
    first, second = await r.callbacks(ticket.id)
    assert (first.outcome, first.words) == ("failed", "接听人表示没有反映过此事")
    assert (second.channel, second.ended_at) == ("person", None)
    r.clock.advance(86400)
    assert await r.runner.tick() == 0
    assert (await r.get(ticket.id)).state == "callback"


# --- a person instead -------------------------------------------------------------------------------------------------


def with_logins(r: Room, login: str) -> CallbackRunner:
    async def login_at(desk: str, at: datetime) -> str:
        return login

    r.runner = CallbackRunner(r.database, r.tickets, r.dialler, r.clock, login_at=login_at)
    return r.runner


async def handed_over(r: Room, call: str) -> None:
    now = r.clock.now()
    await r.runner.handle(CallQueued(at=now, call_id=call, line="12345", priority=10, queue="service"))
    await r.runner.handle(CallAnswered(at=now, call_id=call, agent="1001", waited_s=3, agent_channel="d"))


async def test_who_answers_somebody_that_wants_a_person_writes_the_result(r: Room) -> None:
    with_logins(r, AGENT.login)
    ticket = await r.reported()
    call = await r.dial(10)
    await handed_over(r, call)
    await r.hangup(call)
    (row,) = await r.callbacks(ticket.id)
    assert (row.channel, row.who, row.desk_call, row.ended_at) == ("person", AGENT.login, call, None)
    desk = CallbackDesk(r.database, r.tickets, r.clock)
    with pytest.raises(HeyiError):
        await desk.result(row.id, AGENT2, "satisfied")
    await desk.result(row.id, AGENT, "satisfied", solved=True)
    (row,) = await r.callbacks(ticket.id)
    assert (row.outcome, row.solved, row.desk_call) == ("satisfied", True, call)
    assert (await r.get(ticket.id)).state == "closed"


async def test_what_that_person_forgets_is_tried_again(r: Room) -> None:
    with_logins(r, AGENT.login)
    ticket = await r.reported()
    call = await r.dial(10)
    await handed_over(r, call)
    await r.hangup(call)
    r.clock.advance(301)
    await r.runner.tick()
    assert [row.outcome for row in await r.callbacks(ticket.id)] == [None], "no call that the robot lost"
    r.clock.advance(FORGOTTEN.total_seconds())
    assert await CallbackDesk(r.database, r.tickets, r.clock).sweep() == 1
    assert [row.outcome for row in await r.callbacks(ticket.id)] == ["failed", None]


async def test_who_leaves_before_a_person_answers_was_reached_and_is_asked_again(r: Room) -> None:
    with_logins(r, AGENT.login)
    ticket = await r.reported()
    call = await r.dial(10)
    await r.runner.handle(CallQueued(at=r.clock.now(), call_id=call, line="12345", priority=10, queue="service"))
    await r.hangup(call, "abandoned")
    assert [row.outcome for row in await r.callbacks(ticket.id)] == ["no_key", None]


async def test_an_answer_given_to_the_robot_stays_when_a_person_takes_over(r: Room) -> None:
    with_logins(r, AGENT.login)
    ticket = await r.reported()
    call = await r.dial(10)
    await says(r, call, satisfied="no", solved="no")
    await handed_over(r, call)
    (row,) = await r.callbacks(ticket.id)
    assert (row.channel, row.outcome) == ("robot", "unsatisfied")
    with pytest.raises(Conflict):
        await CallbackDesk(r.database, r.tickets, r.clock).begin(row.id, AGENT)


# --- after a call -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("word", "rating"), [("yes", "satisfied"), ("fair", "fair"), ("no", "unsatisfied")])
async def test_a_rating_is_on_the_ticket_and_judges_only_the_call(r: Room, word: str, rating: str) -> None:
    ticket = await r.drafted("1.1")
    await says(r, "1.1", satisfied=word)
    (event,) = [e for e in r.events if isinstance(e, CallEvaluated)]
    assert (event.call_id, event.number, event.rating, event.agent) == ("1.1", ticket.number, rating, "1001")
    now = await r.get(ticket.id)
    assert (now.satisfaction, now.state) == ("", "draft"), "the result of the matter is asked for later"
    assert (await r.history(ticket.id))[-1].action == "rated"


async def test_a_call_is_rated_once_however_often_it_is_told(r: Room) -> None:
    await r.drafted("1.1")
    said = Said(r.database, r.tickets)
    assert not await said.rated("1.1")
    await asyncio.gather(*(says(r, "1.1", satisfied=word) for word in ("yes", "no", "fair")))
    await says(r, "1.1", satisfied="no")
    async with r.database.read() as session:
        assert len(list(await session.scalars(select(CallEvaluation)))) == 1
    assert len([e for e in r.events if isinstance(e, CallEvaluated)]) == 1
    assert await said.rated("1.1")


async def test_a_call_without_a_ticket_and_a_word_that_is_none_are_refused(r: Room) -> None:
    with pytest.raises(HeyiError, match="没有这次通话的工单"):
        await says(r, "9.9", satisfied="yes")
    await r.drafted("1.1")
    with pytest.raises(HeyiError, match="没有听清"):
        await says(r, "1.1", satisfied="嗯")
    assert not await Said(r.database, r.tickets).rated("1.1")


async def test_quiet_hours_and_attempts_are_those_of_the_plan(r: Room) -> None:
    """Speech changes nothing about when and how often: an unclear answer is an attempt like any other."""
    ticket = await r.reported()
    for minutes in (10, 60, 180):
        call = await r.dial(minutes)
        with pytest.raises(HeyiError):
            await says(r, call, satisfied="")
        await r.hangup(call)
    now = await r.get(ticket.id)
    assert (now.state, now.satisfaction) == ("closed", "unknown")
    assert r.clock.now() - ticket.created_at < timedelta(hours=11)
