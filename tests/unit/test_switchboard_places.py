"""A place that is kept: rung in turn, once at a time, and back exactly where he was."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.errors import NotAllowed
from switchboard.kept.policy import (
    CALLED_AGAIN,
    EDGES,
    GIVEN_UP,
    LIVE,
    Happened,
    Happening,
    Held,
    Waiting,
    keep,
    place_of,
    step,
    whose_turn,
)

T0 = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def held(call_id: str = "h", since: float = 0, priority: int = 20, number: str = "") -> Held:
    return Held(call_id, number or f"138{call_id}", priority, at(since))


def waiting(call_id: str, since: float, priority: int = 20) -> Waiting:
    return Waiting(call_id, priority, at(since))


def happen(place: Held, what: Happening, seconds: float, **more: str) -> Held:
    return step(place, Happened(what, at(seconds), **more))


# --- the turn ---------------------------------------------------------------------------------------------------


def test_nobody_is_rung_while_as_many_are_ahead_as_desks_are_free() -> None:
    """FreePBX#621: the callback of a queue jumped ahead of callers who had waited longer."""
    before = [waiting("a", -20), waiting("b", -10)]
    after = [waiting("z", 5)]
    assert whose_turn([held()], [*after, *before], 2, at(30)) == []
    assert whose_turn([held()], [*after, *before], 3, at(30)) == ["h"]
    assert whose_turn([held()], [*before[:1], *after], 2, at(30)) == ["h"]
    assert whose_turn([held()], [waiting("119", 25, 100)], 1, at(30)) == [], "priority is ahead too"
    assert whose_turn([held()], [], 0, at(30)) == []


def test_each_free_desk_is_promised_once() -> None:
    first, second = held("h1", 0), held("h2", 1)
    assert whose_turn([second, first], [], 1, at(30)) == ["h1"]
    assert whose_turn([second, first], [], 2, at(30)) == ["h1", "h2"]
    ringing = happen(second, "turn", 30, call_id="cb-1")
    assert whose_turn([first, ringing], [], 1, at(31)) == [], "the one desk is spoken for"


def test_who_was_not_reached_holds_up_nobody() -> None:
    first = happen(happen(held("h1", 0), "turn", 30, call_id="cb-1"), "failed", 50, call_id="cb-1")
    second = held("h2", 1)
    assert whose_turn([first, second], [], 1, at(60)) == ["h2"]
    assert happen(first, "turn", 60, call_id="cb-2") == first, "he rests"
    assert whose_turn([first, second], [], 1, at(110)) == ["h1"], "and has kept his place"


QUEUES = st.lists(st.tuples(st.sampled_from([10, 20, 21, 30, 89, 100]), st.integers(0, 20)), max_size=12).map(
    lambda rows: [waiting(f"w{n}", since, priority) for n, (priority, since) in enumerate(rows)]
)
PLACES = st.lists(st.tuples(st.sampled_from([10, 20, 21, 30, 89]), st.integers(0, 20)), max_size=5).map(
    lambda rows: [held(f"h{n}", since, priority) for n, (priority, since) in enumerate(rows)]
)


def ahead(one: Held | Waiting, other: Held | Waiting) -> bool:
    """Before the other without doubt: higher, or as high and there earlier."""
    return one.priority > other.priority or (one.priority == other.priority and one.arrived_at < other.arrived_at)


@given(PLACES, QUEUES, st.integers(0, 8), st.sets(st.integers(0, 4)))
def test_the_turn_in_any_queue(places: list[Held], queue: list[Waiting], free: int, ringing: set[int]) -> None:
    places = [happen(h, "turn", 30, call_id=f"cb-{n}") if n in ringing else h for n, h in enumerate(places)]
    kept = {h.call_id: h for h in places if h.state == "kept"}
    out = len(places) - len(kept)
    turn = whose_turn(places, queue, free, at(60))
    assert len(set(turn)) == len(turn) and set(turn) <= set(kept)
    assert out + len(turn) <= max(free, out), "never more telephones ring than desks are free"
    for call in turn:
        assert sum(ahead(w, kept[call]) for w in [*queue, *kept.values()]) + out < free
    for call in kept.keys() - set(turn):
        rivals = [w for w in [*queue, *kept.values()] if w is not kept[call]]
        assert sum(not ahead(kept[call], w) for w in rivals) + out >= free, "nobody is passed over"


@given(PLACES, QUEUES)
def test_back_exactly_where_he_was(places: list[Held], queue: list[Waiting]) -> None:
    """FreePBX#621: neither ahead of those who came before, nor behind those who came later."""
    live: list[Waiting] = sorted(queue, key=lambda w: (-w.priority, w.arrived_at, w.call_id))
    for place in places:
        position = place_of(place, live)
        live.insert(position - 1, Waiting(place.call_id, place.priority, place.arrived_at))
        for other in live[: position - 1]:
            assert not ahead(place, other)
        for other in live[position:]:
            assert not ahead(other, place)


# --- the life of a place ----------------------------------------------------------------------------------------


def test_two_tries_a_minute_apart_then_it_is_a_missed_call() -> None:
    place = happen(held(), "turn", 0, call_id="cb-1")
    place = happen(place, "failed", 30, call_id="cb-1")
    assert (place.state, place.not_before, place.out) == ("kept", at(90), "")
    place = happen(place, "turn", 90, call_id="cb-2")
    place = happen(place, "failed", 120, call_id="cb-2")
    assert (place.state, place.reason, place.tries) == ("given_up", GIVEN_UP, 2)


