"""The administrator's and the auditor's pages: what each change does at once, and that it leaves a trace."""

import io
import re

import httpx
import openpyxl
import pyotp
import pytest
from sqlalchemy import select

from core.audit import AuditEntry
from core.city import Person
from desk.access.users import Users
from tests.desk_fakes import PASSWORD, Stage
from tests.unit.conftest import SignIn

PEOPLE = (
    Person(login="guan", name="管理员", role="administrator", password=PASSWORD),
    Person(login="shen", name="审计员", role="auditor", password=PASSWORD),
)


@pytest.fixture(autouse=True)
async def people(stage: Stage) -> None:
    for person in PEOPLE:
        await Users(stage.services.database, stage.clock).add(person)


async def audited(stage: Stage, what: str) -> list[tuple[str, str]]:
    async with stage.services.database.read() as session:
        rows = await session.scalars(select(AuditEntry).where(AuditEntry.what == what).order_by(AuditEntry.id))
        return [(row.who, row.detail) for row in rows]


def secret_of(page: str) -> str:
    found = re.search(r'data-test="secret-words">([^<]+)<', page)
    assert found
    return found[1]


async def based(admin: httpx.AsyncClient, who: str, /, **fields: object) -> dict[str, str]:
    """What a person sends who has just read the page of this login, with a reason."""
    base = re.search(r'name="base" value="(\d+)"', (await admin.get(f"/users/{who}")).text)
    assert base
    return {"base": base[1], "reason": "岗位调整", **{key: str(value) for key, value in fields.items()}}


async def login(client: httpx.AsyncClient, name: str, password: str = PASSWORD) -> int:
    return (await client.post("/api/login", json={"login": name, "password": password})).status_code


async def test_a_new_login_works_with_the_password_that_is_shown_once(stage: Stage, sign_in: SignIn) -> None:
    admin, newcomer = await sign_in("guan"), await sign_in("")
    form = {"login": "zhao", "name": "赵六", "role": "agent", "extension": "1002", "department": ""}
    made = await admin.post("/users", data=form)
    password = secret_of(made.text)
    assert await login(newcomer, "zhao", password) == 200
    assert (await newcomer.get("/desk")).status_code == 200
    assert password not in (await admin.get("/users")).text
    assert await audited(stage, "user_added") == [("guan", "zhao agent 1002")]
    again = await admin.post("/users", data=form)
    assert again.status_code == 400 and "已经有这个用户名" in again.text
    assert await login(await sign_in(""), "zhao", password) == 200, "the one that is there keeps its password"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"extension": "7777"}, "没有这个坐席"),
        ({"extension": ""}, "该岗位须选择坐席"),
        ({"role": "department", "department": "nobody"}, "没有这个部门或辖区"),
        ({"role": "department"}, "该岗位须选择部门或辖区"),
        ({"role": "emperor"}, "填写的内容不符合要求"),
        ({"login": "不 行<script>"}, "填写的内容不符合要求"),
    ],
)
async def test_what_cannot_be_is_said(sign_in: SignIn, change: dict[str, str], fault: str) -> None:
    form = {"login": "zhao", "name": "赵六", "role": "agent", "extension": "1002", "department": "", **change}
    answer = await (await sign_in("guan")).post("/users", data=form)
    assert answer.status_code == 400 and fault in answer.text and "<script>" not in answer.text


async def test_another_role_holds_at_once_and_the_old_session_does_not(stage: Stage, sign_in: SignIn) -> None:
    admin, wang = await sign_in("guan"), await sign_in("wang")
    form = {"name": "王晓燕", "role": "agent", "extension": "1001", "department": "urban"}
    assert (
        await admin.post("/users/wang", data=await based(admin, "wang", **{**form, "name": "王燕"}))
    ).status_code == 303
    assert (await wang.get("/api/session")).status_code == 200, "a name changes no right"
    form = {"name": "王燕", "role": "leader", "extension": "", "department": "urban"}
    assert (await admin.post("/users/wang", data=await based(admin, "wang", **form))).status_code == 303
    assert (await wang.get("/api/session")).status_code == 401
    wang = await sign_in("wang")
    assert (await wang.get("/desk")).status_code == 403
    user = await Users(stage.services.database).get("wang")
    assert user is not None and (user.role, user.extension, user.department) == ("leader", None, "urban")
    assert await audited(stage, "user_changed") == [("guan", "wang agent 1001"), ("guan", "wang leader urban")]


