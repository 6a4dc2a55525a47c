"""Open311 GeoReport v2 over HTTP: every answer, in both formats, against a schema written after the specification."""

import json
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import httpx
import jsonschema
import pytest
from defusedxml.ElementTree import fromstring

from desk.access.users import Users
from desk.app import create_app
from tests.desk_fakes import CITY, Stage
from ticketing.doors import items, open311
from ticketing.repository import TicketRepository

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "georeport_v2.json").read_text(encoding="utf-8"))
BASE = "/open311/v2"
REPORT = {
    "service_code": "S101", "lat": "24.7812", "long": "118.5520", "address_string": "池店镇华洲村 8 号",
    "description": "工地半夜施工\n电话13800138000", "last_name": "陈", "first_name": "明", "phone": "13800138000",
    "email": "a@b.cn", "attribute[NATURE]": "投诉",
}  # fmt: skip


def valid(content: Any, name: str) -> Any:
    jsonschema.validate(content, {"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]})
    return content


NUMBERS, FLAGS = {"order", "lat", "long"}, {"metadata", "variable", "required"}
LISTS = {"services", "service_requests", "errors", "attributes", "values"}


def from_xml(element: Element, inside: str = "") -> Any:
    """The specification's mapping: members of a list have its singular name; what is empty is null."""
    if element.tag in LISTS:
        return [from_xml(child, element.tag) for child in element]
    if len(element):
        return {child.tag: from_xml(child, element.tag) for child in element}
    text = element.text
    if element.tag in FLAGS:
        return {"true": True, "false": False}[text or ""]
    if text and (element.tag in NUMBERS or (element.tag == "code" and inside == "error")):
        return float(text) if "." in text else int(text)
    return text


def xml(answer: httpx.Response) -> Any:
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    assert answer.content.startswith(b'<?xml version="1.0" encoding="utf-8"?>')
    return from_xml(fromstring(answer.text.partition("?>")[2]))


@pytest.fixture
async def api(stage: Stage):  # type: ignore[no-untyped-def]
    app = create_app(stage.services)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk.test") as client:
        _, client.key = await stage.services.doors.keys.make("open311", "fixmystreet", "lin")  # type: ignore[attr-defined]
        yield client


async def post(api: Any, form: str = "json", **changes: str) -> httpx.Response:
    data = {"api_key": api.key, **REPORT, **changes}
    return await api.post(f"{BASE}/requests.{form}", data={k: v for k, v in data.items() if v})  # type: ignore[no-any-return]


async def test_services_and_definitions_in_both_formats(api: Any) -> None:
    found = valid((await api.get(f"{BASE}/services.json")).json(), "services")
    assert [s["service_code"] for s in found] == ["S101", "S102"]  # no emergency is offered
    assert found[0]["service_name"] == "施工噪声" and found[0]["group"] == "城市管理"
    assert xml(await api.get(f"{BASE}/services.xml?jurisdiction_id=350582")) == found
    english = (await api.get(f"{BASE}/services.json?lang=en")).json()
    assert english[0]["service_name"] == "Construction noise"
    made = valid((await api.get(f"{BASE}/services/S101.json")).json(), "service_definition")
    assert valid(xml(await api.get(f"{BASE}/services/S101.xml")), "service_definition") == made


@pytest.mark.parametrize("form", ["json", "xml"])
async def test_a_report_becomes_a_ticket_and_is_found_again(api: Any, stage: Stage, form: str) -> None:
    answer = await post(api, form)
    assert answer.status_code == 200, answer.text
    made = valid(answer.json() if form == "json" else xml(answer), "posted")
    number = made[0]["service_request_id"]
    assert "24 小时" in made[0]["service_notice"]
    tickets = await stage.services.database.events_after(0)  # the ticket's own events
    assert any(number in event.body and event.type == "TicketTakenIn" for event in tickets)
    found = await api.get(f"{BASE}/requests/{number}.{form}")
    request = valid(found.json() if form == "json" else xml(found), "requests")[0]
    assert (request["status"], request["service_code"], request["lat"], request["long"]) == (
        "open",
        "S101",
        24.7812,
        118.552,
    )
    # Nobody has looked at it: its words are not shown yet, and never who wrote them.
    assert request["description"] is None
    assert "13800138000" not in found.text and "陈明" not in found.text


async def test_words_are_shown_once_a_person_has_looked_at_them_without_numbers(api: Any, stage: Stage) -> None:
    number = (await post(api)).json()[0]["service_request_id"]
    await _submit(stage, number)
    request = valid((await api.get(f"{BASE}/requests/{number}.json")).json(), "requests")[0]
    assert request["description"] == "工地半夜施工\n电话***" and request["agency_responsible"] == "城市管理局"
    await stage.services.tickets.close(
        await _id(stage, number), (await _user(stage, "lin")), "已查处，责任人13900139000"
    )
    request = (await api.get(f"{BASE}/requests/{number}.json")).json()[0]
    assert (request["status"], request["status_notes"]) == ("closed", "已查处，责任人***")


async def test_searches_filter_by_code_status_time_and_page(api: Any, stage: Stage) -> None:
    numbers = []
    for code in ("S101", "S102", "S101"):
        numbers.append((await post(api, service_code=code)).json()[0]["service_request_id"])
        stage.clock.advance(3600)  # type: ignore[union-attr]
    await _submit(stage, numbers[0])
    await stage.services.tickets.close(await _id(stage, numbers[0]), await _user(stage, "lin"), "结")

    async def ids(**query: str) -> list[str]:
        answer = await api.get(f"{BASE}/requests.json", params=query)
        return [r["service_request_id"] for r in valid(answer.json(), "requests")]

    assert await ids() == numbers[::-1]
    assert await ids(service_code="S102") == [numbers[1]]
    assert await ids(service_code="S101,S102", status="open") == [numbers[2], numbers[1]]
    assert await ids(status="closed") == [numbers[0]]
    assert await ids(start_date="2026-11-20T02:00:00Z") == [numbers[2], numbers[1]]
    assert await ids(start_date="2026-11-20T09:00:00+08:00", end_date="2026-11-20T10:00:00+08:00") == [numbers[0]]
    assert await ids(page="2", page_size="2") == [numbers[0]]
    # Named ids override everything else; names of others' tickets are not there.
    assert sorted(await ids(service_request_id=f"{numbers[0]},{numbers[1]}", status="open")) == sorted(numbers[:2])
    assert await ids(start_date="2026-01-01T00:00:00Z", end_date="2026-02-01T00:00:00Z") == []


async def test_tickets_of_calls_and_emergencies_are_never_shown(api: Any, stage: Stage) -> None:
    call = await stage.services.tickets.draft("c-1", "12345", "13800138000", "1001")
    fire = (await post(api)).json()[0]["service_request_id"]
    await stage.services.tickets.edit(await _id(stage, fire), {"is_emergency": True}, await _user(stage, "wang"))
    assert (await api.get(f"{BASE}/requests.json")).json() == []
    for number in (call.number, fire):
        answer = await api.get(f"{BASE}/requests/{number}.json")
        assert answer.status_code == 404
        valid(answer.json(), "errors")


async def test_a_city_may_give_the_number_only_once_a_person_has_looked(api: Any, stage: Stage) -> None:
    city = CITY.model_copy(update={"doors": CITY.doors.model_copy(update={"open311": "batch"})})
    object.__setattr__(stage.services, "city", city)
    made = valid((await post(api)).json(), "posted")
    token = made[0]["token"]
    first = valid((await api.get(f"{BASE}/tokens/{token}.json")).json(), "token")
    assert first == [{"service_request_id": None, "token": token}]
    assert (await api.get(f"{BASE}/requests.json")).json() == []
    async with stage.services.database.read() as session:
        entry = await items.of_token(session, token)
    assert entry is not None
    await _submit(stage, entry.ticket.number)
    assert xml(await api.get(f"{BASE}/tokens/{token}.xml")) == [
        {"service_request_id": entry.ticket.number, "token": token}
    ]
    assert (await api.get(f"{BASE}/tokens/{'0' * 32}.json")).status_code == 404


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (403, {"api_key": "wrong"}), (403, {"api_key": ""}), (400, {"service_code": ""}),
        (404, {"service_code": "E101"}),
        (404, {"service_code": "S999"}), (404, {"jurisdiction_id": "sfgov.org"}), (400, {"lat": "abc"}),
        (400, {"lat": "nan"}), (400, {"lat": ""}), (400, {"lat": "", "long": "", "address_string": ""}),
        (400, {"description": "长" * 4001}), (400, {"attribute[NATURE]": "生气"}),
        (400, {"attribute[OTHER]": "x"}),
        (400, {"media_url": "javascript:alert(1)"}), (400, {"email": "nobody"}),
    ],
)  # fmt: skip
async def test_errors_have_the_standards_form_and_status(api: Any, status: int, changes: dict[str, str]) -> None:
    for form in ("json", "xml"):
        answer = await post(api, form, **changes)
        assert answer.status_code == status, answer.text
        told = valid(answer.json() if form == "json" else xml(answer), "errors")
        assert told[0]["code"] == status


