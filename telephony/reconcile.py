"""The ledger proved against Asterisk's own event files, and brought in step with them.

The files are read through the bridge's tracker, so facts have the ids that the bridge gives them: what both know is one
fact. What the ledger lacks goes in the way the bridge writes it (:mod:`telephony.ledger`); no call is ever deleted.
"""

import asyncio
import gzip
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.database import Database, StoredEvent
from core.errors import HeyiError
from telephony import ledger
from telephony.calls import CallTracker
from telephony.cel import CelEvent, read_file
from telephony.events import CallAnswered, CallArrived, CallEnded, CallEvent, CallQueued, DeskJoined, LegEnded
from telephony.ledger import CallRow, LegRow

#: Two clocks for one event: the file has Asterisk's moment, the wire that of sending. Further apart is another fact.
TOLERANCE_S = 2.0
#: A fact in the file that heyi, running beside us, has not stored within this time is taken for missing.
_SETTLE_S = 3.0
_CHUNK = 500
_TRIES = 10
_FILE = re.compile(r"Master\.csv([.-][0-9]+)*(\.gz)?")
_ONCE = (CallArrived, CallQueued, CallAnswered, CallEnded)


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

    @property
    def lists(self) -> dict[str, tuple[Fault, ...]]:
        return {n: getattr(self, n) for n in ("missing", "double", "open_but_ended", "differing")}

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
        return {"calls": self.calls, "alive": self.alive, **lists}


@dataclass(frozen=True, slots=True)
class Held:
    """What the ledger holds about the calls in question."""

    rows: Mapping[str, CallRow]
    legs: Mapping[str, LegRow] = field(default_factory=dict)
    #: Ids of facts that are not stored.
    unknown: frozenset[str] = frozenset()
    #: Call and type of what was stored more than once although it happens once in a call.
    repeated: tuple[tuple[str, str], ...] = ()


# -- pure


def facts_by_call(
    events: Iterable[CelEvent], desks: Iterable[str], since: datetime | None = None
) -> dict[str, list[CallEvent]]:
    """Every fact of the calls that arrived at ``since`` or later, by call, in order, each once."""
    tracker = CallTracker(desks)
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
            case CallQueued():
                says |= {"queued_at": fact.at, "priority": fact.priority}
            case CallAnswered():
                says |= {"answered_at": fact.at, "agent": fact.agent, "waited_s": fact.waited_s}
            case DeskJoined():
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
        if isinstance(fact, LegEnded) and fact.channel in legs and not _same_leg(legs[fact.channel], fact):
            wrong.append(f"leg {fact.channel}")
    # A file that a full disk made holes in is silent about what was heard live: that is not to be overwritten.
    more = [n for n in ("queued_at", "answered_at", "agent") if ended and getattr(row, n) and n not in says]
    wrong += [f"{name}: {_text(getattr(row, name))}, Asterisk's files are silent" for name in more]
    return Fault(call_id, "; ".join(wrong), mendable=not more) if wrong else None


def _same_leg(leg: LegRow, fact: LegEnded) -> bool:
    return (leg.call_id, leg.kind, leg.extension, leg.joined) == (
        fact.call_id, fact.kind, fact.extension, fact.joined
    ) and same(leg.ended_at, fact.at)  # fmt: skip


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


# -- files


def event_files(file: Path) -> list[Path]:
    """``file`` (Master.csv) and what was rotated away beside it: ``.1``, ``-20261121``, either with ``.gz``.

    Raises :class:`HeyiError` where there is none.
    """
    found = [path for path in file.parent.glob("Master.csv*") if _FILE.fullmatch(path.name)]
    if not found:
        raise HeyiError(f"no event file of Asterisk at {file}", hint="HEYI_DATA names the folder; has Asterisk run?")
    return found


def read_events(
    files: Iterable[Path], since: datetime | None = None, on_file: Callable[[Path], None] | None = None
) -> Iterator[CelEvent]:
    """Events of all ``files``, in order of time; files that were last written before ``since`` are left out.

    Raises :class:`HeyiError` where one cannot be read.
    """
    begun: list[tuple[datetime, Path]] = []
    try:
        for path in files:
            if since is not None and path.stat().st_mtime < since.timestamp():
                continue
            with _plain(path) as plain:
                first = next(read_file(plain), None)
            if first is not None:
                begun.append((first.at, path))
        # By what is in them: every rotation tool has its own names.
        for _, path in sorted(begun):
            if on_file is not None:
                on_file(path)
            with _plain(path) as plain:
                yield from read_file(plain)
    except (OSError, EOFError, zlib.error) as error:
        raise HeyiError(f"Asterisk's event file cannot be read: {error}") from error


@contextmanager
def _plain(path: Path) -> Iterator[Path]:
    if path.suffix != ".gz":
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="heyi-cel-") as unpacked:
        with gzip.open(path) as packed:
            shutil.copyfileobj(packed, unpacked)
        unpacked.flush()
        yield Path(unpacked.name)


# -- the ledger


