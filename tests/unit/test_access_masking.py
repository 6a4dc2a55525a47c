"""Names and numbers of persons: masked where the role does not need them, shown for a reason that is kept."""

import httpx
import pytest
from sqlalchemy import select

from core.audit import AuditEntry
from core.city import Person
from desk.access import masking
from desk.access.users import Users
from telephony.events import CallTransferred
from tests.desk_fakes import NOISE, PASSWORD, Stage
from tests.transcript_scene import transcribed
from tests.unit.conftest import SignIn
from ticketing.fields import EDITABLE
from ticketing.tables import Callback

PHONE, CONTACT, NAME = "13800001234", "13912345678", "欧阳建国"
PEOPLE = (
    Person(login="diao", name="派单员", role="dispatcher", password=PASSWORD),
    Person(login="judge", name="督查员", role="arbiter", password=PASSWORD),
    Person(login="zhi", name="质检员", role="reviewer", password=PASSWORD),
    Person(login="boss", name="领导", role="leader", password=PASSWORD),
)


@pytest.fixture
async def number(stage: Stage, sign_in: SignIn) -> str:
    """A ticket of a call with its caller's name and number, also in its words and its history."""
    for person in PEOPLE:
        await Users(stage.services.database, stage.clock).add(person)
    await stage.city.arrive("c-1", "12345", PHONE)
    await stage.city.ring("c-1", "1001")
    ticket = await stage.city.answer("c-1", "1001")
    await stage.city.judge("c-1", NOISE)
    wang = await sign_in("wang")
    fields = {"contact_name": NAME, "contact_phone": CONTACT, "summary": "施工噪声", "place": "华洲村",
              "description": f"请打 {CONTACT} 找他", "code": "S101", "department": "urban"}  # fmt: skip
    assert set(fields) <= set(EDITABLE)
    version = (await wang.get(f"/api/tickets/{ticket.id}")).json()["version"]
    done = await wang.post(f"/api/tickets/{ticket.id}", json={"version": version, "fields": fields})
    assert done.status_code == 200, done.text
    done = await wang.post(f"/api/tickets/{ticket.id}/submit", json={"version": done.json()["version"], "fields": {}})
    assert done.status_code == 200, done.text
    return ticket.number


def paths(number: str, ticket_id: str) -> tuple[str, ...]:
    return (f"/tickets/{number}", f"/api/tickets/{ticket_id}", "/api/tickets", "/department?tab=new",
            f"/tickets/{number}/callbacks", f"/tickets/{number}?part=1&lang=en")  # fmt: skip


async def id_of(client: httpx.AsyncClient) -> str:
    (row,) = (await client.get("/api/tickets")).json()
    return str(row["id"])


@pytest.mark.parametrize("login", ["diao", "judge", "zhi", "boss"])
async def test_no_page_and_no_answer_tells_who_called(sign_in: SignIn, number: str, login: str) -> None:
    client = await sign_in(login)
    ticket_id = await id_of(client)
    for path in paths(number, ticket_id):
        answer = await client.get(path)
        assert answer.status_code == 200, path
        for told in (PHONE, CONTACT, NAME):
            assert told not in answer.text, (path, told)
    seen = (await client.get(f"/api/tickets/{ticket_id}")).json()
    assert (seen["caller"], seen["contact_phone"], seen["contact_name"]) == ("138****1234", "139****5678", "欧**")
    assert seen["description"] == "请打 139****5678 找他"


@pytest.mark.parametrize(
    ("login", "told"), [("diao", False), ("judge", False), ("zhi", False), ("boss", False), ("lin", True)]
)
async def test_a_callback_does_not_tell_whom_it_dialled(
    stage: Stage, sign_in: SignIn, number: str, login: str, told: bool
) -> None:
    client = await sign_in(login)
    ticket_id = await id_of(client)
    async with stage.services.database.work() as work:
        work.session.add(
            Callback(
                ticket_id=ticket_id, round=0, attempt=1, call_id="cb-1", number=PHONE, due_at=stage.clock.now(),
                channel="person", who="wang", words=f"让我打 {CONTACT}",
            )
        )  # fmt: skip
    for path in (f"/api/tickets/{ticket_id}", f"/tickets/{number}", f"/tickets/{number}/callbacks"):
        shown = (await client.get(path)).text
        assert ("138****1234" in shown, PHONE in shown) == (not told, told), path
    assert (CONTACT in shown) is told, "his words"


@pytest.mark.parametrize("login", ["wang", "lin", "urban"])
async def test_who_speaks_to_callers_sees_them(sign_in: SignIn, number: str, login: str) -> None:
    client = await sign_in(login)
    seen = (await client.get(f"/api/tickets/{await id_of(client)}")).json()
    assert (seen["caller"], seen["contact_phone"], seen["contact_name"]) == (PHONE, CONTACT, NAME)


