"""A voice while waiting, after the call and in the robot's call, on a real Asterisk: nobody loses a place, a desk or a
second of the ledger by it, and without us everything goes on as before."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest

from asr.events import UtteranceHeard
from core.city import City
from core.cityfile import load_city
from core.clock import SystemClock
from core.settings import Settings
from heyi.occasions import Waiting
from heyi.voice import Voices
from ivr.signals import Play
from ivr.ways import Left
from telephony import dialplan, ledger
from telephony.events import (
    CallAnswered,
    CallArrived,
    CallEnded,
    CallKept,
    CallMoved,
    CallQueued,
    CallUrged,
    ConversationEnded,
    KeyPressed,
    VoiceBegan,
)
from telephony.phone import Phone, PhoneCall
from tests.asterisk.conftest import TONE, House, Site, Taker, site_settings, write_wav
from tests.asterisk.voicekit import Notebook
from tests.citykit import small_city
from tests.eventually import until
from ticketing.dialler import new_call_id
from ticketing.selfservice.service import SelfService
from triage.judge import Judge

pytestmark = pytest.mark.asterisk

#: Seconds until a caller who waits is told for the first time, and from then on again.
FIRST_S, EVERY_S = 3, 6


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who wait are told sooner than in a city."""
    monkeypatch.setattr(dialplan, "TELL_FIRST_S", FIRST_S)
    monkeypatch.setattr(dialplan, "TELL_EVERY_S", EVERY_S)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = site_settings(tmp_path).model_copy(update={"voice": True})
    for name in ("place-kept", "please-wait"):
        write_wav(made.data / "asterisk" / "sounds" / f"{name}.wav", TONE[:4000])
    return made


@pytest.fixture
def city() -> City:
    """The small city, with what the example city has for these occasions; callers go straight to the queue."""
    flows = load_city(Path("cities/jinjiang")).ivr
    mine = {"waiting", "robot-callback", "satisfaction"}
    return small_city().model_copy(update={"ivr": tuple(flow for flow in flows if flow.key in mine)})


class Knows:
    """An occasion that knows a ticket."""

    async def begin(self, call_id: str, channel: str) -> Mapping[str, str] | None:
        return {"ticket": "20261122-0001", "matter": "路灯问题"}

    async def end(self, call_id: str, left: Left) -> None:
        return None


@dataclass
class Desk:
    """Stands for the look-ups; remembers what was told of results."""

    results: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    async def look_up(
        self, name: str, arguments: Mapping[str, str], caller: str, call_id: str, line: str, now: datetime
    ) -> tuple[str, dict[str, str]]:
        self.results.append((call_id, dict(arguments)))
        return "done", {}

    async def party_number(self, owner: str) -> str | None:
        return None


@dataclass
class Spoken:
    """The voice of the house."""

    voices: Voices
    desk: Desk
    notes: Notebook
    #: Prompts that were asked for, as (name, text).
    said: list[tuple[str, str]] = field(default_factory=list)

    def texts(self, flow: str) -> list[str]:
        return [text for name, text in self.said if name.startswith(f"{flow}/")]

    def ends(self, flow: str) -> list[str]:
        return [end.how for _, end in self.notes.ends if end.flow == flow]


class Tone:
    """Every sentence is a tone of so many seconds."""

    def __init__(self, folder: Path, seconds: float, said: list[tuple[str, str]]) -> None:
        self._file, self._said = folder / f"tone-{seconds}.wav", said
        write_wav(self._file, (TONE * int(seconds + 1))[: int(seconds * 16000)])

    async def sound(self, play: Play) -> AsyncIterator[Path]:
        self._said.append((play.sound, play.text))
        yield self._file


Speak = Callable[..., Any]


@pytest.fixture
async def speak(site: Site, house: House, tmp_path: Path) -> AsyncIterator[Speak]:
    """Begins the voice, with sentences of so many seconds."""
    begun: list[Voices] = []

    async def begin(seconds: float = 0.6) -> Spoken:
        desk, notes, said = Desk(), Notebook(), cast("list[tuple[str, str]]", [])
        judge = Judge(site.city)

        async def urgent(call_id: str) -> None:
            await house.switchboard.standings.raised(call_id)

        voices = Voices(
            site.settings, site.city, house.bridge, house.bus, SystemClock(), Tone(tmp_path, seconds, said),
            cast(SelfService, desk), notes, judge.judge, urgent,
        )  # fmt: skip
        voices.serve_at("waiting", Waiting(house.switchboard.waits))
        voices.serve_at("robot-callback", Knows())
        voices.serve_at("satisfaction", Knows())
        house.switchboard.waits.call_in = voices.call_in
        await voices.start()
        begun.append(voices)
        return Spoken(voices, desk, notes, said)

    yield begin
    for voices in begun:
        await voices.close()


