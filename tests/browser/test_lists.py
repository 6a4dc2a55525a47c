"""Lists whose filters and pages exchange the list alone, in a real Chromium; and the same without scripts."""

import asyncio
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page, Request, Route, expect

from core.city import Person
from desk.access.users import Users
from telephony.ledger import CallRow
from tests.browser.conftest import stand_still
from tests.browser.test_knowledge import article
from tests.chromium import sign_in
from tests.desk_fakes import CITY, PASSWORD, Stage
from tests.eventually import until
from ticketing.knowledge.repository import KnowledgeRepository
from triage.incidents.rarity import seed_rarity

pytestmark = pytest.mark.browser

MARK = "window.mark = document.querySelector('main')"
KEPT = "window.mark !== undefined && window.mark === document.querySelector('main')"


@pytest.fixture(autouse=True)
def counted() -> None:
    """How seldom words are said is counted once, at the house's start: not while a page waits for it."""
    seed_rarity()


def asked(page: Page, path: str) -> list[dict[str, list[str]]]:
    """The questions that the page sends to this path from now on."""
    heard: list[dict[str, list[str]]] = []

    def sent(request: Request) -> None:
        where = urlsplit(request.url)
        if where.path == path:
            heard.append(parse_qs(where.query))

    page.on("request", sent)
    return heard


async def knowledge(stage: Stage, page: Page, login: str = "wang") -> None:
    await article(stage, "夜间施工噪声", "工地晚上施工太吵")
    await article(stage, "占道经营", "有人摆摊占道", codes=("S102",))
    await sign_in(page, login, PASSWORD, path="/knowledge")
    await expect(page.locator("[data-test=article]")).to_have_count(2)
    await page.evaluate(MARK)


async def travel(page: Page, way: str) -> None:
    """Back or forward: the server is asked for what was there, so that the page is another afterwards."""
    await page.evaluate(f"() => {{ window.former = true; setTimeout(() => history.{way}()) }}")
    await page.wait_for_function("() => !window.former && document.readyState === 'complete'")


async def misses(stage: Stage) -> Sequence[Any]:
    async with stage.services.database.read() as session:
        rows = await KnowledgeRepository(session).misses(stage.clock.now() - timedelta(days=1), 1)
        return [(row.text, row.count) for row in rows]


async def calls(stage: Stage, page: Page) -> None:
    """The list of the last hour's calls: 52, two of them to 12345."""
    now = stage.clock.now()
    async with stage.services.database.work() as work:
        for n in range(52):
            at = now - timedelta(minutes=n + 1)
            line = "119" if n % 26 else "12345"
            work.session.add(
                CallRow(id=f"c-{n}", direction="in", line=line, caller="13800001234", arrived_at=at, ended_at=at)
            )
    await sign_in(page, "lin", PASSWORD, path="/calls")
    await expect(page.locator("[data-test=calls]")).to_be_visible()
    # Midnight may just have been.
    await page.goto(f"/calls?from={now - timedelta(days=2):%Y-%m-%d}")
    await expect(page.locator("[data-test=found]")).to_have_text("共 52 通")


async def test_what_is_typed_is_found_without_a_page_load_and_back_returns(stage: Stage, page: Page) -> None:
    await knowledge(stage, page)
    field, found = page.locator("[data-test=query]"), page.locator("[data-test=article]")
    await field.press_sequentially("占道")
    await expect(found).to_have_count(1)
    await expect(found).to_contain_text("占道经营")
    await expect(page).to_have_url(re.compile(r"/knowledge\?q=%E5%8D%A0%E9%81%93$"))
    # Between two characters, and the caret stays there.
    await field.press("ArrowLeft")
    await field.press_sequentially("x")
    await expect(page).to_have_url(re.compile("q=%E5%8D%A0x%E9%81%93$"))
    await expect(field).to_be_focused()
    assert await field.evaluate("field => field.selectionStart") == 2
    assert await page.evaluate(KEPT)
    await page.reload()
    await expect(field).to_have_value("占x道")
    # All that was typed at one go is one step.
    await travel(page, "back")
    await expect(page).to_have_url(re.compile("/knowledge$"))
    await expect(found).to_have_count(2)
    await expect(field).to_have_value("")
    assert await page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)]") == []


