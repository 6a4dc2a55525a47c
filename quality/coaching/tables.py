"""Coaching plans and what was done about them."""

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base
from core.ids import new_id
from quality.coaching.states import State


class CoachingPlan(Base):
    """What one call taker is to get better at, until when."""

    __tablename__ = "coaching_plans"
    __table_args__ = (
        Index("coaching_plans_of_agent", "agent", "state"),
        Index("coaching_plans_next", "state", "next_on"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    #: Login of the call taker, or ``desk:1001``.
    agent: Mapped[str] = mapped_column(String(60))
    aim: Mapped[str] = mapped_column(Text)
    #: Key of the scorecard's item; empty where it is about something else.
    item: Mapped[str] = mapped_column(String(40), default="")
    until: Mapped[date] = mapped_column(Date)
    by: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[datetime]
    state: Mapped[State] = mapped_column(String(8), default="made")
    #: When the call taker confirmed that he has read it.
    read_at: Mapped[datetime | None]
    #: Day of the next follow-up; None once it is over.
    next_on: Mapped[date | None] = mapped_column(Date)
    #: Goes up by one with every change; a change that meets another version fails.
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version, "version_id_generator": False}  # noqa: RUF012  read once, by the mapper


class CoachingStep(Base):
    """One step that was taken; never changed."""

    __tablename__ = "coaching_steps"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    plan_id: Mapped[str] = mapped_column(ForeignKey("coaching_plans.id"), index=True)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(60))
    #: See :data:`quality.coaching.states.Action`; ``make`` of the first.
    action: Mapped[str] = mapped_column(String(8))
    after: Mapped[State] = mapped_column(String(8))
    note: Mapped[str] = mapped_column(Text, default="")
    next_on: Mapped[date | None] = mapped_column(Date)
