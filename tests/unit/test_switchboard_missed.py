"""Calls that ended without help: found, listed, called back at most as often as told, and never lost."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.errors import NotAllowed
from switchboard.missed.policy import (
    CALLED_AGAIN,
    EDGES,
    ENDED,
    REACHED,
    Happened,
    Happening,
    Item,
    Missed,
    RecallPolicy,
    kind_of,
    may_be_out,
    new_item,
    same_matter,
    step,
    to_ring,
    too_often,
)

T0 = datetime(2026, 11, 21, 23, 0, tzinfo=UTC)
POLICY = RecallPolicy()


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def missed(call_id: str = "c1", seconds: float = 0, number: str = "13800138000", *, emergency: bool = True) -> Missed:
    return Missed(call_id, number, "119" if emergency else "12345", emergency, "waiting", at(seconds))


def happen(item: Item, what: Happening, seconds: float, **more: object) -> Item:
    return step(item, Happened(what, at(seconds), **more), POLICY)  # type: ignore[arg-type]


def due_s(item: Item) -> float | None:
    return None if item.due_at is None else (item.due_at - T0).total_seconds()


# --- which calls ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "emergency", "waited_s", "talked_s", "ended_by", "kind"),
    [
        ("abandoned", True, 0.4, 0, "caller", "waiting"),
        ("abandoned", False, 30, 0, "caller", "waiting"),
        ("abandoned", False, 2.9, 0, "caller", None),
        ("unanswered", False, 600, 0, "system", "waiting"),
        ("lost", True, 3, 0, "system", "waiting"),
        ("answered", True, 3, 4.9, "caller", "dropped"),
        ("answered", True, 3, 4.9, "system", "dropped"),
        ("answered", True, 3, 4.9, "agent", None),
        ("answered", True, 3, 5.0, "caller", None),
        ("answered", False, 3, 1.0, "caller", None),
    ],
)
def test_which_calls_ended_without_help(
    outcome: str, emergency: bool, waited_s: float, talked_s: float, ended_by: str, kind: str | None
) -> None:
    told = kind_of(
        outcome=outcome, waiting=outcome == "abandoned", emergency=emergency, waited_s=waited_s, talked_s=talked_s,
        ended_by=ended_by,
    )  # fmt: skip
    assert told == kind


@pytest.mark.parametrize("emergency", [True, False])
def test_who_was_answered_passed_on_and_left_waiting_there_was_not_helped(emergency: bool) -> None:
    told = kind_of(
        outcome="answered", waiting=True, emergency=emergency, waited_s=1.0, talked_s=90.0, ended_by="caller"
    )
    assert told == "waiting"


@pytest.mark.parametrize(
    ("ready", "wrapup", "waiting", "most"),
    [
        (0, 0, 0, 1),  # the last resort rings everybody: one is worth it
        (2, 1, 0, 3),
        (20, 0, 0, 8),
        (0, 3, 1, 0),  # who is in wrap-up does not answer now
        (1, 0, 2, 0),
        (2, 2, 2, 2),
        (1, 0, 1, 1),
    ],
)
def test_recalls_take_no_more_than_the_desks_and_leave_emergencies_that_wait_their_own(
    ready: int, wrapup: int, waiting: int, most: int
) -> None:
    assert may_be_out(at_once=8, ready=ready, wrapup=wrapup, waiting=waiting) == most


def test_one_number_is_rung_three_times_an_hour_and_six_times_a_day() -> None:
    now = at(0)
    ago = [now - timedelta(minutes=m) for m in (1, 59, 60, 300, 600, 1439, 1440)]
    assert not too_often(ago[:3], now), "the third is an hour old"
    assert too_often([*ago[:2], at(-30)], now)
    assert not too_often(ago[2:], now), "five within the day, none within the hour"
    assert too_often(ago[:6], now)


def test_what_is_held_is_not_due_until_the_number_is_missed_again() -> None:
    item = new_item("i1", missed(), POLICY)
    held = happen(item, "held", 1, hold="often")
    assert (held.state, held.hold, held.due_at, to_ring([held], at(10**6))) == ("open", "often", None, [])
    again = happen(held, "missed_again", 60, missed=missed("c2", 60))
    assert (again.hold, due_s(again)) == ("", 60), "judged anew when it is due"
    assert happen(held, "held", 2, hold="nuisance") == held


def test_missed_calls_of_one_number_are_one_item() -> None:
    """qpanel#265, qpanel#249: a list of abandoned calls to work off, not a percentage; a caller stands there once."""
    item = new_item("i1", missed("c1", 0), POLICY)
    again = missed("c2", 29 * 60)
    assert same_matter([item], again) is item
    item = happen(item, "missed_again", 29 * 60, missed=again)
    assert (item.count, item.number, item.state) == (2, "13800138000", "open")
    assert same_matter([item], missed("c3", 58 * 60)) is item, "30 minutes count from the last one"
    assert same_matter([item], missed("c3", 60 * 60)) is None
    assert same_matter([item], missed("c3", 60, emergency=False)) is None, "another kind of line"
    assert same_matter([item], missed("c3", 60, "13900139000")) is None
    withheld = new_item("i2", missed("c1", number=""), POLICY)
    assert same_matter([withheld], missed("c2", 60, number="")) is withheld, "one for each line"
    assert same_matter([withheld], Missed("c3", "", "120", True, "waiting", at(60))) is None
    assert same_matter([withheld], missed("c2", 31 * 60, number="")) is None
    ended = happen(item, "closed_by_person", 60, who="li", reason="误拨")
    assert same_matter([ended], missed("c3", 61)) is None, "after the end a new call is a new matter"


