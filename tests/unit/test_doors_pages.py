"""The public form, the mailbox, the counter, and the page of other systems."""

import re
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from core.audit import AuditEntry
from core.city import Person
from desk.access.users import Users
from tests.desk_fakes import PASSWORD, Stage
from tests.unit.conftest import SignIn
from tests.unit.doors_support import jpeg
from ticketing.actor import Actor
from ticketing.dispatch.tables import TicketScene, UnitOrder
from ticketing.doors import items
from ticketing.doors.tables import DoorKnocks
from ticketing.repository import TicketRepository

FORM = {"text": "华洲村工地半夜施工，吵得睡不着", "title": "夜间施工", "name": "陈女士", "phone": "13800138000"}


async def fill(
    client: httpx.AsyncClient, stage: Stage, photos: list[bytes] | None = None, **more: str
) -> httpx.Response:
    """Open the form, take five seconds, send it."""
    page = await client.get("/public")
    word = re.search(r'name="word" value="([^"]+)"', page.text)
    assert page.status_code == 200 and word
    stage.clock.advance(5)  # type: ignore[union-attr]
    files = [("photos", (f"{n}.jpg", data, "image/jpeg")) for n, data in enumerate(photos or [])]
    return await client.post("/public", data={"word": word[1], **FORM, **more}, files=files or None)


def shown(answer: httpx.Response, name: str) -> str:
    found = re.search(rf'data-test="{name}">([^<]*)<', answer.text)
    assert found, answer.text
    return found[1]


