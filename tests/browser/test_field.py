"""The page 现场 on a phone in a real Chromium: no network, a server that comes and goes, lost answers, help."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, expect
from sqlalchemy import select

from desk.app import create_app
from desk.server import DeskServer, bundle_ready
from tests.browser.conftest import SCREEN, UNBUILT
from tests.chromium import chromium, sign_in
from tests.desk_fakes import PASSWORD, Stage
from tests.eventually import PATIENCE_MS, PATIENCE_S, until
from tests.unit.doors_support import jpeg
from tests.unit.field_support import LEAD, burning, noise
from tests.unit.test_field_api import GPS
from ticketing.dispatch.tables import UnitPosition
from ticketing.patrol.tables import FieldAction, FieldHelp, FieldPhoto
from ticketing.repository import TicketRepository

pytestmark = pytest.mark.browser
HERE = {"longitude": 118.5502, "latitude": 24.8001, "accuracy": 12}


@dataclass
class Phones:
    """Phones of one city, and its server, which a test stops and starts on the same port."""

    stage: Stage
    browser: Browser
    server: DeskServer
    contexts: list[BrowserContext] = field(default_factory=list)

    async def open(self, login: str = "urban", *, where: bool = True, lang: str = "zh") -> Page:
        context = await self.browser.new_context(
            base_url=f"http://127.0.0.1:{self.server.port}", viewport={"width": 390, "height": 844}, is_mobile=True,
            has_touch=True, geolocation=HERE, permissions=["geolocation"] if where else [],
        )  # fmt: skip
        self.contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        await sign_in(page, login, PASSWORD, path="/field/", lang=lang)
        await expect(page.locator("[data-test=line]")).to_have_attribute("data-state", "on")
        # From now on it opens without a network.
        await page.evaluate("navigator.serviceWorker.ready")
        await page.wait_for_function("navigator.serviceWorker.controller !== null")
        return page

    async def stop(self) -> None:
        await self.server.stop()

    async def start(self) -> None:
        self.server = DeskServer(create_app(self.stage.services), "127.0.0.1", self.server.port)
        await self.server.start()

    async def came(self, ticket_id: str) -> list[str]:
        """Kinds of what came for a ticket, in order; each must have been done."""
        async with self.stage.services.database.read() as session:
            rows = (await session.scalars(select(FieldAction).order_by(FieldAction.at))).all()
        assert {row.state for row in rows} <= {"done"}, [(row.kind, row.message) for row in rows]
        return [row.kind for row in rows if row.ticket_id == ticket_id]


@pytest.fixture
async def phones(stage: Stage) -> AsyncIterator[Phones]:
    assert bundle_ready(), UNBUILT
    server = DeskServer(create_app(stage.services), "127.0.0.1", 0)
    await server.start()
    async with chromium() as browser:
        made = Phones(stage, browser, server)
        yield made
        for context in made.contexts:
            await context.close()
    await made.server.stop()


async def press(page: Page, what: str, words: str | None = None) -> None:
    await page.locator("[data-test=job]").first.locator(f"[data-test={what}]").click()
    if words is not None:
        await page.fill("[data-test=ask-words]", words)
        await page.click("[data-test=ask-yes]")


async def photograph(page: Page, folder: Path, words: str = "") -> None:
    file = folder / "shot.jpg"
    if not file.exists():
        file.write_bytes(jpeg(2400, 1800, GPS))
    async with page.expect_file_chooser() as chosen:
        await page.locator("[data-test=job]").first.locator("[data-test=shot]").click()
    await (await chosen.value).set_files(file)
    await page.fill("[data-test=ask-words]", words)
    await page.click("[data-test=ask-yes]")


async def everything_arrived(page: Page, many: int) -> None:
    """So many things so far. An outbox that is empty proves nothing: what was just pressed may not be in it yet."""
    await expect(page.locator("[data-test=gone]")).to_have_count(many)
    await expect(page.locator("[data-test=count-outbox]")).to_be_empty()


async def test_what_is_done_without_a_network_arrives_once_and_in_order(phones: Phones, tmp_path: Path) -> None:
    ticket = await noise(phones.stage)
    page = await phones.open()
    await page.context.set_offline(True)
    await press(page, "accept")
    await press(page, "arrive")
    await photograph(page, tmp_path, "拆下的音响")
    # Words that were begun outlive the phone's forgetting the page.
    await page.locator("[data-test=job]").first.locator("[data-test=report]").click()
    await page.fill("[data-test=ask-words]", "已劝停，22 点后不再施工")
    await phones.stop()
    await page.reload()
    await expect(page.locator("[data-test=pending]")).to_contain_text("接单、到场、现场照片")
    await page.locator("[data-test=job]").first.locator("[data-test=report]").click()
    await expect(page.locator("[data-test=ask-words]")).to_have_value("已劝停，22 点后不再施工")
    await page.click("[data-test=ask-yes]")
    await expect(page.locator("[data-test=no-jobs]")).to_be_visible()
    await page.click("[data-test=tab-outbox]")
    await expect(page.locator("[data-test=item]")).to_have_count(4)
    assert await phones.came(ticket.id) == []
    await phones.start()
    await page.context.set_offline(False)
    await everything_arrived(page, 4)
    assert await phones.came(ticket.id) == ["accept", "arrive", "photo", "report"]
    async with phones.stage.services.database.read() as session:
        changed = await TicketRepository(session).get(ticket.id)
        photo = await session.scalar(select(FieldPhoto))
        notes = [row.note for row in await TicketRepository(session).history(ticket.id) if row.action == "field"]
    assert (changed.state, changed.result) == ("callback", "已劝停，22 点后不再施工")
    assert photo is not None and (photo.width, photo.height) == (1600, 1200) and photo.lon is None
    assert b"24.78N" not in phones.stage.services.fieldwork.file(photo).read_bytes()
    assert any("24.80010, 118.55020（±12 米）" in note for note in notes)


async def test_a_server_that_goes_and_comes_gets_everything_once(phones: Phones, tmp_path: Path) -> None:
    ticket = await noise(phones.stage)
    page = await phones.open()
    await press(page, "accept")
    await expect(page.locator("[data-test=report]")).to_be_visible()
    await phones.stop()
    await press(page, "arrive")
    await expect(page.locator("[data-test=line]")).to_have_attribute("data-state", "off")
    await phones.start()
    await everything_arrived(page, 2)
    # An answer that is lost on its way: the server has done it, the phone does not know.
    lost = 0

    async def lose(route: Route) -> None:
        nonlocal lost
        if lost < 2:
            lost += 1
            await route.fetch()
            await route.abort("connectionreset")
        else:
            await route.continue_()

    await page.context.route("**/api/field/photos", lose)
    await photograph(page, tmp_path)
    await press(page, "report", "已劝停")
    await everything_arrived(page, 4)
    assert lost == 2
    assert await phones.came(ticket.id) == ["accept", "arrive", "photo", "report"]
    async with phones.stage.services.database.read() as session:
        actions = [row.action for row in await TicketRepository(session).history(ticket.id)]
        assert len((await session.scalars(select(FieldPhoto))).all()) == 1
    assert actions.count("report") == actions.count("accept") == 1


async def test_what_cannot_be_done_any_more_is_shown_and_kept_as_a_note(phones: Phones) -> None:
    ticket = await noise(phones.stage)
    page = await phones.open()
    await press(page, "accept")
    await expect(page.locator("[data-test=gone]")).to_have_count(1)
    await page.context.set_offline(True)
    await press(page, "report", "已劝停，责任人签字")
    await phones.stage.services.assignments.reassign(ticket.id, "centre", LEAD, "派错")
    await page.context.set_offline(False)
    await page.click("[data-test=tab-outbox]")
    stuck = page.locator("[data-test=stuck]")
    await expect(stuck).to_contain_text("任务已撤回或改派 · 话务中心")
    await expect(stuck).to_contain_text("已劝停，责任人签字")
    await page.reload()
    await page.click("[data-test=tab-outbox]")
    await stuck.locator("[data-test=as-note]").click()
    await everything_arrived(page, 2)
    async with phones.stage.services.database.read() as session:
        notes = [row.note for row in await TicketRepository(session).history(ticket.id)]
    assert any("未能办理：反馈结果" in note and "责任人签字" in note for note in notes)


async def test_a_crew_goes_by_its_own_steps_and_its_cry_goes_before_all_else(phones: Phones, tmp_path: Path) -> None:
    ticket = await burning(phones.stage, "e1")
    page = await phones.open("fire")
    wall = await (await phones.browser.new_context(viewport=SCREEN)).new_page()
    await wall.goto(f"http://127.0.0.1:{phones.server.port}/login")
    phones.contexts.append(wall.context)
    await wall.fill("[data-test=login]", "lin")
    await wall.fill("[data-test=password]", PASSWORD)
    await wall.click("[data-test=sign-in]")
    for step in ("accept", "depart", "arrive"):
        await press(page, step)
    await everything_arrived(page, 3)
    assert await phones.came(ticket.id) == ["accept", "depart", "arrive"]
    async with phones.stage.services.database.read() as session:
        at = await session.get(UnitPosition, "e1")
        assert at is not None and (at.lon, at.lat) == (118.5502, 24.8001)
    await page.context.set_offline(True)
    await photograph(page, tmp_path)
    await page.click("[data-test=help]")
    await page.fill("[data-test=ask-words]", "火势扩大，请求增援")
    await page.click("[data-test=ask-yes]")
    await page.context.set_offline(False)
    cry = wall.locator("[data-test=spot-cry]")
    await expect(cry).to_contain_text("消防救援大队 单位e1 消防值班")
    await expect(cry).to_contain_text("火势扩大，请求增援")
    await expect(cry).to_contain_text("24.80010, 118.55020 ±12 m")
    await everything_arrived(page, 5)
    assert (await phones.came(ticket.id))[3:] == ["help", "photo"]
    await cry.locator("[data-test=spot-words]").fill("增援已出发")
    await cry.locator("[data-test=spot-given]").click()
    await expect(cry).to_have_count(0)
    await expect(page.locator("[data-test=own-help]")).to_contain_text("林主任")
    await expect(page.locator("[data-test=own-help]")).to_contain_text("增援已出发")
    await press(page, "report", "明火已灭，无人受伤")
    await expect(page.locator("[data-test=back]")).to_be_visible()
    await everything_arrived(page, 6)
    async with phones.stage.services.database.read() as session:
        assert "明火已灭" in (await TicketRepository(session).get(ticket.id)).result


async def test_a_find_is_reported_without_a_network_and_without_a_position(phones: Phones, tmp_path: Path) -> None:
    page = await phones.open(where=False)
    await page.context.set_offline(True)
    await page.click("[data-test=tab-find]")
    await page.fill("[data-test=find-text]", "华洲村菜市场门口摊位占住人行道")
    await page.fill("[data-test=find-place]", "池店镇华洲村菜市场")
    (tmp_path / "shot.jpg").write_bytes(jpeg(640, 480, GPS))
    await page.set_input_files("[data-test=find-shot]", tmp_path / "shot.jpg")
    await expect(page.locator("[data-test=find-photos] img")).to_have_count(1)
    await page.click("[data-test=find-send]")
    await page.click("[data-test=tab-outbox]")
    await expect(page.locator("[data-test=item]")).to_contain_text("未授权定位")
    await page.context.set_offline(False)
    await everything_arrived(page, 1)
    await page.click("[data-test=tab-find]")
    await expect(page.locator("[data-test=found-one]")).to_contain_text("菜市场门口")
    async with phones.stage.services.database.read() as session:
        [row] = await session.scalars(select(FieldAction))
        ticket = await TicketRepository(session).get(row.ticket_id)
    assert (row.state, row.lon, ticket.source, ticket.place) == ("done", None, "patrol", "池店镇华洲村菜市场")


async def test_signing_out_leaves_nothing_on_the_phone(phones: Phones) -> None:
    await noise(phones.stage)
    page = await phones.open()
    await page.context.set_offline(True)
    await press(page, "accept")
    await page.context.set_offline(False)
    await everything_arrived(page, 1)
    await page.context.set_offline(True)
    await press(page, "note", "待发的说明")
    await page.click("[data-test=menu]")
    await page.click("[data-test=sign-out]")
    await expect(page.locator("[data-test=ask]")).to_contain_text("还有 1 条没有送达")
    await page.click("[data-test=ask-yes]")
    await expect(page.locator("[data-test=cleared]")).to_be_visible()
    left = await page.evaluate("Promise.all([indexedDB.databases(), caches.keys()])")
    assert left == [[], []]
    await page.context.set_offline(False)
    await page.wait_for_url("**/login**")
    assert [c for c in await page.context.cookies() if c["name"] == "heyi_session"] == []


async def test_what_was_cleared_is_not_made_anew_by_the_worker(phones: Phones) -> None:
    """Something waited when its person signed out without a network: the browser wakes the worker to send it."""
    await noise(phones.stage)
    page = await phones.open()
    await page.context.set_offline(True)
    await press(page, "note", "待发的说明")
    await page.click("[data-test=menu]")
    await page.click("[data-test=sign-out]")
    await page.click("[data-test=ask-yes]")
    await expect(page.locator("[data-test=cleared]")).to_be_visible()
    [worker] = page.context.service_workers
    await worker.evaluate("dispatchEvent(new ExtendableEvent('sync'))")
    await asyncio.sleep(1)
    assert await page.evaluate("indexedDB.databases()") == []


async def test_another_person_on_the_same_phone_sends_nothing_in_the_first_ones_name(phones: Phones) -> None:
    ticket = await noise(phones.stage)
    page = await phones.open()
    await page.context.set_offline(True)
    await press(page, "accept")
    # Her session ends without signing out, and a colleague signs in.
    await page.context.clear_cookies()
    await page.context.set_offline(False)
    await expect(page.locator("[data-test=notice]")).to_contain_text("未发送的内容都在本机")
    await sign_in(page, "fire", PASSWORD, path="/field/")
    await expect(page.locator("[data-test=who]")).to_have_text("消防值班")
    await page.click("[data-test=tab-outbox]")
    await expect(page.locator("[data-test=item]")).to_contain_text("由 urban 记下")
    await asyncio.sleep(0.5)
    assert await phones.came(ticket.id) == []
    await page.context.clear_cookies()
    await sign_in(page, "urban", PASSWORD, path="/field/")
    await expect(page.locator("[data-test=who]")).to_have_text("城管值班")
    await everything_arrived(page, 1)
    assert await phones.came(ticket.id) == ["accept"]


async def test_what_was_cleared_does_not_come_back_while_the_session_lasts(phones: Phones) -> None:
    """Signed out without a network: neither the network's return nor an answer that was on its way writes anything."""
    await noise(phones.stage)
    page = await phones.open()
    asked, answered = asyncio.Event(), asyncio.Event()

    async def slow(route: Route) -> None:
        asked.set()
        await answered.wait()
        await route.continue_()

    async def fail(route: Route) -> None:
        await route.abort("internetdisconnected")

    await page.context.route("**/logout", fail)
    await page.context.route("**/api/field/tasks", slow)
    await page.evaluate("dispatchEvent(new Event('online'))")
    await asyncio.wait_for(asked.wait(), PATIENCE_S)
    await page.click("[data-test=menu]")
    await page.click("[data-test=sign-out]")
    await page.click("[data-test=ask-yes]")
    await expect(page.locator("[data-test=cleared]")).to_be_visible()
    async with page.expect_response("**/api/field/tasks"):
        answered.set()
    await page.evaluate("dispatchEvent(new Event('online'))")
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await asyncio.sleep(1)
    assert await page.evaluate("indexedDB.databases()") == []
    text = await page.inner_text("body")
    assert "池店镇华洲村" not in text and "城管值班" not in text
    await page.context.unroute("**/logout", fail)
    await page.wait_for_url("**/login**")


