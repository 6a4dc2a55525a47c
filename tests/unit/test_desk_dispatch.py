"""The desk's API and pages of dispatch: who sees and does what, and what the live stream tells."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select

from core.audit import AuditEntry
from desk.access.rights import Audience, audience_of_call, receives
from desk.access.users import User
from tests.desk_fakes import Stage
from tests.dispatch_kit import HERE
from tests.unit.conftest import SignIn
from ticketing.actor import Actor

AGENT = Actor("wang", "agent", extension="1001")


async def burning(stage: Stage, call_id: str = "c-1") -> tuple[str, str]:
    """A draft of a fire: its id and number."""
    await stage.city.arrive(call_id, "119", "13800001111")
    ticket = await stage.city.answer(call_id, "1001")
    fields = {"code": "E101", "place": "池店镇华洲村", "is_emergency": True}
    await stage.services.tickets.edit(ticket.id, fields, AGENT)
    return ticket.id, ticket.number


async def got(client: httpx.AsyncClient, address: str) -> Any:
    answer = await client.get(address)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def refused(client: httpx.AsyncClient, address: str, body: dict[str, Any]) -> tuple[int, str]:
    answer = await client.post(address, json=body)
    return answer.status_code, answer.json()["message"]


async def test_a_call_taker_sends_by_one_key_and_the_units_tell_how_it_goes(stage: Stage, sign_in: SignIn) -> None:
    ticket, number = await burning(stage)
    wang, fire = await sign_in("wang"), await sign_in("fire")
    assert (await wang.post(f"/api/tickets/{ticket}/scene/place", json={"lon": HERE[0], "lat": HERE[1]})).is_success
    seen = await got(wang, f"/api/tickets/{number}/dispatch")
    assert [(u["key"], u["distance"], u["ring"], u["basis_name"]) for u in seen["units"]] == [
        ("e1", "600 m", 1, "按驻地"), ("a1", "1.5 km", 3, "按驻地"), ("e2", "2.9 km", 3, "按驻地"),
        ("e3", "", None, "距离未知"),
    ]  # fmt: skip
    assert [u["key"] for u in seen["units"] if u["chosen"]] == ["e1", "a1", "e2"]
    assert seen["rings"][0] == {"minutes": 1, "units": ["单位e1"]}
    assert [d["key"] for d in seen["departments"]] == [] and seen["plans"][0]["key"] == "fire"
    answer = await wang.post(f"/api/tickets/{ticket}/dispatch", json={"units": ["e1", "a1"], "note": "三楼"})
    assert answer.status_code == 200 and len(answer.json()["orders"]) == 2
    stage.clock.advance(30)  # type: ignore[attr-defined]
    for action in ("receive", "depart", "arrive"):
        assert (await fire.post("/api/units/e1/act", json={"action": action})).is_success
    seen = await got(wang, f"/api/tickets/{number}/dispatch")
    engine = next(o for o in seen["orders"] if o["unit"] == "e1")
    assert all(engine["times"][name] for name in ("sent", "received", "departed", "arrived")) and not engine["ending"]
    assert (await got(wang, f"/api/tickets/{ticket}"))["state"] == "handling"
    async with stage.services.database.read() as session:
        noted = [(e.what, e.detail) for e in await session.scalars(select(AuditEntry)) if e.what.startswith("unit")]
    assert noted[0] == ("units_sent", f"{number} e1 a1") and ("unit", "e1 arrive") in noted


async def test_a_department_sees_and_moves_only_its_own_units(stage: Stage, sign_in: SignIn) -> None:
    ticket, number = await burning(stage)
    wang, fire, urban = await sign_in("wang"), await sign_in("fire"), await sign_in("urban")
    assert [u["key"] for u in await got(fire, "/api/units")] == ["e1", "e2", "e3"]
    assert len(await got(wang, "/api/units")) == 6
    assert (await refused(fire, "/api/units/a1/act", {"action": "stand_down", "reason": "x"}))[0] == 404
    assert (await refused(fire, "/api/units/a1/position", {"lon": 118.5, "lat": 24.8}))[0] == 404
    assert (await fire.get("/api/units/a1/log")).status_code == 404
    assert (await urban.get(f"/api/tickets/{number}/dispatch")).status_code == 404
    assert (await refused(urban, f"/api/tickets/{ticket}/dispatch", {"units": ["p1"]}))[0] == 404
    await wang.post(f"/api/tickets/{ticket}/submit", json={})
    # The fire brigade's own duty officer sends its own engines, nobody else's, and tells no other department.
    assert [u["key"] for u in (await got(fire, f"/api/tickets/{number}/dispatch"))["units"]] == ["e1", "e2", "e3"]
    assert (await refused(fire, f"/api/tickets/{ticket}/dispatch", {"units": ["a1"]}))[0] == 404
    body = {"units": ["e1"], "departments": ["urban"]}
    assert await refused(fire, f"/api/tickets/{ticket}/dispatch", body) == (403, "您没有此项权限")
    assert (await fire.post(f"/api/tickets/{ticket}/dispatch", json={"units": ["e1"]})).is_success
    assert await refused(fire, "/api/units/e1/act", {"action": "recall", "reason": "x"}) == (
        403, "您的岗位不能这样操作单位（召回）"
    )  # fmt: skip


async def test_refusals_are_sentences_and_odd_bodies_are_refused(stage: Stage, sign_in: SignIn) -> None:
    ticket, _ = await burning(stage)
    wang, fire = await sign_in("wang"), await sign_in("fire")
    send = f"/api/tickets/{ticket}/dispatch"
    assert await refused(wang, send, {"units": ["a2"]}) == (403, "单位不在班，不能派出（单位a2）")
    assert await refused(wang, send, {"units": ["e9"]}) == (404, "没有这个单位")
    assert await refused(wang, send, {}) == (400, "请先选择要派出的单位")
    assert (await refused(wang, send, {"units": ["e1"], "more": 1}))[0] == 422
    assert (await refused(wang, "/api/units/e1/act", {"action": "fly"}))[0] == 422
    assert (await refused(fire, "/api/units/e1/position", {"lon": 200, "lat": 24.8}))[0] == 422
    zoneless = {"lon": 118.5, "lat": 24.8, "at": "2026-11-20T09:30:00"}
    assert (await refused(fire, "/api/units/e1/position", zoneless))[0] == 422
    assert await refused(wang, "/api/units/e1/position", {"lon": 118.5, "lat": 24.8}) == (
        403, "只有本单位可以上报位置（单位e1）"
    )  # fmt: skip
    stranger = await sign_in("")
    assert (await stranger.get("/api/units")).status_code == 401


async def test_the_page_of_units_by_state_says_what_is_invented(stage: Stage, sign_in: SignIn) -> None:
    ticket, _ = await burning(stage)
    wang, fire = await sign_in("wang"), await sign_in("fire")
    await fire.post("/api/units/e2/position", json={"lon": 118.5512345, "lat": 24.8, "accuracy_m": 12.4})
    await fire.post("/api/units/e3/act", json={"action": "stand_down", "reason": "检修水泵"})
    await wang.post(f"/api/tickets/{ticket}/dispatch", json={"units": ["e1"]})
    html = (await wang.get("/units")).text
    assert 'data-group="assigned"' in html and 'data-group="out"' in html and 'data-group="off"' in html
    assert "118.55123, 24.80000" in html and "±12 m" in html and "检修水泵" in html
    assert 'data-test="invented"' not in html
    english = (await wang.get("/units?lang=en&part=1")).text
    assert "Off duty" in english and "Ambulance" in english and "<html" not in english
    assert 'data-unit="e1"' not in (await wang.get("/units?kind=ambulance&part=1&lang=zh")).text
    invented = stage.services.city.dispatch.units.model_copy(update={"invented": True})
    stage.services.dispatch.data = stage.services.dispatch.data.model_copy(update={"units": invented})
    assert 'data-test="invented"' in (await wang.get("/units?lang=zh")).text


async def test_the_panel_shows_plan_rings_and_cameras_and_escapes_what_was_typed(stage: Stage, sign_in: SignIn) -> None:
    ticket, number = await burning(stage)
    wang, lin = await sign_in("wang"), await sign_in("lin")
    await wang.post(f"/api/tickets/{ticket}/scene/place", json={"lon": HERE[0], "lat": HERE[1]})
    await wang.post(f"/api/tickets/{ticket}/plan", json={"plan": "fire", "item": "gas", "done": True})
    html = (await lin.get(f"/tickets/{number}/dispatch")).text
    assert 'href="https://cameras.example/c1" target="_blank" rel="noopener noreferrer"' in html
    assert "有无被困" in html and "王晓燕" in html and 'data-ring="1"' in html and "人工标注" in html
    await wang.post(f"/api/tickets/{ticket}/dispatch", json={"units": ["e1"]})
    await wang.post("/api/units/e1/act", json={"action": "recall", "reason": "<b>误报</b>"})
    html = (await wang.get(f"/tickets/{number}/dispatch")).text
    assert "&lt;b&gt;误报&lt;/b&gt;" in html and "<b>误报" not in html
    english = (await wang.get(f"/tickets/{number}/dispatch?lang=en")).text
    assert "Trapped" in english and "recalled" in english
    assert f'data-number="{number}"' in (await wang.get(f"/tickets/{number}?lang=zh")).text


@pytest.mark.parametrize(
    ("role", "department", "hears"),
    [("agent", None, True), ("supervisor", None, True), ("department", "fire", True), ("department", "urban", False)],
)
def test_who_hears_of_a_unit(role: Any, department: str | None, hears: bool) -> None:
    person = User(login="x", name="x", role=role, extension=None, department=department)
    for event in ("UnitChanged", "UnitMoved"):
        audience = audience_of_call(event, {"department": "fire", "unit": "e1"})
        assert isinstance(audience, Audience) and receives(person, audience) == hears
