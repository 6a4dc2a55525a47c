"""Gathers what one person's screen shows: their desk, the call on it, its transcript, verdict, ticket and history."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select

from core.phones import normal
from desk.access import masking
from desk.access.rights import may_hear, may_hear_private, may_see_caller, may_see_ticket, only
from desk.access.users import User
from desk.calls.happened import happened
from desk.listexport import by_key
from desk.ports import CallRow
from desk.services import DeskServices
from desk.views import Views
from quality.listening import private
from quality.listening.masked import hide
from quality.listening.tables import PrivatePart
from switchboard.location import locate, told
from switchboard.views import AgentView, CallView
from telephony.ledger import QUEUED_DIRECTIONS
from ticketing.events import TicketState
from ticketing.repository import TicketMissing, TicketRepository
from ticketing.tables import Ticket
from triage.verdict import wordless

#: Earlier calls and tickets of a number shown beside a call.
HISTORY = 12
#: Tickets of one page of a list.
PAGE = 200


class Casebook:
    """Reads for one user in one language; leaves out what the user may not see."""

    def __init__(self, services: DeskServices, user: User, views: Views) -> None:
        self._services = services
        self._user = user
        self._views = views

    def me(self) -> dict[str, Any]:
        user = self._user
        return {
            "login": user.login,
            "name": user.name,
            "role": user.role,
            "extension": user.extension,
            "department": user.department,
            "lang": self._views.language,
        }

    def agents(self) -> list[dict[str, Any]]:
        return [self._views.agent(agent) for agent in self._services.switchboard.agents()]

    def calls(self) -> list[dict[str, Any]]:
        return [
            self._views.live_call(call, with_caller=may_see_caller(self._user, call.desks))
            for call in self._services.switchboard.calls()
        ]

    async def my_call_id(self) -> str | None:
        """The caller's call on this person's desk: live, else being wrapped up, else the newest draft left open."""
        extension = self._user.extension
        if not extension:
            return None
        mine = [c for c in self._my_calls(extension) if c.direction in QUEUED_DIRECTIONS]
        # All emergency desks may ring together, busy ones too: who talks keeps the call that they are in.
        live = min(mine, key=lambda c: extension in c.ringing, default=None)
        if live:
            return live.call_id
        desk = _desk(self._services.switchboard.agents(), extension)
        last = await self._services.ledger.call(desk.call_id) if desk and desk.call_id else None
        if last is not None and last.direction in QUEUED_DIRECTIONS:
            return last.id
        drafts = await self.drafts(except_call=None)
        return drafts[0]["call_id"] if drafts else None

    def _my_calls(self, extension: str) -> list[CallView]:
        return [c for c in self._services.switchboard.calls() if extension in c.desks]

    def side_call(self) -> dict[str, Any] | None:
        """The call that this person's desk has dialled, or that another desk makes to it."""
        calls = self._my_calls(self._user.extension or "-")
        own = next((c for c in calls if c.direction not in QUEUED_DIRECTIONS), None)
        return None if own is None else self._views.live_call(own, with_caller=True)

    async def drafts(self, *, except_call: str | None) -> list[dict[str, Any]]:
        """Drafts of this desk that nobody submitted, the newest first, without the one of the call shown."""
        if not self._user.extension:
            return []
        wanted = (
            select(Ticket)
            .where(Ticket.agent_extension == self._user.extension, Ticket.state == "draft", Ticket.call_id.is_not(None))
            .order_by(Ticket.created_at.desc())
            .limit(20)
        )
        async with self._services.database.read() as session:
            rows = await session.scalars(wanted)
            return [self._views.ticket(row, self._user) for row in rows if row.call_id != except_call]

    async def call(self, call_id: str) -> dict[str, Any] | None:
        """Everything about a call that this person may see; None where there is none such, or it is not theirs."""
        live = self._services.switchboard.live_call(call_id)
        row = None if live else await self._services.ledger.call(call_id)
        facts: CallView | CallRow | None = live or row
        # What does not depend on each other is asked for at once: one after another the answers of a busy house add up,
        # and somebody looks at a ringing telephone.
        were, ticket = await asyncio.gather(self._services.ledger.desks(call_id), self._about(call_id))
        desks = (live.desks if live else only(row.agent if row else None)) | were
        if not desks and ticket:
            desks = only(ticket.agent_extension)
        if facts is None or not may_hear(self._user, desks, ticket):
            return None
        seen = (
            self._views.live_call(live, with_caller=may_see_caller(self._user, desks))
            if live
            else self._views.past_call(row)
            if row
            else {}
        )
        happenings, place, transcript, verdict, history = await asyncio.gather(
            happened(self._services.database, call_id),
            told(self._services.database, call_id),
            self.transcript(call_id, whole=may_hear_private(self._user)),
            self.verdict(call_id),
            self.history(facts.caller, except_call=call_id),
        )
        before = self._views.happened(happenings)
        return {
            **self._hidden(seen),
            **before,
            # To whom and why it was passed on: a number outside is as masked as the caller's.
            "passed": before["passed"] and self._hidden(before["passed"]),
            "location": self._views.location(locate(self._services.city, facts.caller, place)),
            "transcript": transcript,
            "verdict": verdict,
            "ticket": self._views.ticket(ticket, self._user) if ticket else None,
            "history": history,
        }

    async def _about(self, call_id: str) -> Ticket | None:
        async with self._services.database.read() as session:
            return await TicketRepository(session).about_call(call_id)

    async def transcript(self, call_id: str, *, whole: bool) -> list[dict[str, Any]]:
        """What was said; not ``whole``: without what was marked as private."""
        said = [self._views.utterance(row) for row in await self._services.transcripts.of_call(call_id)]
        if whole:
            return said
        parts = private.by_utterance(await self._private(call_id))
        for row in said:
            if row["utterance_id"] in parts:
                row |= {"text": hide(row["text"], parts[row["utterance_id"]]), "names": []}
        return said

    async def _private(self, call_id: str) -> Sequence[PrivatePart]:
        async with self._services.database.read() as session:
            return await private.of_calls(session, [call_id])

    def _hidden(self, call: dict[str, Any]) -> dict[str, Any]:
        return masking.record(call) if masking.hides(self._user) else call

    async def verdict(self, call_id: str) -> dict[str, Any] | None:
        verdict = await self._services.verdicts.latest(call_id)
        if verdict is not None and not may_hear_private(self._user) and await self._private(call_id):
            verdict = wordless(verdict)
        return None if verdict is None else self._views.verdict(verdict, self._services.questions.get(verdict.code, ()))

    async def history(self, number: str, *, except_call: str) -> dict[str, Any]:
        """Earlier calls and tickets of the same number, the open tickets first; a withheld number has neither."""
        digits = normal(number, self._services.city.profile.area_code)
        # Without digits ("anonymous", "unknown") it is no number: strangers would share one history.
        calls = [c for c in await self._services.ledger.history(number) if c.id != except_call] if digits else []
        async with self._services.database.read() as session:
            found = await TicketRepository(session).of_caller(digits)
        tickets = [t for t in found if t.call_id != except_call and may_see_ticket(self._user, t)]
        # Stable: within open and closed the repository's order (latest first) stays.
        tickets.sort(key=lambda ticket: ticket.state == "closed")
        return {
            "calls": [self._hidden(self._views.past_call(call)) for call in calls[:HISTORY]],
            "tickets": [self._views.ticket(ticket, self._user) for ticket in tickets[:HISTORY]],
            "open": sum(ticket.state != "closed" for ticket in tickets),
        }

    async def ticket(self, ticket_id: str) -> dict[str, Any] | None:
        """One ticket with its history and callback attempts; None where there is none that this person may see."""
        async with self._services.database.read() as session:
            repository = TicketRepository(session)
            try:
                ticket = await repository.get(ticket_id)
            except TicketMissing:
                return None
            if not may_see_ticket(self._user, ticket):
                return None
            history = await repository.history(ticket.id)
            callbacks = await repository.callbacks(ticket.id)
        hidden = masking.hides(self._user)
        told, rows = self._views.history(history), self._views.callbacks(callbacks)
        return {
            **self._views.ticket(ticket, self._user),
            "steps": self._views.steps(ticket),
            "history": masking.history(told) if hidden else told,
            "callbacks": [masking.callback(row) for row in rows] if hidden else rows,
        }

    async def tickets(
        self,
        *,
        states: Sequence[TicketState] = (),
        department: str = "",
        call_id: str = "",
        source: str = "",
        most: int = PAGE,
    ) -> list[dict[str, Any]]:
        """Tickets that this person may see, emergencies first, then by due time and age; at most so many."""
        where = self._wanted(states, department, source)
        if call_id:
            where.append(Ticket.call_id == call_id)
        async with self._services.database.read() as session:
            rows = await session.scalars(select(Ticket).where(*where).order_by(*_order(states)).limit(most))
            return [self._views.ticket(ticket, self._user) for ticket in rows]

    async def in_pages(
        self, states: Sequence[TicketState], department: str, source: str, most: int
    ) -> AsyncIterator[Sequence[dict[str, Any]]]:
        """The same a page at a time, for a file: as they are listed now, each once, whatever happens meanwhile."""
        wanted = select(Ticket.id).where(*self._wanted(states, department, source)).order_by(*_order(states))
        async with self._services.database.read() as session:
            ids = (await session.scalars(wanted.limit(most))).all()
        async for page in by_key(ids, self._these):
            yield page

    async def _these(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        async with self._services.database.read() as session:
            rows = {row.id: row for row in await session.scalars(select(Ticket).where(Ticket.id.in_(ids)))}
        return [self._views.ticket(rows[key], self._user) for key in ids if key in rows]

    def _wanted(self, states: Sequence[TicketState], department: str, source: str) -> list[ColumnElement[bool]]:
        where = self._of(department)
        if states:
            where.append(Ticket.state.in_(states))
        if source:
            where.append(Ticket.source == source)
        return where

    async def counts(self, department: str = "", source: str = "") -> dict[str, int]:
        """How many tickets that this person may list are in each state."""
        wanted = select(Ticket.state, func.count()).where(*self._of(department)).group_by(Ticket.state)
        if source:
            wanted = wanted.where(Ticket.source == source)
        async with self._services.database.read() as session:
            return {row[0]: row[1] for row in await session.execute(wanted)}

    def _of(self, department: str) -> list[ColumnElement[bool]]:
        """Of this department; staff's own, and of those below for which they may act, whatever is asked."""
        own = self._user.departments
        if self._user.bounded and department not in own:
            return [Ticket.department.in_(own)]
        return [Ticket.department == department] if department else []


def _order(states: Sequence[TicketState]) -> tuple[Any, ...]:
    """The order of a list of tickets."""
    if tuple(states) == ("closed",):
        return (Ticket.closed_at.desc(), Ticket.id)
    return (Ticket.is_emergency.desc(), Ticket.due_at.is_(None), Ticket.due_at, Ticket.created_at, Ticket.id)


def _desk(agents: Sequence[AgentView], extension: str) -> AgentView | None:
    return next((agent for agent in agents if agent.extension == extension), None)
