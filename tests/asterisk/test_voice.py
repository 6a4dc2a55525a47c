"""Callers who meet the voice, on a real Asterisk: keys, silence, a party outside, and words with real recognition."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from asr.events import UtteranceHeard
from core.bus import Bus
from core.city import City
from core.database import Database, StoredEvent
from core.settings import Settings
from heyi.voice import URGENT
from ivr import voice_model
from ivr.signals import Heard, Judged
from ivr.voice import Voice
from telephony import ledger
from telephony.events import CallAnswered, CallArrived, CallEnded, CallQueued
from telephony.ledger import CallRow
from telephony.phone import PhoneCall
from tests.asterisk.conftest import TONE, House, Site, Taker, site_settings, write_wav
from tests.asterisk.serving import Serve
from tests.asterisk.test_transcript import samples
from tests.asterisk.voicekit import TestVoice
from tests.eventually import PATIENCE_S, until
from triage.verdict import CallTriaged

pytestmark = pytest.mark.asterisk

CALLER, OWNER = "13800138000", "13900139000"


@pytest.fixture
def city(jinjiang: City) -> City:
    return jinjiang


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The example city, every sentence of which is a short tone, as if it had been recorded so."""
    folder = tmp_path / "jinjiang"
    shutil.copytree("cities/jinjiang", folder)
    for name in ("greeting-12345", "menu", "wait", "person", "bye"):
        write_wav(folder / "sounds" / "zh" / "welcome" / f"{name}.wav", TONE[:8000])
    return site_settings(tmp_path).model_copy(update={"voice": True, "city": folder})


# -- somebody outside


@pytest.fixture
async def voice(site: Site, house: House) -> AsyncIterator[TestVoice]:
    tone = site.settings.data / "asterisk" / "sounds" / "tone.wav"
    write_wav(tone, TONE[:8000])
    voice = TestVoice(site.settings, site.city, tone, ami=house.bridge.ami, party=OWNER)
    await voice.server.start()
    yield voice
    await voice.server.close()


async def ask_for_the_owner(site: Site, house: House, voice: TestVoice) -> PhoneCall:
    trunk = site.phones[0]
    call = await trunk.call("12345", caller=CALLER)
    await until(lambda: bool(voice.drivers), "the voice has the call")
    driver = next(iter(voice.drivers.values()))
    call.press("3")
    await until(lambda: driver.session.where == ("move-car", "plate"), lambda: str(driver.session.where))
    driver.tell(Heard("闽C12345"), Judged("service"))
    await until(lambda: driver.session.where == ("move-car", "sure"), lambda: str(driver.session.where))
    call.press("1")
    return call


async def test_the_owner_of_a_car_sees_the_lines_number_and_the_caller_nothing(
    site: Site, house: House, voice: TestVoice
) -> None:
    trunk = await site.phone("exchange", trunk=True)
    rung: list[PhoneCall] = []

    async def owner(call: PhoneCall) -> None:
        rung.append(call)
        await asyncio.sleep(0.5)
        await call.answer()
        await call.play(TONE * 3)

    trunk.on_call = owner
    call = await ask_for_the_owner(site, house, voice)
    await until(lambda: bool(rung), "the owner's telephone rings")
    assert "12345" in rung[0].from_header and CALLER not in rung[0].from_header
    assert call.audio is not None
    before = call.audio.voiced
    await until(lambda: call.audio is not None and call.audio.voiced > before + 50, "the caller hears the owner")
    await rung[0].hang_up()
    await until(call.ended.is_set, "the call is over with the talk")
    await house.until(lambda: bool(house.of(CallEnded)), "ended")
    ended = [event for event in house.of(CallEnded) if isinstance(event, CallEnded)]
    # He never waited for a person: neither missed nor given up.
    assert [event.outcome for event in ended] == ["voice"] and not house.of(CallQueued)
    assert not [one for one in await house.switchboard.missed.open()]


async def test_an_owner_who_does_not_answer_gives_the_caller_to_a_person_under_his_own_number(
    site: Site, house: House, voice: TestVoice
) -> None:
    await site.phone("exchange", trunk=True)  # refuses as busy
    taker = Taker(await site.phone("1007"))
    call = await ask_for_the_owner(site, house, voice)
    await house.until(lambda: bool(house.of(CallAnswered)), "a person answers", PATIENCE_S)
    assert CALLER in taker.calls[0].from_header
    assert next(note for _, note in voice.notebook.notes if note.step == "call").why == "failed"
    await call.hang_up()


async def test_who_presses_0_while_the_owner_is_rung_is_with_a_person(
    site: Site, house: House, voice: TestVoice
) -> None:
    trunk = await site.phone("exchange", trunk=True)
    rung: list[PhoneCall] = []

    async def owner(call: PhoneCall) -> None:
        rung.append(call)
        await call.ended.wait()

    trunk.on_call = owner
    taker = Taker(await site.phone("1007"))
    call = await ask_for_the_owner(site, house, voice)
    await until(lambda: bool(rung), "the owner's telephone rings")
    await asyncio.sleep(0.5)
    call.press("0")
    await house.until(lambda: bool(house.of(CallAnswered)), "a person answers", PATIENCE_S)
    assert CALLER in taker.calls[0].from_header and rung[0].ended.is_set()
    await call.hang_up()


