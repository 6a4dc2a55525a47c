"""The API's document: every operation for programs says how it fails, and real answers are as it says."""

from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from desk.access.answers import ANSWERS, ProblemAnswer
from desk.access.routes import ACTION_OF, ROUTES
from tests.desk_fakes import FIRE, NOISE, Stage
from tests.unit.conftest import SignIn


@pytest.fixture
async def document(sign_in: SignIn) -> dict[str, Any]:
    found: dict[str, Any] = (await (await sign_in("lin")).get("/api/openapi.json")).json()
    return found


def held(route: str, answer: httpx.Response) -> Any:
    """The answer, which is what the document says of its route: every field, and no other."""
    assert answer.status_code == 200, answer.text
    model, shape = ANSWERS[route]
    wanted: Any = {"one": model, "list": list[model], "null": model | None}[shape]  # type: ignore[valid-type]
    TypeAdapter(wanted).validate_json(answer.content)
    return answer.json()


def test_what_is_described_is_a_route() -> None:
    assert set(ANSWERS) <= set(ACTION_OF)
    assert {route for action in ("ticket.read", "call.read", "ticket.assign", "ticket.callback")
            for route in ROUTES[action] if " /api/" in route} <= set(ANSWERS)  # fmt: skip


async def test_every_operation_says_how_it_fails_and_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas, protected = document["components"]["schemas"], 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if not path.startswith("/api/") or not operation["security"]:
                continue
            protected += 1
            told = set(operation["responses"])
            assert {"401", "403", "422"} <= told, path
            assert ("404" in told) is ("{" in path) and ("409" in told) is (method != "get"), path
            for status in told - {"200"}:
                schema = operation["responses"][status]["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ProblemAnswer"}, (path, status)
    assert protected > 100
    assert all(found.removeprefix("#/components/schemas/") in schemas for found in _references(document))


def _references(part: Any) -> list[str]:
    if isinstance(part, list):
        return [found for each in part for found in _references(each)]
    if not isinstance(part, dict):
        return []
    own = [part["$ref"]] if isinstance(part.get("$ref"), str) and part["$ref"].startswith("#/components") else []
    return own + [found for each in part.values() for found in _references(each)]


async def test_answers_are_told_by_name_and_open_to_more(document: dict[str, Any]) -> None:
    tickets = document["paths"]["/api/tickets"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert tickets == {"type": "array", "items": {"$ref": "#/components/schemas/TicketAnswer"}}
    ticket = document["components"]["schemas"]["TicketAnswer"]
    assert "additionalProperties" not in ticket and {"id", "number", "version"} <= set(ticket["required"])
    photos = document["paths"]["/api/field/photos"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(photos["properties"]) == {"about", "photos"} and "made_at" in str(photos["properties"]["about"])


async def test_real_tickets_and_calls_are_as_described(stage: Stage, sign_in: SignIn) -> None:
    wang, lin, urban = [await sign_in(login) for login in ("wang", "lin", "urban")]
    ids = []
    for call, verdict in (("c-0", NOISE), ("c-1", FIRE)):
        await stage.city.arrive(call, "12345", "13800001234")
        await stage.city.ring(call, "1001")
        ids.append((await stage.city.answer(call, "1001")).id)
        await stage.city.say(call, "工地半夜还在施工")
        assert held("GET /api/calls/{call_id}/verdict", await wang.get(f"/api/calls/{call}/verdict")) is None
        await stage.city.judge(call, verdict)
        held("GET /api/calls/{call_id}/verdict", await wang.get(f"/api/calls/{call}/verdict"))
        seen = held("GET /api/calls/{call_id}", await wang.get(f"/api/calls/{call}"))
        assert seen["transcript"] and seen["ticket"]["id"] == ids[-1]
        if call == "c-0":
            await stage.city.end(call)
    assert held("GET /api/calls/{call_id}", await wang.get("/api/calls/c-1"))["history"]["tickets"]
    held("GET /api/calls/{call_id}", await wang.get("/api/calls/c-0"))
    one = f"/api/tickets/{ids[0]}"
    edit = "POST /api/tickets/{ticket_id}"
    held("GET /api/tickets/{ticket_id}/departments", await wang.get(f"{one}/departments"))
    saved = held(edit, await wang.post(one, json={"fields": {"place": "池店镇"}, "version": 99}))
    held(f"{edit}/submit", await wang.post(f"{one}/submit", json={"version": saved["version"]}))
    held(f"{edit}/assist", await lin.post(f"{one}/assist", json={"department": "medical"}))
    held(f"{edit}/urge", await lin.post(f"{one}/urge", json={}))
    held(f"{edit}/accept", await urban.post(f"{one}/accept"))
    held(f"{edit}/report", await urban.post(f"{one}/report", json={"result": "已处理"}))
    assert len(held("GET /api/tickets", await lin.get("/api/tickets"))) == 2
    whole = held("GET /api/tickets/{ticket_id}", await lin.get(one))
    assert whole["history"] and whole["steps"]


async def test_real_refusals_are_as_described(stage: Stage, sign_in: SignIn) -> None:
    wang, lin, nobody = [await sign_in(login) for login in ("wang", "lin", "")]
    await stage.city.arrive("c-1", "12345", "13800001234")
    await stage.city.ring("c-1", "1001")
    one = f"/api/tickets/{(await stage.city.answer('c-1', '1001')).id}"
    version = (await wang.post(one, json={"fields": {"place": "甲"}, "version": 99})).json()["version"]
    answers = [
        (401, await nobody.get("/api/tickets")),
        (403, await wang.get("/api/help")),
        (404, await wang.get("/api/tickets/none")),
        (409, await lin.post(one, json={"fields": {"place": "乙"}, "version": version - 1})),
        (422, await wang.post(one, json={"fields": {}})),
        (400, await wang.post(one, json={"fields": {"nonsense": "x"}, "version": 99})),
    ]
    for status, answer in answers:
        assert answer.status_code == status, answer.text
        problem = ProblemAnswer.model_validate_json(answer.content)
        assert problem.error == status and problem.message
    assert ProblemAnswer.model_validate_json(answers[3][1].content).differences
