"""What the desk shows of a flow: the bar of steps with their times, the buttons of its edges, their names."""

import re

from core.clock import ManualClock
from desk.calls.story import Teller
from desk.views import Views
from tests.desk_fakes import CITY, FIRE, NOISE, START, Stage
from tests.unit.conftest import SignIn


async def fire_dispatched(stage: Stage, wang) -> tuple[str, str]:
    """Id and number of a fire's ticket, dispatched a minute after the answer."""
    await stage.city.arrive("c-1", "119", "13800001234")
    await stage.city.ring("c-1", "1001")
    ticket = await stage.city.answer("c-1", "1001")
    await stage.city.judge("c-1", FIRE)
    assert isinstance(stage.clock, ManualClock)
    stage.clock.advance(60)
    await wang.post(f"/api/tickets/{ticket.id}/submit", json={})
    return ticket.id, ticket.number


def bar(page: str) -> list[tuple[str, str, str]]:
    """State, name and time of each step of a page's bar."""
    found = re.search(r'<ol class="steps".*?</ol>', page, re.DOTALL)
    assert found
    items = re.findall(r'<li class="(\w+)".*?<b>(.*?)</b>(.*?)</li>', found[0], re.DOTALL)
    times = [re.search(r">(\d\d:\d\d:\d\d)<", rest) for _, _, rest in items]
    return [(state, name, at[1] if at else "") for (state, name, _), at in zip(items, times, strict=True)]


def buttons(page: str) -> list[str]:
    return re.findall(r'data-test="(accept|depart|arrive|handle|report|refuse|reopen|close)"', page)


async def test_a_departments_page_leads_through_the_steps_of_an_emergency(stage: Stage, sign_in: SignIn) -> None:
    wang, fire = await sign_in("wang"), await sign_in("fire")
    ticket_id, number = await fire_dispatched(stage, wang)
    listed = (await fire.get("/department")).text
    assert buttons(listed) == ["accept", "depart", "arrive", "refuse"]
    assert "接令" in listed and "出动" in listed and "到场" in listed and ">派警<" in listed
    stage.clock.advance(90)
    assert (await fire.post(f"/api/tickets/{ticket_id}/depart")).json()["step"] == "departed"
    stage.clock.advance(240)
    arrived = (await fire.post(f"/api/tickets/{ticket_id}/arrive")).json()
    assert (arrived["state"], arrived["state_name"], arrived["actions"]) == ("handling", "到场", ["handle", "report"])
    assert arrived["action_names"] == {"handle": "开始处置", "report": "反馈结果"}
    page = (await fire.get(f"/tickets/{number}")).text
    assert bar(page) == [
        ("done", "接警", "09:30:00"),
        ("done", "派警", "09:31:00"),
        ("done", "出动", "09:32:30"),
        ("now", "到场", "09:36:30"),
        ("todo", "处置", ""),
        ("todo", "反馈", ""),
        ("todo", "结案", ""),
    ]
    assert buttons(page) == ["handle", "report"]
    assert re.findall(r"<b>(\w+)</b> (?:wang|fire)", page)[-4:] == ["立案", "派警", "出动", "到场"]
    assert (await fire.post(f"/api/tickets/{ticket_id}/handle")).json()["state_name"] == "处置"
    assert buttons((await fire.get("/department?tab=handling")).text) == ["report"]


async def test_only_the_department_takes_its_steps(stage: Stage, sign_in: SignIn) -> None:
    wang, urban = await sign_in("wang"), await sign_in("urban")
    ticket_id, number = await fire_dispatched(stage, wang)
    for action in ("accept", "depart", "arrive", "handle"):
        assert (await wang.post(f"/api/tickets/{ticket_id}/{action}")).status_code == 403
        assert (await urban.post(f"/api/tickets/{ticket_id}/{action}")).status_code == 404
    assert buttons((await wang.get(f"/tickets/{number}")).text) == []


async def test_steps_left_out_and_steps_sent_back_from_are_shown_as_such(stage: Stage, sign_in: SignIn) -> None:
    wang, urban, lead = await sign_in("wang"), await sign_in("urban"), await sign_in("lin")
    await stage.city.arrive("c-1", "12345", "13800001234")
    await stage.city.ring("c-1", "1001")
    ticket = await stage.city.answer("c-1", "1001")
    await stage.city.judge("c-1", NOISE)
    await wang.post(f"/api/tickets/{ticket.id}/submit", json={})
    assert isinstance(stage.clock, ManualClock)
    stage.clock.advance(60)
    await urban.post(f"/api/tickets/{ticket.id}/refuse", json={"reason": "属住建部门"})
    back = bar((await lead.get(f"/tickets/{ticket.number}")).text)
    assert [(state, name) for state, name, _ in back] == [
        ("done", "问题上报"), ("now", "案卷建立"), ("todo", "任务指派"), ("todo", "调查落实"), ("todo", "反馈结果"),
        ("todo", "结案归档"),
    ]  # fmt: skip
    assert back[2][2] == "", "it is not dispatched any more"
    await wang.post(f"/api/tickets/{ticket.id}/close", json={"reason": "已当场答复"})
    closed = bar((await lead.get(f"/tickets/{ticket.number}")).text)
    assert [state for state, _, _ in closed] == ["done", "done", "done", "passed", "passed", "now"]


async def test_steps_and_buttons_speak_english(stage: Stage, sign_in: SignIn) -> None:
    wang, fire = await sign_in("wang"), await sign_in("fire")
    _, number = await fire_dispatched(stage, wang)
    page = (await fire.get(f"/tickets/{number}?lang=en")).text
    assert [name for _, name, _ in bar(page)][:4] == ["Call taken", "Dispatched", "On the way", "On the scene"]
    assert "Accept the order" in page and ">Leave<" in page and ">Arrive<" in page


def test_the_story_of_a_call_names_the_steps_of_its_flow() -> None:
    def told(**more: str) -> str:
        body = {"number": "JJ1", "before": "filed", "after": "dispatched", **more}
        sentence = Teller(Views(CITY, "zh"), {}).told("TicketMoved", START, body)
        assert sentence is not None
        return sentence.text

    assert told(flow="emergency", step_before="filed", step_after="dispatched") == "工单 JJ1：派警"
    assert told() == "工单 JJ1：派遣", "an event from before there were flows"
    assert told(flow="gone", step_after="dispatched") == "工单 JJ1：派遣"
