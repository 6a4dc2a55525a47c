"""What a phone asks and sends over the wire: rights, photographs from hostile hands, finds, calls for help."""

import json
import struct
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from core.city import Person
from core.photos import MAX_BYTES
from desk.access.rights import audience_of_call, receives
from desk.access.users import User, Users
from tests.desk_fakes import PASSWORD, Stage
from tests.unit.conftest import SignIn
from tests.unit.doors_support import chunk, jpeg, png
from tests.unit.field_support import LEAD, advance, body, burning, noise
from ticketing.dispatch.tables import TicketScene
from ticketing.doors.tables import DoorItem
from ticketing.patrol.tables import FieldPhoto
from ticketing.patrol.wishes import OLDEST, pressed_at
from ticketing.repository import TicketRepository

GPS = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 0x8825, 4, 1, 26, 0) + b"GPS 24.78N 118.55E"


async def send(client: httpx.AsyncClient, path: str, about: dict[str, Any], *files: bytes) -> httpx.Response:
    told = {key: value for key, value in about.items() if key != "kind"}
    photos = [("photos", (f"{n}.jpg", data, "image/jpeg")) for n, data in enumerate(files)]
    return await client.post(f"/api/field/{path}", data={"about": json.dumps(told)}, files=photos)


async def press(client: httpx.AsyncClient, what: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post("/api/field/actions", json=what)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def tasks(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/api/field/tasks")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


# --- tasks --------------------------------------------------------------------------------------------------------


async def test_tasks_are_ones_own_the_most_urgent_first(stage: Stage, sign_in: SignIn) -> None:
    first = await noise(stage)
    advance(stage, hours=1)
    second = await noise(stage, "c-2")
    fire_ticket = await burning(stage, "e1")
    urban, fire = await sign_in("urban"), await sign_in("fire")
    seen = (await tasks(urban))["jobs"]
    assert [job["number"] for job in seen] == [first.number, second.number]
    assert seen[0]["clock"]["name"] == "办理" and seen[0]["phone"] == "13800001111"
    [job] = (await tasks(fire))["jobs"]
    assert job["number"] == fire_ticket.number and job["emergency"] and job["notes"] == ["二楼有人"]
    unit = job["tracks"][0]
    assert unit["unit"] == "e1" and [way["kind"] for way in unit["ways"]["assigned"]] == [
        "accept", "depart", "arrive", "refuse",
    ]  # fmt: skip


async def test_a_phone_knows_every_way_on_before_it_loses_the_network(stage: Stage, sign_in: SignIn) -> None:
    await noise(stage)
    [job] = (await tasks(await sign_in("urban")))["jobs"]
    [track] = job["tracks"]
    at, walked = track["at"], []
    for kind in ("accept", "arrive", "report"):
        way = next(way for way in track["ways"][at] if way["kind"] == kind)
        walked.append((way["name"], way["needs"]))
        at = way["to"]
    assert walked == [("接单", ""), ("到场", ""), ("反馈结果", "words")] and at == ""


async def test_only_people_of_departments_and_grids_work_on_the_spot(stage: Stage, sign_in: SignIn) -> None:
    ticket = await noise(stage)
    for login in ("wang", "lin"):
        client = await sign_in(login)
        assert (await client.get("/api/field/tasks")).status_code == 403
        assert (await client.get("/field/")).status_code == 403
        assert (
            await client.post("/api/field/actions", json=body(stage, "accept", ticket.id, login))
        ).status_code == 403
    stranger = await sign_in("")
    assert (await stranger.get("/api/field/tasks")).status_code == 401
    # Another department's ticket, by its id: nothing is done.
    told = await press(await sign_in("fire"), body(stage, "accept", ticket.id, "fire"))
    assert (told["state"], told["message"]) == ("refused", "这张工单不由您的部门承办")


async def test_what_another_person_pressed_is_not_done_in_ones_name(stage: Stage, sign_in: SignIn) -> None:
    ticket, urban = await noise(stage), await sign_in("urban")
    answer = await urban.post("/api/field/actions", json=body(stage, "accept", ticket.id, "li"))
    assert answer.status_code == 401
    assert (await tasks(urban))["jobs"][0]["tracks"][0]["at"] == "dispatched"


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "1"}, {"id": "../../../../etc/passwd"}, {"kind": "close"}, {"position": {"lon": 500, "lat": 0}},
        {"made_at": "2026-11-20T09:30:00"}, {"text": "长" * 2001}, {"more": 1}, {"position": {"lon": 118}},
    ],
)  # fmt: skip
async def test_what_no_phone_of_ours_sends_is_refused(stage: Stage, sign_in: SignIn, wrong: dict[str, Any]) -> None:
    ticket, urban = await noise(stage), await sign_in("urban")
    answer = await urban.post("/api/field/actions", json=body(stage, "note", ticket.id, text="x") | wrong)
    assert answer.status_code == 422


