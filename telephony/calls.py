"""The pure tracker of calls: channel events in, facts about calls out. Everything that changes a call's state is here.

    arrived ──QUEUED──▶ queued ──desk enters the bridge──▶ talking ──▶ ended
       └──────────────────┴───────── HANGUP of the caller's channel ───▲

Events may come twice (live, and again from the file after a lost connection): what is known is not told again, and
every fact has an id made from what it is about, so that the ledger takes each once.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from telephony.call import Call, Leg, fact_id
from telephony.callids import CALLBACK, CALLBACK_LINE, joining, returned
from telephony.cel import CelEvent
from telephony.events import (
    CallAnswered,
    CallArrived,
    CallEnded,
    CallerPressed,
    CallEvent,
    CallHandedOver,
    CallHeld,
    CallRingEnded,
    CallRinging,
    CallTransferred,
    DeskJoined,
    Direction,
    LegEnded,
)
from telephony.words import hear

_DESK = re.compile(r"PJSIP/([1-9][0-9]{2,5})-")
_OUTSIDE = "PJSIP/trunk-"
#: Channels of the line check (:mod:`telephony.linecheck`), caller and robot: not calls.
_PROBE = "PJSIP/probe-"
_REMEMBERED = 60_000


class CallTracker:
    """Follows all calls of one Asterisk.

    ``desks`` are the extensions whose channels are call takers; ``rung`` has the numbers of calls that heyi places.
    """

    def __init__(self, desks: Iterable[str], rung: Mapping[str, str] | None = None) -> None:
        self._desks = frozenset(desks)
        self._rung = rung if rung is not None else {}
        self.calls: dict[str, Call] = {}
        self._by_channel: dict[str, str] = {}
        self._bridges: dict[str, set[str]] = {}
        #: Desk channels that began outside of a call (a page that comes back) until they enter one.
        self._loose: dict[str, Leg] = {}
        #: Calls that ended, and channels that hung up: what is read of them again is no news.
        self._over: OrderedDict[str, None] = OrderedDict()
        self._handlers: dict[str, Callable[[CelEvent], list[CallEvent]]] = {
            "CHAN_START": self._start,
            "ANSWER": self._answer,
            "USER_DEFINED": self._named,
            "BRIDGE_ENTER": self._enter,
            "BRIDGE_EXIT": self._exit,
            "HANGUP": self._hangup,
            "BLINDTRANSFER": self._transferred,
            "ATTENDEDTRANSFER": self._transferred,
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
        """The call that this desk takes part in, or has dialled."""
        for call in self.calls.values():
            own = call.legs.get(call.id)
            if call.joined(extension) or (own is not None and own.extension == extension):
                return call
        return None

    def hold(self, channel: str, held: bool, at: datetime) -> list[CallEvent]:
        """A desk's channel was put on hold or taken back; CEL does not know of it."""
        leg, call = self._leg(channel), self.calls.get(self._by_channel.get(channel, ""))
        if call is None or leg is None or not leg.extension or not leg.joined:
            return []
        return [CallHeld(at=at, call_id=call.id, agent=leg.extension, agent_channel=channel, held=held)]

    def pressed(self, channel: str, digit: str, at: datetime) -> list[CallEvent]:
        """A key on the caller's side of a conversation."""
        call = self.calls.get(channel)
        if call is None or call.answered_at is None or call.ended or digit not in "0123456789*#":
            return []
        return [CallerPressed(at=at, call_id=call.id, digit=digit)]

    # -- one method for each type of channel event

    def _start(self, event: CelEvent) -> list[CallEvent]:
        uid = event.uniqueid
        # In calls, too: its caller may have left while the desk's leg, whose end must still be told, has not.
        if uid in self._over or uid in self.calls or uid in self._by_channel or uid in self._loose:
            return []
        if event.channel.startswith(_PROBE):
            return []
        desk = self._desk(event.channel)
        first = uid == event.linkedid
        if desk and first and joining(uid) is None and event.exten.removeprefix("s"):
            kind: Direction = "internal" if event.exten in self._desks else "out"
            return self._begin(event, Leg(uid, event.channel, "desk", desk, event.at), kind, event.exten, "")
        if desk:
            return self._desk_start(event, desk)
        leg = Leg(uid, event.channel, "caller", "", event.at)
        if not first:
            call = self.calls.get(event.linkedid)
            if call is not None and event.channel.startswith(_OUTSIDE):
                leg.kind = "outside"
                self._attach(call, leg)
            return []
        back, number = returned(uid), self._rung.get(uid, event.caller)
        if back is not None:
            return self._begin(event, leg, "back", number, back.line)
        if uid.startswith(CALLBACK):
            return self._begin(event, leg, "out", number, CALLBACK_LINE)
        into = joining(uid)
        if into is not None and event.channel.startswith(_OUTSIDE):
            leg.kind, leg.role = "outside", into.role
            call = self.calls.get(into.call_id)
            if call is not None and not call.ended:
                self._attach(call, leg)
            return []
        if event.context == "from-trunk":
            return self._begin(event, leg, "in", event.caller, event.exten)
        return []  # else a live tap, a helper channel

    def _begin(self, event: CelEvent, leg: Leg, direction: Direction, number: str, line: str) -> list[CallEvent]:
        uid = leg.uniqueid
        call = Call(
            id=uid, line=line, caller=number, direction=direction, channel=leg.channel, arrived_at=event.at,
            agent=leg.extension,
        )  # fmt: skip
        self.calls[uid] = call
        self._attach(call, leg)
        return [
            CallArrived(
                id=fact_id(uid, "arrived"), at=event.at, call_id=uid, line=line, caller=number, direction=direction,
                agent=leg.extension,
            )
        ]  # fmt: skip

    def _desk_start(self, event: CelEvent, extension: str) -> list[CallEvent]:
        leg = Leg(event.uniqueid, event.channel, "desk", extension, event.at)
        into = joining(event.uniqueid)
        if into is not None:
            leg.role = into.role
            leg.kind = "supervisor" if into.role == "supervisor" else "desk"
        call = self.calls.get(into.call_id if into is not None else event.linkedid)
        if call is None or call.ended:
            self._loose[event.uniqueid] = leg
            return []
        self._attach(call, leg)
        if leg.kind == "supervisor":
            return []
        return [
            CallRinging(
                id=fact_id(call.id, "ringing", leg.uniqueid), at=event.at, call_id=call.id, agent=extension,
                role=leg.role,
            )
        ]  # fmt: skip

    def _answer(self, event: CelEvent) -> list[CallEvent]:
        leg = self._leg(event.uniqueid)
        if leg is not None and leg.answered_at is None:
            leg.answered_at = event.at
        return []

    def _named(self, event: CelEvent) -> list[CallEvent]:
        call = self.calls.get(self._by_channel.get(event.uniqueid, ""))
        return hear(call, event) if call is not None and not call.ended else []

    def _transferred(self, event: CelEvent) -> list[CallEvent]:
        """A SIP telephone passed its caller on by REFER."""
        leg = self._leg(event.uniqueid)
        call = self.calls.get(self._by_channel.get(event.uniqueid, ""))
        if call is None or leg is None:
            return []
        kind = "blind" if event.type == "BLINDTRANSFER" else "attended"
        channel = str(event.extra.get("transfer_target_channel_name", ""))
        # Asked before by another channel of its telephone, which dialled whoever has the caller now.
        asked = self.calls.get(str(event.extra.get("channel2_uniqueid", "")))
        target = str(event.extra.get("extension", "")) or (asked.caller if asked else self._desk(channel))
        about = str(event.extra.get("extension", "")) or channel
        return [
            CallTransferred(
                id=fact_id(call.id, "transferred", f"{leg.uniqueid}:{about}"), at=event.at, call_id=call.id,
                agent=leg.extension, kind=kind, target=target[:80],
            )
        ]  # fmt: skip

    def _enter(self, event: CelEvent) -> list[CallEvent]:
        bridge = str(event.extra.get("bridge_id", ""))
        members = self._bridges.setdefault(bridge, set())
        members.add(event.uniqueid)
        # A call's own channel decides; a consultation's bridge has only desks' legs, which know their call.
        known = {self._by_channel[m] for m in members if m in self._by_channel}
        first = min(known, key=lambda call_id: (call_id not in members, call_id), default="")
        call = self.calls.get(first)
        if call is None or call.ended:
            return []
        told: list[CallEvent] = []
        for member in members:
            leg = self._loose.pop(member, None)
            if leg is not None:
                self._attach(call, leg)
        for member in sorted(members):
            leg = call.legs.get(member)
            if leg is None or leg.kind == "caller" or len(members) == 1:
                continue
            if not leg.joined:
                told += self._join(call, leg, event.at, with_caller=call.id in members)
            elif leg.role == "consult" and call.id in members:
                told += self._admit(call, leg, event.at)
        return told

    def _admit(self, call: Call, leg: Leg, at: datetime) -> list[CallEvent]:
        """The caller has come to those who consulted: from now on this is a conversation of all."""
        leg.role = "link"
        if not leg.extension:
            return []
        return [
            DeskJoined(
                id=fact_id(call.id, "joined", f"{leg.uniqueid}:caller"), at=at, call_id=call.id, agent=leg.extension,
                agent_channel=leg.uniqueid, role="link",
            )
        ]  # fmt: skip

    def _join(self, call: Call, leg: Leg, at: datetime, *, with_caller: bool) -> list[CallEvent]:
        leg.joined = True
        if not with_caller:
            leg.role = "consult"
        if not leg.extension:
            return []
        told: list[CallEvent] = []
        if with_caller and leg.role == "agent":
            call.waiting = False
            if call.joined(call.agent) and call.agent != leg.extension:
                leg.role = "link"  # somebody's call already: a second desk beside the first
            else:
                call.agent = leg.extension
        if call.answered_at is None and call.in_queue and with_caller:
            call.answered_at, call.agent = at, leg.extension
            told.append(
                CallAnswered(
                    id=fact_id(call.id, "answered"), at=at, call_id=call.id, agent=leg.extension,
                    waited_s=round((at - call.arrived_at).total_seconds(), 3), agent_channel=leg.uniqueid,
                )
            )  # fmt: skip
        told.append(
            DeskJoined(
                id=fact_id(call.id, "joined", leg.uniqueid), at=at, call_id=call.id, agent=leg.extension,
                agent_channel=leg.uniqueid, role=leg.role,
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
        if event.uniqueid != call.id:
            self._remember(event.uniqueid)
        if leg is not None:
            told += self._leg_end(call, leg, event.at, cause)
            told += self._hand_over(call, leg, event.at)
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

    def _hand_over(self, call: Call, gone: Leg, at: datetime) -> list[CallEvent]:
        """Whose call it is after a leg ended: somebody else's who takes part, or for the time being nobody's."""
        if call.ended or not gone.joined or gone.extension != call.agent or call.joined(call.agent):
            return []
        # A supervisor who speaks to the caller has taken it in hand; else who has been there longest.
        others = sorted(
            (leg for leg in call.legs.values() if leg.joined and leg.extension),
            key=lambda leg: (leg.kind != "supervisor", leg.started_at),
        )
        call.agent = others[0].extension if others else ""
        if not others:
            return []
        return [
            CallHandedOver(
                id=fact_id(call.id, "handed", f"{gone.uniqueid}:{others[0].uniqueid}"), at=at, call_id=call.id,
                agent=call.agent,
            )
        ]  # fmt: skip

    def _end(self, call: Call, at: datetime, *, cause: int, by: str, outcome: str = "") -> list[CallEvent]:
        call.ended = True
        # Calls of the queue are picked up by our dialplan: there only a person's answer counts.
        answered = call.answered_at if call.in_queue else call.legs[call.id].answered_at
        if not outcome:
            outcome = "answered" if answered else "abandoned" if call.in_queue and by == "caller" else "unanswered"
            if call.direction == "back" and call.queued_at is None:
                outcome = "unanswered"
            elif call.in_queue and call.voices and call.queued_at is None:
                outcome = "voice"
        talked = ((call.talked_until or at) - answered).total_seconds() if answered else 0.0
        if call.talked_until is not None:
            by = "agent"
        recorded = call.direction == "in" or call.queued_at is not None or outcome == "answered"
        return [
            CallEnded(
                id=fact_id(call.id, "ended"), at=at, call_id=call.id, outcome=outcome, cause=cause, by=by,
                talked_s=round(talked, 3), recording=f"{call.id}.wav" if recorded else "", waiting=call.waiting,
                line=call.line,
            )
        ]  # fmt: skip

    def _who(self, call: Call, source: str) -> str:
        if self._desk(source):
            return "agent"
        return "caller" if source == call.channel or source.startswith(_OUTSIDE) else "system"

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
        self._remember(call.id)

    def _remember(self, over: str) -> None:
        self._over[over] = None
        if len(self._over) > _REMEMBERED:
            self._over.popitem(last=False)
