"""The wallboard in a real Chromium over a busy centre in memory: what it shows, does, and survives."""

import re
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Page, ViewportSize, expect
from sqlalchemy import select

from core.audit import AuditEntry
from desk.app import create_app
from desk.server import DeskServer, bundle_ready
from switchboard.health import LineCheck, LineHealthChanged
from switchboard.views import Party
from tests.chromium import chromium, sign_in
from tests.desk_fakes import PASSWORD, Stage
from tests.eventually import PATIENCE_MS, until
from tests.wallboard_scene import Afternoon, make_scene

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=\"document.title='run'\">"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = await make_scene(tmp_path, Afternoon())
    yield made
    await made.bus.close()
    await made.services.database.close()


class Wall:
    """A server that can go away and come back, and a supervisor's page on it."""

    def __init__(self, stage: Stage, server: DeskServer, page: Page) -> None:
        self.stage, self.server, self.page = stage, server, page

    async def open(self, lang: str = "zh", size: tuple[int, int] = (1366, 768)) -> Page:
        await self.page.set_viewport_size(ViewportSize(width=size[0], height=size[1]))
        await sign_in(self.page, "he", PASSWORD, path="/wallboard", lang=lang)
        await expect(self.page.locator("#live-state")).to_have_attribute("data-state", "on")
        return self.page

    async def restart(self) -> None:
        self.server = DeskServer(create_app(self.stage.services), "127.0.0.1", self.server.port)
        await self.server.start()


@pytest.fixture
async def wall(stage: Stage) -> AsyncIterator[Wall]:
    assert bundle_ready(), "build the scripts first: npm ci && npm run build in desk/web"
    server = DeskServer(create_app(stage.services), "127.0.0.1", 0)
    await server.start()
    async with chromium() as browser:
        context = await browser.new_context(base_url=f"http://127.0.0.1:{server.port}")
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        made = Wall(stage, server, page)
        yield made
    await made.server.stop()


async def test_the_wall_moves_with_the_calls(stage: Stage, wall: Wall) -> None:
    """asterisk#1006, qpanel#280: wrap-up, hold and pauses are seen with their clocks and reasons, as they happen."""
    page = await wall.open()
    tile = page.locator("[data-tile=wait-emergency] [data-part=value]")
    await expect(tile).to_have_text("2")
    seat = page.locator("[data-test=desk][data-extension='2004']")
    await expect(seat).to_contain_text("整理")
    await expect(seat.locator("[data-part=clock]")).to_have_text(re.compile(r"^0:\d\d$|^1:\d\d$"))
    await expect(page.locator("[data-extension='2005']")).to_contain_text("用餐")
    await expect(page.locator("[data-extension='2003']")).to_contain_text("保持")
    await stage.city.become("2007", "paused", "培训")
    await expect(page.locator("[data-extension='2007']")).to_contain_text("培训")
    # The caller of 119 is answered: one row of the list changes its place, nothing is drawn anew under the pointer.
    row = page.locator("[data-test=live-call][data-call=live-0]")
    await row.evaluate("(row) => { row.kept = true; }")
    stage.city.live["live-0"] = replace(
        stage.city.live["live-0"], state="talking", agent="2008", answered_at=stage.clock.now(),
        parties=(Party(extension="2008", channel="ch-2008", role="agent"),),
    )  # fmt: skip
    await stage.city.become("2008", "talking", call_id="live-0")
    await expect(tile).to_have_text("1")
    await expect(row).to_contain_text("2008")
    assert await row.evaluate("(row) => row.kept") is True


