"""The administrator changes a line in the table, sees the difference, saves, applies and takes it back, in Chromium."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Dialog, Page, expect

from desk.app import create_app
from desk.server import DeskServer, bundle_ready
from tests.browser.conftest import SCREEN, UNBUILT
from tests.chromium import chromium, sign_in
from tests.desk_fakes import PASSWORD, Stage
from tests.eventually import PATIENCE_MS, until
from tests.unit.config_support import JINJIANG, FakeExchangeConfig, FakeRestart, administered

pytestmark = pytest.mark.browser


@pytest.fixture
async def exchange(stage: Stage, tmp_path: Path) -> FakeExchangeConfig:
    exchange = (await administered(stage, tmp_path))[1]
    stage.services.restart = FakeRestart()
    return exchange


@pytest.fixture
async def page(exchange: FakeExchangeConfig, stage: Stage) -> AsyncIterator[Page]:
    assert bundle_ready(), UNBUILT
    server = DeskServer(create_app(stage.services), "127.0.0.1", 0)
    await server.start()
    async with chromium() as browser:
        context = await browser.new_context(base_url=f"http://127.0.0.1:{server.port}", viewport=SCREEN)
        made = await context.new_page()
        made.set_default_timeout(PATIENCE_MS)
        await sign_in(made, "admin", PASSWORD, path="/settings")
        await expect(made.locator("[data-file='lines.yaml']")).to_be_visible()
        yield made
    await server.stop()


async def keep(page: Page, why: str) -> None:
    await page.fill("[data-test=why]", why)
    await page.click("[data-test=save]")
    await expect(page.locator("[data-test=saved]")).to_be_visible()


async def test_a_lines_name_goes_the_whole_way_and_back(
    page: Page, stage: Stage, exchange: FakeExchangeConfig
) -> None:  # fmt: skip
    await page.click("[data-file='lines.yaml'] a >> nth=0")
    police = page.locator("[data-test=entry][data-key='110']")
    await police.get_by_label("名称", exact=True).fill("公安报警")
    await police.get_by_label("优先级").fill("12")
    await page.click("[data-test=preview]")
    await expect(page.locator(".entry.wrong .wrong-word")).to_contain_text("紧急线路 110 的优先级是 12")
    assert await police.get_by_label("名称", exact=True).input_value() == "公安报警", "nothing entered is lost"
    await police.get_by_label("优先级").fill("100")
    await page.click("[data-test=preview]")
    await expect(page.locator(".diff .went")).to_have_text(["7−  name: 报警服务台"])
    await expect(page.locator(".diff .came")).to_have_text(["7+  name: 公安报警"])
    await keep(page, "按市局要求改名")
    await expect(page.locator("[data-file='lines.yaml'] [data-test=versions]")).to_have_text("1")
    await expect(page.locator("[data-test=pending]")).to_contain_text("待应用到 Asterisk：1 个文件")

    await page.click("[data-test=to-asterisk]")
    await expect(page.locator("[data-test=conf] .came")).to_contain_text("110 公安报警")
    await page.click("[data-test=apply]")
    await expect(page.locator("[data-test=result]")).to_contain_text("已应用，通话没有中断")
    assert exchange.asked == ["check", "apply"]

    await page.goto("/settings/history?name=lines.yaml")
    await page.click("[data-version='0'] [data-test=to-restore]")
    await expect(page.locator(".diff .came")).to_have_text(["7+  name: 报警服务台"])
    await page.fill("[data-test=why]", "改错了")
    await page.click("[data-test=restore]")
    await expect(page.locator("[data-test=saved]")).to_be_visible()
    folder = stage.services.configuration.folder
    assert folder.path("lines.yaml").read_bytes() == (JINJIANG / "lines.yaml").read_bytes()


async def test_a_new_desk_from_the_table(page: Page, stage: Stage) -> None:
    await page.goto("/settings/file?name=desks.yaml")
    await page.click("[data-test=add]")
    entry = page.locator("[data-test=entry]").last
    await expect(entry.get_by_label("分机")).to_be_focused()
    await entry.get_by_label("分机").fill("1008")
    await entry.get_by_label("名称").fill("8号席")
    await entry.get_by_label("本组").select_option("minnan")
    await page.locator("[data-key='1906'] [data-test=gone]").check()
    await page.click("[data-test=preview]")
    await expect(page.locator(".diff .came")).to_contain_text(
        "- {extension: 1008, name: 8号席, groups: [minnan, service]}"
    )  # fmt: skip
    await expect(page.locator(".diff .went")).to_contain_text("机器人6")
    await keep(page, "扩席")
    desks = (await stage.services.configuration.content("desks.yaml"))[1]
    assert desks.startswith("# 席位") and "1008" in desks and "extension: 1906" not in desks


async def test_text_with_numbers_beside_it_holds_no_keyboard_and_nothing_is_lost_by_leaving(page: Page) -> None:
    await page.goto("/settings/file?name=clocks.yaml")
    area, numbers = page.locator("[data-test=text]"), page.locator("#gutter span")
    lines = (JINJIANG / "clocks.yaml").read_text("utf-8").count("\n") + 1
    await expect(numbers).to_have_count(lines)
    await area.press("Control+Home")
    await area.press_sequentially("- broken\n")
    await expect(numbers).to_have_count(lines + 1)
    left: list[str] = []

    async def asked(dialog: Dialog) -> None:
        left.append(dialog.type)
        await dialog.dismiss()

    page.on("dialog", asked)
    await page.locator(".crumbs a >> nth=0").click()
    await until(lambda: left, "the browser asks")
    await expect(area).to_have_value("- broken\n" + (JINJIANG / "clocks.yaml").read_text("utf-8"))
    assert left == ["beforeunload"]
    await page.click("[data-test=preview]")
    await expect(page.locator("#gutter .wrong")).to_have_text(["9"])
    await page.click("[data-test=faults] a >> nth=0")
    await expect(area).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(area).not_to_be_focused()


async def test_a_restart_is_followed_until_heyi_is_back_or_refused(page: Page, stage: Stage) -> None:
    restart = stage.services.restart
    assert isinstance(restart, FakeRestart)
    restart.go_on.clear()
    await page.click("[data-test=to-restart]")
    await page.fill("[data-test=why]", "启用新线路")
    await page.fill("[data-test=proof]", PASSWORD)
    await page.click("[data-test=restart]")
    await expect(page.locator("[data-step=checking]")).to_be_visible()
    restart.refusal = "no such model"
    restart.go_on.set()
    await expect(page.locator("[data-test=refused]")).to_have_text("no such model")

    restart.refusal = ""
    await page.fill("[data-test=why]", "再试一次")
    await page.fill("[data-test=proof]", PASSWORD)
    await page.click("[data-test=restart]")
    await expect(page.locator("[data-step=restarting]")).to_be_visible()
    # As another process would answer.
    await page.route("**/api/settings/restart", lambda route: route.fulfill(json={"boot": "x", "running": False}))
    await expect(page.locator("[data-test=restarted]")).to_have_text("合一已重新启动")
