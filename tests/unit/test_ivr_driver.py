"""The driver of a session: one line, one thing at a time, and every input as soon as it comes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.city_ivr import IvrFlow
from core.errors import HeyiError
from ivr import line as lines
from ivr.driver import Driver
from ivr.journal import Ended
from ivr.keys import KeysOnce, Teller
from ivr.session import Session
from ivr.signals import CallBack, HangUp, Heard, Judged, Note, Play, Queue, Transfer
from ivr.ways import WAYS, Left, way_of
from telephony.agi import AgiError, Gone
from tests.eventually import until
from tests.unit.ivr_support import flow

#: Only against hanging.
GUARD_S = 60
PROMPTS = {"hello": {"zh": "您好，请讲。"}, "more": {"zh": "还有别的吗？"}, "bye": {"zh": "再见。"}}
PERSON = {"key": "person", "do": "queue"}


def asking(**more: object) -> IvrFlow:
    """A question with a key, words, and free speech."""
    choices = [{"key": "1", "words": ["进度"], "next": "bye"}]
    step = {"key": "ask", "do": "ask", "prompt": "hello", "limit_s": 4, "choices": choices, "heard": "person", **more}
    return flow(prompts=PROMPTS, steps=[step, PERSON, {"key": "bye", "do": "hang_up", "prompt": "bye"}])


class FakeLine:
    """A channel: sounds last until they are stopped, or said to be over; quiet lasts a moment."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.left: tuple[str, str, int, float] | None = None
        #: Keys (or the end of a sound, "") that the channel gives, in turn.
        self.gives: asyncio.Queue[str | Exception] = asyncio.Queue()
        self._stop, self._ended = asyncio.Event(), asyncio.Event()
        self.busy = ""
        self.tells_keys = False

    async def _until_stopped(self, what: str) -> str:
        assert not self.busy and self.left is None, f"{what} while {self.busy or 'left'}"
        self.busy = what
        self.did.append(what)
        self._stop.clear()
        self._ended.clear()
        stopped, given = asyncio.create_task(self._stop.wait()), asyncio.create_task(self.gives.get())
        try:
            done, _ = await asyncio.wait({stopped, given}, return_when=asyncio.FIRST_COMPLETED, timeout=GUARD_S)
            if given in done:
                if isinstance(found := given.result(), Exception):
                    raise found
                return found
            return ""
        finally:
            stopped.cancel()
            given.cancel()
            self.busy = ""
            self._ended.set()

    async def play(self, sound: Path) -> str:
        return await self._until_stopped(f"play {sound.name}")

    async def quiet(self) -> str:
        return await self._until_stopped("quiet")

    async def record(self, file: Path, limit_s: float, silence_s: float) -> str:
        lines.ensure_tones(file.parent)
        (file.parent / f"{lines.BEEP}.wav").rename(file)
        return await self._until_stopped("record")

    async def stop(self, *, by_key: bool = False) -> None:
        if self.busy:
            self._stop.set()
            await self._ended.wait()

    async def leave(self, way: str, to: str = "", priority: int = 0, ring_s: float = 0) -> None:
        assert not self.busy
        self.left = (way, to, priority, ring_s)


class Sounds:
    """Each prompt is one file of its name; ``pieces`` gives several, ``late_s`` is waited before each."""

    def __init__(self) -> None:
        self.pieces: Mapping[str, list[str]] = {}
        self.late_s = 0.0
        self.closed = 0

    async def sound(self, play: Play) -> AsyncIterator[Path]:
        try:
            name = play.sound.rpartition("/")[2]
            for piece in self.pieces.get(name, [name]):
                await asyncio.sleep(self.late_s)
                yield Path(f"/sounds/{piece}.wav")
        finally:
            self.closed += 1