async def test_a_call_and_its_history_are_masked_as_its_ticket_is(stage: Stage, sign_in: SignIn, number: str) -> None:
    await stage.city.end("c-1")
    answer = await (await sign_in("judge")).get("/api/calls/c-1")
    assert answer.status_code == 200 and PHONE not in answer.text and CONTACT not in answer.text


@pytest.mark.parametrize(("login", "told"), [("diao", False), ("judge", False), ("lin", True)])
async def test_the_page_of_a_call_and_its_story_are_masked_too(
    stage: Stage, sign_in: SignIn, number: str, login: str, told: bool
) -> None:
    now = stage.clock.now()
    async with stage.services.database.work() as work:
        work.record(CallTransferred(at=now, call_id="c-1", agent="1001", kind="blind", target=CONTACT, reason=PHONE))
    await stage.city.end("c-1")
    await transcribed(stage, "c-1", ("caller", "喂"), at=now, caller=PHONE)
    page = (await (await sign_in(login)).get("/calls/c-1")).text
    assert ("138****1234 拨打" in page, "盲转至 139****5678：138****1234" in page) == (not told, not told)
    assert (f"{PHONE} 拨打" in page, f"盲转至 {CONTACT}：{PHONE}" in page) == (told, told)
    assert (PHONE in page, CONTACT in page, "/calls?number=" in page) == (told, told, told)


@pytest.mark.parametrize("deed", ["", "/submit"])
async def test_who_was_second_to_save_is_not_told_what_is_masked(sign_in: SignIn, number: str, deed: str) -> None:
    fields = {"contact_phone": "1", "contact_name": "x", "description": "y"}
    for login, theirs in (
        ("diao", {"contact_phone": "139****5678", "contact_name": "欧**", "description": "请打 139****5678 找他"}),
        ("lin", {"contact_phone": CONTACT, "contact_name": NAME, "description": f"请打 {CONTACT} 找他"}),
    ):
        client = await sign_in(login)
        path = f"/api/tickets/{await id_of(client)}{deed}"
        lost = await client.post(path, json={"version": 0, "fields": fields})
        assert lost.status_code == 409, lost.text
        assert {row["field"]: row["theirs"] for row in lost.json()["differences"]} == theirs


async def test_showing_asks_for_a_reason_and_leaves_a_trace(stage: Stage, sign_in: SignIn, number: str) -> None:
    judge = await sign_in("judge")
    ticket_id = await id_of(judge)
    assert 'data-test="reveal"' in (await judge.get(f"/tickets/{number}")).text
    for reason in ({}, {"reason": ""}, {"reason": "  x "}):
        assert (await judge.post(f"/api/tickets/{ticket_id}/reveal", json=reason)).status_code == 422
    told = await judge.post(f"/api/tickets/{ticket_id}/reveal", json={"reason": "核实超期原因"})
    assert told.json() == {"caller": PHONE, "contact_name": NAME, "contact_phone": CONTACT}
    async with stage.services.database.read() as session:
        (entry,) = await session.scalars(select(AuditEntry).where(AuditEntry.what == "reveal"))
    assert (entry.who, entry.call_id, entry.detail) == ("judge", "c-1", f"{number} 核实超期原因")
    for login in ("boss", "zhi"):
        client = await sign_in(login)
        assert 'data-test="reveal"' not in (await client.get(f"/tickets/{number}")).text
        refused = await client.post(f"/api/tickets/{ticket_id}/reveal", json={"reason": "好奇"})
        assert refused.status_code == 403 and PHONE not in refused.text


async def test_no_other_door_gives_what_is_masked(sign_in: SignIn, number: str) -> None:
    for login in ("diao", "judge", "zhi", "boss"):
        client = await sign_in(login)
        ticket_id = await id_of(client)
        for path in (f"/api/tickets/{ticket_id}/eido", "/calls.xlsx", "/calls", "/search?q=1", "/missed"):
            answer = await client.get(path)
            assert answer.status_code == 403 and PHONE not in answer.text, (login, path)


@pytest.mark.parametrize(
    ("given", "shown"),
    [("13800001234", "138****1234"), ("+8613800001234", "+86****1234"), ("110", "****"), ("", "")],
)
def test_numbers(given: str, shown: str) -> None:
    assert masking.number(given) == shown


def test_numbers_in_words() -> None:
    assert masking.words("找 139 1234 5678，身份证 35058219900101123X，12345 转 3 号") == (
        "找 139****5678，身份证 350****123X，12345 转 3 号"
    )