async def test_each_change_is_a_version_that_can_be_brought_back(stage: Stage, sign_in: SignIn) -> None:
    admin, user = await sign_in("guan"), await sign_in("wang")
    users = Users(stage.services.database, stage.clock)
    [first] = await users.versions("wang")
    assert (
        await admin.post(
            "/users/wang",
            data=await based(
                admin, "wang", **{"name": "王晓燕", "role": "supervisor", "extension": "", "department": ""}
            ),
        )
    ).status_code == 303
    await admin.post("/users/wang/disable", data=await based(admin, "wang"))
    assert await login(user, "wang") == 401
    page = (await admin.get("/users/wang")).text
    rows = re.findall(r'<tr data-version="(\d+)">(.*?)</tr>', page, re.S)
    told = [re.findall(r"<(del|ins)>([^<]*)<", row) for _, row in rows]
    assert told[:2] == [
        [("del", "正常"), ("ins", "已停用")], [("del", "坐席"), ("ins", "班长"), ("del", "1001")],
    ]  # fmt: skip
    assert [('data-test="restore"' in row) for _, row in rows] == [False, True, True]
    assert (
        await admin.post("/users/wang/restore", data=await based(admin, "wang", version=first.id))
    ).status_code == 303
    back = await users.get("wang")
    assert back is not None and (back.role, back.extension) == ("agent", "1001")
    assert await login(user, "wang") == 200
    assert len(await users.versions("wang")) == 4
    assert (await audited(stage, "user_changed"))[-1] == ("guan", "wang agent 1001")


async def test_a_change_needs_a_reason_which_its_version_keeps(stage: Stage, sign_in: SignIn) -> None:
    admin, users = await sign_in("guan"), Users(stage.services.database, stage.clock)
    form = {"name": "王燕", "role": "agent", "extension": "1001", "department": ""}
    before = await users.versions("wang")
    changes: dict[str, dict[str, object]] = {"": {**form}, "/disable": {}, "/restore": {"version": before[0].id}}
    for what, fields in changes.items():
        told = await admin.post(f"/users/wang{what}", data=await based(admin, "wang", **{**fields, "reason": " "}))
        assert told.status_code == 400 and "请填写修改原因" in told.text, what
    assert len(await users.versions("wang")) == len(before)
    for number, (what, fields) in enumerate(changes.items()):
        sent = await based(admin, "wang", **{**fields, "reason": f"第 {number} 次，<b>调岗</b>"})
        assert (await admin.post(f"/users/wang{what}", data=sent)).status_code == 303
        [newest, *_] = await users.versions("wang")
        assert newest.reason == f"第 {number} 次，<b>调岗</b>"
    page = (await admin.get("/users/wang")).text
    assert page.count("&lt;b&gt;调岗") == 3 and "<b>调岗" not in page


async def test_the_last_writer_does_not_win_unknowing(stage: Stage, sign_in: SignIn) -> None:
    admin, users = await sign_in("guan"), Users(stage.services.database, stage.clock)
    form = {"name": "王燕", "role": "agent", "extension": "1001", "department": ""}
    old = await based(admin, "wang", **form)
    first = (await users.versions("wang"))[-1]
    other = await based(admin, "wang", name="王晓燕", role="supervisor", extension="", department="")
    assert (await admin.post("/users/wang", data=other)).status_code == 303
    late = await admin.post("/users/wang", data=old)
    assert late.status_code == 409 and "此账号刚被他人修改" in late.text
    assert 'value="王燕"' in late.text and 'value="岗位调整"' in late.text, "what was typed is not lost"
    for what in ("disable", "enable", "restore"):
        answer = await admin.post(f"/users/wang/{what}", data={**old, "version": str(first.id)})
        assert answer.status_code == 409, what
    user = await users.get("wang")
    assert user is not None and user.role == "supervisor"
    base = re.search(r'name="base" value="(\d+)"', late.text)
    assert base and (await admin.post("/users/wang", data={**old, "base": base[1]})).status_code == 303


async def test_what_cannot_be_brought_back_is_said(stage: Stage, sign_in: SignIn) -> None:
    admin = await sign_in("guan")
    users = Users(stage.services.database, stage.clock)
    await users.change(Person(login="wang", name="王晓燕", role="agent", password=PASSWORD, extension="1999"))
    gone, *_ = await users.versions("wang")
    await users.change(Person(login="wang", name="王晓燕", role="agent", password=PASSWORD, extension="1001"))
    refused = await admin.post("/users/wang/restore", data=await based(admin, "wang", version=gone.id))
    assert refused.status_code == 400 and "没有这个坐席" in refused.text
    assert (await admin.post("/users/wang/restore", data=await based(admin, "wang", version=10**6))).status_code == 404
    [of_lin, *_] = await users.versions("lin")
    assert (
        await admin.post("/users/wang/restore", data=await based(admin, "wang", version=of_lin.id))
    ).status_code == 404
    assert (await admin.post("/users/guan/restore", data={"version": gone.id})).status_code == 403


