"""What people do with parts of tickets: accept, refuse, report, assist, send up, rule, supervise, urge, answer."""

from datetime import datetime, timedelta

from sqlalchemy import select

from core.clock import Clock
from core.database import Database, Work
from core.errors import Conflict, HeyiError, NotAllowed
from ticketing.actor import Actor, Role
from ticketing.assign.levels import above
from ticketing.assign.parts import IN_HAND, RULERS, rule_on
from ticketing.assign.tables import Assignment, Nudge, NudgeKind, Refusal, Ruling
from ticketing.moves import edit, kept, move
from ticketing.service import Tickets
from ticketing.tables import Ticket

#: Who may do what; a department besides only with its own part, as each method says. The screens and a test ask it.
ROLES: dict[str, tuple[Role, ...]] = {
    "accept": ("department", "grid"),
    "refuse": ("department", "grid"),
    "report": ("department", "grid"),
    "answer": ("department", "grid"),
    "assist": ("agent", "dispatcher", "supervisor", "arbiter"),
    "withdraw": ("dispatcher", "supervisor", "arbiter"),
    "reassign": ("dispatcher", "supervisor", "arbiter"),
    "escalate": ("department", "grid", "dispatcher", "supervisor", "arbiter", "system"),
    "decide": RULERS,
    "supervise": ("supervisor", "arbiter"),
    # The caller himself by voice or key: heyi passes it on.
    "urge": ("agent", "dispatcher", "supervisor", "arbiter", "system"),
}


