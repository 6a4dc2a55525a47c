"""What the dialplan says itself (``CELGenUserEvent``), as facts about a call: its steps have no other voice."""

from datetime import datetime

from telephony.call import Call, fact_id
from telephony.callids import CALLBACK
from telephony.cel import CelEvent
from telephony.events import (
    CallEvent,
    CallKept,
    CallLocated,
    CallMoved,
    CallQueued,
    CallSupervised,
    CallUrged,
    ConversationEnded,
    KeyPressed,
    VoiceBegan,
)
from telephony.gml import read_shape


def hear(call: Call, event: CelEvent) -> list[CallEvent]:
    """The facts in one word of a channel of ``call``, which it brings up to date; a word heard again tells nothing."""
    value = str(event.extra.get("extra", ""))
    if event.name == "SUPERVISE":
        return _supervised(call, event, value)
    if event.uniqueid != call.id:
        return []
    match event.name:
        case "QUEUED":
            return _queued(call, value, event.at)
        case "KEPT":
            return _kept(call, event.at)
        case "VOICE":
            return _spoken_to(call, value, event.at)
        case "AFTER":
            return _conversation_ended(call, value, event.at)
        case "URGED":
            return [CallUrged(id=fact_id(call.id, "urged"), at=event.at, call_id=call.id)]
        case "LOCATION":
            return _located(call, value, event.at)
        case "KEY":
            question, _, digit = value.partition(":")
            return [
                KeyPressed(
                    id=fact_id(call.id, "key", question), at=event.at, call_id=call.id, question=question,
                    digit=digit,
                )
            ]  # fmt: skip
        case "LINE" if call.queued_at is not None or call.id.startswith(CALLBACK):
            call.line = value
    return []


def _supervised(call: Call, event: CelEvent, value: str) -> list[CallEvent]:
    leg, (mode, _, times) = call.legs[event.uniqueid], value.partition(":")
    if not times.isdecimal() or int(times) <= leg.modes:
        return []
    leg.role, leg.modes = "supervisor", int(times)
    return [
        CallSupervised(
            id=fact_id(call.id, "supervised", f"{leg.uniqueid}:{leg.modes}"), at=event.at, call_id=call.id,
            agent=leg.extension, mode=mode,
        )
    ]  # fmt: skip


def _queued(call: Call, value: str, at: datetime) -> list[CallEvent]:
    """``priority:queue:times``; the last is the how manieth wait it is."""
    priority, queue, times = (*value.split(":"), "", "")[:3]
    if not (priority.isdecimal() and times.isdecimal()) or int(times) <= call.rounds:
        return []
    call.priority, call.queue, call.rounds, call.waiting = int(priority), queue, int(times), True
    call.talked_until = None
    if call.id.startswith(CALLBACK):  # asked for a person: from now on a caller like any other whom heyi rang
        call.direction = "back"
    if call.queued_at is not None:
        return [
            CallMoved(
                id=fact_id(call.id, "moved", str(call.rounds)), at=at, call_id=call.id, line=call.line,
                queue=call.queue, priority=call.priority,
            )
        ]  # fmt: skip
    call.queued_at = at
    return [
        CallQueued(
            id=fact_id(call.id, "queued"), at=at, call_id=call.id, line=call.line, priority=call.priority,
            queue=call.queue,
        )
    ]  # fmt: skip


def _spoken_to(call: Call, value: str, at: datetime) -> list[CallEvent]:
    """``times:flow``; the first is the how manieth voice of this call it is."""
    times, _, flow = value.partition(":")
    if not times.isdecimal() or int(times) <= call.voices:
        return []
    call.voices = int(times)
    return [VoiceBegan(id=fact_id(call.id, "voice", times), at=at, call_id=call.id, flow=flow)]


def _conversation_ended(call: Call, value: str, at: datetime) -> list[CallEvent]:
    """``times``: how often the caller had been put into a queue by then; heard again once he waits anew, it is old."""
    if call.answered_at is None or call.talked_until is not None or value != str(call.rounds):
        return []
    call.talked_until = at
    return [ConversationEnded(id=fact_id(call.id, "after", value), at=at, call_id=call.id)]


def _kept(call: Call, at: datetime) -> list[CallEvent]:
    call.waiting = False
    return [
        CallKept(
            id=fact_id(call.id, "kept"), at=at, call_id=call.id, line=call.line, caller=call.caller, queue=call.queue,
            priority=call.priority,
        )
    ]  # fmt: skip


def _located(call: Call, value: str, at: datetime) -> list[CallEvent]:
    place = read_shape(value)
    if place is None:
        return []
    return [
        CallLocated(
            id=fact_id(call.id, "located"), at=at, call_id=call.id, latitude=place.latitude, longitude=place.longitude,
            radius_m=place.radius_m,
        )
    ]  # fmt: skip