REMEMBERED = """new Promise((resolve) => {
  const opening = indexedDB.open("heyi-field");
  opening.onsuccess = () => {
    const asking = opening.result.transaction("kept").objectStore("kept").get("tasks");
    asking.onsuccess = () => { opening.result.close(); resolve(asking.result?.value ?? null); };
  };
})"""


async def nothing_remembered(page: Page) -> None:
    async def nothing() -> bool:
        return await page.evaluate(REMEMBERED) is None

    await until(nothing, "no tasks are kept on the phone any more")


async def test_tasks_of_who_signed_out_are_not_shown_to_the_next_one(phones: Phones) -> None:
    """Signed out at the whole page, which clears nothing of the phone; and the server answers the next one late."""
    ticket = await noise(phones.stage)
    page = await phones.open()
    await expect(page.locator("[data-test=job]")).to_have_count(1)
    # Shown first, kept then.
    await until(partial(page.evaluate, REMEMBERED), "the tasks are kept on the phone")
    assert (await page.evaluate(REMEMBERED))["login"] == "urban"
    # Without a network they are there for who signed in last, and for nobody else.
    await phones.stop()
    await page.reload()
    await expect(page.locator("[data-test=job]")).to_have_count(1)
    await phones.start()
    await page.evaluate("fetch('/logout', { method: 'POST', redirect: 'manual' })")
    answered = asyncio.Event()

    async def slow(route: Route) -> None:
        await answered.wait()
        await route.continue_()

    await page.context.route("**/api/field/tasks", slow)
    await sign_in(page, "fire", PASSWORD, path="/field/")
    await page.wait_for_url("**/field/")
    # The page waits for the server no longer, and forgets what is not this person's.
    await nothing_remembered(page)
    await expect(page.locator("[data-test=who]")).to_be_empty()
    await expect(page.locator("[data-test=jobs]")).not_to_contain_text(ticket.number)
    answered.set()
    await expect(page.locator("[data-test=who]")).to_have_text("消防值班")


