"""Where kept places are stored."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base
from switchboard.kept.policy import LIVE, Held, State


class KeptPlace(Base):
    """One place, kept or done with. Times are UTC."""

    __tablename__ = "kept_places"

    #: Of the call that was hung up.
    call_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    #: As :func:`core.phones.normal` gives it.
    number: Mapped[str] = mapped_column(String(80), index=True)
    line: Mapped[str] = mapped_column(String(20))
    #: With which the caller waited when he hung up; it has aged since.
    priority: Mapped[int]
    arrived_at: Mapped[datetime] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(10), index=True)
    tries: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None]
    #: Id of the call that is out, when it was decided, and the id of the last one.
    out: Mapped[str] = mapped_column(String(80), default="")
    out_at: Mapped[datetime | None]
    last_out: Mapped[str] = mapped_column(String(80), default="", index=True)
    #: The caller's own new call, which has taken the place.
    taken_by: Mapped[str] = mapped_column(String(80), default="", index=True)
    reason: Mapped[str] = mapped_column(String(200), default="")
    changed_at: Mapped[datetime]


async def live(session: AsyncSession) -> list[KeptPlace]:
    """The places that are kept, those kept longest first."""
    rows = await session.scalars(select(KeptPlace).where(KeptPlace.state.in_(LIVE)).order_by(KeptPlace.arrived_at))
    return list(rows)


async def come_for(session: AsyncSession, call_id: str) -> KeptPlace | None:
    """The place that this call has come for: heyi rang him for it, or he called again by himself."""
    of_call = (KeptPlace.last_out == call_id) | (KeptPlace.taken_by == call_id)
    return await session.scalar(select(KeptPlace).where(of_call))


async def arrivals(session: AsyncSession, call_ids: Sequence[str]) -> dict[str, datetime]:
    """The arrivals from which the places of these calls count, of those that have come for a place."""
    rows = await session.execute(
        select(KeptPlace.last_out, KeptPlace.taken_by, KeptPlace.arrived_at).where(
            KeptPlace.last_out.in_(call_ids) | KeptPlace.taken_by.in_(call_ids)
        )
    )
    return {call_id: at for *ids, at in rows for call_id in ids}


def held(place: KeptPlace, priority: int) -> Held:
    """The place as the policy sees it, with the priority that it has by now."""
    return Held(
        place.call_id, place.number, priority, place.arrived_at, cast(State, place.state), place.tries,
        place.not_before, place.out, place.reason,
    )  # fmt: skip
