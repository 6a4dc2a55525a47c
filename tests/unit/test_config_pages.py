"""The administrator's pages without a browser: the whole way, two at once, what is refused, Asterisk."""

import re
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from core.audit import AuditEntry
from core.cityfile import load_city
from desk.app import create_app
from tests.desk_fakes import Stage
from tests.eventually import until
from tests.unit.config_support import JINJIANG, FakeExchangeConfig, administered
from tests.unit.conftest import SignIn

LINES = (JINJIANG / "lines.yaml").read_text("utf-8")
RENAMED = LINES.replace("name: 报警服务台\n", "name: 公安报警\n")


@pytest.fixture
async def exchange(stage: Stage, tmp_path: Path) -> FakeExchangeConfig:
    """Before ``sign_in`` in a test's arguments: the application is made over it."""
    return (await administered(stage, tmp_path))[1]


def form(text: str, base: int = 0, name: str = "lines.yaml", **more: str) -> dict[str, str]:
    return {"name": name, "base": str(base), "text": text.replace("\n", "\r\n"), "view": "text", **more}


async def save(client: httpx.AsyncClient, text: str, base: int = 0, name: str = "lines.yaml") -> None:
    seen = await client.post("/settings/preview", data=form(text, base, name))
    assert seen.status_code == 200, seen.text
    answer = await client.post("/settings/save", data=form(text, base, name, why="试一试"))
    assert (answer.status_code, answer.headers["location"]) == (303, f"/settings?saved={name}"), answer.text


async def test_a_change_is_previewed_saved_shown_and_taken_back(
    exchange: FakeExchangeConfig, stage: Stage, sign_in: SignIn
) -> None:
    client = await sign_in("admin")
    seen = (await client.post("/settings/preview", data=form(RENAMED))).text
    assert "新增 1 行，删除 1 行" in seen and "公安报警" in seen
    assert stage.services.city.lines[0].name == "报警服务台", "a preview keeps nothing"
    await save(client, RENAMED)
    assert stage.services.city.lines[0].name == "公安报警", "on the pages at once"
    listed = (await client.get("/settings?saved=lines.yaml")).text
    assert "已保存：线路" in listed and "管理员甲" in listed and "试一试" in listed
    assert "待应用到 Asterisk：1 个文件" in listed and "重启后生效：" in listed
    past = (await client.get("/settings/history?name=lines.yaml&a=1&b=0")).text
    assert "恢复为原始文件的内容" in past
    back = {"name": "lines.yaml", "number": "0", "base": "1", "why": "改错了"}
    assert (await client.post("/settings/restore", data=back)).status_code == 303
    folder = stage.services.configuration.folder
    assert folder.path("lines.yaml").read_text("utf-8") == LINES
    assert stage.services.city.lines[0].name == "报警服务台"
    assert "恢复原始文件" in (await client.get("/settings/history?name=lines.yaml")).text
    async with stage.services.database.read() as session:
        found = await session.scalars(select(AuditEntry).where(AuditEntry.what.startswith("config_")))
        assert [(row.who, row.what, row.detail) for row in found] == [
            ("admin", "config_saved", "lines.yaml 1 试一试"),
            ("admin", "config_restored", "lines.yaml 2 = 0 改错了"),
        ]


