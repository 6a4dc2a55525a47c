"""The second factor: codes of the half-minute, taken once; recovery codes; who must have one."""

import asyncio
import base64
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pyotp
import pytest
from sqlalchemy import select

from core.audit import AuditEntry
from core.clock import ManualClock
from desk.access import factors
from desk.access.auth import COOKIE, FACTOR_COOKIE
from desk.access.factors import RECOVERY_CODES, CodeRefused, Factors, new_codes, step_of, taken_step, tidy
from desk.access.tables import FactorRow, RecoveryRow
from desk.app import create_app
from tests.desk_fakes import PASSWORD, Stage
from tests.unit.conftest import SignIn

#: RFC 6238, appendix B: the secret of its SHA-1 rows, and what an authenticator shows (its last six digits).
RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()
RFC_ROWS = ((59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"))


@pytest.mark.parametrize(("second", "code"), RFC_ROWS)
def test_codes_are_those_of_the_standard(second: int, code: str) -> None:
    at = datetime.fromtimestamp(second, UTC)
    assert taken_step(RFC_SECRET, code, at, 0) == step_of(at)
    for off, taken in ((-61, False), (-30, True), (30, True), (61, False)):
        assert (taken_step(RFC_SECRET, code, at + timedelta(seconds=off), 0) is not None) == taken, off
    assert taken_step(RFC_SECRET, code, at, step_of(at)) is None, "taken once"


def test_all_candidates_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def digest(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(factors.secrets, "compare_digest", digest)
    at = datetime.fromtimestamp(59, UTC)
    for code in ("287082", "000000"):
        compared.clear()
        taken_step(RFC_SECRET, code, at, 0)
        assert len(compared) == 3


def test_recovery_codes_are_many_and_read_as_people_type_them() -> None:
    codes = new_codes()
    assert len(set(codes)) == RECOVERY_CODES and all(re.fullmatch(r"[2-9A-Z]{5}-[2-9A-Z]{5}", code) for code in codes)
    assert not set("01IO") & set("".join(codes))
    assert tidy(" ab2cd ef3gh ") == "AB2CDEF3GH"


def shown(stage: Stage, secret: str) -> str:
    """What the telephone shows now."""
    return pyotp.TOTP(secret).at(stage.clock.now())


def half_a_minute(stage: Stage, count: int = 1) -> None:
    assert isinstance(stage.clock, ManualClock)
    stage.clock.advance(30 * count)


def codes_of(page: str) -> list[str]:
    return re.findall(r"<code>([2-9A-Z]{5}-[2-9A-Z]{5})</code>", page)


async def switch_on(stage: Stage, client: httpx.AsyncClient) -> tuple[str, list[str]]:
    """Secret and recovery codes."""
    page = (await client.get("/account/factor")).text
    found = re.search(r'data-test="factor-secret">([A-Z2-7]+=*)<', page)
    assert found and "<svg" in page
    secret = found[1]
    done = await client.post("/account/factor", data={"code": shown(stage, secret), "password": PASSWORD})
    assert done.status_code == 200, done.text
    # Shown this once, and kept by no browser; on paper they say whose.
    assert done.headers["cache-control"] == "no-store" and "晋江市 · " in done.text
    return secret, codes_of(done.text)


async def first_step(client: httpx.AsyncClient, login: str = "lin") -> httpx.Response:
    return await client.post("/login", data={"login": login, "password": PASSWORD, "next": "/calls"})


async def test_with_the_password_alone_nobody_is_in(stage: Stage, sign_in: SignIn) -> None:
    secret, codes = await switch_on(stage, await sign_in("lin"))
    assert len(codes) == RECOVERY_CODES
    client = await sign_in("")
    answer = await first_step(client)
    assert answer.headers["location"] == "/login/factor?next=/calls"
    assert COOKIE not in client.cookies and (await client.get("/api/session")).status_code == 401
    # The cookie of the half is no session, wherever it is put.
    half = client.cookies[FACTOR_COOKIE]
    thief = await sign_in("")
    thief.cookies.set(COOKIE, half)
    assert (await thief.get("/api/session")).status_code == 401
    half_a_minute(stage)
    right = await client.post("/login/factor", data={"code": shown(stage, secret), "next": "/calls"})
    assert (right.status_code, right.headers["location"]) == (303, "/calls")
    assert (await client.get("/api/session")).json()["login"] == "lin"
    # The half is used up.
    thief.cookies.clear()
    thief.cookies.set(FACTOR_COOKIE, half)
    assert (await thief.get("/login/factor")).headers["location"] == "/login"


async def test_a_code_is_taken_once_also_by_two_at_the_same_time(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("lin")
    secret, _ = await switch_on(stage, client)
    auth = client._transport.app.state.auth  # type: ignore[attr-defined]
    # The code that switched it on is used up, too.
    with pytest.raises(CodeRefused):
        await auth.factors.check("lin", shown(stage, secret), "")
    half_a_minute(stage)
    code = shown(stage, secret)
    outcomes = await asyncio.gather(*(auth.factors.check("lin", code, "") for _ in range(5)), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["CodeRefused"] * 4 + ["NoneType"]


async def test_a_recovery_code_is_good_once(stage: Stage, sign_in: SignIn) -> None:
    _, codes = await switch_on(stage, await sign_in("lin"))
    for status, location in ((303, "/wallboard"), (401, None)):
        client = await sign_in("")
        await first_step(client)
        answer = await client.post("/login/factor", data={"code": codes[3].lower().replace("-", " ")})
        assert (answer.status_code, answer.headers.get("location")) == (status, location)
    async with stage.services.database.read() as session:
        assert len(list(await session.scalars(select(RecoveryRow).where(RecoveryRow.used_at.is_(None))))) == 9


async def test_wrong_codes_close_the_login_for_all_addresses(stage: Stage, sign_in: SignIn) -> None:
    secret, _ = await switch_on(stage, await sign_in("lin"))
    half_a_minute(stage)
    client = await sign_in("")
    await first_step(client)
    for _ in range(5):
        assert (await client.post("/login/factor", data={"code": "000000"})).status_code == 401
    answer = await client.post("/login/factor", data={"code": shown(stage, secret)})
    assert answer.status_code == 401 and "验证码错误次数过多" in answer.text
    app = client._transport.app  # type: ignore[attr-defined]
    elsewhere = httpx.ASGITransport(app, client=("10.0.0.9", 1))
    async with httpx.AsyncClient(transport=elsewhere, base_url="http://desk.test") as other:
        body = {"login": "lin", "password": PASSWORD, "code": shown(stage, secret)}
        assert (await other.post("/api/login", json=body)).status_code == 401
        half_a_minute(stage, 11)
        body["code"] = shown(stage, secret)
        assert (await other.post("/api/login", json=body)).status_code == 200
    async with stage.services.database.read() as session:
        failed = await session.scalars(select(AuditEntry.who).where(AuditEntry.what == "factor_failed"))
        assert list(failed) == ["lin"] * 5


async def test_five_tries_are_five_however_many_come_at_once(stage: Stage, sign_in: SignIn) -> None:
    await switch_on(stage, await sign_in("lin"))
    client = await sign_in("")
    wrong = {"login": "chen", "password": "not it"}
    answers = await asyncio.gather(*(client.post("/api/login", json=wrong) for _ in range(12)))
    assert sum("不正确" in answer.json()["message"] for answer in answers) == 5
    await first_step(client)
    codes = await asyncio.gather(*(client.post("/login/factor", data={"code": f"{n:06}"}) for n in range(12)))
    assert sum("验证码错误次数过多" in answer.text for answer in codes) == 7
    async with stage.services.database.read() as session:
        failed = select(AuditEntry.what).where(AuditEntry.what.in_(("sign_in_failed", "factor_failed")))
        assert sorted(await session.scalars(failed)) == ["factor_failed"] * 5 + ["sign_in_failed"] * 5


async def test_programs_send_the_code_along(stage: Stage, sign_in: SignIn) -> None:
    secret, _ = await switch_on(stage, await sign_in("lin"))
    half_a_minute(stage)
    client = await sign_in("")
    body = {"login": "lin", "password": PASSWORD}
    missing = await client.post("/api/login", json=body)
    assert missing.status_code == 401 and missing.json()["message"] == "请输入二次验证的验证码"
    assert (await client.post("/api/login", json={**body, "code": shown(stage, secret)})).status_code == 200


async def test_a_role_that_needs_one_sets_it_up_before_anything_else(stage: Stage) -> None:
    settings = stage.services.settings.model_copy(update={"factor_roles": "administrator supervisor"})
    app = create_app(replace(stage.services, settings=settings))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk.test") as client:
        assert (await client.post("/api/login", json={"login": "lin", "password": PASSWORD})).status_code == 401
        await first_step(client)
        page = (await client.get("/login/factor")).text
        secret = re.search(r'data-test="factor-secret">([A-Z2-7]+=*)<', page)
        assert secret and (await client.get("/api/session")).status_code == 401
        # Without a factor no code opens the other door.
        assert (await client.post("/login/factor", data={"code": "000000"})).headers["location"] == "/login"
        wrong = await client.post("/login/enrol", data={"code": "000000"})
        assert wrong.status_code == 401 and secret[1] in wrong.text, "the same picture again"
        done = await client.post("/login/enrol", data={"code": shown(stage, secret[1])})
        assert len(codes_of(done.text)) == RECOVERY_CODES
        assert (await client.get("/api/session")).json()["login"] == "lin"
        # Others are not asked for one.
        await client.post("/logout")
        assert (await client.post("/api/login", json={"login": "wang", "password": PASSWORD})).status_code == 200


async def test_switching_it_on_ends_the_other_sessions_and_off_needs_a_code(stage: Stage, sign_in: SignIn) -> None:
    here, there = await sign_in("lin"), await sign_in("lin")
    secret, codes = await switch_on(stage, here)
    assert [(await c.get("/api/session")).status_code for c in (here, there)] == [200, 401]
    assert (await here.get("/account/factor")).status_code == 400
    assert (await here.post("/account/factor/off", data={"code": "000000"})).status_code == 400
    half_a_minute(stage)
    renewed = await here.post("/account/factor/codes", data={"code": shown(stage, secret)})
    assert not set(codes_of(renewed.text)) & set(codes) and len(codes_of(renewed.text)) == RECOVERY_CODES
    assert (await here.post("/account/factor/off", data={"code": codes[0]})).status_code == 400, "the old ones are void"
    off = await here.post("/account/factor/off", data={"code": codes_of(renewed.text)[0]})
    assert off.status_code == 303
    client = await sign_in("")
    assert (await first_step(client)).headers["location"] == "/calls"


async def offered(client: httpx.AsyncClient) -> str:
    found = re.search(r'data-test="factor-secret">([A-Z2-7]+=*)<', (await client.get("/account/factor")).text)
    assert found
    return found[1]


async def test_a_secret_is_one_sessions_and_needs_the_password(stage: Stage, sign_in: SignIn) -> None:
    here, there = await sign_in("lin"), await sign_in("lin")
    mine, others = await offered(here), await offered(there)
    assert mine != others and await offered(here) == mine, "a page that is loaded again shows the same picture"
    for form in (
        {"code": shown(stage, others), "password": PASSWORD},
        {"code": shown(stage, mine), "password": "not it"},
    ):
        assert (await here.post("/account/factor", data=form)).status_code == 400
    _, codes = await switch_on(stage, here)
    assert (await here.post("/account/factor/off", data={"code": codes[0]})).status_code == 303
    assert await offered(here) not in (mine, others), "the old telephone shows none of its codes"


async def test_neither_table_holds_what_a_thief_could_use(stage: Stage, sign_in: SignIn) -> None:
    secret, codes = await switch_on(stage, await sign_in("lin"))
    async with stage.services.database.read() as session:
        factor = await session.get_one(FactorRow, "lin")
        kept = {factor.salt, *await session.scalars(select(RecoveryRow.code_hash))}
    assert not any(secret in text or tidy(codes[0]) in text for text in kept)
    other = Factors(stage.services.database, stage.clock, "another site", "x")
    assert other._of(factor) != secret
