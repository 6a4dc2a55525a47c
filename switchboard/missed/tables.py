"""Where the list of missed calls is kept: its items, the calls of each, and every call back. Times are UTC.

After a bad night the list is long, and somebody looks at it each second: every question here is answered by an index,
and none brings more than a page.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Index, String, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base
from switchboard.missed.policy import ENDED, MERGE_WITHIN, Hold, Item, Kind, Missed, State
from telephony.ledger import CallRow

#: Items that are read at a time.
PAGE = 200
#: Calls of one item that are read, the latest.
CALLS = 50

_LIVE: tuple[State, ...] = ("open", "calling", "owned")


class MissedItem(Base):
    """One item of the list: :class:`switchboard.missed.policy.Item` without its calls."""

    __tablename__ = "missed_items"
    __table_args__ = (
        Index("ix_missed_items_number", "number", "state"),
        Index("ix_missed_items_due", "state", "emergency", "due_at"),
        Index("ix_missed_items_ended", "state", "changed_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    #: As :func:`core.phones.normal` gives it; empty where it was withheld.
    number: Mapped[str] = mapped_column(String(80))
    #: Of the last call.
    line: Mapped[str] = mapped_column(String(20))
    emergency: Mapped[bool]
    #: Missed calls, the first and the last of them.
    count: Mapped[int] = mapped_column(default=0)
    since: Mapped[datetime]
    last_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(8))
    tries: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None]
    owner: Mapped[str] = mapped_column(String(60), default="")
    out: Mapped[str] = mapped_column(String(80), default="")
    placed: Mapped[bool] = mapped_column(default=False)
    reason: Mapped[str] = mapped_column(String(200), default="")
    hold: Mapped[str] = mapped_column(String(8), default="")
    #: Of the last change; an owner who does nothing loses the item some time after it.
    changed_at: Mapped[datetime]


class MissedCall(Base):
    """One call that ended without help. The key makes it count once, however often it is told."""

    __tablename__ = "missed_calls"
    __table_args__ = (Index("ix_missed_calls_item", "item", "at"),)

    call_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    item: Mapped[str] = mapped_column(String(32))
    number: Mapped[str] = mapped_column(String(80))
    line: Mapped[str] = mapped_column(String(20))
    emergency: Mapped[bool]
    kind: Mapped[str] = mapped_column(String(8))
    at: Mapped[datetime]


class RecallTry(Base):
    """One call back, stored before it is dialled; ``call_id`` is that of the call out."""

    __tablename__ = "recall_tries"

    call_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    item: Mapped[str] = mapped_column(String(32), index=True)
    #: Login of who rings by hand; empty: heyi by itself.
    by: Mapped[str] = mapped_column(String(60), default="")
    decided_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(index=True)
    #: See :class:`switchboard.events.RecallTried`.
    outcome: Mapped[str] = mapped_column(String(12), default="")


@dataclass(frozen=True)
class Count:
    """How many items are to be dealt with."""

    open: int
    #: How many of them are emergencies.
    emergency: int
    #: The latest call of an emergency line among them.
    emergency_at: datetime | None = None


async def count(session: AsyncSession) -> Count:
    rows = await session.execute(
        select(MissedItem.emergency, func.count(), func.max(MissedItem.last_at))
        .where(MissedItem.state.in_(_LIVE)).group_by(MissedItem.emergency)
    )  # fmt: skip
    found = {emergency: (number, last) for emergency, number, last in rows}
    emergencies, last = found.get(True, (0, None))
    return Count(sum(number for number, _ in found.values()), emergencies, last)


async def load(session: AsyncSession, item_id: str) -> Item | None:
    row = await session.get(MissedItem, item_id)
    return (await _items(session, [row]))[0] if row is not None else None


async def page(session: AsyncSession, offset: int = 0, size: int = PAGE) -> list[Item]:
    """Items that have not ended, ``size`` of them: emergencies first, then those that wait longest."""
    rows: list[MissedItem] = []
    for emergency in (True, False):
        wanted = size - len(rows)
        if not wanted:
            break
        of_kind = (MissedItem.state.in_(_LIVE), MissedItem.emergency.is_(emergency))
        found = select(MissedItem).where(*of_kind).order_by(MissedItem.since, MissedItem.id)
        rows += await session.scalars(found.offset(offset).limit(wanted))
        if offset:
            offset = max(0, offset - (await session.scalar(select(func.count()).where(*of_kind)) or 0))
    return await _items(session, rows)


async def due(session: AsyncSession, now: datetime) -> list[Item]:
    """Items whose telephones are to be rung by now, emergencies first, then those due the longest; at most a page."""
    rows: list[MissedItem] = []
    for emergency in (True, False):
        waiting = (MissedItem.state == "open", MissedItem.emergency.is_(emergency), MissedItem.due_at <= now)
        found = select(MissedItem).where(*waiting).order_by(MissedItem.due_at).limit(PAGE - len(rows))
        rows += await session.scalars(found)
    return await _items(session, rows)


async def rung(session: AsyncSession) -> list[Item]:
    """Items of which a call is out."""
    rows = await session.scalars(
        select(MissedItem).where(MissedItem.state.in_(("calling", "owned")), MissedItem.out != "")
    )
    return await _items(session, list(rows))


async def of_number(session: AsyncSession, number: str) -> list[Item]:
    """The items of a number that have not ended."""
    rows = await session.scalars(select(MissedItem).where(MissedItem.number == number, MissedItem.state.in_(_LIVE)))
    return await _items(session, list(rows))


async def near(session: AsyncSession, missed: Missed) -> list[Item]:
    """The items that this call could belong to (:func:`switchboard.missed.policy.same_matter`), latest first."""
    rows = await session.scalars(
        select(MissedItem)
        .where(
            MissedItem.number == missed.number, MissedItem.state.in_(_LIVE),
            MissedItem.emergency.is_(missed.emergency), or_(MissedItem.number != "", MissedItem.line == missed.line),
            MissedItem.last_at >= missed.at - MERGE_WITHIN, MissedItem.last_at <= missed.at + MERGE_WITHIN,
        )
        .order_by(MissedItem.last_at.desc())
        .limit(10)
    )  # fmt: skip
    return await _items(session, list(rows))


async def numbers(session: AsyncSession) -> set[str]:
    """The numbers that have an item which has not ended."""
    rows = select(MissedItem.number).where(MissedItem.state.in_(_LIVE), MissedItem.number != "").distinct()
    return set(await session.scalars(rows))


async def ended(session: AsyncSession, since: datetime, limit: int, start: int = 0) -> list[Item]:
    """Items that ended after ``since``, latest first."""
    rows = select(MissedItem).where(MissedItem.state.in_(ENDED), MissedItem.changed_at > since)
    found = await session.scalars(rows.order_by(MissedItem.changed_at.desc(), MissedItem.id).offset(start).limit(limit))
    return await _items(session, list(found))


async def owned_since(session: AsyncSession, until: datetime) -> list[str]:
    """Ids of items whose owner has done nothing since ``until``."""
    rows = select(MissedItem.id).where(
        MissedItem.state == "owned", MissedItem.out == "", MissedItem.changed_at <= until
    )
    return list(await session.scalars(rows))


async def counted(session: AsyncSession, call_id: str) -> bool:
    """Whether this call is on the list already, or was."""
    return await session.get(MissedCall, call_id) is not None


async def counted_since(session: AsyncSession, since: datetime) -> set[str]:
    """The calls that ended after ``since`` and are on the list, or were."""
    return set(await session.scalars(select(MissedCall.call_id).where(MissedCall.at > since)))


async def save(session: AsyncSession, item: Item, now: datetime) -> None:
    row = await session.get(MissedItem, item.id)
    last = item.calls[-1]
    if row is None:
        row = MissedItem(id=item.id, since=item.calls[0].at)
        session.add(row)
    row.number, row.line, row.emergency, row.count, row.last_at = (
        last.number, last.line, last.emergency, item.count, last.at
    )  # fmt: skip
    row.state, row.tries, row.due_at = item.state, item.tries, item.due_at
    row.owner, row.out, row.placed, row.reason = item.owner, item.out, item.placed, item.reason[:200]
    row.hold, row.changed_at = item.hold, now
    ids = [call.call_id for call in item.calls]
    known = set(await session.scalars(select(MissedCall.call_id).where(MissedCall.call_id.in_(ids))))
    for call in item.calls:
        if call.call_id not in known:
            session.add(
                MissedCall(
                    call_id=call.call_id, item=item.id, number=call.number, line=call.line, emergency=call.emergency,
                    kind=call.kind, at=call.at,
                )
            )  # fmt: skip


async def open_tries(session: AsyncSession) -> Sequence[RecallTry]:
    """Calls back whose end is not known yet."""
    return list(await session.scalars(select(RecallTry).where(RecallTry.ended_at.is_(None))))


async def tries_of(session: AsyncSession, items: Iterable[str]) -> dict[str, list[RecallTry]]:
    """Each item's calls back, earliest first."""
    found: dict[str, list[RecallTry]] = {}
    rows = select(RecallTry).where(RecallTry.item.in_(list(items))).order_by(RecallTry.decided_at)
    for row in await session.scalars(rows):
        found.setdefault(row.item, []).append(row)
    return found


