"""The check before the shift by keyboard alone, what becomes of it, and how a call is said to sound."""

import re

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import select

from desk.shift.tables import CallQuality, DeskCheck
from tests.browser.conftest import Floor
from tests.chromium import sign_in
from tests.desk_fakes import PASSWORD, Stage
from tests.eventually import until

pytestmark = pytest.mark.browser
NO_MICROPHONE = """
navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('none', 'NotFoundError'));
"""
#: What the browser's statistics say of the call: an array of reports, which a test changes.
STATISTICS = """
window.counted = { received: 0, lost: 0, delay: 0, emitted: 0, trip: 0.02 };
RTCPeerConnection.prototype.getStats = async () => new Map([
  ['in', { type: 'inbound-rtp', kind: 'audio', packetsReceived: counted.received, packetsLost: counted.lost,
           jitter: 0.004, jitterBufferDelay: counted.delay, jitterBufferEmittedCount: counted.emitted }],
  ['remote', { type: 'remote-inbound-rtp', roundTripTime: counted.trip }],
]);
setInterval(() => {
  // 50 packets a second, of which some are lost; 40 ms in the buffer.
  const share = window.losing ?? 0;
  counted.received += Math.round(10 * (1 - share));
  counted.lost += Math.round(10 * share);
  counted.emitted += 10;
  counted.delay += 10 * 0.04;
}, 200);
"""


def rating(loss: float, trip_ms: float, buffer_ms: float) -> float:
    """Mean opinion score by ITU-T G.107 with its defaults, for G.711 with concealment (G.113: Bpl 25.1)."""
    delay = trip_ms / 2 + buffer_ms + 20
    percent = 100 * loss
    r = 93.2 - 0.024 * delay - max(0.0, 0.11 * (delay - 177.3)) - 95 * percent / (percent + 25.1)
    return 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6


#: Whatever else this machine does, the network is good here.
PROMPT = "performance.now = () => 0;"

#: Everything that is said of the recording from now on.
SAID = """() => {
  window.said = [];
  const place = document.getElementById('recording-says');
  new MutationObserver(() => window.said.push(place.textContent)).observe(place, { childList: true });
}"""


def asked(answer: str) -> str:
    """A browser whose person gives this answer when asked whether pages may notify."""
    return f"""
window.Notification = class {{
  static permission = 'default';
  static async requestPermission() {{ return (window.Notification.permission = '{answer}'); }}
}};
"""


async def opened(floor: Floor, script: str = "") -> Page:
    page = await floor.context.new_page()
    if script:
        await page.add_init_script(script)
    await sign_in(page, "wang", PASSWORD, path="/desk/check")
    await expect(page.locator("[data-test=check-network]")).not_to_have_attribute("data-state", "none")
    return page


async def checks(stage: Stage) -> list[DeskCheck]:
    async with stage.services.database.read() as session:
        return list(await session.scalars(select(DeskCheck)))


async def test_a_shift_begins_with_a_check_by_keyboard_alone(stage: Stage, floor: Floor) -> None:
    first = await floor.open(script=asked("granted"))
    await expect(first.locator("[data-test=check-state]")).to_have_text("设备未检查")
    await first.close()
    page = await opened(floor, PROMPT + asked("granted"))
    for name in ("asterisk-ms", "server-ms", "jitter-ms"):
        await expect(page.locator(f"[data-test={name}]")).to_have_text(re.compile(r"^\d+(\.\d)? 毫秒$"))
    await page.keyboard.press("5")
    await page.keyboard.press("y")
    await expect(page.locator("[data-test=check-speaker]")).to_have_attribute("data-state", "good")
    # Chromium's false microphone beeps once a second: it is heard, recorded and played.
    await expect(page.locator("[data-test=check-microphone]")).to_have_attribute("data-state", "good")
    await expect(page.locator("#speaker-says")).to_have_text("听得清")
    await expect(page.locator("body")).not_to_have_attribute("data-sounding", "")
    # It is said for three seconds, which a test that looks now and then may miss.
    await page.evaluate(SAID)
    await page.keyboard.press("3")
    await expect(page.locator("[data-test=check-recording]")).to_have_attribute("data-state", "good")
    assert any("正在录音" in words for words in await page.evaluate("window.said"))
    await expect(page.locator("[data-test=check-outcome]")).to_have_text("尚未全部检查")
    await page.keyboard.press("7")
    await expect(page.locator("#reminder-says")).to_contain_text("已允许")
    await expect(page.locator("[data-test=check-outcome]")).to_have_text("设备正常，可以上岗")
    await page.keyboard.press("2")
    await expect(page.locator("[data-test=microphones]")).to_be_focused()
    chosen = await page.locator("[data-test=microphones] option").nth(1).get_attribute("value")
    assert chosen
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("[data-test=microphones]")).to_have_value(chosen)
    await expect(page.locator("[data-test=check-microphone]")).to_have_attribute("data-state", "good")
    # Out of the list, and done.
    await page.keyboard.press("Escape")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"/desk$"))
    await expect(page.locator("[data-test=check-state]")).to_have_text("设备正常")
    assert await page.evaluate("localStorage.getItem('heyi-microphone')") == chosen
    (kept,) = await checks(stage)
    assert (kept.desk, kept.login, kept.ok, kept.heard) == ("1001", "wang", True, True)
    assert kept.level_db is not None and kept.level_db > -45
    assert kept.asterisk_ms is not None and kept.server_ms is not None and kept.jitter_ms is not None


