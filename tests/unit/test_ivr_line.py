"""One caller's channel: what is stopped, what ends by itself, and which commands it takes."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from ivr import line as lines
from ivr.line import AgiLine
from telephony.agi import Reply
from tests.eventually import until


class FakeCall:
    """Asterisk's side: a step runs until it is ended."""

    def __init__(self) -> None:
        self.variables = {"channel": "PJSIP/trunk-1"}
        self.did: list[str] = []
        self.key = ""
        self._ended = asyncio.Event()
        #: Before the step's end has come to us.
        self.at_end: Callable[[], None] = lambda: None

    async def run(self, command: str, *, limit_s: float) -> Reply:
        words = command.split()
        self.did.append(words[2] if words[0] == "GOSUB" else words[0])
        if words[0] == "GOSUB":
            await self._ended.wait()
            self._ended.clear()
            self.at_end()
            return Reply(200, "0")
        return Reply(200, "1", self.key)

    def end(self, key: str = "") -> None:
        self.key = key
        self._ended.set()

    @property
    def runs(self) -> str:
        return self.did[-1]


class FakeStopper:
    def __init__(self, call: FakeCall) -> None:
        self._call = call
        self.tells_keys = True
        self.stopped: list[str] = []
        #: Whether a stop finds what it is for.
        self.finds = True

    async def stop_sound(self, channel: str) -> None:
        self.stopped.append("sound")
        if self.finds:
            self._call.end()
            await asyncio.sleep(0)

    async def stop_recording(self, channel: str) -> None:
        self.stopped.append("recording")
        self._call.end()


class Scene:
    def __init__(self, tmp_path: Path) -> None:
        lines.ensure_tones(tmp_path)
        self.call = FakeCall()
        self.stopper = FakeStopper(self.call)
        self.line = AgiLine(self.call, tmp_path, self.stopper)  # type: ignore[arg-type]
        self.tone = tmp_path / f"{lines.BEEP}.wav"

    async def runs(self, what: str) -> None:
        await until(lambda: bool(self.call.did) and self.call.runs == what, lambda: f"{what}: {self.call.did}")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def test_what_a_key_ends_is_not_stopped_as_well(scene: Scene) -> None:
    """The stop would find nothing, or just what was begun after it."""
    playing = asyncio.create_task(scene.line.play(scene.tone))
    await scene.runs("play")
    stopping = asyncio.create_task(scene.line.stop(by_key=True))
    await asyncio.sleep(0)
    scene.call.end("1")
    await stopping
    # The manager tells the key: it is not waited for here.
    assert await playing == "" and scene.stopper.stopped == [] and scene.call.did == ["play"]


async def test_what_began_just_after_the_key_is_stopped(scene: Scene) -> None:
    quiet = asyncio.create_task(scene.line.quiet())
    await scene.runs("quiet")
    await scene.line.stop(by_key=True)
    assert scene.stopper.stopped == ["sound"] and await quiet == ""


async def test_a_stop_is_over_with_its_own_step_whatever_begins_next(scene: Scene) -> None:
    """A step that ends while it is being stopped, and another that begins before anybody looks."""
    scene.stopper.finds = False

    async def two() -> None:
        await scene.line.quiet()
        await scene.line.play(scene.tone)

    both = asyncio.create_task(two())
    await scene.runs("quiet")
    stopping = asyncio.create_task(scene.line.stop())
    await asyncio.sleep(0)
    scene.call.end()
    await scene.runs("play")
    await stopping
    assert scene.stopper.stopped == ["sound"], "asked for once, and not again for what came after it"
    scene.call.end()
    await both


@pytest.mark.parametrize("told", [True, False])
async def test_a_key_is_asked_for_unless_it_is_told_anyhow(scene: Scene, told: bool) -> None:
    scene.stopper.tells_keys = told
    playing = asyncio.create_task(scene.line.play(scene.tone))
    await scene.runs("play")
    stopping = asyncio.create_task(scene.line.stop(by_key=True))
    await asyncio.sleep(0)
    scene.call.end("5")
    await stopping
    assert await playing == ("" if told else "5")


async def test_who_just_listens_is_told_the_key_by_the_channel(scene: Scene) -> None:
    playing = asyncio.create_task(scene.line.quiet())
    await scene.runs("quiet")
    scene.call.end("7")
    assert await playing == "7"


async def test_a_recording_that_is_stopped_during_its_tone_does_not_begin(scene: Scene, tmp_path: Path) -> None:
    recording = asyncio.create_task(scene.line.record(tmp_path / "message.wav", 60, 4))
    await scene.runs("quiet")
    await scene.line.stop()
    assert await recording == "" and scene.call.did == ["quiet"]


async def test_a_recording_is_stopped_as_one(scene: Scene, tmp_path: Path) -> None:
    recording = asyncio.create_task(scene.line.record(tmp_path / "message.wav", 60, 4))
    await scene.runs("quiet")
    scene.call.end()
    await scene.runs("record")
    await scene.line.stop()
    assert await recording == "" and scene.stopper.stopped == ["recording"]