@pytest.mark.parametrize("what", ["failed", "answered"])
def test_late_word_of_the_first_call_does_not_touch_the_second(what: Happening) -> None:
    """FreePBX#525: the end of an earlier try, told late or again after a restart, must not free the way for another."""
    place = happen(happen(held(), "turn", 0, call_id="cb-1"), "failed", 30, call_id="cb-1")
    place = happen(place, "turn", 90, call_id="cb-2")
    assert happen(place, what, 91, call_id="cb-1") == place
    assert happen(place, what, 91) == place, "nor word of no call at all"


def test_a_number_has_one_place_and_one_call() -> None:
    """FreePBX#525: a caller who asked twice was called back twice."""
    places = keep((), held("h1", 0, number="13800138000"))
    assert keep(places, held("h2", 9, number="13800138000")) == places, "the earlier place stays"
    assert keep(places, places[0]) == places
    assert len(keep(places, held("h2", 9, number="13900139000"))) == 2
    gone = happen(places[0], "caller_called_again", 10)
    assert (gone.state, gone.reason) == ("cancelled", CALLED_AGAIN)
    assert len(keep([gone], held("h2", 20, number="13800138000"))) == 2
    with pytest.raises(NotAllowed, match="未显示号码"):
        keep((), Held("h3", "", 20, at(0)))


def test_cancelled_by_a_person_only_with_a_reason_and_once() -> None:
    with pytest.raises(NotAllowed, match="写明理由"):
        happen(held(), "closed_by_person", 1, reason=" ")
    place = happen(held(), "closed_by_person", 1, reason="来电人致电要求取消")
    assert (place.state, place.reason) == ("cancelled", "来电人致电要求取消")
    with pytest.raises(NotAllowed, match="不再保留"):
        happen(place, "closed_by_person", 2, reason="再次")


def test_the_table_leads_nowhere_twice_and_every_live_state_to_an_end() -> None:
    assert len({(e.before, e.happening) for e in EDGES}) == len(EDGES)
    assert {e.before for e in EDGES} == set(LIVE)
    assert all(e.reason for e in EDGES)


class BusyEvening(RuleBasedStateMachine):
    """Callers come, some keep their place; desks become free; telephones ring in vain; facts come twice and late.

    FreePBX#525 and #621 together: never two calls out for one place, and whoever is answered by a desk had nobody
    before him in the live queue.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now, self.count, self.free = 0.0, 0, 0
        #: The live queue as Asterisk keeps it: newcomers behind their equals, kept ones at their position.
        self.live: list[Waiting] = []
        self.places: dict[str, Held] = {}
        self.out: dict[str, set[str]] = {}
        self.dialled: list[tuple[str, str]] = []

    @rule(priority=st.sampled_from([10, 20, 100]))
    def comes(self, priority: int) -> None:
        self.count += 1
        self.now += 1
        new = waiting(f"c{self.count:03}", self.now, priority)
        index = next((n for n, other in enumerate(self.live) if other.priority < priority), len(self.live))
        self.live.insert(index, new)

    @rule(pick=st.integers(0, 9), number=st.integers(0, 3))
    def keeps_a_place(self, pick: int, number: int) -> None:
        if pick < len(self.live) and self.live[pick].priority < 100:
            who = self.live.pop(pick)
            new = Held(who.call_id, f"1380013800{number}", who.priority, who.arrived_at)
            self.places = {h.call_id: h for h in keep(tuple(self.places.values()), new)}

    @rule(seconds=st.sampled_from([1.0, 30.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def a_desk_becomes_free(self) -> None:
        self.free += 1

    @rule(times=st.integers(1, 2))
    def runners_look(self, times: int) -> None:
        for call in whose_turn(self.places.values(), self.live, self.free, at(self.now)) * times:
            out = f"cb-{len(self.dialled)}"
            place = self.places[call] = happen(self.places[call], "turn", self.now, call_id=out)
            if place.out == out:
                numbers = [h.number for h in self.places.values() if h.state == "calling"]
                assert len(set(numbers)) == len(numbers), "no number rings twice at a time"
                self.out.setdefault(call, set()).add(out)
                self.dialled.append((call, out))

    @rule(pick=st.integers(0, 5), what=st.sampled_from(["answered", "failed"]))
    def told_of_a_call(self, pick: int, what: Happening) -> None:
        """Also of an older one, twice, or after its end."""
        if pick < len(self.dialled):
            call, out = self.dialled[-1 - pick]
            was = self.places[call]
            self.out[call].discard(out)
            now = self.places[call] = happen(was, what, self.now, call_id=out)
            if was.state != "seated" and now.state == "seated":
                self.live.insert(place_of(now, self.live) - 1, Waiting(call, now.priority, now.arrived_at))

    @rule()
    def a_desk_answers(self) -> None:
        if self.free and self.live:
            first = self.live.pop(0)
            self.free -= 1
            assert not [other for other in self.live if ahead(other, first)], "somebody jumped ahead"

    @rule(pick=st.integers(0, 3))
    def rings_again(self, pick: int) -> None:
        for call in list(self.places)[pick : pick + 1]:
            if self.places[call].live:
                self.places[call] = happen(self.places[call], "caller_called_again", self.now)
                self.out.pop(call, None)  # hung up with it
                self.dialled = [(c, out) for c, out in self.dialled if c != call]

    @invariant()
    def one_call_out_and_two_tries_at_most(self) -> None:
        for call, place in self.places.items():
            up = self.out.get(call, set())
            assert len(up) <= 1 and place.tries <= 2
            assert (place.state == "calling") == bool(up)
            assert place.live != bool(place.reason), "kept, being rung, or ended with a reason"

    @invariant()
    def a_caller_is_in_one_place(self) -> None:
        ids = [w.call_id for w in self.live] + [h.call_id for h in self.places.values() if h.live]
        assert len(set(ids)) == len(ids)


TestBusyEvening = BusyEvening.TestCase
TestBusyEvening.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
