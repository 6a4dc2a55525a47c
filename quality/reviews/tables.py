"""Tables of this room: draws, reviews, their history and scores, evidence packages."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Date, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base
from core.ids import new_id
from quality.reviews.states import State
from quality.scorecards.versions import ScorecardVersion


class QualityDraw(Base):
    """One shift's draw; never changed. What it was drawn from is kept, so that it can be drawn again."""

    __tablename__ = "quality_draws"
    # Once only, or somebody could draw until the result pleased him.
    __table_args__ = (UniqueConstraint("day", "shift"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    day: Mapped[date] = mapped_column(Date)
    shift: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(40))
    plan_version: Mapped[int]
    #: SHA-256 of the plan, of the calls that were drawn from, and of the whole ``body``.
    plan_hash: Mapped[str] = mapped_column(String(64))
    population_hash: Mapped[str] = mapped_column(String(64))
    seal: Mapped[str] = mapped_column(String(64))
    #: JSON text: plan, calls, reviewers, picks, duties (:mod:`quality.sampling.record`).
    body: Mapped[str] = mapped_column(Text, deferred=True)


class Review(Base):
    """One call to be scored by one person."""

    __tablename__ = "reviews"
    __table_args__ = (
        UniqueConstraint("draw_id", "call_id", "copy"),
        Index("reviews_of_reviewer", "reviewer", "state"),
        Index("reviews_of_agent", "agent", "released_at"),
        Index("reviews_by_state", "state", "due_at"),
        Index("reviews_of_call", "call_id"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    draw_id: Mapped[str] = mapped_column(ForeignKey("quality_draws.id"))
    call_id: Mapped[str] = mapped_column(String(80))
    #: 0: the review; 1: the second one of a blind pair; more: ordered later. All but 0 are for calibration alone, and
    #: reviewers are not told.
    copy: Mapped[int] = mapped_column(default=0)
    #: Login of the call taker, or ``desk:1001``; and of all others who spoke.
    agent: Mapped[str] = mapped_column(String(60))
    others: Mapped[list[str]] = mapped_column(JSON, default=list)
    #: Kind of scorecard: ``service``, ``emergency``.
    kind: Mapped[str] = mapped_column(String(12))
    #: ``risk`` or ``lot``.
    why: Mapped[str] = mapped_column(String(8))
    #: Login; empty while nobody has it.
    reviewer: Mapped[str] = mapped_column(String(60), default="")
    state: Mapped[State] = mapped_column(String(12), default="drawn")
    created_at: Mapped[datetime]
    #: When the step that is next is due; None where nothing is.
    due_at: Mapped[datetime | None]
    released_at: Mapped[datetime | None]
    #: Goes up by one with every change; a change that meets another version fails.
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version, "version_id_generator": False}  # noqa: RUF012  read once, by the mapper


class ReviewStep(Base):
    """One step that was taken; never changed."""

    __tablename__ = "review_history"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    review_id: Mapped[str] = mapped_column(ForeignKey("reviews.id"), index=True)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(60))
    role: Mapped[str] = mapped_column(String(12))
    action: Mapped[str] = mapped_column(String(12))
    before: Mapped[State] = mapped_column(String(12))
    after: Mapped[State] = mapped_column(String(12))
    #: Whose review it is after the step.
    reviewer: Mapped[str] = mapped_column(String(60), default="")
    #: Reason of an appeal, of a decision, of handing back…
    note: Mapped[str] = mapped_column(Text, default="")


class ReviewScore(Base):
    """What somebody scored; never changed. The latest number holds."""

    __tablename__ = "review_scores"
    __table_args__ = (UniqueConstraint("review_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    review_id: Mapped[str] = mapped_column(ForeignKey("reviews.id"))
    #: Counts from 1.
    number: Mapped[int]
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(60))
    #: The card's hash (:mod:`quality.scorecards.versions`).
    card: Mapped[str] = mapped_column(ForeignKey(ScorecardVersion.hash))
    answers: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: By item: places in the call, ``{utterance_id, second, words}`` each.
    evidence: Mapped[dict[str, list[dict[str, Any]]]] = mapped_column(JSON, default=dict)
    #: By item, what is to be said of it.
    comments: Mapped[dict[str, str]] = mapped_column(JSON, default=dict, server_default="{}")
    note: Mapped[str] = mapped_column(Text, default="")
    #: Ten times the points, so that it is exact; None where nothing applied.
    tenths: Mapped[int | None]
    passed: Mapped[bool | None]
    failed: Mapped[list[str]] = mapped_column(JSON, default=list)


class EvidencePackage(Base):
    """One package that was handed out. Its fingerprint stands over the one before it, so none can go unnoticed."""

    __tablename__ = "evidence_packages"

    #: Counts from 1 without gaps.
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    call_id: Mapped[str] = mapped_column(String(80), index=True)
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(60))
    why: Mapped[str] = mapped_column(Text)
    #: SHA-256 of ``manifest``; and of the package before, empty of the first.
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    previous: Mapped[str] = mapped_column(String(64))
    #: To the letter.
    manifest: Mapped[str] = mapped_column(Text)
