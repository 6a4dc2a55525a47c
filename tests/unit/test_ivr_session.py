"""The session: every input in every state, and what no flow can take from a caller."""

from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ivr_support import BEGAN, Caller, flow

from core.city_ivr import ALWAYS, KNOWN_AT, LOOK_UPS, IvrFlow
from core.cityfile import load_city
from ivr.choosing import chosen
from ivr.recordings import recordables
from ivr.session import TABLE, Session
from ivr.signals import (
    CallBack,
    HangUp,
    Heard,
    HungUp,
    Input,
    Judged,
    Key,
    Listen,
    LookedUp,
    LookUp,
    Note,
    Play,
    Played,
    Queue,
    Record,
    Recorded,
    Started,
    TimeUp,
    Transfer,
    TransferFailed,
)
from ivr.steps import State

CITY = load_city(Path(__file__).parents[2] / "cities" / "jinjiang")
FLOWS = {f.key: f for f in CITY.ivr}
STATES: tuple[State, ...] = get_args(State)
KNOWN = {name: "1" for at in KNOWN_AT.values() for name in ALWAYS | at} | {
    "city": "晋江市", "line": "12345", "line_name": "便民热线", "caller": "known", "matter": "路灯不亮",
}  # fmt: skip


def starts(key: str, **known: str) -> Caller:
    return Caller.starts(FLOWS, key, **{**KNOWN, "words": "", **known})


def test_every_input_has_an_answer_in_every_state() -> None:
    assert set(TABLE) == {(state, kind) for state in STATES for kind in get_args(Input)}


# --- any inputs at all ----------------------------------------------------------------------------------------------

_WORDS = st.sampled_from(
    ["", "查进度", "停水了", "挪车", "不满意", "解决了", "我要反映路灯不亮", "转人工", "，。", "谢谢"]
)
_NUMBER = st.integers(-1, 3)


def _answers(of: int) -> st.SearchStrategy[Input]:
    """Answers to output ``of``, fitting or not."""
    results = st.sampled_from([None, "nonsense", *sorted({r for kind in LOOK_UPS.values() for r in kind.results})])
    return st.one_of(
        st.just(Played(of)),
        st.just(TimeUp(of)),
        st.builds(LookedUp, st.just(of), results, st.just({"owner": "o1", "plate": "闽C12345", "ticket": "1"})),
        st.builds(Recorded, st.just(of), st.sampled_from(["", "a.wav"]), st.sampled_from([0.0, 3.0])),
        st.just(TransferFailed(of)),
    )


_UNASKED: st.SearchStrategy[Input] = st.one_of(
    st.just(Started()),
    st.builds(Key, st.sampled_from([*"0123456789*#", "", "A", "11", "\n"])),
    st.builds(Heard, _WORDS, st.booleans()),
    st.builds(
        Judged, st.sampled_from(["emergency", "review", "service", "odd"]), st.sampled_from(["", "X04", "S0104"])
    ),
)


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from(sorted(FLOWS)), st.booleans())
def test_any_inputs_end_with_a_person_or_the_callers_own_end(data: st.DataObject, key: str, en: bool) -> None:
    """Never an error, one thing waited for until the end, one end, and never past the flow's limit."""
    caller = Caller(Session(FLOWS, key, KNOWN, language="en" if en else "zh"), BEGAN, [])
    limit_s = FLOWS[key].limit_s
    caller.gives(Started())
    gone = False
    for _ in range(data.draw(st.integers(0, 25))):
        if (wait := caller.waits) is None:
            break
        late = data.draw(_NUMBER)
        one = data.draw(st.one_of(_answers(wait.of), _answers(wait.of + late), _UNASKED, st.just(HungUp())))
        now = BEGAN + timedelta(seconds=limit_s)
        # Whoever holds the call keeps the limits that it was given.
        assert caller.now + timedelta(seconds=_limit(wait)) <= now + timedelta(milliseconds=20)
        spent = data.draw(st.floats(0, _limit(wait)))
        caller.gives(one, after=spent)
        gone = isinstance(one, HungUp)
    while (wait := caller.waits) is not None and not gone:
        caller.gives(TimeUp(wait.of), after=_limit(wait))
    assert caller.session.state == "ended"
    assert caller.now <= BEGAN + timedelta(seconds=limit_s, milliseconds=20)
    if gone:
        assert caller.ended is None
        return
    ends: tuple[type, ...] = (Queue, Transfer, CallBack, HangUp)
    assert isinstance(caller.ended, ends)
    if isinstance(caller.ended, HangUp | CallBack) and not FLOWS[key].lets_go:
        # Only by the caller's own word or key; silence never ends a call.
        assert any(note.startswith(("key", "words")) for _, note in caller.notes())
    assert caller.gives(Key("1"), Heard("着火了"), Judged("emergency"), TimeUp(1), HungUp()) == ()