async def test_what_is_not_in_order_is_said_and_kept(stage: Stage, floor: Floor) -> None:
    page = await opened(floor, NO_MICROPHONE + asked("denied"))
    await page.keyboard.press("7")
    await expect(page.locator("#reminder-says")).to_contain_text("已被拒绝：点地址栏左侧的图标")
    await expect(page.locator("[data-test=check-reminder]")).to_have_attribute("data-state", "bad")
    await expect(page.locator("#microphone-says")).to_have_text("没有找到麦克风，请检查耳麦")
    await page.keyboard.press("n")
    await expect(page.locator("[data-test=check-outcome]")).to_have_text("有一项不正常")
    await floor.exchange.stop()
    await page.keyboard.press("1")
    await expect(page.locator("#network-says")).to_have_text("话务系统没有应答，请告诉班长")
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-test=check-state]")).to_have_text("设备异常")
    (kept,) = await checks(stage)
    assert (kept.ok, kept.level_db, kept.heard, kept.asterisk_ms) == (False, None, False, None)


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080)])
async def test_the_check_needs_no_scrolling(floor: Floor, lang: str, size: tuple[int, int]) -> None:
    page = await floor.context.new_page()
    await page.add_init_script(PROMPT)
    await page.set_viewport_size({"width": size[0], "height": size[1]})
    await sign_in(page, "wang", PASSWORD, path="/desk/check", lang=lang)
    await expect(page.locator("[data-test=check-network]")).to_have_attribute("data-state", "good")
    for name in ("network", "microphone", "recording", "speaker", "reminder"):
        await expect(page.locator(f"[data-test=check-{name}]")).to_be_in_viewport(ratio=1)
    await expect(page.locator("[data-test=keep]")).to_be_in_viewport(ratio=1)


async def test_how_a_call_sounds_is_shown_warned_of_and_kept(stage: Stage, floor: Floor) -> None:
    page = await floor.open(script=STATISTICS)
    ring = await floor.talks(page, line="12345")
    quality = page.locator("[data-test=quality]")
    await expect(quality).to_have_attribute("data-grade", "good")
    await expect(quality).to_contain_text("音质好 4.4")
    assert float(await quality.get_attribute("data-mos") or 0) == pytest.approx(rating(0, 20, 40), abs=0.02)
    # A line that loses a fifth of what is said.
    await page.evaluate("window.losing = 0.2")
    await expect(quality).to_have_attribute("data-grade", "poor")
    await expect(quality).to_contain_text("音质差")
    await page.keyboard.press("F4")
    await ring.over.wait()
    await floor.city.end("c-1")
    await expect(quality).to_be_hidden()

    async def kept() -> bool:
        async with stage.services.database.read() as session:
            return (await session.scalars(select(CallQuality))).first() is not None

    await until(kept, lambda: "how it sounded is kept")
    async with stage.services.database.read() as session:
        row = (await session.scalars(select(CallQuality))).one()
    assert (row.call_id, row.desk) == ("c-1", "1001")
    assert row.seconds > 0 and row.round_trip_ms == pytest.approx(20)
    assert 1 <= row.mos_least <= row.mos < rating(0, 20, 40)
    assert 0 < row.loss < 25
