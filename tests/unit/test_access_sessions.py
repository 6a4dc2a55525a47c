"""Sessions on the server: who ends them, what ends with them, and what a cookie is worth afterwards."""

import asyncio
from collections.abc import Collection
from contextlib import ExitStack
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select

from core.audit import AuditEntry
from core.clock import ManualClock
from desk.access.accountpages import fault_of
from desk.access.auth import COOKIE
from desk.access.browsers import named
from desk.access.sessions import Sessions, digest
from desk.access.tables import SessionRow
from desk.access.users import Users
from desk.access.watch import SessionWatch
from desk.app import create_app
from desk.server import DeskServer
from tests.desk_fakes import CITY, PASSWORD, Stage
from tests.eventually import PATIENCE_S, until
from tests.unit.conftest import SignIn


async def rows(stage: Stage) -> list[SessionRow]:
    async with stage.services.database.read() as session:
        return list(await session.scalars(select(SessionRow).order_by(SessionRow.id)))


async def audited(stage: Stage, *what: str) -> list[tuple[str, str]]:
    async with stage.services.database.read() as session:
        found = await session.scalars(select(AuditEntry).where(AuditEntry.what.in_(what)).order_by(AuditEntry.id))
        return [(entry.who, entry.what) for entry in found]


def later(stage: Stage, **time: float) -> None:
    assert isinstance(stage.clock, ManualClock)
    stage.clock.advance(timedelta(**time).total_seconds())