async def test_an_input_methods_half_word_asks_nothing(stage: Stage, page: Page) -> None:
    await page.clock.install()
    await knowledge(stage, page)
    questions = asked(page, "/knowledge")
    field, found = page.locator("[data-test=query]"), page.locator("[data-test=article]")
    await field.focus()
    keyboard = await page.context.new_cdp_session(page)
    # Typed just before the half word: its question is due while the half word stands there, however slow the hands.
    await stand_still(page)
    await page.keyboard.type("有")
    for half in ("zh", "zhan", "zhandao"):
        caret = {"selectionStart": len(half), "selectionEnd": len(half)}
        await keyboard.send("Input.imeSetComposition", {"text": half, **caret})
    await page.clock.run_for(800)
    await page.wait_for_timeout(300)  # for a question to be sent; whether one was shows also below
    assert questions == []
    await page.clock.resume()
    await keyboard.send("Input.insertText", {"text": "占道"})
    await expect(found).to_have_count(1)
    await expect(found).to_contain_text("占道经营")
    assert [question["q"] for question in questions] == [["有占道"]]


async def test_what_is_typed_in_passing_is_no_gap_and_what_it_ends_with_is_one(stage: Stage, page: Page) -> None:
    await knowledge(stage, page)
    field, none = page.locator("[data-test=query]"), page.locator("[data-test=none]")
    await field.press_sequentially("护照")
    await expect(none).to_contain_text("护照")
    await field.press_sequentially("换发")
    await expect(none).to_contain_text("护照换发")
    assert await misses(stage) == []
    await expect(page.locator("[data-test=new]")).to_have_attribute("href", re.compile(r"\?q=%E6%8A%A4"))
    await field.press("Tab")
    await until(lambda: misses(stage), "the question that found nothing is kept")
    assert await misses(stage) == [("护照换发", 1)]
    await field.focus()
    await field.press("Enter")
    await expect(none).to_contain_text("护照换发")


async def test_an_ended_session_leads_to_the_sign_in_page(stage: Stage, page: Page) -> None:
    await knowledge(stage, page, "lin")
    # The page's live line learns of it too: here the list alone does.
    await page.route("**/api/session", lambda route: route.fulfill(json={}))
    await page.locator("[data-test=query]").focus()
    await Users(stage.services.database).disable("lin", stage.clock.now())
    await page.keyboard.insert_text("占道")
    await page.wait_for_url(re.compile(r"/login\?next=%2Fknowledge"))


async def test_a_filter_of_calls_pushes_the_address_and_the_file_follows(stage: Stage, page: Page) -> None:
    await calls(stage, page)
    found, rows = page.locator("[data-test=found]"), page.locator("[data-test=calls] tbody tr")
    start = page.url
    await page.evaluate(MARK)
    line = page.locator("select[name=line]")
    await line.focus()
    await line.select_option("12345")
    await expect(found).to_have_text("共 2 通")
    await expect(rows).to_have_count(2)
    await expect(line).to_be_focused()
    address = parse_qs(urlsplit(page.url).query)
    assert address["line"] == ["12345"] and "kind" not in address
    await expect(page.locator("[data-test=export]")).to_have_attribute("href", re.compile("/calls.xlsx.*line=12345"))
    await expect(page.locator(".unseen[role=status]")).to_have_text("共 2 通")
    await line.select_option("")
    await expect(found).to_have_text("共 52 通")
    # Paging: by keyboard, from the top of the list, and on from where one was.
    older = page.locator("[data-test=next]")
    await older.press("Enter")
    await expect(rows).to_have_count(2)
    await expect(older).to_have_count(0)
    await expect(page.locator("#list")).to_be_focused()
    assert await page.evaluate(KEPT)
    await travel(page, "back")
    await expect(rows).to_have_count(50)
    # What was chosen in one field at one go is one step.
    await travel(page, "back")
    await expect(page).to_have_url(start)
    await travel(page, "forward")
    await expect(rows).to_have_count(50)
    await expect(page).not_to_have_url(start)


async def test_a_refusal_is_told_in_its_words_and_a_slow_answer_is_seen_to_come(stage: Stage, page: Page) -> None:
    await sign_in(page, "lin", PASSWORD, path="/calls")
    await page.evaluate(MARK)
    notice, submit, over = page.locator("#notice"), page.locator("[data-test=search]"), page.locator("input[name=over]")
    await over.fill("kurz")
    await submit.click()
    await expect(notice).to_have_text("等待时长须为秒数")
    await expect(page).to_have_url(re.compile("/calls$"))
    go_on = asyncio.Event()

    async def slow(route: Route) -> None:
        await go_on.wait()
        await route.continue_()

    await page.route("**/calls?*", slow)
    await over.fill("5")
    await submit.click()
    await expect(page.locator("#list")).to_have_attribute("aria-busy", "true")
    go_on.set()
    await expect(page).to_have_url(re.compile(r"/calls\?.*over=5"))
    await expect(page.locator("[aria-busy]")).to_have_count(0)
    await expect(notice).to_be_hidden()
    await page.unroute_all(behavior="wait")
    await page.route("**/calls?*", lambda route: route.abort())
    await submit.click()
    await expect(notice).to_have_text("服务没有响应，请稍后再试")
    assert await page.evaluate(KEPT)


