"""Tokens for programs: the same table, cut down by scopes; shown once, over when they should be."""

import re
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select

from core.audit import AuditEntry
from core.city import Person
from core.clock import ManualClock
from desk.access.sessions import digest
from desk.access.table import SCOPES, may
from desk.access.tables import TokenRow
from desk.access.users import Users
from tests.desk_fakes import PASSWORD, Stage
from tests.unit.conftest import SignIn


@pytest.fixture(autouse=True)
async def administrator(stage: Stage) -> None:
    person = Person(login="guan", name="管理员", role="administrator", password=PASSWORD)
    await Users(stage.services.database, stage.clock).add(person)


async def made(admin: httpx.AsyncClient, login: str, *scopes: str, days: str = "30") -> str:
    answer = await admin.post("/tokens", data={"login": login, "name": "对接", "days": days, "scopes": list(scopes)})
    found = re.search(r'data-test="secret-words">(heyi_[^<]+)<', answer.text)
    assert answer.status_code == 200 and found, answer.text
    return found[1]


async def asked(sign_in: SignIn, token: str, path: str, kind: str = "Bearer") -> int:
    client = await sign_in("")
    return (await client.get(path, headers={"Authorization": f"{kind} {token}"})).status_code


async def test_a_token_may_what_its_scopes_name_and_its_login_may(stage: Stage, sign_in: SignIn) -> None:
    admin = await sign_in("guan")
    token = await made(admin, "lin", "ticket.read", "health")
    assert await asked(sign_in, token, "/api/tickets") == 200
    assert await asked(sign_in, token, "/api/tickets", "bearer") == 200
    assert await asked(sign_in, token, "/api/health/lines") == 200
    for path in ("/calls", "/api/session", "/account", "/users", "/tokens", "/live", "/audit"):
        assert await asked(sign_in, token, path) == 403, path
    client = await sign_in("")
    posted = await client.post("/api/tickets/x", headers={"Authorization": f"Bearer {token}"}, json={"fields": {}})
    assert posted.status_code == 403
    async with stage.services.database.read() as session:
        (row,) = await session.scalars(select(TokenRow))
        (entry,) = await session.scalars(select(AuditEntry).where(AuditEntry.what == "token_made"))
    assert row.token_hash == digest(token) and row.used_at == stage.clock.now()
    assert (entry.who, entry.detail) == ("guan", "#1 lin 对接 health ticket.read")
    page = (await admin.get("/tokens")).text
    assert token not in page and row.token_hash not in page


async def test_what_its_scopes_leave_out_is_left_out_of_what_they_give(stage: Stage, sign_in: SignIn) -> None:
    await stage.city.arrive("c-1", "12345", "13800001234")
    await stage.city.ring("c-1", "1001")
    ticket = await stage.city.answer("c-1", "1001")
    admin, client = await sign_in("guan"), await sign_in("")
    paths = (f"/api/tickets/{ticket.id}", "/api/tickets", f"/tickets/{ticket.number}", "/api/calls/c-1")
    for scopes, shown in ((("ticket.person",), "13800001234"), ((), "138****1234")):
        token = await made(admin, "lin", "ticket.read", "ticket.list", "call.read", *scopes)
        for path in paths:
            answer = await client.get(path, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 200 and shown in answer.text, path
            assert ("13800001234" in answer.text) is bool(scopes), path


async def test_figures_for_monitoring_are_a_scope_too(stage: Stage, sign_in: SignIn) -> None:
    admin, client = await sign_in("guan"), await sign_in("")
    for scope, status in (("health", 200), ("ticket.read", 403)):
        given = {"Authorization": f"Bearer {await made(admin, 'lin', scope)}", "X-Real-IP": "192.0.2.1"}
        assert (await client.get("/metrics", headers=given)).status_code == status, scope


async def test_what_is_no_token_opens_nothing_not_even_beside_a_session(stage: Stage, sign_in: SignIn) -> None:
    token = await made(await sign_in("guan"), "lin", "ticket.read")
    for wrong in ("", "heyi_", token[:-1], token + "x", digest(token), "heyi_" + digest(token)):
        assert await asked(sign_in, wrong, "/api/tickets") == 401, wrong
    assert await asked(sign_in, token, "/api/tickets", "Basic") == 401
    lin = await sign_in("lin")
    answer = await lin.get("/api/tickets", headers={"Authorization": "Bearer heyi_wrong"})
    assert answer.status_code == 401, "a program's mistake does not fall back to whoever is signed in"


async def test_it_ends_with_its_time_its_login_and_when_it_is_revoked(stage: Stage, sign_in: SignIn) -> None:
    admin = await sign_in("guan")
    first, second, third = [await made(admin, "lin", "ticket.read", days=days) for days in ("1", "30", "30")]
    assert isinstance(stage.clock, ManualClock)
    stage.clock.advance(timedelta(days=1).total_seconds())
    assert [await asked(sign_in, each, "/api/tickets") for each in (first, second)] == [401, 200]
    admin = await sign_in("guan")
    async with stage.services.database.read() as session:
        row = await session.scalar(select(TokenRow).where(TokenRow.token_hash == digest(second)))
    assert row is not None and (await admin.post(f"/tokens/{row.id}/revoke")).status_code == 303
    assert (await admin.post(f"/tokens/{row.id}/revoke")).status_code == 404
    assert [await asked(sign_in, each, "/api/tickets") for each in (second, third)] == [401, 200]
    users = Users(stage.services.database, stage.clock)
    await users.change(Person(login="lin", name="林主任", role="auditor", password=PASSWORD))
    assert await asked(sign_in, third, "/api/tickets") == 403, "it never may more than its login"
    await users.disable("lin", stage.clock.now())
    assert await asked(sign_in, third, "/api/tickets") == 401


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ({"scopes": []}, "请选择令牌可以使用的权限"),
        ({"scopes": ["users"]}, "请选择令牌可以使用的权限"),
        ({"scopes": ["ticket.read", "everything"]}, "请选择令牌可以使用的权限"),
        ({"login": "nobody"}, "没有这个账号"),
        ({"login": "urban", "scopes": ["call.supervise"]}, "所选权限超出该账号的岗位"),
    ],
)
async def test_what_cannot_be_is_said(sign_in: SignIn, form: dict[str, object], fault: str) -> None:
    whole = {"login": "lin", "name": "x", "days": "30", "scopes": ["ticket.read"], **form}
    answer = await (await sign_in("guan")).post("/tokens", data=whole)
    assert answer.status_code == 400 and fault in answer.text
    assert (await (await sign_in("guan")).post("/tokens", data={**whole, "days": "3650"})).status_code == 422


async def test_the_document_names_scheme_and_scopes(stage: Stage, sign_in: SignIn) -> None:
    document = (await (await sign_in("lin")).get("/api/openapi.json")).json()
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert all(action.key in document["components"]["securitySchemes"]["token"]["description"] for action in SCOPES)
    paths = document["paths"]
    assert paths["/api/tickets"]["get"]["security"] == [{"session": []}, {"token": ["ticket.read"]}]
    assert paths["/live"]["get"]["security"] == [{"session": []}]
    assert paths["/api/login"]["post"]["security"] == []
    assert not any(action.key in ("account", "users", "tokens") for action in SCOPES) and may("administrator", "tokens")