def test_a_phones_wrong_clock_is_put_right_by_when_it_sent() -> None:
    now, wrong = datetime(2026, 11, 20, 10, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)
    assert pressed_at(wrong, wrong + timedelta(minutes=5), now) == now - timedelta(minutes=5)
    # Neither the future nor a year ago.
    assert pressed_at(wrong + timedelta(hours=1), wrong, now) == now
    assert pressed_at(wrong, wrong + timedelta(days=400), now) == now - OLDEST


# --- photographs --------------------------------------------------------------------------------------------------


async def test_a_photograph_is_kept_once_without_what_it_tells_besides(stage: Stage, sign_in: SignIn) -> None:
    ticket, urban = await noise(stage), await sign_in("urban")
    about = body(stage, "photo", ticket.id, text="施工现场")
    for _ in range(2):
        told = (await send(urban, "photos", about, jpeg(64, 48, GPS))).json()
        assert told["state"] == "done", told
    async with stage.services.database.read() as session:
        [row] = await session.scalars(select(FieldPhoto))
        notes = [r.note for r in await TicketRepository(session).history(ticket.id) if r.action == "field"]
    assert (row.width, row.height, row.caption, row.lon) == (64, 48, "施工现场", None)
    assert notes == ["现场照片：施工现场"]
    files = [file for file in (stage.services.settings.data / "photos").rglob("*") if file.is_file()]
    assert [file.name for file in files] == [f"{row.sha256}.jpg"] and b"24.78N" not in files[0].read_bytes()
    # Whoever may see the ticket sees it, nobody else.
    for login, status in (("urban", 200), ("lin", 200), ("wang", 200), ("fire", 404), ("", 303)):
        client = await sign_in(login)
        answer = await client.get(f"/field/photos/{row.id}", headers={"Accept": "image/*"})
        assert answer.status_code == status
        if status == 200:
            assert answer.headers["content-type"] == "image/jpeg" and answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
    page = (await (await sign_in("lin")).get(f"/tickets/{ticket.number}")).text
    assert f"/field/photos/{row.id}" in page and "施工现场" in page


async def test_where_a_photograph_was_taken_is_kept_only_where_the_person_wishes(stage: Stage, sign_in: SignIn) -> None:
    ticket, urban = await noise(stage), await sign_in("urban")
    where = {"lon": 118.55, "lat": 24.8, "accuracy_m": 9}
    await send(urban, "photos", body(stage, "photo", ticket.id, position=where), jpeg())
    async with stage.services.database.read() as session:
        [row] = await session.scalars(select(FieldPhoto))
    assert (row.lon, row.lat, row.accuracy_m) == (118.55, 24.8, 9)


