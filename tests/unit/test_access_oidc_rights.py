"""What a provider of identities may say of somebody's rights, factors and sessions."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pyotp
import pytest
from sqlalchemy import select

from core.errors import HeyiError
from desk.access.auth import FACTOR_COOKIE
from desk.access.links import roles_of, values_of
from desk.access.tables import LinkRow, SessionRow
from desk.access.users import Users
from tests.desk_fakes import PASSWORD, Stage
from tests.identity_provider import CLIENT
from tests.unit.oidc_support import KEEPER, NOW, Opened, Site, later, sites, unsigned


@pytest.fixture
async def opened(stage: Stage) -> AsyncIterator[Opened]:
    async with sites(stage) as made:
        yield made


@pytest.fixture
async def site(opened: Opened) -> Site:
    return await opened()


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