async def rings(session: AsyncSession, number: str, since: datetime) -> list[datetime]:
    """When heyi rang this number since then, for whatever reason: recalls, kept places, calls back by hand.

    Told by the ledger, so calls that Asterisk never made do not count. ``number`` as it is dialled.
    """
    rows = select(CallRow.arrived_at).where(
        CallRow.caller == number, CallRow.direction == "back", CallRow.arrived_at > since
    )
    return list(await session.scalars(rows))


async def _items(session: AsyncSession, rows: Sequence[MissedItem]) -> list[Item]:
    """The items with their latest calls."""
    latest = func.row_number().over(partition_by=MissedCall.item, order_by=MissedCall.at.desc()).label("latest")
    numbered = select(MissedCall, latest).where(MissedCall.item.in_([row.id for row in rows])).subquery()
    wanted = select(numbered).where(numbered.c.latest <= CALLS).order_by(numbered.c.at)
    calls: dict[str, list[Missed]] = {}
    for call in await session.execute(wanted) if rows else ():
        missed = Missed(call.call_id, call.number, call.line, call.emergency, cast(Kind, call.kind), call.at)
        calls.setdefault(call.item, []).append(missed)
    return [
        Item(
            row.id, tuple(calls[row.id]), cast(State, row.state), row.tries, row.due_at, row.owner, row.out, row.placed,
            row.reason, cast(Hold, row.hold), row.count - len(calls[row.id]),
        )
        for row in rows
    ]  # fmt: skip
