"""Single sign-on over real HTTP: who comes in by a provider of identities, and what a hostile one achieves."""

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pyotp
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from sqlalchemy import select

from core.audit import AuditEntry
from core.city import Person
from core.clock import ManualClock
from core.errors import HeyiError
from core.settings import Settings
from desk.access.auth import COOKIE, FACTOR_COOKIE
from desk.access.links import roles_of, values_of
from desk.access.oidcpages import COOKIE as OIDC_COOKIE
from desk.access.oidcpages import begun_of
from desk.access.tables import LinkRow, SessionRow
from desk.access.users import UserRow, Users
from desk.app import create_app
from desk.server import DeskServer
from tests.desk_fakes import PASSWORD, Stage
from tests.eventually import PATIENCE_S
from tests.identity_provider import CLIENT, SECRET, Provider, twisted

KEEPER = Person(login="guan", name="管理员", role="administrator", password=PASSWORD)
AWAY, REFUSED, OVER = "统一身份认证暂时不可用", "统一身份认证没有通过", "本次登录已失效"


@dataclass
class Site:
    """A desk whose people come in by a provider."""

    stage: Stage
    provider: Provider
    desk: str
    new: Callable[[], Awaitable[httpx.AsyncClient]]

    async def begin(self, client: httpx.AsyncClient, next: str = "") -> dict[str, str]:
        """To the provider: what it is asked."""
        answer = await client.get(f"/login/oidc?next={next}")
        assert answer.status_code == 303, answer.text
        where = urlsplit(answer.headers["location"])
        assert f"{where.scheme}://{where.netloc}" == self.provider.issuer
        return {name: value for name, (value,) in parse_qs(where.query).items()}

    async def come(self, client: httpx.AsyncClient, user: str, next: str = "") -> httpx.Response:
        """The whole way, up to what the desk answers."""
        asked = await self.begin(client, next)
        return await self.back(client, asked, user)

    async def back(self, client: httpx.AsyncClient, asked: dict[str, str], user: str, **more: str) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.provider.issuer, timeout=PATIENCE_S) as theirs:
            sent = await theirs.get("/authorize", params={**asked, "user": user})
        returned = {name: value for name, (value,) in parse_qs(urlsplit(sent.headers["location"]).query).items()}
        return await client.get("/login/oidc/back", params={**returned, **more})

    async def audited(self, *what: str) -> list[tuple[str, str, str]]:
        wanted = select(AuditEntry).where(AuditEntry.what.in_(what)).order_by(AuditEntry.id)
        async with self.stage.services.database.read() as session:
            return [(entry.who, entry.what, entry.detail) for entry in await session.scalars(wanted)]

    async def user(self, login: str) -> UserRow | None:
        async with self.stage.services.database.read() as session:
            return await session.get(UserRow, login)


Opened = Callable[..., Awaitable[Site]]


