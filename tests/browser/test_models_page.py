"""Proposed models at the desk in a real Chromium: what differs, who decides, the way back, the weekly report."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Locator, Page, expect
from sqlalchemy import select

from core.audit import AuditEntry
from tests.chromium import sign_in
from tests.desk_fakes import PASSWORD, Stage
from tests.loop_scene import case, model, proposed, says, weeks_of_labels
from triage.loop.drift import week_name, week_of
from triage.loop.gate import Answered
from triage.loop.models import version_of

pytestmark = pytest.mark.browser
OLD, NEW = version_of(model()), version_of(model(newer=True))


def at(page: Page, name: str) -> Locator:
    return page.locator(f"[data-test={name}]")


async def fits(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


async def trail(stage: Stage) -> list[tuple[str, str, str]]:
    async with stage.services.database.read() as session:
        rows = await session.scalars(select(AuditEntry).where(AuditEntry.what.startswith("model")))
        return [(row.who, row.what, row.detail) for row in rows]


async def test_a_person_sees_what_differs_adopts_it_and_goes_back(stage: Stage, page: Page) -> None:
    await proposed(stage)
    await sign_in(page, "lin", PASSWORD, path="/calls")
    await at(page, "nav-more").hover()
    await at(page, "nav-models").click()
    await expect(at(page, "version")).to_have_text(OLD)
    await expect(at(page, "state")).to_have_text("待决定")
    for became, count in (("worse", 2), ("better", 2), ("other", 0)):
        await expect(at(page, f"count-{became}")).to_have_text(str(count))
    better = at(page, "cases-better").locator("[data-test=case]").first
    await expect(better.locator("td").nth(1)).to_have_text("三楼那个窗户都红了，玻璃噼里啪啦往下掉")
    await expect(better.locator("td").nth(2)).to_have_text("紧急E101 建筑火灾求助")
    await expect(better.locator("td").nth(3).locator(".wrong")).to_have_text(["不紧急 0.31", "S102 占道经营", "投诉"])
    await expect(better.locator("td").nth(4)).to_have_text("紧急 0.88E101 建筑火灾求助")
    await expect(better.locator("td").nth(4).locator(".wrong")).to_have_count(0)
    assert await fits(page)

    # Without a reason nothing is sent.
    await at(page, "promote").click()
    await expect(at(page, "state")).to_have_text("待决定")
    await at(page, "promote-reason").fill("新增的火灾说法都对")
    await page.keyboard.press("Enter")
    await expect(at(page, "state")).to_have_text("已采用")
    await expect(at(page, "version")).to_have_text(NEW)
    await expect(at(page, "promote")).to_have_count(0)

    await at(page, "back-open").click()
    await at(page, "back-reason").fill("误报多")
    await at(page, "back").click()
    await expect(at(page, "version")).to_have_text(OLD)
    await expect(at(page, "uses").locator("tbody tr")).to_have_count(3)
    assert await trail(stage) == [
        ("lin", "model_promoted", f"{NEW}: 新增的火灾说法都对"),
        ("lin", "model_back", f"{OLD}: 误报多"),
    ]


async def test_rejecting_and_what_the_gate_has_refused(stage: Stage, page: Page) -> None:
    await proposed(stage)
    await sign_in(page, "lin", PASSWORD, path="/models")
    await at(page, "reject-reason").fill("样本太少")
    await at(page, "reject").click()
    await expect(at(page, "state")).to_have_text("不采用")
    await expect(at(page, "proposal")).to_contain_text("林主任")
    await expect(at(page, "version")).to_have_text(OLD)

    alarm = says(alarmed=True, outcome="emergency", p_emergency=0.9)
    await proposed(stage, [Answered(case(1, "门缝里往外冒烟", emergency=True), alarm, says())])
    await page.reload()
    await expect(at(page, "state")).to_have_text("未通过检验")
    await expect(at(page, "refused")).to_be_visible()
    await expect(at(page, "cases-worse").locator("tr.refused")).to_contain_text("门缝里往外冒烟")
    for button in ("promote", "reject"):
        await expect(at(page, button)).to_have_count(0)


async def test_the_weekly_report_and_who_may_see_it(stage: Stage, page: Page) -> None:
    now = stage.services.clock.now()
    await weeks_of_labels(stage, now)
    await sign_in(page, "lin", PASSWORD, path="/drift")
    last = week_of(now, ZoneInfo(stage.services.city.profile.timezone)) - timedelta(weeks=1)
    await expect(at(page, "week")).to_have_text(week_name(last))
    await expect(at(page, "tickets")).to_have_text("本周 40 件，此前 8 周 320 件")
    await expect(at(page, "stands-out").filter(has_text="1002 二号坐席")).to_contain_text("100%")
    await expect(at(page, "confusions").locator("tr").first).to_contain_text("S102 占道经营→S101 施工噪声")
    assert await fits(page)
    await at(page, "after").click()
    await expect(at(page, "none")).to_be_visible()
    await page.context.clear_cookies()
    await sign_in(page, "wang", PASSWORD, path="/models")
    await expect(page.locator("body")).to_contain_text("您没有此项权限")


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_the_pages_fit_a_small_screen(stage: Stage, page: Page, lang: str) -> None:
    await proposed(stage)
    await weeks_of_labels(stage, stage.services.clock.now())
    await sign_in(page, "lin", PASSWORD, path="/models", lang=lang)
    for width in (1366, 420):
        await page.set_viewport_size({"width": width, "height": 768})
        for path in ("/models", "/drift"):
            await page.goto(path)
            assert await fits(page), (path, width)
