"""Clocks on the desk: who sees what, asks for what and decides; the page of calendar and time limits."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from core.city_clocks import CityCalendar, CityClocks, ClockPolicy, PauseReason, SpecialDay
from core.clock import ManualClock
from tests import desk_fakes
from tests.desk_fakes import NOISE, Stage, make_stage
from tests.unit.conftest import SignIn
from ticketing.actor import Actor

WANG = Actor("wang", "agent", extension="1001")
CLOCKS = CityClocks(
    policies=(
        ClockPolicy(kind="accept", amount=4, unit="hours"),
        ClockPolicy(kind="handle", codes=("S1",), amount=5, unit="workdays", extensions=1, pauses=("court",)),
    ),
    pause_reasons=(PauseReason(key="court", name="进入诉讼", name_en="In court"),),
)
CALENDAR = CityCalendar(closed=(SpecialDay(day=date(2026, 11, 24), name="台风停工"),))


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    city = desk_fakes.CITY.model_copy(update={"clocks": CLOCKS, "calendar": CALENDAR})
    monkeypatch.setattr(desk_fakes, "CITY", city)
    made = await make_stage(tmp_path)
    yield made
    await made.bus.close()
    await made.services.database.close()


async def noise(stage: Stage) -> str:
    """A complaint that was sent to urban management on Friday morning; its id."""
    await stage.city.arrive("c-1", "12345", "13800001111")
    ticket = await stage.city.answer("c-1", "1001")
    await stage.city.judge("c-1", NOISE)
    tickets = stage.services.tickets
    await tickets.edit(ticket.id, {"code": "S101", "department": "urban"}, WANG)
    await tickets.submit(ticket.id, WANG)
    return ticket.id


async def test_a_department_asks_and_the_supervisor_decides(stage: Stage, sign_in: SignIn) -> None:
    ticket = await noise(stage)
    urban, lin, fire, wang = [await sign_in(login) for login in ("urban", "lin", "fire", "wang")]
    shown = {clock["kind"]: clock for clock in (await urban.get(f"/api/tickets/{ticket}/clocks")).json()}
    handle = shown["handle"]
    # five working days from Friday; Tuesday the city is closed
    assert handle["due_at"] == "2026-11-30T09:30:00+00:00"
    assert (handle["colour"], handle["left"]) == ("green", "剩余 5.9 个工作日")
    assert (handle["may_extend"], handle["may_ask_pause"], handle["may_decide"]) == (True, True, False)
    assert (shown["accept"]["may_extend"], shown["accept"]["allowed"]) == (False, "4 小时")

    for client in (wang, lin):
        answer = await client.post(f"/api/clocks/{handle['id']}/extension", json={"amount": 2, "reason": "想要"})
        assert answer.status_code == 403, "only the department in charge"
    answer = await fire.post(f"/api/clocks/{handle['id']}/extension", json={"amount": 2, "reason": "想要"})
    assert answer.status_code == 404, "another's ticket"
    wrong = await urban.post(f"/api/clocks/{handle['id']}/extension", json={"amount": 2.5, "reason": "要检测"})
    assert wrong.status_code == 400
    answer = await urban.post(f"/api/clocks/{handle['id']}/extension", json={"amount": "2", "reason": "要检测噪声"})
    assert answer.status_code == 200
    (asked,) = next(clock for clock in answer.json() if clock["kind"] == "handle")["requests"]
    assert (asked["wish"], asked["note"], asked["who"]) == ("延长 2 个工作日", "要检测噪声", "城管值班")

    assert (await urban.post(f"/api/clock-requests/{asked['id']}/approve", json={})).status_code == 403
    assert (await urban.post("/api/clock-requests/99/approve", json={})).status_code == 404
    page = (await lin.get("/calendar")).text
    assert "要检测噪声" in page and f"/api/clock-requests/{asked['id']}/approve" in page
    assert "要检测噪声" not in (await urban.get("/calendar")).text
    answer = await lin.post(f"/api/clock-requests/{asked['id']}/approve", json={})
    handle = next(clock for clock in answer.json() if clock["kind"] == "handle")
    assert (handle["due_at"], handle["extensions_left"]) == ("2026-12-02T09:30:00+00:00", 0)
    assert handle["history"][0]["text"] == "延长 2 个工作日"
    assert (await lin.get(f"/api/tickets/{ticket}")).json()["due_at"] == "2026-12-02T09:30:00+00:00"


async def test_the_ticket_and_the_list_show_colours_by_name(stage: Stage, sign_in: SignIn) -> None:
    ticket = await noise(stage)
    urban = await sign_in("urban")
    number = (await urban.get(f"/api/tickets/{ticket}")).json()["number"]
    page = (await urban.get(f"/tickets/{number}")).text
    assert 'data-kind="handle" data-colour="green"' in page and "申请延期" in page
    assert 'data-colour="green">接单 绿</span>' in (await urban.get("/department?tab=new")).text
    assert isinstance(stage.clock, ManualClock)
    stage.clock.advance(5 * 3600)
    urban = await sign_in("urban")  # after so many hours without a click
    assert 'data-colour="red">接单 红</span>' in (await urban.get("/department?tab=new")).text, "not accepted in time"
    english = (await urban.get(f"/tickets/{number}?lang=en")).text
    assert "working days left" in english and "Ask for more time" in english


async def test_a_supervisor_pauses_for_a_reason_of_the_city_and_the_department_goes_on(
    stage: Stage, sign_in: SignIn
) -> None:
    ticket = await noise(stage)
    urban, lin = await sign_in("urban"), await sign_in("lin")
    handle = (await lin.get(f"/api/tickets/{ticket}/clocks")).json()[-1]
    assert (await lin.post(f"/api/clocks/{handle['id']}/pause", json={"key": "lunch"})).status_code == 403
    answer = await lin.post(f"/api/clocks/{handle['id']}/pause", json={"key": "court", "reason": "已立案"})
    paused = next(clock for clock in answer.json() if clock["kind"] == "handle")
    assert paused["paused_at"] and paused["history"][0] == {
        "at": paused["paused_at"], "text": "暂停 进入诉讼", "by": "林主任", "note": "已立案",
    }  # fmt: skip
    answer = await urban.post(f"/api/clocks/{handle['id']}/resume", json={"reason": "判决"})
    assert next(clock for clock in answer.json() if clock["kind"] == "handle")["paused_at"] is None


async def test_the_calendar_shows_two_months_and_warns_of_a_year_that_is_not_announced(
    stage: Stage, sign_in: SignIn
) -> None:
    wang = await sign_in("wang")
    page = (await wang.get("/calendar")).text
    assert "2026 年 11 月" in page and "2026 年 12 月" in page
    assert "台风停工" in page and "5 个工作日" in page and "进入诉讼" in page
    known = stage.services.tickets.clocks.keeper.calendar.known(2027)
    assert ("2027 年的节假日安排尚未收入" in page) == (not known)
    assert isinstance(stage.clock, ManualClock)
    stage.clock.advance((datetime(2098, 11, 30, tzinfo=UTC) - stage.clock.now()).total_seconds())
    page = (await (await sign_in("wang")).get("/calendar?lang=en")).text
    assert "holidays of 2098 are not known" in page and "holidays of 2099 are not known" in page