@pytest.fixture
async def opened(stage: Stage) -> AsyncIterator[Opened]:
    provider = Provider(stage.clock)
    provider.people |= {
        "xiaoyan": {"sub": "u-1", "preferred_username": "wang", "sid": "s-1"},
        "zhiqiang": {"sub": "u-2", "preferred_username": "chen", "sid": "s-2"},
        "stranger": {"sub": "u-3", "preferred_username": "nobody"},
        "chief": {"sub": "u-4", "preferred_username": "guan"},
    }
    await provider.start()
    await Users(stage.services.database, stage.clock).add(KEEPER)
    servers: list[DeskServer] = []
    clients: list[httpx.AsyncClient] = []

    async def site(**settings: Any) -> Site:
        given = {"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET} | settings
        services = replace(stage.services, settings=stage.services.settings.model_copy(update=given))
        server = DeskServer(create_app(services), "127.0.0.1", 0)
        await server.start()
        servers.append(server)
        desk = f"http://127.0.0.1:{server.port}"

        async def client() -> httpx.AsyncClient:
            clients.append(httpx.AsyncClient(base_url=desk, timeout=PATIENCE_S))
            return clients[-1]

        return Site(stage, provider, desk, client)

    yield site
    for client in clients:
        await client.aclose()
    for server in servers:
        await server.stop()
    await provider.stop()


@pytest.fixture
async def site(opened: Opened) -> Site:
    return await opened()


def later(site: Site, seconds: float) -> None:
    assert isinstance(site.stage.clock, ManualClock)
    site.stage.clock.advance(seconds)


async def test_somebody_comes_in_by_the_provider_and_goes_where_he_wanted(site: Site) -> None:
    client = await site.new()
    page = await client.get("/login?next=/knowledge")
    assert 'href="/login/oidc?next=/knowledge"' in page.text and "统一身份认证" in page.text
    asked = await site.begin(client, "/knowledge")
    assert (asked["client_id"], asked["scope"], asked["prompt"]) == (CLIENT, "openid profile", "login")
    assert asked["redirect_uri"] == f"{site.desk}/login/oidc/back" and len(set(asked.values())) == len(asked)
    answer = await site.back(client, asked, "xiaoyan")
    assert (answer.status_code, answer.headers["location"]) == (303, "/knowledge")
    told = (await client.get("/api/session")).json()
    assert told == {"login": "wang", "role": "agent"}
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith(f"{COOKIE}="))
    assert "HttpOnly" in cookie and "samesite=lax" in cookie.lower()
    assert OIDC_COOKIE not in client.cookies
    assert await site.audited("identity_linked", "sign_in") == [
        ("wang", "identity_linked", "u-1"), ("wang", "sign_in", "oidc"),
    ]  # fmt: skip


async def test_without_a_provider_there_is_no_button_and_no_door(stage: Stage, opened: Opened) -> None:
    site = await opened(oidc_issuer="")
    client = await site.new()
    assert "/login/oidc" not in (await client.get("/login")).text
    assert [(await client.get(f"/login/oidc{path}")).status_code for path in ("", "/back", "/out")] == [404] * 3


async def test_the_provider_is_believed_for_an_hour_and_its_new_keys_at_once(site: Site) -> None:
    for user in ("xiaoyan", "zhiqiang"):
        assert (await site.come(await site.new(), user)).status_code == 303
    assert site.provider.asked == ["discovery", "token", "keys", "token"]
    later(site, 60)
    site.provider.rotate()
    assert (await site.come(await site.new(), "xiaoyan")).status_code == 303
    assert site.provider.asked[4:] == ["token", "keys"]
    # Somebody who makes up keys does not have them fetched again and again.
    with twisted(site.provider, sign=lambda claims: signed_by_another(claims)):
        for _ in range(3):
            assert (await site.come(await site.new(), "xiaoyan")).status_code == 401
    assert site.provider.asked[6:] == ["token"] * 3


def signed_by_another(claims: dict[str, Any]) -> str:
    other = RSAKey.generate_key(2048, {"kid": "made up"})
    return jwt.encode({"alg": "RS256", "kid": "made up"}, claims, other)


def unsigned(claims: dict[str, Any]) -> str:
    parts = ({"alg": "none"}, claims)
    return ".".join(urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."


def by_the_client_secret(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET), algorithms=["HS256"])


def changed(**claims: Any) -> dict[str, Any]:
    """The provider's claims, with others in place of some; None takes one away."""

    def twist(held: dict[str, Any]) -> None:
        held.update(claims)
        for name in [name for name, value in claims.items() if value is None]:
            del held[name]

    return {"twist": twist}


NOW = 1795138200  # stage's clock: 2026-11-20 01:30 UTC


