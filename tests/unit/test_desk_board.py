"""The board's API: what a dispatcher sees, to whom a ticket is proposed, and one order to several at once."""

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.database import StoredEvent
from desk.app import create_app
from desk.board import openlist
from tests import desk_fakes
from tests.board_scene import DIAO, WANG, fire, noise, with_dispatchers
from tests.desk_fakes import Stage, make_stage
from tests.dispatch_kit import HERE
from tests.unit.conftest import SignIn
from ticketing.actor import Actor
from ticketing.dispatch.pending import Pending, pending

URBAN = Actor("urban", "department", department="urban")


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(desk_fakes, "CITY", with_dispatchers())
    made = await make_stage(tmp_path)
    yield made
    await made.bus.close()
    await made.services.database.close()


async def got(client: httpx.AsyncClient, address: str) -> Any:
    answer = await client.get(address)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def sent(client: httpx.AsyncClient, ticket: str, **order: object) -> tuple[int, str]:
    answer = await client.post(f"/api/board/tickets/{ticket}/send", json=order)
    return answer.status_code, answer.json().get("message", "")


async def test_the_dispatchers_day_begins_at_the_board(stage: Stage, sign_in: SignIn) -> None:
    diao = await sign_in("diao")
    assert (await diao.get("/")).headers["location"] == "/board"
    page = await diao.get("/board")
    assert page.status_code == 200 and "派单台" in page.text and "map.js" in page.text
    assert "connect-src 'self' ws://*:8088" in page.headers["content-security-policy"].replace(
        str(stage.services.settings.sip_ws_port), "8088"
    )
    assert (await (await sign_in("lin")).get("/board")).status_code == 200
    for login in ("wang", "fire"):
        client = await sign_in(login)
        assert (await client.get("/board")).status_code == 403 and (await client.get("/api/board")).status_code == 403


async def test_tickets_lie_in_lanes_with_their_clocks_and_without_whose_they_are(stage: Stage, sign_in: SignIn) -> None:
    burning, waiting, away = await fire(stage), await noise(stage), await noise(stage, "c-2", sent=True)
    await stage.services.dispatch.scenes.place(burning.id, *HERE, DIAO)
    await stage.services.tickets.edit(waiting.id, {"contact_name": "欧阳先生"}, WANG)
    diao = await sign_in("diao")
    board = await got(diao, "/api/board")
    assert [(lane["key"], lane["total"], lane["late"]) for lane in board["lanes"]] == [
        ("emergency", 1, 0), ("waiting", 1, 0), ("overdue", 0, 0), ("moving", 1, 0),
    ]  # fmt: skip
    rows = {row["id"]: row for row in board["rows"]}
    assert {key: row["lane"] for key, row in rows.items()} == {
        burning.id: "emergency", waiting.id: "waiting", away.id: "moving",
    }  # fmt: skip
    assert rows[burning.id]["spot"] == {"lon": HERE[0], "lat": HERE[1], "middle": False}
    assert rows[away.id]["due_at"] and rows[away.id]["colour"] == "green"
    said = str(board)
    assert "13900002222" not in said and "139****2222" in said, "what was written holds a number"
    assert "欧阳" not in said and "13800001111" not in said
    lin = await got(await sign_in("lin"), "/api/board")
    assert "13900002222" in str(lin), "who answers for it all reads it"
    stage.clock.advance(30 * 86400)  # type: ignore[union-attr]
    board = await got(await sign_in("diao"), f"/api/board?id={away.id}")
    assert [(row["id"], row["lane"]) for row in board["rows"]] == [(away.id, "overdue")]


async def test_a_lane_shows_its_first_rows_and_counts_all(stage: Stage, sign_in: SignIn) -> None:
    for n in range(3):
        await noise(stage, f"c-{n}")
    diao = await sign_in("diao")
    board = await got(diao, "/api/board?waiting=2")
    assert (len(board["rows"]), board["lanes"][1]["total"]) == (2, 3)
    assert (await diao.get("/api/board?waiting=0")).status_code == 422
    hidden = {t["id"] for t in (await got(diao, "/api/board"))["rows"]} - {t["id"] for t in board["rows"]}
    assert (await got(diao, f"/api/board?waiting=2&id={hidden.pop()}"))["rows"] == []
    assert (await got(diao, "/api/board?level=town"))["lanes"][1]["total"] == 0
    assert (await got(diao, "/api/board?level=district"))["lanes"][1]["total"] == 3