async def test_when_the_session_has_ended_nothing_is_shown_and_nothing_pressed(phones: Phones) -> None:
    ticket = await noise(phones.stage)
    page = await phones.open()
    await expect(page.locator("[data-test=job]")).to_have_count(1)
    # The server ends it; the phone still believes that it is signed in.
    cookies = await page.context.cookies()
    await page.context.clear_cookies(name="heyi_session")
    assert "heyi_who" in {cookie["name"] for cookie in cookies}
    await page.evaluate("dispatchEvent(new Event('online'))")
    await expect(page.locator("[data-test=line]")).to_have_attribute("data-state", "signin")
    await expect(page.locator("[data-test=jobs]")).not_to_contain_text(ticket.number)
    await expect(page.locator("[data-test=who]")).to_be_empty()
    await nothing_remembered(page)
    await page.click("[data-test=help]")
    await page.click("[data-test=ask-yes]")
    await expect(page.locator("[data-test=notice]")).to_contain_text("请先登录")
    await expect(page.locator("[data-test=item]")).to_have_count(0)


async def test_a_cry_for_help_does_not_wait_behind_a_photograph(phones: Phones, tmp_path: Path) -> None:
    await burning(phones.stage, "e1")
    page = await phones.open("fire", where=False)
    begun, through = asyncio.Event(), asyncio.Event()

    async def slow(route: Route) -> None:
        begun.set()
        await through.wait()
        await route.continue_()

    await page.context.route("**/api/field/photos", slow)
    await photograph(page, tmp_path)
    await asyncio.wait_for(begun.wait(), PATIENCE_S)
    async with page.expect_response("**/api/field/actions") as answer:
        await page.click("[data-test=help]")
        await page.fill("[data-test=ask-words]", "被困二楼")
        await page.click("[data-test=ask-yes]")
    assert (await (await answer.value).json())["state"] == "done"
    through.set()
    await everything_arrived(page, 2)
    async with phones.stage.services.database.read() as session:
        assert [row.words for row in await session.scalars(select(FieldHelp))] == ["被困二楼"]
        assert len((await session.scalars(select(FieldPhoto))).all()) == 1


