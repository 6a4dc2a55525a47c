"""Towns, villages, grid staff and dispatchers at the desk: what each sees and may do; units that are told."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.city import Community, Department, Person, Town
from core.city_levels import CityLevels, LevelRule
from tests import desk_fakes
from tests.desk_fakes import CITY, NOISE, PASSWORD, Stage, make_stage
from tests.unit.conftest import SignIn
from ticketing.actor import Actor
from ticketing.doors import items
from ticketing.doors.intake import Said
from ticketing.tables import Ticket

WANG = Actor("wang", "agent", extension="1001")
LIN = Actor("lin", "supervisor")
VILLAGE = "community_350582107213"


def person(login: str, role: str, department: str | None = None) -> Person:
    return Person(login=login, name=login, role=role, password=PASSWORD, department=department)  # type: ignore[arg-type]


LEVELLED = CITY.model_copy(
    update={
        "departments": (
            *CITY.departments,
            Department(id="town_chidian", name="池店镇人民政府", name_en="Chidian", kind="town", aliases=("池店镇",)),
        ),
        "towns": (
            Town(
                name="池店镇",
                communities=(
                    Community(name="华洲村", code="350582107213"), Community(name="新店村", code="350582107214"),
                ),
            ),
        ),
        "levels": CityLevels(rules=(LevelRule(codes=("S102",), start="grid"),)),
        "people": (
            *CITY.people, person("zhen", "department", "town_chidian"), person("cun", "department", VILLAGE),
            person("ge", "grid", VILLAGE), person("diao", "dispatcher"),
        ),
    }
)  # fmt: skip


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(desk_fakes, "CITY", LEVELLED)
    made = await make_stage(tmp_path)
    yield made
    await made.bus.close()
    await made.services.database.close()


async def trading(stage: Stage, call: str = "c-1", place: str = "池店镇华洲村口") -> Ticket:
    """Street trading that has been dispatched to where it begins."""
    await stage.city.arrive(call, "12345", "13800001111")
    ticket = await stage.city.answer(call, "1001")
    await stage.city.judge(call, NOISE)
    tickets = stage.services.tickets
    await tickets.edit(ticket.id, {"code": "S102", "place": place, "summary": "摊贩占道"}, WANG)
    return await tickets.submit(ticket.id, WANG)


async def test_a_towns_people_work_on_their_villages_tickets_and_no_others(stage: Stage, sign_in: SignIn) -> None:
    ticket = await trading(stage)
    own = await trading(stage, "c-2", "池店镇某路")
    assert (ticket.department, own.department) == (VILLAGE, "town_chidian")
    zhen, cun, ge, urban = [await sign_in(login) for login in ("zhen", "cun", "ge", "urban")]
    page = (await zhen.get("/department?part=1")).text
    assert page.count('data-test="ticket"') == 2 and "池店镇华洲村" in page and "本级及下级" in page
    assert (await zhen.get(f"/department?part=1&department={VILLAGE}")).text.count('data-test="ticket"') == 1
    assert (await zhen.get("/department?part=1&department=urban")).text.count('data-test="ticket"') == 2, (
        "theirs, always"
    )
    assert "Huazhou Village" in (await zhen.get("/department?part=1&lang=en")).text
    for client in (cun, ge):
        page = (await client.get("/department?part=1")).text
        assert page.count('data-test="ticket"') == 1 and 'id="department-filter"' not in page
        assert (await client.get(f"/api/tickets/{own.id}")).status_code == 404, "never upward"
        assert (await client.post(f"/api/tickets/{own.id}/accept", json={})).status_code in (403, 404)
    assert (await urban.get(f"/api/tickets/{ticket.id}")).status_code == 404
    assert (await zhen.post(f"/api/tickets/{ticket.id}/accept", json={})).json()["state"] == "handling"
    assert (await ge.post(f"/api/tickets/{ticket.id}/report", json={"result": "已劝离"})).json()["state"] == "callback"


async def test_a_towns_people_see_and_write_the_letters_of_their_villages(stage: Stage, sign_in: SignIn) -> None:
    said = Said(text="华洲村口天天有人摆摊占道", title="占道摆摊", name="陈女士")
    taken = await stage.services.doors.intake.take_in("letter", said)
    await stage.services.tickets.edit(taken.ticket_id, {"code": "S102", "place": "池店镇华洲村口"}, WANG)
    await stage.services.tickets.submit(taken.ticket_id, WANG)
    async with stage.services.database.read() as session:
        entry = await items.of_ticket(session, taken.ticket_id)
    assert entry is not None
    for login, sees in (("zhen", True), ("cun", True), ("urban", False), ("fire", False)):
        page = (await (await sign_in(login)).get("/mailbox?tab=reply")).text
        assert (taken.number in page) == sees, login
        assert (re.search(r"待答复\W+<[^>]*>\s*1\b", page) is not None) == sees, login
    zhen = await sign_in("zhen")
    written = await zhen.post(f"/api/letters/{entry.item.id}/write", json={"words": "陈女士：已劝离。"})
    assert written.status_code == 200


async def test_grid_staff_see_neither_calls_nor_recordings_nor_others_pages(stage: Stage, sign_in: SignIn) -> None:
    ticket = await trading(stage)
    ge = await sign_in("ge")
    assert (await ge.get(f"/tickets/{ticket.number}")).status_code == 200
    for path in ("/calls", "/search", "/missed", "/wallboard", "/rulings", "/knowledge/review", "/calls/c-1/recording"):
        assert (await ge.get(path)).status_code in (403, 404), path
    assert (await ge.get("/desk")).status_code == 403
    state = (await ge.get("/api/state")).json()
    assert (state["calls"], state["agents"], state["me"]["role"]) == ([], [], "grid")
    edit = await ge.post(f"/api/tickets/{ticket.id}", json={"fields": {"place": "别处"}, "version": 1})
    assert edit.status_code == 403


async def test_a_dispatcher_sends_tickets_and_units_and_takes_no_calls(stage: Stage, sign_in: SignIn) -> None:
    ticket = await trading(stage)
    diao = await sign_in("diao")
    assert (await diao.get("/")).headers["location"] == "/board"
    page = (await diao.get("/department?part=1")).text
    assert ticket.number not in page and "aria-current=page>待派遣" in page, "what waits to be sent comes first"
    page = (await diao.get("/department?part=1&tab=new")).text
    assert ticket.number in page and 'id="department-filter"' in page
    for path in ("/calls", "/search", "/missed", "/wallboard", "/rulings"):
        assert (await diao.get(path)).status_code == 403, path
    assert (await diao.get("/desk")).status_code == 403 and (await diao.get("/units")).status_code == 200
    recall = await diao.post(f"/api/tickets/{ticket.id}/refuse", json={"reason": "派错了"})
    assert recall.json()["state"] == "filed"
    shown = (await diao.get(f"/tickets/{ticket.number}?part=1")).text
    assert f'<option value="{VILLAGE}" selected' in shown, "the village stays chosen, though no file lists it"
    assert 'value="community_350582107214"' in shown, "so may the town's others be"
    sent = await diao.post(f"/api/tickets/{ticket.id}/submit", json={"fields": {"department": "urban"}})
    assert (sent.json()["state"], sent.json()["department"]) == ("dispatched", "urban")
    main = (await diao.get(f"/tickets/{ticket.number}?part=1")).text.split('name="part" value="')[1].split('"')[0]
    wish = {"department": "town_chidian", "reason": "属地办理", "part": main}
    assert (await diao.post(f"/api/tickets/{ticket.id}/reassign", json=wish)).json()["department"] == "town_chidian"
    again = await diao.post(f"/api/tickets/{ticket.id}/reassign", json={**wish, "department": "urban"})
    assert again.status_code == 409 and "改派" in again.json()["message"], "somebody was first"


async def test_a_unit_whose_order_was_withdrawn_is_told_until_it_knows(stage: Stage, sign_in: SignIn) -> None:
    await stage.city.arrive("c-1", "119", "13800001111")
    ticket = await stage.city.answer("c-1", "1001")
    fields = {"code": "E101", "place": "池店镇华洲村", "is_emergency": True}
    await stage.services.tickets.submit(ticket.id, WANG, fields)
    await stage.services.dispatch.send(ticket.id, ["e1"], WANG)
    await stage.services.tickets.close(ticket.id, LIN, "误报")
    fire, urban, wang = [await sign_in(login) for login in ("fire", "urban", "wang")]
    page = (await fire.get("/units?part=1")).text
    assert 'data-test="taken"' in page and "工单已结案" in page and 'data-test="seen"' in page
    seen = (await wang.get("/units?part=1&lang=zh")).text
    assert 'data-test="taken"' in seen and 'data-test="seen"' not in seen, (
        "the desk sees that the unit does not know yet"
    )
    order = page.split("/api/orders/")[1].split("/")[0]
    for stranger in (urban, wang):
        assert (await stranger.post(f"/api/orders/{order}/seen", json={})).status_code in (403, 404)
    assert (await fire.post(f"/api/orders/{order}/seen", json={})).json() == {"order": order, "unit": "e1"}
    assert 'data-test="taken"' not in (await fire.get("/units?part=1")).text
    assert (await fire.post("/api/orders/nobody/seen", json={})).status_code in (400, 404)


async def test_the_unit_says_what_came_of_it_and_its_department_has_reported(stage: Stage, sign_in: SignIn) -> None:
    await stage.city.arrive("c-1", "119", "13800001111")
    ticket = await stage.city.answer("c-1", "1001")
    fields = {"code": "E102", "place": "池店镇华洲村", "is_emergency": True}
    await stage.services.tickets.submit(ticket.id, WANG, fields)
    await stage.services.dispatch.send(ticket.id, ["e1"], WANG)
    fire = await sign_in("fire")
    await fire.post("/api/units/e1/act", json={"action": "arrive"})
    assert 'data-test="unit-result"' in (await fire.get("/units?part=1")).text
    assert (await fire.post("/api/units/e1/act", json={"action": "withdraw", "reason": "x"})).status_code == 403
    await fire.post("/api/units/e1/act", json={"action": "finish", "reason": "车辆明火已扑灭"})
    shown = (await fire.get(f"/api/tickets/{ticket.id}")).json()
    assert (shown["state"], shown["result"]) == ("callback", "单位e1：车辆明火已扑灭")
