"""The leaders' page and its wall in a real Chromium: drawn charts, rows behind them, changes, a line that is cut."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Page, ViewportSize, expect
from sqlalchemy import delete

from desk.app import create_app
from desk.leader.leaderfeed import LeaderFeed
from desk.server import DeskServer, bundle_ready
from telephony.events import CallArrived
from telephony.ledger import CallRow
from tests.browser.conftest import stand_still
from tests.chromium import chromium, sign_in
from tests.desk_fakes import PASSWORD, Stage
from tests.eventually import PATIENCE_MS, until
from tests.leader_scene import LEADER, looked, make_leader_scene
from tests.wallboard_scene import Afternoon, store

pytestmark = pytest.mark.browser

#: Different colours of a canvas: one that is blank has one.
COLOURS = """place => {
  const canvas = place.querySelector("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const found = new Set();
  for (let at = 0; at < data.length; at += 4) found.add(`${data[at]},${data[at + 1]},${data[at + 2]},${data[at + 3]}`);
  return found.size;
}"""
#: The middle of a cell of a heat map on the screen, and its count.
CELL = """place => {
  const [x, y, count] = place.chart.getOption().series[0].data.at(-1).value;
  const [left, top] = place.chart.convertToPixel({ seriesIndex: 0 }, [x, y]);
  const box = place.getBoundingClientRect();
  return { x: box.left + left, y: box.top + top, count };
}"""
FITS = """() => {
  const { scrollWidth, scrollHeight } = document.documentElement;
  return scrollWidth <= innerWidth && scrollHeight <= innerHeight;
}"""


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = await make_leader_scene(tmp_path, Afternoon(), a_day=20, days=35)
    await looked(made)
    yield made
    await made.bus.close()
    await made.services.database.close()


class House:
    """A server that can go away and come back, and a leader's page on it."""

    def __init__(self, stage: Stage, server: DeskServer, page: Page) -> None:
        self.stage, self.server, self.page = stage, server, page
        #: What the browser refused or a script failed with.
        self.faults: list[str] = []
        page.on("console", lambda said: self.faults.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.faults.append(str(error)))

    async def open(self, path: str = "/leader", lang: str = "zh", size: tuple[int, int] = (1366, 768)) -> Page:
        await self.page.set_viewport_size(ViewportSize(width=size[0], height=size[1]))
        await sign_in(self.page, LEADER, PASSWORD, path=path, lang=lang)
        await self.ready()
        return self.page

    async def ready(self) -> None:
        await expect(self.page.locator("#live-state")).to_have_attribute("data-state", "on")
        await expect(self.page.locator("[data-test=rank]").first).to_be_attached()
        await expect(self.page.locator("[data-test=brief] h3")).to_be_attached()
        await expect(self.page.locator("#trend")).to_have_attribute("data-drawn", "true")

    async def restart(self) -> None:
        self.server = DeskServer(create_app(self.stage.services), "127.0.0.1", self.server.port)
        await self.server.start()


@pytest.fixture
async def young(tmp_path: Path) -> AsyncIterator[Stage]:
    """A house in its first days: nothing is older than two of them."""
    clock = Afternoon()
    made = await make_leader_scene(tmp_path, clock, a_day=8, days=2)
    async with made.services.database.work() as work:
        await work.session.execute(delete(CallRow).where(CallRow.arrived_at < clock.now() - timedelta(days=2)))
    yield made
    await made.bus.close()
    await made.services.database.close()


@pytest.fixture
async def house(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    async for made in housed(stage, monkeypatch):
        yield made


@pytest.fixture
async def young_house(young: Stage, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    async for made in housed(young, monkeypatch):
        yield made


async def housed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    assert bundle_ready(), "build the scripts first: npm ci && npm run build in desk/web"
    monkeypatch.setattr(LeaderFeed, "PACE_S", 0.1)
    server = DeskServer(create_app(stage.services), "127.0.0.1", 0)
    await server.start()
    async with chromium() as browser:
        context = await browser.new_context(base_url=f"http://127.0.0.1:{server.port}")
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        made = House(stage, server, page)
        yield made
    await made.server.stop()


async def count(page: Page) -> int:
    """The number of rows that a list says it has."""
    said = await page.locator("[data-test=found], [data-test=count]").first.inner_text()
    found = re.search(r"\d+", said)
    assert found is not None, said
    return int(found[0])


async def test_charts_are_drawn_and_open_their_rows(house: House) -> None:
    page = await house.open()
    for name in ("trend", "areas", "hours"):
        place = page.locator(f"[data-test={name}]")
        await expect(place).to_have_attribute("data-drawn", "true")
        assert await place.evaluate(COLOURS) > 5, name
    for name in ("areas", "hours"):
        cell = await page.locator(f"[data-test={name}]").evaluate(CELL)
        await page.mouse.click(cell["x"], cell["y"])
        await page.wait_for_url("**/analysis/tickets?**")
        assert await count(page) == cell["count"] > 0
        await page.go_back()
        await house.ready()
        await expect(page.locator(f"[data-test={name}]")).to_have_attribute("data-drawn", "true")
    for tile in ("calls", "overdue", "satisfied", "callbacks"):
        link = page.locator(f"[data-test=tile-{tile}] .big")
        rows = int(await link.get_attribute("data-rows") or "")
        await link.click()
        await page.wait_for_url(re.compile(r"/(calls|leader/tickets|leader/callbacks)\?"))
        assert await count(page) == rows, tile
        await page.go_back()
        await house.ready()
    # The policy of our pages let everything be done that the charts do.
    assert house.faults == []


#: What is drawn of a heat map: columns, rows, cells that have something, and the width of one in pixels.
GRID = """place => {
  const { xAxis, yAxis, series } = place.chart.getOption();
  const [left, right] = [0, 1].map((x) => place.chart.convertToPixel({ seriesIndex: 0 }, [x, 0])[0]);
  return [xAxis[0].data.length, yAxis[0].data.length, series[0].data.length, right - left];
}"""


async def test_a_young_house_has_the_same_cells_and_a_trend_that_begins_with_it(young_house: House) -> None:
    page = young_house.page
    await page.set_viewport_size(ViewportSize(width=1366, height=768))
    await sign_in(page, LEADER, PASSWORD, path="/leader")
    areas, trend = page.locator("[data-test=areas]"), page.locator("[data-test=trend]")
    for by in ("towns", "communities"):
        await page.select_option("[data-test=areas-by]", by)
        await expect(areas).to_have_attribute("data-drawn", "true")
        columns, rows, cells, width = await areas.evaluate(GRID)
        assert (columns, rows) == (12, 12) and 0 < cells < 30 and width < 50, (by, columns, rows, cells, width)
    await expect(trend).to_have_attribute("data-drawn", "true")
    drawn = await trend.evaluate("place => place.chart.getOption().series.map((one) => one.data.length)")
    assert drawn[0] == drawn[1] == drawn[2] and 1 < drawn[0] <= 3, drawn
    # Nothing but the house's own first day stands at the beginning.
    first = page.locator("#trend-table tbody tr").last.locator("a")
    await expect(first.first).to_be_attached()
    assert any(int(count) for count in await first.all_inner_texts())


async def test_the_map_and_the_table_beside_a_chart(house: House) -> None:
    page = await house.open()
    await page.select_option("[data-test=areas-by]", "grids")
    place = page.locator("[data-test=map]")
    await expect(place).to_have_attribute("data-drawn", "true")
    assert await place.evaluate(COLOURS) > 5
    await page.select_option("[data-test=areas-by]", "communities")
    # Whoever cannot see the chart finds its figures in a table, with the same links.
    table = page.locator("#areas-table")
    await expect(table.locator("tbody tr").nth(3)).to_be_attached()
    await page.click("[data-test=areas-panel-beside]")
    await expect(page.locator("[data-test=areas]")).to_be_hidden()
    link = table.locator("tbody tr").first.locator("a").first
    rows = int(await link.inner_text())
    await link.click()
    await page.wait_for_url("**/analysis/tickets?**")
    assert await count(page) == rows
    assert house.faults == []


async def test_the_ranking_follows_the_choice_and_opens_its_cases(house: House) -> None:
    page = await house.open()
    await page.select_option("[data-test=measure]", "satisfied")
    first = page.locator("[data-test=rank]").first
    rows = int(await first.locator("a").get_attribute("data-rows") or "")
    await first.locator("a").click()
    await page.wait_for_url("**/assessment/cases?**")
    assert await count(page) == rows > 0


async def test_a_call_is_in_the_figures_without_a_reload(house: House) -> None:
    page = await house.open()
    tile = page.locator("[data-test=tile-calls] .big")
    before = int(await tile.get_attribute("data-rows") or "")
    services, now = house.stage.services, house.stage.clock.now()
    row = {
        "id": "new", "direction": "in", "line": "12345", "caller": "13800009999", "queue": "service",
        "arrived_at": now - timedelta(seconds=1), "agent": "", "queued_at": now, "answered_at": None, "ended_at": None,
        "waited_s": None, "talked_s": None, "outcome": "", "ended_by": "", "priority": 10, "cause": 16, "recording": "",
    }  # fmt: skip
    await store(services.database, [row])
    house.stage.bus.publish(CallArrived(at=now, call_id="new", line="12345", caller="13800009999"))
    await expect(tile).to_have_attribute("data-rows", str(before + 1))


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_the_wall_turns_by_itself_and_fits_every_screen(house: House, lang: str) -> None:
    await house.page.clock.install()
    # It turns by this clock alone, however long the page loads and the test looks.
    await stand_still(house.page)
    page = await house.open("/leader/wall", lang=lang, size=(1920, 1080))
    await expect(page.locator("[data-slide=trend]")).to_be_visible()
    for slide in ("areas", "hours", "brief", "trend"):
        await page.clock.run_for(20_000)
        await expect(page.locator(f"[data-slide={slide}]")).to_be_visible()
        await expect(page.locator("[data-slide]:visible")).to_have_count(1)
        await until(partial(page.evaluate, FITS), f"{slide} fits")
    # Whoever wants to read on stops it.
    await page.click("[data-test=pause]")
    await page.clock.run_for(60_000)
    await expect(page.locator("[data-slide=trend]")).to_be_visible()
    await page.clock.resume()
    for width, height in ((3840, 2160), (1366, 768)):
        await page.set_viewport_size(ViewportSize(width=width, height=height))
        # What is drawn follows the window a frame later.
        await until(partial(page.evaluate, FITS), f"fits {width} x {height}")
        overlapping = await page.locator(".tile").evaluate_all(
            "tiles => tiles.filter((tile) => tile.scrollWidth > tile.clientWidth + 1 || tile.scrollHeight > "
            "tile.clientHeight + 1).map((tile) => tile.dataset.tile)"
        )
        assert overlapping == []
    assert house.faults == []


async def test_a_wall_keeps_its_figures_while_the_line_is_cut_and_goes_on(house: House) -> None:
    page = await house.open("/leader/wall", size=(1920, 1080))
    await page.click("[data-test=stay]")
    await expect(page.locator("[data-test=stay]")).to_have_count(0)
    await house.ready()
    before = await page.locator("[data-test=tile-in-hand] .big").inner_text()
    await house.server.stop()
    await expect(page.locator("[data-test=lost]")).to_be_visible()
    assert await page.locator("[data-test=tile-in-hand] .big").inner_text() == before
    await house.restart()
    await expect(page.locator("[data-test=lost]")).to_be_hidden()
    # Still signed in, as a screen, and as nothing else.
    await page.reload()
    await house.ready()
    answer = await page.goto("/leader")
    assert answer is not None and answer.status == 403
