"""The live stream over a real socket: order, resume, rights, and pages that are slow or gone."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from core.errors import HeyiError
from desk import live
from desk.access.users import Users
from desk.app import create_app
from desk.live import Feed
from desk.server import DeskServer
from tests.desk_fakes import FIRE, NOISE, PASSWORD, Stage, make_stage
from tests.eventually import PATIENCE_S, until


@dataclass
class Running:
    stage: Stage
    app: FastAPI
    address: str

    @property
    def feed(self) -> Feed:
        feed = self.app.state.feed
        assert isinstance(feed, Feed)
        return feed

    @asynccontextmanager
    async def client(self, login: str) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(base_url=self.address, timeout=PATIENCE_S) as client:
            await client.post("/api/login", json={"login": login, "password": PASSWORD})
            yield client


@dataclass
class Got:
    seq: int | None
    type: str
    body: dict[str, Any]


class Listener:
    """Reads server-sent events as a browser does."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def next(self) -> Got:
        seq: int | None = None
        name, data = "", ""
        while True:
            line = await asyncio.wait_for(anext(self._lines), PATIENCE_S)
            if line.startswith("id: "):
                seq = int(line[4:])
            elif line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data = line[6:]
            elif not line and name:
                return Got(seq, name, json.loads(data))

    async def until(self, name: str) -> list[Got]:
        """Everything up to the first event of that name, it included."""
        got = [await self.next()]
        while got[-1].type != name:
            got.append(await self.next())
        return got


@asynccontextmanager
async def listening(
    client: httpx.AsyncClient, after: int | None = None, last: int | None = None
) -> AsyncIterator[Listener]:
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    async with client.stream(
        "GET", "/live", params={} if after is None else {"after": after}, headers=headers
    ) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Listener(answer)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    stage = await make_stage(tmp_path)
    app = create_app(stage.services)
    server = DeskServer(app, "127.0.0.1", 0)
    await server.start()
    yield Running(stage, app, f"http://127.0.0.1:{server.port}")
    await server.stop()
    await stage.bus.close()
    await stage.services.database.close()


async def test_a_call_appears_in_order_and_only_where_it_belongs(running: Running) -> None:
    city = running.stage.city
    async with (
        running.client("wang") as wang,
        running.client("chen") as chen,
        running.client("urban") as urban,
        listening(wang, 0) as mine,
        listening(chen, 0) as others,
        listening(urban, 0) as department,
    ):
        await city.arrive("c-1", "12345", "13800001234")
        await city.ring("c-1", "1001")
        await city.answer("c-1", "1001")
        city.partial("c-1", "u-1", "工地半夜")
        # A partial may be overtaken by what is stored; a moment apart it is not.
        heard = await mine.until("UtterancePartial")
        await city.say("c-1", "工地半夜施工")
        await city.judge("c-1", NOISE)
        await city.end("c-1")
        heard += await mine.until("CallEnded")
        kinds = [got.type for got in heard if got.type != "AgentChanged"]
        assert kinds == [
            "CallQueued", "CallRinging", "TicketDrafted", "CallAnswered", "DeskJoined", "UtterancePartial",
            "TicketEdited", "UtteranceHeard", "TicketEdited", "CallTriaged", "CallEnded",
        ]  # fmt: skip
        numbered = [got.seq for got in heard if got.seq is not None]
        assert numbered == sorted(set(numbered))
        assert [got.type for got in heard if got.seq is None] == ["UtterancePartial"]
        seen = await others.until("CallEnded")
        assert {got.type for got in seen} == {
            "CallQueued", "CallRinging", "CallAnswered", "DeskJoined", "CallEnded", "AgentChanged",
        }  # fmt: skip
        assert "13800001234" not in json.dumps([got.body for got in seen])
        ticket = await urban.get("/api/tickets")
        assert (await department.next()).body["ticket_id"] == ticket.json()[0]["id"]


@pytest.mark.parametrize("last", ["9" * 5000, "9" * 19, "-1", "²", "1 or 1=1"])
async def test_a_place_in_the_stream_that_never_was_begins_anew(running: Running, last: str) -> None:
    async with running.client("wang") as wang, wang.stream(
        "GET", "/live", headers={"Last-Event-ID": last.encode()}
    ) as answer:  # fmt: skip
        assert answer.status_code == 200
        assert (await Listener(answer).next()).type == "hello"


