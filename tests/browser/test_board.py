"""The dispatchers' board in a real Chromium: by keys, by dragging, live, with a map and without WebGL."""

import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, Route, expect

from core.clock import SystemClock
from desk.app import create_app
from desk.server import DeskServer, bundle_ready
from tests import desk_fakes
from tests.board_scene import DIAO, WANG, calls_in, fire, noise, with_dispatchers
from tests.browser.conftest import SCREEN, UNBUILT
from tests.chromium import NO_WEBGL, WEBGL, chromium, sign_in
from tests.desk_fakes import PASSWORD, Stage, make_stage
from tests.dispatch_kit import HERE
from tests.eventually import PATIENCE_MS, until
from ticketing.actor import Actor
from ticketing.repository import TicketRepository
from ticketing.tables import Ticket

pytestmark = pytest.mark.browser
BRIGADE = Actor("fire", "department", department="fire")
#: How many colours a picture has, and which share of it is filled as polygons are.
COLOURS = """async (picture) => {
  const image = new Image();
  image.src = `data:image/png;base64,${picture}`;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--chosen").trim();
  context.fillRect(0, 0, 1, 1);
  const wanted = context.getImageData(0, 0, 1, 1).data;
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  const colours = new Set();
  let filled = 0;
  for (let i = 0; i < data.length; i += 4) {
    colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
    if ([0, 1, 2].every((band) => Math.abs(data[i + band] - wanted[band]) < 6)) filled += 1;
  }
  return [colours.size, (4 * filled) / data.length];
}"""
#: One transparent dot, as PNG.
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(desk_fakes, "CITY", with_dispatchers())
    made = await make_stage(tmp_path, SystemClock())
    yield made
    await made.bus.close()
    await made.services.database.close()


@asynccontextmanager
async def board(stage: Stage, *, drawing: Sequence[str] = NO_WEBGL, tiles: str = "") -> AsyncIterator[Page]:
    """The board of ``diao``, loaded."""
    assert bundle_ready(), UNBUILT
    profile = stage.services.city.profile.model_copy(
        update={"map_tiles": tiles, "map_credit": "晋江测绘" if tiles else ""}
    )
    city = stage.services.city.model_copy(update={"profile": profile})
    server = DeskServer(create_app(replace(stage.services, city=city)), "127.0.0.1", 0)
    await server.start()
    try:
        async with chromium(drawing=drawing) as browser:
            context = await browser.new_context(base_url=f"http://127.0.0.1:{server.port}", viewport=SCREEN)
            page = await context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            faults: list[str] = []
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on(
                "console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None
            )
            await sign_in(page, "diao", PASSWORD)
            await expect(page).to_have_url(f"http://127.0.0.1:{server.port}/board")
            await expect(page.locator("#lanes[data-loaded]")).to_be_visible()
            await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")
            yield page
            assert faults == []
    finally:
        await server.stop()


def row(page: Page, ticket: Ticket, lane: str = "") -> Locator:
    within = page.locator(f"[data-test=lane-{lane}]") if lane else page
    return within.locator(f"#ticket-{ticket.id}")


async def now(stage: Stage, ticket: Ticket) -> Ticket:
    async with stage.services.database.read() as session:
        return await TicketRepository(session).get(ticket.id)


async def choose(page: Page, ticket: Ticket) -> None:
    """Down from the top, by keys alone."""
    await page.keyboard.press("1")
    for _ in range(20):
        if await row(page, ticket).get_attribute("aria-selected") == "true":
            return
        await page.keyboard.press("j")
    raise AssertionError("never reached")


