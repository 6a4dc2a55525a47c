"""What a desk and its supervisor do with a call, on a real Asterisk: transfer, consultation, conference, linkage."""

import asyncio

import pytest

from core.city import City, Desk, Mode, SkillGroup
from core.errors import Conflict, NotAllowed
from switchboard.modes import ModeChanged
from switchboard.views import CallView
from telephony.events import (
    AgentChanged,
    CallAnswered,
    CallEnded,
    CallerPressed,
    CallHandedOver,
    CallMoved,
    CallQueued,
    CallRinging,
    CallSupervised,
    CallTransferred,
    DeskJoined,
)
from telephony.phone import Phone, PhoneCall
from tests.asterisk.conftest import (
    TONE,
    House,
    Site,
    Taker,
    close_house,
    hear_each_other,
    heard_only,
    listening,
    open_house,
    say,
    silence,
    write_wav,
)
from tests.asterisk.test_calls import row_of
from tests.citykit import small_city
from tests.eventually import until

pytestmark = pytest.mark.asterisk


@pytest.fixture
def city() -> City:
    """Three desks for all, one that speaks 闽南语, one of 120's, a chief desk outside the queue."""
    both = ("emergency", "service")
    return small_city().model_copy(
        update={
            "desks": (
                Desk(extension="1001", name="1号席", kind="phone", groups=both),
                Desk(extension="1002", name="2号席", kind="phone", groups=both, penalty=1),
                Desk(extension="1003", name="3号席", kind="phone", groups=("minnan",)),
                Desk(extension="1101", name="120急救席", kind="phone", groups=("medical",)),
                Desk(extension="1009", name="值班长席", kind="phone", in_queue=False),
            ),
            "groups": (
                SkillGroup(key="emergency", name="紧急席", name_en="Emergency"),
                SkillGroup(key="service", name="服务席", name_en="Service"),
                SkillGroup(key="minnan", name="闽南语席", name_en="Hokkien", overflow=("service",), overflow_s=5),
                SkillGroup(key="medical", name="120急救席", name_en="120", linkage=True, outside="05951200"),
            ),
            "modes": (
                Mode(key="normal", name="正常", name_en="Normal"),
                Mode(key="typhoon", name="台风", name_en="Typhoon", groups={"service": "minnan"}),
            ),
        }
    )  # fmt: skip


class Floor:
    """The desks' telephones, the exchange, and one caller's call as it goes on."""

    def __init__(self, site: Site, house: House) -> None:
        self.site, self.house = site, house
        self.phones: dict[str, Phone] = {}
        self.takers: dict[str, Taker] = {}

    async def staff(self, *extensions: str) -> None:
        for extension in extensions:
            self.phones[extension] = await self.site.phone(extension)
            self.takers[extension] = Taker(self.phones[extension])
        await self.house.until(
            lambda: all(a.state == "ready" for a in self.house.switchboard.agents() if a.extension in extensions),
            f"{extensions} are ready",
        )

    async def talking(self, line: str = "119", *, at: str = "1001") -> tuple[PhoneCall, str]:
        """A caller who talks to the desk ``at``: his telephone's call, and the call's id."""
        self.trunk = await self.site.phone("exchange", trunk=True)
        call = await self.trunk.call(line, caller="13800138000")
        await self.house.until(lambda: bool(self.house.of(DeskJoined)), "answered")
        joined = self.house.of(DeskJoined)[-1]
        assert isinstance(joined, DeskJoined) and joined.agent == at
        return call, joined.call_id or ""

    def view(self, call_id: str) -> CallView:
        return next(c for c in self.house.switchboard.calls() if c.call_id == call_id)

    async def hear_each_other(self, call: PhoneCall, desk: str) -> None:
        """Sound goes both ways between the caller and this desk."""
        await hear_each_other(call, self.takers[desk].calls[-1])

    async def ended(self, call_id: str) -> CallEnded:
        await self.house.until(lambda: any(e.call_id == call_id for e in self.house.of(CallEnded)), "the call ended")
        return next(e for e in self.house.of(CallEnded) if isinstance(e, CallEnded) and e.call_id == call_id)


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


async def ignore(call: PhoneCall) -> None:
    await call.ended.wait()


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
