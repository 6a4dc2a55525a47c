"""The desk's API for incidents: what a call's desk sees, who may link, and what others may not learn."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from core.audit import AuditEntry
from desk.access.rights import Audience, audience_of_call
from tests.desk_fakes import FIRE, NOISE, Stage, make_stage
from tests.unit.conftest import SignIn
from ticketing.actor import Actor
from ticketing.likely import IncidentListener
from ticketing.repository import TicketRepository
from triage.verdict import Place


def nowhere(_text: str) -> list[Place]:
    return []


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = await make_stage(tmp_path)

    async def said(call_id: str) -> list[tuple[str, str]]:
        return [(row.utterance_id, row.text) for row in made.city.said.get(call_id, []) if row.leg == "caller"]

    IncidentListener(made.bus, made.services.database, made.clock, said, nowhere)
    yield made
    await made.bus.close()
    await made.services.database.close()


async def burning(stage: Stage, call_id: str, caller: str, desk: str = "1001", answer: bool = True) -> str:
    """A caller reports the fire in 华洲村; the id of the draft, empty while nobody has answered."""
    await stage.city.arrive(call_id, "119", caller)
    ticket = await stage.city.answer(call_id, desk) if answer else None
    await stage.city.say(call_id, "华洲村有房子着火了，人困在楼上")
    await stage.city.judge(call_id, FIRE)
    await stage.bus.drain()
    return ticket.id if ticket else ""


async def seen(client: httpx.AsyncClient, call_id: str) -> dict[str, Any]:
    answer = await client.get(f"/api/calls/{call_id}/incident")
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def test_the_desk_sees_the_earlier_call_with_reasons_in_its_language_and_links_it(
    stage: Stage, sign_in: SignIn
) -> None:
    first, second = await burning(stage, "c-1", "13800001111", "1002"), await burning(stage, "c-2", "13800002222")
    wang = await sign_in("wang")
    shown = await seen(wang, "c-2")
    assert (shown["ticket_id"], shown["head"], shown["callers"]) == (second, None, [])
    (row,) = shown["likely"]
    assert (row["ticket_id"], row["category"], row["place"], row["callers"]) == (first, "建筑火灾", "池店镇华洲村", 1)
    assert {"同在华洲村", "同为建筑火灾", "早 0 秒"} <= set(row["reasons"])
    english = (await wang.get("/api/calls/c-2/incident?lang=en")).json()["likely"][0]["reasons"]
    assert {"Both at 华洲村", "Both: Building fire"} <= set(english)

    answer = await wang.post(f"/api/tickets/{second}/link", json={"to": first})
    assert answer.status_code == 200
    assert [caller["caller"] for caller in answer.json()["callers"]] == ["13800001111", "13800002222"]
    shown = await seen(wang, "c-2")
    assert shown["head"]["id"] == first
    assert shown["likely"] == [], "what it belongs to is no suggestion any more"

    third = await burning(stage, "c-3", "13800003333")
    (row,) = (await seen(wang, "c-3"))["likely"]
    assert (row["ticket_id"], row["callers"]) == (first, 2), "one incident is one line"
    await wang.post(f"/api/tickets/{third}/link", json={"to": first})
    await wang.post(f"/api/tickets/{second}/unlink", json={})
    assert len((await seen(wang, "c-3"))["callers"]) == 2
    async with stage.services.database.read() as session:
        entries = await session.scalars(select(AuditEntry.what).where(AuditEntry.what.like("incident%")))
        assert list(entries) == ["incident_link", "incident_link", "incident_unlink"]


async def test_a_call_without_a_ticket_is_shown_without_its_number_and_cannot_be_linked_to(
    stage: Stage, sign_in: SignIn
) -> None:
    await burning(stage, "c-1", "13800001111", answer=False)
    await burning(stage, "c-2", "13800002222")
    (row,) = (await seen(await sign_in("wang"), "c-2"))["likely"]
    assert (row["ticket_id"], row["number"], row["state_name"], row["emergency"]) == (None, "", "等待接听", True)
    (row,) = (await seen(await sign_in("lin"), "c-2"))["likely"]
    assert row["number"] == "13800001111"


async def test_another_desk_and_a_department_learn_nothing_of_the_call(stage: Stage, sign_in: SignIn) -> None:
    await burning(stage, "c-1", "13800001111", "1002")
    ticket = await burning(stage, "c-2", "13800002222")
    assert (await (await sign_in("chen")).get("/api/calls/c-2/incident")).status_code == 404
    assert (await (await sign_in("urban")).get("/api/calls/c-2/incident")).status_code == 404
    urban = await sign_in("urban")
    for deed in ("link", "unlink", "stay", "follow"):
        answer = await urban.post(f"/api/tickets/{ticket}/{deed}", json={"to": "JJ20261120-0001"})
        assert answer.status_code == 404, deed


async def test_a_department_sees_its_callers_but_links_nothing_and_not_what_is_not_its_own(
    stage: Stage, sign_in: SignIn
) -> None:
    first, second = await burning(stage, "c-1", "13800001111"), await burning(stage, "c-2", "13800002222")
    await stage.city.arrive("c-3", "12345", "13800003333")
    noise = await stage.city.answer("c-3", "1001")
    await stage.city.judge("c-3", NOISE)
    wang = await sign_in("wang")
    for other in (second, noise.id):
        await wang.post(f"/api/tickets/{other}/link", json={"to": first})
    number = (await stage.services.tickets.edit(first, {}, Actor("wang", "agent"))).number
    fire = await sign_in("fire")
    assert (await fire.post(f"/api/tickets/{second}/unlink", json={})).status_code == 403
    page = (await fire.get(f"/tickets/{number}")).text
    assert "13800002222" in page and noise.number in page
    assert "13800003333" not in page, "the noise is another department's"
    assert 'data-test="unlink"' not in page
    assert 'data-test="unlink"' in (await wang.get(f"/tickets/{number}")).text


async def test_a_ticket_is_linked_by_its_number_and_refuses_to_close_with_the_head(
    stage: Stage, sign_in: SignIn
) -> None:
    first, second = await burning(stage, "c-1", "13800001111"), await burning(stage, "c-2", "13800002222")
    wang = await sign_in("wang")
    number = (await wang.get(f"/api/tickets/{first}")).json()["number"]
    assert (await wang.post(f"/api/tickets/{second}/link", json={"to": f" {number} "})).status_code == 200
    missing = await wang.post(f"/api/tickets/{second}/link", json={"to": "JJ1"})
    assert (missing.status_code, missing.json()["message"]) == (404, "没有找到这张工单")
    for deed, stays in (("stay", True), ("follow", False), ("stay", True)):
        callers = (await wang.post(f"/api/tickets/{second}/{deed}", json={})).json()["callers"]
        assert [caller["stays"] for caller in callers] == [False, stays]
    await (await sign_in("lin")).post(f"/api/tickets/{first}/close", json={"reason": "火已扑灭"})
    assert (await wang.get(f"/api/tickets/{second}")).json()["state"] == "draft"


async def test_a_caller_who_wants_no_callback_is_noted_by_the_desk_and_by_nobody_else(
    stage: Stage, sign_in: SignIn
) -> None:
    ticket = await burning(stage, "c-1", "13800001111")
    assert (await (await sign_in("fire")).post(f"/api/tickets/{ticket}/spare", json={})).status_code == 403
    assert (await (await sign_in("wang")).post(f"/api/tickets/{ticket}/spare", json={})).status_code == 200
    async with stage.services.database.read() as session:
        assert await TicketRepository(session).callback_refused(ticket)
        entries = await session.scalars(select(AuditEntry.what).where(AuditEntry.what == "ticket_spare"))
        assert list(entries) == ["ticket_spare"]


def test_suggestions_reach_the_desks_of_their_call_alone() -> None:
    assert audience_of_call("IncidentSuggested", {"found": []}) == Audience(desks_of_call=True)