@pytest.mark.parametrize(
    ("lie", "why"),
    [
        (changed(nonce="f" * 32), "nonce"),
        (changed(nonce=None), "nonce"),
        (changed(nonce=["a"]), "nonce"),
        (changed(aud="another-desk"), "invalid_claim aud"),
        (changed(aud=None), "missing_claim aud"),
        (changed(aud=[CLIENT, "another-desk"]), "azp"),
        (changed(aud=[CLIENT, "another-desk"], azp="another-desk"), "azp"),
        (changed(azp="another-desk"), "azp"),
        (changed(exp=NOW - 61), "expired_token exp"),
        (changed(exp=None), "missing_claim exp"),
        (changed(exp="tomorrow"), "invalid_claim exp"),
        (changed(exp=float("nan")), ""),
        (changed(iat=NOW + 61), "invalid_claim iat"),
        (changed(iat=NOW - 601), "stale iat"),
        (changed(iss="https://elsewhere.test"), "invalid_claim iss"),
        (changed(iss=None), "missing_claim iss"),
        (changed(sub=None), "sub"),
        (changed(sub=""), "sub"),
        (changed(sub=7), "invalid_claim sub"),
        ({"sign": unsigned}, ""),
        ({"sign": by_the_client_secret}, ""),
        ({"sign": signed_by_another}, ""),
        ({"sign": lambda _claims: "no token"}, ""),
        ({"sign": lambda _claims: "ey.ey.ey"}, ""),
        ({"answer": {"iss": "https://elsewhere.test"}}, "another issuer"),
        ({"answer": {"error": "access_denied"}}, "access_denied"),
        ({"answer": {"code": ""}}, "provider answered"),
        ({"answer": {"code": "made up"}}, "code refused with 400"),
    ],
)
async def test_a_hostile_answer_lets_nobody_in(site: Site, lie: dict[str, Any], why: str) -> None:
    assert site.stage.clock.now().timestamp() == NOW
    client = await site.new()
    with twisted(site.provider, **lie):
        answer = await site.come(client, "xiaoyan")
    assert answer.status_code == 401 and REFUSED in answer.text, answer.text
    assert COOKIE not in client.cookies and (await client.get("/api/session")).status_code == 401
    ((who, _, detail),) = await site.audited("sign_in_failed")
    assert who == "oidc" and why in detail
    # The same person, the same browser, an honest answer.
    assert (await site.come(client, "xiaoyan")).status_code == 303


async def test_a_state_is_good_in_the_browser_that_asked_once_and_for_a_while(site: Site) -> None:
    asked = await site.begin(mine := await site.new())
    # Login CSRF: an answer that somebody else's browser fetched, or none.
    for other in (await site.new(), await site.new()):
        answer = await site.back(other, asked, "zhiqiang")
        assert answer.status_code == 400 and OVER in answer.text and COOKIE not in other.cookies
        await site.begin(other)
    for state in ("", "f" * 32, asked["nonce"]):
        assert (await site.back(mine, asked, "xiaoyan", state=state)).status_code == 400
        asked = await site.begin(mine)
    kept = mine.cookies[OIDC_COOKIE]
    assert (await site.back(mine, asked, "xiaoyan")).status_code == 303
    thief = await site.new()
    thief.cookies.set(OIDC_COOKIE, kept, path="/login/oidc")
    answer = await site.back(thief, asked, "xiaoyan")
    assert answer.status_code == 403 and COOKIE not in thief.cookies, "taken once, even with its cookie"
    slow = await site.new()
    asked = await site.begin(slow)
    later(site, 601)
    assert OVER in (await site.back(slow, asked, "xiaoyan")).text


async def test_a_code_of_another_session_opens_none(site: Site) -> None:
    """Code injection: a victim's code, fed into the thief's own sign-in. PKCE: his verifier is not the victim's."""
    victim = await site.begin(await site.new())
    stolen = site.provider.code_for(victim, "xiaoyan")
    thief = await site.new()
    answer = await site.back(thief, await site.begin(thief), "zhiqiang", code=stolen)
    assert answer.status_code == 401 and COOKIE not in thief.cookies
    assert "code refused with 400" in (await site.audited("sign_in_failed"))[0][2]