def _limit(wait: Play | Listen | LookUp | Record | Transfer) -> float:
    return wait.ring_s if isinstance(wait, Transfer) else wait.limit_s


@settings(max_examples=50, deadline=None)
@given(st.data(), st.sampled_from(sorted(FLOWS)))
def test_an_emergency_is_the_next_output_from_everywhere(data: st.DataObject, key: str) -> None:
    caller = starts(key)
    for _ in range(data.draw(st.integers(0, 12))):
        if (wait := caller.waits) is None:
            return
        caller.gives(data.draw(st.one_of(_answers(wait.of), st.just(Key("1")), st.just(Heard("停水了")))))
    if caller.waits is None:
        return
    by_key = data.draw(st.booleans())
    outputs = caller.gives(Key("*") if by_key else Judged("emergency", "E101", 0.9))
    assert isinstance(outputs[0], Queue)
    assert outputs[0].emergency
    assert outputs[0].group == "emergency"
    assert caller.session.state == "ended"


@pytest.mark.parametrize("key", sorted(FLOWS))
def test_zero_is_a_person_at_every_question(key: str) -> None:
    for step in FLOWS[key].steps:
        if step.do in ("ask", "record", "look_up"):
            caller = Caller.starts(FLOWS, key, at=step.key, **KNOWN)
            entering = step.do == "ask" and step.digits is not None
            caller.hears_out()
            if caller.waits is None:
                continue
            caller.gives(Key("#" if entering else "0"))
            caller.hears_out()
            assert isinstance(caller.ended, Queue), step.key


# --- step by step ---------------------------------------------------------------------------------------------------


def test_a_caller_says_what_is_wanted_and_the_words_go_along() -> None:
    caller = starts("welcome")
    assert caller.said() == ["您好，晋江市便民热线，通话将被录音。请说您的诉求。"]
    caller.hears_out()
    caller.gives(Heard("我们小区的路灯", final=False), after=1)
    assert isinstance(caller.waits, Listen)
    caller.gives(Heard("我们小区的路灯坏了三天没人修"), after=2)
    caller.gives(Judged("service", "S0103", 0.8))
    assert caller.waits == LookUp(caller.session.waits_for, "answer", {"words": "我们小区的路灯坏了三天没人修"}, 2.0)
    caller.gives(LookedUp(caller.session.waits_for, "none"))
    caller.hears_out()
    assert isinstance(caller.ended, Queue)
    assert caller.ended.known["category"] == "S0103"
    assert caller.ended.known["words"] == "我们小区的路灯坏了三天没人修"


def test_words_of_a_choice_wait_for_the_judgement() -> None:
    """停电 alone would be an announcement; a person shut in a lift is none."""
    caller = starts("welcome")
    caller.hears_out()
    caller.gives(Heard("停电了我被困在电梯里"))
    assert isinstance(caller.waits, Listen)
    assert isinstance(caller.gives(Judged("emergency", "E201", 0.9))[0], Queue)


