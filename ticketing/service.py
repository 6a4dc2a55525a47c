"""What people and the rooms below do to tickets; every call is one unit of work."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from core.city import City
from core.clock import Clock
from core.database import Database, Work
from core.errors import Conflict, HeyiError, NotAllowed
from telephony.events import Leg
from ticketing.actor import SYSTEM, Actor
from ticketing.callback import CallbackPolicy
from ticketing.events import TicketDrafted
from ticketing.fields import EditConflict, Saved, clean, merge, of_category, of_verdict
from ticketing.moves import edit, move, opened
from ticketing.phones import dialable, normal
from ticketing.repository import TicketRepository
from ticketing.schedule import schedule
from ticketing.summary import extend
from ticketing.tables import Ticket
from triage.verdict import Verdict

#: Silent, and mistaken or nuisance calls: the only ones that an emergency line may close without a department.
MISDIALLED = ("X01", "X02")
#: Where a ticket has no category yet: life and property 2 h, general matters 7 days (Beijing's draft rules, by press).
EMERGENCY_DUE = timedelta(hours=2)
GENERAL_DUE = timedelta(days=7)


class Tickets:
    """The service of this room.

    Every method that changes something returns the ticket as it now is, raises :class:`NotAllowed` where the table of
    states or the person's role forbids the step, and :class:`Conflict` where another process saved in between.
    """

    def __init__(self, database: Database, city: City, clock: Clock, policy: CallbackPolicy | None = None) -> None:
        self.city = city
        self.policy = policy or CallbackPolicy(timezone=city.profile.timezone)
        self._database = database
        self._clock = clock
        self._zone = ZoneInfo(city.profile.timezone)

    # --- what software does -------------------------------------------------------------------------------------

    async def draft(self, call_id: str, line: str, caller: str, agent: str) -> Ticket:
        """The draft of an answered call: made once, however often it is asked for. ``agent`` is the extension."""
        for last_try in (False, True):
            try:
                return await self._draft(call_id, line, caller, agent)
            except IntegrityError:
                # Another process made it in between: the second try finds it.
                if last_try:
                    raise
        raise AssertionError("unreachable")

    async def _draft(self, call_id: str, line: str, caller: str, agent: str) -> Ticket:
        now = self._clock.now()
        area = self.city.profile.area_code
        async with self._database.work() as work:
            repository = TicketRepository(work.session)
            if known := await repository.by_call(call_id):
                return known
            hotline = self.city.line(line)
            phone = dialable(caller, area)
            ticket = Ticket(
                number=await repository.take_number(
                    self.city.profile.ticket_prefix, now.astimezone(self._zone).strftime("%Y%m%d")
                ),
                call_id=call_id,
                line=line,
                caller=caller,
                caller_digits=normal(caller, area),
                agent_extension=agent,
                state="draft",
                is_emergency=hotline is not None and hotline.kind == "emergency",
                department=hotline.department if hotline else "",
                contact_phone=phone,
                contact_digits=normal(phone, area),
                created_at=now,
                version=1,
                touched=[],
            )
            work.session.add(ticket)
            await work.session.flush()
            opened(work, ticket, SYSTEM, now)
            work.record(TicketDrafted(at=now, call_id=call_id, ticket_id=ticket.id, number=ticket.number))
            return ticket

    async def hear(self, call_id: str, leg: Leg, text: str) -> None:
        """Let the summary of a draft grow by what the caller said, until it is full or a person edits it."""
        if leg == "caller":
            async with self._database.work() as work:
                ticket = await TicketRepository(work.session).by_call(call_id)
                if ticket is not None and ticket.state == "draft":
                    self._fill(work, ticket, {"summary": extend(ticket.summary, text)})

    async def prefill(self, call_id: str, verdict: Verdict) -> None:
        """Fill a draft from a verdict. Once it is filed, a verdict can only still raise it to an emergency."""
        async with self._database.work() as work:
            ticket = await TicketRepository(work.session).by_call(call_id)
            if ticket is None or ticket.state == "closed":
                return
            said = of_verdict(verdict, self.city)
            if ticket.state != "draft":
                said = {name: value for name, value in said.items() if name == "is_emergency"}
            elif "code" in ticket.touched:
                # The departments follow from the category that the person chose.
                said.pop("department", None)
                said.pop("assist", None)
            self._fill(work, ticket, said)

    def _fill(self, work: Work, ticket: Ticket, said: Mapping[str, Any]) -> None:
        free = {name: value for name, value in said.items() if name not in ticket.touched}
        edit(work, ticket, free, SYSTEM, self._clock.now(), self.city.profile.area_code)

    # --- what people do -----------------------------------------------------------------------------------------

    async def edit(self, ticket_id: str, fields: Mapping[str, Any], by: Actor, version: int | None = None) -> Ticket:
        """Save fields (names: :data:`ticketing.fields.EDITABLE`); from then on software leaves them alone.

        ``version`` is the one that the person saw. :class:`ticketing.fields.EditConflict` carries the difference where
        another person has saved the same fields since; nothing of this saving is kept then.
        """
        async with self._change(ticket_id) as (work, ticket):
            await self._edit(work, ticket, fields, by, version)
            return ticket

    async def submit(
        self, ticket_id: str, by: Actor, fields: Mapping[str, Any] | None = None, version: int | None = None
    ) -> Ticket:
        """Save ``fields``, file the draft and dispatch it to its department. A refused ticket is dispatched again."""
        async with self._change(ticket_id) as (work, ticket):
            now = self._clock.now()
            if fields:
                await self._edit(work, ticket, fields, by, version)
            if ticket.state == "draft":
                move(work, ticket, "file", by, now)
            if not ticket.department:
                raise NotAllowed("请先选择承办部门", hint=ticket.number)
            ticket.due_at = now + self.time_allowed(ticket)
            move(work, ticket, "dispatch", by, now)
            _sign(ticket, by)
            return ticket

    async def accept(self, ticket_id: str, by: Actor) -> Ticket:
        """The department takes the ticket on. Its clock has been running since the dispatch."""
        async with self._change(ticket_id) as (work, ticket):
            _own(ticket, by)
            move(work, ticket, "accept", by, self._clock.now())
            return ticket

    async def refuse(self, ticket_id: str, by: Actor, reason: str) -> Ticket:
        """The department gives the ticket back (退单), or a supervisor recalls it: it waits to be dispatched again."""
        async with self._change(ticket_id) as (work, ticket):
            _own(ticket, by)
            move(work, ticket, "refuse", by, self._clock.now(), _said(reason, "请填写退单理由"))
            return ticket

    async def report(self, ticket_id: str, by: Actor, result: str) -> Ticket:
        """The department states its result; the first attempt to call back is planned in the same moment."""
        async with self._change(ticket_id) as (work, ticket):
            now = self._clock.now()
            _own(ticket, by)
            ticket.result = _said(result, "请填写办理结果")
            move(work, ticket, "report", by, now, ticket.result)
            move(work, ticket, "call_back", SYSTEM, now)
            await schedule(work, ticket, self.policy, now)
            return ticket

    async def close(self, ticket_id: str, by: Actor, reason: str) -> Ticket:
        """Close at once: a call taker what needs no department, a supervisor anything."""
        async with self._change(ticket_id) as (work, ticket):
            note = _said(reason, "请填写结案理由")
            if by.role == "agent" and ticket.is_emergency and ticket.code not in MISDIALLED:
                raise NotAllowed(
                    "紧急工单须派遣，不能直接办结", hint="误拨请先改类别为 X01 或 X02；并非紧急请先取消紧急标记"
                )
            move(work, ticket, "overrule" if by.role == "supervisor" else "answer", by, self._clock.now(), note)
            ticket.result = ticket.result or note
            ticket.escalated_at = None
            await TicketRepository(work.session).drop_planned_callbacks(ticket.id)
            _sign(ticket, by)
            return ticket

    async def reopen(self, ticket_id: str, by: Actor, reason: str) -> Ticket:
        """A supervisor sends a ticket whose caller is not satisfied back to its department."""
        async with self._change(ticket_id) as (work, ticket):
            note = _said(reason, "请填写退回重办的理由")
            await self.send_back(work, ticket, by, self._clock.now(), note)
            return ticket

    # --- shared with the callback runner ------------------------------------------------------------------------

    async def send_back(self, work: Work, ticket: Ticket, by: Actor, now: datetime, note: str) -> None:
        """Back to handling after a callback, with a new deadline; part of the caller's unit of work."""
        move(work, ticket, "reopen", by, now, note)
        ticket.reopened += 1
        ticket.escalated_at = None
        ticket.due_at = now + self.time_allowed(ticket)
        await TicketRepository(work.session).drop_planned_callbacks(ticket.id)

    def time_allowed(self, ticket: Ticket) -> timedelta:
        """From dispatch to the result that is due, by the ticket's category."""
        category = self.city.category(ticket.code)
        if category is None:
            return EMERGENCY_DUE if ticket.is_emergency else GENERAL_DUE
        return timedelta(hours=category.due_hours)

    # --- within -------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _change(self, ticket_id: str) -> AsyncIterator[tuple[Work, Ticket]]:
        try:
            async with self._database.work() as work:
                yield work, await TicketRepository(work.session).get(ticket_id)
        except StaleDataError as error:
            raise Conflict("工单刚被他人修改，请刷新后再试", hint=ticket_id) from error

    async def _edit(
        self, work: Work, ticket: Ticket, fields: Mapping[str, Any], by: Actor, version: int | None
    ) -> None:
        if by.role not in ("agent", "supervisor"):
            raise NotAllowed("只有坐席和值班主任可以修改工单", hint=by.login)
        if ticket.state == "closed":
            raise NotAllowed("工单已结案，不能再修改", hint=ticket.number)
        wanted = clean(fields, self.city)
        if version is not None and version < ticket.version:
            rows = await TicketRepository(work.session).history(ticket.id, after_version=version)
            since = [Saved(row.who, row.role != SYSTEM.role, row.changes) for row in rows]
            current = {name: getattr(ticket, name) for name in wanted}
            wanted, lost = merge(wanted, current, since)
            if lost:
                raise EditConflict(ticket.version, lost)
        changed = {name: value for name, value in wanted.items() if getattr(ticket, name) != value}
        undispatched = ticket.state in ("draft", "filed")
        if not undispatched and changed.keys() & {"department", "assist"}:
            raise NotAllowed("工单已派遣，改派须先退单或召回", hint=ticket.number)
        follows = of_category(changed["code"], self.city) if undispatched and changed.get("code") else {}
        follows = {name: v for name, v in follows.items() if name not in wanted and name not in ticket.touched}
        if changed:
            ticket.touched = sorted({*ticket.touched, *changed})
            edit(work, ticket, {**follows, **changed}, by, self._clock.now(), self.city.profile.area_code)
            _sign(ticket, by)


def _sign(ticket: Ticket, by: Actor) -> None:
    """The first person at the desk who saves something is the ticket's call taker."""
    if by.role == "agent" and not ticket.agent_login:
        ticket.agent_login = by.login


def _own(ticket: Ticket, by: Actor) -> None:
    if by.role == "department" and by.department != ticket.department:
        raise NotAllowed("这张工单不由您的部门承办", hint=f"{ticket.number}: {ticket.department}")


def _said(text: str, otherwise: str) -> str:
    if not text.strip():
        raise HeyiError(otherwise)
    return text.strip()
