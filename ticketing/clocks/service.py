"""What people do to clocks: ask for more time or for a pause, approve, refuse, pause, let it run again."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm.exc import StaleDataError

from core.city import City
from core.city_clocks import ClockKind, ClockPolicy
from core.clock import Clock
from core.database import Database, Work
from core.errors import Conflict, HeyiError, NotAllowed
from ticketing.actor import Actor
from ticketing.clocks.clock import State, due, late, left_s, used
from ticketing.clocks.keeper import Keeper, entries, replayed, subject
from ticketing.clocks.policy import Colour, colour, policy_of
from ticketing.clocks.tables import ClockEntry, ClockRequest, TicketClock
from ticketing.moves import kept
from ticketing.repository import TicketRepository
from ticketing.tables import Ticket


@dataclass(frozen=True)
class ClockView:
    """One clock as it stands now."""

    row: TicketClock
    state: State
    #: As things stand: what is paused moves on with the time.
    due_at: datetime
    late: bool
    colour: Colour
    #: Share of its time that is used up.
    used: float
    #: Seconds left in its own measure (office hours where it counts working days); negative when overdue.
    left_s: float
    policy: ClockPolicy | None
    history: tuple[ClockEntry, ...]
    requests: tuple[ClockRequest, ...]

    @property
    def open_request(self) -> ClockRequest | None:
        return next((r for r in self.requests if r.decided_at is None), None)

    @property
    def extensions_left(self) -> int:
        """How often it may still be extended; what is asked for and not decided counts as granted."""
        allowed = self.policy.extensions if self.policy else 0
        asked = sum(r.wish == "extension" and r.decided_at is None for r in self.requests)
        return max(0, allowed - self.row.extended - asked)


@dataclass(frozen=True)
class Extendable:
    """One running clock as whoever has the ticket may ask for more time."""

    row: TicketClock
    #: The most that may be asked for, in the clock's unit; 0: nothing now.
    longest: float
    #: The last time that more was asked for.
    last: ClockRequest | None


class Clocks:
    """The service of this room.

    :class:`NotAllowed` where role or policy forbids it, :class:`Conflict` where somebody else was first.
    """

    def __init__(self, database: Database, city: City, clock: Clock, keeper: Keeper | None = None) -> None:
        self.keeper = keeper or Keeper(city)
        self._database = database
        self._city = city
        self._clock = clock

    async def of_ticket(self, ticket_id: str) -> list[ClockView]:
        """All clocks of a ticket, the oldest first."""
        now = self._clock.now()
        async with self._database.read() as session:
            ticket = await TicketRepository(session).get(ticket_id)
            rows = await session.scalars(
                select(TicketClock).where(TicketClock.ticket_id == ticket_id).order_by(TicketClock.started_at)
            )
            asked = (
                await session.scalars(
                    select(ClockRequest).where(ClockRequest.ticket_id == ticket_id).order_by(ClockRequest.id)
                )
            ).all()
            return [
                self._view(row, await entries(session, row.id), [r for r in asked if r.clock_id == row.id], ticket, now)
                for row in rows
            ]

    async def next_due(self, ticket_ids: Collection[str]) -> dict[str, tuple[ClockKind, Colour]]:
        """For lists: which of each ticket's own running clocks is due first, and its colour. Two queries."""
        now = self._clock.now()
        async with self._database.read() as session:
            query = select(TicketClock).where(
                TicketClock.ticket_id.in_(ticket_ids), TicketClock.stopped_at.is_(None), TicketClock.assignment == ""
            )
            # Of several the last one stands: the one that is due first.
            rows = {row.ticket_id: row for row in await session.scalars(query.order_by(TicketClock.due_at.desc()))}
            kept_rows = select(ClockEntry).where(ClockEntry.clock_id.in_([row.id for row in rows.values()]))
            history: dict[str, list[ClockEntry]] = {row.id: [] for row in rows.values()}
            for entry in await session.scalars(kept_rows.order_by(ClockEntry.id)):
                history[entry.clock_id].append(entry)
        shown: dict[str, tuple[ClockKind, Colour]] = {}
        for key, row in rows.items():
            share = used(replayed(history[row.id], self.keeper.calendar), now, self.keeper.calendar)
            shown[key] = row.kind, colour(self._city.clocks.colours, share)
        return shown

    async def extendable(self, tickets: Mapping[str, Ticket], by: Actor) -> dict[str, list[Extendable]]:
        """For lists: each ticket's own running clocks that know extensions, what is due first ahead. Two queries."""
        now = self._clock.now()
        running = select(TicketClock).where(
            TicketClock.ticket_id.in_(tickets), TicketClock.stopped_at.is_(None), TicketClock.assignment == ""
        )
        found: dict[str, list[Extendable]] = {key: [] for key in tickets}
        async with self._database.read() as session:
            rows = (await session.scalars(running.order_by(TicketClock.due_at))).all()
            wanted = select(ClockRequest).where(ClockRequest.clock_id.in_([row.id for row in rows]))
            asked = (await session.scalars(wanted.order_by(ClockRequest.id))).all()
        for row in rows:
            ticket = tickets[row.ticket_id]
            policy, own = self._policy(row, ticket), [r for r in asked if r.clock_id == row.id]
            if policy is None or not policy.extensions or not by.acts_for(ticket.department):
                continue
            # Paused, it has what was left when it was.
            free = row.due_at > (row.paused_at or now) and row.extended < policy.extensions
            waits = any(r.decided_at is None for r in own)
            last = next((r for r in reversed(own) if r.wish == "extension"), None)
            found[ticket.id].append(Extendable(row, policy.longest_extension if free and not waits else 0, last))
        return found

    async def waiting(self) -> Sequence[tuple[ClockRequest, TicketClock, Ticket]]:
        """What was asked for and not decided, the oldest first."""
        query = (
            select(ClockRequest, TicketClock, Ticket)
            .join(TicketClock, TicketClock.id == ClockRequest.clock_id)
            .join(Ticket, Ticket.id == ClockRequest.ticket_id)
            .where(ClockRequest.decided_at.is_(None))
            .order_by(ClockRequest.id)
        )
        async with self._database.read() as session:
            return [(row[0], row[1], row[2]) for row in await session.execute(query)]

    async def request_extension(self, clock_id: str, by: Actor, amount: float, note: str) -> ClockRequest:
        """Ask for so much more, in the clock's unit, before it is due."""
        async with self._change(clock_id) as (work, row, ticket):
            policy = self._askable(row, ticket, by)
            if policy.extensions == 0:
                raise NotAllowed("这一时限不能延期", hint=ticket.number)
            if row.extended >= policy.extensions:
                raise NotAllowed("延期次数已用完", hint=str(policy.extensions))
            if (
                due(await self.keeper.state(work.session, row), self._clock.now(), self.keeper.calendar)
                <= self._clock.now()
            ):
                raise NotAllowed("时限已过，不能再申请延期", hint=ticket.number)
            if not 0 < amount <= policy.longest_extension or (row.unit == "workdays" and amount != int(amount)):
                raise HeyiError(
                    "延长的时间超过一次所许，或不是整数工作日", hint=f"{amount:g} > {policy.longest_extension:g}"
                )
            return await self._ask(work, row, ticket, by, note, amount=amount)

    async def request_pause(self, clock_id: str, by: Actor, reason: str, note: str = "") -> ClockRequest:
        """Ask that it stands still, for one of the reasons that the city allows."""
        async with self._change(clock_id) as (work, row, ticket):
            self._reason(self._askable(row, ticket, by), row, ticket, reason)
            return await self._ask(work, row, ticket, by, note or self._reason_name(reason), reason=reason)

    async def decide(self, request_id: int, by: Actor, granted: bool, answer: str = "") -> ClockRequest:
        """Approve or refuse what was asked for; a refusal says why. Nobody decides on a wish of their own."""
        async with self._database.read() as session:
            found = await session.get(ClockRequest, request_id)
        if found is None:
            raise HeyiError("没有这项申请", hint=str(request_id))
        async with self._change(found.clock_id) as (work, row, ticket):
            request = await work.session.get_one(ClockRequest, request_id)
            policy, now = self._policy(row, ticket), self._clock.now()
            self._may_approve(policy, by)
            if request.decided_at is not None:
                raise Conflict("这项申请已有决定", hint=ticket.number)
            if request.who == by.login:
                raise NotAllowed("不能审批自己的申请", hint=by.login)
            if not granted and not answer.strip():
                raise HeyiError("请填写不同意的理由")
            if granted:
                self._running(row, ticket)
                if request.wish == "extension":
                    if policy is None or row.extended >= policy.extensions:
                        raise NotAllowed("延期次数已用完", hint=ticket.number)
                    entry = ClockEntry(
                        kind="extend", at=now, amount=request.amount, unit=row.unit, who=request.who,
                        approved_by=by.login, note=request.note,
                    )  # fmt: skip
                else:
                    self._reason(policy, row, ticket, request.reason)
                    entry = self._pause_entry(request.reason, request.who, by, now, request.note)
                await self.keeper.enter(work, row, ticket, entry)
            request.decided_by, request.decided_at, request.granted = by.login, now, granted
            request.answer = answer.strip()
            wish = self._wish(request)
            text = f"{'同意' if granted else '不同意'}{wish}" + (f"：{request.answer}" if request.answer else "")
            kept(work, ticket, "clock", by, now, text)
            return request

    async def pause(self, clock_id: str, by: Actor, reason: str, note: str = "") -> None:
        """Whoever may approve a pause lets the clock stand still without being asked."""
        async with self._change(clock_id) as (work, row, ticket):
            policy, now = self._policy(row, ticket), self._clock.now()
            self._may_approve(policy, by)
            self._running(row, ticket)
            self._reason(policy, row, ticket, reason)
            await self.keeper.enter(work, row, ticket, self._pause_entry(reason, by.login, by, now, note))
            kept(
                work, ticket, "clock", by, now, f"暂停计时：{self._reason_name(reason)}" + (f"，{note}" if note else "")
            )

    async def resume(self, clock_id: str, by: Actor, note: str = "") -> None:
        """Let it run again: its department, or whoever may approve."""
        async with self._change(clock_id) as (work, row, ticket):
            if not _has(row, ticket, by):
                self._may_approve(self._policy(row, ticket), by)
            if row.paused_at is None or row.stopped_at is not None:
                raise Conflict("时限没有暂停", hint=ticket.number)
            now = self._clock.now()
            await self.keeper.enter(work, row, ticket, ClockEntry(kind="resume", at=now, who=by.login, note=note))
            kept(work, ticket, "clock", by, now, "恢复计时" + (f"：{note}" if note else ""))

    # --- within -------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _change(self, clock_id: str) -> AsyncIterator[tuple[Work, TicketClock, Ticket]]:
        try:
            async with self._database.work() as work:
                row = await work.session.get(TicketClock, clock_id)
                if row is None:
                    raise HeyiError("没有这个时限", hint=clock_id)
                yield work, row, await TicketRepository(work.session).get(row.ticket_id)
        except StaleDataError as error:
            raise Conflict("工单刚被他人修改，请刷新后再试", hint=clock_id) from error

    async def _ask(
        self, work: Work, row: TicketClock, ticket: Ticket, by: Actor, note: str, *, amount: float | None = None,
        reason: str = "",
    ) -> ClockRequest:  # fmt: skip
        if not note.strip():
            raise HeyiError("请填写申请理由")
        wish = "extension" if amount is not None else "pause"
        open_ones = select(func.count()).where(
            ClockRequest.clock_id == row.id, ClockRequest.wish == wish, ClockRequest.decided_at.is_(None)
        )
        if await work.session.scalar(open_ones):
            raise Conflict("已有申请待审批", hint=ticket.number)
        request = ClockRequest(
            clock_id=row.id, ticket_id=ticket.id, wish=wish, amount=amount, reason=reason, note=note.strip(),
            who=by.login, department=by.department, at=self._clock.now(),
        )  # fmt: skip
        work.session.add(request)
        await work.session.flush()
        kept(work, ticket, "clock", by, request.at, f"申请{self._wish(request)}：{request.note}")
        return request

    def _askable(self, row: TicketClock, ticket: Ticket, by: Actor) -> ClockPolicy:
        """The policy, where this person may ask anything of this clock."""
        if not _has(row, ticket, by):
            raise NotAllowed("只有承办部门可以申请", hint=by.login)
        self._running(row, ticket)
        policy = self._policy(row, ticket)
        if policy is None:
            raise NotAllowed("这一时限不能延期或暂停", hint=ticket.number)
        return policy

    def _policy(self, row: TicketClock, ticket: Ticket) -> ClockPolicy | None:
        return policy_of(self._city, row.kind, subject(ticket, row.level))

    @staticmethod
    def _running(row: TicketClock, ticket: Ticket) -> None:
        if row.stopped_at is not None:
            raise Conflict("这一时限已经结束", hint=ticket.number)

    def _reason(self, policy: ClockPolicy | None, row: TicketClock, ticket: Ticket, reason: str) -> None:
        if policy is None or reason not in policy.pauses:
            raise NotAllowed("这一时限不能因此暂停", hint=self._reason_name(reason) or ticket.number)
        if row.paused_at is not None:
            raise Conflict("时限已经暂停", hint=ticket.number)

    def _reason_name(self, key: str) -> str:
        reason = self._city.clocks.reason(key)
        return reason.name if reason else key

    def _wish(self, request: ClockRequest) -> str:
        return "延期" if request.wish == "extension" else f"暂停计时（{self._reason_name(request.reason)}）"

    @staticmethod
    def _may_approve(policy: ClockPolicy | None, by: Actor) -> None:
        approvers: set[str] = {"supervisor"} if policy is None else {"supervisor", policy.approver}
        if by.role not in approvers:
            raise NotAllowed("您不能审批延期和暂停", hint=by.login)

    @staticmethod
    def _pause_entry(reason: str, who: str, by: Actor, now: datetime, note: str) -> ClockEntry:
        return ClockEntry(kind="pause", at=now, reason=reason, who=who, approved_by=by.login, note=note)

    def _view(
        self, row: TicketClock, history: Sequence[ClockEntry], asked: Sequence[ClockRequest], ticket: Ticket,
        now: datetime,
    ) -> ClockView:  # fmt: skip
        calendar = self.keeper.calendar
        state = replayed(history, calendar)
        if row.stopped_at is not None:
            # What held when it stopped: the calendar may know more by now.
            state = replace(state, due=row.due_at)
        share = used(state, now, calendar)
        return ClockView(
            row, state, due(state, now, calendar), late(state, now), colour(self._city.clocks.colours, share), share,
            left_s(state, now, calendar), self._policy(row, ticket), tuple(history), tuple(asked),
        )  # fmt: skip


def _has(row: TicketClock, ticket: Ticket, by: Actor) -> bool:
    """Whether this person's department has what the clock measures: the main one the ticket's own clocks."""
    theirs = ticket.assist if row.assignment else [ticket.department]
    return any(by.acts_for(department) for department in theirs)