async def wait_in_line(house: House, trunk: Phone, caller: str) -> PhoneCall:
    queued = len(house.of(CallQueued))
    call = await trunk.call("12345", caller=caller)
    await house.until(lambda: len(house.of(CallQueued)) > queued, f"{caller} waits")
    return call


def answered(house: House) -> list[str]:
    """Numbers, in the order in which desks answered them."""
    callers = {e.call_id: e.caller for e in house.of(CallArrived) if isinstance(e, CallArrived)}
    return [callers[e.call_id] for e in house.of(CallAnswered)]


async def rows(house: House) -> list[ledger.CallRow]:
    async with house.database.read() as session:
        return [row for e in house.of(CallArrived) if (row := await ledger.call(session, e.call_id or ""))]


NUMBERS = ("13900139001", "13900139002", "13900139003")


async def test_those_who_wait_are_told_their_place_and_keep_it(site: Site, house: House, speak: Speak) -> None:
    spoken = await speak()
    trunk = await site.phone("exchange", trunk=True)
    calls = [await wait_in_line(house, trunk, number) for number in NUMBERS]
    # Twice: they come back to the queue, and are told again.
    await house.until(lambda: len(spoken.ends("waiting")) >= 5, "told and put back, again and again")
    told = set(spoken.texts("waiting"))
    assert {text[:9] for text in told} == {"您前面还有1位。不", "您前面还有2位。不"}, (
        "no figure without answers, the first in peace"
    )
    assert len(house.of(CallQueued)) == 3 and house.of(CallMoved) == [], "one wait each"
    taker = Taker(await site.phone("1001"))
    for n in (1, 2, 3):
        await house.until(lambda n=n: len(answered(house)) == n, f"the {n}. is answered")  # type: ignore[misc]
        await until(lambda n=n: len(taker.calls) == n, "picked up")
        await taker.calls[-1].hang_up()
    assert answered(house) == list(NUMBERS)
    await house.until(lambda: len(house.of(ConversationEnded)) == 3, "asked how it was")
    for call in calls:
        await call.hang_up()
    await house.until(lambda: len(house.of(CallEnded)) == 3, "all over")
    for row in await rows(house):
        assert row.answered_at is not None and row.waited_s is not None
        assert (row.outcome, row.queue) == ("answered", "service")
        assert abs(row.waited_s - (row.answered_at - row.arrived_at).total_seconds()) < 0.01


async def test_who_listens_is_called_in_before_anybody_behind_him(site: Site, house: House, speak: Speak) -> None:
    spoken = await speak(60.0)  # whoever is not called in misses his turn
    Taker(await site.phone("1001"))
    trunk = await site.phone("exchange", trunk=True)
    busy = await wait_in_line(house, trunk, "13600136000")
    await house.until(lambda: len(answered(house)) == 1, "the only desk is busy")
    calls = [await wait_in_line(house, trunk, number) for number in NUMBERS]
    await house.until(lambda: len(spoken.texts("waiting")) >= 2, "the second and the third are told something")
    assert calls[1].audio is not None
    heard = calls[1].audio.voiced
    await until(lambda: calls[1].audio is not None and calls[1].audio.voiced > heard + 20, "he hears it")
    await busy.hang_up()
    for n in (2, 3, 4):
        await house.until(lambda n=n: len(answered(house)) == n, "the next is answered")  # type: ignore[misc]
        await calls[n - 2].hang_up()
    assert answered(house)[1:] == list(NUMBERS)


async def test_keys_in_the_queue_itself(site: Site, house: House, speak: Speak) -> None:
    await speak()
    trunk = await site.phone("exchange", trunk=True)
    one, two, three = [await wait_in_line(house, trunk, number) for number in NUMBERS]
    one.press("0")
    await asyncio.sleep(0.5)
    assert house.of(CallMoved, CallUrged, CallKept) == [], "0 means nothing there"

    async def pressed(call: PhoneCall, digit: str, done: Callable[[], bool]) -> None:
        async def again() -> bool:
            if not done():
                call.press(digit)
                await asyncio.sleep(0.4)
            return done()

        await until(again, f"key {digit}")

    for count, call, digit in ((1, one, "9"), (2, two, "*")):
        await pressed(call, digit, lambda count=count: len(house.of(CallUrged)) == count)  # type: ignore[misc]
        await house.until(
            lambda count=count: (
                {e.call_id for e in house.of(CallMoved) if e.queue == "emergency"}  # type: ignore
                == {e.call_id for e in house.of(CallUrged)}
            ),
            "with the emergencies",
        )
    await pressed(three, "1", lambda: len(house.of(CallKept)) == 1)
    moved = [e for e in house.of(CallMoved) if isinstance(e, CallMoved)]
    assert min(e.priority for e in moved) >= 100, "before all who have not been answered"


