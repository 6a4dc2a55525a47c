"""Whatever departments, desk and arbiter do in whatever order: one main part, an end to refusing, and honest clocks."""

import asyncio
from typing import Any

from assign_support import ARBITER, ASSIGN_CITY, POLICE, TOWN, VILLAGE, AssignRoom
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from ticket_support import AGENT, CHIEF, URBAN, WATER

from core.city_clocks import ClockPolicy
from core.errors import HeyiError
from ticketing.actor import Actor

DEPARTMENTS = (WATER, URBAN, POLICE, TOWN, VILLAGE)
KEYS = st.sampled_from([by.department for by in DEPARTMENTS])
LEADS = st.sampled_from([CHIEF, ARBITER, AGENT])
PICK = st.integers(0, 20)


#: Villages have less time than towns and the city.
LEVELLED = ASSIGN_CITY.model_copy(
    update={
        "clocks": ASSIGN_CITY.clocks.model_copy(
            update={
                "policies": (
                    *ASSIGN_CITY.clocks.policies,
                    ClockPolicy(kind="handle", codes=("S0108",), level="community", amount=24, unit="hours"),
                )
            }
        )
    }
)


class PartsLife(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.room = AssignRoom("sqlite+aiosqlite://")
        self.run(self.room.database.create_all())
        self.id = ""
        #: When the ticket's own handling clock was due when it was first seen in this round at this level.
        self.due: dict[tuple[int, str], Any] = {}

    def run(self, coroutine: Any) -> Any:
        return self.loop.run(coroutine)

    def attempt(self, coroutine: Any) -> None:
        try:
            self.run(coroutine)
        except HeyiError as refusal:
            assert refusal.message

    def parts(self) -> Any:
        return self.run(self.room.parts(self.id))

    @initialize(code=st.sampled_from(["S0104", "S0108"]), every=st.booleans())
    def sent(self, code: str, every: bool) -> None:
        levels = ASSIGN_CITY.levels.model_copy(update={"waits_for": "all" if every else "accepted"})
        self.room.use(LEVELLED.model_copy(update={"levels": levels}))
        self.id = self.run(self.room.sent(code, "池店镇华洲村")).id

    @rule(pick=PICK, what=st.sampled_from(["accept", "refuse", "report"]), stranger=st.booleans())
    def a_department_works_on_a_part(self, pick: int, what: str, stranger: bool) -> None:
        parts = [p for p in self.parts() if p.open] or self.parts()
        part = parts[pick % len(parts)]
        by = POLICE if stranger else Actor("d", "department", department=part.department)
        a = self.room.assignments
        self.attempt({"accept": a.accept, "refuse": a.refuse, "report": a.report}[what](
            part.id, by, *(() if what == "accept" else ("说明",))
        ))  # fmt: skip

    @rule(what=st.sampled_from(["accept", "refuse", "report"]), recall=st.booleans())
    def the_main_department_as_before(self, what: str, recall: bool) -> None:
        ticket = self.run(self.room.get(self.id))
        by = CHIEF if recall and what == "refuse" else Actor("m", "department", department=ticket.department)
        t = self.room.tickets
        if what == "accept":
            self.attempt(t.accept(self.id, by))
        else:
            self.attempt((t.refuse if what == "refuse" else t.report)(self.id, by, "说明"))

    @rule(by=LEADS, to=KEYS)
    def the_desk_dispatches(self, by: Actor, to: str) -> None:
        fields = {"department": to} if by is not ARBITER else None
        self.attempt(self.room.tickets.submit(self.id, by, fields))

    @rule(by=LEADS, to=KEYS, what=st.sampled_from(["assist", "reassign", "escalate"]))
    def who_directs(self, by: Actor, to: str, what: str) -> None:
        a = self.room.assignments
        if what == "assist":
            self.attempt(a.assist(self.id, to, by))
        elif what == "reassign":
            self.attempt(a.reassign(self.id, to, by, "理由"))
        else:
            self.attempt(a.escalate(self.id, by, "理由"))

    @rule(pick=PICK)
    def an_assistant_is_let_go(self, pick: int) -> None:
        parts = self.parts()
        self.attempt(self.room.assignments.withdraw(parts[pick % len(parts)].id, CHIEF, "理由"))

    @rule(pick=PICK, to=st.just("") | KEYS, binding=st.booleans())
    def the_arbiter_decides(self, pick: int, to: str, binding: bool) -> None:
        if found := self.run(self.room.refusals(self.id)):
            refusal = found[pick % len(found)]
            self.attempt(self.room.assignments.decide(refusal.id, ARBITER, to, "理由", binding=binding))

    @rule(sent=st.lists(st.tuples(st.sampled_from(DEPARTMENTS), st.booleans()), min_size=1, max_size=4))
    def it_goes_to_and_fro(self, sent: list[tuple[Actor, bool]]) -> None:
        """Whoever gets it gives it back at once; desk or arbiter send it on."""
        for other, ruled in sent:
            ticket = self.run(self.room.get(self.id))
            by = Actor("m", "department", department=ticket.department)
            self.attempt(self.room.tickets.refuse(self.id, by, "不归我们"))
            waiting = [x for x in self.run(self.room.refusals(self.id)) if x.decided_at is None and x.part == "main"]
            if ruled and waiting:
                decide = self.room.assignments.decide
                self.attempt(decide(waiting[-1].id, ARBITER, other.department, "理由"))
            else:
                self.attempt(self.room.tickets.submit(self.id, AGENT, {"department": other.department}))

    @rule(hours=st.sampled_from([1, 9]))
    def time_passes(self, hours: int) -> None:
        self.room.clock.advance(hours * 3600)
        self.run(self.room.watch.tick())
        assert self.run(self.room.watch.tick()) == 0, "each part goes up once"

    @rule(digit=st.sampled_from(["1", "2"]))
    def the_caller_is_called_back(self, digit: str) -> None:
        before = len(self.room.dialler.dialled)
        self.room.clock.advance(16 * 3600)
        self.run(self.room.runner.tick())
        if len(self.room.dialler.dialled) > before:
            self.run(self.room.key(self.room.dialler.dialled[-1][0], digit))

    @rule(sure=st.integers(0, 5))
    def the_chief_closes(self, sure: int) -> None:
        if not sure:
            self.attempt(self.room.tickets.close(self.id, CHIEF, "理由"))

    # --- what always holds --------------------------------------------------------------------------------------

    @invariant()
    def one_main_part_and_the_ticket_says_whose(self) -> None:
        if not self.id:
            return
        ticket, open_parts = self.run(self.room.get(self.id)), [p for p in self.parts() if p.open]
        mains = [p.department for p in open_parts if p.part == "main"]
        assistants = [p.department for p in open_parts if p.part == "assist"]
        assert len(mains) <= 1
        assert mains in ([], [ticket.department])
        assert set(assistants) <= set(ticket.assist) - {ticket.department}
        assert len(set(assistants)) == len(assistants)
        if ticket.state in ("reported", "callback", "closed"):
            assert open_parts == []
        if ticket.state == "dispatched" and not mains:
            raise AssertionError("dispatched to nobody")
        if ticket.state == "handling" and not mains:
            last = [p for p in self.parts() if p.part == "main"][-1]
            assert last.state in ("reported", "refused"), "it waits for assistants, or for the arbiter"
            if last.state == "reported":
                assert assistants, "the last report moves the ticket"

    @invariant()
    def refusing_ends(self) -> None:
        if self.id:
            refused = [x for x in self.run(self.room.refusals(self.id)) if x.part == "main"]
            up = [x for x in refused if x.ruling == "up"]
            assert len(refused) - len(up) <= ASSIGN_CITY.levels.refusal_limit
            level_of = {part.id: part.level for part in self.parts()}
            assert len({level_of[x.assignment_id] for x in up}) == len(up), "each level gives up once"

    @invariant()
    def clocks_tell_the_truth(self) -> None:
        if not self.id:
            return
        ticket = self.run(self.room.get(self.id))
        running = [v.row for v in self.run(self.room.tickets.clocks.of_ticket(self.id)) if v.row.stopped_at is None]
        own = [c for c in running if c.kind == "handle" and not c.assignment]
        helping = {p.id for p in self.parts() if p.part == "assist" and p.open}
        assert {c.assignment for c in running if c.assignment and c.kind == "handle"} == helping
        assert {c.assignment for c in running if c.assignment} == helping
        if any(p.part == "main" and p.open for p in self.parts()) or ticket.state == "filed":
            assert len(own) == 1, "not accepting and giving back stop nothing"
            key = (ticket.reopened, LEVELLED.level_of(ticket.department))
            assert self.due.setdefault(key, own[0].due_at) == own[0].due_at, "nobody wins time"
        if ticket.state == "closed":
            assert running == []
        every = [v.row for v in self.run(self.room.tickets.clocks.of_ticket(self.id))]
        ended = {p.id: p.state for p in self.parts() if p.part == "assist" and not p.open}
        for clock in every:
            if clock.kind == "handle" and clock.assignment in ended:
                assert clock.withdrawn == (ended[clock.assignment] != "reported"), (
                    "what was left undone was not in time"
                )
        assert not any(clock.withdrawn for clock in every if clock.stopped_at is None)

    @invariant()
    def the_history_tells_it_all(self) -> None:
        if self.id:
            ticket = self.run(self.room.get(self.id))
            assert self.run(self.room.replayed(self.id)) == ticket.state
            versions = [row.version for row in self.run(self.room.history(self.id))]
            assert versions == list(range(1, ticket.version + 1))

    def teardown(self) -> None:
        self.run(self.room.close())
        self.loop.close()


TestPartsLife = PartsLife.TestCase
TestPartsLife.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