def bomb() -> bytes:
    """A PNG of a few bytes that says that it has 60,000 × 60,000 pixels."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (bomb(), "照片尺寸太大"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "照片只能是 JPEG 或 PNG 格式"),
        (b"GIF89a" + b"\0" * 40, "照片只能是 JPEG 或 PNG 格式"),
        (b"%PDF-1.7\n" + b"\0" * 40, "照片只能是 JPEG 或 PNG 格式"),
        (b"", "照片只能是 JPEG 或 PNG 格式"),
        (jpeg()[:200], "照片文件已损坏"),
        (png().replace(b"IDAT", b"IDAX"), "照片文件已损坏"),
        (b"\xff\xd8\xff\xe0" + b"<html>" * 50, "照片文件已损坏"),
    ],
    ids=["bomb", "svg", "gif", "pdf", "nothing", "cut", "broken", "html"],
)  # fmt: skip
async def test_what_is_no_photograph_is_told_and_nothing_of_it_kept(
    stage: Stage, sign_in: SignIn, data: bytes, said: str
) -> None:
    ticket, urban = await noise(stage), await sign_in("urban")
    about = body(stage, "photo", ticket.id)
    for _ in range(2):
        told = (await send(urban, "photos", about, data)).json()
        assert (told["state"], told["message"]) == ("refused", said)
    async with stage.services.database.read() as session:
        assert (await session.scalars(select(FieldPhoto))).all() == []
    assert not (stage.services.settings.data / "photos").exists()


@pytest.mark.parametrize("make", [jpeg, png])
async def test_a_second_file_behind_a_picture_is_cut_off(stage: Stage, sign_in: SignIn, make: Any) -> None:
    ticket, urban = await noise(stage), await sign_in("urban")
    behind = b"<script>alert(document.cookie)</script>PK\x03\x04"
    assert (await send(urban, "photos", body(stage, "photo", ticket.id), make() + behind)).json()["state"] == "done"
    [file] = [file for file in (stage.services.settings.data / "photos").rglob("*") if file.is_file()]
    assert behind not in file.read_bytes()


async def test_too_long_or_too_many_is_refused_before_it_is_read(stage: Stage, sign_in: SignIn) -> None:
    ticket, urban = await noise(stage), await sign_in("urban")
    about = body(stage, "photo", ticket.id)
    assert (await send(urban, "photos", about, b"\0" * (MAX_BYTES + (1 << 17)))).status_code == 413
    assert (await send(urban, "photos", about, jpeg(), jpeg())).status_code == 400
    assert (await urban.post("/api/field/photos", data={"about": "{"})).status_code in (400, 422)


# --- finds --------------------------------------------------------------------------------------------------------


async def test_a_matter_found_on_the_way_becomes_one_ticket_with_point_grid_and_photographs(
    stage: Stage, sign_in: SignIn
) -> None:
    urban = await sign_in("urban")
    where = {"lon": 118.55, "lat": 24.8, "accuracy_m": 9}
    about = body(stage, "patrol", text="菜市场门口摊位占住人行道", code="S102", place="", position=where)
    told = [(await send(urban, "finds", about, jpeg(), png())).json() for _ in range(3)]
    assert {one["state"] for one in told} == {"done"} and len({one["number"] for one in told}) == 1
    async with stage.services.database.read() as session:
        ticket = await TicketRepository(session).by_number(told[0]["number"])
        assert ticket is not None
        item = await session.scalar(select(DoorItem).where(DoorItem.ticket_id == ticket.id))
        scene = await session.get(TicketScene, ticket.id)
    assert (ticket.source, ticket.state, ticket.code, ticket.department) == ("patrol", "draft", "S102", "urban")
    assert ticket.call_id is None and ticket.place == "g-1"
    assert item is not None and (item.via, item.said["grid"], item.lat) == ("urban", "g-1", 24.8)
    assert scene is not None and (scene.lon, scene.lat) == (118.55, 24.8)
    # Whoever found it sees what becomes of it; who takes calls sees it waiting.
    assert (await tasks(urban))["found"][0]["number"] == ticket.number
    assert ticket.number in (await (await sign_in("wang")).get("/mailbox")).text


async def test_a_find_without_words_or_with_a_false_category_is_told_and_makes_nothing(
    stage: Stage, sign_in: SignIn
) -> None:
    urban = await sign_in("urban")
    for wrong, said in (({"text": " "}, "请写明您的诉求"), ({"code": "ZZ"}, "没有这个类别")):
        about = body(stage, "patrol", **({"text": "路灯不亮"} | wrong))
        assert (await send(urban, "finds", about)).json()["message"] == said
    async with stage.services.database.read() as session:
        assert (await session.scalars(select(DoorItem))).all() == []


# --- help ---------------------------------------------------------------------------------------------------------


async def test_a_call_for_help_reaches_who_commands_and_its_answer_comes_back(stage: Stage, sign_in: SignIn) -> None:
    ticket = await burning(stage, "e1")
    fire, lead = await sign_in("fire"), await sign_in("lin")
    where = {"lon": 118.55, "lat": 24.8, "accuracy_m": 9}
    told = await press(fire, body(stage, "help", ticket.id, "fire", unit="e1", text="火势扩大", position=where))
    [cry] = (await lead.get("/api/field/helps")).json()["helps"]
    assert (cry["id"], cry["number"], cry["unit_name"], cry["words"], cry["lat"]) == (
        told["id"], ticket.number, "单位e1", "火势扩大", 24.8,
    )  # fmt: skip
    assert not (await tasks(fire))["helps"][0]["answered_at"]
    for login in ("wang", "fire"):
        client = await sign_in(login)
        assert (await client.get("/api/field/helps")).status_code == 403
        assert (await client.post(f"/api/field/helps/{cry['id']}/answer", json={})).status_code == 403
    path = f"/api/field/helps/{cry['id']}/answer"
    assert (await lead.post(path, json={"words": "增援已出发"})).status_code == 200
    assert (await lead.post(path, json={})).status_code == 409
    assert (await lead.get("/api/field/helps")).json()["helps"] == []
    own = (await tasks(fire))["helps"][0]
    assert (own["answered_by"], own["answer"]) == ("林主任", "增援已出发")
    page = (await lead.get(f"/tickets/{ticket.number}")).text
    assert "火势扩大" in page and "增援已出发" in page


async def test_a_dispatcher_of_an_area_answers_its_own_people(stage: Stage, sign_in: SignIn) -> None:
    for login, area in (("send-f", "fire"), ("send-u", "urban")):
        person = Person(login=login, name=login, role="dispatcher", department=area, password=PASSWORD)
        await Users(stage.services.database).add(person)
    ticket = await burning(stage, "e1")
    fire, number = await sign_in("fire"), "13912345678"
    await press(fire, body(stage, "help", ticket.id, "fire", unit="e1", text=f"火势扩大，报警人 {number}"))
    own, other = await sign_in("send-f"), await sign_in("send-u")
    [cry] = (await own.get("/api/field/helps")).json()["helps"]
    assert cry["words"] == "火势扩大，报警人 139****5678"
    pages = [(await client.get(f"/tickets/{ticket.number}")).text for client in (own, fire)]
    assert ["火势扩大" in page for page in pages] == [True, True]
    assert [number in page for page in pages] == [False, True]
    assert (await other.get("/api/field/helps")).json()["helps"] == []
    path = f"/api/field/helps/{cry['id']}/answer"
    assert [(await client.post(path, json={})).status_code for client in (other, own)] == [403, 200]


async def test_a_call_for_help_is_never_refused(stage: Stage, sign_in: SignIn) -> None:
    """What is not one's own is left out of it, not it itself."""
    ticket, urban, lead = await burning(stage), await sign_in("urban"), await sign_in("lin")
    for about in (body(stage, "help", ticket.id, unit="e1"), body(stage, "help", "gone"), body(stage, "help")):
        assert (await press(urban, about))["state"] == "done"
    cries = (await lead.get("/api/field/helps")).json()["helps"]
    assert [(cry["number"], cry["unit"], cry["who"]) for cry in cries] == [("", "", "城管值班")] * 3