async def test_disabled_reset_and_signed_out_by_the_administrator(stage: Stage, sign_in: SignIn) -> None:
    admin, wang, stranger = await sign_in("guan"), await sign_in("wang"), await sign_in("")
    assert (await admin.post("/users/wang/sessions")).status_code == 303
    assert (await wang.get("/api/session")).status_code == 401
    await sign_in("wang")
    assert (await admin.post("/users/wang/disable", data=await based(admin, "wang"))).status_code == 303
    assert await login(stranger, "wang") == 401
    assert "已停用" in (await admin.get("/users")).text
    assert (await admin.post("/users/wang/enable", data=await based(admin, "wang"))).status_code == 303
    assert await login(stranger, "wang") == 200
    password = secret_of((await admin.post("/users/wang/password")).text)
    assert (await stranger.get("/api/session")).status_code == 401
    assert [await login(stranger, "wang", each) for each in (PASSWORD, password)] == [401, 200]
    assert [await audited(stage, f"user_{what}") for what in ("disabled", "enabled", "password")] == [
        [("guan", "wang")]
    ] * 3
    assert (await admin.post("/users/wang/explode")).status_code == 404
    assert (await admin.post("/users/nobody/disable")).status_code == 404


async def test_a_lost_telephone_is_reset_and_all_sessions_end(stage: Stage, sign_in: SignIn) -> None:
    admin, lin = await sign_in("guan"), await sign_in("lin")
    factors = lin._transport.app.state.auth.factors  # type: ignore[attr-defined]
    secret = await factors.offer("lin", 1)
    await factors.confirm("lin", 1, pyotp.TOTP(secret).at(stage.clock.now()), "")
    assert await login(await sign_in(""), "lin") == 401
    assert (await admin.post("/users/lin/factor")).status_code == 303
    assert (await lin.get("/api/session")).status_code == 401
    assert await login(await sign_in(""), "lin") == 200
    assert await audited(stage, "factor_off") == [("guan", "lin")]


async def test_nobody_changes_his_own_rights(sign_in: SignIn) -> None:
    admin = await sign_in("guan")
    form = {"name": "x", "role": "supervisor", "extension": "", "department": ""}
    assert (await admin.post("/users/guan", data=form)).status_code == 403
    for what in ("disable", "password", "factor", "sessions"):
        assert (await admin.post(f"/users/guan/{what}")).status_code == 403
    foreign = await admin.post("/users/wang/disable", headers={"Origin": "https://elsewhere.test"})
    assert foreign.status_code == 403


async def test_the_auditor_finds_and_takes_away_and_that_is_an_entry(stage: Stage, sign_in: SignIn) -> None:
    admin, auditor = await sign_in("guan"), await sign_in("shen")
    await admin.post("/users/wang/disable", data=await based(admin, "wang"))
    await admin.post("/users/urban/disable", data=await based(admin, "urban"))
    page = (await auditor.get("/audit?what=user_disabled")).text
    assert page.count('data-deed="user_disabled"') == 2 and 'data-deed="sign_in"' not in page
    assert "没有记录" in (await auditor.get("/audit?who=nobody")).text
    assert (await auditor.get("/audit?since=2026-11-21")).text.count("<code>sign_in</code>") == 0
    assert (await auditor.get("/audit?since=yesterday")).status_code == 422
    sheet = await auditor.get("/audit.xlsx?who=guan")
    rows = list(openpyxl.load_workbook(io.BytesIO(sheet.content)).active.values)
    assert [row[7] for row in rows[1:]] == ["sign_in", "user_disabled", "user_disabled"]
    assert (await audited(stage, "export_audit"))[0][0] == "shen"


async def test_a_long_log_is_leafed_through(stage: Stage, sign_in: SignIn) -> None:
    async with stage.services.database.work() as work:
        work.session.add_all(
            AuditEntry(at=stage.clock.now(), who="wang", what="recording", detail=f"=1+{n}") for n in range(150)
        )
    auditor = await sign_in("shen")
    first = (await auditor.get("/audit?who=wang")).text
    older = re.search(r'href="(/audit\?[^"]*before=\d+)"', first)
    assert first.count('data-deed="recording"') == 100 and older
    assert (await auditor.get(older[1].replace("&amp;", "&"))).text.count('data-deed="recording"') == 50
    sheet = await auditor.get("/audit.xlsx?who=wang")
    cell = openpyxl.load_workbook(io.BytesIO(sheet.content)).active["F2"]
    assert (cell.value, cell.data_type, cell.quotePrefix) == ("=1+0", "s", True)


async def test_departments_of_a_login_are_offered_by_pinyin(sign_in: SignIn) -> None:
    form = (
        (await (await sign_in("guan")).get("/users/wang")).text.split('data-test="department"')[1].split("</select>")[0]
    )
    offered = re.findall(r">([^<]+)</option>", form)
    # By code points 话务中心 would stand last; in the city's file 消防救援大队 stands first.
    assert [name for name in offered if name != "–"][:4] == ["城市管理局", "话务中心", "急救中心", "消防救援大队"]
