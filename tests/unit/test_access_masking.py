"""Names and numbers of persons: masked where the role does not need them, shown for a reason that is kept."""

import io
from collections.abc import AsyncGenerator

import httpx
import openpyxl
import pytest
from sqlalchemy import select

from core.audit import AuditEntry
from core.city import Person
from desk.access import masking
from desk.access.users import Users
from desk.live import Feed
from desk.tickets.clockviews import ClockViews
from desk.views import Views
from telephony.events import CallTransferred
from tests.desk_fakes import CITY, NOISE, PASSWORD, Stage
from tests.transcript_scene import transcribed
from tests.unit.conftest import SignIn
from tests.unit.test_doors_pages import fill, shown
from ticketing.clocks.tables import ClockRequest, TicketClock
from ticketing.doors import items
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


async def test_no_other_door_gives_what_is_masked(stage: Stage, sign_in: SignIn, number: str) -> None:
    await transcribed(stage, "c-1", ("caller", "喂"), at=stage.clock.now(), caller=PHONE)
    for login in ("diao", "judge", "zhi", "boss"):
        client = await sign_in(login)
        ticket_id = await id_of(client)
        for path in (f"/api/tickets/{ticket_id}/eido", "/search?q=1", "/missed"):
            answer = await client.get(path)
            assert answer.status_code == 403 and PHONE not in answer.text, (login, path)
        listed, sheet = await client.get("/calls"), await client.get("/calls.xlsx")
        if login in ("diao", "zhi"):
            assert (listed.status_code, sheet.status_code) == (403, 403)
            continue
        cells = [str(cell) for row in openpyxl.load_workbook(io.BytesIO(sheet.content)).active.values for cell in row]
        assert "138****1234" in cells and "138****1234" in listed.text
        assert PHONE not in listed.text and not any(PHONE in cell for cell in cells)
        # Nor does a search by number tell which call is whose.
        assert (await client.get(f"/calls?number={PHONE}")).text.count("138****1234") == (
            await client.get("/calls?number=13999999999")
        ).text.count("138****1234")


async def test_a_program_is_given_missed_calls_and_calls_without_numbers_unless_its_token_names_them(
    stage: Stage, sign_in: SignIn, number: str
) -> None:
    await Users(stage.services.database, stage.clock).add(
        Person(login="guan", name="管理员", role="administrator", password=PASSWORD)
    )
    await transcribed(stage, "c-1", ("caller", "喂"), at=stage.clock.now(), caller=PHONE)
    lin = await sign_in("lin")
    marked = await lin.post(
        "/api/marks", json={"number": CONTACT, "kind": "harassment", "days": 1, "reason": f"找 {PHONE}"}
    )
    assert marked.status_code == 200, marked.text
    guan = await sign_in("guan")
    for scopes, told in ((["missed", "call.list"], False), (["missed", "call.list", "ticket.person"], True)):
        form = {"login": "lin", "name": "对接", "days": "1", "scopes": scopes}
        page = (await guan.post("/tokens", data=form)).text
        program = await sign_in("")
        token = page.split('secret-words">')[1].split("<")[0]
        program.headers["Authorization"] = f"Bearer {token}"
        for path, whose in (
            ("/calls", PHONE), ("/missed?tab=marks", CONTACT), ("/api/missed?tab=marks", CONTACT),
        ):  # fmt: skip
            answer = await program.get(path)
            assert answer.status_code == 200
            assert (whose in answer.text, masking.number(whose) in answer.text) == (told, not told), (path, told)


async def test_a_live_page_is_told_what_somebody_wrote_as_masked_as_the_ticket_is(
    stage: Stage, sign_in: SignIn, number: str
) -> None:
    urban = await sign_in("urban")
    ticket_id = await id_of(urban)
    feed: Feed = urban._transport.app.state.feed  # type: ignore[attr-defined]
    users, before = Users(stage.services.database), await feed.latest()
    live = {}
    for login in ("judge", "diao", "lin"):
        user = await users.get(login)
        assert user is not None
        live[login] = feed.stream(user, None)
        assert b"retry" in await anext(live[login]) and b"hello" in await anext(live[login])
    done = await urban.post(f"/api/tickets/{ticket_id}/refuse", json={"reason": f"找 {CONTACT}"})
    assert done.status_code == 200, done.text
    for login, told in (("judge", False), ("diao", False), ("lin", True)):
        said, user = b"", await users.get(login)
        while b"event: TicketMoved" not in said:
            said = await anext(live[login])
        assert user is not None
        # And what is told to a page that comes back.
        again = feed.stream(user, before)
        assert b"retry" in await anext(again)
        for one in (said, await anext(again)):
            assert (CONTACT in one.decode(), "139****5678" in one.decode()) == (told, not told), login
        for stream in (again, live[login]):
            assert isinstance(stream, AsyncGenerator)
            await stream.aclose()


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


