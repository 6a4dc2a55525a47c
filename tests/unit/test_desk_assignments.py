"""Parts of tickets on the desk: whose buttons, the supervision office's page, who may call what."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from core.city import Person
from core.clock import ManualClock
from desk.access.rights import Audience, may_decide_clocks, may_see_calls, receives
from desk.access.users import Role, User, Users
from tests.desk_fakes import NOISE, PASSWORD, Stage, make_stage
from tests.unit.conftest import SignIn
from ticketing.actor import Actor
from ticketing.assign.service import ROLES
from ticketing.assign.tables import Assignment

WANG = Actor("wang", "agent", extension="1001")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = await make_stage(tmp_path)
    judge = Person(login="judge", name="督查员", role="arbiter", password=PASSWORD)
    await Users(made.services.database).add(judge)
    yield made
    await made.bus.close()
    await made.services.database.close()


async def noise(stage: Stage) -> str:
    """A complaint that urban management has got, with the fire brigade assisting; its id."""
    await stage.city.arrive("c-1", "12345", "13800001111")
    ticket = await stage.city.answer("c-1", "1001")
    await stage.city.judge("c-1", NOISE)
    tickets = stage.services.tickets
    await tickets.edit(ticket.id, {"code": "S101", "department": "urban", "assist": ["fire"]}, WANG)
    return (await tickets.submit(ticket.id, WANG)).id


async def part(stage: Stage, ticket_id: str, department: str) -> Assignment:
    async with stage.services.database.read() as session:
        parts = await stage.services.tickets.parts.of(session, ticket_id)
    return [part for part in parts if part.department == department][-1]


async def test_each_department_works_on_its_own_part(stage: Stage, sign_in: SignIn) -> None:
    ticket_id = await noise(stage)
    number = (await stage.services.tickets.accept(ticket_id, Actor("u", "department", department="urban"))).number
    fire, urban = await sign_in("fire"), await sign_in("urban")
    shown = (await fire.get("/department")).text
    assert 'data-test="own-parts"' in shown and number in shown and 'data-test="part-accept"' in shown
    assert 'data-test="own-parts"' not in (await urban.get("/department")).text
    helping = (await part(stage, ticket_id, "fire")).id
    assert (await urban.post(f"/api/parts/{helping}/accept", json={})).status_code == 403
    assert (await fire.post(f"/api/parts/{helping}/accept", json={})).json()["state"] == "handling"
    await urban.post(f"/api/tickets/{ticket_id}/report", json={"result": "已劝离"})
    shown = (await urban.get(f"/tickets/{number}")).text
    assert 'data-state="handling"' in shown and "已劝离" in shown and 'data-state="reported"' in shown
    answer = await fire.post(f"/api/parts/{helping}/report", json={"result": "通道已清"})
    assert answer.json()["state"] == "callback"


async def test_the_supervision_office_rules_on_what_was_refused(stage: Stage, sign_in: SignIn) -> None:
    ticket_id = await noise(stage)
    urban, judge, wang, lin = [await sign_in(login) for login in ("urban", "judge", "wang", "lin")]
    refused = await urban.post(f"/api/tickets/{ticket_id}/refuse", json={"reason": "归消防", "suggested": "fire"})
    assert refused.json()["state"] == "filed"
    home = await judge.get("/")
    assert home.headers["location"] == "/rulings"
    shown = (await judge.get("/rulings?part=1")).text
    assert 'data-test="waiting-refusal"' in shown and "归消防" in shown and "权责清单" in shown
    assert "Refused, waiting for a ruling" in (await lin.get("/rulings?lang=en")).text
    for client in (urban, wang):
        assert (await client.get("/rulings")).status_code == 403
    refusal = shown.split("/api/refusals/")[1].split("/")[0]
    wish = {"department": "urban", "effect": "plain", "reason": "占道归城管"}
    assert (await wang.post(f"/api/refusals/{refusal}/decide", json=wish)).status_code == 403
    ruled = await judge.post(f"/api/refusals/{refusal}/decide", json=wish)
    assert (ruled.json()["state"], ruled.json()["department"]) == ("dispatched", "urban")
    assert (await part(stage, ticket_id, "urban")).binding
    again = await urban.post(f"/api/tickets/{ticket_id}/refuse", json={"reason": "还是不归"})
    assert again.status_code == 403 and "裁定" in again.json()["message"]
    assert 'data-test="waiting-refusal"' not in (await judge.get("/rulings?part=1")).text


async def test_an_arbiter_of_an_area_is_shown_and_directs_what_lies_within(stage: Stage, sign_in: SignIn) -> None:
    for login, area in (("judge-u", "urban"), ("judge-f", "fire")):
        person = Person(login=login, name=login, role="arbiter", department=area, password=PASSWORD)
        await Users(stage.services.database).add(person)
    ticket_id = await noise(stage)
    urban, own, other = [await sign_in(login) for login in ("urban", "judge-u", "judge-f")]
    number = (await own.get(f"/api/tickets/{ticket_id}")).json()["number"]
    urge = f"/api/tickets/{ticket_id}/urge"
    assert [(await client.post(urge, json={})).status_code for client in (own, other)] == [200, 403]
    # Fire assists, so that its arbiter sees the ticket; it is not his to direct.
    buttons = 'data-test="reassign"'
    assert [buttons in (await client.get(f"/tickets/{number}")).text for client in (own, other)] == [True, False]
    await urban.post(f"/api/tickets/{ticket_id}/refuse", json={"reason": "归消防"})
    shown = [(await client.get("/rulings?part=1")).text for client in (own, other)]
    assert [number in text for text in shown] == [True, False]
    refusal = shown[0].split("/api/refusals/")[1].split("/")[0]
    wish = {"department": "urban", "effect": "plain", "reason": "占道归城管"}
    ruled = [await client.post(f"/api/refusals/{refusal}/decide", json=wish) for client in (other, own)]
    assert [answer.status_code for answer in ruled] == [403, 200]


async def test_supervised_and_urged_until_it_is_answered(stage: Stage, sign_in: SignIn) -> None:
    ticket_id = await noise(stage)
    urban, judge, wang, fire = [await sign_in(login) for login in ("urban", "judge", "wang", "fire")]
    assert (await wang.post(f"/api/tickets/{ticket_id}/urge", json={})).status_code == 200
    assert (await wang.post(f"/api/tickets/{ticket_id}/supervise", json={"reason": "不行"})).status_code == 403
    asked = (await judge.post(f"/api/tickets/{ticket_id}/supervise", json={"reason": "群众催", "hours": 1})).json()
    shown = (await judge.get("/rulings?part=1")).text
    assert shown.count('data-test="nudge"') == 2 and "来电人再次来电催问" in shown
    assert 'data-test="nudge-late"' not in shown
    clock = stage.services.clock
    assert isinstance(clock, ManualClock)
    clock.advance(2 * 3600)
    assert (await judge.get("/rulings?part=1")).text.count('data-test="nudge-late"') == 1
    assert (await fire.post(f"/api/nudges/{asked['id']}/answer", json={"reason": "我答"})).status_code == 403
    assert "书面答复" in (await urban.get("/department?part=1")).text
    assert (await urban.post(f"/api/nudges/{asked['id']}/answer", json={"reason": "今晚整治"})).status_code == 200
    assert "今晚整治" in (await judge.get(f"/tickets/{asked_number(shown)}")).text


def asked_number(shown: str) -> str:
    return shown.split('href="/tickets/')[1].split('"')[0]


async def test_an_arbiter_sees_tickets_and_neither_live_calls_nor_desks(stage: Stage, sign_in: SignIn) -> None:
    ticket_id = await noise(stage)
    judge: httpx.AsyncClient = await sign_in("judge")
    state = (await judge.get("/api/state")).json()
    assert (state["calls"], state["agents"]) == ([], [])
    assert (await judge.get(f"/api/tickets/{ticket_id}")).status_code == 200
    for path in ("/search", "/missed", "/wallboard"):
        assert (await judge.get(path)).status_code == 403, path
    assert (await judge.get("/department")).status_code == 200
    edit = await judge.post(f"/api/tickets/{ticket_id}", json={"fields": {"place": "别处"}, "version": 1})
    assert edit.status_code == 403


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("agent", {"assist", "urge"}),
        ("dispatcher", {"assist", "withdraw", "reassign", "escalate", "urge"}),
        ("department", {"accept", "refuse", "report", "answer", "escalate"}),
        ("grid", {"accept", "refuse", "report", "answer", "escalate"}),
        ("supervisor", {"assist", "withdraw", "reassign", "escalate", "decide", "supervise", "urge"}),
        ("arbiter", {"assist", "withdraw", "reassign", "escalate", "decide", "supervise", "urge"}),
        ("system", {"escalate", "urge"}),
    ],
)
def test_roles_and_actions(role: str, may: set[str]) -> None:
    assert {action for action, roles in ROLES.items() if role in roles} == may


@pytest.mark.parametrize(("role", "calls", "clocks"), [
    ("agent", True, False), ("department", False, False), ("supervisor", True, True), ("arbiter", True, True),
])  # fmt: skip
def test_what_an_arbiter_may(role: Role, calls: bool, clocks: bool) -> None:
    user = User(login="x", name="x", role=role, extension=None, department=None)
    assert (may_see_calls(user), may_decide_clocks(user)) == (calls, clocks)
    assert receives(user, Audience(arbiters=True)) == (role in ("arbiter", "supervisor"))
    assert not receives(User(login="x", name="x", role="arbiter", extension=None, department=None), Audience())
