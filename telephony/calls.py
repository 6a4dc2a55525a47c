"""The pure tracker of calls: channel events in, facts about calls out. Everything that changes a call's state is here.

    arrived ──QUEUED──▶ queued ──desk enters the bridge──▶ talking ──▶ ended
       └──────────────────┴───────── HANGUP of the caller's channel ───▲

Events may come twice (live, and again from the file after a lost connection): what is known is not told again, and
every fact has an id made from what it is about, so that the ledger takes each once.
"""

import re
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from telephony.cel import CelEvent
from telephony.events import (
    CallAnswered,
    CallArrived,
    CallEnded,
    CallEvent,
    CallQueued,
    CallRingEnded,
    CallRinging,
    DeskJoined,
    KeyPressed,
    LegEnded,
)

#: Head of the channel ids that heyi chooses when it calls somebody back.
CALLBACK = "cb-"
_NAMESPACE = uuid.UUID("6f1d6bd2-9d0b-4a54-8a70-6f0f5c2c4b11")
_DESK = re.compile(r"PJSIP/([1-9][0-9]{2,5})-")
_REMEMBERED = 20_000


def fact_id(call_id: str, kind: str, about: str = "") -> str:
    """The id of a fact: the same whenever and from whichever source it is learned."""
    return uuid.uuid5(_NAMESPACE, f"{call_id}/{kind}/{about}").hex


@dataclass(slots=True)
class Leg:
    """One channel of a call."""

    uniqueid: str
    channel: str
    kind: Literal["caller", "desk"]
    extension: str
    started_at: datetime
    answered_at: datetime | None = None
    joined: bool = False


@dataclass(slots=True)
class Call:
    """What is known of a call that has not ended."""

    id: str
    line: str
    caller: str
    direction: Literal["in", "out"]
    channel: str
    arrived_at: datetime
    priority: int = 0
    queued_at: datetime | None = None
    answered_at: datetime | None = None
    agent: str = ""
    ended: bool = False
    legs: dict[str, Leg] = field(default_factory=dict)

    @property
    def state(self) -> Literal["arrived", "queued", "ringing", "talking"]:
        if self.answered_at is not None:
            return "talking"
        if any(leg.kind == "desk" for leg in self.legs.values()):
            return "ringing"
        return "arrived" if self.queued_at is None else "queued"