async def test_a_code_is_not_taken_twice(site: Site) -> None:
    client = await site.new()
    asked = await site.begin(client)
    code = site.provider.code_for(asked, "xiaoyan")
    kept = client.cookies[OIDC_COOKIE]
    for expected in (303, 401):
        client.cookies.set(OIDC_COOKIE, kept, path="/login/oidc")
        answer = await client.get("/login/oidc/back", params={"state": asked["state"], "code": code})
        assert answer.status_code == expected


@pytest.mark.parametrize("cookie", ["", "x", "!!", "bnVsbA", "WzEsMl0", urlsafe_b64encode(b'["a",1e30,""]').decode()])
async def test_a_cookie_that_is_none_is_told(site: Site, cookie: str) -> None:
    client = await site.new()
    client.cookies.set(OIDC_COOKIE, cookie, path="/login/oidc")
    answer = await client.get("/login/oidc/back", params={"state": "a", "code": "b"})
    assert answer.status_code == 400 and begun_of(cookie) is None


@pytest.mark.parametrize("next", ["https://elsewhere.test/", "//elsewhere.test", "/\\elsewhere.test", "/login/oidc"])
async def test_nobody_is_sent_elsewhere_afterwards(site: Site, next: str) -> None:
    assert (await site.come(await site.new(), "xiaoyan", next)).headers["location"] == "/desk"


async def test_a_provider_that_is_away_is_told_and_passwords_go_on(site: Site) -> None:
    client = await site.new()
    await site.provider.stop()
    for _ in range(2):
        answer = await client.get("/login/oidc")
        assert answer.status_code == 503 and AWAY in answer.text
    assert (await client.post("/login", data={"login": "wang", "password": PASSWORD})).status_code == 303
    await site.provider.start()
    later(site, 6)
    again = await site.new()
    asked = await site.begin(again)
    await site.provider.stop()
    returned = await again.get("/login/oidc/back", params={"state": asked["state"], "code": "any"})
    assert returned.status_code == 503 and AWAY in returned.text
    await site.provider.start()