async def test_the_answer_to_an_earlier_question_takes_nothing_away(stage: Stage, page: Page) -> None:
    await knowledge(stage, page, "lin")
    field, found = page.locator("[data-test=query]"), page.locator("[data-test=article]")
    later = asyncio.Event()

    async def late(route: Route) -> None:
        await later.wait()
        await route.continue_()

    await page.route(re.compile(r"q=%E6%96%BD%E5%B7%A5"), late)  # 施工
    async with page.expect_request(re.compile("q=%E6%96%BD")):
        await field.fill("施工")
    await field.fill("占道")
    await expect(found).to_have_count(1)
    await expect(found).to_contain_text("占道经营")
    later.set()
    await page.unroute_all(behavior="wait")
    await expect(page).to_have_url(re.compile("q=%E5%8D%A0%E9%81%93$"))
    await expect(found).to_contain_text("占道经营")


ADMIN = Person(login="root", name="管理员甲", role="administrator", password=PASSWORD)
AUDITOR = Person(login="watch", name="审计员甲", role="auditor", password=PASSWORD)


@pytest.mark.parametrize("path", ["/users", "/audit", "/worktime", "/search", "/examples"])
async def test_the_other_lists_do_so_too(stage: Stage, page: Page, path: str) -> None:
    users = Users(stage.services.database)
    await users.seed_people(CITY.model_copy(update={"people": (ADMIN, AUDITOR)}))
    who = {"/users": "root", "/audit": "watch"}.get(path, "lin")
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    await sign_in(page, who, PASSWORD, path=path)
    await page.evaluate(MARK)
    match path:
        case "/users":
            await page.locator("[data-test=find]").press_sequentially("王晓")
            await expect(page.locator("[data-test=users] tbody tr")).to_have_count(1)
            await expect(page.locator("[data-test=export]")).to_have_attribute(
                "href", re.compile("q=%E7%8E%8B.*xlsx=1")
            )
        case "/audit":
            await page.locator("select[name=what]").select_option("sign_in")
            await expect(page).to_have_url(re.compile(r"/audit\?what=sign_in$"))
            await expect(page.locator("[data-test=excel]")).to_have_attribute("href", "/audit.xlsx?what=sign_in")
        case "/worktime":
            await page.locator("#day-before").press("Enter")
            await expect(page.locator("#day-after")).to_have_count(1)
            await expect(page.locator("#day-before")).to_be_focused()
            await expect(page).to_have_url(re.compile(r"/worktime\?day="))
        case "/search":
            await page.locator("[data-test=query]").fill("没人说过的话")
            await page.wait_for_timeout(800)
            # Each search is in the audit: only what was sent is one.
            await expect(page.locator("[data-test=hint]")).to_be_visible()
            await page.locator("[data-test=query]").press("Enter")
            await expect(page.locator("[data-test=none]")).to_contain_text("没人说过的话")
        case _:
            await page.locator("[data-test=query]").press_sequentially("没有")
            await expect(page).to_have_url(re.compile(r"/examples\?q="))
            await expect(page.locator("[data-test=none]")).to_be_visible()
    # Where the whole is exchanged the main part is new; a page that was loaded anew would have no mark at all.
    assert await page.evaluate("window.mark !== undefined")
    assert wrong == []


async def test_without_scripts_the_same_forms_and_links_load_pages(stage: Stage, page: Page) -> None:
    await calls(stage, page)
    assert page.context.browser is not None
    cookies = await page.context.storage_state()
    plain = await page.context.browser.new_context(java_script_enabled=False, storage_state=cookies)
    bare = await plain.new_page()
    await bare.goto(page.url)
    await bare.locator("[data-test=next]").click()
    await expect(bare.locator("[data-test=calls] tbody tr")).to_have_count(2)
    await bare.locator("select[name=line]").select_option("12345")
    await bare.locator("[data-test=search]").click()
    await expect(bare.locator("[data-test=found]")).to_have_text("共 2 通")
    await plain.close()