class CallTracker:
    """Follows all calls of one Asterisk. ``desks`` are the extensions whose channels are call takers."""

    def __init__(self, desks: Iterable[str]) -> None:
        self._desks = frozenset(desks)
        self.calls: dict[str, Call] = {}
        self._by_channel: dict[str, str] = {}
        self._bridges: dict[str, set[str]] = {}
        #: Desk channels that began outside of a call (a page that comes back) until they enter one.
        self._loose: dict[str, Leg] = {}
        self._over: OrderedDict[str, None] = OrderedDict()
        self._handlers: dict[str, Callable[[CelEvent], list[CallEvent]]] = {
            "CHAN_START": self._start,
            "ANSWER": self._answer,
            "USER_DEFINED": self._named,
            "BRIDGE_ENTER": self._enter,
            "BRIDGE_EXIT": self._exit,
            "HANGUP": self._hangup,
        }

    def feed(self, event: CelEvent) -> list[CallEvent]:
        """What this event tells; often nothing."""
        handler = self._handlers.get(event.type)
        return handler(event) if handler is not None else []

    def lost(self, living: set[str], asked: datetime, now: datetime) -> list[CallEvent]:
        """Calls whose channel no longer exists although no end was told (Asterisk itself was killed).

        ``living`` are the channels that Asterisk named when it was ``asked``; a call that came later is not among them.
        """
        told: list[CallEvent] = []
        for call in [c for c in self.calls.values() if c.id not in living and not c.ended and c.arrived_at < asked]:
            told += self._end(call, now, cause=0, by="system", outcome="answered" if call.answered_at else "lost")
            for leg in list(call.legs.values()):
                told += self._leg_end(call, leg, now, 0)
            self._forget(call)
        return told

    def is_over(self, call_id: str) -> bool:
        """Whether this call's end was seen."""
        return call_id in self._over or (call_id in self.calls and self.calls[call_id].ended)

    def call_of_desk(self, extension: str) -> Call | None:
        """The call that this desk takes part in."""
        for call in self.calls.values():
            if any(leg.extension == extension and leg.joined for leg in call.legs.values()):
                return call
        return None

    # -- one method for each type of channel event

    def _start(self, event: CelEvent) -> list[CallEvent]:
        uid = event.uniqueid
        # In calls, too: its caller may have left while the desk's leg, whose end must still be told, has not.
        if uid in self._over or uid in self.calls or uid in self._by_channel or uid in self._loose:
            return []
        desk = self._desk(event.channel)
        if desk:
            return self._desk_start(event, desk)
        outgoing = uid.startswith(CALLBACK)
        if uid != event.linkedid or not (outgoing or event.context == "from-trunk"):
            return []  # a live tap, the far end of a transfer, a helper channel
        call = Call(
            id=uid,
            line="callback" if outgoing else event.exten,
            caller=event.caller,
            direction="out" if outgoing else "in",
            channel=event.channel,
            arrived_at=event.at,
        )
        call.legs[uid] = Leg(uid, event.channel, "caller", "", event.at)
        self.calls[uid] = call
        self._by_channel[uid] = uid
        return [
            CallArrived(
                id=fact_id(uid, "arrived"), at=event.at, call_id=uid, line=call.line, caller=call.caller,
                direction=call.direction,
            )
        ]  # fmt: skip

    def _desk_start(self, event: CelEvent, extension: str) -> list[CallEvent]:
        leg = Leg(event.uniqueid, event.channel, "desk", extension, event.at)
        call = self.calls.get(event.linkedid)
        if call is None or call.ended:
            self._loose[event.uniqueid] = leg
            return []
        self._attach(call, leg)
        return [
            CallRinging(id=fact_id(call.id, "ringing", leg.uniqueid), at=event.at, call_id=call.id, agent=extension)
        ]

    def _answer(self, event: CelEvent) -> list[CallEvent]:
        leg = self._leg(event.uniqueid)
        if leg is not None and leg.answered_at is None:
            leg.answered_at = event.at
        return []

    def _named(self, event: CelEvent) -> list[CallEvent]:
        call = self.calls.get(event.uniqueid)
        if call is None or call.ended:
            return []
        value = str(event.extra.get("extra", ""))
        if event.name == "QUEUED" and value.isdecimal():
            call.priority = int(value)
            if call.queued_at is None:
                call.queued_at = event.at
                return [
                    CallQueued(
                        id=fact_id(call.id, "queued"), at=event.at, call_id=call.id, line=call.line,
                        priority=call.priority,
                    )
                ]  # fmt: skip
        elif event.name == "KEY":
            question, _, digit = value.partition(":")
            return [
                KeyPressed(
                    id=fact_id(call.id, "key", question), at=event.at, call_id=call.id, question=question,
                    digit=digit,
                )
            ]  # fmt: skip
        return []

    def _enter(self, event: CelEvent) -> list[CallEvent]:
        bridge = str(event.extra.get("bridge_id", ""))
        members = self._bridges.setdefault(bridge, set())
        members.add(event.uniqueid)
        call = next((self.calls[m] for m in members if m in self.calls), None)
        if call is None or call.ended:
            return []
        told: list[CallEvent] = []
        for member in members:
            leg = self._loose.pop(member, None)
            if leg is not None:
                self._attach(call, leg)
        for member in sorted(members):
            leg = call.legs.get(member)
            if leg is not None and leg.kind == "desk" and not leg.joined:
                told += self._join(call, leg, event.at)
        return told

    def _join(self, call: Call, leg: Leg, at: datetime) -> list[CallEvent]:
        leg.joined = True
        told: list[CallEvent] = []
        call.agent = leg.extension
        if call.answered_at is None:
            call.answered_at = at
            told.append(
                CallAnswered(
                    id=fact_id(call.id, "answered"), at=at, call_id=call.id, agent=leg.extension,
                    waited_s=round((at - call.arrived_at).total_seconds(), 3), agent_channel=leg.uniqueid,
                )
            )  # fmt: skip
        told.append(
            DeskJoined(
                id=fact_id(call.id, "joined", leg.uniqueid), at=at, call_id=call.id, agent=leg.extension,
                agent_channel=leg.uniqueid,
            )
        )  # fmt: skip
        return told

    def _exit(self, event: CelEvent) -> list[CallEvent]:
        bridge = str(event.extra.get("bridge_id", ""))
        members = self._bridges.get(bridge)
        if members is not None:
            members.discard(event.uniqueid)
            if not members:
                del self._bridges[bridge]
        return []

    def _hangup(self, event: CelEvent) -> list[CallEvent]:
        self._loose.pop(event.uniqueid, None)
        call = self.calls.get(self._by_channel.get(event.uniqueid, ""))
        if call is None:
            return []
        cause = event.extra.get("hangupcause", 0)
        cause = cause if isinstance(cause, int) else 0
        told: list[CallEvent] = []
        if event.uniqueid == call.id and not call.ended:
            told += self._end(call, event.at, cause=cause, by=self._who(call, str(event.extra.get("hangupsource", ""))))
        leg = call.legs.pop(event.uniqueid, None)
        self._by_channel.pop(event.uniqueid, None)
        if leg is not None:
            told += self._leg_end(call, leg, event.at, cause)
        if call.ended and not call.legs:
            self._forget(call)
        return told

    # -- helpers

    def _leg_end(self, call: Call, leg: Leg, at: datetime, cause: int) -> list[CallEvent]:
        told: list[CallEvent] = []
        if leg.kind == "desk" and not leg.joined:
            told.append(
                CallRingEnded(
                    id=fact_id(call.id, "ring-end", leg.uniqueid), at=at, call_id=call.id, agent=leg.extension
                )
            )
        told.append(
            LegEnded(
                id=fact_id(call.id, "leg", leg.uniqueid), at=at, call_id=call.id, channel=leg.uniqueid, kind=leg.kind,
                extension=leg.extension, started_at=leg.started_at, answered_at=leg.answered_at, joined=leg.joined,
                cause=cause,
            )
        )  # fmt: skip
        return told

    def _end(self, call: Call, at: datetime, *, cause: int, by: str, outcome: str = "") -> list[CallEvent]:
        call.ended = True
        # Incoming calls are picked up by our dialplan: there only a person's answer counts.
        answered = call.answered_at if call.direction == "in" else call.legs[call.id].answered_at
        if not outcome:
            outcome = (
                "answered" if answered else "abandoned" if call.direction == "in" and by == "caller" else "unanswered"
            )
        talked = (at - answered).total_seconds() if answered else 0.0
        recorded = call.direction == "in" or outcome == "answered"
        return [
            CallEnded(
                id=fact_id(call.id, "ended"), at=at, call_id=call.id, outcome=outcome, cause=cause, by=by,
                talked_s=round(talked, 3), recording=f"{call.id}.wav" if recorded else "",
            )
        ]  # fmt: skip

    def _who(self, call: Call, source: str) -> str:
        if source == call.channel:
            return "caller"
        return "agent" if self._desk(source) else "system"

    def _desk(self, channel: str) -> str:
        match = _DESK.match(channel)
        return match[1] if match and match[1] in self._desks else ""

    def _leg(self, uid: str) -> Leg | None:
        call = self.calls.get(self._by_channel.get(uid, ""))
        return call.legs.get(uid) if call is not None else self._loose.get(uid)

    def _attach(self, call: Call, leg: Leg) -> None:
        call.legs[leg.uniqueid] = leg
        self._by_channel[leg.uniqueid] = call.id

    def _forget(self, call: Call) -> None:
        self.calls.pop(call.id, None)
        for uid in call.legs:
            self._by_channel.pop(uid, None)
        self._over[call.id] = None
        if len(self._over) > _REMEMBERED:
            self._over.popitem(last=False)