async def test_keys_alone_send_a_ticket_to_two_departments(stage: Stage) -> None:
    burning, waiting = await fire(stage), await noise(stage)
    async with board(stage) as page:
        await expect(row(page, burning, "emergency")).to_contain_text("建筑火灾")
        await choose(page, waiting)
        await expect(row(page, waiting)).to_be_focused()
        await page.keyboard.press("a")
        palette = page.locator("[data-test=palette]")
        await expect(palette.locator("[data-choice='department:urban']")).to_have_attribute("aria-checked", "true")
        await expect(palette.locator("[data-choice='department:urban']")).to_contain_text("类别对应")
        await page.keyboard.press("2")
        await expect(page.locator("[data-test=palette-plan]")).to_have_text(
            "主办 城市管理局；协办 话务中心；派出 单位p1"
        )
        # The other becomes the main one, the patrol stays at home.
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("m")
        await page.keyboard.press("Shift+Digit1")
        await expect(page.locator("[data-test=palette-plan]")).to_have_text("主办 话务中心；协办 城市管理局")
        await page.keyboard.press("Control+Enter")
        await expect(palette).to_be_hidden()
        await expect(row(page, waiting, "moving")).to_contain_text("话务中心 +1")
        await expect(row(page, waiting)).to_have_attribute("aria-selected", "true")
        await expect(row(page, waiting)).to_be_focused()
        sent = await now(stage, waiting)
        assert (sent.state, sent.department, sent.assist) == ("dispatched", "centre", ["urban"])
        # Without WebGL it says so, and all of this worked.
        await expect(page.locator("[data-test=map]")).to_have_attribute("data-state", "none")
        await expect(page.locator("[data-test=map-says]")).to_contain_text("没有 WebGL")


async def test_what_is_found_by_name_may_be_chosen_too_and_what_fails_is_said(stage: Stage) -> None:
    waiting, burning = await noise(stage), await fire(stage)
    async with board(stage) as page:
        await choose(page, waiting)
        await page.keyboard.press("a")
        await page.keyboard.press("/")
        await page.locator("[data-test=palette-find]").fill("急救")
        await page.keyboard.press("Enter")
        await expect(page.locator("[data-test=palette-plan]")).to_contain_text("协办 急救中心")
        # Somebody else takes the patrol meanwhile.
        await stage.services.dispatch.send(burning.id, ["p1"], DIAO)
        await page.keyboard.press("Control+Enter")
        await expect(page.locator("[data-test=palette-error]")).to_contain_text("单位正忙")
        assert (await now(stage, waiting)).state == "filed"
        await page.keyboard.press("Shift+Digit1")
        await page.keyboard.press("Control+Enter")
        await expect(row(page, waiting, "moving")).to_contain_text("城市管理局 +1")


async def test_a_ticket_dragged_onto_a_unit_sends_it_and_one_key_recalls_it(stage: Stage) -> None:
    burning = await fire(stage)
    async with board(stage) as page:
        await expect(page.locator("[data-test=units-idle] [data-unit=e1]")).to_be_visible()
        await row(page, burning).drag_to(page.locator("[data-test=board-units] [data-unit=e1]"))
        await expect(page.locator("[data-test=units-assigned] [data-unit=e1]")).to_be_visible()
        await expect(row(page, burning)).to_contain_text("单位e1 派出")
        sent = await now(stage, burning)
        assert (sent.state, sent.department) == ("dispatched", "fire")
        # What the unit does shows where it stands.
        await stage.services.dispatch.act("e1", "depart", BRIGADE)
        await expect(row(page, burning)).to_contain_text("单位e1 途中")
        await page.keyboard.press("u")
        await page.locator("[data-test=recall-reason]").fill("误派")
        await page.keyboard.press("Enter")
        await expect(page.locator("[data-test=units-returning] [data-unit=e1]")).to_be_visible()
        await expect(row(page, burning)).not_to_contain_text("单位e1")


async def test_a_ticket_dragged_onto_a_department_goes_to_it(stage: Stage) -> None:
    waiting = await noise(stage)
    async with board(stage) as page:
        source = await row(page, waiting).bounding_box()
        assert source is not None
        await page.mouse.move(source["x"] + 200, source["y"] + 20)
        await page.mouse.down()
        await page.mouse.move(source["x"] + 400, source["y"] + 60, steps=4)
        target = page.locator("[data-test=shelf] [data-drop=centre]")
        await expect(target).to_contain_text("来话热线 12345")
        box = await target.bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + 20, box["y"] + 10, steps=4)
        await page.mouse.up()
        await expect(row(page, waiting, "moving")).to_contain_text("话务中心")
        await expect(page.locator("[data-test=shelf]")).to_be_hidden()