@pytest.mark.parametrize(
    "address",
    [
        "requests.json?status=half", "requests.json?start_date=yesterday",
        "requests.json?start_date=2026-01-01T00:00:00",
        "requests.json?start_date=2026-01-01T00:00:00Z&end_date=2026-06-01T00:00:00Z", "requests.json?page=0",
        "requests.json?page_size=5000", "requests.json?start_date=9999-99-99T00:00:00Z",
        "requests.json?start_date=2026-02-01T00:00:00Z&end_date=2026-01-01T00:00:00Z",
    ],
)  # fmt: skip
async def test_searches_that_cannot_be_are_refused(api: Any, address: str) -> None:
    answer = await api.get(f"{BASE}/{address}")
    assert answer.status_code == 400, answer.text
    valid(answer.json(), "errors")


async def test_hostile_bodies(api: Any) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    huge = await api.post(f"{BASE}/requests.json", content=b"description=" + b"x" * 200_000, headers=form)
    assert huge.status_code == 413 and valid(huge.json(), "errors")

    async def drip():  # type: ignore[no-untyped-def]
        for _ in range(40):
            yield b"a" * 4000

    assert (await api.post(f"{BASE}/requests.json", content=drip(), headers=form)).status_code == 413
    latin = await api.post(f"{BASE}/requests.json", content="description=caf\xe9".encode("latin-1"), headers=form)
    assert latin.status_code == 400
    percent = await api.post(f"{BASE}/requests.json", content=b"description=%FF%FE", headers=form)
    assert percent.status_code == 400
    many = await api.post(f"{BASE}/requests.json", content=b"&".join(b"a=1" for _ in range(100)), headers=form)
    assert many.status_code == 400
    for elsewhere in ("nothing.json", "requests.yaml", "services/S101", "tokens/x.html"):
        answer = await api.get(f"{BASE}/{elsewhere}")
        assert answer.status_code == 404
        valid(answer.json() if elsewhere.endswith("json") else xml(answer), "errors")
    odd = await post(api, "xml", description="\x00\x0b<b>&amp;]]> \ufffe")
    assert odd.status_code == 200 and valid(xml(odd), "posted")


