"""An appeal in the browser: the call taker sees his score and appeals, another person hears of it and decides."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from playwright.async_api import Browser, Page, expect
from sqlalchemy import select

from desk.app import create_app
from desk.server import DeskServer, bundle_ready
from desk.services import DeskServices
from quality.reviews.tables import Review
from quality.sampling.assign import Reviewer
from tests.browser.conftest import SCREEN, UNBUILT
from tests.chromium import chromium, sign_in
from tests.desk_fakes import PASSWORD, Stage
from tests.eventually import PATIENCE_MS
from tests.quality_scene import POOR, REVIEWERS, quality_services, yesterdays_calls
from ticketing.actor import Actor

pytestmark = pytest.mark.browser
LIN = Actor("lin", "supervisor")


@dataclass
class Hall:
    """A desk with a review of Wang's that is to be published, and as many people at it as come."""

    services: DeskServices
    browser: Browser
    port: int
    review: Review

    async def open(self, login: str, path: str) -> Page:
        context = await self.browser.new_context(base_url=f"http://127.0.0.1:{self.port}", viewport=SCREEN)
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        await sign_in(page, login, PASSWORD, path=path)
        await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")
        return page


@pytest.fixture
async def hall(stage: Stage) -> AsyncIterator[Hall]:
    assert bundle_ready(), UNBUILT
    services = await quality_services(stage.services)
    await yesterdays_calls(services)
    day = services.clock.now().astimezone(services.reviews.zone).date() - timedelta(days=1)
    people = [Reviewer(login) for login in REVIEWERS]
    draw = await services.reviews.draw(day, services.reviews.shift("day"), people, LIN)
    async with services.database.read() as session:
        drawn = list(await session.scalars(select(Review).where(Review.draw_id == draw.id).order_by(Review.id)))
    double = {one.call_id for one in drawn if one.copy}
    review = next(one for one in drawn if one.agent == "wang" and one.call_id not in double)
    first = Actor(review.reviewer, "reviewer")
    await services.reviews.begin(review.id, first)
    await services.reviews.score(review.id, first, POOR)
    server = DeskServer(create_app(services), "127.0.0.1", 0)
    await server.start()
    async with chromium() as browser:
        yield Hall(services, browser, server.port, review)
    await server.stop()


async def test_an_appeal_from_the_call_taker_to_the_decision(hall: Hall) -> None:
    wang = await hall.open("wang", "/quality/appeals")
    second = await hall.open(next(one for one in REVIEWERS if one != hall.review.reviewer), "/quality/appeals")
    # Published while he looks at his page: it comes by itself, and is counted in his bar.
    await expect(wang.locator("[data-test=review]")).to_have_count(0)
    await hall.services.reviews.release(hall.review.id, LIN)
    await wang.click("[data-test=open]")
    await expect(wang.locator("[data-test=nav-quality-count]")).to_have_text("1")
    await expect(wang.locator("[data-test=result]")).to_contain_text("66.0")
    await expect(wang.locator("[data-test=score]")).to_contain_text("行了行了，我知道在哪")
    await wang.fill("[data-test=appeal-why]", "地址复述过，录音 1 分 10 秒")
    await wang.click("[data-test=appeal]")
    await expect(wang.locator("[data-test=result]")).to_have_attribute("data-state", "appealed")

    # The second hears of it without asking, and scores again.
    await second.click(f"[data-review='{hall.review.id}'] [data-test=open]")
    await expect(second.locator("[data-test=steps]")).to_contain_text("地址复述过，录音 1 分 10 秒")
    await second.click("[data-test=change-open]")
    await expect(second.locator("[data-test=item-address]")).to_have_value("no")
    await second.select_option("[data-test=item-address]", "yes")
    await second.select_option("[data-test=item-demand]", "4")
    await second.fill("[data-test=change-why]", "复述了门牌号")
    await second.click("[data-test=change]")
    await expect(second.locator("[data-test=result]")).to_have_attribute("data-state", "changed")

    # 100 less 5 + 5 of the two that stay, and 3 of 15 for the demand.
    await expect(wang.locator("[data-test=result]")).to_contain_text("87.0")
    await expect(wang.locator("[data-test=steps]")).to_contain_text("复述了门牌号")
    await expect(wang.locator("[data-test=appeal]")).to_have_count(0)


async def test_a_supervisor_moves_many_on_at_once(hall: Hall) -> None:
    page = await hall.open("lin", "/quality/oversight?state=assigned")
    waits = await page.locator("[data-test=review]").count()
    assert waits > 3
    await expect(page.locator("[data-test=bulk-assign]")).to_be_disabled()
    await page.locator("[data-test=every]").check()
    await expect(page.locator("[data-test=chosen]")).to_have_text(str(waits))
    await page.fill("[data-test=why]", "录音缺失")
    await page.click("[data-test=bulk-void]")
    await expect(page.locator("[data-test=review]")).to_have_count(0)
    await expect(page.locator("[data-test=state-void]")).to_contain_text(str(waits))
    await page.click("[data-test=tab-sampling]")
    await page.click("[data-test=draws] [data-test=open]")
    await page.click("[data-test=prove]")
    await expect(page.locator("[data-test=proof]")).to_have_attribute("data-proved", "true")