async def test_signing_out_ends_the_session_on_the_server(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("wang")
    token = client.cookies[COOKIE]
    assert (await client.post("/logout")).status_code == 303
    thief = await sign_in("")
    thief.cookies.set(COOKIE, token)
    assert (await thief.get("/api/session")).status_code == 401
    (row,) = await rows(stage)
    assert (row.why, row.ended_at) == ("sign_out", stage.clock.now())
    assert await audited(stage, "sign_in", "sign_out") == [("wang", "sign_in"), ("wang", "sign_out")]


async def test_the_table_holds_nothing_that_opens_a_session(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("wang")
    (row,) = await rows(stage)
    assert row.token_hash == digest(client.cookies[COOKIE]) and len(client.cookies[COOKIE]) >= 43
    thief = await sign_in("")
    for known in (row.token_hash, str(row.id), "wang"):
        thief.cookies.set(COOKIE, known)
        assert (await thief.get("/api/session")).status_code == 401


async def test_signing_in_never_takes_a_number_that_the_browser_brought(stage: Stage, sign_in: SignIn) -> None:
    """Session fixation: an attacker's own session, or a number of his choice, set in the victim's browser."""
    attacker = await sign_in("chen")
    victim = await sign_in("")
    victim.cookies.set(COOKIE, attacker.cookies[COOKIE])
    answer = await victim.post("/login", data={"login": "wang", "password": PASSWORD})
    given = answer.headers["set-cookie"].split(";")[0].split("=", 1)[1]
    assert given != attacker.cookies[COOKIE]
    # And what was there before is over.
    assert (await attacker.get("/api/session")).status_code == 401
    assert [row.why for row in await rows(stage)] == ["replaced", ""]


async def test_one_ends_ones_own_sessions_and_nobody_elses(stage: Stage, sign_in: SignIn) -> None:
    here, there, third, other = [await sign_in(login) for login in ("wang", "wang", "wang", "chen")]
    mine = await rows(stage)
    page = (await here.get("/account")).text
    assert page.count('data-test="end-session"') == 2 and "本次" in page
    assert (await other.post(f"/account/sessions/{mine[1].id}/end")).status_code == 404
    assert (await there.get("/api/session")).status_code == 200
    assert (await here.post(f"/account/sessions/{mine[1].id}/end")).status_code == 303
    assert [(await c.get("/api/session")).status_code for c in (here, there, third, other)] == [200, 401, 200, 200]
    assert (await here.post("/account/sessions/end-others")).status_code == 303
    assert [(await c.get("/api/session")).status_code for c in (here, third, other)] == [200, 401, 200]
    assert await audited(stage, "session_ended") == [("wang", "session_ended")] * 2


async def test_a_new_password_ends_all_sessions_and_gives_this_browser_another(stage: Stage, sign_in: SignIn) -> None:
    here, there = await sign_in("wang"), await sign_in("wang")
    form = {"old": "not it", "new": "a much longer one", "again": "a much longer one"}
    assert (await here.post("/account/password", data=form)).status_code == 400
    assert (await there.get("/api/session")).status_code == 200
    before = here.cookies[COOKIE]
    form["old"] = PASSWORD
    assert (await here.post("/account/password", data=form)).status_code == 303
    assert here.cookies[COOKIE] != before
    assert [(await c.get("/api/session")).status_code for c in (here, there)] == [200, 401]
    stranger = await sign_in("")
    assert (await stranger.post("/api/login", json={"login": "wang", "password": PASSWORD})).status_code == 401
    again = await stranger.post("/api/login", json={"login": "wang", "password": "a much longer one"})
    assert again.status_code == 200


@pytest.mark.parametrize(
    ("new", "again", "fault"),
    [
        ("long enough 1", "long enough 2", "两次输入的新密码不一致"),
        ("short", "short", "新密码至少 10 个字符"),
        ("the-old-password", "the-old-password", "新密码不能与原密码相同，也不能包含用户名"),
        ("xx-WANG-123456", "xx-WANG-123456", "新密码不能与原密码相同，也不能包含用户名"),
        ("aaaaaaaaaaab", "aaaaaaaaaaab", "新密码过于简单"),
        ("correct horse", "correct horse", ""),
    ],
)
def test_what_is_wrong_with_a_password(new: str, again: str, fault: str) -> None:
    assert fault_of(new, again, "wang", "the-old-password") == fault


async def test_nobody_for_too_long_ends_it_and_somebody_does_not(stage: Stage, sign_in: SignIn) -> None:
    idle, busy = await sign_in("wang"), await sign_in("chen")
    for _ in range(5):
        later(stage, minutes=60)
        assert (await busy.get("/api/session")).status_code == 200
    assert (await idle.get("/api/session")).status_code == 401
    later(stage, hours=7, minutes=59)
    assert (await busy.get("/api/session")).status_code == 401, "4 hours are the limit"


async def test_however_busy_it_ends_with_the_shift(stage: Stage, sign_in: SignIn) -> None:
    busy = await sign_in("wang")
    for _ in range(12):
        later(stage, hours=1)
        assert (await busy.get("/api/session")).status_code == 200
    later(stage, hours=1)
    assert (await busy.get("/api/session")).status_code == 401


async def test_who_was_seen_outlives_a_restart_once_it_is_written(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("wang")
    app = client._transport.app  # type: ignore[attr-defined]
    sessions: Sessions = app.state.auth.sessions
    later(stage, hours=3)
    assert (await client.get("/api/session")).status_code == 200
    await sessions.write_seen()
    later(stage, hours=3)
    restarted = httpx.ASGITransport(create_app(stage.services))
    async with httpx.AsyncClient(transport=restarted, base_url="http://desk.test", cookies=client.cookies) as again:
        assert (await again.get("/api/session")).status_code == 200


async def test_a_disabled_login_is_out_at_once(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("wang")
    users = Users(stage.services.database, stage.clock)
    await users.disable("wang", stage.clock.now())
    assert (await client.get("/api/session")).status_code == 401
    answer = await client.post("/api/login", json={"login": "wang", "password": PASSWORD})
    assert answer.status_code == 401 and answer.json()["message"] == "用户名或密码不正确"


async def test_another_process_that_gives_a_password_ends_the_sessions_here(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("wang")
    await Users(stage.services.database).add(CITY.people[0])
    assert (await client.get("/api/session")).status_code == 401


async def test_other_sites_pages_end_no_session(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("wang")
    for origin in ("https://elsewhere.test", "http://[x"):
        answer = await client.post("/account/sessions/end-others", headers={"Origin": origin})
        assert answer.status_code == 403


async def test_a_live_stream_ends_with_its_session(stage: Stage) -> None:
    app = create_app(stage.services)
    app.state.watch = SessionWatch(app.state.auth.sessions, every_s=0.05)
    server = DeskServer(app, "127.0.0.1", 0)
    await server.start()
    try:
        address = f"http://127.0.0.1:{server.port}"
        async with (
            httpx.AsyncClient(base_url=address, timeout=PATIENCE_S) as client,
            httpx.AsyncClient(base_url=address, timeout=PATIENCE_S) as other,
        ):
            await client.post("/api/login", json={"login": "wang", "password": PASSWORD})
            await other.post("/api/login", json={"login": "chen", "password": PASSWORD})
            async with client.stream("GET", "/live") as mine, other.stream("GET", "/live") as theirs:
                heard, still = mine.aiter_lines(), theirs.aiter_lines()
                assert await anext(heard) == await anext(still) == "retry: 1000"
                session_id = (await rows(stage))[0].id
                assert await app.state.auth.sessions.end(session_id, "wang", by="lin", address="")
                async with asyncio.timeout(PATIENCE_S):
                    assert "event: hello" in [line async for line in heard]
                await until(lambda: app.state.feed.pages == 1, lambda: f"{app.state.feed.pages} streams")
            assert (await client.get("/live")).status_code == 401
    finally:
        await server.stop()


async def test_an_open_page_of_a_desk_is_somebody_and_an_open_page_of_others_is_not(
    stage: Stage, sign_in: SignIn
) -> None:
    desk, office = await sign_in("wang"), await sign_in("urban")
    sessions: Sessions = desk._transport.app.state.auth.sessions  # type: ignore[attr-defined]
    watch = SessionWatch(sessions)
    first, second = await rows(stage)
    with watch.follow(first.id, counts=True) as desk_over, watch.follow(second.id, counts=False) as office_over:
        for _ in range(5):
            later(stage, hours=1)
            await watch.look()
        assert (desk_over.is_set(), office_over.is_set()) == (False, True)
    assert [(await c.get("/api/session")).status_code for c in (desk, office)] == [200, 401]


async def test_a_page_that_opens_while_the_table_is_asked_stays(
    stage: Stage, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await sign_in("wang")
    await sign_in("chen")
    sessions: Sessions = client._transport.app.state.auth.sessions  # type: ignore[attr-defined]
    watch, living = SessionWatch(sessions), sessions.living
    first, second = await rows(stage)
    with ExitStack() as pages:

        async def meanwhile(ids: Collection[int]) -> frozenset[int]:
            found = await living(ids)
            over.append(pages.enter_context(watch.follow(second.id, counts=True)))
            return found

        monkeypatch.setattr(sessions, "living", meanwhile)
        over = [pages.enter_context(watch.follow(first.id, counts=True))]
        await watch.look()
        assert [one.is_set() for one in over] == [False, False]
        assert await sessions.end(first.id, "wang", by="lin", address="")
        await watch.look()
        assert [one.is_set() for one in over] == [True, False, False]


def test_browsers_by_name() -> None:
    chrome = (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"
    )
    assert named(chrome) == "Chrome · Windows"
    assert named(f"{chrome} Edg/120.0") == "Edge · Windows"
    assert named("Mozilla/5.0 (Linux; Android 14) AppleWebKit MicroMessenger/8.0 Chrome/99 Safari") == "微信 · Android"
    assert named("python-httpx/0.27") == "python-httpx/0.27" and named("") == ""