class Assignments:
    """The service of this room; each method is one unit of work.

    :class:`NotAllowed` where role or rule forbids it, :class:`Conflict` where somebody else was first,
    :class:`HeyiError` where something is missing.
    """

    def __init__(self, database: Database, tickets: Tickets, clock: Clock) -> None:
        self._database = database
        self._tickets = tickets
        self._parts = tickets.parts
        self._city = tickets.city
        self._clock = clock

    # --- departments --------------------------------------------------------------------------------------------

    async def accept(self, part_id: str, by: Actor) -> Ticket:
        """The department takes its part on. Of a main part that the ticket still waits for, the ticket moves."""
        ticket_id = await self._ticket_of(part_id)
        async with self._tickets.change(ticket_id, hold=True) as (work, ticket):
            part, now = await self._own(work, part_id, by, "accept"), self._clock.now()
            if part.accepted_at is not None:
                return ticket
            if part.part == "main" and ticket.state == "dispatched":
                move(work, self._tickets.flows, ticket, "accept", by, now)
            else:
                kept(work, ticket, "part_accept", by, now, self._name(part.department))
            await self._parts.accept(work, ticket, part, now)
            return ticket

    async def refuse(self, part_id: str, by: Actor, reason: str, suggested: str = "") -> Ticket:
        """The department gives its part back, before it has accepted it, for the arbiter to decide.

        An assisting department's refusal leaves the main one to its work.
        """
        ticket_id, note = await self._ticket_of(part_id), _said(reason, "请填写退单理由")
        async with self._tickets.change(ticket_id, hold=True) as (work, ticket):
            part, now = await self._own(work, part_id, by, "refuse"), self._clock.now()
            assisting = part.part == "assist"
            if assisting:
                if part.accepted_at is not None:
                    raise NotAllowed("已接单，不能再退单", hint=ticket.number)
                if part.binding:
                    raise NotAllowed("已经裁定由您的部门承办，不能再退单", hint=ticket.number)
                if suggested:
                    self._known(suggested)
                await self._parts.refuse(work, ticket, part, by, now, note, suggested)
                kept(work, ticket, "part_refuse", by, now, f"{self._name(part.department)}：{note}")
                await self._tickets.maybe_finish(work, ticket, now)
        return ticket if assisting else await self._tickets.refuse(ticket_id, by, note, suggested)

    async def report(self, part_id: str, by: Actor, result: str) -> Ticket:
        """The department states the result of its part; with the last one the ticket is reported."""
        ticket_id, said = await self._ticket_of(part_id), _said(result, "请填写办理结果")
        async with self._tickets.change(ticket_id, hold=True) as (work, ticket):
            part = await self._own(work, part_id, by, "report")
            if part.part == "main":
                table, standing = self._tickets.flows.place(ticket)
                table.step(standing.key, "report", by.role)
            await self._tickets.report_part(work, ticket, part, by, self._clock.now(), said)
            return ticket

    async def answer(self, nudge_id: str, by: Actor, text: str) -> Nudge:
        """The department answers in writing what it was asked."""
        said = _said(text, "请填写答复")
        async with self._database.read() as session:
            found = await session.get(Nudge, nudge_id)
        if found is None:
            raise HeyiError("没有这条督办或催办", hint=nudge_id)
        async with self._tickets.change(found.ticket_id, hold=True) as (work, ticket):
            nudge = await work.session.get_one(Nudge, nudge_id)
            _may(by, "answer")
            if not by.acts_for(nudge.department):
                raise NotAllowed("只有被督办的部门可以答复", hint=nudge.department)
            if nudge.answered_at is not None:
                raise Conflict("已经答复", hint=ticket.number)
            nudge.answered_at, nudge.answered_by, nudge.answer = self._clock.now(), by.login, said
            kept(work, ticket, "answered", by, nudge.answered_at, f"{self._name(nudge.department)}：{said}")
            return nudge

    # --- who directs --------------------------------------------------------------------------------------------

    async def assist(self, ticket_id: str, department: str, by: Actor) -> Ticket:
        """Let one more department assist: who directs, or the main department."""
        self._known(department)
        async with self._tickets.change(ticket_id, hold=True) as (work, ticket):
            if not by.acts_for(ticket.department):
                _leads(by, "assist", ticket)
            await self._in_hand(work, ticket)
            if any(part.department == department for part in await self._parts.open(work.session, ticket.id)):
                raise Conflict("这个部门已在承办", hint=self._name(department))
            now = self._clock.now()
            await self._parts.assist(work, ticket, department, by, now)
            kept(work, ticket, "part_add", by, now, self._name(department))
            return ticket

    async def withdraw(self, part_id: str, by: Actor, reason: str) -> Ticket:
        """A department need not assist any more."""
        ticket_id, note = await self._ticket_of(part_id), _said(reason, "请填写理由")
        async with self._tickets.change(ticket_id, hold=True) as (work, ticket):
            _leads(by, "withdraw", ticket)
            part, now = await self._open(work, part_id), self._clock.now()
            if part.part == "main":
                raise NotAllowed("主办部门只能改派", hint=ticket.number)
            await self._parts.end(work, ticket, part, now, reason=note)
            left = [key for key in ticket.assist if key != part.department]
            edit(work, self._tickets.flows, ticket, {"assist": left}, by, now)
            kept(work, ticket, "part_drop", by, now, f"{self._name(part.department)}：{note}")
            await self._tickets.maybe_finish(work, ticket, now)
            return ticket

    async def reassign(self, ticket_id: str, department: str, by: Actor, reason: str, *, part_id: str = "") -> Ticket:
        """Give the main part to another department, wherever the ticket stands; its handling time goes on.

        ``part_id``: the main part that the person saw; :class:`Conflict` where somebody else was first.
        """
        self._known(department)
        note = _said(reason, "请填写改派理由")
        async with self._tickets.change(ticket_id, hold=True) as (work, ticket):
            _leads(by, "reassign", ticket)
            main = await self._in_hand(work, ticket)
            if main.department == department:
                raise Conflict("这个部门已在承办", hint=self._name(department))
            self._same(main, part_id)
            if main.binding and by.role not in RULERS:
                raise NotAllowed("已经裁定承办部门，改派须由督查室决定", hint=ticket.number)
            await self._send(work, ticket, department, by, "reassign", note)
            return ticket

    async def escalate(self, ticket_id: str, by: Actor, reason: str, *, part_id: str = "") -> Ticket:
        """Send the ticket one level up (逐级上报): by hand, or by the city's rule.

        ``part_id``: the main part that the rule was about, or that the person saw. Where it is not open any more,
        nothing happens by rule, and a person is told by a :class:`Conflict`.
        """
        note = _said(reason, "请填写上报理由")
        async with self._tickets.change(ticket_id, hold=True) as (work, ticket):
            _leads(by, "escalate", ticket)
            if part_id and by.role == "system":
                part = await work.session.get(Assignment, part_id, populate_existing=True)
                if part is None or not part.open:
                    return ticket
            main = await self._in_hand(work, ticket)
            self._same(main, part_id)
            if by.staff and not by.acts_for(main.department):
                raise NotAllowed("这张工单不由您的部门承办", hint=f"{ticket.number}: {ticket.department}")
            up = above(self._city, main.department, ticket.code)
            if not up:
                raise NotAllowed("已是最高一级，不能再上报", hint=self._name(main.department))
            await self._send(work, ticket, up, by, "escalate", note)
            return ticket

    async def decide(self, refusal_id: str, by: Actor, to: str, note: str, *, binding: bool = False) -> Ticket:
        """Whose matter it is, that a department gave back (裁定). Back to that department it is binding.

        It is binding, too, for a department that has refused this ticket before, and once the city's limit is reached.
        ``to`` empty: a department that only assisted is let go.
        """
        said = _said(note, "请填写裁定理由")
        if to:
            self._known(to)
        async with self._database.read() as session:
            found = await session.get(Refusal, refusal_id)
        if found is None:
            raise HeyiError("没有这次退单", hint=refusal_id)
        async with self._tickets.change(found.ticket_id, hold=True) as (work, ticket):
            _leads(by, "decide", ticket)
            refusal = await work.session.get_one(Refusal, refusal_id)
            if refusal.decided_at is not None:
                raise Conflict("这次退单已有决定", hint=ticket.number)
            now = self._clock.now()
            bound = binding or to in await self._parts.refusers(work.session, ticket.id)
            rule_on(refusal, by, now, _ruling(refusal, to), to, said)
            text = f"{self._name(to) if to else '不再协办'}：{said}"
            if refusal.part == "assist":
                await self._rule_assist(work, ticket, to, by, now, bound)
                kept(work, ticket, "ruling", by, now, text)
            elif not to:
                raise HeyiError("请选择承办部门", hint=ticket.number)
            elif ticket.state == "filed":
                left = [key for key in ticket.assist if key != to]
                edit(work, self._tickets.flows, ticket, {"department": to, "assist": left}, by, now)
                move(work, self._tickets.flows, ticket, "dispatch", by, now, f"裁定：{text}")
                await self._parts.give(work, ticket, by, now, binding=bound)
            else:
                if ticket.state not in IN_HAND:
                    raise NotAllowed("工单不在部门手中，不能这样处理", hint=ticket.number)
                await self._parts.send(work, ticket, to, by, now, "ruling", text, binding=bound)
            return ticket

    async def nudge(
        self, ticket_id: str, kind: NudgeKind, by: Actor, reason: str, *, department: str = "",
        hours: float | None = None,
    ) -> Nudge:  # fmt: skip
        """Ask a department about an open ticket: supervise (督办) or urge (催办). It answers in writing.

        ``department``: the main one where empty. ``hours`` until it must have answered; the city's where None.
        """
        note = _said(reason, "请填写理由")
        if hours is not None and not 0 < hours <= 1000:
            raise HeyiError("答复期限应为 1000 小时以内", hint=f"{hours:g}")
        async with self._tickets.change(ticket_id, hold=True) as (work, ticket):
            _leads(by, kind, ticket)
            asked = department or ticket.department
            if ticket.state in ("draft", "closed") or asked not in (ticket.department, *ticket.assist) or not asked:
                raise NotAllowed("工单不在部门手中，不能这样处理", hint=ticket.number)
            levels, now = self._city.levels, self._clock.now()
            usual = levels.supervise_hours if kind == "supervise" else levels.urge_hours
            due = now + timedelta(hours=usual if hours is None else hours)
            nudge = Nudge(
                ticket_id=ticket.id, kind=kind, department=asked, reason=note, who=by.login, at=now, answer_due_at=due
            )
            work.session.add(nudge)
            await work.session.flush()
            kept(work, ticket, kind, by, now, f"{self._name(asked)}：{note}")
            return nudge

    # --- within -------------------------------------------------------------------------------------------------

    async def _ticket_of(self, part_id: str) -> str:
        async with self._database.read() as session:
            found = await session.scalar(select(Assignment.ticket_id).where(Assignment.id == part_id))
        if found is None:
            raise HeyiError("没有这项任务", hint=part_id)
        return found

    async def _open(self, work: Work, part_id: str) -> Assignment:
        part = await work.session.get_one(Assignment, part_id)
        if not part.open:
            raise Conflict("这项任务已经结束", hint=self._name(part.department))
        return part

    async def _own(self, work: Work, part_id: str, by: Actor, action: str) -> Assignment:
        _may(by, action)
        part = await self._open(work, part_id)
        if not by.acts_for(part.department):
            raise NotAllowed("这项任务不由您的部门承办", hint=self._name(part.department))
        return part

    async def _in_hand(self, work: Work, ticket: Ticket) -> Assignment:
        main = await self._parts.main(work, ticket) if ticket.state in IN_HAND else None
        if main is None:
            raise NotAllowed("工单不在部门手中，不能这样处理", hint=ticket.number)
        return main

    def _same(self, main: Assignment, part_id: str) -> None:
        if part_id and main.id != part_id:
            raise Conflict("工单刚被他人改派或上报，请核对后再试", hint=self._name(main.department))

    async def _send(self, work: Work, ticket: Ticket, to: str, by: Actor, action: str, note: str) -> None:
        await self._parts.send(work, ticket, to, by, self._clock.now(), action, f"{self._name(to)}：{note}")

    async def _rule_assist(self, work: Work, ticket: Ticket, to: str, by: Actor, now: datetime, bound: bool) -> None:
        if not to:
            return
        await self._in_hand(work, ticket)
        if any(part.department == to for part in await self._parts.open(work.session, ticket.id)):
            raise Conflict("这个部门已在承办", hint=self._name(to))
        await self._parts.assist(work, ticket, to, by, now, binding=bound)

    def _known(self, department: str) -> None:
        if self._city.department(department) is None:
            raise HeyiError("没有这个部门", hint=department)

    def _name(self, department: str) -> str:
        found = self._city.department(department)
        return found.name if found else department