async def test_every_number_is_a_link_to_the_calls_behind_it(stage: Stage, wall: Wall) -> None:
    """qpanel#265, qpanel#249: from the number of the abandoned to the list of them."""
    page = await wall.open()
    for place in (
        "[data-tile=gone] [data-part=value]",
        "#lines tr:has(b:text-is('12345')) [data-part=offered]",
        "#lines tr:has(b:text-is('110')) [data-part=gone]",
        "#groups tr:first-child [data-part=offered]",
        "[data-tile=wait-service] [data-part=value]",
    ):
        link = page.locator(place)
        await expect(link).to_have_text(re.compile(r"^[1-9]\d*$"))
        number = await link.text_content()
        address = await link.get_attribute("href")
        await page.goto(address or "")
        await expect(page.locator("[data-test=found]")).to_have_text(f"共 {number} 通")
        await page.goto("/wallboard")
        await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")


async def test_listening_whispering_taking_over_with_a_reason(stage: Stage, wall: Wall) -> None:
    page = await wall.open()
    row = page.locator("[data-test=live-call][data-call=live-5]")
    await row.get_by_role("button", name="监听").click()
    await page.locator("#choice").get_by_role("button", name="例行抽查").click()
    await expect(row.get_by_role("button", name="监听")).to_have_attribute("aria-pressed", "true")
    await row.get_by_role("button", name="耳语").click()
    await page.locator("#choice").get_by_role("button", name="协助坐席").click()
    await expect(page.locator("#watching")).to_have_text("正在耳语")
    await page.locator("[data-test=stop]").click()
    await expect(page.locator("#own-phone")).to_be_hidden()
    await row.get_by_role("button", name="接管").click()
    await page.locator("#choice").get_by_role("button", name="取消").click()
    await row.get_by_role("button", name="接管").click()
    # The call goes on where transcript and ticket are.
    async with page.expect_request(lambda request: request.url.endswith("/desk")):
        await page.locator("#choice").get_by_role("button", name="突发事件").click()
    assert stage.city.asked == [
        ("watch", "live-5", "listen", "1009"),
        ("watch", "live-5", "whisper", "1009"),
        ("stop", "live-5", "1009"),
        ("take_over", "live-5", "1009"),
    ]


async def test_a_cry_for_help_is_over_everything_and_one_click_answers_it(stage: Stage, wall: Wall) -> None:
    page = await wall.open()
    await stage.city.ask_help("live-5", by="2001")
    alarm = page.locator("[data-test=alarm]")
    await expect(alarm).to_contain_text("2001 1号席 求助")
    await expect(alarm).to_be_in_viewport(ratio=1)
    await expect(alarm.get_by_role("button", name="监听")).to_be_focused()
    await page.reload()
    await expect(alarm).to_be_visible()
    await alarm.get_by_role("button", name="耳语").click()
    await expect(alarm).to_have_count(0)
    await until(lambda: ("watch", "live-5", "whisper", "1009") in stage.city.asked, "the supervisor whispers")


async def test_the_mode_is_switched_by_choosing_the_reason_for_it(stage: Stage, wall: Wall) -> None:
    page = await wall.open()
    normal, other = stage.services.city.modes
    button = page.locator(f"[data-test=modes] [data-mode={other.key}]")
    await button.click()
    dialog = page.locator("#choice")
    await expect(dialog).to_contain_text("切换为台风")
    await expect(dialog.locator(".about li")).not_to_have_count(0)
    # Who turns away has switched nothing.
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    assert stage.city.current.key == normal.key
    await button.click()
    await dialog.get_by_role("button", name="天气预警").click()
    await expect(button).to_have_attribute("aria-pressed", "true")
    await expect(button).to_have_class(re.compile("special"))
    assert stage.city.current.key == other.key
    await page.locator(f"[data-mode={normal.key}]").click()
    await dialog.get_by_role("button", name="恢复正常").click()
    await expect(button).to_have_attribute("aria-pressed", "false")
    assert stage.city.current.key == normal.key

    async def noted() -> bool:
        async with stage.services.database.read() as session:
            asked = select(AuditEntry.detail).where(AuditEntry.what == "mode").order_by(AuditEntry.id)
            return list(await session.scalars(asked)) == [f"{other.key} 天气预警", f"{normal.key} 恢复正常"]

    await until(noted, "both are in the audit")