def test_words_of_a_choice_choose_after_it() -> None:
    caller = starts("welcome")
    caller.hears_out()
    caller.gives(Heard("池店镇华洲村停水了"), Judged("service", "S0104", 0.7))
    assert isinstance(caller.waits, LookUp)
    assert caller.waits.arguments == {"words": "池店镇华洲村停水了"}


def test_what_triage_is_not_sure_of_goes_to_a_person() -> None:
    caller = starts("welcome")
    caller.hears_out()
    caller.gives(Heard("停水了，屋里还有股味道"), Judged("review", "S0104", 0.7))
    caller.hears_out()
    assert isinstance(caller.ended, Queue)
    assert not caller.ended.emergency


def test_without_a_judgement_the_caller_goes_on() -> None:
    caller = starts("welcome")
    caller.hears_out()
    caller.gives(Heard("我想问个事"))
    caller.gives(TimeUp(caller.session.waits_for), after=2)
    caller.hears_out()
    assert isinstance(caller.ended, Queue)


def test_silence_brings_the_keys_and_then_a_person() -> None:
    caller = starts("welcome")
    caller.hears_out()
    caller.gives(TimeUp(caller.session.waits_for), after=4)
    assert caller.said()[-1].startswith("查进度请按1")
    caller.hears_out()
    caller.gives(TimeUp(caller.session.waits_for), after=4)
    caller.hears_out()
    assert isinstance(caller.ended, Queue)
    assert caller.notes() == [("greet", "silence"), ("menu", "silence"), ("person-soon", "queue")]


def test_a_key_stops_the_prompt_and_late_answers_change_nothing() -> None:
    caller = starts("welcome")
    old = caller.session.waits_for
    caller.presses("1")
    assert caller.session.where == ("progress", "number")
    assert caller.gives(Played(old), TimeUp(old)) == ()
    assert isinstance(caller.waits, Play)


def test_a_key_during_a_sentence_answers_the_question_that_follows() -> None:
    caller = starts("robot-callback")
    assert caller.session.where[1] == "hello"
    caller.presses("2")
    assert caller.session.where[1] == "satisfied"
    assert caller.session.known["solved"] == "no"


def test_figures_end_with_pound_with_a_pause_or_when_there_are_enough() -> None:
    for digits, by_pause in (("0007#", False), ("0007", True), ("202611210007", False)):
        caller = starts("progress")
        caller.presses(digits)
        if by_pause:
            caller.gives(TimeUp(caller.session.waits_for), after=4)
        assert isinstance(caller.waits, LookUp), digits
        assert caller.waits.arguments == {"figures": digits.strip("#")}


def test_nine_is_a_figure_where_figures_are_asked_for_and_star_still_an_emergency() -> None:
    caller = starts("progress")
    caller.presses("99")
    assert caller.session.state == "listening"
    assert isinstance(caller.presses("*")[0], Queue)
    assert starts("welcome").presses("9")[0] == starts("welcome").presses("*")[0]


def test_a_message_is_put_to_the_ticket() -> None:
    caller = Caller.starts(FLOWS, "progress", at="speak", **KNOWN)
    caller.hears_out()
    assert isinstance(caller.waits, Record)
    caller.gives(Recorded(caller.waits.of, "m1.wav", 6.2))
    assert caller.waits == LookUp(caller.session.waits_for, "message", {"ticket": "1", "recording": "m1.wav"}, 3)
    caller = Caller.starts(FLOWS, "progress", at="speak", **KNOWN)
    caller.hears_out()
    caller.gives(Recorded(caller.session.waits_for, "m1.wav", 0.1))
    caller.hears_out()
    assert isinstance(caller.ended, Queue)


def test_an_owner_who_does_not_answer_is_no_end() -> None:
    caller = starts("move-car")
    caller.hears_out()
    caller.gives(Heard("闽C12345"), Judged("service"))
    caller.gives(LookedUp(caller.session.waits_for, "found", {"plate": "闽C12345", "owner": "owner-7"}))
    caller.hears_out()
    caller.presses("1")
    caller.hears_out()
    assert isinstance(caller.waits, Transfer)
    assert (caller.waits.party, caller.waits.group) == ("owner-7", "")
    caller.gives(TransferFailed(caller.waits.of), after=25)
    caller.hears_out()
    assert isinstance(caller.ended, Queue)