def test_the_same_missed_call_read_twice_counts_once() -> None:
    """AsterNET#273: calls abandoned while the program was down are read later, perhaps twice."""
    item = new_item("i1", missed("c1", 0), POLICY)
    assert same_matter([item], missed("c1", 0)) is item
    assert happen(item, "missed_again", 5, missed=missed("c1", 0)) == item
    ended = happen(item, "closed_by_person", 60, who="li", reason="误拨")
    assert same_matter([ended], missed("c1", 0)) is ended, "what is closed does not come back"


# --- calling back -----------------------------------------------------------------------------------------------


def test_an_emergency_is_rung_three_times_and_then_stays_on_the_list() -> None:
    item = new_item("i1", missed(), POLICY)
    rung = []
    now = 0.0
    for number in range(1, 4):
        now = due_s(item)  # type: ignore[assignment]
        rung.append(now)
        assert to_ring([item], at(now)) == [item]
        item = happen(item, "due", now, call_id=f"rc-{number}")
        assert (item.state, item.out, to_ring([item], at(now))) == ("calling", f"rc-{number}", [])
        item = happen(item, "placed", now + 1, call_id=f"rc-{number}")
        item = happen(item, "failed", now + 20, call_id=f"rc-{number}")
    assert rung == [0, 80, 280], "60 s and 180 s after the end of the one before"
    assert (item.state, item.due_at, item.tries, item.reason) == ("open", None, 3, "")
    assert to_ring([item], at(10**6)) == []


def test_answered_is_the_end() -> None:
    item = happen(new_item("i1", missed(), POLICY), "due", 0, call_id="rc-1")
    item = happen(item, "answered", 9, call_id="rc-1")
    assert (item.state, item.out, item.reason, item.due_at) == ("reached", "", REACHED, None)
    assert happen(item, "failed", 10, call_id="rc-1") == item


@pytest.mark.parametrize("what", ["failed", "answered", "placed"])
def test_late_word_of_the_first_call_does_not_touch_the_second(what: Happening) -> None:
    """FreePBX#525: the end of an earlier try, told late or again after a restart, must not free the way for another."""
    item = happen(new_item("i1", missed(), POLICY), "due", 0, call_id="rc-1")
    item = happen(item, "failed", 20, call_id="rc-1")
    item = happen(item, "due", 80, call_id="rc-2")
    assert happen(item, what, 81, call_id="rc-1") == item
    assert happen(item, what, 81) == item, "nor word of no call at all"