async def test_a_line_that_fails_is_seen_at_once(stage: Stage, wall: Wall) -> None:
    """The line check's alarm: which line, and why."""
    page = await wall.open()
    health = page.locator("#health")
    await expect(health).to_be_hidden()
    for ok, text in ((False, "异常：119"), (True, "线路正常")):
        why = "" if ok else "进入排队后坐席没有振铃"
        check = LineCheck(line="119", at=stage.clock.now(), ok=ok, why=why)
        async with stage.services.database.work() as work:
            work.session.add(check)
            work.record(LineHealthChanged(at=check.at, line="119", ok=ok, why=why))
        await expect(health).to_have_text(text)
    await expect(health).not_to_have_class(re.compile("bad"))


async def test_alarms_stand_in_one_list_until_their_cause_is_gone(stage: Stage, wall: Wall) -> None:
    page = await wall.open()

    async def check(ok: bool) -> None:
        found = LineCheck(line="12345", at=stage.clock.now(), ok=ok, why="" if ok else "进入排队后坐席没有振铃")
        async with stage.services.database.work() as work:
            work.session.add(found)
            work.record(LineHealthChanged(at=found.at, line="12345", ok=ok, why=found.why))

    row = page.locator("[data-test=alarm-row][data-alarm='line:12345']")
    await check(False)
    await expect(row).to_have_count(1)
    await page.click("[data-test=alarm-button]")
    await expect(row).to_contain_text("进入排队后坐席没有振铃")
    # Who waits too long on an emergency line stands above it, and leads to the call.
    await expect(page.locator("[data-test=alarm-row]").first).to_have_attribute("data-alarm", re.compile("waiting:"))
    await row.locator("input").fill("已报修")
    await row.locator("[data-test=alarm-note]").click()
    await expect(row).to_contain_text("何班长")
    await expect(row).to_contain_text("已报修")
    await expect(row.locator("[data-test=alarm-note]")).to_be_hidden()
    await page.reload()
    await expect(row).to_contain_text("已报修")
    # It goes by itself; what begins anew is another alarm.
    await check(True)
    await expect(row).to_have_count(0)
    await check(False)
    await expect(row).to_have_count(1)
    await page.click("[data-test=alarm-button]")
    await expect(row.locator("[data-test=alarm-note]")).to_be_visible()


async def test_the_state_of_every_line_is_one_click_away(stage: Stage, wall: Wall) -> None:
    async with stage.services.database.work() as work:
        why = "进入排队后坐席没有振铃"
        work.session.add(LineCheck(line="119", at=stage.clock.now(), ok=False, why=why, took_s=12.0))
    page = await wall.open()
    await page.click("#health")
    rows = page.locator("[data-test=line-health]")
    await expect(rows).to_have_count(2 + len(stage.services.city.lines))
    await expect(page.locator("[data-test=line-health][data-line='119']")).to_contain_text("异常")
    await expect(page.locator("[data-test=line-health][data-line='110']")).to_contain_text("未检测")
    await page.keyboard.press("Escape")
    await expect(rows.first).to_be_hidden()


async def test_the_list_behind_a_number_is_exported_by_its_link(stage: Stage, wall: Wall) -> None:
    """qpanel#174: the calls behind a number as an Excel file."""
    page = await wall.open()
    link = page.locator("[data-tile=gone] [data-part=value]")
    await expect(link).to_have_text(re.compile(r"^[1-9]\d*$"))
    number = int(await link.text_content() or "0")
    async with page.context.expect_page() as opened:
        await link.click()
    calls = await opened.value
    assert page.url.endswith("/wallboard"), "the wall stays where it is, and who listens goes on listening"
    async with calls.expect_download() as loading:
        await calls.locator("[data-test=export]").click()
    download = await loading.value
    assert download.suggested_filename.endswith(".xlsx")
    with zipfile.ZipFile(await download.path()) as file:
        assert file.read("xl/worksheets/sheet1.xml").count(b"<row ") == 1 + number > 1