async def test_whoever_has_an_area_sees_nothing_else(stage: Stage, sign_in: SignIn) -> None:
    burning, waiting = await fire(stage), await noise(stage)
    quan = await sign_in("quan")
    board = await got(quan, "/api/board")
    assert [row["id"] for row in board["rows"]] == [waiting.id] and board["lanes"][0]["total"] == 0
    assert {unit["key"] for unit in await got(quan, "/api/board/units")} == {"p1"}
    assert (await quan.get(f"/api/board/tickets/{burning.id}")).status_code == 404
    assert (await sent(quan, burning.id, units=["p1"]))[0] == 404
    assert (await sent(quan, waiting.id, units=["e1"]))[0] == 404
    assert (await sent(quan, waiting.id, main="urban"))[0] == 200


async def test_departments_and_units_are_proposed_with_their_reasons(stage: Stage, sign_in: SignIn) -> None:
    burning = await fire(stage)
    await stage.services.dispatch.scenes.place(burning.id, *HERE, DIAO)
    found = await got(await sign_in("diao"), f"/api/board/tickets/{burning.id}")
    assert [(d["key"], d["chosen"], d["reasons"]) for d in found["departments"]] == [
        ("fire", "main", ["工单已填", "类别对应 · 建筑火灾", "来话热线 119"]),
        ("medical", "assist", ["预案", "类别协办"]),
    ]  # fmt: skip
    assert [(u["key"], u["distance"], u["chosen"]) for u in found["units"]] == [
        ("e1", "600 m", True), ("a1", "1.5 km", True), ("e2", "2.9 km", True), ("e3", "", False),
    ]  # fmt: skip
    assert found["waits"] and not found["may_recall"]


async def test_one_order_goes_to_two_departments_and_a_unit_at_once(stage: Stage, sign_in: SignIn) -> None:
    burning = await fire(stage)
    diao = await sign_in("diao")
    assert await sent(diao, burning.id, main="fire", assist=["medical", "urban"], units=["e1"]) == (200, "")
    row = next(row for row in (await got(diao, "/api/board"))["rows"] if row["id"] == burning.id)
    assert (row["department"], row["assist_names"], row["waits"]) == ("fire", ["急救中心", "城市管理局"], False)
    units = {unit["key"]: unit for unit in await got(diao, "/api/board/units")}
    assert (units["e1"]["state"], units["e1"]["ticket"], units["e1"]["free"]) == ("assigned", burning.id, False)
    # Once it is in hand, others come in besides; who has it already is no fault.
    assert await sent(diao, burning.id, assist=["centre", "medical"], units=["a1"]) == (200, "")
    row = (await got(diao, f"/api/board?id={burning.id}"))["rows"][0]
    assert row["assist_names"] == ["急救中心", "城市管理局", "话务中心"]


async def test_what_cannot_be_sent_is_said_and_nothing_is_kept_of_it(stage: Stage, sign_in: SignIn) -> None:
    burning, waiting = await fire(stage), await noise(stage)
    diao = await sign_in("diao")
    await stage.services.dispatch.send(burning.id, ["e1"], DIAO)
    assert (await sent(diao, waiting.id))[0] == 400
    status, said = await sent(diao, waiting.id, main="urban", units=["e1"])
    assert status == 403 and "单位正忙" in said
    row = (await got(diao, f"/api/board?id={waiting.id}"))["rows"][0]
    assert (row["lane"], row["waits"]) == ("waiting", True)
    assert (await sent(diao, waiting.id, units=["none"]))[0] == 404
    # In hand, another main department needs a reason; a part that somebody else gave away is a conflict.
    assert (await sent(diao, waiting.id, main="urban"))[0] == 200
    status, said = await sent(diao, waiting.id, main="fire")
    assert status == 400 and "改派理由" in said
    seen = await got(diao, f"/api/board/tickets/{waiting.id}")
    assert seen["may_reassign"] and seen["may_recall"] and not seen["waits"]
    assert (await sent(diao, waiting.id, main="fire", reason="消防通道", part=seen["part"]))[0] == 200
    assert (await sent(diao, waiting.id, main="urban", reason="再改", part=seen["part"]))[0] == 409


