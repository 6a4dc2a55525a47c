"""What people and the rooms below do to tickets; every call is one unit of work."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from core.city import City
from core.clock import Clock
from core.database import Database, Work
from core.errors import Conflict, HeyiError, NotAllowed
from core.phones import dialable, normal
from telephony.events import Leg
from ticketing.actor import SYSTEM, Actor
from ticketing.assign.follow import changing
from ticketing.assign.levels import Point, starts_with
from ticketing.assign.parts import Parts, rule_on
from ticketing.assign.tables import Assignment
from ticketing.callbacks import second
from ticketing.callbacks.plan import CallbackPolicy
from ticketing.clocks.service import Clocks
from ticketing.events import TicketDrafted
from ticketing.fields import EditConflict, Saved, clean, merge, of_category, of_verdict
from ticketing.flows.table import Flows
from ticketing.grids import Grids
from ticketing.incidents import MISDIALLED, Incidents, close_children, is_carried
from ticketing.moves import begin, edit, kept, move, opened
from ticketing.repository import TicketRepository
from ticketing.schedule import schedule
from ticketing.summary import extend
from ticketing.tables import CallbackRefusal, Ticket
from triage.verdict import Verdict

#: Steps by one press of a button.
Advance = Literal["accept", "depart", "arrive", "handle"]


class Tickets:
    """The service of this room.

    Every method that changes something returns the ticket as it now is, raises :class:`NotAllowed` where the
    ticket's flow or the person's role forbids the step, and :class:`Conflict` where another process saved in between.
    """

    def __init__(self, database: Database, city: City, clock: Clock, policy: CallbackPolicy | None = None) -> None:
        self.city = city
        self.flows = Flows(city)
        self.grids = Grids(city.dispatch.grids)
        self.policy = policy or CallbackPolicy(timezone=city.profile.timezone)
        self.clocks = Clocks(database, city, clock)
        self.parts = Parts(city, self.clocks.keeper, self.flows)
        self.incidents = Incidents(database, clock, self.clocks.keeper)
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
        async with changing(self._database, self.clocks.keeper, self.flows) as work:
            repository = TicketRepository(work.session)
            if known := await repository.by_call(call_id):
                return known
            hotline = self.city.line(line)
            phone = dialable(caller, area)
            ticket = Ticket(
                number=await repository.take_number(
                    self.city.profile.ticket_prefix, now.astimezone(self._zone).strftime("%Y%m%d")
                ),
                source="call",
                call_id=call_id,
                line=line,
                caller=caller,
                caller_digits=normal(caller, area),
                agent_extension=agent,
                is_emergency=hotline is not None and hotline.kind == "emergency",
                department=hotline.department if hotline else "",
                contact_phone=phone,
                contact_digits=normal(phone, area),
                created_at=now,
                version=1,
                touched=[],
            )
            begin(self.flows, ticket, now)
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
        async with changing(self._database, self.clocks.keeper, self.flows) as work:
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
            if ticket.state == "draft":
                said |= self._by_level(ticket, said)
            self._fill(work, ticket, said)

    def _fill(self, work: Work, ticket: Ticket, said: Mapping[str, Any]) -> None:
        free = {name: value for name, value in said.items() if name not in ticket.touched}
        edit(work, self.flows, ticket, free, SYSTEM, self._clock.now())

    def place(self, work: Work, ticket: Ticket, point: Point) -> None:
        """A person set the ticket's point: its matter begins with whose grid that is. Part of the caller's unit."""
        if ticket.state in ("draft", "filed"):
            edit(work, self.flows, ticket, self._by_level(ticket, {}, point), SYSTEM, self._clock.now())

    def _by_level(self, ticket: Ticket, values: Mapping[str, Any], point: Point | None = None) -> dict[str, Any]:
        """The department below the city where the matter begins, by category and place as they then are."""
        if "department" in ticket.touched or values.get("is_emergency", ticket.is_emergency):
            return {}
        code, place = (values.get(name, getattr(ticket, name)) for name in ("code", "place"))
        own = starts_with(self.city, code, place, self.grids, point)
        category = self.city.category(code)
        if not own and category and self.city.level_of(ticket.department) != "district":
            # What was known of the place does not hold any more.
            own = category.department
        return {"department": own} if own else {}

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
        """Save ``fields``, file the draft and dispatch it. A refused ticket is dispatched again.

        A draft of an incident whose head a department has in hand is only filed: it is handled, and closes, with that.
        """
        async with self._change(ticket_id) as (work, ticket):
            now = self._clock.now()
            if fields:
                await self._edit(work, ticket, fields, by, version)
            filed = ticket.state == "draft"
            if filed:
                move(work, self.flows, ticket, "file", by, now)
            if not ticket.department:
                raise NotAllowed("请先选择承办部门", hint=ticket.number)
            # The department is told of an incident once; asked again, this ticket is dispatched all the same.
            if not (filed and await is_carried(work.session, ticket)):
                await self.parts.check_sender(work.session, ticket, by)
                move(work, self.flows, ticket, "dispatch", by, now)
            _sign(ticket, by)
            return ticket

    async def accept(self, ticket_id: str, by: Actor) -> Ticket:
        """The department takes the ticket on. Its clock has been running since the dispatch."""
        return await self.advance(ticket_id, "accept", by)

    async def advance(self, ticket_id: str, action: Advance, by: Actor) -> Ticket:
        """The department's steps that say nothing but that they happened: accepted, left, arrived, at work."""
        async with self._change(ticket_id) as (work, ticket):
            _own(ticket, by)
            move(work, self.flows, ticket, action, by, self._clock.now())
            return ticket

    async def refuse(self, ticket_id: str, by: Actor, reason: str, suggested: str = "") -> Ticket:
        """The department gives the ticket back (退单), or a supervisor recalls it: it waits to be dispatched again.

        ``suggested``: key of the department whose matter it is, as the one who refuses thinks.
        """
        async with self._change(ticket_id) as (work, ticket):
            now, note = self._clock.now(), _said(reason, "请填写退单理由")
            _own(ticket, by)
            main = await self.parts.main(work, ticket)
            if not by.staff or main is None:
                move(work, self.flows, ticket, "refuse", by, now, note)
                return ticket
            if main.binding:
                raise NotAllowed("已经裁定由您的部门承办，不能再退单", hint=ticket.number)
            if suggested and self.city.department(suggested) is None:
                raise HeyiError("没有这个部门", hint=suggested)
            up = await self.parts.goes_up(work.session, ticket, main) if main.accepted_at is None else ""
            table, standing = self.flows.place(ticket)
            # Given to another department while it was being handled, it is given back without a step of its own.
            stays = bool(up) or (main.accepted_at is None and table.edge(standing.key, "refuse") is None)
            if not stays:
                move(work, self.flows, ticket, "refuse", by, now, note)
            refusal = await self.parts.refuse(work, ticket, main, by, now, note, suggested)
            if stays:
                kept(work, ticket, "part_refuse", by, now, note)
            if up:
                rule_on(refusal, SYSTEM, now, "up", up)
                await self.parts.send(work, ticket, up, SYSTEM, now, "escalate", f"退单，逐级上报：{note}")
            return ticket

    async def report(self, ticket_id: str, by: Actor, result: str) -> Ticket:
        """The main department states its result; the first attempt to call back is planned in the same moment.

        Where a department that assists is still at it, the ticket waits for that.
        """
        async with self._change(ticket_id, hold=True) as (work, ticket):
            _own(ticket, by)
            said = _said(result, "请填写办理结果")
            table, standing = self.flows.place(ticket)
            table.step(standing.key, "report", by.role)
            main = await self.parts.main(work, ticket)
            if main is None:
                raise Conflict("没有待办的主办任务", hint=ticket.number)
            await self.report_part(work, ticket, main, by, self._clock.now(), said)
            return ticket

    async def report_part(
        self, work: Work, ticket: Ticket, part: Assignment, by: Actor, now: datetime, said: str
    ) -> None:
        """A department's result of its open part, by whoever says it for the department.

        With the last part the ticket is reported; part of the caller's unit of work, which holds the ticket.
        """
        if part.part == "main":
            await second.check(work.session, self.city.callbacks.second, ticket, by.login, part.department)
        await self.parts.report(work, ticket, part, by, now, said)
        if part.part == "assist":
            found = self.city.department(part.department)
            kept(work, ticket, "part_report", by, now, f"{found.name if found else part.department}：{said}")
            await self.maybe_finish(work, ticket, now)
            return
        ticket.result = said
        if await self.parts.unfinished(work.session, ticket.id):
            kept(work, ticket, "part_report", by, now, said)
        else:
            await self._finish(work, ticket, by, now)

    async def maybe_finish(self, work: Work, ticket: Ticket, now: datetime) -> None:
        """Report the ticket once the main department has reported and nobody is still at it; within a unit of work."""
        await work.session.flush()
        if ticket.state != "handling" or await self.parts.unfinished(work.session, ticket.id):
            return
        mains = [part for part in await self.parts.of(work.session, ticket.id) if part.part == "main"]
        last = mains[-1] if mains else None
        if last is not None and last.reported_at is not None:
            # The result is the main department's, whoever was last.
            by = Actor(last.reported_by or SYSTEM.login, "department", department=last.department)
            await self._finish(work, ticket, by, now)

    async def _finish(self, work: Work, ticket: Ticket, by: Actor, now: datetime) -> None:
        move(work, self.flows, ticket, "report", by, now, ticket.result)
        move(work, self.flows, ticket, "call_back", SYSTEM, now)
        if await schedule(work, ticket, self.policy, now) is None:
            await self._unasked(work, ticket, now)

    async def spare(self, ticket_id: str, by: Actor) -> Ticket:
        """The caller asked not to be called back: no attempt is made from now on."""
        async with self._change(ticket_id) as (work, ticket):
            if by.role not in ("agent", "supervisor"):
                raise NotAllowed("只有坐席和值班主任可以登记不回访", hint=by.login)
            repository, now = TicketRepository(work.session), self._clock.now()
            if await repository.callback_refused(ticket.id):
                return ticket
            work.session.add(CallbackRefusal(ticket_id=ticket.id, at=now, who=by.login))
            await repository.drop_planned_callbacks(ticket.id)
            kept(work, ticket, "spare", by, now, "来电人要求不回访")
            running = any(c.ended_at is None for c in await repository.callbacks(ticket.id))
            if ticket.state == "callback" and ticket.escalated_at is None and not running:
                await self._unasked(work, ticket, now)
            return ticket

    async def _unasked(self, work: Work, ticket: Ticket, now: datetime) -> None:
        move(work, self.flows, ticket, "settle", SYSTEM, now, "来电人要求不回访")
        await close_children(work, self.flows, ticket, now, self.policy)

    async def close(self, ticket_id: str, by: Actor, reason: str) -> Ticket:
        """Close at once: a call taker what needs no department, a supervisor anything."""
        async with self._change(ticket_id) as (work, ticket):
            note = _said(reason, "请填写结案理由")
            if by.role == "agent" and ticket.is_emergency and ticket.code not in MISDIALLED:
                raise NotAllowed(
                    "紧急工单须派遣，不能直接办结", hint="误拨请先改类别为 X01 或 X02；并非紧急请先取消紧急标记"
                )
            now = self._clock.now()
            move(work, self.flows, ticket, "overrule" if by.role == "supervisor" else "answer", by, now, note)
            ticket.result = ticket.result or note
            ticket.escalated_at = None
            await TicketRepository(work.session).drop_planned_callbacks(ticket.id)
            await close_children(work, self.flows, ticket, now, self.policy)
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
        """Back to handling after a callback; part of the caller's unit of work, which must be :func:`changing`."""
        move(work, self.flows, ticket, "reopen", by, now, note)
        ticket.reopened += 1
        ticket.escalated_at = None
        await TicketRepository(work.session).drop_planned_callbacks(ticket.id)

    def change(self, ticket_id: str, *, hold: bool = False) -> AbstractAsyncContextManager[tuple[Work, Ticket]]:
        """One unit of work on one ticket, for the rooms of this package that act on tickets: clocks follow it.

        ``hold``: whoever changes the same ticket at the same moment waits, and then sees what this one did.
        """
        return self._change(ticket_id, hold=hold)

    # --- within -------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _change(self, ticket_id: str, *, hold: bool = False) -> AsyncIterator[tuple[Work, Ticket]]:
        try:
            async with changing(self._database, self.clocks.keeper, self.flows) as work:
                if hold:
                    await TicketRepository(work.session).hold(ticket_id)
                yield work, await TicketRepository(work.session).get(ticket_id)
        except StaleDataError as error:
            raise Conflict("工单刚被他人修改，请刷新后再试", hint=ticket_id) from error

    async def _edit(
        self, work: Work, ticket: Ticket, fields: Mapping[str, Any], by: Actor, version: int | None
    ) -> None:
        if by.role not in ("agent", "supervisor", "dispatcher"):
            raise NotAllowed("只有坐席、派单员和值班主任可以修改工单", hint=by.login)
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
        if undispatched and changed.keys() & {"code", "place"} and "department" not in wanted:
            follows |= self._by_level(ticket, {**follows, **changed})
        if changed:
            ticket.touched = sorted({*ticket.touched, *changed})
            edit(work, self.flows, ticket, {**follows, **changed}, by, self._clock.now())
            _sign(ticket, by)


def _sign(ticket: Ticket, by: Actor) -> None:
    """The first person at the desk who saves something is the ticket's call taker."""
    if by.role == "agent" and not ticket.agent_login:
        ticket.agent_login = by.login


def _own(ticket: Ticket, by: Actor) -> None:
    if by.staff and not by.acts_for(ticket.department):
        raise NotAllowed("这张工单不由您的部门承办", hint=f"{ticket.number}: {ticket.department}")


def _said(text: str, otherwise: str) -> str:
    if not text.strip():
        raise HeyiError(otherwise)
    return text.strip()
