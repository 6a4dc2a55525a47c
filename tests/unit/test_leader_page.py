"""The leaders' stream over a made-up city: one computation for all, every figure opens its rows, nobody's number."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from sqlalchemy import update

from core.clock import ManualClock
from desk.app import create_app
from desk.leader import leaderfeed
from desk.leader.leaderfeed import LeaderFeed
from tests.desk_fakes import PASSWORD, START, Stage
from tests.eventually import PATIENCE_S
from tests.leader_scene import LEADER, looked, make_leader_scene
from ticketing.tables import Ticket

#: A mobile number; Chinese characters beside it are no boundary of a word.
NUMBER = r"(?<!\d)1[3-9]\d{9}(?!\d)"
#: A row of one of the lists.
ROW = re.compile(r'data-test="(?:ticket|callback|case)"|<tr [^>]*data-call=')
#: Sections that are there once everything was computed.
ALL = {"day", "tiles", "areas", "trend", "hours", "brief", "ranking"}
Client = Callable[[str], Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = await make_leader_scene(tmp_path, ManualClock(START), a_day=14, days=35)
    await looked(made)
    yield made
    await made.bus.close()
    await made.services.database.close()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LeaderFeed, "PACE_S", 0.01)
    monkeypatch.setattr(LeaderFeed, "TICK_S", 0.05)
    monkeypatch.setattr(leaderfeed, "LOOK_S", 0.01)


class Desk:
    """The application, who signs in at it, and what its pages are told."""

    def __init__(self, stage: Stage, ending: AsyncExitStack) -> None:
        self.app = create_app(stage.services)
        self.feed: LeaderFeed = self.app.state.leader
        self._ending = ending

    async def sign_in(self, login: str) -> httpx.AsyncClient:
        made = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://desk.test")
        await self._ending.enter_async_context(made)
        answer = await made.post("/api/login", json={"login": login, "password": PASSWORD})
        assert answer.status_code == 200
        return made

    async def told(self, until: Callable[[dict[str, Any]], bool] = lambda board: set(board) >= ALL) -> dict[str, Any]:
        """Everything that a new page has been told once ``until`` holds."""
        board: dict[str, Any] = {}

        async def follow() -> None:
            async with aclosing(self.feed.stream()) as frames:
                async for frame in frames:
                    if frame.startswith(b"event: board"):
                        board.update(json.loads(frame.split(b"data: ", 1)[1]))
                        if until(board):
                            return

        await asyncio.wait_for(follow(), PATIENCE_S)
        return board


@pytest.fixture
async def desk(stage: Stage) -> AsyncIterator[Desk]:
    async with AsyncExitStack() as ending:
        made = Desk(stage, ending)
        await ending.enter_async_context(made.app.router.lifespan_context(made.app))
        yield made


def count_of(page: str) -> int:
    said = re.search(r'data-test="(?:found|count)">(?:共 )?(\d+)', page)
    assert said is not None, page[:2000]
    return int(said[1])


async def rows_of(client: httpx.AsyncClient, href: str) -> int:
    answer = await client.get(href)
    assert answer.status_code == 200, (href, answer.text[:500])
    found, listed = count_of(answer.text), len(ROW.findall(answer.text))
    # A page of the list, or all of it.
    assert listed == found or listed in (50, 300), (href, found, listed)
    return found


async def test_every_figure_opens_as_many_rows_as_it_says(desk: Desk) -> None:
    client, board = await desk.sign_in(LEADER), await desk.told()
    followed = 0
    for tile in board["tiles"]:
        assert await rows_of(client, tile["href"]) == tile["rows"], tile
        for part in tile["parts"]:
            assert await rows_of(client, part["href"]) == part["value"], part
        followed += tile["rows"] > 0
    assert followed >= 8, "a scene in which figures are nothing proves nothing"
    assert len(board["trend"]) == 29
    for day in (board["trend"][0], board["trend"][-1]):
        for name in ("calls", "opened", "emergencies"):
            assert await rows_of(client, day[f"{name}_href"]) == day[name], day


async def test_every_cell_of_a_heat_map_opens_its_tickets(desk: Desk) -> None:
    client, board = await desk.sign_in(LEADER), await desk.told()
    areas = board["areas"]

    async def behind(base: str, **where: str) -> int:
        return await rows_of(client, f"{base}&{urlencode(where)}")

    town, place = areas["towns"][0], areas["communities"][0]
    assert await behind(areas["base"]) == areas["total"]
    assert await behind(areas["base"], town=town["town"]) == town["count"]
    group, count = next(iter(town["groups"].items()))
    assert await behind(areas["base"], town=town["town"], group=group) == count
    found = await behind(areas["base"], town=place["town"], community=place["community"])
    assert found == place["count"] == sum(place["groups"].values())
    grid, count = max(areas["grids"].items(), key=lambda entry: entry[1])
    assert await behind(areas["base"], grid=grid) == count > 0
    hours = board["hours"]
    busiest = max(range(168), key=hours["counts"].__getitem__)
    found = await behind(hours["base"], weekday=str(busiest // 24), hour=str(busiest % 24))
    assert found == hours["counts"][busiest] > 0


async def test_a_rank_opens_its_cases(desk: Desk) -> None:
    client, board = await desk.sign_in(LEADER), await desk.told()
    ranking = board["ranking"]
    ranked = [(measure, row) for tier in ranking["tiers"] for measure in ("late", "satisfied") for row in tier[measure]]
    assert len(ranked) > 4
    for measure, row in (ranked[0], ranked[-1]):
        assert row["whole"] >= ranking["minimum"]
        query = {
            "period": ranking["period"], "version": ranking["version"], "of": "departments", "who": row["who"],
            "count": "handle_late" if measure == "late" else "satisfied",
        }  # fmt: skip
        assert await rows_of(client, f"/assessment/cases?{urlencode(query)}") == row["part"]


async def test_the_brief_is_told_in_both_languages_with_its_tickets(desk: Desk) -> None:
    client, board = await desk.sign_in(LEADER), await desk.told()
    brief = board["brief"]
    assert "周报" in brief["body"]["zh"]["title"] and "weekly" in brief["body"]["en"]["title"]
    text, query = next(run for line in brief["body"]["zh"]["sections"][0]["lines"] for run in line if run[1])
    assert await rows_of(client, f"/briefs/{brief['id']}/tickets?{query}") == int(text.replace(",", ""))


async def test_pages_share_one_computation_and_none_is_made_for_nobody(
    stage: Stage, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = 0
    whole = LeaderFeed.sections

    async def counted(self: LeaderFeed) -> dict[str, Any]:
        nonlocal made
        made += 1
        return await whole(self)

    monkeypatch.setattr(LeaderFeed, "sections", counted)
    await desk.told()
    # Changes come with the next computation, and only what differs is sent again.
    async with aclosing(desk.feed.stream()) as first, aclosing(desk.feed.stream()) as second:
        boards: list[dict[str, Any]] = []
        for frames in (first, second):
            async for frame in frames:
                if frame.startswith(b"event: board"):
                    boards.append(json.loads(frame.split(b"data: ", 1)[1]))
                    break
        assert set(boards[0]) >= ALL and boards[0]["areas"] == boards[1]["areas"]
    assert desk.feed.pages == 0
    before = made
    await stage.city.become("2007", "paused", "小休")
    assert made - before <= 1, "a computation that had begun"


async def test_a_new_ticket_is_in_the_next_figures(stage: Stage, desk: Desk) -> None:
    board = await desk.told()
    before = next(tile for tile in board["tiles"] if tile["key"] == "overdue")["value"]
    async with stage.services.database.work() as work:
        one = update(Ticket).where(Ticket.state == "handling", Ticket.due_at > START)
        await work.session.execute(one.values(due_at=START - timedelta(hours=1)))

    def more(told: dict[str, Any]) -> bool:
        return bool(next(tile for tile in told["tiles"] if tile["key"] == "overdue")["value"] > before)

    await desk.told(more)


async def test_leaders_see_neither_numbers_nor_single_calls(desk: Desk) -> None:
    leader, chief = await desk.sign_in(LEADER), await desk.sign_in("he")
    shown, hidden = (await chief.get("/calls")).text, (await leader.get("/calls")).text
    number = re.search(NUMBER, shown)
    assert number is not None
    assert not re.search(NUMBER, hidden) and "****" in hidden
    assert 'href="/calls/' not in hidden and 'name="number"' not in hidden
    # Nor by asking whether there is a call of a number.
    asked = {"number": number[0], "from": "2026-11-01"}
    assert count_of((await leader.get("/calls", params=asked)).text) == count_of(
        (await leader.get("/calls", params={"from": "2026-11-01"})).text
    )
    assert (await leader.get("/search")).status_code == 403
    for path in ("/leader/tickets?which=in_hand", "/leader/callbacks?which=done"):
        page = (await leader.get(path)).text
        assert not re.search(NUMBER, page) and "欧阳建国" not in page
    assert re.search("13812345678", (await chief.get("/leader/tickets?which=in_hand")).text)
    # Offices, not persons.
    assert (await leader.get("/assessment?of=agents")).status_code == 403


async def test_a_screen_shows_the_wall_and_nothing_else(stage: Stage, desk: Desk) -> None:
    client = await desk.sign_in(LEADER)
    answer = await client.post("/leader/screen")
    assert answer.status_code == 303
    wall = await client.get("/leader/wall")
    assert wall.status_code == 200 and "固定为大屏" not in wall.text
    for path in ("/leader", "/leader/tickets", "/calls", "/analysis", "/tickets/JJ20261101-00001", "/account"):
        assert (await client.get(path)).status_code == 403, path
    # It stays signed in over nights and weekends, until it is ended or a month is over.
    assert isinstance(stage.clock, ManualClock)
    stage.clock.advance(timedelta(days=20).total_seconds())
    assert (await client.get("/leader/wall")).status_code == 200
    person = await desk.sign_in(LEADER)
    assert (await person.post("/account/sessions/end-others")).status_code == 303
    assert (await client.get("/leader/wall")).status_code == 303


async def test_a_screen_ends_after_a_month(stage: Stage, desk: Desk) -> None:
    client = await desk.sign_in(LEADER)
    await client.post("/leader/screen")
    assert isinstance(stage.clock, ManualClock)
    stage.clock.advance(timedelta(days=31).total_seconds())
    assert (await client.get("/leader/wall")).status_code == 303


async def test_a_part_that_takes_long_holds_none_of_the_others(desk: Desk) -> None:
    async def hangs(_: object) -> None:
        await asyncio.Event().wait()

    areas = next(part for part in desk.feed._parts if part.name == "areas")
    areas.make = hangs
    board = await desk.told(lambda board: set(board) >= ALL - {"areas"})
    assert "areas" not in board
