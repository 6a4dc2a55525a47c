"""Tables of this room. What a unit is stands in the city's data; what it does stands here."""

from datetime import datetime

from sqlalchemy import Boolean, Float, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base
from core.ids import new_id
from ticketing.dispatch.states import UnitAction, UnitState


class UnitRow(Base):
    """A unit's state; without a row it is idle."""

    __tablename__ = "units"

    #: Key in the city's data.
    unit: Mapped[str] = mapped_column(String(40), primary_key=True)
    state: Mapped[UnitState] = mapped_column(String(12), default="idle")
    since: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text, default="")
    #: The order that it carries out; empty where it has none.
    order_id: Mapped[str] = mapped_column(String(32), default="")
    version: Mapped[int] = mapped_column(default=1)

    # An UPDATE that meets another version than it read fails (two desks, one unit).
    __mapper_args__ = {"version_id_col": version, "version_id_generator": False}  # noqa: RUF012  read once, by the mapper


class UnitPosition(Base):
    """Where a unit last said it was."""

    __tablename__ = "unit_positions"

    unit: Mapped[str] = mapped_column(String(40), primary_key=True)
    #: Degrees of WGS 84.
    lon: Mapped[float] = mapped_column(Float)
    lat: Mapped[float] = mapped_column(Float)
    #: Radius in metres; empty where the device did not say.
    accuracy_m: Mapped[float | None] = mapped_column(Float)
    #: When it was there, by the device's clock.
    at: Mapped[datetime]
    #: Login of who sent it.
    who: Mapped[str] = mapped_column(String(60))


_UNSEEN = text("seen_at IS NULL AND ending IN ('recalled', 'withdrawn')")


class UnitOrder(Base):
    """One order to one unit, with each of its times (派出 收到 出动 到场 完成)."""

    __tablename__ = "unit_orders"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), index=True)
    unit: Mapped[str] = mapped_column(String(40))
    sent_at: Mapped[datetime]
    sent_by: Mapped[str] = mapped_column(String(60))
    note: Mapped[str] = mapped_column(Text, default="")
    #: Straight line when it was sent; empty where it was not known.
    distance_m: Mapped[float | None] = mapped_column(Float)
    received_at: Mapped[datetime | None]
    departed_at: Mapped[datetime | None]
    arrived_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    #: Of :data:`ticketing.dispatch.states.Mark`; empty while it goes on.
    ending: Mapped[str] = mapped_column(String(12), default="")
    #: Why it ended, or what came of it.
    reason: Mapped[str] = mapped_column(Text, default="")
    #: When the unit said that it knows of an ending which it did not choose.
    seen_at: Mapped[datetime | None]

    __table_args__ = (
        Index("unit_orders_of_unit", "unit", "sent_at"),
        Index("unit_orders_unseen", "ended_at", sqlite_where=_UNSEEN, postgresql_where=_UNSEEN),
    )


class UnitLog(Base):
    """One step of a unit."""

    __tablename__ = "unit_log"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    unit: Mapped[str] = mapped_column(String(40), index=True)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(60))
    role: Mapped[str] = mapped_column(String(12))
    action: Mapped[UnitAction] = mapped_column(String(12))
    before: Mapped[UnitState] = mapped_column(String(12))
    after: Mapped[UnitState] = mapped_column(String(12))
    order_id: Mapped[str] = mapped_column(String(32), default="")
    reason: Mapped[str] = mapped_column(Text, default="")


class TicketScene(Base):
    """What a person said of a ticket's scene: where it is exactly, and how grave."""

    __tablename__ = "ticket_scenes"

    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), primary_key=True)
    #: Degrees of WGS 84; both or neither.
    lon: Mapped[float | None] = mapped_column(Float)
    lat: Mapped[float | None] = mapped_column(Float)
    #: 1 特别重大 … 4 一般.
    grade: Mapped[int | None]
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(60))


class PlanTick(Base):
    """An item of a plan was ticked on a ticket, or the tick was taken away; the last row of an item holds."""

    __tablename__ = "plan_ticks"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id"), index=True)
    plan: Mapped[str] = mapped_column(String(40))
    item: Mapped[str] = mapped_column(String(40))
    done: Mapped[bool] = mapped_column(Boolean)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(60))