async def test_two_administrators_lose_nothing(exchange: FakeExchangeConfig, stage: Stage, sign_in: SignIn) -> None:
    one, other = await sign_in("admin"), await sign_in("guan")
    mine = LINES.replace("name: 消防救援\n", "name: 火灾报警\n")
    await save(one, RENAMED)
    for path in ("/settings/preview", "/settings/save"):
        told = await other.post(path, data=form(mine, why="我的原因"))
        assert told.status_code == 409
        assert "管理员甲 在您修改期间保存了第 1 版" in told.text
        assert "公安报警" in told.text and "火灾报警" in told.text, "what each of them changed"
        again = re.search(r'name="base" value="(\d+)"', told.text)
        assert again is not None and again[1] == "1", "whoever saves now has seen it"
    assert "我的原因" in told.text
    both = re.search(r'<textarea name="text" hidden>\n(.*?)</textarea>', told.text, re.DOTALL)
    assert both is not None and "公安报警" in both[1] and "火灾报警" in both[1], "they touch different lines"
    kept = re.findall(r'<textarea name="text" hidden>\n(.*?)</textarea>', told.text, re.DOTALL)[-1]
    assert "火灾报警" in kept and "公安报警" not in kept
    room = stage.services.configuration
    assert (await room.content("lines.yaml"))[1] == RENAMED
    await save(other, mine, base=1)
    assert [v.who for v in await room.versions("lines.yaml")] == ["guan", "admin", ""]
    assert (await room.content("lines.yaml", 1))[1] == RENAMED
    answer = await one.post("/settings/restore",
                            data={"name": "lines.yaml", "number": "0", "base": "1", "why": "x"})  # fmt: skip
    assert answer.status_code == 400 and "别人已经保存了新的版本" in answer.text


async def test_a_fault_keeps_what_was_entered_and_says_where(
    exchange: FakeExchangeConfig, stage: Stage, sign_in: SignIn
) -> None:
    client = await sign_in("admin")
    wrong = RENAMED.replace("department: police", "department: polise", 1)
    for path in ("/settings/preview", "/settings/save"):
        told = await client.post(path, data=form(wrong, why="x"))
        assert told.status_code == 400
        assert "承办部门：没有 &#34;polise&#34;，是否应为 &#34;police&#34;？" in told.text
        assert "第 12 行" in told.text and "department: polise" in told.text and "公安报警" in told.text
    english = await client.post("/settings/preview?lang=en", data=form(wrong))
    assert "did you mean &#34;police&#34;?" in english.text and "line 12" in english.text
    assert await stage.services.configuration.versions("lines.yaml") == []
    assert stage.services.configuration.folder.changes() == []


async def test_the_table_goes_to_text_and_back_with_what_was_entered(
    exchange: FakeExchangeConfig, sign_in: SignIn
) -> None:
    client = await sign_in("admin")
    groups = "groups.yaml"
    text = (JINJIANG / groups).read_text("utf-8")
    names = {
        f"{n}.{key}": value
        for n, row in enumerate(["紧急", "服务"])
        for key, value in {
            "key": "emergency" if n == 0 else "service",
            "name": row,
            "name_en": "x",
            "overflow_s": "60",
        }.items()
    }
    entered = {"name": groups, "base": "0", "text": text, "table": "1", "row": ["0", "1"], **names}
    shown = (await client.post("/settings/edit", data={**entered, "view": "text"})).text
    assert "- key: emergency\n  name: 紧急\n" in shown and "minnan" not in shown
    assert 'data-test="entry"' in (await client.get(f"/settings/file?name={groups}")).text
    assert 'data-test="text"' in (await client.get(f"/settings/file?name={groups}&view=text")).text


async def test_names_and_sizes_that_are_none(exchange: FakeExchangeConfig, sign_in: SignIn) -> None:
    client = await sign_in("admin")
    for name in ("people.yaml", "../heyi.db", "ivr/../city.yaml", "nonsense", ""):
        assert (await client.get("/settings/file", params={"name": name})).status_code == 404
        assert (await client.get("/settings/history", params={"name": name})).status_code == 404
        assert (await client.post("/settings/save", data=form("a", name=name, why="x"))).status_code == 404
    assert (await client.get("/settings/history?name=lines.yaml&a=7")).status_code == 404
    assert (await client.post("/settings/preview", data=form("a", base=2**40))).status_code == 422
    huge = await client.post("/settings/preview", data=form("# " + "x" * (1 << 20)))
    assert huge.status_code == 400 and "文件太大" in huge.text
    assert (await client.post("/settings/preview", data=form("x" * (5 << 20)))).status_code == 413
    bomb = await client.post("/settings/preview", data=form("- &a [x]\n- [*a, *a]\n"))
    assert bomb.status_code == 400 and "不能使用锚点或引用" in bomb.text
    kept = await client.post("/settings/save", data=form(LINES, why="x"))
    assert kept.status_code == 400 and "内容没有变化" in kept.text