FULL = """(() => {
  const put = IDBObjectStore.prototype.put;
  IDBObjectStore.prototype.put = function (...rest) {
    if (this.name === "outbox") throw new DOMException("full", "QuotaExceededError");
    return put.apply(this, rest);
  };
})()"""
REFUSED = "IDBFactory.prototype.open = () => { throw new DOMException('private', 'SecurityError'); }"


@pytest.mark.parametrize("broken", [FULL, REFUSED], ids=["full", "refused"])
async def test_a_phone_that_keeps_nothing_loses_no_words_and_still_calls_for_help(phones: Phones, broken: str) -> None:
    await noise(phones.stage)
    page = await phones.open(where=False)
    await page.add_init_script(broken)
    await page.reload()
    await press(page, "note", "围挡已拆除")
    await expect(page.locator("[data-test=notice]")).to_contain_text("没有记下")
    await page.reload()
    await page.locator("[data-test=job]").first.locator("[data-test=note]").click()
    await expect(page.locator("[data-test=ask-words]")).to_have_value("围挡已拆除")
    await page.click("[data-test=ask-no]")
    lost = 0

    async def lose(route: Route) -> None:
        nonlocal lost
        lost += 1
        await (route.abort("connectionreset") if lost == 1 else route.continue_())

    await page.context.route("**/api/field/actions", lose)
    async with page.expect_response("**/api/field/actions"):
        await page.click("[data-test=help]")
        await page.fill("[data-test=ask-words]", "有人持刀")
        await page.click("[data-test=ask-yes]")
        await expect(page.locator("[data-test=notice]")).to_contain_text("求助还没有送达")
    await expect(page.locator("[data-test=own-help]")).to_contain_text("等待回应")
    async with phones.stage.services.database.read() as session:
        assert [row.words for row in await session.scalars(select(FieldHelp))] == ["有人持刀"]


