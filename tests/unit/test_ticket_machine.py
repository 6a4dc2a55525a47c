"""Whatever people, callers and crashes do in whatever order: the table holds, and the history tells the whole story."""

import asyncio
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
from ticket_support import AGENT, AGENT2, CHIEF, FIRE, URBAN, WATER, FakeDialler, Room, verdict

from core.errors import HeyiError
from ticketing.actor import SYSTEM, Actor
from ticketing.callbacks.robot import CallbackRunner
from ticketing.events import TicketMoved
from ticketing.states import ACTION_NAMES

PEOPLE = st.sampled_from([AGENT, AGENT2, CHIEF, FIRE, URBAN, WATER, SYSTEM])
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "code": st.sampled_from(["S0104", "S0108", "E101", "X02", ""]),
        "department": st.sampled_from(["water", "urban", ""]),
        "place": st.sampled_from(["池店镇", "安海镇", ""]),
        "contact_phone": st.sampled_from(["13900139000", "110", ""]),
        "is_emergency": st.booleans(),
    },
)


class TicketLife(RuleBasedStateMachine):
    tickets = Bundle("tickets")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.room = Room("sqlite+aiosqlite://")
        self.ids: list[str] = []
        self.run(self.room.database.create_all())

    def run(self, coroutine: Any) -> Any:
        return self.loop.run(coroutine)

    def attempt(self, coroutine: Any) -> None:
        """Do it, or be told clearly why not; anything else is a fault."""
        try:
            self.run(coroutine)
        except HeyiError as refusal:
            assert refusal.message

    @rule(target=tickets, line=st.sampled_from(["119", "12345"]), call=st.integers(1, 2))
    def call_is_answered(self, line: str, call: int) -> Any:
        caller = f"1380013800{call}"
        ticket = self.run(self.room.tickets.draft(f"1.{call}", line, caller, "1001"))
        if ticket.id in self.ids:
            return multiple()
        self.ids.append(ticket.id)
        return ticket.id

    @rule(ticket=tickets, by=PEOPLE, fields=FIELDS, version=st.none() | st.integers(1, 6))
    def edit(self, ticket: str, by: Any, fields: Any, version: int | None) -> None:
        self.attempt(self.room.tickets.edit(ticket, fields, by, version))

    def step(self, ticket: str, action: str, by: Actor, fields: Any = None) -> None:
        service = self.room.tickets
        match action:
            case "file" | "dispatch":
                self.attempt(service.submit(ticket, by, fields))
            case "accept" | "depart" | "arrive" | "handle":
                self.attempt(service.advance(ticket, action, by))
            case "report":
                self.attempt(service.report(ticket, by, "已办结"))
            case "refuse":
                self.attempt(service.refuse(ticket, by, "理由"))
            case "reopen":
                self.attempt(service.reopen(ticket, by, "理由"))
            case "answer" | "overrule":
                self.attempt(service.close(ticket, by, "理由"))

    @rule(ticket=tickets, action=st.sampled_from(list(ACTION_NAMES)), by=PEOPLE, fields=FIELDS)
    def anybody_tries_anything(self, ticket: str, action: str, by: Actor, fields: Any) -> None:
        self.step(ticket, action, by, fields)

    @rule(ticket=tickets, pick=st.integers(0, 59), steps=st.integers(1, 4))
    def the_right_people_go_on(self, ticket: str, pick: int, steps: int) -> None:
        """Steps of the table by a role that may take them: leads deep into a life, where random people seldom get."""
        for _ in range(steps):
            now = self.run(self.room.get(ticket))
            edges = [e for e in self.room.tickets.flows.of(now.flow).edges if e.before == now.step]
            allowed = [(e.action, role) for e in edges for role in e.roles if role != "system"]
            if allowed:
                action, role = allowed[pick % len(allowed)]
                self.step(ticket, action, Actor(f"{role}9", role, department=now.department))

    @rule(ticket=tickets)
    def its_callback_is_dialled(self, ticket: str) -> None:
        """Whatever is left to do before is done; the next call is placed when it is due."""
        department = Actor("d", "department", department=self.run(self.room.get(ticket)).department)
        for action, by in (("file", AGENT), ("accept", department), ("report", department)):
            self.step(ticket, action, by)
        planned = [c for c in self.run(self.room.callbacks(ticket)) if c.placed_at is None and c.ended_at is None]
        if planned:
            self.room.clock.advance(max(0.0, (planned[0].due_at - self.room.clock.now()).total_seconds()))
            self.room.dialler.answer = True
            self.run(self.room.runner.tick())

    @rule(call=st.integers(1, 2), outcome=st.sampled_from(["emergency", "service"]))
    def judged(self, call: int, outcome: str) -> None:
        self.run(self.room.tickets.prefill(f"1.{call}", verdict(outcome, code="S0104", department="water")))
        self.run(self.room.tickets.hear(f"1.{call}", "caller", "水管爆了。"))

    @rule(minutes=st.sampled_from([0, 6, 15, 70, 200, 900]), placed=st.booleans())
    def time_passes(self, minutes: int, placed: bool) -> None:
        self.room.clock.advance(minutes * 60)
        self.room.dialler.answer = placed
        self.run(self.room.runner.tick())

    @rule(which=st.integers(0, 2), digit=st.sampled_from(["2", "1", "", "9"]))
    def key(self, which: int, digit: str) -> None:
        if self.room.dialler.dialled:
            self.run(self.room.key(self.room.dialler.dialled[-1 - which % len(self.room.dialler.dialled)][0], digit))

    @rule(which=st.integers(0, 2), outcome=st.sampled_from(["answered", "unanswered", "failed"]))
    def hangup(self, which: int, outcome: str) -> None:
        if self.room.dialler.dialled:
            call = self.room.dialler.dialled[-1 - which % len(self.room.dialler.dialled)][0]
            self.run(self.room.hangup(call, outcome))

    @rule()
    def runner_restarts(self) -> None:
        r = self.room
        dialler = FakeDialler(dialled=r.dialler.dialled)
        r.dialler, r.runner = dialler, CallbackRunner(r.database, r.tickets, dialler, r.clock)

    @invariant()
    def history_replays_to_the_state(self) -> None:
        for ticket_id in self.ids:
            ticket = self.run(self.room.get(ticket_id))
            assert self.run(self.room.replayed(ticket_id)) == ticket.state
            versions = [row.version for row in self.run(self.room.history(ticket_id))]
            assert versions == list(range(1, ticket.version + 1)), "each saved change has its row"

    @invariant()
    def only_steps_of_the_table_happen(self) -> None:
        flows = self.room.tickets.flows
        for event in (e for e in self.room.events if isinstance(e, TicketMoved)):
            flow = flows.of(event.flow)
            assert (event.step_before, event.step_after) in {(e.before, e.after) for e in flow.edges}
            assert event.before == flow.steps[event.step_before].phase
            assert event.after == flow.steps[event.step_after].phase

    @invariant()
    def each_ticket_stands_in_the_flow_that_holds_for_it(self) -> None:
        flows = self.room.tickets.flows
        for ticket_id in self.ids:
            ticket = self.run(self.room.get(ticket_id))
            assert ticket.flow == flows.chosen(ticket.line, ticket.code, ticket.is_emergency).key
            assert flows.of(ticket.flow).steps[ticket.step].phase == ticket.state
            assert ticket.step in ticket.steps_at

    @invariant()
    def callbacks_keep_their_policy(self) -> None:
        calls = [call for call, _number, _ticket in self.room.dialler.dialled]
        assert len(set(calls)) == len(calls), "no attempt is dialled twice"
        for ticket_id in self.ids:
            ticket = self.run(self.room.get(ticket_id))
            rows = self.run(self.room.callbacks(ticket_id))
            unplaced = [c for c in rows if c.placed_at is None and c.ended_at is None]
            assert len(unplaced) <= (ticket.state == "callback"), "planned only while it waits for one"
            for number in {c.round for c in rows}:
                of_round = [c for c in rows if c.round == number]
                assert len(of_round) <= self.room.tickets.policy.max_attempts
                assert sum(c.ended_at is None for c in of_round) <= 1, "never two at once"
            if ticket.state == "callback":
                waiting = any(c.ended_at is None for c in rows if c.round == ticket.reopened)
                assert waiting or ticket.escalated_at, "no ticket is forgotten in its callback"
            assert all(not self.room.tickets.policy.quiet(c.placed_at) for c in rows if c.number)

    def teardown(self) -> None:
        self.run(self.room.close())
        self.loop.close()


TestTicketLife = TicketLife.TestCase
TestTicketLife.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
