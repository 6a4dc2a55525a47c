"""A page that rings: heard in the background, answered by itself, said who answers; in a real Chromium."""

import asyncio
import re
from datetime import timedelta

import pytest
from playwright.async_api import APIRequestContext, Page, expect

from core.city import Person
from desk.access.users import Users
from desk.calls import ringclaims
from switchboard.supervision import HelpAsked
from tests.browser.conftest import CALLER, Floor, Opened, stand_still
from tests.desk_fakes import CITY, PASSWORD, Stage
from tests.eventually import PATIENCE_S

pytestmark = pytest.mark.browser

#: What stands for some seconds and has to be seen stands as long as the test wants.
LONG = timedelta(hours=1)
NO_MICROPHONE = """
navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('none', 'NotFoundError'));
"""

#: Every notification that the page makes is written down, and that it takes it away.
TELLS = """
window.told = [];
window.Notification = class {
  static permission = 'granted';
  constructor(title, { body }) { window.told.push([title, body]); }
  close() { window.told.push('closed'); }
};
document.hasFocus = () => window.focused ?? false;
"""
#: No sound before the first key, whatever this browser has come to allow on the address.
UNTOUCHED = """
let allowed = false;
addEventListener('keydown', () => { allowed = true; }, true);
Object.defineProperty(AudioContext.prototype, 'state', { get: () => (allowed ? 'running' : 'suspended') });
AudioContext.prototype.resume = async () => {};
addEventListener('keydown', () => made.forEach((context) => context.dispatchEvent(new Event('statechange'))));
const made = [];
window.AudioContext = class extends AudioContext {
  constructor() { super(); made.push(this); }
};
"""
SINKS = "sounds.filter((s) => s.source.loop && !s.stopped).map((s) => s.context.sinkId)"


async def test_it_rings_on_the_speaker_that_was_checked_and_on_the_device_beside_it(floor: Floor) -> None:
    page = await floor.open()
    ids = await page.evaluate("""async () => {
      const all = await navigator.mediaDevices.enumerateDevices();
      return all.filter((d) => d.kind === 'audiooutput' && d.deviceId !== 'default').map((d) => d.deviceId);
    }""")
    assert len(ids) == 2
    await page.evaluate("(id) => localStorage.setItem('heyi-speaker', id)", ids[1])
    ring = await floor.exchange.ring("12345", CALLER)
    await page.wait_for_function(f"(id) => JSON.stringify({SINKS}) === JSON.stringify([id])", arg=ids[1])
    await floor.exchange.give_up(ring)
    await page.wait_for_function("() => ringing() === 0")
    await page.evaluate("(id) => localStorage.setItem('heyi-ring', id)", ids[0])
    ring = await floor.exchange.ring("12345", CALLER)
    await page.wait_for_function(f"(ids) => JSON.stringify({SINKS}) === JSON.stringify(ids)", arg=[ids[1], ids[0]])
    await floor.exchange.give_up(ring)
    await page.wait_for_function("() => ringing() === 0")
    # A headset that is not plugged in: it rings all the same, and says where.
    await page.evaluate("localStorage.setItem('heyi-speaker', 'gone'); localStorage.removeItem('heyi-ring')")
    await floor.exchange.ring("12345", CALLER)
    await page.wait_for_function(f"() => JSON.stringify({SINKS}) === '[\"\"]'")
    await expect(page.locator("[data-test=silent]")).to_have_text("所选听筒不在，声音改走系统默认设备，请检查耳麦")


async def test_a_ring_is_told_by_the_system_wherever_the_page_is_not_looked_at(floor: Floor) -> None:
    page = await floor.open(script=TELLS)
    ring = await floor.exchange.ring("119", CALLER)
    # It is visible, and another window has the keyboard.
    await page.wait_for_function("() => told.length === 1")
    assert await page.evaluate("[document.hidden, told]") == [False, [["119 火警", CALLER]]]
    await floor.exchange.give_up(ring)
    await page.wait_for_function("() => told.at(-1) === 'closed'")
    await page.evaluate("window.focused = true")
    await floor.exchange.ring("12345", CALLER)
    await page.wait_for_function("() => ringing() === 1")
    assert await page.evaluate("told.length") == 2


async def test_a_background_tab_tells_of_the_ring(floor: Floor) -> None:
    hidden = "Object.defineProperty(document, 'hidden', { get: () => true }); window.focused = true;"
    page = await floor.open(script=TELLS + hidden)
    await floor.rings()
    await page.wait_for_function("() => told.length === 1")


