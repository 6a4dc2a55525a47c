"""A restart from the page: proved first, asked who one is, noted; and the process that begins itself anew."""

import asyncio
import sys
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from core.audit import AuditEntry
from core.errors import HeyiError
from desk.app import create_app
from heyi import restarting
from heyi.restarting import Again, _reason, command
from tests.desk_fakes import PASSWORD, Stage
from tests.eventually import until
from tests.unit.config_support import JINJIANG, FakeRestart, administered
from tests.unit.conftest import SignIn
from tests.unit.test_access_factors import half_a_minute, shown, switch_on

LINES = (JINJIANG / "lines.yaml").read_text("utf-8")


@pytest.fixture
async def restart(stage: Stage, tmp_path: Path) -> FakeRestart:
    """Before ``sign_in`` in a test's arguments: the application is made over it."""
    await administered(stage, tmp_path)
    made = FakeRestart()
    stage.services.restart = made
    return made


async def asked(client: httpx.AsyncClient, why: str = "启用新线路", proof: str = PASSWORD) -> httpx.Response:
    return await client.post("/settings/restart", data={"why": why, "proof": proof})


async def over(client: httpx.AsyncClient, step: str) -> None:
    async def there() -> bool:
        return bool((await client.get("/api/settings/restart")).json()["step"] == step)

    await until(there, lambda: step)


async def noted(stage: Stage) -> list[tuple[str, str]]:
    async with stage.services.database.read() as session:
        found = await session.scalars(select(AuditEntry).where(AuditEntry.what.startswith("restart")))
        return [(row.what, row.detail) for row in found]


async def test_a_restart_is_told_before_proved_noted_and_begun(
    restart: FakeRestart, stage: Stage, sign_in: SignIn
) -> None:  # fmt: skip
    client = await sign_in("admin")
    assert "/settings/restart" in (await client.get("/settings")).text
    page = (await client.get("/settings/restart")).text
    assert "通话不中断" in page and "各席页面约 12 秒连不上" in page and "您的密码" in page
    restart.go_on.clear()
    assert (await asked(client)).status_code == 303
    await until(lambda: restart.asked == ["prove"], lambda: "the next start is proved")
    assert await noted(stage) == []
    assert "正在重启，请等它结束" in (await asked(client)).text, "one at a time"
    restart.go_on.set()
    await over(client, "restarting")
    await until(lambda: restart.asked == ["prove", "begin"], lambda: "begun")
    assert await noted(stage) == [("restarted", "启用新线路")]


async def test_without_who_one_is_and_why_nothing_restarts(
    restart: FakeRestart, stage: Stage, sign_in: SignIn
) -> None:  # fmt: skip
    client = await sign_in("admin")
    wrong = await asked(client, proof="wrong password")
    assert wrong.status_code == 400 and "用户名或密码不正确" in wrong.text and "启用新线路" in wrong.text
    empty = await asked(client, why="  ")
    assert empty.status_code == 400 and "请填写重启原因" in empty.text
    assert (restart.asked, await noted(stage)) == ([], [])
    for login in ("lin", "chen"):
        other = await sign_in(login)
        assert (await asked(other)).status_code == 403
        assert (await other.get("/api/settings/restart")).status_code == 403


async def test_a_second_factor_is_asked_for_again(restart: FakeRestart, stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("admin")
    secret, _ = await switch_on(stage, client)
    assert "验证码或恢复码" in (await client.get("/settings/restart")).text
    assert (await asked(client)).status_code == 400, "the password is not enough"
    half_a_minute(stage)
    assert (await asked(client, proof=shown(stage, secret))).status_code == 303
    await over(client, "restarting")


async def test_a_start_that_would_not_open_is_not_begun(restart: FakeRestart, stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("admin")
    folder = stage.services.configuration.folder
    folder.write("lines.yaml", LINES.replace("priority: 100", "priority: many", 1).encode())
    assert (await asked(client)).status_code == 303
    await over(client, "refused")
    page = (await client.get("/settings/restart")).text
    assert "没有重启" in page and "lines.yaml" in page and restart.asked == []
    folder.write("lines.yaml", LINES.encode())
    folder.write("rules/questions.yaml", b"- nothing\n")
    await asked(client)
    await over(client, "refused")
    assert "rules/questions.yaml" in (await client.get("/settings/restart")).text
    assert folder.changed is not None
    (folder.changed / "rules/questions.yaml").unlink()
    restart.refusal = "no model whisper-small-zh"
    await asked(client)
    await until(lambda: restart.asked == ["prove"], lambda: "proved")
    await over(client, "refused")
    assert restart.refusal in (await client.get("/settings/restart")).text
    assert restart.asked == ["prove"], "and nothing begun"
    told = await noted(stage)
    assert [what for what, _ in told] == ["restart_refused"] * 3 and told[2][1] == f"启用新线路: {restart.refusal}"


async def test_a_desk_that_nobody_can_restart_says_so(stage: Stage, tmp_path: Path) -> None:
    await administered(stage, tmp_path)
    app = create_app(stage.services)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk.test") as client:
        await client.post("/api/login", json={"login": "admin", "password": PASSWORD})
        assert "这里不能重启合一" in (await client.get("/settings/restart")).text
        assert (await asked(client)).status_code == 400


# --- the process ------------------------------------------------------------------------------------------------------


def test_the_same_command_is_run_again() -> None:
    assert command(["python", "-m", "heyi", "serve"]) == [sys.executable, "-m", "heyi", "serve"]
    assert command(["python3", "-X", "utf8", "/bin/heyi", "serve"])[1:] == ["-X", "utf8", "/bin/heyi", "serve"]


def test_a_refusal_is_what_the_command_says_at_its_end() -> None:
    assert (
        _reason("2026 [info] reading\nheyi: lines.yaml:3: name is 3\nand more\n") == "lines.yaml:3: name is 3\nand more"
    )
    assert _reason("Traceback …\n  File …\nImportError: no such thing\n\n") == "ImportError: no such thing"
    assert _reason("") == "the next start does not open"


async def test_the_proof_is_the_same_command_with_one_word_more() -> None:
    good = "import sys; sys.exit(sys.argv[-1] != '--check')"
    await Again([sys.executable, "-c", good]).prove()
    with pytest.raises(HeyiError, match="no such model"):
        await Again([sys.executable, "-c", "import sys; sys.exit('heyi: no such model')"]).prove()


async def test_a_process_ends_and_is_another_of_the_same_number() -> None:
    # It begins anew once, and says each time who it is.
    program = (
        "import os, sys\nfrom heyi.restarting import Again\n"
        "again = Again([*sys.orig_argv, 'again'] if 'again' not in sys.argv else sys.orig_argv)\n"
        "print(os.getpid(), 'again' in sys.argv, flush=True)\n"
        "if 'again' not in sys.argv:\n    again.begin()\n"
        "    assert again.wanted and again.stop.is_set()\n    again.run()\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    assert said.decode().split() == [str(process.pid), "False", str(process.pid), "True"]


async def test_who_stops_the_service_meanwhile_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restarting, "_END_S", 0.01)
    again, run = Again(["none"]), list[str]()
    monkeypatch.setattr(again, "run", lambda: run.append("again"))
    again.begin()
    await until(lambda: run == ["again"], lambda: "what does not end in good order is restarted nevertheless")
    other = Again(["none"])
    monkeypatch.setattr(other, "run", lambda: run.append("other"))
    other.begin()
    other.end()
    assert other.stop.is_set() and not other.wanted
    other._late()
    assert "other" not in run