def test_who_hears_a_call_for_help() -> None:
    def user(role: Any, department: str | None = None) -> User:
        return User(login="x", name="x", role=role, extension="1001", department=department)

    for kind in ("FieldHelpAsked", "FieldHelpGiven"):
        audience = audience_of_call(kind, {"department": "fire"})
        assert audience is not None
        hears = {
            role: receives(user(role, department), audience)
            for role, department in (
                ("supervisor", None), ("dispatcher", None), ("agent", None), ("arbiter", None), ("grid", "urban"),
            )
        }  # fmt: skip
        assert hears == {"supervisor": True, "dispatcher": True, "agent": False, "arbiter": False, "grid": False}
        assert receives(user("department", "fire"), audience)


# --- the page -----------------------------------------------------------------------------------------------------


async def test_the_page_is_installable_and_holds_nothing_of_anybody(stage: Stage, sign_in: SignIn) -> None:
    ticket, urban = await noise(stage), await sign_in("urban")
    shell = (await urban.get("/field/")).text
    assert ticket.number not in shell and "城管值班" not in shell and "13800001111" not in shell
    manifest = (await urban.get("/field/manifest.webmanifest")).json()
    assert manifest["scope"] == manifest["start_url"] == "/field/" and manifest["display"] == "standalone"
    for icon in manifest["icons"]:
        assert (await urban.get(icon["src"])).status_code == 200
    assert {icon["purpose"] for icon in manifest["icons"] if "purpose" in icon} == {"any", "maskable"}
    worker = await urban.get("/field/worker.js")
    assert worker.headers["cache-control"] == "no-cache"
    for address in json.loads(worker.text.split("=", 1)[1].split(";\n", 1)[0])["assets"]:
        assert (await urban.get(address)).status_code == 200
    assert (await urban.get("/field")).headers["location"] == "/field/"


async def test_the_ticket_shows_what_could_not_be_done(stage: Stage, sign_in: SignIn) -> None:
    ticket, urban = await noise(stage), await sign_in("urban")
    await stage.services.assignments.reassign(ticket.id, "centre", LEAD, "派错")
    told = await press(urban, body(stage, "report", ticket.id, text="已劝停，责任人签字"))
    assert told["state"] == "refused"
    page = (await (await sign_in("lin")).get(f"/tickets/{ticket.number}?lang=en")).text
    assert "已劝停，责任人签字" in page and "Could not be done" in page


# --- photographs from a desk --------------------------------------------------------------------------------------


async def test_the_tickets_page_offers_photographs_to_who_may_send_them(stage: Stage, sign_in: SignIn) -> None:
    ticket = await noise(stage)
    seen = {who: (await (await sign_in(who)).get(f"/tickets/{ticket.number}")).text for who in ("urban", "lin")}
    assert 'data-test="photos-open"' in seen["urban"] and f'data-shots="photos-{ticket.id}"' in seen["urban"]
    assert "data-shots" not in seen["lin"]
