"""A small provider of identities (OpenID Connect) on a free port of this machine, honest unless a test twists it."""

import base64
import contextlib
import hashlib
import secrets
import socket
from asyncio import Task, create_task
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus, urlencode

import uvicorn
from fastapi import FastAPI, Form, Request
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from core.clock import Clock
from desk.access.idtoken import LOGOUT_EVENT
from tests.eventually import until

CLIENT, SECRET = "heyi-desk", "a secret: with / signs"
PAGE = """<!doctype html><html lang="zh-CN"><title>统一身份认证</title>
<form method="post" action="/authorize?{query}"><input name="user" aria-label="user"><button>ok</button></form>"""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


@dataclass
class _Code:
    asked: dict[str, str]
    user: str
    spent: bool = False


@dataclass
class Provider:
    """``people``: claims by the name that is typed at its page, ``sub`` among them."""

    clock: Clock
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: What a test makes of the claims, the header's algorithm and the whole token before they are sent.
    twist: Callable[[dict[str, Any]], None] = lambda _claims: None
    sign: Callable[[dict[str, Any]], str] | None = None
    #: What it says of itself, and of whose answer this is, beyond what is true.
    metadata: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, str] = field(default_factory=dict)
    basic: bool = True
    codes: dict[str, _Code] = field(default_factory=dict)
    #: Paths that were asked, in order.
    asked: list[str] = field(default_factory=list)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "first", "alg": "RS256"}))
    port: int = 0

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def rotate(self) -> None:
        """Another key, and the old one is gone."""
        self.key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "alg": "RS256"})

    def signed(self, claims: dict[str, Any]) -> str:
        return self.sign(claims) if self.sign else jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def logout_token(self, **claims: Any) -> str:
        now = int(self.clock.now().timestamp())
        told = {"iss": self.issuer, "aud": CLIENT, "iat": now, "jti": secrets.token_hex(8)}
        return self.signed({**told, "events": {LOGOUT_EVENT: {}}, **claims})

    def code_for(self, address_asked: dict[str, str], user: str) -> str:
        code = secrets.token_urlsafe(16)
        self.codes[code] = _Code(address_asked, user)
        return code

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        async def discovery() -> dict[str, Any]:
            self.asked.append("discovery")
            method = "client_secret_basic" if self.basic else "client_secret_post"
            told: dict[str, Any] = {
                "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys",
                "end_session_endpoint": f"{self.issuer}/end",
                "token_endpoint_auth_methods_supported": [method],
            }  # fmt: skip
            return told | self.metadata

        @app.get("/keys")
        async def keys() -> Any:
            self.asked.append("keys")
            return KeySet([self.key]).as_dict(private=False)

        @app.get("/authorize")
        async def authorize(request: Request, user: str = "") -> Response:
            asked = {name: value for name, value in request.query_params.items() if name != "user"}
            return self.back(asked, user) if user else HTMLResponse(PAGE.format(query=urlencode(asked)))

        @app.post("/authorize")
        async def signed_in(request: Request, user: str = Form()) -> Response:
            return self.back(dict(request.query_params), user)

        @app.post("/token")
        async def token(request: Request) -> Response:
            self.asked.append("token")
            form = {name: str(value) for name, value in (await request.form()).items()}
            code = self.codes.get(form["code"])
            verifier = form.get("code_verifier", "")
            challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
            right = (
                code is not None and not code.spent and self.knows(request, form)
                and form["redirect_uri"] == code.asked["redirect_uri"] and challenge == code.asked["code_challenge"]
            )  # fmt: skip
            if not right or code is None:
                return JSONResponse({"error": "invalid_grant"}, 400)
            code.spent = True
            now = int(self.clock.now().timestamp())
            claims = {
                "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": code.asked["nonce"],
                **self.people[code.user],
            }  # fmt: skip
            self.twist(claims)
            return JSONResponse({"access_token": "of no use", "token_type": "Bearer", "id_token": self.signed(claims)})

        @app.get("/end")
        async def end(post_logout_redirect_uri: str) -> Response:
            self.asked.append("end")
            return RedirectResponse(post_logout_redirect_uri, 303)

        return app

    def knows(self, request: Request, form: dict[str, str]) -> bool:
        """Whether the client proves that it is the desk."""
        if not self.basic:
            return (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)
        _kind, _, pair = request.headers.get("authorization", "").partition(" ")
        given = base64.b64decode(pair).decode().split(":")
        return [unquote_plus(part) for part in given] == [CLIENT, SECRET]

    def back(self, asked: dict[str, str], user: str) -> Response:
        assert asked["code_challenge_method"] == "S256" and asked["response_type"] == "code"
        told = {"state": asked["state"], "code": self.code_for(asked, user), **self.answer}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(told)}", 303)

    async def start(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._server = _Server(uvicorn.Config(self.app(), log_level="warning", access_log=False))
        self._task: Task[None] = create_task(self._server.serve(sockets=[listener]))
        await until(lambda: self._server.started, "the provider did not start")

    async def stop(self) -> None:
        self._server.should_exit = True
        await self._task


@contextlib.contextmanager
def twisted(provider: Provider, **changes: Any) -> Iterator[None]:
    """The provider, for a while, as ``changes`` have it."""
    before = {name: getattr(provider, name) for name in changes}
    for name, value in changes.items():
        setattr(provider, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(provider, name, value)
