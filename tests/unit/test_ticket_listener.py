"""From telephony's events to drafts."""

from datetime import timedelta

from ticket_support import START, Room, room, verdict

from asr.events import UtteranceHeard
from asr.record.transcripts import Utterance
from heyi.readers import Transcripts, Verdicts
from telephony.events import CallAnswered, CallArrived, CallEnded
from ticketing.events import TicketDrafted
from ticketing.listener import CallFacts, TicketListener
from ticketing.repository import TicketRepository
from ticketing.tables import Ticket
from triage import store
from triage.verdict import CallTriaged, Verdict

#: What a caller says before anybody answers: utterance id and text.
WAITING = (("u1", "我家着火了！"), ("u2", "在池店镇华洲村。"), ("u3", "二楼有人。"))


async def nothing_known(_call_id: str) -> tuple[str, str] | None:
    return None


def listening(r: Room, facts: CallFacts = nothing_known) -> TicketListener:
    """A listener over what the room's database holds, as a process that has just started has it."""
    return TicketListener(r.bus, r.tickets, facts, Verdicts(r.database).latest, Transcripts(r.database).caller_live)


async def stored(r: Room, *facts: Verdict | UtteranceHeard | Utterance, call_id: str = "1.1") -> None:
    """What triage and the ears store before they tell it."""
    async with r.database.work() as work:
        for second, fact in enumerate(facts):
            if isinstance(fact, Verdict):
                await store.save(work.session, call_id, START, fact)
            else:
                work.session.add(fact if isinstance(fact, Utterance) else row(fact, second))


def row(event: UtteranceHeard, second: int, source: str = "live") -> Utterance:
    return Utterance(
        id=event.utterance_id if source == "live" else f"r-{event.utterance_id}", call_id=event.call_id, leg=event.leg,
        source=source, start_s=0, end_s=1, text=event.text, raw=event.raw, confidence=0.9,
        at=START + timedelta(seconds=second),
    )  # fmt: skip


def arrived(call_id: str = "1.1", line: str = "119", direction: str = "in") -> CallArrived:
    return CallArrived(at=START, call_id=call_id, line=line, caller="13800138000", direction=direction)  # type: ignore[arg-type]


def answered(call_id: str = "1.1") -> CallAnswered:
    return CallAnswered(at=START, call_id=call_id, agent="1001", waited_s=3.0, agent_channel="1.9")


def heard(text: str, leg: str = "caller", call_id: str = "1.1", utterance_id: str = "u") -> UtteranceHeard:
    return UtteranceHeard(
        at=START,
        call_id=call_id,
        utterance_id=utterance_id,
        leg=leg,
        text=text,
        raw=text,
        start_s=0,
        end_s=1,
        confidence=0.9,
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
        listening(r)
        await play(
            r,
            arrived(),
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


async def test_abandoned_and_outgoing_calls_have_no_draft(tmp_path):
    async with room(tmp_path) as r:
        listening(r)
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
        listening(r, facts)
        await play(r, answered(), answered(), heard("路灯坏了。"))
        ticket = await ticket_of(r)
        assert ticket is not None
        assert (ticket.line, ticket.caller, ticket.summary) == ("12345", "13900139000", "路灯坏了。")
        assert asked == ["1.1"]
        assert len([e for e in r.events if isinstance(e, TicketDrafted)]) == 1


async def test_nothing_of_ended_calls_is_kept(tmp_path):
    async with room(tmp_path) as r:
        listener = listening(r)
        triaged = CallTriaged(at=START, call_id="1.2", verdict=verdict())
        await play(r, arrived(), answered(), arrived("1.2"), triaged, ended(), ended("1.2", "abandoned"))
        assert listener._calls == {}


async def test_what_was_said_while_waiting_is_in_the_draft_once(tmp_path):
    """The first words were heard before the answer; the event of the second is still on the way when it comes."""
    first, second, third = (heard(text, utterance_id=key) for key, text in WAITING)
    judged = verdict("emergency", code="E101", place="池店镇华洲村", nature="求助")
    async with room(tmp_path) as r:
        listening(r)
        await stored(r, judged, first, heard("请不要挂机。", "agent", utterance_id="greeting"))
        await play(r, arrived(), first, CallTriaged(at=START, call_id="1.1", verdict=judged))
        assert await ticket_of(r) is None
        await stored(r, row(second, 9))
        await play(r, answered(), ended(), second)
        await stored(r, row(third, 10))
        await play(r, third)
        ticket = await ticket_of(r)
        assert ticket is not None
        assert (ticket.code, ticket.place, ticket.nature, ticket.is_emergency) == ("E101", "池店镇华洲村", "求助", True)
        assert ticket.summary == "我家着火了！在池店镇华洲村。二楼有人。"


async def test_a_restart_while_the_caller_waits_loses_neither_verdict_nor_words(tmp_path):
    async def facts(_call_id: str) -> tuple[str, str] | None:
        return ("12345", "13900139000")

    words = [heard(text, utterance_id=key) for key, text in WAITING]
    async with room(tmp_path) as r:
        # Later spoken, earlier stored: recognition of short words overtakes that of long ones.
        await stored(r, verdict("emergency", code="E101", place="池店镇"), row(words[1], 9), row(words[0], 8))
        await stored(r, row(words[2], 0, "record"))
        listening(r, facts)
        await play(r, answered())
        ticket = await ticket_of(r)
        assert ticket is not None
        assert (ticket.code, ticket.place, ticket.is_emergency) == ("E101", "池店镇", True)
        assert ticket.summary == "我家着火了！在池店镇华洲村。"


async def test_a_draft_made_at_start_is_filled_and_nothing_is_heard_twice(tmp_path):
    words = [heard(text, utterance_id=key) for key, text in WAITING]
    async with room(tmp_path) as r:
        await stored(r, verdict(code="S0104"), *words[:2])
        # The answer is found in the ledger and told by telephony as well; another restart asks once more.
        for _ in range(2):
            listener = listening(r)
            r.bus.publish(arrived(line="12345"))
            r.bus.publish(answered())
            await listener.answered("1.1", "12345", "13800138000", "1001")
            await r.bus.drain()
        ticket = await ticket_of(r)
        assert ticket is not None
        assert (ticket.line, ticket.agent_extension, ticket.code) == ("12345", "1001", "S0104")
        assert ticket.summary == "我家着火了！在池店镇华洲村。"
        assert len([e for e in r.events if isinstance(e, TicketDrafted)]) == 1
