"""The line check with telephones that hear one side only, and two checks at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import telephony.linecheck as linecheck
from core.errors import HeyiError
from core.settings import Settings
from telephony.linecheck import FAILURES, LineChecker, check_lines
from tests.eventually import PATIENCE_S


class FakeAudio:
    def __init__(self) -> None:
        self.frames = self.voiced = 0


class FakeCall:
    """One side; what it says reaches ``other`` if the way there is whole, and the recording where there is one."""

    def __init__(self, whole: bool, files: list[Path]) -> None:
        self.from_header = ""
        self.audio = FakeAudio()
        self.ended = asyncio.Event()
        self.other: FakeCall | None = None
        self._whole, self._files = whole, files

    async def answer(self) -> None:
        return

    async def play(self, _pcm: bytes) -> None:
        await asyncio.sleep(0.01)
        assert self.other is not None
        self.other.audio.frames += 50
        self.other.audio.voiced += 50 if self._whole else 0
        for path in self._files:
            with path.open("ab") as file:
                file.write(b"x")

    async def hang_up(self) -> None:
        self.ended.set()


class FakePhone:
    """Both sides of every line; ``lines`` says of each which way is broken."""

    lines: dict[str, str] = {}  # noqa: RUF012
    dialled: list[str] = []  # noqa: RUF012
    folder = Path()

    def __init__(self, user: str, **_: Any) -> None:
        self.user = user
        self.on_call: Callable[[Any], Awaitable[None]] | None = None

    async def start(self) -> None: ...

    async def register(self) -> None: ...

    async def close(self) -> None: ...

    async def call(self, number: str, timeout_s: float) -> FakeCall:
        FakePhone.dialled.append(number)
        broken = self.lines[number]
        if broken == "once":
            self.lines[number] = ""
            raise HeyiError(f"{number} did not answer")
        legs = [FakePhone.folder / f"probe-{number}{leg}.wav" for leg in ("", "-caller", "-agent")]
        files = legs[:2] if broken == "recording" else legs
        caller, robot = FakeCall(broken != "caller_voice", files), FakeCall(broken != "desk_voice", [])
        caller.other, robot.other = robot, caller
        robot.from_header = f'"x" <sip:{number}@127.0.0.1>'
        assert self.on_call is not None
        if broken == "queue":
            caller.ended.set()
        elif broken != "ring":
            asyncio.get_running_loop().create_task(self.on_call(robot))  # type: ignore[arg-type]
        return caller


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    settings = Settings(data=tmp_path, secret="for tests only")
    settings.recordings.mkdir(parents=True)
    monkeypatch.setattr(linecheck, "Phone", FakePhone)
    monkeypatch.setattr(linecheck, "_HEAR_S", 0.3)
    monkeypatch.setattr(linecheck, "_SETTLE_S", 0.01)
    monkeypatch.setattr(FakePhone, "folder", settings.recordings)
    monkeypatch.setattr(FakePhone, "dialled", [])
    return settings


@pytest.mark.parametrize("step", ["", "queue", "ring", "caller_voice", "desk_voice", "recording"])
async def test_the_broken_step_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    monkeypatch.setattr(FakePhone, "lines", {"119": step})
    async with LineChecker(settings, ring_s=0.3) as checker:
        result = await checker.check("119")
    assert (result.step, result.ok, result.why) == (step, not step, FAILURES.get(result.step, ""))
    assert list(settings.recordings.iterdir()) == []


async def test_one_broken_line_does_not_break_the_others_and_a_failure_is_tried_twice(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = {"110": "", "119": "once", "120": "desk_voice", "122": "", "12345": "", "12315": ""}
    monkeypatch.setattr(FakePhone, "lines", dict(lines))
    told: list[str] = []
    results = await check_lines(settings, list(lines), lambda result: told.append(result.line))
    assert [(r.line, r.ok) for r in results] == [(line, line != "120") for line in lines]
    assert sorted(told) == sorted(lines)
    assert sorted(FakePhone.dialled) == sorted([*lines, "119", "120"])


async def test_a_second_check_waits_for_the_first_and_gives_up_in_time(settings: Settings) -> None:
    async with LineChecker(settings):
        with pytest.raises(HeyiError, match="another line check is under way"):
            async with LineChecker(settings, wait_s=0.1):
                pass
        waiting = asyncio.create_task(LineChecker(settings, wait_s=2 * PATIENCE_S).__aenter__())
        await asyncio.sleep(0.05)
        assert not waiting.done()
    second = await asyncio.wait_for(waiting, PATIENCE_S)
    await second.__aexit__()


async def test_the_exchanges_own_address_is_refused(settings: Settings) -> None:
    """Asterisk would take the synthetic caller for a real one."""
    same = settings.model_copy(update={"trunk_host": settings.host})
    with pytest.raises(HeyiError, match="exchange's own address"):
        async with LineChecker(same):
            pass
