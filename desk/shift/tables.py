"""What desks found of their devices, and how calls sounded to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Index, String, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base

#: A call whose mean is below this sounded poor: transmission rating R of 70, "many users dissatisfied" (ITU-T G.107).
POOR = 3.6


class DeskCheck(Base):
    """One check of a desk's microphone, speaker and network, as its page measured it."""

    __tablename__ = "desk_checks"
    __table_args__ = (Index("ix_desk_checks_desk_at", "desk", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    desk: Mapped[str] = mapped_column(String(10))
    login: Mapped[str] = mapped_column(String(60))
    at: Mapped[datetime]
    #: All of it was in order.
    ok: Mapped[bool]
    #: Loudest tenth of a second that the microphone gave, in dB below full scale; None: nothing came.
    level_db: Mapped[float | None]
    #: The person heard the tone.
    heard: Mapped[bool]
    #: Median round trip to Asterisk's WebSocket and to heyi, and how much the former varies, in milliseconds.
    asterisk_ms: Mapped[float | None]
    server_ms: Mapped[float | None]
    jitter_ms: Mapped[float | None]


class CallQuality(Base):
    """How one call sounded at one desk, as its browser counted (WebRTC statistics)."""

    __tablename__ = "call_quality"

    call_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    desk: Mapped[str] = mapped_column(String(10), primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    #: Seconds that were measured.
    seconds: Mapped[float]
    #: Estimated mean opinion score, 1 to 4.5: of the whole, and the least of ten seconds.
    mos: Mapped[float]
    mos_least: Mapped[float]
    #: Packets lost of those that should have come, in percent; jitter and round trip in milliseconds.
    loss: Mapped[float]
    jitter_ms: Mapped[float]
    round_trip_ms: Mapped[float | None]


@dataclass(frozen=True)
class DeskSound:
    """A day of one desk: its last check, and how its calls sounded."""

    check: DeskCheck | None = None
    calls: int = 0
    mos: float = 0.0
    poor: int = 0


async def last_check(session: AsyncSession, desk: str, since: datetime) -> DeskCheck | None:
    """The desk's newest check since then."""
    wanted = select(DeskCheck).where(DeskCheck.desk == desk, DeskCheck.at >= since)
    return (await session.scalars(wanted.order_by(DeskCheck.at.desc()).limit(1))).first()


async def sounds(session: AsyncSession, start: datetime, end: datetime) -> Mapping[str, DeskSound]:
    """Of each desk what it found and how it sounded between ``start`` and ``end``."""
    newest = select(func.max(DeskCheck.id)).where(DeskCheck.at >= start, DeskCheck.at < end).group_by(DeskCheck.desk)
    checks = {row.desk: row for row in await session.scalars(select(DeskCheck).where(DeskCheck.id.in_(newest)))}
    counted = (
        select(
            CallQuality.desk,
            func.count(),
            func.avg(CallQuality.mos),
            func.count().filter(CallQuality.mos < POOR),
        )
        .where(CallQuality.at >= start, CallQuality.at < end)
        .group_by(CallQuality.desk)
    )
    figures = {row[0]: row for row in await session.execute(counted)}
    return {
        desk: DeskSound(checks.get(desk), *((row[1], float(row[2]), row[3]) if (row := figures.get(desk)) else ()))
        for desk in checks.keys() | figures.keys()
    }
