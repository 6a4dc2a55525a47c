"""What is heard of a caller while somebody outside is rung for him, or talks with him."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from asr.events import UtteranceHeard
from core.bus import Bus
from core.city import City
from core.cityfile import load_city
from core.clock import SystemClock
from core.settings import Settings
from heyi.voice import URGENT, Voices, _Spoken
from ivr.signals import Heard, Judged
from telephony.call import Call, Leg
from telephony.events import CallQueued
from triage.judge import Turn
from triage.verdict import Outcome, Verdict

CALL, CHANNEL = "hy1-1.1", "PJSIP/trunk-1"


@pytest.fixture(scope="module")
def jinjiang() -> City:
    return load_city(Path("cities/jinjiang"))


class _Ami:
    def __init__(self) -> None:
        self.orders: list[tuple[str, dict[str, str]]] = []

    async def action(self, action: str, headers: dict[str, str]) -> None:
        self.orders.append((action, headers))


class Scene:
    def __init__(self, city: City, tmp_path: Path, words: Outcome, *, talks: bool) -> None:
        now = datetime.now(UTC)
        self.live = live = Call(CALL, "12345", "13800138000", "in", CHANNEL, now)
        live.legs["party"] = Leg("party", "PJSIP/trunk-2", "outside", "", now, now if talks else None)
        self.ami, self.urgent, self.told = _Ami(), list[str](), list[object]()

        def judging(line: str, turns: Sequence[Turn], caller: str) -> Verdict:
            return Verdict(
                outcome=words, p_emergency=0.9, candidates=(), nature="求助", department="", assist=(), places=(),
                phone="", reasons=(),
            )  # fmt: skip

        async def urgent(call_id: str) -> None:
            self.urgent.append(call_id)

        bridge = SimpleNamespace(calls=SimpleNamespace(calls={CALL: live}), ami=self.ami)
        self.voices = Voices(
            Settings(data=tmp_path), city, bridge, Bus(), SystemClock(), None, None, None, judging, urgent,  # type: ignore[arg-type]
        )  # fmt: skip
        driver = SimpleNamespace(tell=lambda *inputs: self.told.extend(inputs))
        spoken = _Spoken(driver, "move-car", "12345", "13800138000", CHANNEL, now, parted=True)  # type: ignore[arg-type]
        self.voices._spoken[CALL] = spoken

    async def says(self, text: str) -> None:
        now = datetime.now(UTC)
        await self.voices._hear(
            UtteranceHeard(
                at=now, call_id=CALL, utterance_id="u", leg="caller", text=text, raw=text, start_s=0, end_s=1,
                confidence=1,
            )
        )  # fmt: skip


@pytest.mark.parametrize("talks", [True, False])
async def test_an_emergency_breaks_off_whether_the_other_is_rung_or_talks(
    jinjiang: City, tmp_path: Path, talks: bool
) -> None:
    scene = Scene(jinjiang, tmp_path, "emergency", talks=talks)
    await scene.says("着火了，救命")
    assert scene.ami.orders == [("Redirect", {"Channel": CHANNEL, **URGENT})] and scene.urgent == [CALL]
    await scene.says("快来人")
    assert len(scene.ami.orders) == 1, "once"


async def test_other_words_leave_them_talking(jinjiang: City, tmp_path: Path) -> None:
    scene = Scene(jinjiang, tmp_path, "review", talks=True)
    await scene.says("你再不来挪车我就报警了")
    assert scene.ami.orders == [] and scene.urgent == []
    assert scene.told == [Heard("你再不来挪车我就报警了"), Judged("review")]


async def test_who_is_with_a_person_by_now_stays_there(jinjiang: City, tmp_path: Path) -> None:
    """He pressed 0 while the other was rung: the call taker hears him."""
    scene = Scene(jinjiang, tmp_path, "emergency", talks=False)
    scene.live.legs.pop("party")
    await scene.says("着火了，救命")
    assert scene.ami.orders == [] and scene.urgent == []


async def test_whom_a_desk_passes_on_to_somebody_outside_is_the_desks(jinjiang: City, tmp_path: Path) -> None:
    scene = Scene(jinjiang, tmp_path, "emergency", talks=True)
    await scene.voices._hear(CallQueued(at=datetime.now(UTC), call_id=CALL, line="12345", priority=20))
    await scene.says("着火了，救命")
    assert scene.ami.orders == []