async def test_an_emergency_while_he_talks_with_the_owner_brings_him_to_the_emergency_desks(
    site: Site, house: House, voice: TestVoice
) -> None:
    trunk = await site.phone("exchange", trunk=True)
    rung: list[PhoneCall] = []

    async def owner(call: PhoneCall) -> None:
        rung.append(call)
        await call.answer()
        await call.play(TONE * 200)

    trunk.on_call = owner
    call = await ask_for_the_owner(site, house, voice)
    await until(lambda: bool(rung), "the owner's telephone rings")
    live = next(iter(house.bridge.calls.calls.values()))
    await until(
        lambda: any(leg.kind == "outside" and leg.answered_at for leg in live.legs.values()), "they talk",
        PATIENCE_S,
    )  # fmt: skip
    await house.bridge.ami.action("Redirect", {"Channel": live.channel, **URGENT})
    await house.until(lambda: bool(house.of(CallQueued)), "he waits for the emergency desks", PATIENCE_S)
    waits = house.of(CallQueued)[0]
    assert isinstance(waits, CallQueued) and waits.queue == "emergency" and not call.ended.is_set()
    await until(rung[0].ended.is_set, "the owner's call is over")
    await call.hang_up()
    await house.until(lambda: bool(house.of(CallEnded)), "ended")


# -- words


@dataclass
class Told:
    """What the house has stored of a call."""

    row: CallRow
    events: Sequence[StoredEvent]

    def at(self, kind: type) -> datetime | None:
        return next((event.at for event in self.events if event.type == kind.__name__), None)


async def told(database: Database, caller: str) -> Told | None:
    async with database.read() as session:
        rows = list(await ledger.history(session, caller))
        if not rows:
            return None
        found = await session.scalars(
            select(StoredEvent).where(StoredEvent.call_id == rows[0].id).order_by(StoredEvent.seq)
        )
        return Told(rows[0], list(found))


async def queued(database: Database, caller: str) -> Told:
    """The call once it waits for a person."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await told(database, caller)
            if found is not None and found.row.queued_at is not None:
                return found
            await asyncio.sleep(0.1)


SERVICE = "我们小区门口的路灯坏了好几天了，晚上很黑，请派人来修一下。"
EMERGENCY = "停电了，我被困在电梯里，快来人。"


@pytest.mark.models
async def test_callers_say_press_or_wait_and_each_comes_where_he_belongs(
    site: Site, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what was said to the voice is on the desk's card and in the ticket's draft when a person answers."""
    voice = Voice(voice_model.ensure(Settings().cache), Settings().cache)
    # Beforehand: to speak takes seconds in which no packet would leave.
    spoken = {text: samples(voice.wav8k(text)).tobytes() for text in (SERVICE, EMERGENCY)}
    trunk = await site.phone("exchange", trunk=True)
    database = Database(site.settings.db_url, Bus())
    quiet = b"\0" * 16000

    async def says(caller: str, text: str) -> PhoneCall:
        call = await trunk.call("12345", caller=caller)
        await call.play(quiet * 2)
        await call.play(spoken[text])
        await call.play(quiet)
        return call

    async def presses(caller: str, key: str) -> PhoneCall:
        call = await trunk.call("12345", caller=caller)
        await asyncio.sleep(1)
        call.press(key)
        return call

    try:
        calls = await asyncio.gather(
            presses("13800138003", "0"), presses("13800138004", "9"), trunk.call("12345", caller="13800138005")
        )
        zero, nine, silent = [await queued(database, f"1380013800{n}") for n in (3, 4, 5)]
        assert (zero.row.queue, nine.row.queue, silent.row.queue) == ("service", "emergency", "service")
        assert nine.row.priority > max(line.priority for line in site.city.lines if line.kind == "service")
        for call in calls:
            await call.hang_up()

        trapped = await says("13800138002", EMERGENCY)
        urgent = await queued(database, "13800138002")
        assert urgent.row.queue == "emergency"
        assert urgent.row.priority == max(line.priority for line in site.city.lines)
        understood = next(
            event.at for event in urgent.events
            if event.type == CallTriaged.__name__ and json.loads(event.body)["verdict"]["outcome"] == "emergency"
        )  # fmt: skip
        await trapped.hang_up()

        asked = await says("13800138001", SERVICE)
        service = await queued(database, "13800138001")
        assert service.row.queue == "service" and service.at(UtteranceHeard) is not None
        assert service.at(UtteranceHeard) < service.at(CallQueued)  # type: ignore[operator]
        taker = Taker(await site.phone("1007"))
        await until(lambda: bool(taker.calls), "a person answers")
        async with httpx.AsyncClient(base_url=serve.base, headers={"Origin": serve.base}, trust_env=False) as desk:
            person = next(p for p in site.city.people if p.role == "supervisor")
            await desk.post("/api/login", json={"login": person.login, "password": person.password})
            card: dict[str, object] = {}

            async def drafted() -> bool:
                card.update((await desk.get(f"/api/calls/{service.row.id}")).json())
                ticket = card.get("ticket")
                return isinstance(ticket, dict) and bool(ticket["summary"]) and bool(ticket["code"])

            await until(drafted, lambda: f"the draft is filled: {card}")
        words = "".join(u["text"] for u in card["transcript"] if u["leg"] == "caller")  # type: ignore[attr-defined]
        ticket = card["ticket"]
        assert "晚上很黑" in words and "晚上很黑" in ticket["summary"]  # type: ignore[index]
        assert card["verdict"]["outcome"] == "service"  # type: ignore[index]
        await asked.hang_up()
    finally:
        await database.close()
    with capsys.disabled():
        waits = (urgent.at(CallQueued) - understood).total_seconds()  # type: ignore[operator]
        print(f"\nemergency: in its queue {waits:.2f} s after its words were understood")
        arrived = silent.at(CallArrived)
        print(f"silent caller: queued after {(silent.at(CallQueued) - arrived).total_seconds():.1f} s")  # type: ignore[operator]