def test_somebody_else_on_the_telephone_is_written_down_and_let_go() -> None:
    caller = starts("robot-callback", ticket="TT1", matter="路灯问题")
    caller.hears_out()
    caller.gives(Heard("你打错了吧"))
    assert (caller.waits.name, caller.waits.arguments["satisfied"]) == ("result", "wrong")
    caller.gives(LookedUp(caller.waits.of, "done"))
    caller.hears_out()
    assert isinstance(caller.ended, HangUp)


def test_waiting_keeps_the_place_or_calls_back() -> None:
    caller = starts("waiting", place="3", wait="5")
    assert caller.said() == ["您前面还有3位，预计等候5分钟。不想等请按1，轮到您时给您回电；情况紧急请按9。"]
    caller.presses("1")
    assert isinstance(caller.ended, CallBack)
    hidden = starts("waiting", place="3", wait="5", caller="unknown")
    assert "请按1" not in hidden.said()[0]
    hidden.hears_out()
    assert hidden.ended == Queue(keep=True, known=hidden.session.known)


@pytest.mark.parametrize(
    ("place", "wait", "caller", "said"),
    [
        ("3", "", "known", "您前面还有3位。不想等请按1，轮到您时给您回电；情况紧急请按9。"),
        ("3", "", "unknown", "您前面还有3位，请不要挂机；情况紧急请按9。"),
        ("0", "4", "known", "您是下一位。不想等请按1，轮到您时给您回电；情况紧急请按9。"),
        ("0", "", "unknown", "您是下一位，请不要挂机；情况紧急请按9。"),
    ],
)
def test_what_is_not_known_is_not_told_to_who_waits(place: str, wait: str, caller: str, said: str) -> None:
    waiting = starts("waiting", place=place, wait=wait, caller=caller)
    assert waiting.said() == [said]
    waiting.hears_out()
    if waiting.ended is None:
        waiting.gives(TimeUp(waiting.session.waits_for), after=3)
    assert isinstance(waiting.ended, Queue) and waiting.ended.keep


@pytest.mark.parametrize(
    ("solved", "satisfied", "known"),
    [
        (Heard("已经解决了"), Heard("满意"), ("yes", "yes")),
        (Heard("还没有解决"), Heard("不满意"), ("no", "no")),
        (Heard("没人来过"), Heard("不太满意"), ("no", "no")),
        (Key("1"), Key("2"), ("yes", "no")),
    ],
)
def test_the_robot_understands_words_and_keys(solved: Input, satisfied: Input, known: tuple[str, str]) -> None:
    caller = starts("robot-callback")
    caller.hears_out()
    caller.gives(solved)
    caller.hears_out()
    caller.gives(satisfied)
    assert (caller.session.known["solved"], caller.session.known["satisfied"]) == known


def test_words_turned_round_do_not_choose() -> None:
    choices = next(step for step in FLOWS["satisfaction"].steps if step.key == "ask").choices  # type: ignore[union-attr]
    assert [choice.key for text in ("满意", "不满意", "不太满意", "一般吧") if (choice := chosen(text, choices))] == [
        "1", "3", "3", "2",
    ]  # fmt: skip
    assert chosen("没满意", choices) is None
    assert chosen("", choices) is None


def test_english_goes_on_in_english() -> None:
    caller = starts("welcome")
    caller.presses("8")
    assert caller.session.known["language"] == "en"
    assert caller.said()[-1] == "Connecting you to an agent."
    caller.hears_out()
    assert isinstance(caller.ended, Queue)
    assert caller.ended.group == "english"


