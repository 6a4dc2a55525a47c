"""Every version of a scorecard that a call was ever scored by: kept for ever, by the hash of its content."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import Index, String, Text, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.city_scorecards import Scorecard
from core.database import Base
from core.errors import HeyiError


class ScorecardVersion(Base):
    """One version as it was first used; never changed, never deleted."""

    __tablename__ = "scorecards"
    __table_args__ = (Index("scorecards_by_key", "key", "version", unique=True),)

    #: SHA-256 of ``body`` in hexadecimal.
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(40))
    version: Mapped[int]
    #: The whole card as JSON text, to the letter.
    body: Mapped[str] = mapped_column(Text)
    first_at: Mapped[datetime]


def body_of(card: Scorecard) -> str:
    """The card as the one text that is hashed and kept."""
    return json.dumps(card.model_dump(mode="json"), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def hash_of(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


async def keep(session: AsyncSession, card: Scorecard, now: datetime) -> str:
    """Keep this version before a call is scored by it, and return its hash.

    :class:`HeyiError` where calls were scored by the same version with another content: then those scores would say
    something else than they did.
    """
    body = body_of(card)
    told = hash_of(body)
    row = await session.scalar(
        select(ScorecardVersion).where(ScorecardVersion.key == card.key, ScorecardVersion.version == card.version)
    )
    if row is None:
        session.add(ScorecardVersion(hash=told, key=card.key, version=card.version, body=body, first_at=now))
        await session.flush()
    elif row.body != body:
        raise HeyiError(
            f"评分表“{card.name}”第 {card.version} 版已用于评分，内容不能再改",
            hint=f"scorecards.yaml: {card.key}，请把 version 改为 {card.version + 1}",
        )
    return told


async def read(session: AsyncSession, told: str) -> Scorecard:
    """The card with this hash; :class:`HeyiError` where it is not there or is no longer what was kept."""
    row = await session.get(ScorecardVersion, told)
    if row is None:
        raise HeyiError("没有这一版评分表", hint=told[:12])
    if hash_of(row.body) != told:
        raise HeyiError("评分表的存档已被改动", hint=f"{row.key} 第 {row.version} 版")
    try:
        return Scorecard.model_validate_json(row.body)
    except ValidationError as error:
        raise HeyiError("评分表的存档无法读取", hint=f"{row.key} 第 {row.version} 版") from error


async def every(session: AsyncSession) -> Sequence[ScorecardVersion]:
    """All that was kept, the earliest version of each card first."""
    query = select(ScorecardVersion).order_by(ScorecardVersion.key, ScorecardVersion.version)
    return (await session.scalars(query)).all()
