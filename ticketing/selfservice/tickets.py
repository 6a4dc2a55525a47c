"""A caller asks how a ticket stands, and urges it."""

from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core.city import City
from core.city_ivr import LONGEST
from core.database import Database, Work, together
from core.errors import HeyiError
from ticketing.assign.service import Assignments
from ticketing.assign.tables import Nudge
from ticketing.repository import TicketRepository
from ticketing.selfservice.asked import NONE, VOICE, Answer, Asked, Gate
from ticketing.selfservice.progress import matter_of, progress_of
from ticketing.selfservice.tables import VoiceUrge
from ticketing.tables import Ticket

#: A whole number's figures: the day and at least four of its count.
_WHOLE = 12
_LEAST, _MOST = 4, 16
#: Tickets of one number that are looked through.
_LATEST = 200


class TicketLookUps:
    """``ticket`` and ``urge``."""

    def __init__(self, database: Database, city: City, assignments: Assignments, gate: Gate) -> None:
        self._database, self._city, self._assignments, self._gate = database, city, assignments, gate
        self._zone = ZoneInfo(city.profile.timezone)

    async def find(self, asked: Asked) -> Answer:
        """By the last figures and the caller's own telephone, or by the whole number."""
        figures = figures_of(asked.text("figures"))
        if not _LEAST <= len(figures) <= _MOST:
            return NONE
        if asked.caller:
            await self._gate.own(asked)
            async with self._database.read() as session:
                found = await _own(session, asked.caller, figures)
                if found is not None:
                    return await self._answer(session, found, asked, own=True)
        if len(figures) < _WHOLE:
            return NONE
        await self._gate.number(asked)
        async with self._database.read() as session:
            found = await TicketRepository(session).by_number(number_of(figures, self._city))
            return await self._answer(session, found, asked, own=False) if found is not None else NONE

    async def _answer(self, session: AsyncSession, found: Ticket, asked: Asked, *, own: bool) -> Answer:
        repository = TicketRepository(session)
        link = await repository.link_of(found.id)
        head = await repository.get(link.head_id) if link is not None and not link.stays else None
        return "found", {
            "ticket": spoken_number(found.number),
            "matter": matter_of(found, self._city, own=own),
            "progress": progress_of(found, self._city, asked.now, own=own, head=head),
        }

    async def urge(self, asked: Asked) -> Answer:
        """Ask the department to hurry, once a day; :class:`HeyiError` where no department has it in hand yet."""
        ticket = await self.named(asked)
        if ticket.state == "closed":
            return "closed", {}
        day = asked.now.astimezone(self._zone).date()
        async with self._database.read() as session:
            last = await session.scalar(
                select(Nudge.at).where(Nudge.ticket_id == ticket.id, Nudge.kind == "urge").order_by(Nudge.at.desc())
                .limit(1)
            )  # fmt: skip
        if last is not None and last.astimezone(self._zone).date() == day:
            return "already", {}

        async def once(work: Work) -> None:
            work.session.add(VoiceUrge(ticket_id=ticket.id, day=day, at=asked.now, call_id=asked.call_id))
            await work.session.flush()

        whose = "登记号码" if is_own(ticket, asked) else "其他号码"
        try:
            with together(once):
                await self._assignments.nudge(ticket.id, "urge", VOICE, f"来电人通过语音电话催办（{whose}来电）")
        except IntegrityError:
            # Another call was first: neither the urging nor its day was kept.
            return "already", {}
        return "done", {}

    async def named(self, asked: Asked) -> Ticket:
        """The ticket of the argument ``ticket``, as :meth:`find` gave it; :class:`HeyiError` where there is none."""
        said = asked.text("ticket")
        async with self._database.read() as session:
            repository = TicketRepository(session)
            found = await repository.by_number(said) or await repository.by_number(
                number_of(figures_of(said), self._city)
            )
        if found is None:
            raise HeyiError("没有这张工单", hint=said[:24])
        return found


async def _own(session: AsyncSession, caller: str, figures: str) -> Ticket | None:
    """The caller's ticket whose number ends so: an open one before a closed one, then the newest."""
    mine = or_(Ticket.caller_digits == caller, Ticket.contact_digits == caller)
    query = select(Ticket).where(mine).order_by(Ticket.created_at.desc()).limit(_LATEST)
    fitting = [row for row in await session.scalars(query) if figures_of(row.number).endswith(figures)]
    return min(fitting, key=lambda row: row.state == "closed", default=None)


def is_own(ticket: Ticket, asked: Asked) -> bool:
    """Whether the caller's number opened the ticket, or is its contact."""
    return bool(asked.caller) and asked.caller in (ticket.caller_digits, ticket.contact_digits)


def figures_of(text: str) -> str:
    """The figures of a number as it was pressed or written. Pure."""
    return "".join(str(int(c)) for c in text if c.isdecimal())


def number_of(figures: str, city: City) -> str:
    """The ticket's number whose figures these are. Pure."""
    return f"{city.profile.ticket_prefix}{figures[:8]}-{figures[8:]}"


def spoken_number(number: str) -> str:
    """The number as a prompt may read it, without its letters where it would be too long. Pure."""
    if len(number) <= LONGEST["ticket"]:
        return number
    return number.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")[-LONGEST["ticket"] :]
