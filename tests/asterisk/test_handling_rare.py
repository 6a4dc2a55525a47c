"""What befalls a call on the floor now and then: nobody takes it, everybody leaves, a number outside fails."""

import asyncio

import pytest

from core.city import City
from core.errors import Conflict
from telephony.events import (
    AgentChanged,
    CallAnswered,
    CallerPressed,
    CallMoved,
    CallQueued,
    CallRinging,
    DeskJoined,
)
from telephony.phone import PhoneCall
from tests.asterisk.conftest import (
    TONE,
    House,
    Site,
    Taker,
    close_house,
    listening,
    open_house,
    silence,
    write_wav,
)
from tests.asterisk.floor import Floor, floor_city, ignore
from tests.asterisk.test_calls import row_of
from tests.eventually import until

pytestmark = pytest.mark.asterisk


@pytest.fixture
def city() -> City:
    return floor_city()


@pytest.fixture
def floor(site: Site, house: House) -> Floor:
    return Floor(site, house)


async def test_a_ring_that_nobody_takes_sets_the_desk_aside_and_the_caller_goes_on(floor: Floor, house: House) -> None:
    await floor.staff("1001")
    floor.phones["1001"].on_call = ignore
    trunk = await floor.site.phone("exchange", trunk=True)
    call = await trunk.call("12345", caller="13800138000")
    await house.until(lambda: bool(house.of(CallRinging)), "rings")
    await floor.staff("1002")
    await house.until(lambda: bool(house.of(CallAnswered)), "the next desk answered")
    assert [a.agent for a in house.of(CallAnswered) if isinstance(a, CallAnswered)] == ["1002"]
    paused = [
        (e.agent, e.reason) for e in house.of(AgentChanged) if isinstance(e, AgentChanged) and e.state == "paused"
    ]
    assert paused == [("1001", "未接来电")]
    assert len(house.of(CallQueued)) == 1 and not house.of(CallMoved), "no place was lost"
    await call.hang_up()


async def test_who_cannot_speak_presses_a_key(floor: Floor, house: House) -> None:
    write_wav(floor.site.settings.data / "asterisk" / "sounds" / "silent-ask.wav", TONE)
    await floor.staff("1001")
    call, call_id = await floor.talking()
    await silence(call)  # the desk's own tone is over
    heard = listening(call)
    await house.switchboard.handling.ask_silent(call_id)
    await until(heard, "the question is heard")
    call.press("1")
    await house.until(lambda: bool(house.of(CallerPressed)), "the key is told")
    assert [(e.call_id, e.digit) for e in house.of(CallerPressed) if isinstance(e, CallerPressed)] == [(call_id, "1")]
    await floor.hear_each_other(call, "1001")


async def test_a_desk_rings_out_and_another_desk(floor: Floor, house: House) -> None:
    await floor.staff("1001", "1002")
    trunk = await floor.site.phone("exchange", trunk=True)
    outside = Taker(trunk)
    out = await floor.phones["1001"].call("13900139000")
    await until(lambda: bool(outside.calls), lambda: "the citizen answers")
    await house.until(lambda: [c.state for c in house.switchboard.calls()] == ["talking"], "they talk")
    live = next(c for c in house.switchboard.calls())
    assert (live.direction, live.caller, live.agent) == ("out", "13900139000", "1001")
    assert [a.state for a in house.switchboard.agents() if a.extension == "1001"] == ["talking"]
    await asyncio.sleep(1)
    await out.hang_up()
    ended = await floor.ended(live.call_id)
    row = await row_of(house, live.call_id)
    assert (row.direction, row.agent, row.caller, row.outcome) == ("out", "1001", "13900139000", "answered")
    assert (floor.site.settings.recordings / ended.recording).stat().st_size > 8000
    await house.until(
        lambda: all(a.state == "ready" for a in house.switchboard.agents() if a.extension == "1001"), "wrapped up"
    )
    inside = await floor.phones["1001"].call("1002")
    await house.until(lambda: any(c.direction == "internal" for c in house.switchboard.calls()), "desk to desk")
    await house.until(
        lambda: [a.state for a in house.switchboard.agents() if a.extension in ("1001", "1002")] == ["talking"] * 2,
        "both talk",
    )
    await inside.hang_up()


async def test_a_caller_whom_everybody_left_goes_back_into_the_queue(floor: Floor, house: House) -> None:
    await floor.staff("1001", "1002")
    call, call_id = await floor.talking()
    await house.switchboard.handling.consult(call_id, "1002", by="1001")
    await house.until(lambda: len(house.of(DeskJoined)) == 2, "the other desk answered")
    # both vanish while the caller hears music
    await floor.takers["1001"].calls[-1].hang_up()
    await house.until(lambda: bool(house.of(CallMoved)), "back in the queue")
    await house.until(lambda: len(house.of(DeskJoined)) >= 3, "answered again")
    assert not call.ended.is_set()
    await call.hang_up()
    await floor.ended(call_id)