async def test_keys_are_hashed_revoked_and_counted(api: Any, stage: Stage) -> None:
    row = (await stage.services.doors.keys.all())[0]
    assert row.key_hash and api.key not in (row.key_hash, row.id) and len(api.key) >= 43
    answers = [(await post(api, description=f"第{n}次")).status_code for n in range(62)]
    assert answers[:60] == [200] * 60 and answers[60:] == [429, 429]
    stage.clock.advance(61)  # type: ignore[union-attr]
    assert (await post(api)).status_code == 200
    await stage.services.doors.keys.revoke(row.id)
    assert (await post(api)).status_code == 403


async def test_a_report_sent_again_by_its_client_is_one(api: Any) -> None:
    data = {"api_key": api.key, **REPORT}
    first, again = [
        (await api.post(f"{BASE}/requests.json", data=data, headers={"Idempotency-Key": "app-1"})).json()[0]
        for _ in range(2)
    ]
    assert first["service_request_id"] == again["service_request_id"]


async def test_discovery_names_the_endpoint(api: Any) -> None:
    found = (await api.get("/open311/discovery.json")).json()
    assert found["endpoints"][0]["url"] == f"http://desk.test{BASE}"


def test_numbers_of_people_are_blotted_out() -> None:
    assert (
        open311.blotted("找13800138000或0595-85612345，证350582199001011234，3号楼2026年")
        == "找***或***，证***，3号楼2026年"
    )


async def _user(stage: Stage, login: str):  # type: ignore[no-untyped-def]
    user = await Users(stage.services.database).get(login)
    assert user is not None
    return user.actor()


async def _id(stage: Stage, number: str) -> str:
    async with stage.services.database.read() as session:
        found = await TicketRepository(session).by_number(number)
    assert found is not None
    return found.id


async def _submit(stage: Stage, number: str) -> None:
    await stage.services.tickets.submit(await _id(stage, number), await _user(stage, "wang"))
