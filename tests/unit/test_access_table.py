"""The table of rights against every route of the application, and areas against tickets."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import Mount

from core.city import Person
from desk.access.auth import current_user
from desk.access.draw import refreshed
from desk.access.rights import Audience, may_hear, may_see_ticket, may_see_unit, receives
from desk.access.routes import ACTION_OF, OPEN, ROUTES
from desk.access.table import ACTIONS, BY_KEY, ROLE_NAMES, may
from desk.access.users import Role, User, Users
from desk.access.whys import WHYS
from desk.app import create_app
from desk.i18n import translate
from tests.desk_fakes import PASSWORD, Stage
from tests.unit.conftest import SignIn
from ticketing.actor import Actor

PASSED = 418


def routes_of(app: FastAPI) -> dict[str, APIRoute]:
    found: dict[str, APIRoute] = {}
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, Mount):
            assert route.path == "/static"
            continue
        assert isinstance(route, APIRoute), route
        found.update({f"{method} {route.path}": route for method in route.methods})
    return found


def asks_who(dependant: Dependant) -> bool:
    return any(inner.call is current_user or asks_who(inner) for inner in dependant.dependencies)


@pytest.fixture
async def app(stage: Stage) -> AsyncIterator[FastAPI]:
    yield create_app(stage.services)


async def test_every_route_stands_in_the_table_or_is_open_on_purpose(app: FastAPI) -> None:
    """Red: a route is new. Add it to desk/access/routes.py."""
    routes = routes_of(app)
    assert sorted(set(routes) - set(ACTION_OF) - OPEN) == []
    assert sorted((set(ACTION_OF) | OPEN) - set(routes)) == [], "no longer there"
    assert set(ACTION_OF) & OPEN == set()
    assert sum(map(len, ROUTES.values())) == len(ACTION_OF), "a route in two rows"
    assert set(ROUTES) <= set(BY_KEY) and len(BY_KEY) == len(ACTIONS)


async def test_every_route_of_the_table_asks_who_it_is(app: FastAPI) -> None:
    routes = routes_of(app)
    assert [name for name in ACTION_OF if not asks_who(routes[name].dependant)] == []
    assert [name for name in OPEN if asks_who(routes[name].dependant)] == []


async def test_every_whole_number_of_an_address_fits_into_a_column(app: FastAPI) -> None:
    """Red: take :data:`desk.whole.Whole`."""
    wide = [
        f"{name} {field.name}"
        for name, route in routes_of(app).items()
        for field in (*route.dependant.path_params, *route.dependant.query_params)
        if isinstance(field.validate(str(2**31), {}, loc=())[0], int)
    ]
    assert wide == []


@pytest.mark.parametrize("number", [2**63, 2**31, -1])
async def test_a_number_that_no_row_has_is_told(sign_in: SignIn, number: int) -> None:
    client = await sign_in("wang")
    assert (await client.post(f"/account/sessions/{number}/end")).status_code == 422


@pytest.mark.parametrize("role", ROLE_NAMES)
async def test_every_route_lets_in_whom_the_table_names_and_nobody_else(app: FastAPI, role: Role) -> None:
    """Through the real routing and the real door; what is behind it is not entered."""
    user = User(login="x", name="x", role=role, extension="1001", department="urban")

    async def known(_request: Request) -> User:
        return user

    async def door(request: Request) -> User:
        await current_user(request)
        raise HTTPException(PASSED)

    app.state.auth.user_of = known
    app.dependency_overrides[current_user] = door
    wrong = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk.test") as client:
        for name, action in ACTION_OF.items():
            method, path = name.split(" ", 1)
            answer = await client.request(method, path.replace("{", "").replace("}", ""))
            if answer.status_code != (PASSED if may(role, action) else 403):
                wrong.append((name, answer.status_code))
    assert wrong == []


async def test_a_route_without_a_row_is_no_way_in(app: FastAPI) -> None:
    @app.get("/forgotten")
    async def forgotten(_request: Request) -> None: ...

    request = Request({"type": "http", "method": "GET", "path": "/forgotten", "headers": [], "app": app,
                       "route": next(c.original_route for c in iter_route_contexts(app.routes)
                                     if getattr(c.original_route, "path", "") == "/forgotten")})  # fmt: skip

    async def known(_request: Request) -> User:
        return User(login="x", name="x", role="administrator", extension=None, department=None)

    app.state.auth.user_of = known
    with pytest.raises(RuntimeError, match="GET /forgotten stands in no row"):
        await current_user(request)


def test_powers_are_apart() -> None:
    """Written out by hand: what must hold whatever becomes of the table."""
    for role in ("administrator", "auditor"):
        for action in (
            "call.read",
            "call.take",
            "call.supervise",
            "ticket.read",
            "ticket.work",
            "ticket.reveal",
            "board",
        ):
            assert not may(role, action), (role, action)
    assert [role for role in ROLE_NAMES if may(role, "users")] == ["administrator"]
    assert [role for role in ROLE_NAMES if may(role, "audit")] == ["auditor"]
    assert [role for role in ROLE_NAMES if may(role, "call.supervise")] == ["supervisor"]
    # Who only reads reads nothing of persons.
    assert not may("leader", "ticket.reveal") and not may("leader", "call.read") and not may("leader", "ticket.work")
    for action in ACTIONS:
        assert action.why and action.roles, action.key


def test_the_document_shows_the_table() -> None:
    """Red: the table changed. `python -m desk.access.draw docs/access.md`"""
    page = (Path(__file__).parents[2] / "docs" / "access.md").read_text(encoding="utf-8")
    assert refreshed(page) == page


# --- areas ------------------------------------------------------------------------------------------------------------


class Place:
    def __init__(self, department: str, *assist: str) -> None:
        self.department, self.assist = department, assist


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_an_area_bounds_what_is_seen_heard_and_touched(role: Role) -> None:
    inside, below, beside, elsewhere = Place("town"), Place("village"), Place("urban", "town"), Place("urban")
    person = User(login="x", name="x", role=role, extension=None, department="town", below=frozenset({"village"}))
    bounded = role in ("department", "grid", "dispatcher", "arbiter", "leader")
    seen = [may_see_ticket(person, place) for place in (inside, below, beside, elsewhere)]
    assert seen == [True, True, True, not bounded]
    assert may_see_unit(person, "urban") == (not bounded) and may_see_unit(person, "village")
    if role in ("dispatcher", "arbiter"):
        assert receives(person, Audience(arbiters=True, departments=frozenset({"village"})))
        assert not receives(person, Audience(arbiters=True, departments=frozenset({"urban"})))
        assert receives(replace(person, department=None, below=frozenset()), Audience(arbiters=True))
        assert not may_hear(person, frozenset(), elsewhere)
    actor: Actor = person.actor()
    assert [actor.may_touch(key) for key in ("town", "village", "urban", "")] == [True, True, *[not bounded] * 2]


def test_without_an_area_they_see_the_whole_city() -> None:
    for role in ("dispatcher", "arbiter", "leader"):
        person = User(login="x", name="x", role=role, extension=None, department=None)  # type: ignore[arg-type]
        assert may_see_ticket(person, Place("urban")) and person.actor().may_touch("urban")
    lost = User(login="x", name="x", role="department", extension=None, department=None)
    assert not may_see_ticket(lost, Place("urban")) and not lost.actor().may_touch("")


def test_every_action_says_why_in_both_languages() -> None:
    assert set(WHYS) == set(BY_KEY)
    assert {key: translate("en", why) for key, why in WHYS.items()} == {key: BY_KEY[key].why for key in WHYS}


@pytest.mark.parametrize(("lang", "why"), [("zh", WHYS["config"]), ("en", BY_KEY["config"].why)])
async def test_the_table_is_shown_with_its_reasons(stage: Stage, sign_in: SignIn, lang: str, why: str) -> None:
    for login, role in (("guan", "administrator"), ("shen", "auditor")):
        person = Person.model_validate({"login": login, "name": login, "role": role, "password": PASSWORD})
        await Users(stage.services.database, stage.clock).add(person)
        page = (await (await sign_in(login)).get(f"/roles?lang={lang}")).text
        assert why in page
        rows = dict(re.findall(r'<tr data-action="([^"]+)">(.*?)</tr>', page, re.S))
        assert list(rows) == list(BY_KEY)
        for key, row in rows.items():
            cells = re.findall(r'<td class="may">(.*?)</td>', row, re.S)
            assert ["●" in cell for cell in cells] == [key_role in BY_KEY[key].roles for key_role in ROLE_NAMES], key
    assert (await (await sign_in("lin")).get("/roles")).status_code == 403