async def test_every_desk_that_rings_hears_of_the_call_until_one_answers(running: Running) -> None:
    city = running.stage.city
    async with (
        running.client("wang") as wang,
        running.client("chen") as chen,
        listening(wang) as left,
        listening(chen) as right,
    ):
        for page in (left, right):
            assert (await page.next()).type == "hello"
        await city.arrive("c-1", "119", "13800001234")
        await city.ring("c-1", "1001")
        await city.ring("c-1", "1002")
        await city.say("c-1", "着火了")
        await city.judge("c-1", FIRE)
        for page in (left, right):
            heard = await page.until("CallTriaged")
            assert [got.body["text"] for got in heard if got.type == "UtteranceHeard"] == ["着火了"]
        city.partial("c-1", "u-1", "火从")
        for page in (left, right):
            assert (await page.until("UtterancePartial"))[-1].body["text"] == "火从"
        await city.answer("c-1", "1002")
        await left.until("CallRingEnded")
        city.partial("c-1", "u-2", "火从二楼")
        assert (await right.until("UtterancePartial"))[-1].body["text"] == "火从二楼"
        await city.say("c-1", "火从二楼窗户出来了")
        await city.judge("c-1", FIRE)
        await city.end("c-1")
        assert {"UtteranceHeard", "CallTriaged"} <= {got.type for got in await right.until("CallEnded")}
        after = {got.type for got in await left.until("CallEnded")}
        assert after == {"AgentChanged", "CallEnded"}


async def test_a_page_that_lost_its_line_gets_what_it_missed_and_nothing_twice(running: Running) -> None:
    city = running.stage.city
    async with running.client("wang") as wang:
        async with listening(wang) as page:
            assert (await page.next()).type == "hello"
            await city.arrive("c-1", "119", "13800001234")
            await city.ring("c-1", "1001")
            last = (await page.until("CallRinging"))[-1].seq
            assert last is not None
        await city.answer("c-1", "1001")
        await city.judge("c-1", FIRE)
        async with listening(wang, after=0, last=last) as page:
            missed = await page.until("CallTriaged")
            await city.say("c-1", "着火了")
            after = await page.until("UtteranceHeard")
        numbers = [got.seq for got in (*missed, *after) if got.seq is not None]
        assert numbers[0] > last and numbers == sorted(set(numbers))
        assert "CallAnswered" in {got.type for got in missed}


async def test_a_page_that_was_away_too_long_is_told_to_begin_anew(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "REPLAY", 2)
    async with running.client("wang") as wang:
        for number in range(3):
            await running.stage.city.arrive(f"c-{number}", "12345", "13800001234")
        await until(lambda: running.feed._seq == 6, "six events are read")
        async with listening(wang, 0) as page:
            got = await page.next()
            assert (got.type, got.seq) == ("reset", 6)


async def test_a_page_that_does_not_read_is_dropped_and_its_memory_freed(running: Running) -> None:
    feed = running.feed
    lead = await Users(running.stage.services.database).get("lin")
    assert lead is not None
    stream = feed.stream(lead, None)
    await anext(stream)
    await anext(stream)
    for number in range(live.QUEUE + 50):
        running.stage.city.partial("c-1", f"u-{number}", "喂")
    page = next(iter(feed._pages))
    await until(lambda: page.over, "the page is let go")
    assert not page._waiting
    assert [chunk async for chunk in stream] == []
    assert feed.pages == 0


async def test_a_closed_browser_is_forgotten(running: Running) -> None:
    async with running.client("wang") as wang:
        async with listening(wang) as page:
            await page.next()
            assert running.feed.pages == 1
        await until(lambda: running.feed.pages == 0, "the page is forgotten")


async def test_a_department_hears_of_a_ticket_that_leaves_it(running: Running) -> None:
    city, tickets = running.stage.city, running.stage.services.tickets
    wang = await Users(running.stage.services.database).get("wang")
    urban_user = await Users(running.stage.services.database).get("urban")
    assert wang and urban_user
    await city.arrive("c-1", "12345", "13800001234")
    ticket = await city.answer("c-1", "1001")
    await city.judge("c-1", NOISE)
    await tickets.submit(ticket.id, wang.actor())
    async with running.client("urban") as urban, listening(urban) as page:
        await page.next()
        await tickets.refuse(ticket.id, urban_user.actor(), "不属本单位")
        await tickets.submit(ticket.id, wang.actor(), {"department": "centre"})
        moved = await page.until("TicketMoved")
        assert moved[-1].body["after"] == "filed"


async def test_the_server_stops_while_pages_are_open(tmp_path: Path) -> None:
    stage = await make_stage(tmp_path)
    server = DeskServer(create_app(stage.services), "127.0.0.1", 0)
    await server.start()
    with pytest.raises(HeyiError, match="cannot listen"):
        await DeskServer(create_app(stage.services), "127.0.0.1", server.port).start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=PATIENCE_S) as client:
        await client.post("/api/login", json={"login": "wang", "password": PASSWORD})
        async with listening(client) as page:
            await page.next()
            await asyncio.wait_for(server.stop(), PATIENCE_S)
    await stage.bus.close()
    await stage.services.database.close()
