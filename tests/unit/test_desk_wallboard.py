"""The wallboard's pages and stream, the list of calls with its export, a call's story, working time."""

import asyncio
import json
import re
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from sqlalchemy import select

from core.audit import AuditEntry
from core.clock import ManualClock
from desk.sheets import workbook
from desk.wall.boardfeed import BoardFeed
from switchboard.figures.worktime import WorkTimes
from telephony.events import (
    CallAnswered,
    CallArrived,
    CallEnded,
    CallQueued,
    CallSupervised,
    CallTransferred,
    DeskJoined,
)
from tests.desk_fakes import START, Stage
from tests.eventually import PATIENCE_S, until
from tests.unit.conftest import SignIn
from tests.wallboard_scene import make_scene, store

SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = await make_scene(tmp_path, ManualClock(START))
    yield made
    await made.bus.close()
    await made.services.database.close()


def found(page: str) -> int:
    """The number of calls that a page of the list says it has."""
    said = re.search(r'data-test="found">共 (\d+) 通', page)
    assert said is not None
    return int(said[1])


# -- the stream


@asynccontextmanager
async def watching(stage: Stage) -> AsyncIterator[tuple[BoardFeed, Callable[[], Awaitable[dict[str, Any]]]]]:
    """A feed with one page, and what that page gets next."""
    feed = BoardFeed(stage.services)
    await feed.start()
    async with aclosing(feed.stream()) as frames:

        async def told() -> dict[str, Any]:
            async with asyncio.timeout(PATIENCE_S):
                async for frame in frames:
                    if frame.startswith(b"event: board"):
                        return dict(json.loads(frame.split(b"data: ", 1)[1]))
            raise AssertionError("the stream ended")

        yield feed, told
    await feed.close()


async def test_a_page_gets_everything_then_only_what_differs(stage: Stage) -> None:
    async with watching(stage) as (_feed, told):
        first = await told()
        assert {"lines", "groups", "kinds", "desks", "calls", "help", "mode", "missed", "day"} < set(first)
        assert first["kinds"][0]["waiting"] == 2 and first["kinds"][1]["waiting"] == 3
        fire = next(line for line in first["lines"] if line["key"] == "119")
        assert fire["waiting"] == 1 and fire["usual"]["weeks"] == 8
        await stage.city.become("2007", "paused", "小休")
        changed = await told()
        while "desks" not in changed:
            changed = await told()
        assert set(changed) <= {"now", "desks", "groups"}
        desk = next(desk for desk in changed["desks"] if desk["extension"] == "2007")
        # qpanel#280: why a desk takes no calls, and since when.
        assert (desk["state"], desk["reason"]) == ("paused", "小休") and desk["since"] == START.isoformat()


async def test_wrap_up_and_hold_are_on_the_wall_with_their_clocks(stage: Stage) -> None:
    """asterisk#1006, asterisk PR#1377: wrap-up is a state that the wall shows until it is over."""
    async with watching(stage) as (_feed, told):
        desks = {desk["extension"]: desk for desk in (await told())["desks"]}
    assert desks["2004"]["state"] == "wrapup" and desks["2003"]["state"] == "held"
    assert desks["2004"]["since"] == (START - timedelta(seconds=18)).isoformat()


