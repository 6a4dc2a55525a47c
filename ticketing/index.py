"""The index by which tickets are found: their words by pairs of characters, and the values that lists choose by.

It follows the tickets by itself: whoever writes one writes its entry in the same flush (SQLAlchemy's mapper events).
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVarTuple
from zlib import crc32

from sqlalchemy import (
    BigInteger,
    Connection,
    ForeignKey,
    Integer,
    Select,
    String,
    Text,
    and_,
    delete,
    event,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from asr.record.grams import grams, searchable
from asr.record.gramtable import BITS, GramTable, figures, place_at, term, weeks
from core.database import Base, Database
from ticketing.sources import SOURCES, USUAL
from ticketing.tables import Ticket

#: Fields that are searched, in the order in which they are kept.
FIELDS = ("number", "summary", "place", "contact_name", "description", "result", "caller_digits", "contact_digits")
#: Characters of one ticket that are searched: PostgreSQL knows the order of 16,383 words of a text.
LONGEST = 12_000
#: Tickets given an entry in one transaction.
_BATCH = 500
_TOLD = [source for source in SOURCES if source not in USUAL]
_T = TypeVarTuple("_T")


class TicketEntry(Base):
    """One ticket as the search finds it."""

    __tablename__ = "ticket_index"

    place: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(String(32), ForeignKey("tickets.id"), unique=True)
    #: Terms in the first line, parted by spaces; then each field as :func:`asr.record.grams.searchable` has it.
    body: Mapped[str] = mapped_column(Text)


INDEX = GramTable("ticket_grams", TicketEntry, with_figures=True)


def terms(values: Any) -> list[str]:
    """What a ticket is chosen by: of an object with a ticket's attributes."""
    named = {
        "s": values.state, "w": values.flow, "t": values.step, "d": values.department, "c": values.code,
        "l": values.line, "a": values.agent_login, "e": "1" if values.is_emergency else "",
        "o": "" if values.source in USUAL else values.source,
    }  # fmt: skip
    chosen = [term(kind, value) for kind, value in named.items() if value]
    return chosen + [term("p", key) for key in values.assist or ()]


def body_of(values: Any) -> str:
    """The text of a ticket's entry: of an object with a ticket's attributes."""
    return entry(terms(values), (searchable(getattr(values, name) or "") for name in FIELDS))


def entry(chosen_by: Iterable[str], fields: Iterable[str]) -> str:
    """The text of an entry from its terms and its :data:`FIELDS`, as :func:`asr.record.grams.searchable` has them."""
    lines = [" ".join(chosen_by) + " "]
    room = LONGEST
    for field in fields:
        line = field[:room]
        # Both numbers are mostly one.
        if line and line not in lines:
            lines.append(line)
            room -= len(line)
    return "\n".join(lines)


def tokens(body: str) -> list[str]:
    """The words of an entry. Each field ends with a single character, over which no phrase reaches."""
    chosen, *fields = body.split("\n")
    words = [*chosen.split(), *(gram for field in fields for gram in grams(field))]
    return words + [figure for field in fields for figure in figures(field)]


def words(dialect: str, place: int, body: str) -> object:
    """What the index holds of an entry. PostgreSQL's knows no order: the week is a word of it, so that it need not
    give every ticket that ever said something in order to tell the latest.
    """
    in_week = [term("z", str(week)) for week in weeks(place, place)] if dialect == "postgresql" else []
    return INDEX.words(dialect, tokens(body) + in_week)


def place_of(ticket_id: str, created_at: datetime) -> int:
    """Where a ticket's entry lies, if no other is there."""
    return place_at(created_at) + (crc32(ticket_id.encode()) & ((1 << BITS) - 1))


async def missing(database: Database) -> int:
    """How many tickets have no entry or an old one: from before there was an index, or written past the mapper."""
    async with database.read() as session:
        tickets = await session.scalar(select(func.count()).select_from(Ticket)) or 0
        without = tickets - (await session.scalar(select(func.count()).select_from(TicketEntry)) or 0)
        return without + (await session.scalar(_sourceless(select(func.count()).select_from(Ticket))) or 0)


def _sourceless(query: Select[*_T]) -> Select[*_T]:
    """With tickets whose entry does not tell how they came: it was written before tickets knew."""
    told = or_(*(and_(Ticket.source == one, TicketEntry.body.contains(term("o", one) + " ")) for one in _TOLD))
    return query.join(TicketEntry, TicketEntry.ticket_id == Ticket.id).where(Ticket.source.in_(_TOLD), ~told)


async def catch_up(database: Database, told: Callable[[int], None] = lambda _: None) -> int:
    """Give every ticket without an entry one; ``told`` hears how many each time. Returns how many they were."""
    done = 0
    while await missing(database) > 0:
        without = select(Ticket).outerjoin(TicketEntry, TicketEntry.ticket_id == Ticket.id)
        async with database.work() as work:
            found = (await work.session.scalars(without.where(TicketEntry.place.is_(None)).limit(_BATCH))).all()
            old = (await work.session.scalars(_sourceless(select(Ticket)).limit(_BATCH))).all()
            connection = await work.session.connection()
            for ticket in (*found, *old):
                await connection.run_sync(_write, ticket)
        if not (found or old):
            break
        done += len(found) + len(old)
        told(len(found) + len(old))
    return done


def _inserted(_mapper: Mapper[Ticket], connection: Connection, ticket: Ticket) -> None:
    _enter(connection, ticket)


def _enter(connection: Connection, ticket: Ticket) -> None:
    place = place_of(ticket.id, ticket.created_at)
    while connection.execute(select(TicketEntry.place).where(TicketEntry.place == place)).first() is not None:
        place += 1
    _add(connection, place, ticket.id, body_of(ticket))


def _updated(_mapper: Mapper[Ticket], connection: Connection, ticket: Ticket) -> None:
    _write(connection, ticket)


def _write(connection: Connection, ticket: Ticket) -> None:
    row = connection.execute(
        select(TicketEntry.place, TicketEntry.body).where(TicketEntry.ticket_id == ticket.id)
    ).one_or_none()
    body = body_of(ticket)
    if row is None:
        _enter(connection, ticket)
    elif row.body != body:
        _remove_words(connection, row.place, row.body)
        connection.execute(update(TicketEntry).where(TicketEntry.place == row.place).values(body=body))
        _add_words(connection, row.place, body)


def _deleted(_mapper: Mapper[Ticket], connection: Connection, ticket: Ticket) -> None:
    row = connection.execute(
        select(TicketEntry.place, TicketEntry.body).where(TicketEntry.ticket_id == ticket.id)
    ).one_or_none()
    if row is not None:
        _take_out(connection, row.place, row.body)


def _add(connection: Connection, place: int, ticket_id: str, body: str) -> None:
    connection.execute(insert(TicketEntry).values(place=place, ticket_id=ticket_id, body=body))
    _add_words(connection, place, body)


def _add_words(connection: Connection, place: int, body: str) -> None:
    dialect = connection.dialect.name
    connection.execute(text(INDEX.add(dialect)), {"place": place, "grams": words(dialect, place, body)})


def _take_out(connection: Connection, place: int, body: str) -> None:
    _remove_words(connection, place, body)
    connection.execute(delete(TicketEntry).where(TicketEntry.place == place))


def _remove_words(connection: Connection, place: int, body: str) -> None:
    dialect = connection.dialect.name
    connection.execute(text(INDEX.remove(dialect)), {"place": place, "grams": words(dialect, place, body)})


event.listen(Ticket, "after_insert", _inserted)
event.listen(Ticket, "after_update", _updated)
event.listen(Ticket, "before_delete", _deleted)
