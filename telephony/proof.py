"""The ledger's rows compared with the facts of Asterisk's event files. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from telephony import cdr
from telephony.calls import CallTracker
from telephony.cel import CelEvent
from telephony.events import (
    CallAnswered,
    CallArrived,
    CallEnded,
    CallEvent,
    CallHandedOver,
    CallQueued,
    DeskJoined,
    LegEnded,
)
from telephony.ledger import CallRow, LegRow

#: Two clocks for one event: the file has Asterisk's moment, the wire that of sending. Further apart is another fact.
TOLERANCE_S = 2.0


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one call."""

    call_id: str
    what: str
    #: False where the ledger says more than the file: which of them is right is for a person to find out.
    mendable: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """A comparison; a call stands in each list at most once."""

    #: Calls in the files, and those of them that have no end there: alive, or cut off with Asterisk itself.
    calls: int
    alive: int
    missing: tuple[Fault, ...] = ()
    double: tuple[Fault, ...] = ()
    open_but_ended: tuple[Fault, ...] = ()
    differing: tuple[Fault, ...] = ()
    #: Calls of Asterisk's call detail records that neither the ledger nor the event files know.
    cdr_missing: tuple[Fault, ...] = ()
    #: How many call detail records of calls were looked up.
    cdr_records: int = 0

    @property
    def lists(self) -> dict[str, tuple[Fault, ...]]:
        return {n: getattr(self, n) for n in ("missing", "double", "open_but_ended", "differing", "cdr_missing")}

    @property
    def ok(self) -> bool:
        return not any(self.lists.values())

    @property
    def mendable(self) -> list[str]:
        """Calls that the files can put right."""
        faults = [fault for faults in self.lists.values() for fault in faults]
        never = {fault.call_id for fault in faults if not fault.mendable}
        return list(dict.fromkeys(fault.call_id for fault in faults if fault.call_id not in never))

    def to_dict(self) -> dict[str, Any]:
        lists = {n: [{"call_id": f.call_id, "what": f.what} for f in faults] for n, faults in self.lists.items()}
        return {"calls": self.calls, "alive": self.alive, "cdr_records": self.cdr_records, **lists}


@dataclass(frozen=True, slots=True)
class Held:
    """What the ledger holds about the calls in question."""

    rows: Mapping[str, CallRow]
    legs: Mapping[str, LegRow] = field(default_factory=dict)
    #: Ids of facts that are not stored.
    unknown: frozenset[str] = frozenset()
    #: Call and type of what was stored more than once although it happens once in a call.
    repeated: tuple[tuple[str, str], ...] = ()
    #: Call detail records of calls: how many, and those whose call the ledger does not have.
    cdr_records: int = 0
    cdr_unknown: tuple[cdr.Record, ...] = ()


def facts_by_call(
    events: Iterable[CelEvent],
    desks: Iterable[str],
    since: datetime | None = None,
    rung: Mapping[str, str] | None = None,
) -> dict[str, list[CallEvent]]:
    """Every fact of the calls that arrived at ``since`` or later, by call, in order, each once."""
    tracker = CallTracker(desks, rung)
    calls: dict[str, dict[str, CallEvent]] = {}
    for event in events:
        for fact in tracker.feed(event):
            call_id = fact.call_id or ""
            if isinstance(fact, CallArrived) and (since is None or fact.at >= since):
                calls.setdefault(call_id, {})
            if call_id in calls:
                calls[call_id].setdefault(fact.id, fact)
    return {call_id: list(facts.values()) for call_id, facts in calls.items()}


def claims(facts: Iterable[CallEvent]) -> dict[str, Any]:
    """The columns of a call's row that its facts decide."""
    says: dict[str, Any] = {}
    for fact in facts:
        match fact:
            case CallArrived():
                says |= {"direction": fact.direction, "line": fact.line, "caller": fact.caller[:80]}
                says["arrived_at"] = fact.at
                if fact.agent:  # the desk that dialled
                    says["agent"] = fact.agent
            case CallQueued():
                says |= {"queued_at": fact.at, "priority": fact.priority, "queue": fact.queue}
                if says.get("direction") == "out":
                    says |= {"direction": "back", "line": fact.line}
            case CallAnswered():
                says |= {"answered_at": fact.at, "agent": fact.agent, "waited_s": fact.waited_s}
            case DeskJoined(role="agent") | CallHandedOver():
                says["agent"] = fact.agent
            case CallEnded():
                says |= {"ended_at": fact.at, "outcome": fact.outcome, "cause": fact.cause, "ended_by": fact.by}
                says |= {"talked_s": fact.talked_s, "recording": fact.recording}
                says.setdefault("waited_s", (fact.at - says["arrived_at"]).total_seconds())
    return says


