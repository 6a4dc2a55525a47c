"""Callbacks at the desk: the list and its form, the whole history, signed replies, the page of a text message."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.city_callbacks import CallbackRule
from desk.access.answers import DialAnswer, OutcomeAnswer, OverruledAnswer, SecondAnswer
from desk.access.users import Users
from tests.desk_fakes import Stage, make_stage
from tests.unit.conftest import SignIn
from ticketing.callbacks.texts import Texts
from ticketing.repository import TicketRepository

SECRET = "gateway-secret"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = await make_stage(tmp_path)
    settings = made.services.settings.model_copy(update={"sms_secret": SECRET})
    stage = replace(made, services=replace(made.services, settings=settings))
    yield stage
    await made.bus.close()
    await made.services.database.close()


async def reported(stage: Stage, *by: Any, call_id: str = "c-1") -> Any:
    """A ticket whose department has reported, its callback due now."""
    tickets, people = stage.services.tickets, Users(stage.services.database)
    rule = CallbackRule(key="all", name="试行规则", by=by)
    tickets.policy = replace(tickets.policy, rules=(rule,), channels=frozenset({"robot", "person", "sms"}))
    await stage.city.arrive(call_id, "12345", "13800001111")
    ticket = await stage.city.answer(call_id, "1001")
    wang, urban = await people.get("wang"), await people.get("urban")
    assert wang is not None and urban is not None
    await tickets.submit(ticket.id, wang.actor(), {"code": "S101", "summary": "工地太吵"})
    await tickets.accept(ticket.id, urban.actor())
    done = await tickets.report(ticket.id, urban.actor(), "已责令停工")
    stage.services.clock.advance(11 * 60)  # type: ignore[attr-defined]
    return done


async def attempts(stage: Stage, ticket_id: str) -> Any:
    async with stage.services.database.read() as session:
        return await TicketRepository(session).callbacks(ticket_id)


async def test_list_one_click_form_and_whole_history(stage: Stage, sign_in: SignIn) -> None:
    ticket = await reported(stage, "person")
    wang, chen, urban = await sign_in("wang"), await sign_in("chen"), await sign_in("urban")
    page = (await wang.get("/callbacks")).text
    assert ticket.number in page and 'data-test="begin"' in page and "已责令停工" in page
    assert (await urban.get("/callbacks")).status_code == 403
    (row,) = await attempts(stage, ticket.id)
    begun = (await wang.post(f"/api/callbacks/{row.id}/begin")).json()
    assert begun == {"id": row.id, "number": "13800001111"} == DialAnswer.model_validate(begun).model_dump()
    part = (await wang.get("/callbacks?part=1")).text
    assert 'data-test="result-form"' in part and 'data-dial="13800001111"' in part
    assert "王晓燕 正在回访" in (await chen.get("/callbacks?part=1")).text
    assert (await chen.post(f"/api/callbacks/{row.id}/begin")).status_code == 409
    said = {"outcome": "unsatisfied", "solved": "no", "reason": "partly", "words": "<b>晚上还吵</b>"}
    assert (await chen.post(f"/api/callbacks/{row.id}/result", json=said)).status_code == 403
    assert (await wang.post(f"/api/callbacks/{row.id}/result", json={**said, "again_at": "x"})).status_code == 422
    came = (await wang.post(f"/api/callbacks/{row.id}/result", json=said)).json()
    assert OutcomeAnswer.model_validate(came).outcome == "unsatisfied"
    history = (await urban.get(f"/tickets/{ticket.number}/callbacks")).text
    for text in ("人工 王晓燕", "解决不彻底", "&lt;b&gt;晚上还吵&lt;/b&gt;", "未解决", "原经办 城管值班", "试行规则"):
        assert text in history, text
    assert (await (await sign_in("fire")).get(f"/tickets/{ticket.number}/callbacks")).status_code == 404
    # The same person, under his login as under his name, is no second handler.
    again = await urban.post(f"/api/tickets/{ticket.id}/report", json={"result": "再次责令停工"})
    assert again.status_code == 403 and "退回重办须换人办理" in again.text
    assert (await urban.post(f"/api/tickets/{ticket.id}/handler", json={"name": "城管值班"})).status_code == 403
    same = f"/api/tickets/{ticket.id}/same-handler"
    assert (await urban.post(same, json={"reason": "只有一人"})).status_code == 403
    assert "退回重办" in (await urban.get(f"/tickets/{ticket.number}")).text
    named = await urban.post(f"/api/tickets/{ticket.id}/handler", json={"name": "城管副局长"})
    assert named.json() == {"round": 1, "former": "urban", "name": "城管副局长"}
    assert SecondAnswer.model_validate(named.json())
    english = (await urban.get(f"/tickets/{ticket.number}/callbacks?lang=en")).text
    assert "城管副局长" in english and "Second handler" in english
    assert f"/tickets/{ticket.number}/callbacks" in (await wang.get(f"/tickets/{ticket.number}")).text
    lin = await sign_in("lin")
    assert 'data-test="overrule"' in (await lin.get(f"/tickets/{ticket.number}/callbacks")).text
    overruled = OverruledAnswer.model_validate((await lin.post(same, json={"reason": "当班只有一人"})).json())
    assert (overruled.round, overruled.by) == (1, "lin")
    assert "当班只有一人" in (await urban.get(f"/tickets/{ticket.number}/callbacks")).text
    assert (await urban.post(f"/api/tickets/{ticket.id}/report", json={"result": "再次责令停工"})).status_code == 200


async def test_another_time_is_local_time(stage: Stage, sign_in: SignIn) -> None:
    ticket = await reported(stage, "person")
    wang = await sign_in("wang")
    begun = (await wang.post(f"/api/tickets/{ticket.id}/callback", json={})).json()
    body = {"outcome": "later", "again_at": "2026-11-20T18:30"}
    assert (await wang.post(f"/api/callbacks/{begun['id']}/result", json=body)).status_code == 200
    _, again = await attempts(stage, ticket.id)
    assert again.due_at.isoformat() == "2026-11-20T10:30:00+00:00" and again.channel == "person"


async def test_only_signed_fresh_replies_are_taken_and_each_once(stage: Stage, sign_in: SignIn) -> None:
    ticket = await reported(stage, "sms")
    services = stage.services

    class Gateway:
        async def send(self, *, message_id: str, number: str, text: str) -> bool:
            return True

    await Texts(services.database, services.tickets, services.clock, Gateway()).tick()
    (row,) = await attempts(stage, ticket.id)
    stranger = await sign_in("")
    now = int(services.clock.now().timestamp())

    async def send(body: bytes, *, at: int = now, secret: str = SECRET, stamp: str = "") -> int:
        stamp = stamp or str(at)
        signed = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"x-heyi-timestamp": stamp, "x-heyi-signature": f"sha256={signed}"}
        return (await stranger.post("/api/texts/replies", content=body, headers=headers)).status_code

    body = json.dumps({"id": row.call_id, "text": "1"}).encode()
    assert [await send(body, secret="other"), await send(body, at=now - 301), await send(body, stamp="1e9")] == [
        401
    ] * 3
    assert (await stranger.post("/api/texts/replies", content=body)).status_code == 401
    assert await send(b"x" * 5000) == 413 and await send(b"{") == 422
    assert await send(json.dumps({"id": "cb-0", "text": "1"}).encode()) == 404
    assert await send(json.dumps({"id": row.call_id, "text": "？"}).encode()) == 200
    assert [await send(body), await send(body)] == [202, 202]
    assert [r.outcome for r in await attempts(stage, ticket.id)] == ["satisfied"]


async def test_the_page_of_a_text_message_needs_no_sign_in_and_is_answered_once(stage: Stage, sign_in: SignIn) -> None:
    ticket = await reported(stage, "sms")
    services = stage.services

    class Gateway:
        async def send(self, *, message_id: str, number: str, text: str) -> bool:
            return True

    await Texts(services.database, services.tickets, services.clock, Gateway()).tick()
    (row,) = await attempts(stage, ticket.id)
    stranger = await sign_in("")
    page = (await stranger.get(f"/r/{row.token}")).text
    assert ticket.number in page and 'data-test="satisfied"' in page and "13800001111" not in page
    assert (await stranger.get("/r/nothing")).status_code == 404
    assert (await stranger.post(f"/r/{row.token}", data={"answer": "maybe"})).status_code == 422
    done = await stranger.post(f"/r/{row.token}", data={"answer": "unsatisfied", "words": "<i>没用</i>"})
    assert 'data-test="thanks"' in done.text
    again = await stranger.post(f"/r/{row.token}", data={"answer": "satisfied"})
    assert 'data-test="thanks"' in again.text
    (row,) = await attempts(stage, ticket.id)
    assert (row.outcome, row.words) == ("unsatisfied", "<i>没用</i>")


async def test_without_a_gateway_there_is_no_way_in_for_replies(tmp_path: Path, sign_in: SignIn, stage: Stage) -> None:
    assert stage.services.settings.sms_secret
    stage.services.settings.sms_secret = ""
    assert (await (await sign_in("")).post("/api/texts/replies", content=b"{}")).status_code == 404