async def test_what_was_written_about_a_ticket_is_masked_too(stage: Stage, sign_in: SignIn, number: str) -> None:
    """Refusals, supervising, answers."""
    urban, lin = await sign_in("urban"), await sign_in("lin")
    ticket_id = await id_of(lin)
    said = {word: f"{word}：请联系 {CONTACT}" for word in ("督办", "答复", "退单", "裁定")}
    done = await lin.post(f"/api/tickets/{ticket_id}/supervise", json={"reason": said["督办"]})
    assert done.status_code == 200, done.text
    asked = done.json()
    done = await urban.post(f"/api/nudges/{asked['id']}/answer", json={"reason": said["答复"]})
    assert done.status_code == 200, done.text
    done = await urban.post(f"/api/tickets/{ticket_id}/refuse", json={"reason": said["退单"], "suggested": "fire"})
    assert done.status_code == 200, done.text
    paths = (f"/tickets/{number}", "/rulings")
    for login, told in (("judge", False), ("diao", False), ("lin", True)):
        client = await sign_in(login)
        pages = [page for page in [await client.get(path) for path in paths] if page.status_code == 200]
        together = "".join(page.text for page in pages)
        assert (CONTACT in together, "139****5678" in together) == (told, not told), login
        for word in ("督办", "答复", "退单"):
            assert (f"{word}：请联系 139****5678" in together) is not told, (login, word)


async def test_a_letter_is_read_without_whose_it_is(stage: Stage, sign_in: SignIn) -> None:
    for person in PEOPLE:
        await Users(stage.services.database, stage.clock).add(person)
    received = await fill(await sign_in(""), stage, kind="letter", title=f"请打 {PHONE}", name=NAME, phone=CONTACT)
    number = shown(received, "number")
    async with stage.services.database.read() as session:
        entry = await items.of_number(session, number)
    assert entry is not None
    letter = f"/api/letters/{entry.item.id}"
    wang, lin = await sign_in("wang"), await sign_in("lin")

    async def seen(tab: str, *more: str) -> None:
        for login, told in (("judge", False), ("diao", False), ("wang", True)):
            client = await sign_in(login)
            pages = [await client.get(path) for path in (f"/mailbox?tab={tab}", f"/tickets/{number}", *more)]
            together = "".join(page.text for page in pages if page.status_code == 200)
            assert number in together
            assert [name in together for name in (NAME, CONTACT, PHONE)] == [told] * 3, (login, tab)

    await seen("reply")
    for client, deed, body in (
        (wang, "write", {"words": f"{NAME}，您好：已电话 {CONTACT} 告知。"}), (wang, "submit", {}),
        (lin, "approve", {}), (wang, "send", {"public": "no"}),
    ):  # fmt: skip
        done = await client.post(f"{letter}/{deed}", json=body)
        assert done.status_code == 200, done.text
    await seen("sent", f"/letters/{entry.item.id}/print")


def test_an_event_is_told_without_numbers() -> None:
    body = {"number": "JJ2026112000001", "note": f"退回，找 {CONTACT}", "reason": PHONE, "at": "x"}
    assert masking.event(body) == {**body, "note": "退回，找 139****5678", "reason": "138****1234"}
    plain = {"number": "JJ2026112000001", "note": "退回", "reason": None}
    assert masking.event(plain) is plain


def test_a_name_that_is_known_is_masked_where_it_stands() -> None:
    assert masking.named(f"{NAME}，您好：{CONTACT}", NAME) == "欧**，您好：139****5678"
    assert masking.named("王先生，您好", "王") == masking.named("王先生，您好", "") == "王先生，您好", (
        "one letter is no name"
    )


@pytest.mark.parametrize(("login", "told"), [("judge", False), ("diao", False), ("lin", True)])
async def test_why_a_department_asks_for_more_time_is_masked_too(
    stage: Stage, sign_in: SignIn, number: str, login: str, told: bool
) -> None:
    user = await Users(stage.services.database).get(login)
    assert user is not None
    asked = ClockRequest(
        id=1, clock_id="k", wish="extension", amount=1, reason="", note=f"约好 {CONTACT}", who="urban",
        department="", at=stage.clock.now(), decided_by="", decided_at=None, granted=None,
        answer=f"可以，告诉 {CONTACT}",
    )  # fmt: skip
    shown = ClockViews(CITY, Views(CITY, "zh"), user, {}).request(asked, TicketClock(unit="hours"))
    assert [CONTACT in shown[name] for name in ("note", "answer")] == [told, told]
