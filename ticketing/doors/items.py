"""Every query about what came by the doors."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.phones import normal
from ticketing.doors.events import Source
from ticketing.doors.intake import hashed
from ticketing.doors.open311 import Search
from ticketing.doors.tables import DoorItem, DoorPhoto, Letter
from ticketing.tables import Ticket


@dataclass(frozen=True)
class Entry:
    """An item with its ticket, and the answer where it is a letter."""

    item: DoorItem
    ticket: Ticket
    letter: Letter | None


def _entries() -> Select[DoorItem, Ticket, Letter]:
    return (
        select(DoorItem, Ticket, Letter)
        .join(Ticket, Ticket.id == DoorItem.ticket_id)
        .outerjoin(Letter, Letter.item_id == DoorItem.id)
    )


async def of_ticket(session: AsyncSession, ticket_id: str) -> Entry | None:
    row = (await session.execute(_entries().where(DoorItem.ticket_id == ticket_id))).one_or_none()
    return None if row is None else Entry(*row)


async def of_number(session: AsyncSession, number: str) -> Entry | None:
    row = (await session.execute(_entries().where(Ticket.number == number))).one_or_none()
    return None if row is None else Entry(*row)


async def of_token(session: AsyncSession, token: str) -> Entry | None:
    row = (await session.execute(_entries().where(DoorItem.token_hash == hashed(token)))).one_or_none()
    return None if row is None else Entry(*row)


async def of_writer(
    session: AsyncSession, number: str, *, token: str = "", phone: str = "", sender: str = "", area_code: str = ""
) -> Entry | None:
    """The matter of this number for who proves to be its writer: by the word, the whole telephone number, the chat."""
    entry = await of_number(session, number)
    if entry is None:
        return None
    digits = normal(phone, area_code)
    proofs = (
        token and hmac.compare_digest(entry.item.token_hash, hashed(token)),
        # Fewer digits anybody tries out.
        len(digits) >= 7 and hmac.compare_digest(entry.ticket.contact_digits.encode(), digits.encode()),
        sender and hmac.compare_digest(entry.item.sender.encode(), sender.encode()),
    )
    return entry if any(proofs) else None


async def waiting(session: AsyncSession, limit: int = 200, start: int = 0) -> list[Entry]:
    """What nobody has looked at yet: emergencies first, then the oldest; so many from ``start`` on."""
    query = _entries().where(Ticket.state == "draft")
    query = query.order_by(Ticket.is_emergency.desc(), DoorItem.at, DoorItem.id).offset(start).limit(limit)
    return [Entry(*row) for row in await session.execute(query)]


async def newest(
    session: AsyncSession, sources: Sequence[Source] = (), limit: int = 100, start: int = 0
) -> list[Entry]:
    query = _entries()
    if sources:
        query = query.where(DoorItem.source.in_(sources))
    query = query.order_by(DoorItem.at.desc(), DoorItem.id).offset(start).limit(limit)
    return [Entry(*row) for row in await session.execute(query)]


async def count_waiting(session: AsyncSession) -> int:
    query = select(func.count()).select_from(DoorItem).join(Ticket, Ticket.id == DoorItem.ticket_id)
    return await session.scalar(query.where(Ticket.state == "draft")) or 0


async def photos(session: AsyncSession, item_id: str) -> Sequence[DoorPhoto]:
    return (await session.scalars(select(DoorPhoto).where(DoorPhoto.item_id == item_id).order_by(DoorPhoto.id))).all()


async def photo_ticket(session: AsyncSession, photo_id: str) -> tuple[DoorPhoto, Ticket] | None:
    """A photograph with the ticket whose rights are its own."""
    query = (
        select(DoorPhoto, Ticket)
        .join(DoorItem, DoorItem.id == DoorPhoto.item_id)
        .join(Ticket, Ticket.id == DoorItem.ticket_id)
        .where(DoorPhoto.id == photo_id)
    )
    row = (await session.execute(query)).one_or_none()
    return None if row is None else (row[0], row[1])


async def public(session: AsyncSession, wanted: Search, *, batch: bool) -> list[Entry]:
    """Service requests that everybody may see, the newest first. ``batch``: drafts are not there yet."""
    query = _entries().where(DoorItem.public.is_(True), Ticket.is_emergency.is_(False))
    if batch:
        query = query.where(Ticket.state != "draft")
    if wanted.ids:
        query = query.where(Ticket.number.in_(wanted.ids))
    else:
        query = query.where(DoorItem.at >= wanted.start, DoorItem.at <= wanted.end)
        if wanted.codes:
            query = query.where(Ticket.code.in_(wanted.codes))
        if len(wanted.statuses) == 1:
            closed = Ticket.state == "closed"
            query = query.where(closed if "closed" in wanted.statuses else ~closed)
    query = query.order_by(DoorItem.at.desc(), DoorItem.id.desc())
    query = query.limit(wanted.page_size).offset((wanted.page - 1) * wanted.page_size)
    return [Entry(*row) for row in await session.execute(query)]