async def test_a_photograph_taken_while_the_task_went_elsewhere_is_kept(phones: Phones, tmp_path: Path) -> None:
    ticket = await noise(phones.stage)
    page = await phones.open()
    (tmp_path / "shot.jpg").write_bytes(jpeg(640, 480, GPS))
    async with page.expect_file_chooser() as chosen:
        await press(page, "shot")
    await phones.stage.services.assignments.reassign(ticket.id, "centre", LEAD, "派错")
    await page.evaluate("dispatchEvent(new Event('online'))")
    await expect(page.locator("[data-test=no-jobs]")).to_be_visible()
    await (await chosen.value).set_files(tmp_path / "shot.jpg")
    await page.fill("[data-test=ask-words]", "围挡")
    await page.click("[data-test=ask-yes]")
    await page.click("[data-test=tab-outbox]")
    await expect(page.locator("[data-test=gone]")).to_contain_text(ticket.number)
    async with phones.stage.services.database.read() as session:
        assert [row.caption for row in await session.scalars(select(FieldPhoto))] == ["围挡"]


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_nothing_sticks_out_of_a_small_phone(phones: Phones, lang: str) -> None:
    await noise(phones.stage)
    await burning(phones.stage, "e1")
    for login in ("urban", "fire"):
        page = await phones.open(login, lang=lang)
        for width in (360, 390, 430):
            await page.set_viewport_size({"width": width, "height": 844})
            for tab in ("jobs", "find", "outbox"):
                await page.click(f"[data-test=tab-{tab}]")
                assert await page.evaluate("document.documentElement.scrollWidth") <= width, (login, width, tab)
            await page.click("[data-test=tab-jobs]")
            small = await page.evaluate(
                "[...document.querySelectorAll('main button, main a.button, nav.tabs-below button')]"
                ".filter((b) => b.offsetParent && b.getBoundingClientRect().height < 44).map((b) => b.textContent)"
            )
            assert small == []