async def test_a_lost_stream_is_told_at_once_and_heals(stage: Stage, wall: Wall) -> None:
    page = await wall.open()
    await wall.server.stop()
    await expect(page.locator("[data-test=lost]")).to_be_visible()
    await stage.city.become("2007", "away")
    await wall.restart()
    await expect(page.locator("[data-test=lost]")).to_be_hidden()
    await expect(page.locator("[data-extension='2007']")).to_contain_text("离席")


@pytest.mark.parametrize("alarms", [1, 2])
@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080)])
async def test_alarms_cover_no_line(stage: Stage, wall: Wall, alarms: int, size: tuple[int, int]) -> None:
    page = await wall.open("zh", size)
    for call, desk in list({"live-5": "2001", "live-6": "2002"}.items())[:alarms]:
        await stage.city.ask_help(call, by=desk)
    await expect(page.locator("[data-test=alarm]")).to_have_count(alarms)
    for alarm in await page.locator("[data-test=alarm]").all():
        await expect(alarm).to_be_in_viewport(ratio=1)
    for place in ("#lines tr", "#groups tr"):
        await expect(page.locator(place).last).to_be_in_viewport(ratio=1)
    top = await page.locator(".panel.lines").evaluate("(e) => e.getBoundingClientRect().top")
    assert await page.locator("#over").evaluate("(e) => e.getBoundingClientRect().bottom") <= top


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080)])
async def test_the_wall_fits_one_screen(stage: Stage, wall: Wall, lang: str, size: tuple[int, int]) -> None:
    page = await wall.open(lang, size)
    await expect(page.locator("[data-test=desk]")).to_have_count(12)
    assert await page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for place in ("tiles", "desks", "quiet-lines", "modes", "me"):
        await expect(page.locator(f"[data-test={place}]")).to_be_in_viewport(ratio=1)
    await expect(page.locator("#groups tr").last).to_be_in_viewport(ratio=1)
    # Nothing is cut but names that have their whole text in a list, and nothing lies under something else.
    cut = await page.evaluate(
        """() => {
            const of = (names, spills) => [...document.querySelectorAll(names)]
                .filter((e) => e.offsetParent && spills(e)).map((e) => `${e.className} ${e.textContent.slice(0, 60)}`);
            return [
                ...of('.tile h2, .big, .sub, .count, td, thead th, .top a, .top button, .seat .state b, .acts, .caller',
                    (e) => e.scrollWidth > e.clientWidth + 1),
                ...of('.sub, .panel.lines, .panel.groups, .panel.desks', (e) => e.scrollHeight > e.clientHeight + 2),
            ];
        }"""
    )
    assert cut == []
    # In the small hours few lines have had calls, and those stand in larger letters.
    wide = await page.evaluate(
        """() => {
            const lines = document.querySelector('#lines');
            lines.style.setProperty('--rows', 3);
            return [...lines.querySelectorAll('td')].filter((e) => e.scrollWidth > e.clientWidth + 1).length;
        }"""
    )
    assert wide == 0
    smallest = await page.evaluate(
        """() => Math.min(...[...document.querySelectorAll('.board *')].filter((e) => e.offsetParent && e.innerText)
            .map((e) => parseFloat(getComputedStyle(e).fontSize)))"""
    )
    assert smallest >= 12


async def test_what_a_caller_sends_is_shown_and_never_run(stage: Stage, wall: Wall) -> None:
    stage.city.live["live-1"] = replace(stage.city.live["live-1"], caller=HOSTILE)
    page = await wall.open()
    await expect(page.locator("[data-call=live-1] [data-part=caller]")).to_have_text(HOSTILE)
    assert await page.locator("#calls img").count() == 0 and await page.title() != "run"
