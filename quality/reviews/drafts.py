"""Scores that are not handed in yet: kept while a reviewer types, so that nothing is lost with a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base
from core.errors import Conflict
from quality.reviews.tables import Review
from quality.scorecards.score import Answer


class ReviewDraft(Base):
    """What a review's reviewer has entered so far."""

    __tablename__ = "review_drafts"

    review_id: Mapped[str] = mapped_column(ForeignKey(Review.id), primary_key=True)
    #: Login; whoever has the review afterwards begins anew.
    who: Mapped[str] = mapped_column(String(60))
    at: Mapped[datetime]
    #: Goes up by one with every page that takes the draft over from another.
    version: Mapped[int]
    #: The page that wrote it last, and how often it has written.
    tab: Mapped[str] = mapped_column(String(40))
    seq: Mapped[int]
    answers: Mapped[dict[str, Any]] = mapped_column(JSON)
    evidence: Mapped[dict[str, list[dict[str, Any]]]] = mapped_column(JSON)
    comments: Mapped[dict[str, str]] = mapped_column(JSON)
    note: Mapped[str] = mapped_column(Text)


@dataclass(frozen=True)
class Entered:
    """A page's state: the version that it began from, and which of its own writings this is."""

    version: int
    tab: str
    seq: int
    answers: Mapping[str, Answer] = field(default_factory=dict)
    evidence: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    comments: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


async def read(session: AsyncSession, review_id: str, who: str) -> ReviewDraft | None:
    """This person's own draft; None where there is none, or somebody had the review before."""
    row = await session.get(ReviewDraft, review_id)
    return row if row is not None and row.who == who else None


async def save(session: AsyncSession, review_id: str, who: str, entered: Entered, at: datetime) -> ReviewDraft:
    """Keep what was entered; :class:`Conflict` where another page has written since this one was opened.

    A page's own writings may overtake each other on the way: of those the last one holds.
    """
    row = await session.get(ReviewDraft, review_id)
    if row is not None and row.who == who and row.tab == entered.tab:
        if entered.seq <= row.seq:
            return row
    elif row is not None and row.who == who:
        if entered.version != row.version:
            raise Conflict("这份评分刚在另一页面上改过，请载入最新内容")
        row.version += 1
    elif row is not None:
        row.version += 1
    else:
        row = ReviewDraft(review_id=review_id, version=1)
        session.add(row)
    row.who, row.at, row.tab, row.seq = who, at, entered.tab, entered.seq
    row.answers, row.note = dict(entered.answers), entered.note
    row.evidence = {key: [dict(one) for one in many] for key, many in entered.evidence.items() if many}
    row.comments = {key: said for key, said in entered.comments.items() if said.strip()}
    await session.flush()
    return row
