"""The index of all transcripts for full-text search: by pairs of characters (:mod:`asr.record.gramtable`).

It holds what the page of a call shows: the transcript of record where there is one, else the live one, as corrected. It
is written by whoever writes the utterance, in the same transaction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zlib import crc32

from sqlalchemy import BigInteger, ColumnElement, Integer, String, Text, delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from asr.record.grams import grams, searchable
from asr.record.gramtable import BITS, GramTable, place_at, time_of
from core.database import Base

__all__ = ["GRAMS", "Entry", "Indexed", "forget_call", "found", "place_at", "put", "time_of"]


class Indexed(Base):
    """One utterance that the search finds."""

    __tablename__ = "utterance_index"

    place: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    utterance_id: Mapped[str] = mapped_column(String(32), unique=True)
    call_id: Mapped[str] = mapped_column(String(80), index=True)
    #: The text as :func:`asr.record.grams.searchable` has it.
    body: Mapped[str] = mapped_column(Text)


_INDEX = GramTable("utterance_grams", Indexed)
#: The pairs of characters by place.
GRAMS = _INDEX.table


@dataclass(frozen=True)
class Entry:
    """An utterance to be found: ``at`` is when it began to be said."""

    utterance_id: str
    call_id: str
    at: datetime
    text: str


def found(session: AsyncSession, phrases: Sequence[str]) -> ColumnElement[bool]:
    """The condition on :data:`GRAMS` joined with :class:`Indexed` that all these phrases are said. None: ValueError."""
    return _INDEX.found(_dialect(session), phrases)


async def put(session: AsyncSession, entries: Iterable[Entry]) -> None:
    """Let these be found; an utterance that was there is replaced. A text without letters is not found."""
    entries = list(entries)
    await _remove(session, Indexed.utterance_id, [entry.utterance_id for entry in entries])
    rows: list[Indexed] = []
    taken: set[int] = set()
    for entry in entries:
        body = searchable(entry.text)
        if not body:
            continue
        place = place_at(entry.at) + (crc32(entry.utterance_id.encode()) & ((1 << BITS) - 1))
        while place in taken or await session.get(Indexed, place) is not None:
            place += 1
        taken.add(place)
        rows.append(Indexed(place=place, utterance_id=entry.utterance_id, call_id=entry.call_id, body=body))
    if rows:
        session.add_all(rows)
        await session.flush()
        dialect = _dialect(session)
        added = [{"place": row.place, "grams": _INDEX.words(dialect, grams(row.body))} for row in rows]
        await session.execute(text(_INDEX.add(dialect)), added)


async def forget_call(session: AsyncSession, call_id: str) -> None:
    """Nothing of this call is found any more."""
    await _remove(session, Indexed.call_id, [call_id])


async def _remove(session: AsyncSession, by: InstrumentedAttribute[str], keys: Sequence[str]) -> None:
    # In steps: databases bound the number of parameters.
    for start in range(0, len(keys), 500):
        chosen = by.in_(keys[start : start + 500])
        old = (await session.execute(select(Indexed.place, Indexed.body).where(chosen))).all()
        if not old:
            continue
        dialect = _dialect(session)
        removed = [{"place": place, "grams": _INDEX.words(dialect, grams(body))} for place, body in old]
        await session.execute(text(_INDEX.remove(dialect)), removed)
        await session.execute(delete(Indexed).where(chosen))


def _dialect(session: AsyncSession) -> str:
    return session.get_bind().dialect.name
