"""The dispatchers' board calls: sound, title, notification, behind other pages too; or says that it cannot."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from core.clock import SystemClock
from tests import desk_fakes
from tests.board_scene import fire, noise, with_dispatchers
from tests.browser.test_board import board, row
from tests.desk_fakes import Stage, make_stage

pytestmark = pytest.mark.browser

CALM = re.compile("^派单台")
#: Counts the sounds that loop, and keeps what would be notified.
LISTEN = """() => {
  window.ringing = 0;
  const sound = AudioBufferSourceNode.prototype;
  for (const [name, step] of [["start", 1], ["stop", -1]]) {
    const own = sound[name];
    sound[name] = function (...more) {
      if (this.loop) window.ringing += step;
      return own.apply(this, more);
    };
  }
  window.notified = [];
  window.Notification = class {
    static permission = "granted";
    constructor(title, { body }) {
      window.notified.push([title, body]);
    }
    close() {}
  };
}"""
HIDDEN = """() => {
  Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
  Object.defineProperty(document, "hidden", { value: true, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(desk_fakes, "CITY", with_dispatchers())
    made = await make_stage(tmp_path, SystemClock())
    yield made
    await made.bus.close()
    await made.services.database.close()


async def test_a_new_emergency_calls_until_somebody_touches_the_board(stage: Stage) -> None:
    async with board(stage) as page:
        await page.evaluate(LISTEN)
        await expect(page).to_have_title(CALM)
        calm = await noise(stage)
        await expect(row(page, calm)).to_be_visible()
        assert await page.evaluate("window.ringing") == 0, "what is no emergency makes no sound"
        first = await fire(stage)
        await expect(page).to_have_title(re.compile(r"^\(1\) 派单台"))
        assert await page.evaluate("window.ringing") == 1
        await fire(stage, "c-g", "青阳街道")
        await expect(page).to_have_title(re.compile(r"^\(2\) 派单台"))
        assert await page.evaluate("[window.ringing, window.notified.length]") == [1, 0], "it is looked at"
        await page.wait_for_timeout(1100)
        await row(page, first).click()
        await expect(page).to_have_title(CALM)
        assert await page.evaluate("window.ringing") == 0


async def test_a_board_that_nobody_looks_at_keeps_its_line_and_calls(stage: Stage) -> None:
    async with board(stage) as page:
        await page.clock.install()
        await page.evaluate(LISTEN)
        await page.evaluate(HIDDEN)
        await page.clock.run_for(11_000)
        ticket = await fire(stage)
        await expect(row(page, ticket)).to_be_attached()
        await page.clock.run_for(1000)
        await expect(page).to_have_title(re.compile(r"^\(1\) 派单台"))
        assert await page.evaluate("window.ringing") == 1
        [[title, body]] = await page.evaluate("window.notified")
        assert ticket.number in title and "池店镇华洲村" in body


async def test_other_rows_that_come_into_view_are_no_new_emergency(stage: Stage) -> None:
    await fire(stage)
    async with board(stage) as page:
        await page.evaluate(LISTEN)
        await page.locator("[data-test=level]").select_option(index=1)
        await page.locator("[data-test=level]").select_option(index=0)
        later = await noise(stage)
        await expect(row(page, later)).to_be_visible()
        await expect(page).to_have_title(CALM)
        assert await page.evaluate("window.ringing") == 0


async def test_the_board_says_that_it_cannot_be_heard(stage: Stage) -> None:
    async with board(stage) as page:
        await expect(page.locator("[data-test=board-silent]")).to_have_text("没有声音，点此开启")
        await page.evaluate("() => { Object.defineProperty(Notification, 'permission', { value: 'granted' }); }")
        await page.locator("[data-test=board-silent]").click()
        await expect(page.locator("[data-test=board-silent]")).to_be_hidden()
