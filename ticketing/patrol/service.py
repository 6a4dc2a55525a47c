"""What people do on the spot: each thing that a phone sends is done once, and the answer to it kept.

The row of :class:`ticketing.patrol.tables.FieldAction` is written in the very transaction that does what was asked
(:func:`core.database.together`): a phone that never got its answer, or a process that was killed in between, asks again
and is told what became of it.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypedDict

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import StaleDataError

from core import photos as pictures
from core.city_dispatch import Unit
from core.clock import Clock
from core.database import Database, Work, together
from core.errors import Conflict, HeyiError, NotAllowed
from core.photos import Photo
from ticketing.actor import Actor
from ticketing.assign.service import Assignments
from ticketing.clocks.tables import TicketClock
from ticketing.dispatch.events import UnitChanged
from ticketing.dispatch.service import Dispatch
from ticketing.dispatch.tables import TicketScene
from ticketing.doors.events import TicketTakenIn
from ticketing.doors.intake import MAX_PHOTOS, Intake, Said
from ticketing.events import TicketMoved
from ticketing.moves import kept
from ticketing.patrol.events import FieldHelpAsked, FieldHelpGiven, FieldPhotoKept
from ticketing.patrol.repository import FieldRepository
from ticketing.patrol.steps import Already, noted, of_part, of_unit
from ticketing.patrol.tables import FieldAction, FieldHelp, FieldPhoto, FieldState
from ticketing.patrol.wishes import MAX_TEXT, NAMES, Outcome, Position, Wish, said
from ticketing.repository import TicketRepository
from ticketing.service import Tickets
from ticketing.tables import Ticket

#: Photographs of one ticket: a phone gone mad does not fill the disk.
MAX_OF_TICKET = 60
#: How often something is tried that others got in the way of.
TRIES = 3
#: Whose step or whose row says already what happened.
_TOLD = (TicketMoved, UnitChanged, TicketTakenIn, FieldPhotoKept, FieldHelpAsked)


class FieldWork:
    """The service of this room; ``photos`` is the folder that photographs lie in."""

    def __init__(
        self, database: Database, clock: Clock, tickets: Tickets, assignments: Assignments, dispatch: Dispatch,
        intake: Intake, photos: Path,
    ) -> None:  # fmt: skip
        self._database = database
        self._clock = clock
        self._tickets = tickets
        self._assignments = assignments
        self._dispatch = dispatch
        self._intake = intake
        self._photos = photos

    # --- what phones send ---------------------------------------------------------------------------------------

    async def do(self, wish: Wish, by: Actor) -> Outcome:
        """A step, a note or a cry for help. Never raises for what cannot be done: that is an answer, and kept.

        :class:`Conflict` where somebody saved the ticket in the same moment: to be sent again.
        """
        if known := await self._known(wish, by, wish.digest()):
            return known
        await self._locate(wish, by)
        return await self._once(wish, by, wish.digest(), lambda: self._act(wish, by))

    async def photo(self, wish: Wish, by: Actor, data: bytes) -> Outcome:
        """Keep a photograph of a ticket that these people have, or had; ``text`` is its caption."""
        digest = wish.digest(hashlib.sha256(data).hexdigest())
        if known := await self._known(wish, by, digest):
            return known

        async def keep() -> None:
            photo = await asyncio.to_thread(pictures.clean, data)
            async with self._database.read() as session:
                await self._may_add(session, await TicketRepository(session).get(wish.ticket), by)
            # Before the row, and while nobody waits for us to have written: a file without a row harms nobody.
            sha256 = await asyncio.to_thread(pictures.keep, self._photos, photo)
            async with self._tickets.change(wish.ticket) as (work, ticket):
                await self._may_add(work.session, ticket, by)
                now = self._clock.now()
                work.session.add(
                    FieldPhoto(
                        id=wish.id, ticket_id=ticket.id, who=by.login, department=by.department, made_at=wish.made_at,
                        at=now, sha256=sha256, kind=photo.kind, size=len(photo.data), width=photo.width,
                        height=photo.height, caption=wish.text, **_where(wish.position),
                    )
                )  # fmt: skip
                work.record(
                    FieldPhotoKept(
                        at=now, call_id=ticket.call_id, ticket_id=ticket.id, number=ticket.number,
                        department=by.department, by=by.login,
                    )
                )  # fmt: skip

        return await self._once(wish, by, digest, keep)

    async def may_add(self, ticket: Ticket, by: Actor) -> bool:
        """Whether these people may add a photograph to the ticket now."""
        if not by.staff:
            return False
        async with self._database.read() as session:
            try:
                await self._may_add(session, ticket, by)
            except HeyiError:
                return False
        return True

    async def _may_add(self, session: AsyncSession, ticket: Ticket, by: Actor) -> None:
        await self._concerns(session, ticket, by)
        if len(await FieldRepository(session).photos(ticket.id)) >= MAX_OF_TICKET:
            raise HeyiError("这张工单的照片已满", hint=str(MAX_OF_TICKET))

    async def patrol(self, wish: Wish, by: Actor, said: Said, photos: Sequence[bytes]) -> Outcome:
        """A matter found on the way becomes a ticket without a call; ``wish.position`` is where it was found."""
        digest = wish.digest(
            said.text, said.code, said.place, *(hashlib.sha256(photo).hexdigest() for photo in photos)
        )  # fmt: skip
        if known := await self._known(wish, by, digest):
            return known
        where = wish.position
        grid = self._dispatch.grids.at(where.lon, where.lat) if where else None
        said = Said(
            text=said.text, code=said.code, place=said.place or (f"{grid.town}{grid.name}" if grid else ""),
            lat=where.lat if where else None, lon=where.lon if where else None,
            more={"grid": grid.key, "grid_name": grid.name} if grid else {},
        )  # fmt: skip

        async def take() -> None:
            if len(photos) > MAX_PHOTOS:
                raise HeyiError("照片最多三张", hint=str(len(photos)))
            found = [await asyncio.to_thread(pictures.clean, data) for data in photos]
            await self._take(wish, by, said, found)

        return await self._once(wish, by, digest, take)

    async def _take(self, wish: Wish, by: Actor, said: Said, found: Sequence[Photo]) -> None:
        await self._intake.take_in("patrol", said, external_id=wish.id, via=by.login, photos=found, by=by)

    # --- who commands -------------------------------------------------------------------------------------------

    async def answer(self, help_id: str, by: Actor, words: str) -> FieldHelp:
        """Somebody who commands has heard the call for help: it is not shown any more, and the phone is told."""
        if by.role not in ("supervisor", "dispatcher", "agent"):
            raise NotAllowed("您的岗位不能处理求助", hint=by.login)
        now = self._clock.now()
        async with self._database.work() as work:
            row = await work.session.get(FieldHelp, help_id, with_for_update=True)
            if row is None:
                raise HeyiError("没有这次求助", hint=help_id)
            if not by.may_touch(row.department):
                raise NotAllowed("这次求助不在您的辖区", hint=row.department)
            if row.answered_at is not None:
                raise Conflict("已有人处理这次求助", hint=row.answered_by)
            row.answered_at, row.answered_by, row.answer = now, by.login, words.strip()
            work.record(FieldHelpGiven(at=now, help_id=row.id, department=row.department, by=by.login))
            return row

    def file(self, photo: FieldPhoto) -> Path:
        """Where a photograph lies."""
        return pictures.kept_file(self._photos, photo.sha256, photo.kind)

    # --- once ---------------------------------------------------------------------------------------------------

    async def _known(self, wish: Wish, by: Actor, digest: str) -> Outcome | None:
        async with self._database.read() as session:
            row = await FieldRepository(session).action(wish.id)
        if row is None:
            return None
        if row.login != by.login or row.digest != digest:
            raise HeyiError("这个编号已用于另一次操作", hint=wish.id)
        return Outcome(id=row.id, state=row.state, message=row.message, hint=row.hint, number=row.number)

    async def _once(self, wish: Wish, by: Actor, digest: str, act: Callable[[], Awaitable[None]]) -> Outcome:
        """Do it with its row in one transaction; what cannot be done leaves a row, too."""

        async def with_row(work: Work) -> None:
            ticket = await self._ticket_of(work, wish)
            if ticket is not None:
                await self._remember(work, wish, by, ticket)
            work.session.add(self._row(wish, by, digest, "done", ticket=ticket))
            await work.session.flush()

        state: FieldState = "done"
        message = hint = ""
        for tries_left in reversed(range(TRIES)):
            try:
                with together(with_row) as joined:
                    await act()
                if joined.kept:
                    async with self._database.read() as session:
                        row = await FieldRepository(session).action(wish.id)
                    return Outcome(id=wish.id, state="done", number=row.number if row else "")
                break
            except (IntegrityError, StaleDataError) as error:
                # The same came twice at once, and the other has done it; or another ticket took the same number.
                if known := await self._known(wish, by, digest):
                    return known
                if not tries_left:
                    raise Conflict("工单刚被他人修改，请刷新后再试", hint=wish.ticket) from error
            except Already as already:
                state, message, hint = "already", already.message, already.hint
                break
            except Conflict:
                # Somebody saved in the same moment: what holds now is seen by the next try, here or of the phone.
                if not tries_left:
                    raise
            except HeyiError as error:
                state, message, hint = "refused", error.message, error.hint
                break
        return await self._answered(wish, by, digest, state, message, hint)

    async def _answered(
        self, wish: Wish, by: Actor, digest: str, state: FieldState, message: str, hint: str
    ) -> Outcome:
        try:
            async with self._database.work() as work:
                ticket = await work.session.get(Ticket, wish.ticket) if wish.ticket else None
                work.session.add(self._row(wish, by, digest, state, message, hint, ticket=ticket))
        except IntegrityError:
            if known := await self._known(wish, by, digest):
                return known
            raise
        number = ticket.number if ticket else ""
        return Outcome(id=wish.id, state=state, message=message, hint=hint, number=number)

    def _row(
        self, wish: Wish, by: Actor, digest: str, state: FieldState, message: str = "", hint: str = "", *,
        ticket: Ticket | None,
    ) -> FieldAction:  # fmt: skip
        return FieldAction(
            id=wish.id, login=by.login, kind=wish.kind, digest=digest, ticket_id=ticket.id if ticket else wish.ticket,
            number=ticket.number if ticket else "", unit=wish.unit, department=by.department, made_at=wish.made_at,
            at=self._clock.now(), text=wish.text, state=state, message=message, hint=hint, **_where(wish.position),
        )  # fmt: skip

    async def _ticket_of(self, work: Work, wish: Wish) -> Ticket | None:
        taken = next((event.ticket_id for event in work.events if isinstance(event, TicketTakenIn)), wish.ticket)
        return await work.session.get(Ticket, taken) if taken else None

    async def _remember(self, work: Work, wish: Wish, by: Actor, ticket: Ticket) -> None:
        """The ticket's history says where, and that it was pressed before it came; a patrol has its point."""
        now, where = self._clock.now(), wish.position
        box = self._dispatch.data.box or (-180.0, -90.0, 180.0, 90.0)
        if wish.kind == "patrol" and where and box[0] <= where.lon <= box[2] and box[1] <= where.lat <= box[3]:
            work.session.add(TicketScene(ticket_id=ticket.id, lon=where.lon, lat=where.lat, at=now, who=by.login))
        words = said(wish, now, self._tickets.city.profile.timezone)
        # A plain step of flow or unit, and what is asked of a clock, stand in the history by themselves.
        told = wish.kind == "extend" or any(isinstance(event, _TOLD) for event in work.events)
        if words != NAMES[wish.kind] or not told:
            kept(work, ticket, "field", by, now, words)

    # --- what is done -------------------------------------------------------------------------------------------

    async def _act(self, wish: Wish, by: Actor) -> None:
        if len(wish.text) > MAX_TEXT:
            raise HeyiError("填写的内容太长", hint=f"{len(wish.text)} > {MAX_TEXT}")
        if wish.kind == "help":
            await self._help(wish, by)
        elif wish.kind == "note":
            await self._note(wish, by)
        elif wish.kind == "extend":
            await self._extend(wish, by)
        elif wish.unit:
            await of_unit(self._database, self._dispatch, wish, by)
        else:
            await of_part(self._database, self._tickets, self._assignments, wish, by, self._clock)

    async def _help(self, wish: Wish, by: Actor) -> None:
        """A cry for help is kept whatever it says; what is not this person's is left out of it."""
        now = self._clock.now()
        unit = self._unit(wish.unit)
        async with self._database.work() as work:
            ticket = await work.session.get(Ticket, wish.ticket) if wish.ticket else None
            if ticket is not None and not await self._concerned(work.session, ticket, by):
                ticket = None
            work.session.add(
                FieldHelp(
                    id=wish.id, ticket_id=ticket.id if ticket else "", number=ticket.number if ticket else "",
                    unit=unit.key if unit and by.acts_for(unit.department) else "", department=by.department,
                    who=by.login, made_at=wish.made_at, at=now, words=wish.text.strip(), **_where(wish.position),
                )
            )  # fmt: skip
            work.record(FieldHelpAsked(at=now, help_id=wish.id, department=by.department, by=by.login))

    async def _note(self, wish: Wish, by: Actor) -> None:
        if not wish.text.strip():
            raise HeyiError("请写明情况")
        async with self._tickets.change(wish.ticket) as (work, ticket):
            await self._concerns(work.session, ticket, by)
            # Its words are written with place and time (:meth:`_remember`).
            work.record(noted(ticket, by, self._clock.now()))

    async def _extend(self, wish: Wish, by: Actor) -> None:
        async with self._database.read() as session:
            clock = await session.get(TicketClock, wish.clock)
        if clock is None or clock.ticket_id != wish.ticket:
            raise HeyiError("没有这个时限", hint=wish.clock)
        try:
            await self._tickets.clocks.request_extension(clock.id, by, wish.amount, wish.text)
        except Conflict as conflict:
            if isinstance(conflict.__cause__, StaleDataError):
                raise
            # The clock has stopped, or more was asked for already: the same again would find the same.
            raise HeyiError(conflict.message, hint=conflict.hint) from conflict

    async def _concerns(self, session: AsyncSession, ticket: Ticket, by: Actor) -> None:
        """What was seen on the spot is taken also where the ticket has gone on to others meanwhile."""
        if not await self._concerned(session, ticket, by):
            raise NotAllowed("这张工单不由您的部门承办", hint=ticket.number)

    async def _concerned(self, session: AsyncSession, ticket: Ticket, by: Actor) -> bool:
        own = {by.department, *by.below} - {""}
        units = [unit.key for unit in self._dispatch.data.units.units if unit.department in own]
        return by.staff and await FieldRepository(session).concerned(ticket.id, own, units)

    async def _locate(self, wish: Wish, by: Actor) -> None:
        """A unit's position stands by itself, whatever becomes of its step."""
        unit, where = self._unit(wish.unit), wish.position
        if unit is None or where is None or not by.acts_for(unit.department):
            return
        # Another device of the crew was in the same moment: one of the two positions is enough.
        with contextlib.suppress(Conflict):
            await self._dispatch.locate(unit.key, where.lon, where.lat, by, where.accuracy_m, wish.made_at)

    def _unit(self, key: str) -> Unit | None:
        return next((unit for unit in self._dispatch.data.units.units if unit.key == key), None)


class _Where(TypedDict):
    lon: float | None
    lat: float | None
    accuracy_m: float | None


def _where(position: Position | None) -> _Where:
    """The columns of a position."""
    if position is None:
        return {"lon": None, "lat": None, "accuracy_m": None}
    return {"lon": position.lon, "lat": position.lat, "accuracy_m": position.accuracy_m}