async def test_one_computation_serves_all_pages_and_none_is_made_for_nobody(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[int] = []
    whole = BoardFeed.sections

    async def counted(self: BoardFeed) -> dict[str, Any]:
        computed.append(1)
        return await whole(self)

    monkeypatch.setattr(BoardFeed, "sections", counted)
    monkeypatch.setattr(BoardFeed, "TICK_S", 0.01)
    monkeypatch.setattr(BoardFeed, "PACE_S", 0.0)
    feed = BoardFeed(stage.services)
    await feed.start()
    await asyncio.sleep(0.2)
    assert computed == []
    # From here on nothing but the pages asks for a computation, however long they take.
    monkeypatch.setattr(BoardFeed, "TICK_S", PATIENCE_S)
    streams = [feed.stream() for _ in range(50)]
    # The frame before the first is the pause after which a browser asks again.
    for stream in streams:
        assert (await anext(stream)).startswith(b"retry:")
    frames = await asyncio.gather(*(anext(stream) for stream in streams))
    assert len({frame[:200] for frame in frames}) == 1 and feed.pages == 50
    assert len(computed) <= 3
    for stream in streams:
        await stream.aclose()
    assert feed.pages == 0
    await feed.close()


async def test_a_page_that_takes_nothing_is_let_go_and_begins_anew(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoardFeed, "TICK_S", 0.01)
    monkeypatch.setattr(BoardFeed, "PACE_S", 0.0)
    feed = BoardFeed(stage.services)
    await feed.start()
    stuck = feed.stream()
    await anext(stuck)
    (page,) = feed._pages
    await until(lambda: page.over, "the page is let go")
    assert [frame async for frame in stuck] == []
    assert feed.pages == 0
    await feed.close()


async def test_a_cry_for_help_stays_until_somebody_comes_or_the_call_ends(stage: Stage) -> None:
    city = stage.city
    await city.ask_help("live-5", by="2001")
    async with watching(stage) as (_feed, told):
        # Asked before this process began: read from the stored facts.
        assert [(cry["call_id"], cry["agent"]) for cry in (await told())["help"]] == [("live-5", "2001")]
        await city.ask_help("live-6", by="2002")
        await city.help_given("live-5", "2001", by="1009")
        changed = await told()
        while "help" not in changed:
            changed = await told()
        while len(changed.get("help", ())) != 1:
            changed = await told()
        assert [cry["agent"] for cry in changed["help"]] == ["2002"]
        async with stage.services.database.work() as work:
            work.record(CallEnded(at=START, call_id="live-6", outcome="answered", cause=16, by="caller", talked_s=1))
        changed = await told()
        while "help" not in changed:
            changed = await told()
        assert changed["help"] == []


async def test_the_wall_is_for_supervisors(sign_in: SignIn) -> None:
    for login in ("wang", "fire"):
        client = await sign_in(login)
        for path in ("/wallboard", "/live/wallboard", "/worktime", "/worktime.xlsx"):
            assert (await client.get(path)).status_code == 403, (login, path)
    lead = await sign_in("he")
    page = await lead.get("/wallboard")
    assert page.status_code == 200 and 'id="health"' in page.text and 'id="missed"' in page.text


# -- the list of calls


async def test_every_number_of_the_wall_leads_to_its_calls(stage: Stage, sign_in: SignIn) -> None:
    """qpanel#265, qpanel#249: the abandoned calls are a list, not a percentage."""
    lead = await sign_in("he")
    sections = await BoardFeed(stage.services).sections()
    day = sections["day"]
    checked = 0
    for line in [line for line in sections["lines"] if line["gone"]]:
        page = await lead.get(f"/calls?from={day}&direction=in&line={line['key']}&became=gone")
        assert found(page.text) == line["gone"]
        assert page.text.count("data-call=") == line["gone"]
        checked += line["gone"]
    assert checked > 2
    for kind in sections["kinds"]:
        waiting = await lead.get(f"/calls?kind={kind['key']}&became=waiting")
        assert found(waiting.text) == kind["waiting"] > 0
        fast = await lead.get(f"/calls?from={day}&direction=in&kind={kind['key']}&became=answered&within=15")
        assert found(fast.text) == kind["within"][1]


async def test_the_list_goes_on_page_by_page(sign_in: SignIn) -> None:
    lead = await sign_in("he")
    address, seen = "/calls?from=2026-11-20", []
    while address:
        page = (await lead.get(address)).text
        seen += re.findall(r'data-call="([^"]+)"', page)
        onward = re.search(r'href="([^"]+)" data-test="next"', page)
        address = onward[1].replace("&amp;", "&") if onward else ""
    assert len(seen) == len(set(seen)) == found(page) > 100


async def test_the_form_shows_the_question_by_the_citys_clock_and_asks_the_same_again(sign_in: SignIn) -> None:
    lead = await sign_in("he")
    asked = (await lead.get("/calls?from=2026-11-20&to=2026-11-20")).text
    shown = {name: re.search(f'name="{name}" value="([^"]*)"', asked) for name in ("from", "to")}
    again = {name: match[1] for name, match in shown.items() if match}
    assert again == {"from": "2026-11-20T00:00", "to": "2026-11-21T00:00"}
    assert found((await lead.get("/calls", params=again)).text) == found(asked) > 0
    wang = (await (await sign_in("wang")).get("/calls")).text
    assert "data-dial=" not in wang, "no call of his own, no number"


async def test_who_waits_has_a_clock_and_numbers_are_dialled_where_a_telephone_is(sign_in: SignIn) -> None:
    """qpanel#265: from the list straight to the caller."""
    lead = await sign_in("he")  # has a telephone
    page = (await lead.get("/calls?became=waiting")).text
    assert page.count('data-test="waits"') == found(page) > 0 and 'data-dial="13800000000"' in page
    none = (await (await sign_in("lin")).get("/calls?became=waiting")).text
    assert "data-dial" not in none and "13800000000" in none


async def test_a_number_is_found_however_it_is_written(stage: Stage, sign_in: SignIn) -> None:
    """zammad#4872: spaces and dashes do not matter, and a search by number looks further back than today."""
    lead = await sign_in("he")
    await store(stage.services.database, [{
        "id": "old-1", "direction": "in", "line": "12345", "caller": "13912345678",
        "arrived_at": START - timedelta(days=40), "queue": "service",
    }])  # fmt: skip
    for typed in ("139 1234 5678", "139-1234-5678", "13912345678"):
        assert 'data-call="old-1"' in (await lead.get("/calls", params={"number": typed})).text


@pytest.mark.parametrize(
    "query",
    ["from=x", "to=2026-13-01", "from=9999-12-31&to=9999-12-31", "over=abc", "within=-1", "became=x", "direction=x"],
)
async def test_a_question_that_cannot_be_understood_is_told_in_words(sign_in: SignIn, query: str) -> None:
    lead = await sign_in("he")
    answer = await lead.get(f"/calls?{query}")
    assert answer.status_code == 422 and ("须" in answer.text or "不符合要求" in answer.text)


async def test_call_takers_list_their_own_calls_only(stage: Stage, sign_in: SignIn) -> None:
    wang = await sign_in("wang")  # desk 1001, which has no call in this scene
    assert found((await wang.get("/calls?agent=2001")).text) == 0
    await store(stage.services.database, [{
        "id": "mine", "direction": "in", "line": "12345", "caller": "1", "arrived_at": START, "agent": "1001",
        "answered_at": START, "queue": "service",
    }])  # fmt: skip
    page = (await wang.get("/calls?agent=2001")).text
    assert found(page) == 1 and 'data-call="mine"' in page
    assert (await wang.get("/calls/mine")).status_code == 200
    assert (await wang.get("/calls/live-5")).status_code == 404
    assert (await (await sign_in("fire")).get("/calls")).status_code == 403


# -- Excel


def cells(data: bytes) -> list[dict[str, tuple[str, str]]]:
    """Kind and text of the cells of the only sheet by column, row by row."""
    with zipfile.ZipFile(BytesIO(data)) as file:
        sheet = ElementTree.fromstring(file.read("xl/worksheets/sheet1.xml"))  # noqa: S314  our own file
    assert sheet.find(f".//{SPACE}f") is None, "a formula"
    return [
        {cell.attrib["r"].rstrip("0123456789"): (cell.get("t", "n"), "".join(cell.itertext())) for cell in row}
        for row in sheet.iter(f"{SPACE}row")
    ]


@pytest.mark.parametrize("text", ["=1+1", "=HYPERLINK(\"http://x\",\"y\")", "+8613800001234", "-1", "@SUM(A1)",
                                  "\t=1", "{=1}", "http://x", "00123", "\x01bad"])  # fmt: skip
def test_no_text_of_a_caller_becomes_a_formula_a_link_or_a_number(text: str) -> None:
    data = workbook("x", [("号码", 10)], [[text]])
    kind, shown = cells(data)[1]["A"]
    assert kind == "inlineStr" and shown == text.replace("\x01", " ")
    with zipfile.ZipFile(BytesIO(data)) as file:
        assert b'quotePrefix="1"' in file.read("xl/styles.xml")
        assert not [name for name in file.namelist() if "rels" in name and "sheet" in name]


async def test_the_list_is_exported_within_rights_and_noted(stage: Stage, sign_in: SignIn) -> None:
    """qpanel#174: the list as an Excel file."""
    await store(stage.services.database, [{
        "id": "evil", "direction": "in", "line": "12345", "caller": "=cmd|' /C calc'!A0",
        "arrived_at": START, "queue": "service",
    }])  # fmt: skip
    lead = await sign_in("he")
    page = await lead.get("/calls?from=2026-11-20&line=12345")
    answer = await lead.get("/calls.xlsx?from=2026-11-20&line=12345")
    assert answer.headers["content-type"].endswith("spreadsheetml.sheet")
    rows = cells(answer.content)
    assert len(rows) == 1 + found(page.text)
    assert [text for _kind, text in rows[0].values()][:3] == ["来电时间", "热线", "热线名称"]
    assert any(("inlineStr", "=cmd|' /C calc'!A0") in row.values() for row in rows)
    wang = await sign_in("wang")
    assert len(cells((await wang.get("/calls.xlsx?from=2026-11-20")).content)) == 1
    async with stage.services.database.read() as session:
        noted = await session.scalars(select(AuditEntry.who).where(AuditEntry.what == "export_calls"))
        assert list(noted) == ["he", "wang"]


# -- one call


async def tell_a_story(stage: Stage) -> None:
    at = [START + timedelta(seconds=n) for n in range(6)]
    of = {"call_id": "live-5"}
    async with stage.services.database.work() as work:
        work.record(
            CallArrived(at=at[0], line="110", caller="<b>1", **of),
            CallQueued(at=at[0], line="110", priority=100, queue="emergency", **of),
            CallAnswered(at=at[2], agent="2001", waited_s=2.0, agent_channel="x", **of),
            DeskJoined(at=at[2], agent="2001", agent_channel="x", **of),
            CallTransferred(at=at[3], agent="2001", kind="line", target="12345", reason="噪声扰民", **of),
            CallSupervised(at=at[4], agent="1009", mode="whisper", **of),
        )
        for after, what, detail in (
            (4, "watch", "whisper 2001 协助坐席"), (5, "take_over", "2001 突发事件"), (5, "push_back", "已缓解"),
        ):  # fmt: skip
            work.session.add(AuditEntry(at=at[after], who="he", what=what, call_id="live-5", detail=detail))


async def test_a_call_tells_its_story_in_order_and_in_words(stage: Stage, sign_in: SignIn) -> None:
    await tell_a_story(stage)
    lead = await sign_in("he")
    page = (await lead.get("/calls/live-5")).text
    told = re.findall(r'<li class="of-\w+"><time>[^<]*</time>([^<]*)</li>', page)
    assert told == [
        "&lt;b&gt;1 拨打 110 报警服务台",
        "进入排队：紧急席，优先级 100",
        "2001 1号席 接听，等待 2.0 秒",
        "2001 1号席 转至热线 12345：噪声扰民",
        "1009 值班长席 耳语",
        "耳语 2001（何班长）：协助坐席",
        "接管 2001（何班长）：突发事件",
        "何班长 取消提前：已缓解",
    ]
    # It goes on: what is recorded cannot be played yet, which is not the same as no recording.
    assert "录音中，结束后可听" in page and "没有录音" not in page
    english = (await lead.get("/calls/live-5?lang=en")).text
    assert "answered after 2.0 s" in english and "passed the call to line 12345" in english


async def test_a_call_taker_does_not_read_who_listened(stage: Stage, sign_in: SignIn) -> None:
    await tell_a_story(stage)
    stage.city.live["live-5"] = replace(stage.city.live["live-5"], agent="1001")
    page = (await (await sign_in("wang")).get("/calls/live-5")).text
    assert "转至热线 12345" in page and "耳语" not in page and "接管" not in page


async def test_a_call_that_is_none_is_not_found(sign_in: SignIn) -> None:
    assert (await (await sign_in("he")).get("/calls/none")).status_code == 404


# -- working time


async def test_working_time_is_shown_and_exported(stage: Stage, sign_in: SignIn) -> None:
    clock = stage.clock
    assert isinstance(clock, ManualClock)

    async def wang(_desk: str, _at: object) -> str:
        return "wang"

    await WorkTimes(stage.services.database, stage.bus, wang).start()
    await stage.city.become("2001", "ready")
    clock.advance(3600)
    await stage.city.become("2001", "paused", "用餐")
    clock.advance(1800)
    await stage.city.become("2001", "offline")
    clock.advance(600)
    await stage.bus.drain()
    lead = await sign_in("he")
    page = (await lead.get("/worktime?day=2026-11-20")).text
    assert page.count("data-desk=") == 1 and 'id="2001"' in page and "王晓燕" in page
    # qpanel#280: pauses with their reason and time; and the bar: one hour of 24 is 41.67 of 1000.
    assert '用餐 <b class="clock">0:30:00</b>' in page and 'class="ready" x="395.83" y="0" width="41.67"' in page
    head, desk = cells((await lead.get("/worktime.xlsx?day=2026-11-20")).content)
    values = {head[column][1]: text for column, (_kind, text) in desk.items()}
    assert (values["坐席"], values["签入秒数"], values["就绪"], values["示忙 用餐"]) == ("2001", "5400", "3600", "1800")
    assert "没有坐席签入记录" in (await lead.get("/worktime?day=2026-11-01")).text
    assert (await lead.get("/worktime?day=x")).status_code == 422
