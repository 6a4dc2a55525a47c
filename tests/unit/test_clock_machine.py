"""Whatever people do to tickets and their clocks in whatever order: no time is won but by approval."""

import asyncio
from datetime import datetime

from clock_support import ClockRoom
from hypothesis import given, settings
from hypothesis import strategies as st
from ticket_support import AGENT, CHIEF, URBAN

from core.errors import HeyiError
from ticketing.actor import Actor
from ticketing.clocks.events import ClockEvent
from ticketing.clocks.keeper import replayed
from ticketing.clocks.service import ClockView

#: Clock entries by which a due time may move later: an approved extension, a pause, another category.
MAY_GIVE = {"extend", "resume", "plan"}
STEPS = (
    "dispatch", "ask", "grant", "ask", "grant", "deny", "pause", "resume", "S0104", "S0108", "urgent", "accept",
    "arrive", "refuse", "report", "reopen", "link", "unlink", "wait", "long", "intrude", "close",
)  # fmt: skip


class Life:
    """Three tickets, and people who do things to them; what is refused is refused in a clear line."""

    def __init__(self, room: ClockRoom) -> None:
        self.room = room
        self.ids: list[str] = []
        #: Of each clock, as last seen: due time, how many entries.
        self.seen: dict[str, tuple[datetime, int]] = {}
        #: Of each clock, the due times at which it was seen to be overdue.
        self.missed: dict[str, set[datetime]] = {}

    async def begin(self) -> None:
        for call, line in enumerate(("12345", "12345", "119")):
            self.ids.append((await self.room.drafted(f"1.{call}", line, f"1380013800{call}")).id)
        for ticket in self.ids[:2]:
            await self.room.tickets.submit(ticket, AGENT, {"code": "S0104", "department": "water"})

    async def go(self, which: int, step: str) -> None:
        try:
            await self._do(self.ids[which], self.ids[which - 1], step)
        except HeyiError as refusal:
            assert refusal.message
        await self.check()

    async def _do(self, ticket: str, other: str, step: str) -> None:
        tickets, clocks = self.room.tickets, self.room.tickets.clocks
        row = await self.room.get(ticket)
        by = Actor("d", "department", department=row.department)
        views = await clocks.of_ticket(ticket)
        handle = next((v.row.id for v in views if v.row.kind == "handle" and v.row.stopped_at is None), "none")
        match step:
            case "dispatch":
                await tickets.submit(ticket, AGENT, {"department": "urban" if row.department == "water" else "water"})
            case "ask":
                await clocks.request_extension(handle, by, 2, "理由")
            case "grant" | "deny":
                for asked, _clock, _ticket in await clocks.waiting():
                    await clocks.decide(asked.id, CHIEF, step == "grant", "答复")
            case "intrude":
                await clocks.pause(handle, by, "caller")
            case "pause":
                await clocks.pause(handle, CHIEF, "caller")
            case "resume":
                await clocks.resume(handle, by)
            case "S0104" | "S0108":
                await tickets.edit(ticket, {"code": step}, AGENT)
            case "urgent":
                await tickets.edit(ticket, {"is_emergency": not row.is_emergency}, AGENT)
            case "accept" | "arrive":
                await tickets.advance(ticket, step, by)  # type: ignore[arg-type]
            case "refuse":
                await tickets.refuse(ticket, by, "理由")
            case "report":
                await tickets.report(ticket, by, "已办结")
            case "reopen":
                await tickets.reopen(ticket, CHIEF, "再办")
            case "close":
                await tickets.close(ticket, URBAN if row.state == "draft" else CHIEF, "结案")
            case "link":
                await tickets.incidents.link(ticket, other, CHIEF)
            case "unlink":
                await tickets.incidents.unlink(ticket, CHIEF)
            case "wait" | "long":
                self.room.clock.advance(1800 if step == "wait" else 20 * 3600)
                await self.room.watch.tick()

    async def check(self) -> None:
        for ticket_id in self.ids:
            ticket = await self.room.get(ticket_id)
            running: set[tuple[str, str]] = set()
            for view in await self.room.tickets.clocks.of_ticket(ticket_id):
                self.is_what_its_entries_add_up_to(view)
                self.moved_later_only_by_what_was_approved(view)
                self.what_was_overdue_stays_noted(view)
                if view.row.stopped_at is None:
                    assert (view.row.kind, view.row.assignment) not in running, "one of each"
                    running.add((view.row.kind, view.row.assignment))
                    assert view.row.kind != "handle" or ticket.due_at == view.row.due_at
            assert ticket.state != "closed" or not running
            # Whoever is waited for, there is a clock for it; and nobody stops it by doing nothing.
            assert ticket.state not in ("dispatched", "handling") or ("handle", "") in running
        told = [(type(e).__name__, e.clock_id, e.due_at) for e in self.room.events if isinstance(e, ClockEvent)]
        assert len(told) == len(set(told)), "nothing is told twice"

    def is_what_its_entries_add_up_to(self, view: ClockView) -> None:
        row, state = view.row, replayed(view.history, self.room.tickets.clocks.keeper.calendar)
        assert (row.started_at, row.due_at, row.paused_at, row.stopped_at, row.extended) == (
            state.began, state.due, state.paused, state.stopped, state.extended,
        )  # fmt: skip

    def what_was_overdue_stays_noted(self, view: ClockView) -> None:
        missed = self.missed.setdefault(view.row.id, set())
        if view.late:
            missed.add(view.row.due_at)
        noted = {entry.at for entry in view.history if entry.kind == "lapse"}
        assert missed <= {*noted, view.row.due_at}, "no change of the due time erases that it was missed"

    def moved_later_only_by_what_was_approved(self, view: ClockView) -> None:
        """zammad#5624: due times must not move by themselves."""
        before, known = self.seen.get(view.row.id, (view.row.due_at, len(view.history)))
        if view.row.due_at > before:
            assert {entry.kind for entry in view.history[known:]} & MAY_GIVE
        self.seen[view.row.id] = (view.row.due_at, len(view.history))
        granted = [entry for entry in view.history if entry.kind == "extend"]
        approved = [request for request in view.requests if request.wish == "extension" and request.granted]
        assert len(granted) == len(approved) <= 2, "at most as often as any policy of this city allows"
        assert all(entry.approved_by == "chief" != entry.who for entry in granted)
        assert all(entry.approved_by == "chief" for entry in view.history if entry.kind == "pause")


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(STEPS)), min_size=15, max_size=25))
def test_no_time_is_won_but_by_approval(steps: list[tuple[int, str]]) -> None:
    async def live() -> None:
        room = ClockRoom("sqlite+aiosqlite://")
        await room.database.create_all()
        try:
            life = Life(room)
            await life.begin()
            for which, step in steps:
                await life.go(which, step)
        finally:
            await room.close()

    asyncio.run(live())
