"""A desk whose people come in by a provider of identities, for the tests of single sign-on."""

import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from sqlalchemy import select

from core.audit import AuditEntry
from core.city import Person
from core.clock import ManualClock
from desk.access.users import UserRow, Users
from desk.app import create_app
from desk.server import DeskServer
from tests.desk_fakes import PASSWORD, Stage
from tests.eventually import PATIENCE_S
from tests.identity_provider import CLIENT, SECRET, Provider

#: The stage's clock in seconds since 1970: 2026-11-20 01:30 UTC.
NOW = 1795138200
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


@asynccontextmanager
async def sites(stage: Stage) -> AsyncIterator[Opened]:
    """Desks with settings of their own before one provider, as many as are asked for."""
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


def later(site: Site, seconds: float) -> None:
    assert isinstance(site.stage.clock, ManualClock)
    site.stage.clock.advance(seconds)


def unsigned(claims: dict[str, Any]) -> str:
    parts = ({"alg": "none"}, claims)
    return ".".join(urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."