def test_service_calls_stand_on_the_list_only() -> None:
    item = new_item("i1", missed(emergency=False), POLICY)
    assert item.due_at is None
    assert to_ring([item], at(10**6)) == []
    assert happen(item, "due", 0, call_id="rc-1") == item


def test_nobody_is_rung_without_a_number() -> None:
    item = new_item("i1", missed(number=""), POLICY)
    assert (item.state, item.due_at) == ("open", None)


def test_who_rings_us_is_not_rung_and_no_number_twice_at_a_time() -> None:
    item = new_item("i1", missed(), POLICY)
    other = new_item("i2", missed("c9", 5, number="13900139000"), POLICY)
    assert to_ring([other, item], at(9)) == [item, other], "due longest first"
    assert to_ring([item, other], at(9), {"13800138000"}) == [other]
    long_after = new_item("i3", missed("c8", 7), POLICY)
    assert to_ring([item, long_after], at(9)) == [item]
    assert to_ring([happen(item, "due", 8, call_id="rc-1"), long_after], at(9)) == []


def test_the_caller_came_back_and_was_helped() -> None:
    item = happen(new_item("i1", missed(), POLICY), "due", 0, call_id="rc-1")
    item = happen(item, "caller_called_again", 5)
    assert (item.state, item.reason, item.out) == ("closed", CALLED_AGAIN, "rc-1"), "the call out is to be hung up"
    assert happen(item, "answered", 6, call_id="rc-1") == item


def test_the_caller_came_back_and_hung_up_again() -> None:
    """The next try is due at once, the telephone being in the caller's hand; the number of tries stays."""
    item = happen(new_item("i1", missed(), POLICY), "due", 0, call_id="rc-1")
    item = happen(item, "failed", 20, call_id="rc-1")
    assert due_s(item) == 80
    item = happen(item, "missed_again", 30, missed=missed("c2", 30))
    assert (due_s(item), item.tries, item.count) == (30, 1, 2)


# --- people -----------------------------------------------------------------------------------------------------


def test_a_person_owns_it_rings_by_hand_and_gives_it_back() -> None:
    item = happen(new_item("i1", missed(), POLICY), "claimed", 0, who="li")
    assert to_ring([item], at(99)) == [], "the machine steps back"
    with pytest.raises(NotAllowed, match=r"\(li\)"):
        happen(item, "claimed", 1, who="wang")
    item = happen(item, "placed", 2, call_id="out-1", who="li")
    assert item.out == "out-1"
    assert happen(item, "placed", 3, call_id="out-2", who="li") == item, "one call at a time, by hand too"
    with pytest.raises(NotAllowed, match="尚未结束"):
        happen(item, "released", 4, who="li")
    item = happen(item, "failed", 10, call_id="out-1")
    assert (item.state, item.owner, item.tries) == ("owned", "li", 0)
    item = happen(item, "released", 11, who="li")
    assert (item.state, item.owner, due_s(item)) == ("open", "", 10), "and the machine goes on"


def test_closed_by_a_person_only_with_a_reason_and_once() -> None:
    item = new_item("i1", missed(), POLICY)
    with pytest.raises(NotAllowed, match="写明理由"):
        happen(item, "closed_by_person", 1, who="li", reason="  ")
    with pytest.raises(NotAllowed, match="操作人"):
        happen(item, "closed_by_person", 1, reason="误拨")
    item = happen(item, "closed_by_person", 1, who="li", reason=" 误拨 ")
    assert (item.state, item.reason, item.owner) == ("closed", "误拨", "li")
    with pytest.raises(NotAllowed, match="已经了结"):
        happen(item, "claimed", 2, who="wang")


def test_what_is_being_rung_cannot_be_claimed() -> None:
    item = happen(new_item("i1", missed(), POLICY), "due", 0, call_id="rc-1")
    with pytest.raises(NotAllowed, match="回拨中"):
        happen(item, "claimed", 1, who="li")


def test_the_table_leads_nowhere_twice_and_every_state_has_a_way_to_an_end() -> None:
    assert len({(e.before, e.happening) for e in EDGES}) == len(EDGES)
    assert all(e.reason for e in EDGES)
    assert not [e for e in EDGES if e.before in ENDED]
    ending = set(ENDED)
    for _ in EDGES:
        ending |= {e.before for e in EDGES if e.after in ending}
    assert ending == {"open", "calling", "owned", "reached", "closed"}


