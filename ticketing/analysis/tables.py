"""Tables of this room."""

from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import JSON, Date, Float, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base
from core.ids import new_id
from ticketing.analysis.tally import Kind, Window

#: 周报 月报
BriefKind = Literal["week", "month"]


class AnalysisLook(Base):
    """One look through the tickets."""

    __tablename__ = "analysis_looks"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    #: Tickets before this full hour were looked at; no two looks are of the same hour.
    until: Mapped[datetime] = mapped_column(unique=True)
    at: Mapped[datetime] = mapped_column(index=True)
    #: Login of who asked for it; empty: it was time.
    who: Mapped[str] = mapped_column(String(60), default="")
    tickets: Mapped[int]
    #: Days of the past; below :data:`ticketing.analysis.rising.LEAST_DAYS` nothing was judged.
    days: Mapped[int]
    #: Cells judged, and the false alarms that such a look has on average.
    cells: Mapped[int]
    false_alarms: Mapped[float] = mapped_column(Float)
    #: Processing time in seconds.
    took_s: Mapped[float] = mapped_column(Float)
    #: Words, clusters, hours, repeat callers, as :mod:`ticketing.analysis.picture` made them.
    picture: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class AnalysisWarning(Base):
    """Something that rose against its own past, from the first look that saw it to the last."""

    __tablename__ = "analysis_warnings"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    #: :attr:`ticketing.analysis.tally.Cell.key`.
    key: Mapped[str] = mapped_column(String(200))
    kind: Mapped[Kind] = mapped_column(String(12))
    town: Mapped[str] = mapped_column(String(60), default="")
    community: Mapped[str] = mapped_column(String(60), default="")
    code: Mapped[str] = mapped_column(String(8), default="")
    word: Mapped[str] = mapped_column(String(40), default="")
    #: Of the latest look that saw it.
    window: Mapped[Window] = mapped_column(String(8))
    count: Mapped[int]
    usual: Mapped[float] = mapped_column(Float)
    threshold: Mapped[int]
    chance: Mapped[float] = mapped_column(Float)
    series: Mapped[list[int]] = mapped_column(JSON, default=list)
    words: Mapped[list[str]] = mapped_column(JSON, default=list)
    #: Category that most of its tickets have, where the cell itself names none; empty: no single one.
    detail: Mapped[str] = mapped_column(String(8), default="")
    #: What rose with it and is told of here: cells with count and usual.
    same: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    tickets: Mapped[list[str]] = mapped_column(JSON, default=list)
    #: The full hours of the first and the last look that saw it.
    first_at: Mapped[datetime]
    last_at: Mapped[datetime] = mapped_column(index=True)
    #: Who took note of it, when, and what is done.
    noted_at: Mapped[datetime | None]
    noted_by: Mapped[str] = mapped_column(String(60), default="")
    note: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (Index("analysis_warnings_key", "key", "last_at"),)


class AnalysisBrief(Base):
    """A weekly or monthly brief as it was issued; it does not change with its tickets."""

    __tablename__ = "analysis_briefs"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    kind: Mapped[BriefKind] = mapped_column(String(8))
    #: First day.
    start: Mapped[date] = mapped_column(Date)
    issued_at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(60))
    figures: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: Its sentences by language.
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: The tickets as they were, compressed (:mod:`ticketing.analysis.brief`).
    tickets: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (UniqueConstraint("kind", "start"),)
