"""The ledger proved against Asterisk's own event files, and brought in step with them.

The files are read through the bridge's tracker, so facts have the ids that the bridge gives them: what both know is one
fact. What the ledger lacks goes in the way the bridge writes it (:mod:`telephony.ledger`); no call is ever deleted.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.database import Database, StoredEvent
from core.errors import HeyiError
from telephony import cdr, ledger
from telephony.cel import CelEvent
from telephony.eventfiles import Place, event_files, read_events, siblings
from telephony.events import (
    CallAnswered,
    CallArrived,
    CallEnded,
    CallEvent,
    CallQueued,
    LegEnded,
)
from telephony.ledger import CallRow, LegRow
from telephony.proof import TOLERANCE_S, Held, Report, compare, facts_by_call, same_leg

#: A fact in the file that heyi, running beside us, has not stored within this time is taken for missing.
_SETTLE_S = 3.0
_CHUNK = 500
_TRIES = 10
_ONCE = (CallArrived, CallQueued, CallAnswered, CallEnded)


class Reconciler:
    """Compares and repairs. Works beside a running heyi and without one."""

    def __init__(self, database: Database, clock: Clock, event_file: Path, desks: Iterable[str]) -> None:
        self._database, self._clock, self._file = database, clock, event_file
        self._cdr_file = event_file.parent.parent / "cdr-csv" / "Master.csv"
        self._desks = frozenset(desks)
        self._calls: dict[str, list[CallEvent]] = {}
        self._records: list[cdr.Record] = []
        self._rung: dict[str, str] = {}
        #: The time that the last reading of the files covers.
        self._span: tuple[datetime, datetime] | None = None

    @property
    def has_files(self) -> bool:
        """Whether Asterisk has written of any call."""
        return bool(siblings(self._file))

    async def compare(
        self,
        since: datetime | None = None,
        on_file: Callable[[Path], None] | None = None,
        place: Place | None = None,
    ) -> Report:
        """Read the files, then the ledger; with ``place`` only events after it, where a file still holds it.

        Raises :class:`HeyiError` where there is nothing to read.
        """
        # Up to here; the moment before is left out, as a row's time is not quite its line's.
        until = self._clock.now() - timedelta(seconds=TOLERANCE_S)
        files = event_files(self._file)
        async with self._database.read() as session:
            # Desks that the city no longer has took calls in their time.
            former = set(await session.scalars(select(LegRow.extension).distinct()))
            former |= set(await session.scalars(select(CallRow.agent).distinct()))
            self._rung = await ledger.rung(session)
        desks = self._desks | former - {""}
        # The records first: a call that comes and ends meanwhile is then in the event files for certain.
        records = await asyncio.to_thread(self._read_records, since)
        self._calls, first, last = await asyncio.to_thread(self._read, files, since, desks, on_file, place)
        start = max(filter(None, (first, since)), default=None)
        self._records = [r for r in records if place is None or (start is not None and r.start >= start)]
        if last is not None:
            # The latest facts may be on their way into the ledger.
            await asyncio.sleep(max(0.0, _SETTLE_S - (self._clock.now() - last).total_seconds()))
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

    def _read_records(self, since: datetime | None) -> list[cdr.Record]:
        try:
            return [record for record in cdr.read_records(self._cdr_file, since) if record.of_call]
        except OSError as error:
            raise HeyiError(f"Asterisk's call detail records cannot be read: {error}") from error

    def _read(
        self,
        files: list[Path],
        since: datetime | None,
        desks: frozenset[str],
        on_file: Callable[[Path], None] | None,
        place: Place | None,
    ) -> tuple[dict[str, list[CallEvent]], datetime | None, datetime | None]:
        first: datetime | None = None
        last: datetime | None = None

        def watched() -> Iterator[CelEvent]:
            nonlocal first, last
            for event in read_events(files, since, on_file, place):
                first, last = first or event.at, event.at
                yield event

        calls = facts_by_call(watched(), desks, since, self._rung)
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
            recorded = list({r.uniqueid for r in self._records} | {r.linkedid for r in self._records} - {""})
            known = {
                found
                for column in (CallRow.id, LegRow.id)
                for part in _parts(recorded)
                for found in await session.scalars(select(column).where(column.in_(part)))
            }
        return Held(
            {row.id: row for row in rows}, {leg.id: leg for leg in legs}, frozenset(f.id for f in unknown),
            tuple(repeated), len(self._records), tuple(cdr.unknown(self._records, known)),
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
            if leg is not None and same_leg(leg, fact):
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
