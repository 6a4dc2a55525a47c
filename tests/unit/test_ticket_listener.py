"""From telephony's events to drafts."""

from ticket_support import START, Room, room, verdict

from asr.events import UtteranceHeard
from telephony.events import CallAnswered, CallArrived, CallEnded
from ticketing.events import TicketDrafted
from ticketing.listener import TicketListener
from ticketing.repository import TicketRepository
from ticketing.tables import Ticket
from triage.verdict import CallTriaged


async def nothing_known(_call_id: str) -> tuple[str, str] | None:
    return None


def arrived(call_id: str = "1.1", line: str = "119", direction: str = "in") -> CallArrived:
    return CallArrived(at=START, call_id=call_id, line=line, caller="13800138000", direction=direction)  # type: ignore[arg-type]


def answered(call_id: str = "1.1") -> CallAnswered:
    return CallAnswered(at=START, call_id=call_id, agent="1001", waited_s=3.0, agent_channel="1.9")


def heard(text: str, leg: str = "caller", call_id: str = "1.1") -> UtteranceHeard:
    return UtteranceHeard(
        at=START, call_id=call_id, utterance_id="u", leg=leg, text=text, raw=text, start_s=0, end_s=1, confidence=0.9
    )  # type: ignore[arg-type]


def ended(call_id: str = "1.1", outcome: str = "answered") -> CallEnded:
    return CallEnded(at=START, call_id=call_id, outcome=outcome, cause=16, by="caller", talked_s=9.0)


async def ticket_of(r: Room, call_id: str = "1.1") -> Ticket | None:
    async with r.database.read() as session:
        return await TicketRepository(session).by_call(call_id)


async def play(r: Room, *events) -> None:
    for event in events:
        r.bus.publish(event)
    await r.bus.drain()


async def test_answered_call_is_drafted_judged_and_heard_in_order(tmp_path):
    async with room(tmp_path) as r:
        TicketListener(r.bus, r.tickets, nothing_known)
        await play(
            r,
            arrived(),
            CallTriaged(at=START, call_id="1.1", verdict=verdict("emergency", nature="求助")),
            answered(),
            heard("您好，火警。", "agent"),
            heard("我家着火了！"),
            CallTriaged(at=START, call_id="1.1", verdict=verdict("emergency", code="E101", place="池店镇华洲村")),
            ended(),
        )
        ticket = await ticket_of(r)
        assert ticket is not None
        assert (ticket.line, ticket.caller, ticket.agent_extension) == ("119", "13800138000", "1001")
        assert (ticket.summary, ticket.code, ticket.place) == ("我家着火了！", "E101", "池店镇华洲村")
        assert ticket.nature == "求助", "the verdict from before the answer is not lost"


async def test_abandoned_and_outgoing_calls_have_no_draft(tmp_path):
    async with room(tmp_path) as r:
        TicketListener(r.bus, r.tickets, nothing_known)
        await play(
            r,
            arrived("1.1"),
            ended("1.1", "abandoned"),
            arrived("1.2", direction="out"),
            answered("1.2"),
            arrived("cb-1", direction="out"),
            answered("cb-1"),
            answered("1.3"),
        )
        assert not [e for e in r.events if isinstance(e, TicketDrafted)]


async def test_call_from_before_a_restart_is_looked_up(tmp_path):
    asked = []

    async def facts(call_id: str) -> tuple[str, str] | None:
        asked.append(call_id)
        return ("12345", "13900139000")

    async with room(tmp_path) as r:
        TicketListener(r.bus, r.tickets, facts)
        await play(r, answered(), answered(), heard("路灯坏了。"))
        ticket = await ticket_of(r)
        assert ticket is not None
        assert (ticket.line, ticket.caller, ticket.summary) == ("12345", "13900139000", "路灯坏了。")
        assert asked == ["1.1"]
        assert len([e for e in r.events if isinstance(e, TicketDrafted)]) == 1


async def test_nothing_of_ended_calls_is_kept(tmp_path):
    async with room(tmp_path) as r:
        listener = TicketListener(r.bus, r.tickets, nothing_known)
        triaged = CallTriaged(at=START, call_id="1.2", verdict=verdict())
        await play(r, arrived(), answered(), arrived("1.2"), triaged, ended(), ended("1.2", "abandoned"))
        assert (listener._calls, listener._early, listener._drafted) == ({}, {}, set())