async def test_a_key_of_the_voice_that_waits_with_him(site: Site, house: House, speak: Speak) -> None:
    spoken = await speak(8.0)
    trunk = await site.phone("exchange", trunk=True)
    one, two = [await wait_in_line(house, trunk, number) for number in NUMBERS[:2]]
    await house.until(lambda: bool(spoken.texts("waiting")), "the second is told something")
    await asyncio.sleep(0.5)
    two.press("9")
    await house.until(lambda: bool(house.of(CallUrged)), "an emergency")
    await house.until(lambda: any(e.queue == "emergency" for e in house.of(CallMoved)), "there")  # type: ignore
    await one.hang_up()


async def test_without_us_the_queue_goes_on(site: Site, house: House) -> None:
    """No server: nobody is told anything, and nobody who came later is answered before."""
    trunk = await site.phone("exchange", trunk=True)
    calls = [await wait_in_line(house, trunk, number) for number in NUMBERS]
    await house.until(lambda: len(house.of(CallMoved)) >= 3, "on with a little more priority")
    assert {e.priority for e in house.of(CallMoved) if isinstance(e, CallMoved)} == {11}
    taker = Taker(await site.phone("1001"))
    for n in (1, 2, 3):
        await house.until(lambda n=n: len(answered(house)) == n, "answered")  # type: ignore[misc]
        await until(lambda n=n: len(taker.calls) == n, "picked up")
        await taker.calls[-1].hang_up()
        await until(calls[n - 1].ended.is_set, "hung up")
    assert answered(house) == list(NUMBERS)
    await house.until(lambda: len(house.of(CallEnded)) == 3, "and over with the desk")


# --- after the call ---------------------------------------------------------------------------------------------------


async def talk(house: House, site: Site, trunk: Phone, line: str = "12345") -> tuple[PhoneCall, Taker]:
    taker = Taker(await site.phone("1001"))
    call = await trunk.call(line, caller="13900139001")
    await house.until(lambda: bool(house.of(CallAnswered)), "answered")
    await until(lambda: bool(taker.calls), "picked up")
    await asyncio.sleep(1)
    return call, taker


async def test_after_the_desk_has_hung_up_the_caller_rates_the_call(site: Site, house: House, speak: Speak) -> None:
    spoken = await speak()
    trunk = await site.phone("exchange", trunk=True)
    call, taker = await talk(house, site, trunk)
    await taker.calls[-1].hang_up()
    await house.until(lambda: bool(house.of(ConversationEnded)), "the desk is through")
    await house.until(lambda: bool(spoken.texts("satisfaction")), "asked")
    agent = house.bridge.agents.agents["1001"]
    await house.until(lambda: agent.state == "wrapup", "the desk writes, while the caller is still there")
    assert not call.ended.is_set() and house.of(CallEnded) == []
    assert house.switchboard.calls() == [], "nobody's caller any more"
    await asyncio.sleep(2)
    call.press("2")
    await until(call.ended.is_set, "hung up")
    await house.until(lambda: bool(house.of(CallEnded)), "over")
    ((call_id, told),) = spoken.desk.results
    assert (call_id, told["satisfied"]) == (house.of(CallAnswered)[0].call_id, "fair")
    (row,) = await rows(house)
    end = house.of(ConversationEnded)[0]
    assert row.answered_at is not None and row.ended_at is not None and row.talked_s is not None
    assert (row.outcome, row.ended_by) == ("answered", "agent")
    assert abs(row.talked_s - (end.at - row.answered_at).total_seconds()) < 0.01
    assert (row.ended_at - end.at).total_seconds() > 2, "what was asked afterwards is no talk"
    assert house.of(CallMoved) == [] and len(house.of(CallQueued)) == 1
    assert (site.settings.recordings / row.recording).is_file()


async def test_silence_after_the_call_ends_it_and_zero_is_a_person(site: Site, house: House, speak: Speak) -> None:
    spoken = await speak()
    trunk = await site.phone("exchange", trunk=True)
    call, taker = await talk(house, site, trunk)
    await taker.calls[-1].hang_up()
    await house.until(lambda: bool(spoken.texts("satisfaction")), "asked")
    await asyncio.sleep(1)
    call.press("0")
    await house.until(lambda: len(house.of(CallMoved)) == 1, "waits for a person again")
    await until(lambda: len(taker.calls) == 2, "answered again")
    await asyncio.sleep(0.5)
    await taker.calls[-1].hang_up()
    await until(call.ended.is_set, "hung up")

    def asked() -> int:
        return sum(name == "satisfaction/ask" for name, _ in spoken.said)

    assert asked() == 1, "once in a call"
    assert spoken.desk.results == []
    await house.until(lambda: len(house.of(CallEnded)) == 1, "one call")
    second = await trunk.call("12345", caller="13900139002")
    await until(lambda: len(taker.calls) == 3, "picked up")
    await taker.calls[-1].hang_up()
    await house.until(lambda: asked() == 2, "another call")
    await until(second.ended.is_set, "hung up")  # says nothing