async def test_a_page_that_nobody_has_touched_says_that_it_is_silent(floor: Floor) -> None:
    assert (await floor.context.request.post("/api/login", data={"login": "wang", "password": PASSWORD})).ok
    page = await floor.context.new_page()
    await page.add_init_script(UNTOUCHED)
    await page.goto("/desk")
    silent = page.locator("[data-test=silent]")
    await expect(silent).to_have_text("没有声音：点一下页面")
    await expect(silent).to_be_visible()
    await page.keyboard.press("Shift")
    await expect(silent).to_be_hidden()


async def test_a_background_tab_goes_on_ringing_and_says_so_in_its_title(floor: Floor) -> None:
    """Browser-Phone#254: a background tab stops ringing. Its timers may stand still: the ring needs none."""
    hidden = "Object.defineProperty(document, 'hidden', { get: () => true });"
    page = await floor.open(script=hidden, frozen=True)
    await stand_still(page)
    ring = await floor.rings()
    await expect(page.locator("[data-test=call-card]")).to_contain_text(CALLER)
    await page.wait_for_function("() => ringing() === 1", polling=100)
    loops = await page.evaluate("sounds.length")
    await asyncio.sleep(1)
    assert await page.evaluate("[ringing(), sounds.length]") == [1, loops]
    await expect(page).to_have_title(re.compile("^☎ 119"))
    await floor.exchange.give_up(ring)
    await page.wait_for_function("() => ringing() === 0", polling=100)
    await expect(page).not_to_have_title(re.compile("^☎"))


async def test_the_ring_itself_shows_line_and_caller_before_the_server_has_told_of_them(floor: Floor) -> None:
    """Asterisk rings the page without Python: what it brings along is shown at once, and while the server is away."""
    page = await floor.open()
    card = page.locator("[data-test=call-card]")
    ring = await floor.exchange.ring("119", CALLER)
    await expect(card).to_contain_text("火警")
    await expect(card).to_contain_text(CALLER)
    await expect(card).to_contain_text("119，请讲。")
    await expect(card).to_have_attribute("data-state", "ringing")
    await expect(card).to_have_class(re.compile(r"\bemergency\b"))
    await expect(page.locator("[data-test=answer]")).to_be_visible()
    await expect(page).to_have_title(re.compile("^☎ 119 火警"))
    # Told at last: the same call, now with all that is known of it.
    await floor.city.arrive("c-1", "119", CALLER)
    await floor.city.ring("c-1", "1001")
    await expect(card).to_have_attribute("data-call-id", "c-1")
    await page.keyboard.press("F2")
    await asyncio.wait_for(ring.answered.wait(), PATIENCE_S)
    await floor.city.answer("c-1", "1001")
    await expect(card).to_have_attribute("data-state", "talking")
    await page.keyboard.press("F4")
    await floor.city.end("c-1")
    # One that goes away before anybody told of it leaves nothing behind; neither does a ring that is no caller's.
    other = await floor.exchange.ring("12345", "059585600001")
    await expect(card).to_contain_text("059585600001")
    await expect(card).not_to_have_class(re.compile(r"\bemergency\b"))
    await floor.exchange.give_up(other)
    await expect(card).to_be_hidden()
    strange = await floor.exchange.ring("值班长席", "1009")
    await page.wait_for_function("() => window.ringing() === 1")
    await expect(card).to_be_hidden()
    await floor.exchange.give_up(strange)


async def test_a_call_answered_before_the_server_tells_of_it_goes_on(floor: Floor) -> None:
    page = await floor.open()
    card = page.locator("[data-test=call-card]")
    ring = await floor.exchange.ring("12345", CALLER)
    await expect(page.locator("[data-test=answer]")).to_be_visible()
    await page.keyboard.press("F2")
    await asyncio.wait_for(ring.answered.wait(), PATIENCE_S)
    await expect(card).to_have_attribute("data-state", "talking")
    await expect(card).to_contain_text(CALLER)
    await expect(page.locator("[data-test=hangup]")).to_be_visible()
    await floor.city.arrive("c-1", "12345", CALLER)
    await floor.city.ring("c-1", "1001")
    await floor.city.answer("c-1", "1001")
    await expect(card).to_have_attribute("data-call-id", "c-1")
    await expect(page.locator("[data-test=ticket-form]")).to_be_visible()