def same(one: Any, other: Any) -> bool:
    """Whether two values of a column are the same within :data:`TOLERANCE_S`."""
    if isinstance(one, datetime) and isinstance(other, datetime):
        return abs(one - other) <= timedelta(seconds=TOLERANCE_S)
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= TOLERANCE_S
    return bool(one == other)


def compare(calls: Mapping[str, Sequence[CallEvent]], held: Held) -> Report:
    """The files' calls against the ledger. Rows of ``held`` that the files do not know are faults, too."""
    missing: list[Fault] = []
    open_but_ended: list[Fault] = []
    differing: list[Fault] = []
    for call_id, facts in calls.items():
        row = held.rows.get(call_id)
        absent = [] if row is not None else ["row"]
        absent += [f.type for f in facts if f.id in held.unknown]
        absent += [f"leg {f.channel}" for f in facts if isinstance(f, LegEnded) and f.channel not in held.legs]
        if absent:
            missing.append(Fault(call_id, ", ".join(absent)))
        if row is None:
            continue
        says = claims(facts)
        ended = "ended_at" in says
        if ended and row.ended_at is None:
            open_but_ended.append(Fault(call_id, f"{says['outcome']} at {says['ended_at'].isoformat()}"))
        fault = _difference(call_id, row, says, facts, held.legs)
        if fault is not None:
            differing.append(fault)
    for call_id in held.rows.keys() - calls.keys():
        differing.append(Fault(call_id, "Asterisk's files know no such call", mendable=False))
    repeated: dict[str, list[str]] = {}
    for call_id, kind in held.repeated:
        repeated.setdefault(call_id, []).append(kind)
    return Report(
        calls=len(calls),
        alive=sum(not any(isinstance(f, CallEnded) for f in facts) for facts in calls.values()),
        missing=tuple(missing),
        double=tuple(Fault(call_id, ", ".join(kinds), mendable=False) for call_id, kinds in repeated.items()),
        open_but_ended=tuple(open_but_ended),
        differing=tuple(differing),
        # What the event files know is missing there already, and can be mended.
        cdr_missing=tuple(
            Fault(record.uniqueid, f"{record.channel} at {record.start.isoformat()}", mendable=False)
            for record in held.cdr_unknown
            if record.uniqueid not in calls and record.linkedid not in calls
        ),
        cdr_records=held.cdr_records,
    )


def _difference(
    call_id: str, row: CallRow, says: dict[str, Any], facts: Sequence[CallEvent], legs: Mapping[str, LegRow]
) -> Fault | None:
    ended = "ended_at" in says
    # A call that goes on may have moved on since the file was read; an open row gets all of its end at once.
    passed_over = {"agent"} if not ended else set()
    if row.ended_at is None:
        passed_over |= {"ended_at", "outcome", "cause", "ended_by", "talked_s", "recording", "waited_s"}
    wrong = [
        f"{name}: {_text(getattr(row, name))}, Asterisk: {_text(value)}"
        for name, value in says.items()
        if name not in passed_over and not same(getattr(row, name), value)
    ]
    for fact in facts:
        if isinstance(fact, LegEnded) and fact.channel in legs and not same_leg(legs[fact.channel], fact):
            wrong.append(f"leg {fact.channel}")
    # A file that a full disk made holes in is silent about what was heard live: that is not to be overwritten.
    more = [n for n in ("queued_at", "answered_at", "agent") if ended and getattr(row, n) and n not in says]
    wrong += [f"{name}: {_text(getattr(row, name))}, Asterisk's files are silent" for name in more]
    return Fault(call_id, "; ".join(wrong), mendable=not more) if wrong else None


def same_leg(leg: LegRow, fact: LegEnded) -> bool:
    """Whether the row says what the fact does."""
    return (leg.call_id, leg.kind, leg.extension, leg.joined) == (
        fact.call_id, fact.kind, fact.extension, fact.joined
    ) and same(leg.ended_at, fact.at)  # fmt: skip


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
