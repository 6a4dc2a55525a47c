"""Keeps each department's part in a ticket, with its clocks, in step with the ticket; within a unit of work.

Whatever moves a ticket, its parts follow at the end of the unit of work (:mod:`ticketing.assign.follow`); what a step
does not say (who refused, which part was reported) is entered here by the service that knows it.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.city import City
from core.city_clocks import ClockKind
from core.database import Work
from core.errors import NotAllowed
from ticketing.actor import SYSTEM, Actor, Role
from ticketing.assign.levels import above
from ticketing.assign.tables import Assignment, Nudge, Part, Refusal, Ruling
from ticketing.clocks.keeper import Keeper
from ticketing.events import TicketMoved
from ticketing.flows.table import Flows
from ticketing.moves import edit, kept
from ticketing.tables import Ticket

#: Phases in which departments have a ticket in hand.
IN_HAND = ("dispatched", "handling")
#: Who may send a ticket on once the city's limit of refusals is reached.
RULERS: tuple[Role, ...] = ("arbiter", "supervisor")
#: What runs for one part; the main one's are the ticket's own clocks.
_CLOCKS: tuple[ClockKind, ...] = ("accept", "handle")
_ACCEPT: tuple[ClockKind, ...] = ("accept",)
_MAIN_CLOCKS: tuple[ClockKind, ...] = ("accept", "arrive", "handle")
_ACCEPTING = ("accept", "depart", "arrive", "handle")


class Parts:
    """The parts of one city's tickets; cheap to make."""

    def __init__(self, city: City, keeper: Keeper, flows: Flows) -> None:
        self._city = city
        self._keeper = keeper
        self._flows = flows

    # --- what there is ------------------------------------------------------------------------------------------

    async def of(self, session: AsyncSession, ticket_id: str) -> Sequence[Assignment]:
        """All parts of a ticket, in the order in which they were given."""
        query = select(Assignment).where(Assignment.ticket_id == ticket_id)
        return (await session.scalars(query.order_by(Assignment.assigned_at, Assignment.id))).all()

    async def open(self, session: AsyncSession, ticket_id: str) -> list[Assignment]:
        return [part for part in await self.of(session, ticket_id) if part.open]

    async def main(self, work: Work, ticket: Ticket) -> Assignment | None:
        """The open main part; None where nobody has the ticket. A ticket from before there were parts gets its own."""
        parts = await self.of(work.session, ticket.id)
        if not any(part.part == "main" for part in parts) and ticket.state in IN_HAND and ticket.department:
            since = ticket.dispatched_at or ticket.created_at
            main = await self._new(work, ticket, ticket.department, "main", SYSTEM, since)
            main.accepted_at = (ticket.handling_at or since) if ticket.state == "handling" else None
            await self._assistants(work, ticket, SYSTEM, since)
            return main
        return next((part for part in parts if part.part == "main" and part.open), None)

    async def refusals(self, session: AsyncSession, ticket_id: str) -> int:
        """How often main departments have given the ticket back; what goes up by rule goes to and fro nowhere."""
        query = select(func.count()).where(
            Refusal.ticket_id == ticket_id,
            Refusal.part == "main",
            or_(Refusal.ruling.is_(None), Refusal.ruling != "up"),
        )
        return await session.scalar(query) or 0

    async def refusers(self, session: AsyncSession, ticket_id: str) -> set[str]:
        """Departments that gave the ticket, or their part in it, back."""
        return set(await session.scalars(select(Refusal.department).where(Refusal.ticket_id == ticket_id)))

    async def ruled_only(self, session: AsyncSession, ticket: Ticket) -> bool:
        """Whether only the arbiter may send the ticket on: it was refused as often as the city allows."""
        return await self.refusals(session, ticket.id) >= self._city.levels.refusal_limit and bool(
            await self._waiting(session, ticket.id)
        )

    async def unfinished(self, session: AsyncSession, ticket_id: str) -> bool:
        """Whether the result still waits for somebody: the main department, or one that assists."""
        every = self._city.levels.waits_for == "all"
        return any(
            part.part == "main" or part.accepted_at is not None or every for part in await self.open(session, ticket_id)
        )

    # --- what changes -------------------------------------------------------------------------------------------

    async def check_sender(self, session: AsyncSession, ticket: Ticket, by: Actor) -> None:
        """:class:`NotAllowed` where this person may not dispatch the ticket any more."""
        if by.role not in RULERS and await self.ruled_only(session, ticket):
            limit = self._city.levels.refusal_limit
            raise NotAllowed("退单已达上限，须由督查室裁定", hint=f"{ticket.number}: {limit}")

    async def give(self, work: Work, ticket: Ticket, by: Actor, now: datetime, *, binding: bool = False) -> Assignment:
        """Parts for the departments of a ticket that is dispatched; open ones that still fit stay."""
        departments = {ticket.department, *ticket.assist}
        for part in await self.open(work.session, ticket.id):
            wanted: Part = "main" if part.department == ticket.department else "assist"
            if part.department not in departments or part.part != wanted:
                await self.end(work, ticket, part, now, reason="改派")
        main = next((p for p in await self.open(work.session, ticket.id) if p.part == "main"), None)
        if main is None:
            bound = binding or await self.refusals(work.session, ticket.id) >= self._city.levels.refusal_limit
            main = await self._new(work, ticket, ticket.department, "main", by, now, binding=bound)
        await self._assistants(work, ticket, by, now)
        await self.decided(work, ticket, by, now, "sent", ticket.department, part="main")
        return main

    async def send(
        self, work: Work, ticket: Ticket, department: str, by: Actor, now: datetime, action: str, note: str,
        *, binding: bool = False,
    ) -> Assignment:  # fmt: skip
        """Give the main part to another department while the ticket stays at its step; its own clock goes on."""
        if (main := await self.main(work, ticket)) is not None:
            await self.end(work, ticket, main, now, reason=note)
        for part in await self.open(work.session, ticket.id):
            if part.department == department:
                await self.end(work, ticket, part, now, reason="转为主办")
        assist = [key for key in ticket.assist if key != department]
        edit(work, self._flows, ticket, {"department": department, "assist": assist}, by, now)
        kept(work, ticket, action, by, now, note)
        # Nobody has accepted it yet: a new time to accept runs, and no new time to handle it; that goes by the new
        # department's level, from where it began (:mod:`ticketing.clocks.follow`).
        await self._keeper.stop(work, ticket.id, now, kinds=_ACCEPT, assignment="", withdrawn=True)
        bound = binding or await self.refusals(work.session, ticket.id) >= self._city.levels.refusal_limit
        part = await self._new(work, ticket, department, "main", by, now, binding=bound)
        await self._keeper.start(work, ticket, "accept", now)
        return part

    async def assist(
        self, work: Work, ticket: Ticket, department: str, by: Actor, now: datetime, *, binding: bool = False
    ) -> Assignment:
        """Let one more department assist; it must have no open part in the ticket."""
        if department not in ticket.assist:
            edit(work, self._flows, ticket, {"assist": [*ticket.assist, department]}, by, now)
        return await self._new(work, ticket, department, "assist", by, now, binding=binding)

    async def accept(self, work: Work, ticket: Ticket, part: Assignment, now: datetime) -> None:
        """The department takes its part on."""
        part.accepted_at = part.accepted_at or now
        await self._stop(work, ticket, part, now, _ACCEPT)

    async def report(self, work: Work, ticket: Ticket, part: Assignment, by: Actor, now: datetime, result: str) -> None:
        """The department's result of its part."""
        part.accepted_at = part.accepted_at or now
        part.reported_at, part.reported_by, part.result = now, by.login, result
        await self._stop(work, ticket, part, now, None)
        await work.session.flush()

    async def refuse(
        self, work: Work, ticket: Ticket, part: Assignment, by: Actor, now: datetime, reason: str, suggested: str
    ) -> Refusal:
        """The department gives its part back. The ticket's own clock for the handling goes on."""
        part.refused_at, part.reason = now, reason
        # Giving it back is an answer, too: in time or late.
        await self._stop(work, ticket, part, now, _ACCEPT)
        if part.part == "assist":
            await self._stop(work, ticket, part, now, None, withdrawn=True)
            edit(work, self._flows, ticket, {"assist": [k for k in ticket.assist if k != part.department]}, by, now)
        refusal = Refusal(
            ticket_id=ticket.id, assignment_id=part.id, department=part.department, part=part.part, reason=reason,
            suggested=suggested, who=by.login, at=now,
        )  # fmt: skip
        work.session.add(refusal)
        await work.session.flush()
        return refusal

    async def goes_up(self, session: AsyncSession, ticket: Ticket, part: Assignment) -> str:
        """Where a part that is being refused goes by the city's rule; empty: the arbiter decides.

        Each level gives a ticket up once: sent down again and refused again, it is the arbiter's.
        """
        rule = self._city.levels.rule(ticket.code) if ticket.code else None
        if part.part != "main" or rule is None or rule.up_refusals is None:
            return ""
        rulings = select(Refusal.ruling).join(Assignment, Assignment.id == Refusal.assignment_id)
        rulings = rulings.where(Refusal.ticket_id == ticket.id, Assignment.level == part.level)
        before = (await session.scalars(rulings)).all()
        if len(before) + 1 < rule.up_refusals or "up" in before:
            return ""
        return above(self._city, part.department, ticket.code)

    async def end(self, work: Work, ticket: Ticket, part: Assignment, now: datetime, *, reason: str) -> None:
        """A part that somebody else takes, or nobody any more."""
        part.withdrawn_at, part.reason = now, reason
        if part.part == "assist":
            await self._stop(work, ticket, part, now, None, withdrawn=True)
        # The database allows one open main part: what ends is written before what begins.
        await work.session.flush()

    async def decided(
        self, work: Work, ticket: Ticket, by: Actor, now: datetime, ruling: Ruling, sent_to: str, *,
        part: Part | None = None, note: str = "",
    ) -> None:  # fmt: skip
        """Whatever was given back and waited is decided."""
        for refusal in await self._waiting(work.session, ticket.id):
            if part is None or refusal.part == part:
                rule_on(refusal, by, now, ruling, sent_to, note)

    # --- what follows a step ------------------------------------------------------------------------------------

    async def moved(self, work: Work, ticket: Ticket, event: TicketMoved) -> None:
        """Bring the parts in step with one move of the ticket."""
        now, by = event.at, Actor(event.by, "system")
        if event.after == "closed":
            for part in await self.open(work.session, ticket.id):
                await self.end(work, ticket, part, now, reason="工单结案")
            await self.decided(work, ticket, by, now, "closed", "")
        elif event.action == "dispatch":
            await self.give(work, ticket, by, now)
        elif event.action == "reopen" and event.after == "handling":
            main = await self._new(work, ticket, ticket.department, "main", by, now)
            main.accepted_at = now
        elif event.action in (*_ACCEPTING, "refuse", "report"):
            main_part = await self.main(work, ticket) if event.action != "refuse" else None
            if event.action in _ACCEPTING and main_part is not None:
                main_part.accepted_at = main_part.accepted_at or now
            elif event.action == "report":
                for part in await self.open(work.session, ticket.id):
                    if part.part == "main":
                        await self.report(work, ticket, part, by, now, ticket.result)
                    else:
                        await self.end(work, ticket, part, now, reason="主办已办结，未接单的协办随之撤回")
            elif event.action == "refuse":
                for part in await self.open(work.session, ticket.id):
                    if part.part == "main":
                        await self.end(work, ticket, part, now, reason=event.note or "召回")

    # --- within -------------------------------------------------------------------------------------------------

    async def _waiting(self, session: AsyncSession, ticket_id: str) -> Sequence[Refusal]:
        query = select(Refusal).where(Refusal.ticket_id == ticket_id, Refusal.decided_at.is_(None))
        return (await session.scalars(query.order_by(Refusal.at))).all()

    async def _assistants(self, work: Work, ticket: Ticket, by: Actor, now: datetime) -> None:
        if not ticket.assist:
            return
        has = {part.department for part in await self.open(work.session, ticket.id)}
        for key in ticket.assist:
            if key not in has:
                has.add(key)
                await self._new(work, ticket, key, "assist", by, now)

    async def _new(
        self, work: Work, ticket: Ticket, department: str, kind: Part, by: Actor, now: datetime, *,
        binding: bool = False,
    ) -> Assignment:  # fmt: skip
        level = self._city.level_of(department)
        part = Assignment(
            ticket_id=ticket.id, department=department, part=kind, level=level, binding=binding,
            assigned_at=now, assigned_by=by.login,
        )  # fmt: skip
        rule = self._city.levels.rule(ticket.code) if ticket.code else None
        if kind == "main" and rule and rule.up_after and above(self._city, department, ticket.code):
            part.up_at = self._keeper.calendar.add(rule.up_after, rule.unit, now)
        work.session.add(part)
        await work.session.flush()
        if kind == "assist":
            for clock in _CLOCKS:
                await self._keeper.start(work, ticket, clock, now, assignment=part.id, level=level)
        else:
            await self._nudges_to(work.session, ticket)
        return part

    async def _nudges_to(self, session: AsyncSession, ticket: Ticket) -> None:
        """What a department was asked and did not answer, whoever has the ticket now must answer."""
        have = [part.department for part in await self.open(session, ticket.id)]
        left = update(Nudge).where(
            Nudge.ticket_id == ticket.id, Nudge.answered_at.is_(None), Nudge.department.not_in(have)
        )
        await session.execute(left.values(department=ticket.department))

    async def _stop(
        self, work: Work, ticket: Ticket, part: Assignment, now: datetime, kinds: tuple[ClockKind, ...] | None,
        *, withdrawn: bool = False,
    ) -> None:  # fmt: skip
        if part.part == "assist":
            await self._keeper.stop(work, ticket.id, now, kinds=kinds, assignment=part.id, withdrawn=withdrawn)
        else:
            await self._keeper.stop(work, ticket.id, now, kinds=kinds or _MAIN_CLOCKS, assignment="")


def rule_on(refusal: Refusal, by: Actor, now: datetime, ruling: Ruling, sent_to: str, note: str = "") -> None:
    """Write down what became of a part that was given back."""
    refusal.decided_at, refusal.decided_by, refusal.ruling = now, by.login, ruling
    refusal.sent_to, refusal.note = sent_to, note