async def test_after_an_emergency_nobody_is_asked(site: Site, house: House, speak: Speak) -> None:
    spoken = await speak()
    trunk = await site.phone("exchange", trunk=True)
    call, taker = await talk(house, site, trunk, "119")
    await taker.calls[-1].hang_up()
    await until(call.ended.is_set, "hung up")
    await house.until(lambda: bool(house.of(CallEnded)), "over")
    assert house.of(ConversationEnded, VoiceBegan) == [] and spoken.said == []


async def test_without_us_the_call_is_over_with_its_desk(site: Site, house: House) -> None:
    trunk = await site.phone("exchange", trunk=True)
    call, taker = await talk(house, site, trunk)
    await taker.calls[-1].hang_up()
    await until(call.ended.is_set, "hung up")
    await house.until(lambda: bool(house.of(CallEnded)), "over")
    (row,) = await rows(house)
    assert (row.outcome, row.ended_by) == ("answered", "agent")


# --- the robot's call -------------------------------------------------------------------------------------------------


async def rung(house: House, trunk: Phone) -> tuple[str, PhoneCall]:
    """The robot rings somebody, who picks up."""
    taken: list[PhoneCall] = []

    async def pick_up(call: PhoneCall) -> None:
        await call.answer()
        taken.append(call)

    trunk.on_call = pick_up
    call_id = new_call_id()
    assert await house.switchboard.dialling.place(call_id=call_id, number="13800138000", ticket_number="TT1")
    await until(lambda: bool(taken), "picked up")
    return call_id, taken[0]


async def test_the_robot_understands_words_and_keys(site: Site, house: House, speak: Speak) -> None:
    spoken = await speak()
    call_id, call = await rung(house, await site.phone("exchange", trunk=True))
    await until(lambda: len(spoken.texts("robot-callback")) >= 2, "solved?")
    assert spoken.texts("robot-callback")[0].startswith("您好，我是试验市12345热线的语音机器人，回访您反映的路灯问题")

    def words(text: str, number: int) -> None:
        house.bus.publish(
            UtteranceHeard(
                at=datetime.now().astimezone(), call_id=call_id, utterance_id=f"u{number}", leg="caller", text=text,
                raw=text, confidence=1.0, start_s=0, end_s=1,
            )
        )  # fmt: skip

    await asyncio.sleep(1.5)
    words("已经解决了", 1)
    await until(lambda: any("满意吗" in text for text in spoken.texts("robot-callback")), "satisfied?")
    await asyncio.sleep(1.5)
    call.press("1")
    await until(call.ended.is_set, "hung up")
    ((told_id, told),) = spoken.desk.results
    assert (told_id, told["solved"], told["satisfied"]) == (call_id, "yes", "yes")
    await house.until(lambda: bool(house.of(CallEnded)), "over")
    (row,) = await rows(house)
    assert (row.direction, row.line, row.outcome, row.queued_at) == ("out", "callback", "answered", None)
    assert house.of(KeyPressed) == [], "the dialplan's own question was not put"


async def test_the_robot_hands_over_to_a_person(site: Site, house: House, speak: Speak) -> None:
    spoken = await speak()
    taker = Taker(await site.phone("1001"))
    call_id, call = await rung(house, await site.phone("exchange", trunk=True))
    await until(lambda: len(spoken.texts("robot-callback")) >= 2, "solved?")
    await asyncio.sleep(1)
    call.press("0")
    await house.until(lambda: bool(house.of(CallAnswered)), "a person")
    await until(lambda: bool(taker.calls), "picked up")
    (view,) = house.switchboard.calls()
    assert (view.call_id, view.line, view.direction, view.agent) == (call_id, "12345", "back", "1001")
    await asyncio.sleep(0.5)
    await call.hang_up()
    await house.until(lambda: bool(house.of(CallEnded)), "over")
    (row,) = await rows(house)
    assert (row.direction, row.line, row.caller, row.outcome) == ("back", "12345", "13800138000", "answered")


async def test_without_us_the_robot_asks_by_key(site: Site, house: House) -> None:
    _, call = await rung(house, await site.phone("exchange", trunk=True))
    await asyncio.sleep(2.5)
    call.press("1")
    await house.until(lambda: bool(house.of(KeyPressed)), "the answer")
    assert [e.digit for e in house.of(KeyPressed) if isinstance(e, KeyPressed)] == ["1"]
    await until(call.ended.is_set, "hung up")