async def test_a_unit_dropped_on_a_ticket_that_nobody_has_gives_it_its_department(
    stage: Stage, sign_in: SignIn
) -> None:
    await stage.city.arrive("c-1", "12345", "13800001111")
    ticket = await stage.city.answer("c-1", "1001")
    await stage.services.tickets.edit(ticket.id, {"is_emergency": True, "department": "", "code": ""}, WANG)
    assert await sent(await sign_in("diao"), ticket.id, units=["p1"]) == (200, "")
    async with stage.services.database.read() as session:
        row = await session.get(type(ticket), ticket.id)
    assert row is not None and (row.department, row.state) == ("urban", "dispatched")


async def test_a_refused_ticket_names_who_gave_it_back_last(stage: Stage, sign_in: SignIn) -> None:
    away = await noise(stage, sent=True)
    await stage.services.tickets.refuse(away.id, URBAN, "不归我们", "fire")
    found = await got(await sign_in("diao"), f"/api/board/tickets/{away.id}")
    assert [(d["key"], d["against"], d["chosen"]) for d in found["departments"]] == [
        ("fire", False, "main"), ("centre", False, ""), ("urban", True, ""),
    ]  # fmt: skip
    assert found["departments"][0]["reasons"] == ["退单部门建议"]


async def test_a_child_that_its_head_carries_waits_for_nobody(stage: Stage, sign_in: SignIn) -> None:
    head, child = await noise(stage, sent=True), await noise(stage, "c-2")
    await stage.services.tickets.incidents.link(child.id, head.id, WANG)
    rows = (await got(await sign_in("diao"), "/api/board"))["rows"]
    assert [row["id"] for row in rows] == [head.id]


async def test_only_the_citys_own_map_is_fetched_from_elsewhere(stage: Stage, sign_in: SignIn) -> None:
    diao = await sign_in("diao")
    ground = await got(diao, "/api/board/map")
    assert [f["properties"]["key"] for f in ground["grids"]["features"]] == ["g-1", "g-2"]
    assert ground["limits"] == [118.4, 24.5, 118.8, 25.0] and ground["tiles"] is None
    city = stage.services.city
    profile = city.profile.model_copy(update={"map_tiles": "https://tiles.example:8443/{z}/{x}/{y}.png"})
    app = create_app(replace(stage.services, city=city.model_copy(update={"profile": profile})))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk.test") as client:
        client.cookies = diao.cookies
        policy = (await client.get("/board")).headers["content-security-policy"]
        assert policy.endswith(" https://tiles.example:8443") and "connect-src" in policy.split("; ")[-1]
        assert "tiles.example" not in (await client.get("/units")).headers["content-security-policy"]


async def test_pages_share_one_reading_and_an_event_reads_what_it_is_about(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[set[str] | None] = []

    async def counted(session: AsyncSession, ids: Collection[str] | None = None) -> list[Pending]:
        asked.append(None if ids is None else set(ids))
        return await pending(session, ids)

    async def latest() -> int:
        async with stage.services.database.read() as session:
            return await session.scalar(select(func.max(StoredEvent.seq))) or 0

    monkeypatch.setattr(openlist, "pending", counted)
    database, tickets = stage.services.database, stage.services.tickets
    open_tickets = openlist.OpenTickets(database, stage.clock, latest)

    async def seen() -> dict[str, str]:
        """As a reading of everything would have it."""
        found = await open_tickets.all()
        async with database.read() as session:
            assert sorted(found, key=lambda one: one.id) == sorted(await pending(session), key=lambda one: one.id)
        return {one.id: one.state for one in found}

    head = await noise(stage, sent=True)
    assert (await asyncio.gather(*(seen() for _ in range(3))))[0] == {head.id: "dispatched"} and asked == [None]
    child = await noise(stage, "c-2")
    assert await seen() == {head.id: "dispatched", child.id: "filed"} and asked[1:] == [{child.id}]
    await tickets.incidents.link(child.id, head.id, WANG)
    await seen()
    # A head that is taken back carries nothing any more, of which its child tells nothing.
    await tickets.refuse(head.id, DIAO, "派错")
    await seen()
    await tickets.close(child.id, WANG, "当场答复")
    assert await seen() == {head.id: "filed"}
    assert None not in asked[1:]
    stage.clock.advance(21)  # type: ignore[union-attr]
    assert await seen() == {head.id: "filed"} and asked[-1] is None