async def test_every_telephone_rings_at_once_where_nobody_answers_an_emergency(floor: Floor, house: House) -> None:
    """Nobody picks up 119: both emergency desks and the desk of another skill ring at once, and that one answers."""
    for extension in ("1001", "1002"):
        floor.phones[extension] = await floor.site.phone(extension)
        floor.phones[extension].on_call = ignore
    helper = await floor.site.phone("1003")

    async def answer_late(call: PhoneCall) -> None:
        await asyncio.sleep(2)
        await call.answer()

    helper.on_call = answer_late
    trunk = await floor.site.phone("exchange", trunk=True)
    call = await trunk.call("119", caller="13800138000")
    await house.until(lambda: any(e.queue == "last-resort" for e in moves(house)), "the last resort")
    await house.until(lambda: len(floor.view(house.of(CallQueued)[0].call_id or "").ringing) == 3, "all ring")
    await house.until(lambda: bool(house.of(CallAnswered)), "somebody answers")
    assert [e.agent for e in house.of(CallAnswered) if isinstance(e, CallAnswered)] == ["1003"]
    assert moves(house)[-1].queue == "last-resort"
    await call.hang_up()


def moves(house: House) -> list[CallMoved]:
    return [e for e in house.of(CallMoved) if isinstance(e, CallMoved)]


async def test_an_emergency_passed_to_a_skill_keeps_its_last_resort_and_is_not_asked_to_hang_up(
    floor: Floor, house: House
) -> None:
    await floor.staff("1001")
    call, call_id = await floor.talking()
    await house.switchboard.handling.transfer(call_id, "group", "minnan", by="1001")
    await house.until(lambda: bool(moves(house)), "waits for the other skill")
    await asyncio.sleep(1)
    call.press("1")
    await house.until(lambda: len(house.of(DeskJoined)) == 2, "answered by an emergency desk")
    assert not call.ended.is_set()
    await floor.hear_each_other(call, "1001")


async def test_a_caller_passed_to_a_number_outside_that_does_not_answer_comes_back(floor: Floor, house: House) -> None:
    await floor.staff("1001")
    call, call_id = await floor.talking()
    dialled: list[str] = []

    async def outside(ringing: PhoneCall) -> None:
        dialled.append(ringing.id)
        await ringing.hang_up()

    floor.trunk.on_call = outside
    await house.switchboard.handling.transfer(call_id, "outside", "+8659512345678", by="1001")
    await house.until(lambda: bool(moves(house)), "back in the queue")
    assert dialled and not call.ended.is_set()


async def test_a_number_outside_can_be_consulted(floor: Floor, house: House) -> None:
    await floor.staff("1001")
    call, call_id = await floor.talking()
    outside = Taker(floor.trunk)
    handling = house.switchboard.handling
    await handling.consult(call_id, "059588888888", by="1001", outside=True)
    await until(lambda: bool(outside.calls), lambda: "the number outside is rung")
    with pytest.raises(Conflict):
        await handling.link(call_id, "medical", by="1001")
    await house.until(lambda: any(p.role == "consult" for p in floor.view(call_id).parties), "he is consulted")
    with pytest.raises(Conflict):
        await handling.leave(call_id, "1001")
    await handling.take_back(call_id, by="1001")
    await house.until(lambda: [p.extension for p in floor.view(call_id).parties] == ["1001"], "only the two are left")
    with pytest.raises(Conflict):
        await handling.take_back(call_id, by="1001")
    await floor.hear_each_other(call, "1001")


async def test_a_telephones_own_transfer_to_nobody_loses_no_caller(floor: Floor, house: House) -> None:
    await floor.staff("1001")
    call, _ = await floor.talking()
    floor.takers["1001"].calls[-1].refer("1002")  # not registered
    await house.until(lambda: bool(moves(house)), "back in the queue")
    assert not call.ended.is_set()


async def test_asterisk_starts_over_a_damaged_database_of_its_own(floor: Floor, house: House) -> None:
    await house.switchboard.modes.switch("typhoon", by="leader")
    await close_house(house)
    server = floor.site.server
    server.stop()
    database = server.folder / "lib" / "astdb.sqlite3"
    database.write_bytes(b"no database at all" * 500)
    server.start()
    assert list(database.parent.glob("astdb.sqlite3.broken-*"))
    again = await open_house(floor.site.settings, floor.site.city)
    assert again.switchboard.modes.current.key == "typhoon"
    assert "typhoon" in server.cli("database get heyi mode")
    await close_house(again)
