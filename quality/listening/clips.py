"""Clips: stretches of a call with what a reviewer says of them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import HeyiError, NotAllowed
from quality.listening.picture import Span
from quality.listening.tables import Clip

#: Seconds of a clip.
SHORTEST_S, LONGEST_S = 0.3, 900.0


def bounds(from_s: float, to_s: float, seconds: float, longest_s: float = LONGEST_S) -> Span:
    """A stretch of a recording that is ``seconds`` long; :class:`HeyiError` where it is none, or too short or long.

    A player knows the end only roughly, so what is a little beyond it ends there.
    """
    end = min(to_s, seconds)
    if not 0 <= from_s < end:  # also where one is no number
        raise HeyiError("片段不在录音之内", hint=f"0 … {seconds:.1f}")
    if not SHORTEST_S <= end - from_s <= longest_s:
        raise HeyiError("片段太短或太长", hint=f"{SHORTEST_S:g} … {longest_s:g} s")
    return round(from_s, 3), round(end, 3)


async def of_review(session: AsyncSession, review_id: str) -> Sequence[Clip]:
    """A review's clips, in the order of the call."""
    query = select(Clip).where(Clip.review_id == review_id, Clip.removed_at.is_(None)).order_by(Clip.from_s, Clip.at)
    return (await session.scalars(query)).all()


async def add(
    session: AsyncSession, review_id: str, call_id: str, within: Span, comment: str, *, by: str, at: datetime
) -> Clip:
    said = comment.strip()
    if not said:
        raise HeyiError("请填写批注")
    row = Clip(
        review_id=review_id, call_id=call_id, from_s=within[0], to_s=within[1], comment=said[:2000], by=by, at=at
    )
    session.add(row)
    await session.flush()
    return row


async def remove(session: AsyncSession, review_id: str, clip_id: str, *, by: str, at: datetime) -> Clip:
    """Take a clip of one's own away; its row stays."""
    row = await session.get(Clip, clip_id)
    if row is None or row.review_id != review_id or row.removed_at is not None:
        raise HeyiError("没有这个片段")
    if row.by != by:
        raise NotAllowed("只能删除自己的片段")
    row.removed_by, row.removed_at = by, at
    return row
