"""The page of voice flows: who sees it, every figure opens its calls, the picture has every way that was taken."""

import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from defusedxml import ElementTree

from core.cityfile import load_city
from desk.access.rights import may_see_voice
from desk.app import create_app
from desk.voice.voicepicture import picture
from desk.voice.voiceviews import VoiceViews
from ivr.gist import gist
from ivr.journal import Journal
from ivr.report import SessionRow, StepRow, Walk, report, walks
from tests.desk_fakes import PASSWORD, START, Stage
from tests.unit.test_desk_rights import AGENT, FIRE, GRID, JUDGE, LEAD, SENDER
from tests.unit.test_ivr_report import CITY, FLOWS, call, found, told
from tests.voice_scene import Walked, fill

JINJIANG = load_city(CITY)


def rows(made: list[Walked]) -> list[Walk]:
    """The walks that the journal's rows tell, reckoned beside the page."""
    sessions, steps = [], []
    for number, one in enumerate(made):
        assert one.end is not None
        call_id, end = f"v-{number}", one.end
        sessions.append(SessionRow(call_id, end.flow, end.began, end.ended, end.how))
        steps += [StepRow(call_id, n.flow, n.step, n.entered, n.left, n.why, n.again) for n in one.notes]
    return walks(sessions, steps, {}, FLOWS)


@pytest.fixture
async def made(stage: Stage) -> list[Walked]:
    journal = Journal(stage.services.database)
    journal.start()
    done = fill(journal, FLOWS, 150, START - timedelta(days=1))
    await journal.close()
    return done


@pytest.fixture
async def lin(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    city = stage.services.city.model_copy(update={"ivr": tuple(FLOWS.values())})
    app = create_app(replace(stage.services, city=city))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk.test") as client,
    ):
        assert (await client.post("/api/login", json={"login": "lin", "password": PASSWORD})).status_code == 200
        yield client


def test_who_may_see_it() -> None:
    assert [may_see_voice(who) for who in (LEAD, JUDGE, AGENT, FIRE, GRID, SENDER)] == [True, True, *4 * [False]]


async def test_every_figure_opens_the_calls_that_it_counts(lin: httpx.AsyncClient, made: list[Walked]) -> None:
    page = (await lin.get("/voice")).text
    whole = report(rows(made))
    welcome = next(flow for flow in whole.flows if flow.flow == "welcome")
    links = re.findall(r'<td class="n"><a href="(/voice/calls[^"]*)">(\d+)</a>', page)
    assert links and links[0][1] == str(welcome.sessions)
    for link, count in links:
        behind = (await lin.get(html.unescape(link))).text
        told_there = re.search(r'data-test="count">共 (\d+) 通', behind)
        assert told_there is not None
        # A caller who comes by a step twice is one call.
        assert 0 < int(told_there[1]) <= int(count)
        if "began=1" in link:
            assert told_there[1] == count
    assert page.index('data-step="greet"') < page.index('data-step="person"')


async def test_a_day_without_calls_and_days_that_are_none(lin: httpx.AsyncClient, made: list[Walked]) -> None:
    assert "这段时间没有来电经过语音" in (await lin.get("/voice?from=2026-01-01&to=2026-01-02")).text
    assert "No call met a voice" in (await lin.get("/voice?from=2026-01-01&to=2026-01-02&lang=en")).text
    assert (await lin.get("/voice?from=2026-01-01&to=2026-10-02")).status_code == 422
    assert (await lin.get("/voice?from=2026-02-01&to=2026-01-02")).status_code == 422
    assert (await lin.get("/voice?from=x")).status_code == 422
    assert (await lin.get("/voice?flow=nothing")).status_code == 200


async def test_nothing_from_an_address_becomes_markup(lin: httpx.AsyncClient, made: list[Walked]) -> None:
    for name in ("flow", "step", "why", "into", "outcome", "trouble"):
        page = await lin.get("/voice/calls", params={name: "<b>x</b>/<i>"})
        assert page.status_code in (200, 422) and "<b>x" not in page.text and "<i>" not in page.text


async def test_a_picture_shows_each_step_and_each_way_once(made: list[Walked]) -> None:
    for key, flow in FLOWS.items():
        steps = report(rows(made), key).steps
        if not steps:
            continue
        for language in ("zh", "en"):
            views = VoiceViews(JINJIANG, language)
            drawn = ElementTree.fromstring(picture(flow, steps, views, lambda asked: f"/x?{sorted(asked.items())}"))
            boxes = [a for a in drawn.iter("a") if a.get("class") in ("step", "other", "end", "urgent")]
            assert sum(a.get("class") == "step" for a in boxes) == len(steps)
            inside = [tuple(float(a[0].get(name)) for name in ("x", "y", "width", "height")) for a in boxes]  # type: ignore[arg-type]
            _, _, wide, high = map(float, str(drawn.get("viewBox")).split())
            for at, (x, y, w, h) in enumerate(inside):
                assert x >= 0 and y >= 0 and x + w <= wide and y + h <= high
                for x2, y2, w2, h2 in inside[:at]:
                    assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y, "boxes overlap"
            counts = [int(text.text or 0) for text in drawn.iter("text") if text.get("class") == "count"]
            hung_up = sum(step.hung_up for step in steps)
            assert len(counts) == len(list(drawn.iter("path")))
            # Left out: the end of a step that is one, and a step that leads to itself.
            own = sum(
                way.count for step in steps for way in step.ways
                if way.to == f"{step.flow}/{step.step}" or (way.to.startswith(":") and way.why in
                    ("queue", "hang up", "call back", "limit", "transfer"))
            )  # fmt: skip
            assert sum(counts) + hung_up + own == sum(step.entered for step in steps)


def test_steps_that_the_city_has_no_more_are_still_shown() -> None:
    steps = report(
        found(call("1", "queue", told("welcome/gone", 3, "key 5"), told("welcome/person", 1, "queue")))
    ).steps
    views = VoiceViews(JINJIANG, "zh")
    assert views.step("welcome/gone") == "gone" and views.flow("old") == "old"
    assert views.step("welcome/minnan") == "闽南语席"
    assert "gone" in picture(FLOWS["welcome"], steps, views, lambda _: "/x")
    assert picture(FLOWS["welcome"], (), views, lambda _: "/x") == ""


@pytest.mark.parametrize(
    ("said", "short"),
    [
        ("您好，晋江市便民热线，通话将被录音。请说您的诉求。", "请说您的诉求"),
        ("您对办理结果满意吗？满意请按1，不满意请按2。", "您对办理结果满意吗"),
        ("已经替您催办，承办单位会尽快处理。", "已经替您催办"),
        ("请输入工单号全部十二位数字，要人工服务，请直接按井号键。", "请输入工单号全部…"),
        ("您好。", "您好"),
        ("", ""),
    ],
)
def test_a_step_is_known_by_its_question(said: str, short: str) -> None:
    assert gist(said, "zh") == short