class Reconciler:
    """Compares and repairs. Works beside a running heyi and without one."""

    def __init__(self, database: Database, clock: Clock, event_file: Path, desks: Iterable[str]) -> None:
        self._database, self._clock, self._file = database, clock, event_file
        self._desks = frozenset(desks)
        self._calls: dict[str, list[CallEvent]] = {}
        #: The time that the last reading of the files covers.
        self._span: tuple[datetime, datetime] | None = None

    async def compare(self, since: datetime | None = None, on_file: Callable[[Path], None] | None = None) -> Report:
        """Read the files, then the ledger. Raises :class:`HeyiError` where there is nothing to read."""
        # Up to here; the moment before is left out, as a row's time is not quite its line's.
        until = self._clock.now() - timedelta(seconds=TOLERANCE_S)
        files = event_files(self._file)
        await self._database.create_all()  # heyi may never have run
        async with self._database.read() as session:
            # Desks that the city no longer has took calls in their time.
            former = set(await session.scalars(select(LegRow.extension).distinct()))
            former |= set(await session.scalars(select(CallRow.agent).distinct()))
        self._calls, first, last = await asyncio.to_thread(
            self._read, files, since, self._desks | former - {""}, on_file
        )
        if last is not None:
            # The latest facts may be on their way into the ledger.
            await asyncio.sleep(max(0.0, _SETTLE_S - (self._clock.now() - last).total_seconds()))
        start = max(filter(None, (first, since)), default=None)
        self._span = (start + timedelta(seconds=TOLERANCE_S), until) if start is not None else None
        return await self.prove()

    async def prove(self) -> Report:
        """The last reading of the files against the ledger as it is now: calls that go on in Asterisk do not matter."""
        return compare(self._calls, await self._held())

    async def repair(self, report: Report, on_call: Callable[[], None] | None = None) -> list[str]:
        """Bring in what ``report``, the last comparison's, found and the files can put right; returns those calls.

        Raises :class:`HeyiError` where the database stays locked or the disk is full.
        """
        for call_id in report.mendable:
            await self._mend(self._calls[call_id])
            if on_call is not None:
                on_call()
        return report.mendable

    def _read(
        self, files: list[Path], since: datetime | None, desks: frozenset[str], on_file: Callable[[Path], None] | None
    ) -> tuple[dict[str, list[CallEvent]], datetime | None, datetime | None]:
        first: datetime | None = None
        last: datetime | None = None

        def watched() -> Iterator[CelEvent]:
            nonlocal first, last
            for event in read_events(files, since, on_file):
                first, last = first or event.at, event.at
                yield event

        calls = facts_by_call(watched(), desks, since)
        return calls, first, last

    async def _held(self) -> Held:
        ids = list(self._calls)
        facts = [fact for facts in self._calls.values() for fact in facts]
        channels = [fact.channel for fact in facts if isinstance(fact, LegEnded)]
        async with self._database.read() as session:
            rows = [
                row
                for part in _parts(ids)
                for row in await session.scalars(select(CallRow).where(CallRow.id.in_(part)))
            ]
            if self._span is not None:
                rows += await session.scalars(select(CallRow).where(CallRow.arrived_at.between(*self._span)))
            legs = [
                leg
                for part in _parts(channels)
                for leg in await session.scalars(select(LegRow).where(LegRow.id.in_(part)))
            ]
            unknown = await ledger.unknown(session, facts)
            repeated = [pair for part in _parts(ids) for pair in await _repeated(session, part)]
        return Held(
            {row.id: row for row in rows}, {leg.id: leg for leg in legs}, frozenset(f.id for f in unknown),
            tuple(repeated),
        )  # fmt: skip

    async def _mend(self, facts: Sequence[CallEvent]) -> None:
        error: Exception | None = None
        for attempt in range(_TRIES):
            await asyncio.sleep(0.05 * attempt)
            try:
                async with self._database.work() as work:
                    fresh = await ledger.unknown(work.session, facts)
                    await ledger.write(work.session, await _to_write(work.session, facts))
                    work.record(*fresh)
                return
            except (SQLAlchemyError, OSError) as found:  # heyi wrote in the same moment
                error = found
        raise HeyiError("the ledger cannot be written", hint=str(error).splitlines()[0][:200]) from error


async def _to_write(session: AsyncSession, facts: Sequence[CallEvent]) -> list[CallEvent]:
    """All facts of the row, since the row may be what is missing; of the legs, those without a right row."""
    wanted: list[CallEvent] = []
    for fact in facts:
        if isinstance(fact, LegEnded):
            leg = await session.get(LegRow, fact.channel)
            if leg is not None and _same_leg(leg, fact):
                continue
            if leg is not None:
                await session.delete(leg)
        elif isinstance(fact, CallEnded):
            row = await session.get(CallRow, fact.call_id)
            if row is not None:
                row.waited_s = None  # the ledger works it out where it is not yet known
        wanted.append(fact)
    await session.flush()
    return wanted


async def _repeated(session: AsyncSession, ids: Sequence[str]) -> list[tuple[str, str]]:
    kinds = [kind.__name__ for kind in _ONCE]
    found = await session.execute(
        select(StoredEvent.call_id, StoredEvent.type)
        .where(StoredEvent.call_id.in_(ids), StoredEvent.type.in_(kinds))
        .group_by(StoredEvent.call_id, StoredEvent.type)
        .having(func.count() > 1)
    )
    return [(call_id or "", kind) for call_id, kind in found]


def _parts(items: Sequence[str]) -> Iterator[Sequence[str]]:
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))
