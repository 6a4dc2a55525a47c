"""A desk in memory, and people who sign in at it without a browser."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from desk.app import create_app
from tests.desk_fakes import PASSWORD, Stage, make_stage
from tests.postgres import Postgres

#: A client of the desk, signed in as this login; of a stranger where it is empty.
SignIn = Callable[[str], Awaitable[httpx.AsyncClient]]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as running:
        yield running


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = await make_stage(tmp_path)
    yield made
    await made.bus.close()
    await made.services.database.close()


@pytest.fixture
async def sign_in(stage: Stage) -> AsyncIterator[SignIn]:
    app = create_app(stage.services)

    async def client(login: str) -> httpx.AsyncClient:
        made = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk.test")
        await ending.enter_async_context(made)
        if login:
            answer = await made.post("/api/login", json={"login": login, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
        return made

    async with app.router.lifespan_context(app), AsyncExitStack() as ending:
        yield client