async def test_anybody_may_write_and_sees_how_it_stands(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("")
    answer = await fill(client, stage, [jpeg(), jpeg(32, 32)])
    number, token = shown(answer, "number"), shown(answer, "token")
    for proof in (token, "138 0013 8000"):
        asked = await client.post("/public/progress", data={"number": number.lower(), "proof": proof})
        assert shown(asked, "state") == "已收到，等待受理"
    for proof in ("13800138001", "0" * 32, "8000", "' OR 1=1"):
        refused = await client.post("/public/progress", data={"number": number, "proof": proof})
        assert refused.status_code == 404 and FORM["text"] not in refused.text
    lin = await sign_in("lin")
    listed = await lin.get("/mailbox")
    assert number in listed.text and FORM["text"] in listed.text and "网上诉求" in listed.text
    photos = re.findall(r'src="(/photos/[0-9a-f]{32})"', listed.text)
    assert len(photos) == 2
    picture = await lin.get(photos[0])
    assert picture.headers["content-type"] == "image/jpeg" and picture.headers["x-content-type-options"] == "nosniff"
    assert (await client.get(photos[0])).status_code in (303, 401)
    # The ticket has no department yet that could see it.
    assert (await (await sign_in("fire")).get(photos[0])).status_code == 404
    ticket = await lin.get(f"/tickets/{number}")
    assert "来件原文" in ticket.text and FORM["text"] in ticket.text


async def test_a_form_sent_twice_is_one_matter(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("")
    page = await client.get("/public")
    word = re.search(r'name="word" value="([^"]+)"', page.text)
    assert word
    stage.clock.advance(5)  # type: ignore[union-attr]
    numbers = {shown(await client.post("/public", data={"word": word[1], **FORM}), "number") for _ in range(3)}
    assert len(numbers) == 1
    changed = await client.post("/public", data={"word": word[1], **FORM, "text": "别的事情，完全不同"})
    assert changed.status_code == 400


async def test_programs_are_told_nothing_and_leave_nothing(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("")
    honey = await fill(client, stage, website="http://spam.example")
    assert honey.status_code == 200 and 'data-test="number"' not in honey.text
    word = re.search(r'name="word" value="([^"]+)"', (await client.get("/public")).text)
    assert word
    quick = await client.post("/public", data={"word": word[1], **FORM})
    assert quick.status_code == 400 and "提交过快" in quick.text and FORM["text"] in quick.text
    for forged in ("", "x", word[1] + "x", "W10.abc"):
        assert (await client.post("/public", data={"word": forged, **FORM})).status_code == 400
    stage.clock.advance(13 * 3600)  # type: ignore[union-attr]
    assert "页面已过期" in (await client.post("/public", data={"word": word[1], **FORM})).text
    async with stage.services.database.read() as session:
        assert await items.newest(session) == []


async def test_who_writes_too_often_must_wait(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("")
    answers = [(await fill(client, stage, text=f"第 {n} 件事情")).status_code for n in range(7)]
    assert answers == [200] * 5 + [429] * 2
    stage.clock.advance(660)  # type: ignore[union-attr]
    assert (await fill(client, stage, text="又一件事情")).status_code == 200


async def test_looking_at_public_pages_writes_nothing_and_has_its_limit(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("")
    for _ in range(120):
        assert (await client.get("/public/progress")).status_code == 200
    assert (await client.get("/public")).status_code == 429
    async with stage.services.database.read() as session:
        assert (await session.scalars(select(DoorKnocks))).all() == []


async def test_guessing_of_numbers_is_slow(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("")
    codes = []
    for n in range(25):
        answer = await client.post("/public/progress", data={"number": "JJ20261120-0001", "proof": f"1380013{n:04d}"})
        codes.append("过于频繁" in answer.text)
    assert codes == [False] * 20 + [True] * 5


@pytest.mark.parametrize("bad", [b"<svg onload=alert(1)>", b"%PDF-1.4", b"\xff\xd8\xff\xe0" + b"\0" * 50])
async def test_what_is_no_photograph_is_refused_with_the_words_kept(stage: Stage, sign_in: SignIn, bad: bytes) -> None:
    answer = await fill(await sign_in(""), stage, [bad])
    assert answer.status_code == 400 and FORM["text"] in answer.text and "照片" in answer.text


async def test_huge_and_broken_forms(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("")
    assert (await fill(client, stage, [b"\xff\xd8\xff" + b"\0" * (26 << 20)])).status_code == 413
    assert (await fill(client, stage, [jpeg()] * 5)).status_code == 400
    head = {"content-type": "multipart/form-data; boundary=x"}
    assert (await client.post("/public", content=b"--x\r\nnonsense", headers=head)).status_code == 400
    assert (
        await client.post("/public", content=b"\xff\xfe", headers={"content-type": "text/plain"})
    ).status_code == 400
    many = {f"f{n}": "x" for n in range(60)}
    assert (await client.post("/public", data=many, files={"photos": b""})).status_code == 400
    script = await fill(client, stage, text="<script>alert(1)</script>很吵", title='"><img src=x>')
    assert script.status_code == 200
    mailbox = await (await sign_in("lin")).get("/mailbox")
    assert "<script>alert(1)" not in mailbox.text and "&lt;script&gt;" in mailbox.text


async def test_a_letter_is_answered_on_the_page_and_read_by_its_writer(stage: Stage, sign_in: SignIn) -> None:
    public = await sign_in("")
    answer = await fill(public, stage, kind="letter", public="yes")
    number, token = shown(answer, "number"), shown(answer, "token")
    wang, lin = await sign_in("wang"), await sign_in("lin")
    async with stage.services.database.read() as session:
        entry = await items.of_number(session, number)
    assert entry is not None
    page = await wang.get("/mailbox?tab=reply")
    assert number in page.text and "您于2026年11月20日关于“夜间施工”的来信" in page.text

    async def do(client: Any, what: str, body: dict[str, Any], status: int = 200) -> None:
        got = await client.post(f"/api/letters/{entry.item.id}/{what}", json=body)
        assert got.status_code == status, got.text

    await do(wang, "write", {"words": "陈女士：工地已停工整改，电话13800138000。"})
    await do(wang, "submit", {})
    await do(wang, "approve", {}, 403)
    paper = f"/letters/{entry.item.id}/print"
    assert (await wang.get(paper)).status_code == 403, "nothing is printed before it is approved"
    await do(lin, "approve", {})
    printed = (await wang.get(paper)).text
    assert "关于“夜间施工”的答复" in printed and "工地已停工整改" in printed and number in printed
    assert (await (await sign_in("")).get(paper)).status_code in (303, 401)
    await do(await sign_in("fire"), "send", {"public": "yes"}, 403)
    await do(wang, "send", {"public": "yes"})
    seen = await public.post("/public/progress", data={"number": number, "proof": token})
    assert "工地已停工整改" in seen.text
    listed = (await public.get("/public/letters")).text
    assert "工地已停工整改" in listed and "陈女士" not in listed and "13800138000" not in listed
    english = await public.get("/public/letters?lang=en")
    assert "Published replies" in english.text


async def test_lists_are_chosen_by_how_tickets_came(stage: Stage, sign_in: SignIn) -> None:
    number = shown(await fill(await sign_in(""), stage, kind=""), "number")
    lin = await sign_in("lin")
    found = {
        source: [one["number"] for one in (await lin.get(f"/api/tickets?source={source}")).json()]
        for source in ("web", "letter", "call")
    }
    assert found["web"] == [number] and number not in found["letter"] + found["call"]
    assert (await lin.get("/api/tickets?source=pigeon")).status_code == 422
    page = (await lin.get(f"/tickets/{number}")).text
    assert 'data-test="source">网上诉求' in page
    listed = (await lin.get("/department?source=web")).text
    assert '<option value="web" selected' in listed and "&amp;source=web" in listed


async def test_who_stands_at_the_counter_gets_a_ticket(stage: Stage, sign_in: SignIn) -> None:
    wang = await sign_in("wang")
    assert (await wang.get("/walkin")).status_code == 200
    made = await wang.post("/walkin", data={**FORM, "kind": ""}, files={"photos": ("a.jpg", jpeg(), "image/jpeg")})
    assert made.status_code == 303 and made.headers["location"].startswith("/tickets/JJ")
    ticket = await wang.get(made.headers["location"])
    assert "窗口来访" in ticket.text and "wang" in ticket.text
    empty = await wang.post("/walkin", data={**FORM, "text": ""})
    assert empty.status_code == 400 and "请写明您的诉求" in empty.text
    assert (await (await sign_in("fire")).get("/walkin")).status_code == 403


async def test_a_form_of_the_counter_sent_twice_is_one_ticket(stage: Stage, sign_in: SignIn) -> None:
    """dcsops#175: matters entered at the intake console were made twice."""
    wang = await sign_in("wang")

    async def word() -> str:
        found = re.search(r'name="word" value="([^"]+)"', (await wang.get("/walkin")).text)
        assert found
        return found[1]

    form = {**FORM, "word": await word()}
    sent = {(await wang.post("/walkin", data=form)).headers["location"] for _ in range(3)}
    assert len(sent) == 1
    other = await wang.post("/walkin", data={**form, "text": "路灯坏了三天"})
    assert other.status_code == 400 and "如系另一件，请再次提交" in other.text and form["word"] not in other.text
    assert (await wang.post("/walkin", data={**form, "word": await word()})).headers["location"] not in sent
    assert (await (await sign_in("lin")).post("/walkin", data=form)).headers["location"] not in sent


async def test_open_tickets_of_a_visitor_are_shown_while_a_new_one_is_entered(stage: Stage, sign_in: SignIn) -> None:
    """Signalen/frontend#122: open cases of the same person are not shown while another is entered."""
    wang, lin = await sign_in("wang"), await sign_in("lin")
    numbers = [
        (await wang.post("/walkin", data={**FORM, "text": text})).headers["location"].rsplit("/", 1)[1]
        for text in ("路灯坏了三天", "井盖松动")
    ]
    found = (await lin.post("/walkin/earlier", json={"phone": "+86 138-0013 8000"})).json()
    assert found["open"] == 2 and {t["number"] for t in found["tickets"]} == set(numbers)
    async with stage.services.database.read() as session:
        noted = (await session.scalars(select(AuditEntry).where(AuditEntry.what == "walkin_earlier"))).all()
        ticket = await TicketRepository(session).by_number(numbers[0])
    assert [(entry.who, set(entry.detail.split())) for entry in noted] == [("lin", set(numbers))]
    assert ticket is not None
    await stage.services.tickets.close(ticket.id, Actor("lin", "supervisor"), "已解决")
    found = (await wang.post("/walkin/earlier", json={"phone": "13800138000"})).json()
    assert (found["open"], [t["number"] for t in found["tickets"]]) == (1, numbers[1:])
    for nobody in ("", "13900139000", "anonymous", "' OR 1=1"):
        assert (await wang.post("/walkin/earlier", json={"phone": nobody})).json() == {"open": 0, "tickets": []}
    assert (await wang.post("/walkin/earlier", json={"phone": "1" * 41})).status_code == 422
    assert (await (await sign_in("fire")).post("/walkin/earlier", json={"phone": "13800138000"})).status_code == 403


async def test_other_systems_are_the_supervisors(stage: Stage, sign_in: SignIn) -> None:
    lin, wang = await sign_in("lin"), await sign_in("wang")
    assert (await wang.get("/webhooks")).status_code == 403
    assert (
        await wang.post("/api/webhooks", json={"name": "x", "url": "https://a.example", "topics": []})
    ).status_code == 403
    inside = await lin.post(
        "/api/webhooks", json={"name": "内网", "url": "https://127.0.0.1/x", "topics": ["ticket.created"]}
    )
    assert inside.status_code == 400 and "内部网络" in inside.json()["message"]
    hook = await stage.services.doors.hooks.add("指挥中心", "https://a.example/x", ["ticket.created"], "lin")
    for tab in ("hooks", "dead", "keys"):
        assert (await lin.get(f"/webhooks?tab={tab}")).status_code == 200
    page = await lin.get("/webhooks")
    assert "指挥中心" in page.text and "whsec_" not in page.text
    rotated = await lin.post(f"/api/webhooks/{hook.id}/rotate", json={})
    assert rotated.json()["secret"].startswith("whsec_")
    key = await lin.post("/api/doors/keys", json={"kind": "open311", "name": "某市民应用"})
    assert len(key.json()["secret"]) >= 43
    listed = await lin.get("/webhooks?tab=keys")
    assert "某市民应用" in listed.text and key.json()["secret"] not in listed.text
    assert (await lin.post(f"/api/doors/keys/{key.json()['id']}/revoke", json={})).status_code == 200


async def test_an_emergency_as_other_systems_take_it_over(stage: Stage, sign_in: SignIn) -> None:
    ticket = await stage.services.tickets.draft("c-1", "119", "13800138000", "1001")
    async with stage.services.database.work() as work:
        work.session.add(UnitOrder(ticket_id=ticket.id, unit="e1", sent_at=stage.clock.now(), sent_by="wang"))
        work.session.add(TicketScene(ticket_id=ticket.id, lon=118.55, lat=24.78, at=stage.clock.now(), who="wang"))
    await stage.city.say("c-1", "二楼窗户冒出浓烟")
    lin = await sign_in("lin")
    found = await lin.get(f"/api/tickets/{ticket.id}/eido")
    assert found.status_code == 200, found.text
    whole = found.json()
    assert whole["incidentComponent"]["internalIncidentId"] == ticket.number
    assert [unit["primaryUnitStatusRegistryText"] for unit in whole["emergencyResourceComponent"]] == ["Dispatched"]
    assert "24.78 118.55" in whole["locationComponent"][0]["locationByValue"]
    assert any(note["notesActionComments"] == "二楼窗户冒出浓烟" for note in whole["notesComponent"])
    assert (await (await sign_in("urban")).get(f"/api/tickets/{ticket.id}/eido")).status_code == 404
    assert (await lin.post(f"/api/tickets/{ticket.id}/handover", json={"note": "请支援"})).status_code == 200
    calm = await stage.services.tickets.draft("c-2", "12345", "13800138000", "1001")
    assert (await lin.get(f"/api/tickets/{calm.id}/eido")).status_code == 400


async def test_what_came_is_checked_and_dispatched_on_the_page(stage: Stage, sign_in: SignIn) -> None:
    number = shown(await fill(await sign_in(""), stage), "number")
    wang = await sign_in("wang")
    page = (await wang.get("/mailbox")).text
    address = re.search(r'data-post="(/api/tickets/[0-9a-f]{32}/submit)"', page)
    assert address and '<option value="S101"' in page
    sent = await wang.post(address[1], json={"fields": {"code": "S101", "place": "华洲村村口"}})
    assert sent.status_code == 200 and (sent.json()["state"], sent.json()["department"]) == ("dispatched", "urban")
    assert number not in (await wang.get("/mailbox")).text
    assert number in (await (await sign_in("urban")).get("/department")).text


async def test_names_and_numbers_go_out_by_whom_they_are_shown_to(stage: Stage, sign_in: SignIn) -> None:
    person = Person(login="guan", name="管理员", role="administrator", password=PASSWORD)
    await Users(stage.services.database).add(person)
    lin, guan = await sign_in("lin"), await sign_in("guan")
    hook = {"name": "某系统", "url": "https://8.8.8.8/x", "topics": ["ticket.created", "ticket.closed"]}
    assert [('name="personal"' in (await client.get("/webhooks")).text) for client in (lin, guan)] == [True, False]
    answers = [await client.post("/api/webhooks", json={**hook, "personal": True}) for client in (lin, guan)]
    assert [answer.status_code for answer in answers] == [200, 403]
    assert (await guan.post("/api/webhooks", json=hook)).status_code == 200
    async with stage.services.database.read() as session:
        told = list(await session.scalars(select(AuditEntry.detail).where(AuditEntry.what == "hook_added")))
    plain = "某系统 https://8.8.8.8/x ticket.created,ticket.closed"
    assert told == [f"{plain} personal", plain]