def test_a_recording_speaks_minnan_and_chinese_where_there_is_none() -> None:
    made = flow(
        languages=["zh", "nan"],
        prompts={"hello": {"zh": "您好。", "nan": "hello-nan"}, "ask": {"zh": "请讲。"}},
        steps=[
            {"key": "a", "do": "say", "prompt": "hello", "next": "b"},
            {"key": "b", "do": "ask", "prompt": "ask", "heard": "person"},
            {"key": "person", "do": "queue"},
        ],
    )
    caller = Caller(Session({"test": made}, "test", {}, language="nan"), BEGAN, [])
    caller.gives(Started())
    assert caller.waits == Play(1, "hello-nan", "您好。", "nan", False, caller.waits.limit_s)  # type: ignore[union-attr]
    caller.gives(Played(1))
    assert caller.waits == Play(2, "test/ask", "请讲。", "zh", False, caller.waits.limit_s)  # type: ignore[union-attr]


def broken(**values: object) -> IvrFlow:
    """A flow that no checker would let through."""
    return flow(prompts={"ask": {"zh": "请讲。"}}, **values)


@pytest.mark.parametrize(
    "steps",
    [
        [{"key": "a", "do": "say", "prompt": "ask", "next": "nowhere"}],
        [{"key": "a", "do": "say", "prompt": "ask", "next": "/nowhere"}],
        [{"key": "a", "do": "say", "prompt": "missing", "next": "a"}],
        [{"key": "a", "do": "branch", "when": [{"on": "x", "equals": ["1"], "next": "a"}], "otherwise": "a"}],
    ],
)
def test_what_cannot_go_on_is_a_way_to_a_person(steps: list[dict[str, object]]) -> None:
    caller = Caller.starts({"test": broken(steps=steps, out="a")}, "test")
    caller.hears_out()
    assert isinstance(caller.ended, Queue)


def test_a_clock_set_back_gives_nobody_more_time() -> None:
    caller = starts("welcome")
    caller.hears_out()
    caller.gives(Key("1"), after=200)
    assert isinstance(caller.ended, Queue)
    caller = starts("welcome")
    caller.gives(Heard("喂", final=False), after=170)
    caller.now = BEGAN
    caller.gives(Key("1"))
    assert isinstance(caller.waits, Play)
    caller.now = BEGAN
    caller.gives(TimeUp(caller.waits.of))
    assert isinstance(caller.waits, Listen)
    assert caller.waits.limit_s <= 10


def test_notes_say_when_each_step_was_entered_and_left() -> None:
    caller = starts("satisfaction")
    caller.hears_out()
    caller.gives(Key("1"), after=3)
    note = next(output for output in caller.outputs if isinstance(output, Note))
    assert note == Note("satisfaction", "ask", BEGAN, BEGAN + timedelta(seconds=3), "key 1")
    caller.gives(HungUp(), after=1)
    assert caller.notes()[-1] == ("save", "hung up")


def test_a_note_says_why_a_question_was_put_again() -> None:
    caller = starts("robot-callback")
    caller.hears_out()
    assert isinstance(caller.waits, Listen)
    caller.gives(TimeUp(caller.waits.of), after=4)
    caller.hears_out()
    caller.gives(Key("1"), after=1)
    notes = [output for output in caller.outputs if isinstance(output, Note)]
    assert [(note.step, note.why, note.again) for note in notes] == [
        ("hello", "said", ()), ("solved", "key 1", ("silence",)),
    ]  # fmt: skip
    # The next question is a new one.
    caller.gives(Key("1"))
    assert [o.again for o in caller.outputs if isinstance(o, Note)][-1] == ()


def test_what_is_played_without_values_can_be_spoken_beforehand() -> None:
    ready = {one.name: one.text for one in recordables(CITY) if one.language == "zh"}
    played = [o for key in FLOWS for o in starts(key).outputs if isinstance(o, Play)]
    assert {play.dynamic for play in played} == {True, False}
    for play in played:
        assert play.dynamic != (ready.get(play.sound) == play.text)
