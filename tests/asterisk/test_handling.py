"""What a desk and its supervisor do with a call, on a real Asterisk: transfer, consultation, conference, linkage."""

import asyncio

import pytest

from core.city import City
from core.errors import Conflict, NotAllowed
from switchboard.modes import ModeChanged
from telephony.events import (
    CallAnswered,
    CallHandedOver,
    CallMoved,
    CallQueued,
    CallRinging,
    CallSupervised,
    CallTransferred,
    DeskJoined,
)
from tests.asterisk.conftest import (
    House,
    Site,
    Taker,
    close_house,
    heard_only,
    listening,
    open_house,
    say,
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


async def test_a_blind_transfer_keeps_caller_and_recording(floor: Floor, house: House) -> None:
    """asterisk#759, mikopbx/Core#1084: transfers are missing from the log, recordings are lost after them."""
    await floor.staff("1001", "1002")
    call, call_id = await floor.talking()
    await house.switchboard.handling.transfer(call_id, "desk", "1002", by="1001", reason="转治安")
    await house.until(lambda: len(house.of(DeskJoined)) == 2, "the other desk took it")
    await floor.hear_each_other(call, "1002")
    view = floor.view(call_id)
    assert (view.agent, view.state, [p.extension for p in view.parties]) == ("1002", "talking", ["1002"])
    await call.hang_up()
    ended = await floor.ended(call_id)
    row = await row_of(house, call_id)
    assert (row.agent, row.outcome, row.ended_by) == ("1002", "answered", "caller")
    passed = house.of(CallTransferred)
    assert [(e.agent, e.kind, e.target, e.reason) for e in passed if isinstance(e, CallTransferred)] == [
        ("1001", "blind", "1002", "转治安")
    ]
    assert len(house.of(CallAnswered)) == 1
    seconds = (floor.site.settings.recordings / ended.recording).stat().st_size / 16000
    assert seconds > ended.talked_s - 1


async def test_a_transfer_that_nobody_takes_comes_back_into_the_queue(floor: Floor, house: House) -> None:
    await floor.staff("1001")
    call, call_id = await floor.talking()
    await house.switchboard.handling.transfer(call_id, "desk", "1002", by="1001")  # not registered
    await house.until(lambda: bool(house.of(CallMoved)), "the caller waits again")
    assert floor.view(call_id).queue == "emergency"
    await house.until(lambda: len(house.of(DeskJoined)) == 2, "and is answered again")
    assert not call.ended.is_set()
    await floor.hear_each_other(call, "1001")


async def test_a_consultation_is_private_and_can_be_taken_back(floor: Floor, house: House) -> None:
    await floor.staff("1001", "1002")
    call, call_id = await floor.talking()
    handling = house.switchboard.handling
    await handling.consult(call_id, "1002", by="1001")
    await house.until(lambda: len(house.of(DeskJoined)) == 2, "the other desk answered")
    assert [e.role for e in house.of(DeskJoined) if isinstance(e, DeskJoined)] == ["agent", "consult"]
    assert {a.extension: a.state for a in house.switchboard.agents() if a.extension in ("1001", "1002")} == {
        "1001": "talking", "1002": "talking"
    }  # fmt: skip
    await heard_only(floor.takers["1002"].calls[-1], [floor.takers["1001"].calls[-1]], [call])
    await handling.take_back(call_id, by="1001")
    await house.until(lambda: [p.extension for p in floor.view(call_id).parties] == ["1001"], "only the two are left")
    await floor.hear_each_other(call, "1001")
    assert floor.view(call_id).agent == "1001"


async def test_a_consultation_becomes_a_transfer(floor: Floor, house: House) -> None:
    """asterisk#759: queue_log loses attended transfers. Here who had the call is in the ledger, with the reason."""
    await floor.staff("1001", "1002")
    call, call_id = await floor.talking()
    handling = house.switchboard.handling
    await handling.consult(call_id, "1002", by="1001")
    await house.until(lambda: len(house.of(DeskJoined)) == 2, "the other desk answered")
    await handling.complete(call_id, by="1001", reason="专家坐席")
    await house.until(lambda: bool(house.of(CallHandedOver)), "handed over")
    await floor.hear_each_other(call, "1002")
    assert (floor.view(call_id).agent, call.ended.is_set()) == ("1002", False)
    told = [(e.kind, e.target, e.reason) for e in house.of(CallTransferred) if isinstance(e, CallTransferred)]
    assert told == [("attended", "1002", "专家坐席")]
    await floor.takers["1002"].calls[-1].hang_up()
    ended = await floor.ended(call_id)
    assert (ended.outcome, ended.by) == ("answered", "agent")
    row = await row_of(house, call_id)
    assert row.agent == "1002"
    # nobody is left in a state that is over
    await house.until(
        lambda: {a.state for a in house.switchboard.agents() if a.extension in ("1001", "1002")} == {"ready"}, "ready"
    )


async def test_a_desk_that_does_not_answer_a_consultation_gives_the_caller_back(floor: Floor, house: House) -> None:
    await floor.staff("1001")
    call, call_id = await floor.talking()
    await house.switchboard.handling.consult(call_id, "1002", by="1001")  # not registered
    await house.until(lambda: floor.view(call_id).state == "talking", "still in hand")
    await asyncio.sleep(1)
    await floor.hear_each_other(call, "1001")


async def test_a_conference_goes_on_when_one_leaves(floor: Floor, house: House) -> None:
    await floor.staff("1001", "1002")
    call, call_id = await floor.talking()
    handling = house.switchboard.handling
    await handling.consult(call_id, "1002", by="1001")
    await house.until(lambda: len(house.of(DeskJoined)) == 2, "the other desk answered")
    for guest in (handling.conference, handling.take_back, handling.complete):
        with pytest.raises(NotAllowed):
            await guest(call_id, by="1002")
    await handling.conference(call_id, by="1001")
    await floor.hear_each_other(call, "1001")
    await floor.hear_each_other(call, "1002")
    assert {p.extension for p in floor.view(call_id).parties} == {"1001", "1002"}
    with pytest.raises(NotAllowed):
        await handling.leave(call_id, "1009")
    await handling.leave(call_id, "1001")
    await house.until(lambda: bool(house.of(CallHandedOver)), "handed over")
    await floor.hear_each_other(call, "1002")
    with pytest.raises(Conflict):
        await handling.leave(call_id, "1002")


async def test_linkage_calls_in_120_and_the_call_taker_may_leave(floor: Floor, house: House) -> None:
    await floor.staff("1001", "1101")
    call, call_id = await floor.talking()
    handling = house.switchboard.handling
    assert await handling.link(call_id, "medical", by="1001") == "1101"
    roles = {e.agent: e.role for e in house.of(CallRinging) if isinstance(e, CallRinging)}
    assert roles == {"1001": "agent", "1101": "link"}
    await floor.hear_each_other(call, "1101")
    await floor.hear_each_other(call, "1001")
    assert floor.view(call_id).agent == "1001", "the call stays the call taker's"
    with pytest.raises(NotAllowed):
        await handling.transfer(call_id, "desk", "1002", by="1101")
    await handling.leave(call_id, "1001")
    await house.until(lambda: bool(house.of(CallHandedOver)), "handed over")
    await floor.hear_each_other(call, "1101")
    assert (await row_of(house, call_id)).agent == "1101"
    await floor.takers["1101"].calls[-1].hang_up()
    assert (await floor.ended(call_id)).outcome == "answered"


async def test_linkage_rings_the_centre_outside_where_no_desk_is_there(floor: Floor, house: House) -> None:
    await floor.staff("1001")
    call, call_id = await floor.talking()
    outside = Taker(floor.trunk)
    assert await house.switchboard.handling.link(call_id, "medical", by="1001") == "05951200"
    await say(outside.calls[-1], listening(call), "the caller hears 120")
    assert [(p.extension, p.role) for p in floor.view(call_id).parties] == [("1001", "agent"), ("", "link")]
    floor.trunk.on_call = None
    with pytest.raises(Conflict):
        await house.switchboard.handling.link(call_id, "medical", by="1001")


async def test_between_110_and_12345_a_call_goes_with_its_reason(floor: Floor, house: House) -> None:
    await floor.staff("1001", "1002")
    call, call_id = await floor.talking()
    await house.switchboard.handling.transfer(call_id, "line", "12345", by="1001", reason="消费纠纷")
    await house.until(lambda: len(house.of(DeskJoined)) == 2, "a service desk took it")
    moved = [e for e in house.of(CallMoved) if isinstance(e, CallMoved)]
    assert (moved[0].line, moved[0].queue, moved[0].priority) == ("12345", "service", 11)
    row = await row_of(house, call_id)
    assert row.line == "119", "the line that was dialled stays what it was"
    assert not call.ended.is_set()


async def test_a_caller_is_passed_to_desks_of_another_skill_and_overflows(floor: Floor, house: House) -> None:
    await floor.staff("1001", "1002")
    call, call_id = await floor.talking("12345")
    await house.switchboard.handling.transfer(call_id, "group", "minnan", by="1001", reason="只讲闽南语")
    await house.until(lambda: bool(house.of(CallMoved)), "waits for the other skill")
    assert floor.view(call_id).queue == "minnan"
    # nobody of that skill is there: after its own time the others answer
    await house.until(lambda: floor.view(call_id).queue == "minnan-wide", "overflow")
    await house.until(lambda: len(house.of(DeskJoined)) == 2, "somebody helped out")
    assert not call.ended.is_set()


async def test_a_desk_with_the_skill_is_rung_for_it_alone(floor: Floor, house: House) -> None:
    await floor.staff("1003")
    trunk = await floor.site.phone("exchange", trunk=True)
    call = await trunk.call("12345", caller="13800138001")
    await house.until(lambda: bool(house.of(CallQueued)), "queued")
    await asyncio.sleep(2)
    assert not house.of(CallRinging)
    await house.switchboard.modes.switch("typhoon", by="leader", reason="台风红色预警")
    await call.hang_up()
    second = await trunk.call("12345", caller="13800138002")
    await house.until(lambda: bool(house.of(CallAnswered)), "in this mode the line is theirs")
    assert [(e.mode, e.by) for e in house.of(ModeChanged) if isinstance(e, ModeChanged)] == [("typhoon", "leader")]
    await second.hang_up()
    # Asterisk keeps the mode; heyi reads it back
    await close_house(house)
    again = await open_house(floor.site.settings, floor.site.city)
    assert again.switchboard.modes.current.key == "typhoon"
    await close_house(again)
    await house.database.create_all()


async def test_a_supervisor_listens_whispers_and_takes_over(floor: Floor, house: House) -> None:
    """qpanel#190, #255: spy is silent, or on the wrong interface. Here who hears whom is measured."""
    await floor.staff("1001")
    chief = Taker(await floor.site.phone("1009"))
    call, call_id = await floor.talking()
    watch = house.switchboard.supervision

    await watch.watch(call_id, "listen", by="1009")
    await until(lambda: bool(chief.calls), lambda: "the chief desk is rung")
    await house.until(lambda: bool(house.of(CallSupervised)), "listening")
    agent = floor.takers["1001"].calls[-1]
    await heard_only(call, [chief.calls[-1]], [])
    await heard_only(agent, [chief.calls[-1]], [])
    await heard_only(chief.calls[-1], [], [call, agent])
    await watch.watch(call_id, "whisper", by="1009")
    await house.until(lambda: len(house.of(CallSupervised)) == 2, "whispering")
    await heard_only(chief.calls[-1], [agent], [call])
    await watch.take_over(call_id, by="1009")
    await house.until(lambda: bool(house.of(CallHandedOver)), "taken over")
    await heard_only(chief.calls[-1], [call], [agent])
    await heard_only(call, [chief.calls[-1]], [])
    assert [e.mode for e in house.of(CallSupervised) if isinstance(e, CallSupervised)] == ["listen", "whisper", "barge"]
    assert len(chief.calls) == 1, "one channel for all of it"
    assert (await row_of(house, call_id)).agent == "1009"
    await call.hang_up()
    await floor.ended(call_id)
    own = list(floor.site.settings.recordings.glob("sup-*.wav"))
    assert own and all(f.stat().st_size > 16000 for f in own), "the supervisor's own channel is recorded"


async def test_who_was_called_in_stays_when_a_supervisor_takes_over(floor: Floor, house: House) -> None:
    await floor.staff("1001", "1101")
    chief = Taker(await floor.site.phone("1009"))
    call, call_id = await floor.talking()
    await house.switchboard.handling.link(call_id, "medical", by="1001")
    with pytest.raises(Conflict):
        await house.switchboard.handling.link(call_id, "medical", by="1001")
    await house.switchboard.supervision.take_over(call_id, by="1009")
    await house.until(lambda: bool(house.of(CallHandedOver)), "taken over")
    assert (await row_of(house, call_id)).agent == "1009"
    assert {p.extension for p in floor.view(call_id).parties} == {"1009", "1101"}
    await floor.hear_each_other(call, "1101")
    assert chief.calls and not call.ended.is_set()


async def test_a_supervisor_takes_over_while_the_desk_consults(floor: Floor, house: House) -> None:
    await floor.staff("1001", "1002")
    chief = Taker(await floor.site.phone("1009"))
    call, call_id = await floor.talking()
    await house.switchboard.handling.consult(call_id, "1002", by="1001")
    await house.until(lambda: len(house.of(DeskJoined)) == 2, "the other desk answered")
    await house.switchboard.supervision.take_over(call_id, by="1009")
    await house.until(lambda: [p.extension for p in floor.view(call_id).parties] == ["1009"], "the chief alone")
    await say(chief.calls[-1], listening(call), "the caller hears the chief")


async def test_a_linkage_can_be_cancelled_while_it_rings(floor: Floor, house: House) -> None:
    await floor.staff("1001", "1101")
    floor.phones["1101"].on_call = ignore
    call, call_id = await floor.talking()
    outside = Taker(floor.trunk)
    linking = asyncio.create_task(house.switchboard.handling.link(call_id, "medical", by="1001"))
    await house.until(lambda: len(house.of(CallRinging)) == 2, "120 rings")
    (rung,) = [party.channel for party in floor.view(call_id).called]
    await house.switchboard.handling.dismiss(call_id, rung)
    with pytest.raises(Conflict):
        await linking
    await asyncio.sleep(0.5)
    assert not outside.calls, "nobody else is rung instead"
    await floor.hear_each_other(call, "1001")
