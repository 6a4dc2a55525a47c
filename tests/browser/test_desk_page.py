"""The call taker's page in a real Chromium, over a city in memory: what it shows, keeps, and never runs."""

from dataclasses import replace

import pytest
from playwright.async_api import Page, expect

from asr.events import RecognitionStrained, Strain
from desk.access.users import Users
from tests.browser.conftest import stand_still
from tests.chromium import sign_in
from tests.desk_fakes import FIRE, NOISE, PASSWORD, Stage
from ticketing.actor import Actor
from triage.verdict import Reason

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"


async def open_desk(page: Page, login: str = "wang", lang: str = "zh") -> None:
    await sign_in(page, login, PASSWORD, lang=lang)
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")


async def test_a_call_unfolds_on_the_page_as_it_happens(stage: Stage, page: Page) -> None:
    city = stage.city
    await open_desk(page)
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
    await expect(page.locator("#questions li").nth(2)).to_be_attached()
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("[data-test=ticket-state]")).to_have_attribute("data-state", "dispatched")
    await city.end("c-1")
    await expect(page.locator("[data-test=agent-state]")).to_have_attribute("data-state", "wrapup")
    await page.keyboard.press("F9")
    await expect(page.locator("[data-test=agent-state]")).to_have_attribute("data-state", "ready")


@pytest.mark.parametrize(
    ("lang", "late", "busy"),
    [
        ("zh", "转写延迟 4 秒", "转写繁忙，稍后补齐"),
        ("en", "Transcript 4 s late", "Transcription is busy; the text will follow"),
    ],
)
async def test_recognition_that_falls_behind_says_so_until_it_has_caught_up(
    stage: Stage, page: Page, lang: str, late: str, busy: str
) -> None:
    def told(strain: Strain, lag_s: float) -> None:
        stage.bus.publish(RecognitionStrained(at=stage.clock.now(), strain=strain, lag_s=lag_s))

    await page.clock.install()
    await open_desk(page, lang=lang)
    # What is said is forgotten after seconds of the page's time: none passes before the test has looked.
    await stand_still(page)
    badge = page.locator("[data-test=strain]")
    await expect(badge).to_be_hidden()
    told("late", 4.2)
    await expect(badge).to_have_text(late)
    told("busy", 31.0)
    await expect(badge).to_have_text(busy)
    told("none", 0.0)
    await expect(badge).to_be_hidden()
    # Without news for a while it is over, too: its end may have been missed.
    told("late", 4.2)
    await expect(badge).to_be_visible()
    await page.clock.run_for(10_000)
    await expect(badge).to_be_hidden()


async def test_what_a_person_typed_is_kept_and_saved_while_the_rest_fills_itself(stage: Stage, page: Page) -> None:
    city = stage.city
    await city.arrive("c-1", "12345", "13800001234")
    ticket = await city.answer("c-1", "1001")
    await open_desk(page)
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
    await expect(page.locator("[data-test=ticket-number]")).to_have_text(ticket.number)


async def test_hostile_caller_words_and_fields_are_shown_and_never_run(stage: Stage, page: Page) -> None:
    city = stage.city
    await city.arrive("c-0", "12345", HOSTILE[:80])
    await city.answer("c-0", "1001")
    await city.say("c-0", HOSTILE)
    await city.end("c-0")
    await city.arrive("c-1", "12345", HOSTILE[:80])
    ticket = await city.answer("c-1", "1001")
    await open_desk(page)
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
    await open_desk(page, "urban")
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
    # What has come is not drawn under the hands of somebody who writes, but said.
    await expect(page.locator("#part")).to_have_attribute("data-waits", "有新变化，填完或收起后显示")
    await expect(row.locator("[data-test=result]")).to_have_value("已到现场")
    await row.locator("[data-test=report]").click()
    await expect(page.locator(".tabs")).to_contain_text("待接单 1")
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
    await open_desk(page, lang=lang)
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


async def test_the_banner_names_words_once_however_many_pieces_of_them_speak(stage: Stage, page: Page) -> None:
    city = stage.city
    await open_desk(page)
    await city.arrive("c-1", "119", "13800001234")
    await city.ring("c-1", "1001")
    await city.answer("c-1", "1001")
    await city.say("c-1", "有两个男的拿着刀，有一个人已经流血了")
    pieces = ("男的拿着", "个男的拿", "已经流血", "有一个人", "个人已经")
    found = tuple(Reason(rule="model.emergency", words=words, says="emergency") for words in pieces)
    injury = Reason(rule="injury", words="流血", says="emergency")
    await city.judge("c-1", replace(FIRE, reasons=(injury, *found)))
    await expect(page.locator("#reasons mark")).to_have_text(["流血", "男的拿着", "有一个人"])
