"""The call taker's page in a real Chromium, over a city in memory: what it shows, keeps, and never runs."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from core.clock import SystemClock
from desk.app import create_app
from desk.server import DeskServer, bundle_ready
from desk.users import Users
from tests.desk_fakes import FIRE, NOISE, PASSWORD, Stage, make_stage
from ticketing.actor import Actor

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = await make_stage(tmp_path, SystemClock())
    yield made
    await made.bus.close()
    await made.services.database.close()


@pytest.fixture
async def page(stage: Stage) -> AsyncIterator[Page]:
    assert bundle_ready(), "build the scripts first: npm ci && npm run build in desk/web"
    server = DeskServer(create_app(stage.services), "127.0.0.1", 0)
    await server.start()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        context = await browser.new_context(
            base_url=f"http://127.0.0.1:{server.port}", viewport={"width": 1366, "height": 768}
        )
        page = await context.new_page()
        page.set_default_timeout(10_000)
        yield page
        await browser.close()
    await server.stop()


async def sign_in(page: Page, login: str = "wang", lang: str = "zh") -> None:
    await page.goto(f"/login?lang={lang}")
    await page.fill("[data-test=login]", login)
    await page.fill("[data-test=password]", PASSWORD)
    await page.click("[data-test=sign-in]")
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")


async def test_a_call_unfolds_on_the_page_as_it_happens(stage: Stage, page: Page) -> None:
    city = stage.city
    await sign_in(page)
    await city.arrive("w-1", "120", "13900000000")
    await expect(page.locator("#waiting")).to_contain_text("紧急等待 1")
    await city.arrive("c-1", "119", "13800001234")
    await city.ring("c-1", "1001")
    card = page.locator("[data-test=call-card]")
    await expect(card).to_be_visible()
    await expect(card).to_contain_text("13800001234")
    await city.answer("c-1", "1001")
    city.partial("c-1", "c-1-0", "华洲村")
    row = page.locator("[data-test=utterance]")
    await expect(row).to_have_attribute("data-final", "false")
    await city.say("c-1", "华洲村有房子冒烟，人困在楼上")
    await expect(row).to_have_attribute("data-final", "true")
    await expect(row).to_have_count(1)
    await city.judge("c-1", FIRE)
    await expect(page.locator("[data-test=verdict]")).to_have_attribute("data-outcome", "emergency")
    await expect(row.locator("mark")).to_have_text(["冒烟", "困在楼上"])
    await expect(page.locator("[name=place]")).to_have_value("池店镇华洲村")
    await expect(page.locator("[name=code]")).to_have_value("E101")
    assert await page.locator("#questions li").count() >= 3
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("[data-test=ticket-state]")).to_have_attribute("data-state", "dispatched")
    await city.end("c-1")
    await expect(page.locator("[data-test=agent-state]")).to_have_attribute("data-state", "wrapup")
    await page.keyboard.press("F9")
    await expect(page.locator("[data-test=agent-state]")).to_have_attribute("data-state", "ready")


async def test_what_a_person_typed_is_kept_and_saved_while_the_rest_fills_itself(stage: Stage, page: Page) -> None:
    city = stage.city
    await city.arrive("c-1", "12345", "13800001234")
    ticket = await city.answer("c-1", "1001")
    await sign_in(page)
    await page.locator("[name=place]").press_sequentially("梅岭街道竹园社区", delay=20)
    await city.judge("c-1", FIRE)
    await expect(page.locator("[name=code]")).to_have_value("E101")
    await expect(page.locator("[name=place]")).to_have_value("梅岭街道竹园社区")
    await expect(page.locator("#saved")).to_have_text("已保存")
    await page.reload()
    await expect(page.locator("[name=place]")).to_have_value("梅岭街道竹园社区")
    # A person's category brings its department with it, and stays when the verdict changes.
    await page.select_option("[name=code]", "S102")
    await expect(page.locator("[name=department]")).to_have_value("urban")
    await city.judge("c-1", FIRE)
    await city.say("c-1", "还有什么要补充的吗", "agent")
    await expect(page.locator("[data-test=utterance]")).to_have_count(1)
    await expect(page.locator("[name=code]")).to_have_value("S102")
    # Typed in the last moment before the page goes.
    await page.fill("[name=contact_name]", "黄先生")
    await page.reload()
    await expect(page.locator("[name=contact_name]")).to_have_value("黄先生")
    assert (await page.text_content("[data-test=ticket-number]")) == ticket.number


async def test_hostile_caller_words_and_fields_are_shown_and_never_run(stage: Stage, page: Page) -> None:
    city = stage.city
    await city.arrive("c-0", "12345", HOSTILE[:80])
    await city.answer("c-0", "1001")
    await city.say("c-0", HOSTILE)
    await city.end("c-0")
    await city.arrive("c-1", "12345", HOSTILE[:80])
    ticket = await city.answer("c-1", "1001")
    await sign_in(page)
    city.partial("c-1", "c-1-0", HOSTILE)
    await city.say("c-1", HOSTILE)
    await city.judge("c-1", NOISE)
    row = page.locator("[data-test=utterance][data-final=true] .text")
    await expect(row).to_have_text(HOSTILE)
    await expect(page.locator("[name=summary]")).to_have_value(HOSTILE[:500])
    await page.goto(f"/tickets/{ticket.number}")
    await expect(page.locator("[data-test=utterance] .text")).to_have_text(HOSTILE)
    await expect(page.locator(".summary")).to_contain_text("<img")
    assert await page.locator("img").count() == 0
    assert await page.title() != "run"


async def test_a_department_takes_a_ticket_on_and_keeps_what_it_types_while_the_list_moves(
    stage: Stage, page: Page
) -> None:
    city, tickets = stage.city, stage.services.tickets
    await sign_in(page, "urban")
    await city.arrive("c-1", "12345", "13800001234")
    first = await city.answer("c-1", "1001")
    await city.judge("c-1", NOISE)
    from_desk = await _actor(stage, "wang")
    await tickets.submit(first.id, from_desk)
    row = page.locator(f"[data-number='{first.number}']")
    await row.locator("[data-test=accept]").click()
    await expect(row).to_have_count(0)
    await page.goto("/department?tab=handling")
    await row.locator("[data-test=report-open]").click()
    await row.locator("[data-test=result]").fill("已到现场")
    await city.arrive("c-2", "12345", "13800001235")
    second = await city.answer("c-2", "1002")
    await city.judge("c-2", NOISE)
    await tickets.submit(second.id, from_desk)
    await expect(page.locator(".tabs")).to_contain_text("待接单 1")
    await expect(row.locator("[data-test=result]")).to_have_value("已到现场")
    await row.locator("[data-test=report]").click()
    await expect(page.locator(".tabs")).to_contain_text("待回访 1")


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080)])
async def test_the_main_job_needs_no_scrolling(stage: Stage, page: Page, lang: str, size: tuple[int, int]) -> None:
    city = stage.city
    await page.set_viewport_size({"width": size[0], "height": size[1]})
    await city.arrive("c-1", "119", "13800001234")
    await city.answer("c-1", "1001")
    await city.say("c-1", "华洲村有房子冒烟，人困在楼上" * 12)
    await city.judge("c-1", FIRE)
    await sign_in(page, lang=lang)
    await expect(page.locator("#questions li").first).to_be_visible()
    # Everything unfolded that a call can unfold on the left.
    await page.evaluate("for (const id of ['call-buttons', 'keys']) document.getElementById(id).hidden = false")
    for name in ("submit", "close", "verdict", "transcript", "history"):
        await expect(page.locator(f"[data-test={name}]")).to_be_in_viewport(ratio=1)
    await expect(page.locator("[name=department]")).to_be_in_viewport(ratio=1)
    cut = await page.evaluate(
        """() => [...document.querySelectorAll('button, .badge, h2, .fields, .questions, .agent-line, .top, output')]
            .filter((e) => e.offsetParent && (e.clientWidth && e.scrollWidth > e.clientWidth + 1
                    || e.matches('.fields') && e.scrollHeight > e.clientHeight + 1))
            .map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert cut == []
    assert await page.evaluate("document.documentElement.scrollHeight <= innerHeight")


async def _actor(stage: Stage, login: str) -> Actor:
    user = await Users(stage.services.database).get(login)
    assert user is not None
    return user.actor()
