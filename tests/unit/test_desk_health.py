"""What the wallboard learns of the lines: their last check, to supervisors only, in the reader's language.

And the figures for monitoring: who reads them.
"""

from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from core.metrics import Sample
from desk.app import create_app
from switchboard.health import TRUNK, LineCheck, record
from telephony.linecheck import FAILURES
from tests.desk_fakes import CITY, PASSWORD, Stage

AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


async def ask(stage: Stage, login: str, query: str = "") -> httpx.Response:
    app = create_app(stage.services)
    async with app.router.lifespan_context(app), httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://desk.test"
    ) as client:  # fmt: skip
        if login:
            await client.post("/api/login", json={"login": login, "password": PASSWORD})
        return await client.get(f"/api/health/lines{query}")


async def test_only_a_supervisor_sees_the_lines_health(stage: Stage) -> None:
    assert (await ask(stage, "")).status_code == 401
    assert (await ask(stage, "wang")).status_code == 403
    assert (await ask(stage, "fire")).status_code == 403
    assert (await ask(stage, "lin")).status_code == 200


async def test_each_line_shows_its_last_check(stage: Stage) -> None:
    number = CITY.lines[0].number
    for ok, step in ((False, "ring"), (True, ""), (False, "desk_voice")):
        why = FAILURES["desk_voice"] if step == "desk_voice" else "" if ok else "else"
        await record(stage.services.database, LineCheck(line=number, at=AT, ok=ok, step=step, why=why, took_s=3.5))
    await record(stage.services.database, LineCheck(line=TRUNK, at=AT, ok=True))
    said = (await ask(stage, "lin")).json()
    assert [row["line"] for row in said] == ["中继", "录音磁盘", *(line.number for line in CITY.lines)]
    assert [row["ok"] for row in said[:4]] == [True, None, False, None]
    assert (said[2]["why"], said[2]["took_s"], said[2]["at"]) == ("来电人听不到坐席", 3.5, AT.isoformat())
    english = (await ask(stage, "lin", "?lang=en")).json()
    assert (english[0]["line"], english[2]["why"]) == ("Trunk", "The caller cannot hear the desk")
    assert english[2]["name"] == CITY.lines[0].name_en


@pytest.mark.parametrize(
    ("address", "headers", "login", "status"),
    [
        ("127.0.0.1", {}, "", 200),
        ("::1", {}, "", 200),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, "", 403),
        ("203.0.113.9", {}, "", 403),
        ("203.0.113.9", {}, "wang", 403),
        ("203.0.113.9", {}, "lin", 200),
    ],
)
async def test_figures_are_for_this_machine_and_for_supervisors(
    stage: Stage, address: str, headers: dict[str, str], login: str, status: int
) -> None:
    async def figures() -> list[Sample]:
        return [Sample("heyi_asr_finals_open", 3, "Finished utterances without a stored text.")]

    app = create_app(replace(stage.services, metrics=figures))
    async with app.router.lifespan_context(app), httpx.AsyncClient(
        transport=httpx.ASGITransport(app, client=(address, 4000)), base_url="http://desk.test"
    ) as client:  # fmt: skip
        if login:
            await client.post("/api/login", json={"login": login, "password": PASSWORD})
        answer = await client.get("/metrics", headers=headers)
    assert answer.status_code == status
    if status == 200:
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert "\nheyi_asr_finals_open 3\n" in answer.text
