"""What people decided about proposed words. What they accepted is written out for the city's lexicon."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from asr.record import corrections
from asr.record.proposals import Proposal, proposals
from asr.words import overlay
from core.database import Base, Database
from core.errors import HeyiError

#: Characters of one word at most, wrong or right.
LONGEST = 20


class LexiconWord(Base):
    """One decision. ``seen_wrong`` and ``seen_right`` are the pair that was proposed, as corrections have it; what is
    accepted may have been trimmed by the person. Both are empty for a word that somebody added without a proposal."""

    __tablename__ = "lexicon_words"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    seen_wrong: Mapped[str] = mapped_column(String(LONGEST), default="")
    seen_right: Mapped[str] = mapped_column(String(LONGEST), default="")
    wrong: Mapped[str] = mapped_column(String(LONGEST), default="")
    right: Mapped[str] = mapped_column(String(LONGEST), index=True)
    #: One of :data:`asr.words.overlay.KINDS`.
    kind: Mapped[str] = mapped_column(String(12))
    accepted: Mapped[bool]
    who: Mapped[str] = mapped_column(String(60))
    at: Mapped[datetime]


class BadWord(HeyiError):
    """Not a word that can be listened for."""


async def open_proposals(session: AsyncSession) -> list[Proposal]:
    """What was corrected often enough and nobody has decided about."""
    rows = await session.scalars(select(LexiconWord))
    decided = {pair for row in rows for pair in ((row.seen_wrong, row.seen_right), (row.wrong, row.right)) if pair[0]}
    return proposals(await corrections.net(session), decided)


async def decided(session: AsyncSession, *, accepted: bool) -> Sequence[LexiconWord]:
    """The words that were accepted (or refused), the latest first."""
    rows = await session.scalars(
        select(LexiconWord).where(LexiconWord.accepted.is_(accepted)).order_by(LexiconWord.id.desc())
    )
    return rows.all()


def decide(
    session: AsyncSession,
    *,
    seen: tuple[str, str] = ("", ""),
    wrong: str,
    right: str,
    kind: str,
    accepted: bool,
    who: str,
    at: datetime,
) -> LexiconWord:
    """Add one decision. Raises :class:`BadWord` where ``right`` is no word of 2 characters or more."""
    wrong, right = wrong.strip(), right.strip()
    if not (2 <= len(right) <= LONGEST and right.isalnum()):
        raise BadWord("正确写法须为 2 至 20 个汉字、字母或数字")
    if wrong and not (2 <= len(wrong) <= LONGEST and wrong.isalnum()):
        raise BadWord("误写须为 2 至 20 个汉字、字母或数字，也可留空")
    if wrong == right:
        raise BadWord("误写与正确写法相同")
    if kind not in overlay.KINDS:
        raise BadWord("类型不符合要求")
    row = LexiconWord(
        seen_wrong=seen[0], seen_right=seen[1], wrong=wrong, right=right, kind=kind, accepted=accepted, who=who, at=at
    )
    session.add(row)
    return row


async def export(database: Database, folder: Path) -> int:
    """Write the accepted words into the data folder ``folder``; returns their number. The database is what counts:
    a file that is lost or old is written anew at each start and after each decision."""
    async with database.read() as session:
        rows = await decided(session, accepted=True)
    words = sorted({(row.right, row.wrong, row.kind) for row in rows})
    overlay.write(
        folder / overlay.FILE,
        [overlay.Word(wrong, right, kind) for right, wrong, kind in words],  # type: ignore[arg-type]
    )
    return len(words)