@pytest.mark.parametrize(
    "told",
    [
        {"issuer": "https://elsewhere.test"},
        {"token_endpoint": "ftp://elsewhere.test"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
async def test_a_provider_that_says_nonsense_of_itself_is_not_used(site: Site, told: dict[str, Any]) -> None:
    with twisted(site.provider, metadata=told):
        assert (await (await site.new()).get("/login/oidc")).status_code == 503


async def test_who_names_itself_in_answers_must(site: Site) -> None:
    with twisted(site.provider, metadata={"authorization_response_iss_parameter_supported": True}):
        assert (await site.come(await site.new(), "xiaoyan")).status_code == 401
        with twisted(site.provider, answer={"iss": site.provider.issuer}):
            assert (await site.come(await site.new(), "xiaoyan")).status_code == 303


async def test_the_secret_goes_in_the_form_where_the_provider_wants_it_there(site: Site) -> None:
    with twisted(site.provider, basic=False):
        assert (await site.come(await site.new(), "xiaoyan")).status_code == 303


async def test_who_has_no_login_here_does_not_come_in(site: Site) -> None:
    answer = await site.come(await site.new(), "stranger")
    assert answer.status_code == 403 and "没有可用的账号" in answer.text
    assert await site.audited("sign_in_failed") == [("oidc", "sign_in_failed", "unknown: u-3")]
    assert await site.user("nobody") is None


async def test_who_is_disabled_here_does_not_come_in(site: Site) -> None:
    assert (await site.come(await site.new(), "xiaoyan")).status_code == 303
    await Users(site.stage.services.database, site.stage.clock).disable("wang", site.stage.clock.now())
    assert (await site.come(await site.new(), "xiaoyan")).status_code == 403


async def test_the_subject_counts_once_linked_and_no_name(site: Site) -> None:
    assert (await site.come(await site.new(), "xiaoyan")).status_code == 303
    # Another person of the provider's takes the name; the first is renamed.
    site.provider.people["thief"] = {"sub": "u-9", "preferred_username": "wang"}
    assert (await site.come(await site.new(), "thief")).status_code == 403
    site.provider.people["xiaoyan"]["preferred_username"] = "chen"
    client = await site.new()
    assert (await site.come(client, "xiaoyan")).status_code == 303
    assert (await client.get("/api/session")).json()["login"] == "wang"


async def test_no_claim_links_an_administrator_and_another_administrator_does(site: Site) -> None:
    assert (await site.come(await site.new(), "chief")).status_code == 403
    other = KEEPER.model_copy(update={"login": "guan2"})
    await Users(site.stage.services.database, site.stage.clock).add(other)
    client = await site.new()
    await client.post("/api/login", json={"login": "guan2", "password": PASSWORD})
    page = (await client.get("/users/guan")).text
    assert 'data-test="identity"' in page
    done = await client.post("/users/guan/identity", data={"subject": " u-4 "})
    assert done.status_code == 303
    assert await site.audited("identity_linked") == [("guan2", "identity_linked", "guan u-4")]
    chief = await site.new()
    assert (await site.come(chief, "chief")).status_code == 303
    assert (await chief.get("/api/session")).json() == {"login": "guan", "role": "administrator"}
    taken = await client.post("/users/wang/identity", data={"subject": "u-4"})
    assert taken.status_code == 400 and "已经绑定其他账号" in taken.text
    # Taken away: at once.
    assert (await client.post("/users/guan/identity", data={"subject": ""})).status_code == 303
    assert (await chief.get("/api/session")).status_code == 401
    assert (await site.come(await site.new(), "chief")).status_code == 403


@pytest.mark.parametrize("claim", ["email", "email_verified", "https://claims.test/email"])
def test_an_address_of_email_is_no_login(claim: str) -> None:
    with pytest.raises(ValueError, match="e-mail"):
        Settings(oidc_login_claim=claim)


@pytest.mark.parametrize(
    "issuer", ["http://provider.test", "ftp://x", "https://x.test/?a=b", "http://127.0.0.1.x.test"]
)
def test_a_provider_over_a_line_that_others_read_is_refused(issuer: str) -> None:
    with pytest.raises(ValueError, match="oidc_issuer"):
        Settings(oidc_issuer=issuer)


ROLES = {
    "oidc_role_claim": "realm.groups", "oidc_roles": "leads=supervisor hotline=agent bureau=department",
    "oidc_desk_claim": "desk", "oidc_area_claim": "office",
}  # fmt: skip


async def test_roles_desks_and_areas_come_from_claims_where_the_site_says_so(opened: Opened) -> None:
    site = await opened(**ROLES)
    person = {
        "sub": "n-1",
        "preferred_username": "zhao",
        "name": "赵敏",
        "desk": "1002",
        "realm": {"groups": ["hotline"]},
    }
    site.provider.people["zhao"] = person
    client = await site.new()
    assert (await site.come(client, "zhao")).status_code == 303
    row = await site.user("zhao")
    assert row and (row.name, row.role, row.extension, row.department) == ("赵敏", "agent", "1002", None)
    no_password = await (await site.new()).post("/api/login", json={"login": "zhao", "password": ""})
    assert no_password.status_code == 422
    # Tomorrow another role: today's sessions are over.
    person["realm"], person["office"] = {"groups": ["bureau"]}, "urban"
    again = await site.new()
    assert (await site.come(again, "zhao")).status_code == 303
    assert (await client.get("/api/session")).status_code == 401
    assert (await again.get("/api/session")).json()["role"] == "department"
    assert [one[:2] for one in await site.audited("user_added", "user_changed")] == [
        ("oidc", "user_added"), ("oidc", "user_changed"),
    ]  # fmt: skip
    # No group of ours, no desk, or one that there is not.
    wrongs: list[dict[str, Any]] = [
        {"realm": {}},
        {"office": "nowhere"},
        {"office": ""},
        {"realm": {"groups": "administrator"}},
    ]
    for wrong in wrongs:
        before = dict(person)
        person.update(wrong)
        assert (await site.come(await site.new(), "zhao")).status_code == 403, wrong
        person.clear()
        person.update(before)
    row = await site.user("zhao")
    assert row and row.role == "department"


async def test_claims_change_no_administrator(opened: Opened) -> None:
    site = await opened(**ROLES)
    site.provider.people["chief"]["realm"] = {"groups": ["leads"]}
    assert (await site.come(await site.new(), "chief")).status_code == 403
    client = await site.new()
    other = KEEPER.model_copy(update={"login": "guan2"})
    await Users(site.stage.services.database, site.stage.clock).add(other)
    await client.post("/api/login", json={"login": "guan2", "password": PASSWORD})
    await client.post("/users/guan/identity", data={"subject": "u-4"})
    assert (await site.come(await site.new(), "chief")).status_code == 303
    row = await site.user("guan")
    assert row and row.role == "administrator"


@pytest.mark.parametrize("text", ["x=administrator", "x=auditor", "x=king", "agent"])
def test_no_claim_gives_the_keys_of_the_house(text: str) -> None:
    with pytest.raises(HeyiError, match="no role"):
        roles_of(text)


def test_claims_are_read_one_or_many_and_inside_others() -> None:
    claims = {"a": "x", "b": ["y", 1, "z"], "c": {"d": ["w"]}, "c.d": None, "e.f": "v"}
    assert [values_of(claims, name) for name in ("a", "b", "c.d", "e.f", "c", "", "c.d.e")] == [
        ("x",), ("y", "z"), ("w",), ("v",), (), (), (),
    ]  # fmt: skip


async def test_a_second_factor_of_ours_is_asked_for_unless_the_provider_asked_and_counts(
    stage: Stage, opened: Opened
) -> None:
    strict, trusting = await opened(), await opened(oidc_factors="mfa urn:level-3")
    client = await strict.new()
    await client.post("/api/login", json={"login": "wang", "password": PASSWORD})
    secret = re.search(r'data-test="factor-secret">([A-Z2-7]+=*)<', (await client.get("/account/factor")).text)
    assert secret
    now = pyotp.TOTP(secret[1]).at(stage.clock.now())
    assert (await client.post("/account/factor", data={"code": now, "password": PASSWORD})).status_code == 200
    for site, told, asked in (
        (strict, {"amr": ["pwd", "mfa"]}, True), (trusting, {}, True), (trusting, {"amr": ["pwd"], "acr": "1"}, True),
        (trusting, {"amr": "mfa"}, True), (trusting, {"amr": ["pwd", "mfa"]}, False),
        (trusting, {"acr": "urn:level-3"}, False),
    ):  # fmt: skip
        site.provider.people["xiaoyan"] = {"sub": "u-1", "preferred_username": "wang", "sid": "s-1", **told}
        browser = await site.new()
        answer = await site.come(browser, "xiaoyan", "/knowledge")
        came_in = (await browser.get("/api/session")).status_code == 200
        assert (answer.headers["location"], came_in) == (
            ("/login/factor?next=/knowledge", False) if asked else ("/knowledge", True)
        ), told
    browser = await strict.new()
    await strict.come(browser, "xiaoyan", "/knowledge")
    assert FACTOR_COOKIE in browser.cookies
    later(strict, 30)
    code = pyotp.TOTP(secret[1]).at(stage.clock.now())
    done = await browser.post("/login/factor", data={"code": code, "next": "/knowledge"})
    assert (done.status_code, done.headers["location"]) == (303, "/knowledge")
    # And this session ends as the provider says, too.
    assert (await post_logout(strict, strict.provider.logout_token(sub="u-1", sid="s-1"))).status_code == 200
    assert (await browser.get("/api/session")).status_code == 401


async def post_logout(site: Site, token: str) -> httpx.Response:
    return await (await site.new()).post("/login/oidc/logout", data={"logout_token": token})


async def test_what_ends_at_the_provider_ends_here(site: Site) -> None:
    first, second, other, local = [await site.new() for _ in range(4)]
    await site.come(first, "xiaoyan")
    site.provider.people["xiaoyan"]["sid"] = "s-7"
    await site.come(second, "xiaoyan")
    await site.come(other, "zhiqiang")
    await local.post("/api/login", json={"login": "wang", "password": PASSWORD})

    async def lives() -> list[bool]:
        return [(await c.get("/api/session")).status_code == 200 for c in (first, second, other, local)]

    assert await lives() == [True] * 4
    answer = await post_logout(site, site.provider.logout_token(sub="u-1", sid="s-1"))
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert await lives() == [False, True, True, True]
    # A session's number without its person, and a person without a session.
    await post_logout(site, site.provider.logout_token(sid="s-2"))
    assert await lives() == [False, True, False, True]
    again = site.provider.logout_token(sub="u-1")
    await post_logout(site, again)
    assert await lives() == [False, False, False, True], "what a password opened is no business of the provider's"
    await site.come(first, "xiaoyan")
    assert (await post_logout(site, again)).status_code == 200
    assert await lives() == [True, False, False, True], "taken once"
    assert [one[0] for one in await site.audited("session_ended")] == ["oidc"] * 3
    async with site.stage.services.database.read() as session:
        over = await session.scalars(select(SessionRow.why).where(SessionRow.ended_at.is_not(None)))
    assert set(over) == {"provider"}


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another-desk"}, {"iss": "https://elsewhere.test"}, {"events": {}}, {"events": None}, {"nonce": "x"},
        {"sub": ""}, {"sub": 7}, {"iat": NOW - 601}, {"exp": NOW - 61},
    ],
)  # fmt: skip
async def test_a_logout_that_is_none_ends_nothing(site: Site, claims: dict[str, Any]) -> None:
    client = await site.new()
    await site.come(client, "xiaoyan")
    for token in (site.provider.logout_token(**{"sub": "u-1", **claims}), unsigned({"sub": "u-1"}), "x"):
        assert (await post_logout(site, token)).status_code == 400
    assert (await client.get("/api/session")).status_code == 200


async def test_a_shared_computer_leaves_the_provider_too(site: Site) -> None:
    client = await site.new()
    await site.come(client, "xiaoyan")
    signed_out = await client.post("/logout")
    page = await client.get(signed_out.headers["location"])
    assert 'href="/login/oidc/out"' in page.text
    away = await client.get("/login/oidc/out")
    assert away.headers["location"].startswith(
        f"{site.provider.issuer}/end?client_id={CLIENT}&post_logout_redirect_uri="
    )


async def test_a_flood_of_tries_asks_the_provider_no_more(site: Site) -> None:
    known, stranger = await site.new(), await site.new()
    assert (await site.come(known, "xiaoyan")).status_code == 303

    async def tried() -> int:
        asked = await site.begin(stranger)
        return (await stranger.get("/login/oidc/back", params={"state": asked["state"], "code": "x"})).status_code

    # The one above came in, and was no guess.
    assert [await tried() for _ in range(123)] == [401] * 120 + [429] * 3
    assert site.provider.asked.count("token") == 121
    assert (await site.come(known, "xiaoyan")).status_code == 303, "whoever works there is not kept out by it"


async def test_an_identity_is_kept_by_its_number_alone(site: Site) -> None:
    await site.come(await site.new(), "xiaoyan")
    async with site.stage.services.database.read() as session:
        (row,) = await session.scalars(select(LinkRow))
    assert (row.issuer, row.subject, row.login, row.made_by) == (site.provider.issuer, "u-1", "wang", "wang")
