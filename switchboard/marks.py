"""Numbers that are marked as nuisance (骚扰标记). A mark ranks, it never blocks, and it ends by itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast

from sqlalchemy import Select, String, select
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import Clock
from core.database import Base, Database
from core.errors import NotAllowed
from core.ids import new_id
from core.phones import normal
from switchboard.events import NumberMarked

Kind = Literal["harassment", "hoax", "misdial"]

KIND_NAMES: dict[Kind, str] = {"harassment": "骚扰", "hoax": "谎报", "misdial": "反复误拨"}
#: Longer than this is a decision to be taken anew.
LONGEST = timedelta(days=90)


class NuisanceMark(Base):
    """One mark; ended ones are kept. Times are UTC."""

    __tablename__ = "nuisance_marks"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    #: As :func:`core.phones.normal` gives it.
    number: Mapped[str] = mapped_column(String(40), index=True)
    kind: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime]
    until: Mapped[datetime] = mapped_column(index=True)
    #: Login of who marked, and of who took the mark away before its end.
    by: Mapped[str] = mapped_column(String(60))
    removed_at: Mapped[datetime | None]
    removed_by: Mapped[str] = mapped_column(String(60), default="")


@dataclass(frozen=True)
class Mark:
    """A mark that holds."""

    id: str
    number: str
    kind: Kind
    reason: str
    at: datetime
    until: datetime
    by: str


class Marks:
    """The table of marks. Who may mark, and the audit of it, is the caller's matter."""

    def __init__(self, database: Database, clock: Clock, area_code: str) -> None:
        self._database, self._clock, self._area_code = database, clock, area_code

    async def add(self, number: str, kind: Kind, *, days: float, by: str, reason: str) -> Mark:
        """Mark a number; a mark that it has is replaced.

        Raises :class:`NotAllowed` where there is no number, no reason, or the time is not within :data:`LONGEST`.
        """
        digits = normal(number, self._area_code)
        if len(digits) < 3:
            raise NotAllowed("来电未显示号码，无法标记")
        if not reason.strip():
            raise NotAllowed("标记骚扰号码须写明理由")
        if not 0 < days <= LONGEST.days:
            raise NotAllowed("标记期限最长90天", hint=f"{days:g}")
        now = self._clock.now()
        mark = NuisanceMark(
            id=new_id(), number=digits, kind=kind, reason=reason.strip()[:200], at=now,
            until=now + timedelta(days=days), by=by, removed_by="",
        )  # fmt: skip
        async with self._database.work() as work:
            for row in await work.session.scalars(_holding(now).where(NuisanceMark.number == digits)):
                row.removed_at, row.removed_by = now, by
            work.session.add(mark)
            work.record(NumberMarked(at=now, mark=mark.id, active=True, by=by))
        return _mark(mark)

    async def remove(self, mark_id: str, *, by: str) -> Mark:
        """Take a mark away before its end. Raises :class:`NotAllowed` where none holds."""
        now = self._clock.now()
        async with self._database.work() as work:
            row = await work.session.scalar(_holding(now).where(NuisanceMark.id == mark_id))
            if row is None:
                raise NotAllowed("标记已经失效")
            row.removed_at, row.removed_by = now, by
            work.record(NumberMarked(at=now, mark=row.id, active=False, by=by))
        return _mark(row)

    async def active(self, number: str) -> Mark | None:
        """The mark that holds for this number now, however the number is written."""
        digits = normal(number, self._area_code)
        if not digits:
            return None
        async with self._database.read() as session:
            row = await session.scalar(_holding(self._clock.now()).where(NuisanceMark.number == digits))
        return None if row is None else _mark(row)

    async def all(self) -> list[Mark]:
        """The marks that hold, those that end last first."""
        async with self._database.read() as session:
            rows = await session.scalars(_holding(self._clock.now()).order_by(NuisanceMark.until.desc()))
            return [_mark(row) for row in rows]


def _holding(now: datetime) -> Select[NuisanceMark]:
    return select(NuisanceMark).where(NuisanceMark.until > now, NuisanceMark.removed_at.is_(None))


def _mark(row: NuisanceMark) -> Mark:
    return Mark(row.id, row.number, cast(Kind, row.kind), row.reason, row.at, row.until, row.by)