class Source:
    """Look-ups as a test wants them."""

    def __init__(self) -> None:
        self.answer: tuple[str, dict[str, str]] | Exception | None = ("found", {"answer": "可以"})
        self.number: str | None = None

    async def look_up(self, name: str, arguments: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        assert self.answer is not None
        return self.answer

    async def party_number(self, party: str) -> str | None:
        return self.number


class Notebook:
    def __init__(self) -> None:
        self.notes: list[Note] = []

    def note(self, call_id: str, note: Note) -> None:
        self.notes.append(note)

    def ended(self, call_id: str, end: Ended) -> None:
        raise AssertionError("whoever began it tells the end")


class Scene:
    """A call with its driver. Time goes as fast as the test likes."""

    def __init__(self, tmp_path: Path, one: IvrFlow, **known: str) -> None:
        self.line, self.sounds, self.source, self.notebook = FakeLine(), Sounds(), Source(), Notebook()
        self.driver = Driver(
            "hy1-1.1", Session({one.key: one}, one.key, known), self.sounds, self.source, self.notebook, tmp_path,
            lambda: datetime.now(UTC),
        )  # fmt: skip
        self.task = asyncio.create_task(self.driver.run(self.line))

    async def does(self, what: str) -> None:
        await until(lambda: self.line.busy == what, lambda: f"{what}, not {self.line.did}", GUARD_S)

    async def left(self) -> Left:
        return await asyncio.wait_for(self.task, GUARD_S)


async def test_a_question_is_said_then_listened_to_and_a_key_answers(tmp_path: Path) -> None:
    scene = Scene(tmp_path, asking())
    await scene.does("play hello.wav")
    scene.line.gives.put_nowait("")
    await scene.does("quiet")
    scene.line.gives.put_nowait("1")
    await scene.does("play bye.wav")
    scene.line.gives.put_nowait("")
    assert (await scene.left()).how == "hangup"
    assert scene.line.left == ("hangup", "", 0, 0.0)
    assert [(note.step, note.why) for note in scene.notebook.notes] == [("ask", "key 1"), ("bye", "hang up")]


async def test_a_key_into_a_prompt_is_told_by_both_and_counts_once(tmp_path: Path) -> None:
    """The second 1 of another teller would be a wrong key at the next step."""
    scene = Scene(tmp_path, asking())
    await scene.does("play hello.wav")
    scene.driver.pressed("0")
    scene.line.gives.put_nowait("0")
    assert (await scene.left()).how == "queue"
    assert [note.why for note in scene.notebook.notes if note.step == "ask"] == ["key 0"]


async def test_a_key_that_only_the_manager_tells_counts(tmp_path: Path) -> None:
    """Figures come faster than steps of a channel follow each other: none is lost between two."""
    step = {"key": "ask", "do": "ask", "prompt": "hello", "digits": {"into": "figures", "most": 4, "next": "look"}}
    look = {"key": "look", "do": "look_up", "name": "ticket", "arguments": {"figures": "{figures}"},
            "results": {"found": "person", "none": "person"}}  # fmt: skip
    scene = Scene(tmp_path, flow(prompts=PROMPTS, steps=[step, look, PERSON]))
    await scene.does("play hello.wav")
    for digit in "0712":
        scene.driver.pressed(digit)
    await scene.left()
    assert scene.driver.session.known["figures"] == "0712"


async def test_who_begins_to_speak_into_a_question_is_listened_to(tmp_path: Path) -> None:
    scene = Scene(tmp_path, asking())
    await scene.does("play hello.wav")
    scene.driver.tell(Heard("我家", final=False))
    await scene.does("quiet")
    scene.driver.tell(Heard("我家门口路灯不亮"), Judged("service", "S0202", 0.8))
    left = await scene.left()
    assert left.how == "queue" and isinstance(left.last, Queue)
    assert left.last.known["words"] == "我家门口路灯不亮" and left.last.known["category"] == "S0202"


@pytest.mark.parametrize("final", [True, False])
async def test_an_emergency_breaks_off_whatever_is_said(tmp_path: Path, final: bool) -> None:
    scene = Scene(tmp_path, asking())
    await scene.does("play hello.wav")
    if final:
        scene.driver.tell(Heard("着火了"))
    scene.driver.tell(Judged("emergency", "E101", 0.99))
    assert (await scene.left()).how == "emergency"
    assert scene.line.left == ("urgent", "", 0, 0.0)


async def test_an_emergency_breaks_off_a_recording(tmp_path: Path) -> None:
    record = {"key": "speak", "do": "record", "prompt": "hello", "into": "recording", "next": "person"}
    scene = Scene(tmp_path, flow(prompts=PROMPTS, steps=[record, PERSON]))
    await scene.does("play hello.wav")
    scene.line.gives.put_nowait("")
    await scene.does("record")
    scene.driver.tell(Judged("emergency"))
    assert (await scene.left()).how == "emergency"


async def test_a_recording_has_a_name_and_its_voice_is_counted(tmp_path: Path) -> None:
    record = {"key": "speak", "do": "record", "prompt": "hello", "into": "recording", "next": "person"}
    scene = Scene(tmp_path, flow(prompts=PROMPTS, steps=[{**record, "on_silence": "bye"}, PERSON,
                                                         {"key": "bye", "do": "hang_up"}]))  # fmt: skip
    await scene.does("play hello.wav")
    scene.line.gives.put_nowait("")
    await scene.does("record")
    scene.line.gives.put_nowait("")
    # The fake's tone lasts a quarter of a second: no message.
    assert (await scene.left()).how == "hangup"
    assert lines.voiced_s(tmp_path / "hy1-1.1-voice-1.wav") == pytest.approx(0.24, abs=0.03)


async def test_a_message_of_some_length_goes_on_under_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.driver.voiced_s", lambda file: 2.0)
    record = {"key": "speak", "do": "record", "prompt": "hello", "into": "recording", "next": "person"}
    scene = Scene(tmp_path, flow(prompts=PROMPTS, steps=[record, PERSON]))
    await scene.does("play hello.wav")
    scene.line.gives.put_nowait("")
    await scene.does("record")
    scene.line.gives.put_nowait("")
    left = await scene.left()
    assert isinstance(left.last, Queue) and left.last.known["recording"] == "hy1-1.1-voice-1.wav"


async def test_a_prompt_in_pieces_is_said_in_order_also_where_they_come_late(tmp_path: Path) -> None:
    scene = Scene(tmp_path, asking())
    scene.sounds.pieces, scene.sounds.late_s = {"hello": ["a", "b"]}, 0.2
    # The first is being spoken: meanwhile the caller's keys count.
    await scene.does("quiet")
    await scene.does("play a.wav")
    scene.line.gives.put_nowait("")
    await scene.does("play b.wav")
    scene.line.gives.put_nowait("0")
    await scene.left()
    assert scene.sounds.closed == 1


async def test_a_prompt_without_any_sound_is_passed_over(tmp_path: Path) -> None:
    scene = Scene(tmp_path, asking())
    scene.sounds.pieces = {"hello": []}
    await scene.does("quiet")
    assert scene.driver.session.state == "listening"
    scene.driver.pressed("0")
    await scene.left()


LOOK = {"key": "look", "do": "look_up", "name": "answer", "arguments": {"words": "x"}, "limit_s": 0.5,
        "results": {"found": "bye", "none": "person"}}  # fmt: skip
LOOKING = [LOOK, PERSON, {"key": "bye", "do": "hang_up"}]


@pytest.mark.parametrize(
    ("answer", "how"),
    [(("found", {"answer": "可以"}), "hangup"), (("none", {}), "queue"), (HeyiError("没有"), "queue"),
     (ValueError("a fault"), "queue"), (("surprise", {}), "queue"), (None, "queue")],
)  # fmt: skip
async def test_whatever_a_look_up_does_the_caller_goes_on(
    tmp_path: Path, answer: tuple[str, dict[str, str]] | Exception | None, how: str
) -> None:
    scene = Scene(tmp_path, flow(prompts=PROMPTS, steps=LOOKING))
    scene.source.answer = answer
    assert (await scene.left()).how == how


async def test_keys_count_while_something_is_looked_up(tmp_path: Path) -> None:
    scene = Scene(tmp_path, flow(prompts=PROMPTS, steps=[{**LOOK, "limit_s": 10}, *LOOKING[1:]]))
    scene.source.answer = None
    await scene.does("quiet")
    scene.line.gives.put_nowait("9")
    assert (await scene.left()).how == "emergency"


async def test_the_line_is_left_alone_while_something_is_looked_up_and_says_the_answer_at_once(tmp_path: Path) -> None:
    """Where keys are told anyhow: silence that was begun would have to be stopped before the answer."""
    bye = {"key": "bye", "do": "hang_up", "prompt": "bye"}
    scene = Scene(tmp_path, flow(prompts=PROMPTS, steps=[LOOK, PERSON, bye]))
    scene.line.tells_keys = True
    await scene.does("play bye.wav")
    scene.line.gives.put_nowait("")
    assert (await scene.left()).how == "hangup"
    assert scene.line.did == ["play bye.wav"]


async def test_a_look_up_that_takes_its_time_is_waited_for_in_silence(tmp_path: Path) -> None:
    """Before the dialplan's patience ends; a key pressed while the line is left alone counts."""
    scene = Scene(tmp_path, flow(prompts=PROMPTS, steps=[{**LOOK, "limit_s": 10}, *LOOKING[1:]]))
    scene.line.tells_keys, scene.source.answer = True, None
    await scene.does("quiet")
    scene.driver.pressed("9")
    assert (await scene.left()).how == "emergency"


async def test_a_key_while_the_line_is_left_alone_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.driver._REST_S", GUARD_S)
    scene = Scene(tmp_path, flow(prompts=PROMPTS, steps=[{**LOOK, "limit_s": 10}, *LOOKING[1:]]))
    scene.line.tells_keys, scene.source.answer = True, None
    await asyncio.sleep(0)
    scene.driver.pressed("9")
    assert (await scene.left()).how == "emergency"
    assert scene.line.did == []


async def test_a_key_from_one_prompt_to_the_next_begins_no_silence_between(tmp_path: Path) -> None:
    """The pieces of the first are still being put away when the line has nothing to do any more."""
    scene = Scene(tmp_path, asking())
    await scene.does("play hello.wav")
    scene.driver.pressed("1")
    await scene.does("play bye.wav")
    scene.line.gives.put_nowait("")
    await scene.left()
    assert scene.line.did == ["play hello.wav", "play bye.wav"]


PARTY = {"key": "call", "do": "transfer", "party": "owner", "ring_s": 25, "on_failure": "person"}


async def test_somebody_outside_is_handed_to_the_dialplan_and_the_flow_can_go_on(tmp_path: Path) -> None:
    scene = Scene(tmp_path, flow(prompts=PROMPTS, steps=[PARTY, PERSON]), owner="car-7")
    scene.source.number = "13900139000"
    left = await scene.left()
    assert left.how == "party" and scene.line.left == ("party", "13900139000", 0, 25.0)
    again = FakeLine()
    left = await asyncio.wait_for(scene.driver.resume(again), GUARD_S)
    assert left.how == "queue" and again.left == ("queue", "", 0, 0.0)


async def test_somebody_without_a_number_was_not_reached(tmp_path: Path) -> None:
    scene = Scene(tmp_path, flow(prompts=PROMPTS, steps=[PARTY, PERSON]), owner="car-7")
    assert (await scene.left()).how == "queue"


@pytest.mark.parametrize(("end", "how"), [(Gone(), "caller"), (AgiError("no reply"), "late"), (OSError(), "late")])
async def test_a_line_that_is_lost_ends_the_walk_with_its_last_step(tmp_path: Path, end: Exception, how: str) -> None:
    scene = Scene(tmp_path, asking())
    await scene.does("play hello.wav")
    scene.line.gives.put_nowait(end)
    assert (await scene.left()).how == how
    assert [(note.step, note.why) for note in scene.notebook.notes] == [("ask", "hung up")]
    assert scene.sounds.closed == 1


async def test_who_is_called_in_goes_back_at_once(tmp_path: Path) -> None:
    scene = Scene(tmp_path, asking())
    await scene.does("play hello.wav")
    scene.driver.cut()
    assert (await scene.left()).how == "keep" and scene.line.left == ("queue", "", 0, 0.0)


def test_every_end_has_a_way_in_the_dialplan() -> None:
    ends: dict[str, Queue | CallBack | HangUp | Transfer] = {
        "queue": Queue(), "emergency": Queue(emergency=True, group="emergency"), "group": Queue(group="minnan"),
        "line": Queue(line="12315"), "keep": Queue(keep=True), "callback": CallBack(), "hangup": HangUp(),
        "party": Transfer(1, "", "", "car-7", 25, {}),
    }  # fmt: skip
    assert {how: way_of(last)[0] for how, last in ends.items()} == {how: how for how in WAYS}
    assert way_of(Transfer(1, "minnan", "", "", 25, {})) == ("group", "minnan")
    assert way_of(Queue(line="12315")) == ("line", "12315")


# -- keys


@given(
    st.lists(
        st.tuples(st.sampled_from("0123456789*#"), st.sampled_from(["both", "manager"]), st.booleans()), max_size=30
    )
)
def test_every_key_counts_once_whoever_tells_it_first(keys: list[tuple[str, str, bool]]) -> None:
    """The manager tells all, the channel some, either first; keys follow each other by a tenth of a second."""
    once, told, now = KeysOnce(), [], 0.0
    for digit, tellers, channel_first in keys:
        order: list[Teller] = ["manager"] if tellers == "manager" else ["channel", "manager"]
        for teller in order if channel_first else order[::-1]:
            if once.is_new(teller, digit, now):
                told.append(digit)
        now += 0.1
    assert sorted(told) == sorted(digit for digit, _, _ in keys)


def test_a_key_pressed_again_later_is_another() -> None:
    once = KeysOnce()
    assert once.is_new("manager", "1", 0.0) and once.is_new("channel", "1", timedelta(seconds=10).total_seconds())