async def test_nobody_else_comes_in(exchange: FakeExchangeConfig, sign_in: SignIn) -> None:
    for login in ("lin", "wang", "urban"):
        client = await sign_in(login)
        assert (await client.get("/settings")).status_code == 403
        assert (await client.post("/settings/save", data=form(RENAMED, why="x"))).status_code == 403
        assert (await client.post("/settings/asterisk/apply")).status_code == 403


async def ended(client: httpx.AsyncClient) -> dict[str, object]:
    found: list[dict[str, object]] = []

    async def over() -> bool:
        found[:] = [(await client.get("/api/settings/asterisk")).json()["job"]]
        return not found[0]["running"]

    await until(over, "the check or apply is over")
    return found[0]


async def test_asterisk_gets_it_from_the_page(
    exchange: FakeExchangeConfig, stage: Stage, sign_in: SignIn
) -> None:  # fmt: skip
    client = await sign_in("admin")
    assert (await client.get("/api/settings/asterisk")).json() == {"job": None}
    await save(client, RENAMED)
    shown = (await client.get("/settings/asterisk")).text
    assert "extensions.conf" in shown and "110 公安报警" in shown
    assert "请先重启 heyi" not in shown, "a name alone is taken up at once"
    exchange.complaints = ["WARNING[1]: pbx.c: no such thing <b>"]
    assert (await client.post("/settings/asterisk/apply")).status_code == 303
    assert (await ended(client))["problems"] == exchange.complaints
    assert exchange.asked == ["check"], "what Asterisk complains of is not applied"
    assert "没有应用：Asterisk 报告 1 处问题" in (page := (await client.get("/settings/asterisk")).text)
    assert "no such thing &lt;b&gt;" in page
    exchange.complaints = []
    exchange.broken = "Asterisk did not reload app_queue.so"
    await client.post("/settings/asterisk/apply")
    told = await ended(client)
    assert told["error"] == exchange.broken and told["hint"] == "the former files are in etc.before"
    assert "怎么办：" in (await client.get("/settings/asterisk")).text
    exchange.broken = ""
    await client.post("/settings/asterisk/apply")
    assert (await ended(client))["changed"] == ["extensions.conf"]
    assert "已应用，通话没有中断" in (page := (await client.get("/settings/asterisk")).text)
    assert "Asterisk 的配置与此一致" in page and "Asterisk 的配置与此一致" in (await client.get("/settings")).text
    async with stage.services.database.read() as session:
        found = await session.scalars(select(AuditEntry.detail).where(AuditEntry.what == "config_applied"))
        assert list(found) == [
            "1 problems: WARNING[1]: pbx.c: no such thing <b>", "failed: Asterisk did not reload app_queue.so",
            "changed: extensions.conf",
        ]  # fmt: skip


async def test_a_fault_on_the_disk_is_told_and_nothing_applied(
    exchange: FakeExchangeConfig, stage: Stage, sign_in: SignIn
) -> None:
    client = await sign_in("admin")
    stage.services.configuration.folder.write("desks.yaml", b"- {extension: 1001}\n")
    shown = (await client.get("/settings")).text
    assert "启动时没有采用" in shown and "desks.yaml" in shown
    await client.post("/settings/asterisk/apply")
    assert "desks.yaml" in str((await ended(client))["error"]) and exchange.asked == []
    assert "Asterisk 仍按上次应用的配置运行" in (await client.get("/settings/asterisk")).text
    await client.post("/settings/preview", data=form(RENAMED))
    kept = await client.post(
        "/settings/save", data=form(RENAMED, why="试一试")
    )  # one that is left out hinders no other
    assert kept.headers["location"] == "/settings?saved=lines.yaml&later=1"
    assert "页面文字仍是启动时的" in (await client.get(kept.headers["location"])).text
    assert stage.services.city.lines[0].name == "报警服务台"


