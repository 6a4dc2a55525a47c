"""分析研判 on screen: who sees it, looks by hand, warnings that last, figures that open tickets, briefs that stay."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from core.clock import ManualClock
from core.database import StoredEvent
from core.errors import Conflict
from core.ids import new_id
from tests.desk_fakes import START, Stage
from tests.unit.conftest import SignIn
from ticketing.actor import Actor
from ticketing.analysis.tables import AnalysisLook
from ticketing.tables import Ticket

#: Friday 07:00 in the city, the latest of its hours at the beginning of the test (09:30).
SEVEN = START.replace(hour=23, minute=0) - timedelta(days=1)
LIN = Actor(login="lin", role="supervisor")


async def fill(stage: Stage, moments: Sequence[datetime], *, code: str = "S101", caller: str = "", **more: str) -> None:
    async with stage.services.database.work() as work:
        for at in moments:
            number = new_id()
            work.session.add(
                Ticket(
                    number=number[-20:], call_id=number, line="12345", caller="", code=code, created_at=at,
                    state="filed", nature="投诉", place="池店镇华洲村",
                    caller_digits=caller or f"138{int(number[-6:], 16) % 10**8:08d}",
                    **{"summary": "工地半夜打桩", **more},
                )
            )  # fmt: skip


async def history(stage: Stage) -> None:
    """One noise complaint every four days for ten weeks, and a dozen in the last seven days."""
    await fill(stage, [SEVEN - timedelta(days=70 - 4 * i, hours=3) for i in range(16)])
    await fill(stage, [SEVEN - timedelta(hours=13 * i + 1) for i in range(12)])


async def test_a_look_warns_once_and_the_page_says_why(stage: Stage, sign_in: SignIn) -> None:
    await history(stage)
    lin = await sign_in("lin")
    assert "尚未研判过" in (await lin.get("/analysis")).text
    look = await stage.services.analysis.look()
    assert (look.until, look.who) == (SEVEN, "") and look.false_alarms < 1
    (warning,) = await stage.services.analysis.warnings(SEVEN)
    assert (warning.community, warning.code, warning.window) == ("华洲村", "S1", "week")
    assert (warning.count == 12 and warning.words[:1] == ["打桩"]) or "打桩" in warning.words
    page = (await lin.get("/analysis")).text
    assert "池店镇华洲村 · 城市管理" in page and "近 7 天 12 人反映" in page and "以施工噪声居多" in page
    # The same hour is looked at once; the next day it is the same warning.
    assert (await stage.services.analysis.look()).id == look.id
    assert isinstance(stage.clock, ManualClock)
    stage.clock.advance(86400)
    await stage.services.analysis.look()
    (again,) = await stage.services.analysis.warnings(SEVEN)
    assert again.id == warning.id and again.last_at > warning.last_at and again.first_at == SEVEN
    async with stage.services.database.read() as session:
        told = (await session.scalars(select(StoredEvent).where(StoredEvent.type == "MatterRising"))).all()
    assert len(told) == 1
    # Every figure opens what it counts.
    page = (await (await sign_in("lin")).get(f"/analysis/tickets?warning={warning.id}")).text
    assert again.count > 9 and f"共 {again.count} 张工单" in page


async def test_who_takes_note_is_named(stage: Stage, sign_in: SignIn) -> None:
    await history(stage)
    await stage.services.analysis.look()
    (warning,) = await stage.services.analysis.warnings(SEVEN)
    lin = await sign_in("lin")
    assert (await lin.post(f"/analysis/warnings/{warning.id}/note", data={"text": " "})).status_code == 400
    answer = await lin.post(f"/analysis/warnings/{warning.id}/note", data={"text": "已交<b>城管</b>巡查"})
    assert answer.status_code == 303
    page = (await lin.get("/analysis")).text
    assert "林主任" in page and "已交&lt;b&gt;城管&lt;/b&gt;巡查" in page


async def test_looks_by_hand_are_counted(stage: Stage) -> None:
    assert isinstance(stage.clock, ManualClock)
    for _ in range(stage.services.city.analysis.by_hand):
        await stage.services.analysis.look(LIN)
        stage.clock.advance(3600)
    with pytest.raises(Conflict):
        await stage.services.analysis.look(LIN)
    stage.clock.advance(86400)
    await stage.services.analysis.look(LIN)
    async with stage.services.database.read() as session:
        assert len((await session.scalars(select(AnalysisLook))).all()) == stage.services.city.analysis.by_hand + 1


async def test_numbers_of_repeat_callers_are_masked_and_their_tickets_open(stage: Stage, sign_in: SignIn) -> None:
    await fill(stage, [SEVEN - timedelta(days=i, hours=1) for i in range(4)], caller="13800001111")
    await stage.services.analysis.look()
    lin = await sign_in("lin")
    page = (await lin.get("/analysis")).text
    assert "138****1111" in page and "13800001111" not in page
    (link,) = re.findall(r'href="(/analysis/tickets\?look=\d+&amp;repeat=0)"', page)
    assert "共 4 张工单" in (await lin.get(link.replace("&amp;", "&"))).text


async def test_only_who_answers_for_the_city_sees_it(stage: Stage, sign_in: SignIn) -> None:
    for login, status in (("", 303), ("wang", 403), ("urban", 403)):
        client = await sign_in(login)
        for address in ("/analysis", "/briefs", "/analysis/tickets", "/briefs/1"):
            assert (await client.get(address)).status_code == status
    lin = await sign_in("lin")
    for address in ("/analysis/tickets?warning=x", "/analysis/tickets?repeat=9", "/briefs/7"):
        assert (await lin.get(address)).status_code in (400, 404)
    for address in ("/analysis/tickets", "/analysis/tickets?since=x&until=y", "/analysis/tickets?weekday=9"):
        assert (await lin.get(address)).status_code == 422


async def test_an_issued_brief_stays_as_it_was(stage: Stage, sign_in: SignIn) -> None:
    monday = SEVEN.replace(hour=16) - timedelta(days=SEVEN.weekday() + 8)
    await fill(stage, [monday + timedelta(hours=5 * i) for i in range(20)])
    lin = await sign_in("lin")
    day = (monday + timedelta(hours=8)).date().isoformat()
    assert day in (await lin.get("/briefs")).text
    draft = (await lin.get(f"/briefs/draft?kind=week&start={day}")).text
    assert "草稿" in draft and "共受理" in draft and ">20</a>" in draft
    issued = await lin.post("/briefs", data={"kind": "week", "start": day, "advice": "加强夜间巡查。"})
    assert issued.status_code == 303
    address = issued.headers["location"]
    async with stage.services.database.work() as work:
        for ticket in await work.session.scalars(select(Ticket)):
            ticket.code = "S102"
    await fill(stage, [monday + timedelta(hours=1)])
    page = (await lin.get(address)).text
    assert ">20</a>" in page and "加强夜间巡查。" in page and "施工噪声" in page and "占道经营" not in page
    assert "共 20 张工单" in (await lin.get(f"{address}/tickets?code=S101")).text
    assert "共 0 张工单" in (await lin.get(f"{address}/tickets?code=S102")).text
    assert "Construction noise" in (await lin.get(f"{address}?lang=en")).text
    assert (await lin.get(f"{address}.xlsx")).content[:2] == b"PK"
    assert (await lin.post("/briefs", data={"kind": "week", "start": day})).status_code == 409


@pytest.mark.parametrize("kind", ["week", "month"])
@pytest.mark.parametrize("start", ["0001-01-01", "1999-12-01", "2100-01-01", "9999-12-01", "9999-12-27"])
async def test_an_impossible_day_is_refused_in_one_sentence(
    stage: Stage, sign_in: SignIn, kind: str, start: str
) -> None:
    lin = await sign_in("lin")
    for address in (f"/briefs/draft?kind={kind}&start={start}", f"/briefs/draft/tickets?kind={kind}&start={start}"):
        answer = await lin.get(address)
        assert answer.status_code == 400 and "只能出具2000年至2099年的简报" in answer.text
    assert (await lin.post("/briefs", data={"kind": kind, "start": start})).status_code == 400


async def test_a_brief_is_of_a_period_that_is_over(stage: Stage, sign_in: SignIn) -> None:
    lin = await sign_in("lin")
    for start in ("2026-11-16", "2026-11-17", "x"):
        answer = await lin.get(f"/briefs/draft?kind=week&start={start}")
        assert answer.status_code in (400, 422)
