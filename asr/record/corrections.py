"""Corrections: what a person changed in a transcript. The engine's words stay beside it, and so does every change."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import String, Text, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from asr.record import index
from asr.record.transcripts import PendingRecording, Utterance, spoken_at
from core.database import Base
from core.errors import Conflict
from telephony import ledger

#: Characters of one utterance at most: a quarter of a minute holds fewer than a hundred.
LONGEST = 500


class Correction(Base):
    """One change of one utterance; rows are only ever added."""

    __tablename__ = "corrections"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    utterance_id: Mapped[str] = mapped_column(String(32), index=True)
    call_id: Mapped[str] = mapped_column(String(80), index=True)
    at: Mapped[datetime]
    #: Login.
    who: Mapped[str] = mapped_column(String(60))
    before: Mapped[str] = mapped_column(Text)
    #: Empty where nothing was said.
    after: Mapped[str] = mapped_column(Text)


class NotYetOfRecord(Conflict):
    """The recording will still be transcribed: what is corrected now would be replaced."""

    def __init__(self) -> None:
        super().__init__("录音还在转写，完成后再更正")


class ChangedMeanwhile(Conflict):
    """Somebody else has corrected the same utterance."""

    def __init__(self, now: str) -> None:
        super().__init__("这句话刚被别人更正过，请核对后再改")
        #: The text as it now is.
        self.now = now


async def correct(
    session: AsyncSession, call_id: str, utterance_id: str, *, before: str, after: str, who: str, at: datetime
) -> Utterance | None:
    """Give this utterance the text ``after``; ``before`` is what the person saw.

    ``raw`` stays, and the search finds the new text. None where the call has no such utterance; raises
    :class:`ChangedMeanwhile` and :class:`NotYetOfRecord`.
    """
    row = await session.get(Utterance, utterance_id)
    call = await ledger.call(session, call_id)
    if row is None or row.call_id != call_id or call is None:
        return None
    after = " ".join(after.split())[:LONGEST]
    if row.text != before:
        raise ChangedMeanwhile(row.text)
    if call.ended_at is None or await session.get(PendingRecording, call_id) is not None:
        raise NotYetOfRecord
    if after != before:
        session.add(Correction(utterance_id=row.id, call_id=call_id, at=at, who=who, before=before, after=after))
        row.text, row.names = after, []
        await index.put(session, [index.Entry(row.id, call_id, spoken_at(row, call), after)])
    return row


async def of_call(session: AsyncSession, call_id: str) -> dict[str, list[Correction]]:
    """Each corrected utterance of a call with its corrections, the oldest first."""
    rows = await session.scalars(select(Correction).where(Correction.call_id == call_id).order_by(Correction.id))
    found: dict[str, list[Correction]] = {}
    for row in rows:
        found.setdefault(row.utterance_id, []).append(row)
    return found


async def net(session: AsyncSession) -> Sequence[tuple[str, str, str, str]]:
    """What people changed on the whole: utterance, call, the text before their first change and after their last."""
    rows = await session.scalars(select(Correction).order_by(Correction.id))
    found: dict[str, tuple[str, str, str, str]] = {}
    for row in rows:
        first = found.get(row.utterance_id, (row.utterance_id, row.call_id, row.before, ""))
        found[row.utterance_id] = (*first[:3], row.after)
    return [change for change in found.values() if change[2] != change[3]]
