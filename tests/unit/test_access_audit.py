"""The audit: every deed has its words, a program's are marked as its own, and a change and its trace are one."""

import ast
import io
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import openpyxl
import pytest
from sqlalchemy import select

from core import audit
from core.audit import AuditEntry
from core.city import Person
from desk.access import users
from desk.access.deeds import DEEDS, deed
from desk.access.users import By, UserRow, Users
from desk.i18n import messages
from desk.quality.oversightpages import Bulk
from tests.desk_fakes import PASSWORD, Stage
from tests.unit.conftest import SignIn

ROOT = Path(__file__).parents[2]
ROOMS = ("core", "telephony", "switchboard", "ivr", "asr", "triage", "ticketing", "quality", "desk", "heyi")
#: Where the argument of a call says what was done.
PLACES = {"note": "what", "audit": 2, "_noted": 2}
PEOPLE = (
    Person(login="guan", name="管理员", role="administrator", password=PASSWORD),
    Person(login="shen", name="审计员", role="auditor", password=PASSWORD),
)


def constants(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def noted() -> Iterator[str]:
    """Every deed that stands as a constant where something is noted."""
    for room in ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if not isinstance(call, ast.Call):
                    continue
                name = getattr(call.func, "id", getattr(call.func, "attr", ""))
                place = PLACES.get(name)
                given = [k.value for k in call.keywords if k.arg == place] if isinstance(place, str) else []
                if isinstance(place, int) and len(call.args) > place:
                    given = [call.args[place]]
                for one in given:
                    parts = (one.body, one.orelse) if isinstance(one, ast.IfExp) else (one,)
                    yield from (p.value for p in parts if isinstance(p, ast.Constant) and isinstance(p.value, str))


def test_every_deed_that_is_noted_has_its_words() -> None:
    """Red: add it to desk/access/deeds.py."""
    found = set(noted()) | {f"reviews_{each}" for each in get_args(Bulk)}
    assert len(found) > 100 and sorted(found - set(DEEDS)) == []
    assert sorted(name for name in DEEDS.values() if not messages("en").get(name)) == []
    assert len(set(DEEDS.values())) == len(DEEDS), "two deeds by one name"


def test_no_words_are_kept_for_what_nobody_does() -> None:
    written = {
        text
        for room in ROOMS
        for file in (ROOT / room).rglob("*.py")
        if file.name != "deeds.py"
        for text in constants(ast.parse(file.read_text(encoding="utf-8")))
    }
    made = {f"reviews_{each}" for each in get_args(Bulk)} | {"model_promoted", "model_back"}
    assert sorted(set(DEEDS) - written - made) == []


def test_what_nobody_knows_stays_as_it_is() -> None:
    assert (deed("sign_in"), deed("of_a_later_version")) == ("登录", "of_a_later_version")


@pytest.fixture
async def keepers(stage: Stage) -> None:
    for person in PEOPLE:
        await Users(stage.services.database, stage.clock).add(person)


async def entries(stage: Stage, what: str) -> list[tuple[str, str, int | None]]:
    async with stage.services.database.read() as session:
        found = await session.scalars(select(AuditEntry).where(AuditEntry.what == what).order_by(AuditEntry.id))
        return [(entry.who, entry.detail, entry.token) for entry in found]


async def test_what_a_program_did_is_marked_and_its_person_can_end_it(
    stage: Stage, sign_in: SignIn, keepers: None
) -> None:
    guan, wang, program, shen = [await sign_in(login) for login in ("guan", "wang", "", "shen")]
    form = {"login": "wang", "name": "排班系统", "days": "30", "scopes": ["call.take", "home"]}
    made = (await guan.post("/tokens", data=form)).text
    token = made.split('data-test="secret-words">')[1].split("<")[0]
    assert await entries(stage, "token_made") == [("guan", "#1 wang 排班系统 call.take home", None)]
    program.headers["Authorization"] = f"Bearer {token}"
    body = {"state": "paused", "reason": "training"}
    assert (await program.post("/api/agent/state", json=body)).status_code == 200
    assert (await wang.post("/api/agent/state", json=body)).status_code == 200
    assert [entry[2] for entry in await entries(stage, "agent_state")] == [1, None]
    # A sign-in in between belongs to nobody's token.
    await program.post("/login", data={"login": "wang", "password": "not it"})
    assert await entries(stage, "sign_in_failed") == [("wang", "", None)]
    page = (await shen.get("/audit")).text
    assert page.count('data-test="by-token"') == 1 and "令牌 #1" in page and "切换坐席状态" in page
    english = (await shen.get("/audit?lang=en")).text
    assert "Changed the desk&#39;s state" in english and "Token #1" in english
    sheet = openpyxl.load_workbook(io.BytesIO((await shen.get("/audit.xlsx?what=agent_state&lang=zh")).content)).active
    assert sheet is not None
    assert [[cell.value for cell in row][2::4] for row in sheet.iter_rows(min_row=2)] == [
        ["切换坐席状态", 1], ["切换坐席状态", None],
    ]  # fmt: skip
    # Its person sees it, ends it, and nobody else's.
    chen = await sign_in("chen")
    assert 'data-test="revoke-token"' not in (await chen.get("/account")).text
    assert (await chen.post("/account/tokens/1/revoke")).status_code == 404
    own = (await wang.get("/account")).text
    assert "#1 排班系统" in own and token not in own
    assert (await wang.post("/account/tokens/1/revoke")).status_code == 303
    assert (await program.post("/api/agent/state", json=body)).status_code == 401
    assert await entries(stage, "token_revoked") == [("wang", "#1 wang 排班系统", None)]
    assert "排班系统" not in (await wang.get("/account")).text


@pytest.mark.parametrize("deed", ["add", "change", "disable", "enable", "password", "own password"])
async def test_a_change_whose_trace_is_lost_is_lost_too(
    stage: Stage, keepers: None, monkeypatch: pytest.MonkeyPatch, deed: str
) -> None:
    def lost(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    async def row() -> tuple[object, ...] | None:
        async with stage.services.database.read() as session:
            found = await session.get(UserRow, "zhao" if deed == "add" else "chen")
        return None if found is None else (found.name, found.password_hash, found.disabled_at)

    room, by = Users(stage.services.database, stage.clock), By("guan", "10.0.0.1")
    if deed == "enable":
        await room.disable("chen", stage.clock.now())
    before = await row()
    other = Person(login="zhao", name="赵敏", role="agent", password=PASSWORD, extension="1002")
    monkeypatch.setattr(users, "note", lost)
    with pytest.raises(OSError, match="disk"):
        match deed:
            case "add":
                await room.make(other, by)
            case "change":
                await room.change(other.model_copy(update={"login": "chen"}), by)
            case "disable":
                await room.disable("chen", stage.clock.now(), by)
            case "enable":
                await room.enable("chen", by)
            case "password":
                await room.set_password("chen", "another one", by)
            case _:
                await room.set_password("chen", "another one", By("chen", ""))
    assert await row() == before


def test_nobody_acts_by_a_token_outside_a_request() -> None:
    assert audit.by_token.get() is None
