"""Private parts of calls: who marked what and why, and who took it back."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from asr.record.transcripts import Utterance, second_of
from core.errors import HeyiError
from quality.listening.clips import bounds
from quality.listening.picture import Span
from quality.listening.tables import PrivatePart
from telephony import ledger

LONGEST_WHY = 200


async def of_calls(session: AsyncSession, calls: Collection[str]) -> Sequence[PrivatePart]:
    """What is private in these calls now, in the order of the seconds."""
    query = (
        select(PrivatePart)
        .where(PrivatePart.call_id.in_(calls), PrivatePart.lifted_at.is_(None))
        .order_by(PrivatePart.from_s, PrivatePart.id)
    )
    return (await session.scalars(query)).all()


def spans(parts: Sequence[PrivatePart]) -> tuple[Span, ...]:
    """Their seconds."""
    return tuple((part.from_s, part.to_s) for part in parts)


def by_utterance(parts: Sequence[PrivatePart]) -> Mapping[str, Sequence[PrivatePart]]:
    """Those with words, by the utterance in which these are."""
    found: dict[str, list[PrivatePart]] = {}
    for part in parts:
        if part.utterance_id:
            found.setdefault(part.utterance_id, []).append(part)
    return found


async def mark_words(
    session: AsyncSession, call_id: str, utterance_id: str, span: tuple[int, int], words: str, *, why: str, by: str,
    at: datetime, seconds: float, within: Span | None = None,
) -> PrivatePart:  # fmt: skip
    """Words of an utterance are private, and with them its sound: nobody knows in which second of it they are said.

    ``within``: the seconds, where a person has heard which. ``seconds``: how long the recording is.
    :class:`HeyiError` where the words are no longer there.
    """
    said = await session.get(Utterance, utterance_id)
    call = await ledger.call(session, call_id)
    if said is None or said.call_id != call_id or call is None:
        raise HeyiError("没有这句话", hint=utterance_id[:40])
    start, end = span
    if not words or said.text[start:end] != words:
        raise HeyiError("这句话刚被更正过，请重新选择要遮蔽的文字")
    begin = second_of(said, call)
    heard = within or (begin, begin + max(said.end_s - said.start_s, 0.5))
    heard = bounds(*heard, seconds) if within else (min(heard[0], seconds), min(heard[1], seconds))
    return await _keep(
        session, call_id, heard, why=why, by=by, at=at, utterance_id=utterance_id, span=(start, end), words=words
    )


async def mark_sound(
    session: AsyncSession, call_id: str, within: Span, *, why: str, by: str, at: datetime, seconds: float
) -> PrivatePart:
    """Seconds of the recording are private; the text stays as it is."""
    return await _keep(session, call_id, bounds(*within, seconds), why=why, by=by, at=at)


async def lift(session: AsyncSession, call_id: str, part_id: int, *, by: str, at: datetime) -> PrivatePart:
    """Take one back; :class:`HeyiError` where there is none such."""
    row = await session.get(PrivatePart, part_id)
    if row is None or row.call_id != call_id or row.lifted_at is not None:
        raise HeyiError("没有这处遮蔽")
    row.lifted_by, row.lifted_at = by, at
    return row


async def _keep(
    session: AsyncSession, call_id: str, heard: Span, *, why: str, by: str, at: datetime, utterance_id: str = "",
    span: tuple[int, int] = (0, 0), words: str = "",
) -> PrivatePart:  # fmt: skip
    said = why.strip()
    if not said:
        raise HeyiError("请填写理由")
    row = PrivatePart(
        call_id=call_id, utterance_id=utterance_id, start=span[0], end=span[1], words=words, from_s=heard[0],
        to_s=heard[1], why=said[:LONGEST_WHY], by=by, at=at,
    )  # fmt: skip
    session.add(row)
    await session.flush()
    return row