async def test_an_emergency_of_another_session_arrives_without_a_reload(stage: Stage) -> None:
    waiting = await noise(stage)
    async with board(stage) as page:
        await choose(page, waiting)
        await page.evaluate("document.body.dataset.same = '1'")
        assert page.context.browser is not None
        other = await page.context.browser.new_context(base_url=page.url.removesuffix("/board"))
        assert (await other.request.post("/api/login", data={"login": "wang", "password": PASSWORD})).ok
        draft = await calls_in(stage, "c-new", "12345", summary="有人晕倒")
        await expect(page.locator("[data-test=lane-emergency] [data-test=row]")).to_have_count(0)
        fields = {"is_emergency": True, "code": "E101", "place": "池店镇"}
        assert (
            await other.request.post(f"/api/tickets/{draft.id}", data={"fields": fields, "version": draft.version})
        ).ok
        await expect(row(page, draft, "emergency")).to_contain_text("建筑火灾")
        await expect(page.locator("[data-test=alarmed]")).to_contain_text(
            f"新的紧急警情 {draft.number} 建筑火灾 池店镇"
        )
        # Whoever works goes on where they were.
        await expect(row(page, waiting)).to_be_focused()
        assert await page.evaluate("document.body.dataset.same") == "1"
        # It goes as it came; the lanes' counts follow.
        await stage.services.tickets.edit(draft.id, {"is_emergency": False}, WANG)
        await expect(row(page, draft)).to_have_count(0)
        await stage.services.tickets.close(waiting.id, WANG, "当场答复")
        await expect(row(page, waiting)).to_have_count(0)
        await other.close()


async def test_the_map_is_drawn_of_the_citys_own_grids_and_takes_what_is_dragged_onto_it(stage: Stage) -> None:
    burning = await fire(stage)
    await stage.services.dispatch.scenes.place(burning.id, HERE[0] - 0.003, HERE[1] - 0.003, DIAO)
    async with board(stage, drawing=WEBGL) as page:
        place = page.locator("[data-test=map]")
        await expect(place).to_have_attribute("data-state", "drawn")
        await expect(page.locator("[data-test=map-says]")).to_be_hidden()
        picture = base64.b64encode(await place.locator("canvas").screenshot()).decode()
        colours, filled = await page.evaluate(COLOURS, picture)
        assert colours > 3, "a blank canvas"
        assert filled > 0.02, "no polygon is filled"
        await expect(place.locator("[data-test=pin][data-lane=emergency]")).to_have_count(1)
        # A unit that moves is followed.
        mark = place.locator("[data-test=unit-mark][data-unit=e1]")
        before = await mark.bounding_box()
        await stage.services.dispatch.locate("e1", HERE[0] + 0.003, HERE[1] - 0.001, BRIGADE)
        await expect(mark).to_have_class("unit-mark maplibregl-marker maplibregl-marker-anchor-center told")

        async def moved() -> bool:
            return await mark.bounding_box() != before

        await until(moved, "the mark is elsewhere")
        await row(page, burning).drag_to(mark)
        await expect(page.locator("[data-test=units-assigned] [data-unit=e1]")).to_be_visible()


async def test_a_citys_own_tiles_are_asked_for_where_it_names_them(stage: Stage) -> None:
    asked: list[str] = []

    async def tile(route: Route) -> None:
        asked.append(route.request.url)
        await route.fulfill(body=base64.b64decode(DOT), content_type="image/png")

    await fire(stage)
    async with board(stage, drawing=WEBGL, tiles="/tiles/{z}/{x}/{y}.png") as page:
        await page.route("**/tiles/**", tile)
        await page.reload()
        await expect(page.locator("[data-test=map]")).to_have_attribute("data-state", "drawn")
        await expect(page.locator("#map-credit")).to_have_text("晋江测绘")
        await until(lambda: asked, "tiles are asked for")
        assert all(url.endswith(".png") and "{" not in url for url in asked)
