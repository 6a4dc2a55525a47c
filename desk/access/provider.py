"""The provider of identities (OpenID Connect): where it is, its keys, and the exchange of a code for who it is.

What it says of itself is kept for a while; a provider that does not answer is not asked again for some seconds, so that
the sign-in page waits for none.
"""

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from core.clock import Clock
from core.settings import Settings
from desk.access.idtoken import TokenRefused, UnknownKey

#: Seconds that an answer may take.
PATIENCE_S = 5.0
#: How long its addresses and keys are believed; how long it is left alone after it did not answer; and how soon its
#: keys are asked for again because one of them is unknown here.
KEPT, AWAY, KEYS_AGAIN = timedelta(hours=1), timedelta(seconds=5), timedelta(seconds=20)
#: Bytes of an answer.
MOST = 1_000_000
Told = TypeVar("Told")


class ProviderAway(Exception):
    """It does not answer, or not as a provider does."""


@dataclass(frozen=True)
class Addresses:
    """What its discovery document says (OpenID Connect Discovery 1.0)."""

    authorize: str
    token: str
    keys: str
    #: Where a browser ends the provider's own session; empty: nowhere.
    end: str
    #: How it knows us: ``client_secret_basic`` or ``client_secret_post``.
    basic: bool
    #: Its answers say whose they are (RFC 9207).
    names_itself: bool


class Provider:
    """One for the application."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.issuer, self.client_id = settings.oidc_issuer, settings.oidc_client_id
        self._secret, self._scopes, self._prompt = (
            settings.oidc_client_secret, settings.oidc_scopes, settings.oidc_prompt,
        )  # fmt: skip
        self._clock = clock
        self._lock = asyncio.Lock()
        self._addresses: tuple[datetime, Addresses] | None = None
        self._keys: tuple[datetime, KeySet] | None = None
        self._away_until: datetime | None = None

    async def addresses(self) -> Addresses:
        """Where its parts are; :class:`ProviderAway`."""
        async with self._lock:
            now = self._clock.now()
            if self._addresses is not None and now - self._addresses[0] < KEPT:
                return self._addresses[1]
            if self._away_until is not None and now < self._away_until:
                raise ProviderAway("it was away a moment ago")
            try:
                told = await self._json("GET", f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
                found = self._read(told)
            except ProviderAway:
                self._away_until = self._clock.now() + AWAY
                raise
            self._addresses, self._away_until = (now, found), None
            return found

    def _read(self, told: Mapping[str, Any]) -> Addresses:
        if told.get("issuer") != self.issuer:
            raise ProviderAway("it names another issuer than HEYI_OIDC_ISSUER")

        def address(name: str, *, needed: bool = True) -> str:
            value = told.get(name)
            if value is None and not needed:
                return ""
            # No key and no code over a line that others read.
            if not isinstance(value, str) or urlsplit(value).scheme not in ("https", urlsplit(self.issuer).scheme):
                raise ProviderAway(f"its {name} is no address of https")
            return value

        methods = told.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return Addresses(
            authorize=address("authorization_endpoint"), token=address("token_endpoint"), keys=address("jwks_uri"),
            end=address("end_session_endpoint", needed=False), basic="client_secret_basic" in methods,
            names_itself=told.get("authorization_response_iss_parameter_supported") is True,
        )  # fmt: skip

    async def begin(self, back: str, *, state: str, nonce: str, verifier: str) -> str:
        """Where the browser goes to sign in; it comes ``back`` with a code."""
        addresses = await self.addresses()
        asked = {
            "response_type": "code", "client_id": self.client_id, "redirect_uri": back, "scope": self._scopes,
            "state": state, "nonce": nonce, "code_challenge": challenge(verifier), "code_challenge_method": "S256",
        } | ({"prompt": self._prompt} if self._prompt else {})  # fmt: skip
        return f"{addresses.authorize}{'&' if '?' in addresses.authorize else '?'}{urlencode(asked)}"

    async def redeem(self, code: str, back: str, *, verifier: str) -> str:
        """The ID token for a code; :class:`TokenRefused` where the provider refuses it."""
        addresses = await self.addresses()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        headers = {}
        if self._secret and addresses.basic:
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self._secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = self.client_id
            if self._secret:
                form["client_secret"] = self._secret
        token = (await self._json("POST", addresses.token, form, headers)).get("id_token")
        if not isinstance(token, str):
            raise TokenRefused("no id_token")
        return token

    async def checked(self, check: Callable[[KeySet], Told]) -> Told:
        """What ``check`` makes of the provider's keys; asked for anew, once, where a key is unknown."""
        try:
            return check(await self._known_keys())
        except UnknownKey:
            if self._keys is not None and self._clock.now() - self._keys[0] < KEYS_AGAIN:
                raise
            return check(await self._known_keys(anew=True))

    async def _known_keys(self, *, anew: bool = False) -> KeySet:
        addresses = await self.addresses()
        async with self._lock:
            now = self._clock.now()
            if self._keys is None or now - self._keys[0] >= (KEYS_AGAIN if anew else KEPT):
                told = await self._json("GET", addresses.keys)
                try:
                    self._keys = now, KeySet.import_key_set(told)  # type: ignore[arg-type]
                except (JoseError, ValueError, TypeError, KeyError) as error:
                    raise ProviderAway("its keys cannot be read") from error
            return self._keys[1]

    async def _json(
        self, method: str, address: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:  # fmt: skip
        try:
            async with (
                asyncio.timeout(2 * PATIENCE_S),
                httpx.AsyncClient(timeout=PATIENCE_S) as client,
                client.stream(method, address, data=form, headers=headers) as answer,
            ):
                body = b""
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > MOST:
                        raise ProviderAway("its answer is too long")
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise ProviderAway(f"{type(error).__name__}") from error
        if method == "POST" and answer.status_code in (400, 401, 403):
            raise TokenRefused(f"code refused with {answer.status_code}")
        try:
            told = json.loads(body) if answer.status_code == 200 else None
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise ProviderAway(f"answers {answer.status_code}, and not in JSON objects")
        return told


def challenge(verifier: str) -> str:
    """RFC 7636, S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