async def test_an_emergency_is_answered_by_itself_where_somebody_can_hear_and_speak(opened: Opened) -> None:
    desks = tuple(d.model_copy(update={"auto_answer": True}) if d.extension == "1001" else d for d in CITY.desks)
    floor = await opened(CITY.model_copy(update={"desks": desks}))
    page = await floor.open(frozen=True)
    await floor.city.become("1001", "ready")
    await expect(page.locator("[data-test=agent-state]")).to_have_attribute("data-state", "ready")
    answer, card = page.locator("[data-test=answer]"), page.locator("[data-test=call-card]")
    service = await floor.rings("c-0", "12345")
    await expect(card).to_have_attribute("data-call-id", "c-0")
    await expect(answer).to_be_visible()
    await page.clock.run_for(10_000)
    await expect(answer).to_be_visible()
    assert not service.answered.is_set()
    await floor.exchange.give_up(service)
    await floor.city.end("c-0")
    await floor.city.become("1001", "ready")
    await expect(page.locator("[data-test=agent-state]")).to_have_attribute("data-state", "ready")
    await stand_still(page)
    urgent = await floor.rings("c-1", "119")
    await expect(page.locator("[data-test=countdown]")).to_have_text("3 秒后自动接听")
    await page.clock.run_for(2_000)
    await expect(page.locator("[data-test=countdown]")).to_have_text("1 秒后自动接听")
    await expect(answer).to_be_visible()
    await page.clock.run_for(1_000)
    await page.clock.resume()
    await asyncio.wait_for(urgent.answered.wait(), PATIENCE_S)
    await floor.city.answer("c-1", "1001")
    await page.keyboard.press("F4")
    await asyncio.wait_for(urgent.over.wait(), PATIENCE_S)
    await floor.city.end("c-1")
    # Paused, and rung all the same in the last resort: perhaps nobody sits there.
    await floor.city.become("1001", "paused", "用餐")
    await expect(page.locator("[data-test=agent-state]")).to_contain_text("用餐")
    last = await floor.rings("c-2", "119")
    await expect(card).to_have_attribute("data-call-id", "c-2")
    await expect(answer).to_be_visible()
    await page.clock.run_for(10_000)
    await expect(answer).to_be_visible()
    assert not last.answered.is_set()


async def test_without_a_microphone_nothing_is_answered_by_itself(opened: Opened) -> None:
    desks = tuple(d.model_copy(update={"auto_answer": True}) if d.extension == "1001" else d for d in CITY.desks)
    floor = await opened(CITY.model_copy(update={"desks": desks}))
    page = await floor.open(script=NO_MICROPHONE, frozen=True)
    await floor.city.become("1001", "ready")
    await expect(page.locator("[data-test=agent-state]")).to_have_attribute("data-state", "ready")
    ring = await floor.rings()
    await expect(page.locator("[data-test=claim]")).to_have_text("没有声音或麦克风，请手动接听")
    await page.clock.run_for(10_000)
    await expect(page.locator("[data-test=answer]")).to_be_visible()
    assert not ring.answered.is_set() and not ring.over.is_set()


async def test_a_supervisors_order_to_listen_is_answered_at_once(floor: Floor) -> None:
    page = await floor.open()
    ring = await floor.exchange.ring("heyi-watch", "1002")
    await asyncio.wait_for(ring.answered.wait(), PATIENCE_S)
    assert await page.evaluate("sounds.length") == 0


async def colleague(floor: Floor, page: Page) -> APIRequestContext:
    """Desk 1002, in a browser of its own: signing in there must not sign out the page."""
    assert floor.context.browser is not None
    other = await floor.context.browser.new_context(base_url="/".join(page.url.split("/")[:3]))
    signed = await other.request.post("/api/login", data={"login": "chen", "password": PASSWORD})
    assert signed.ok
    return other.request


async def test_where_several_desks_ring_who_answers_is_shown_and_nobody_is_kept_from_answering(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ringclaims, "GRACE", LONG)
    page = await floor.open()
    await floor.city.arrive("c-1", "119", CALLER)
    for desk in ("1001", "1002"):
        await floor.city.ring("c-1", desk)
    ring = await floor.exchange.ring()
    await page.wait_for_function("() => ringing() === 1")
    chen = await colleague(floor, page)
    assert (await (await chen.post("/api/calls/c-1/claim", data={})).json())["granted"] is True
    await expect(page.locator("[data-test=claim]")).to_have_text("1002 正在接听")
    await expect(page.locator("[data-test=answer]")).to_be_enabled()
    assert await page.evaluate("ringing()") == 1
    # It came to nothing, and is not said a second time.
    floor.claims._standing = {call: (desk, until - LONG) for call, (desk, until) in floor.claims._standing.items()}
    floor.claims.lapse()
    await expect(page.locator("[data-test=claim]")).to_be_hidden()
    assert (await (await chen.post("/api/calls/c-1/claim", data={})).json())["granted"] is False
    await page.keyboard.press("F2")
    await asyncio.wait_for(ring.answered.wait(), PATIENCE_S)