async def test_rules_that_cannot_be_read_are_told_with_the_others(
    exchange: FakeExchangeConfig, stage: Stage, sign_in: SignIn
) -> None:
    client = await sign_in("admin")
    folder = stage.services.configuration.folder
    folder.write("checks.yaml", b"version: 1\nreviewed: 2026-11-21\nrules: [{name: x}]\n")
    folder.write("rules/emergency.yaml", b"version: x\n")
    shown = (await client.get("/settings")).text
    assert "启动时没有采用" in shown and "checks.yaml" in shown and "rules/emergency.yaml" in shown
    assert "Asterisk 的配置与此一致" in shown, "of which Asterisk's configuration knows nothing"
    await save(client, RENAMED)  # they hinder no other


async def test_a_desk_without_asterisk_says_so(stage: Stage, tmp_path: Path) -> None:
    await administered(stage, tmp_path)
    stage.services.exchange = None
    app = create_app(stage.services)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk.test") as client:
        await client.post("/api/login", json={"login": "admin", "password": "heyi-123"})
        assert "本机没有接入 Asterisk" in (await client.get("/settings")).text
        assert (await client.post("/settings/asterisk/apply")).status_code == 400


async def test_lines_that_this_process_does_not_know_yet_are_named_before_they_are_applied(
    exchange: FakeExchangeConfig, sign_in: SignIn
) -> None:  # fmt: skip
    client = await sign_in("admin")
    first = re.search(r"number: \"?(\d+)", LINES)
    assert first and "priority: 100" in LINES
    await save(client, LINES.replace("priority: 100", "priority: 101", 1))
    shown = (await client.get("/settings/asterisk")).text
    assert re.search(rf"请先重启 heyi，再应用：\s*{first[1]}<", shown)


async def test_a_flow_is_made_like_another_taken_away_and_brought_back(
    exchange: FakeExchangeConfig, stage: Stage, sign_in: SignIn
) -> None:
    client, room = await sign_in("admin"), stage.services.configuration
    assert 'data-test="new-flow"' in (await client.get("/settings")).text
    hours = (await room.content("ivr/hours.yaml"))[1]
    new = await client.get("/settings/file", params={"flow": "hours-night", "like": "ivr/hours.yaml", "view": "text"})
    assert hours.splitlines()[1] in new.text
    name, text = "ivr/hours-night.yaml", re.sub(r"(?m)^key: .*$", "key: hours-night\ndraft: true", hours)
    await save(client, text, name=name)
    assert "hours-night" in [flow.key for flow in load_city(room.folder).ivr]
    assert 'data-test="remove"' in (await client.get("/settings/file", params={"name": name})).text
    # Without the flow that leads to it another one would stand alone.
    refused = await client.post("/settings/preview", data=form("", name="ivr/welcome.yaml"))
    assert refused.status_code == 400 and "没有任何地方使用" in refused.text
    await save(client, "", 1, name)
    assert "hours-night" not in [flow.key for flow in load_city(room.folder).ivr]
    gone = (await client.get("/settings")).text
    assert re.search(r'data-file="ivr/hours-night.yaml".*?未设', gone, re.S)
    assert 'data-test="remove"' not in (await client.get("/settings/file", params={"name": name})).text
    back = {"name": name, "number": "1", "base": "2", "why": "还要用"}
    assert (await client.post("/settings/restore", data=back)).status_code == 303
    assert "hours-night" in [flow.key for flow in load_city(room.folder).ivr]


@pytest.mark.parametrize("flow", ["", "../lines", "UPPER", "a" * 60])
async def test_a_name_that_is_no_flows_makes_none(exchange: FakeExchangeConfig, sign_in: SignIn, flow: str) -> None:
    client = await sign_in("admin")
    assert (await client.get("/settings/file", params={"flow": flow})).status_code == 404
    like = {"flow": "night", "like": "people.yaml"}
    assert (await client.get("/settings/file", params=like)).status_code == 404