class Interleavings(RuleBasedStateMachine):
    """A runner, a restarted runner, two people, the exchange and the caller, in whatever order, on one item.

    FreePBX#525: a callback was placed twice. Here a call is placed only where the item names it afterwards.
    """

    numbers = 0

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.item = new_item("i1", missed(), POLICY)
        #: Calls that were dialled and have not ended; all that ever were; those that heyi dialled by itself.
        self.up: set[str] = set()
        self.dialled: list[str] = []
        self.automatic: list[float] = []
        self.answered = False

    def tell(self, what: Happening, **more: object) -> bool:
        former = self.item
        try:
            self.item = happen(self.item, what, self.now, **more)
        except NotAllowed as refusal:
            assert refusal.message
        return self.item is not former and self.item != former

    def dial(self, what: Happening, who: str = "") -> None:
        self.numbers += 1
        call = f"rc-{self.numbers}"
        if self.tell(what, call_id=call, who=who) and self.item.out == call:
            assert not self.up, "nobody is rung while a call to him is out"
            self.up.add(call)
            self.dialled.append(call)
            if what == "due":
                self.automatic.append(self.now)

    @rule(seconds=st.sampled_from([0.0, 1.0, 20.0, 60.0, 180.0, 1900.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(times=st.integers(1, 3))
    def runners_look(self, times: int) -> None:
        """Several at once, each with the item as it was when it looked."""
        for _ in range(times if to_ring([self.item], at(self.now)) else 0):
            self.dial("due")

    @rule()
    def a_runner_that_does_not_look_first(self) -> None:
        self.dial("due")

    @rule(who=st.sampled_from(["li", "wang"]))
    def by_hand(self, who: str) -> None:
        if self.item.state == "owned" and self.item.owner == who:
            self.dial("placed", who)

    @precondition(lambda self: self.dialled)
    @rule(back=st.integers(0, 3), what=st.sampled_from(["placed", "answered", "failed"]))
    def told_of_a_call(self, back: int, what: Happening) -> None:
        """Also of an older one, twice, or after its end."""
        call = self.dialled[max(0, len(self.dialled) - 1 - back)]
        if what != "placed":
            self.answered |= what == "answered" and call in self.up and call == self.item.out and not self.item.ended
            self.up.discard(call)
        elif call not in self.up:
            return  # of a call that has ended the exchange says no more than its end
        self.tell(what, call_id=call)

    @rule(who=st.sampled_from(["li", "wang", ""]), what=st.sampled_from(["claimed", "released", "closed_by_person"]))
    def people(self, who: str, what: Happening) -> None:
        self.tell(what, who=who, reason="误拨" if who == "li" else "")

    @rule(new=st.booleans())
    def rings_again_and_hangs_up(self, new: bool) -> None:
        self.numbers += new
        call = missed(f"c{self.numbers}", self.now)
        if same_matter([self.item], call) is self.item:
            self.tell("missed_again", missed=call)

    @rule()
    def rings_again_and_is_helped(self) -> None:
        self.tell("caller_called_again")

    @invariant()
    def at_most_one_call_is_out(self) -> None:
        assert len(self.up) <= 1
        assert not self.up or self.item.out in self.up, "the item knows the call that is out"

    @invariant()
    def at_most_three_automatic_tries(self) -> None:
        assert len(self.automatic) == self.item.tries <= 3

    @invariant()
    def never_lost(self) -> None:
        item = self.item
        assert item.ended == bool(item.reason)
        assert (item.state == "reached") == self.answered
        if item.state == "calling":
            assert item.out
        if item.state == "owned":
            assert item.owner
        if item.state == "open":
            assert not item.out and not item.owner
            assert (item.due_at is not None) == (item.tries < 3), "rung again, or left to people"

    def teardown(self) -> None:
        calls = [call.call_id for call in self.item.calls]
        assert len(set(calls)) == len(calls)


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