async def ticket_ids_due_up(database: Database, now: datetime, limit: int = 100) -> list[tuple[str, str]]:
    """Ticket and main part of each that the city's rule sends up now, those that wait longest first."""
    query = select(Assignment.ticket_id, Assignment.id).where(
        Assignment.up_at <= now,
        Assignment.refused_at.is_(None), Assignment.withdrawn_at.is_(None), Assignment.reported_at.is_(None),
    )  # fmt: skip
    async with database.read() as session:
        rows = await session.execute(query.order_by(Assignment.up_at).limit(limit))
        return [(row[0], row[1]) for row in rows]


def _may(by: Actor, action: str) -> None:
    if by.role not in ROLES[action]:
        raise NotAllowed("您的岗位不能这样处理工单", hint=f"{by.role} × {action}")


def _leads(by: Actor, action: str, ticket: Ticket) -> None:
    """Who directs does so within the area that he was given; of departments each action asks whose part it is."""
    _may(by, action)
    if not by.staff and not by.may_touch(ticket.department):
        raise NotAllowed("这张工单不在您的辖区", hint=f"{ticket.number}: {ticket.department}")


def _ruling(refusal: Refusal, to: str) -> Ruling:
    if not to:
        return "released"
    return "bound" if to == refusal.department else "sent"


def _said(text: str, otherwise: str) -> str:
    if not text.strip():
        raise HeyiError(otherwise)
    return text.strip()