async def test_a_desk_answers_although_another_says_that_it_does(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ringclaims, "GRACE", LONG)
    page = await floor.open()
    await floor.city.arrive("c-1", "119", CALLER)
    for desk in ("1001", "1002"):
        await floor.city.ring("c-1", desk)
    ring = await floor.exchange.ring()
    await page.wait_for_function("() => ringing() === 1")
    chen = await colleague(floor, page)
    assert (await (await chen.post("/api/calls/c-1/claim", data={})).json())["granted"] is True
    await expect(page.locator("[data-test=claim]")).to_have_text("1002 正在接听")
    await page.keyboard.press("F2")
    await asyncio.wait_for(ring.answered.wait(), PATIENCE_S)


async def test_a_ring_that_nobody_took_is_said_plainly_and_one_key_brings_the_desk_back(floor: Floor) -> None:
    page = await floor.open()
    ring = await floor.rings()
    await floor.exchange.give_up(ring)
    await floor.city.become("1001", "paused", "未接来电")
    await expect(page.locator("[data-test=missed-ring]")).to_contain_text("没有接听，来电人仍在排队")
    await expect(page.locator("[data-test=agent-state]")).to_have_text("示忙 · 来电未接")
    await page.keyboard.press("F9")
    await expect(page.locator("[data-test=agent-state]")).to_have_attribute("data-state", "ready")
    await expect(page.locator("[data-test=missed-ring]")).to_be_hidden()


async def test_a_call_that_was_passed_on_says_by_whom_and_why_while_it_rings(floor: Floor) -> None:
    page = await floor.open()
    await floor.city.arrive("c-1", "12345", CALLER)
    await floor.city.answer("c-1", "1002")
    await floor.city.pass_on("c-1", "1002", "blind", "1001", "需要闽南语")
    await floor.city.go("c-1", "1002")
    await floor.city.call_in("c-1", "1001", "agent")
    await floor.exchange.ring()
    await expect(page.locator("[data-test=call-note]")).to_have_text("1002 二号坐席 转来 · 需要闽南语")
    await expect(page.locator("[data-test=answer]")).to_be_visible()


async def test_who_rings_before_the_server_tells_of_it_is_not_mixed_with_who_called_before(floor: Floor) -> None:
    page = await floor.open()
    await floor.talks(page)
    await floor.city.say("c-1", "华洲村有房子冒烟")
    said = page.locator("[data-test=utterance]")
    await expect(said).to_have_count(1)
    place = page.locator("[name=place]")
    await expect(place).to_be_visible()
    await page.keyboard.press("F4")
    await floor.city.end("c-1")
    await expect(page.locator("[data-test=call-card]")).to_have_attribute("data-state", "ended")
    # Another caller, of whom the server has not told.
    ring = await floor.exchange.ring("12345", "059585600001")
    await expect(page.locator("[data-test=call-card]")).to_contain_text("059585600001")
    await expect(said).to_have_count(0)
    await expect(place).to_be_hidden()
    # Help is asked for all the same, and it is said why none comes yet.
    await page.keyboard.press("F2")
    await asyncio.wait_for(ring.answered.wait(), PATIENCE_S)
    await expect(page.locator("[data-test=call-card]")).to_have_attribute("data-state", "talking")
    await page.keyboard.press("F10")
    await expect(page.locator("#notice")).to_contain_text("网络中断")


async def test_a_telephone_that_is_answered_does_not_silence_a_cry_for_help(stage: Stage, floor: Floor) -> None:
    leader = Person(login="chief", name="陈班长", role="supervisor", extension="1001", password=PASSWORD)
    await Users(stage.services.database).seed_people(CITY.model_copy(update={"people": (leader,)}))
    page = await floor.open("chief", path="/desk")
    await stage.city.arrive("c-9", "119", "13900000009")
    await stage.city.answer("c-9", "1002")
    async with stage.services.database.work() as work:
        work.record(HelpAsked(at=stage.clock.now(), call_id="c-9", agent="1002"))
    await expect(page.locator("[data-test=cry]")).to_be_visible()
    await page.wait_for_function("() => window.ringing() === 1")
    await floor.talks(page, "c-1")
    # Its own ring is over, the cry is not.
    await page.wait_for_function("() => window.ringing() === 1")
    assert await page.locator("[data-test=cry]").is_visible()
