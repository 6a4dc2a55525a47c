"""Single sign-on over real HTTP: who comes in by a provider of identities, and what a hostile one achieves."""

from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from core.settings import Settings
from desk.access.auth import COOKIE
from desk.access.oidcpages import COOKIE as OIDC_COOKIE
from desk.access.oidcpages import begun_of
from desk.access.users import Users
from tests.desk_fakes import PASSWORD, Stage
from tests.identity_provider import CLIENT, SECRET, twisted
from tests.unit.oidc_support import AWAY, KEEPER, NOW, OVER, REFUSED, Opened, Site, later, sites, unsigned


@pytest.fixture
async def opened(stage: Stage) -> AsyncIterator[Opened]:
    async with sites(stage) as made:
        yield made


@pytest.fixture
async def site(opened: Opened) -> Site:
    return await opened()


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


def by_the_client_secret(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET), algorithms=["HS256"])


def changed(**claims: Any) -> dict[str, Any]:
    """The provider's claims, with others in place of some; None takes one away."""

    def twist(held: dict[str, Any]) -> None:
        held.update(claims)
        for name in [name for name, value in claims.items() if value is None]:
            del held[name]

    return {"twist": twist}


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
