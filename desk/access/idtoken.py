"""What a provider of identities signs: the ID token of a sign-in, and the token that ends one. Pure.

OpenID Connect Core 1.0 (3.1.3.7) and Back-Channel Logout 1.0 (2.6); the caller gives keys and time.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

#: Signatures by a key of the provider's own. Neither ``none``, nor one by a secret that both know (``HS…``).
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
#: Seconds that two clocks may differ.
LEEWAY_S = 60
#: Seconds after which a token that was just fetched, or a logout that was just sent, is an old one.
FRESH_S = 600
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class TokenRefused(Exception):
    """Not a token for us; the text is for the audit and the log, not for whoever brought it."""


class UnknownKey(TokenRefused):
    """Signed by a key that is not among these: the provider may have changed its keys."""


def _claims(token: str, keys: KeySet, issuer: str, client_id: str, now: datetime, *, exp: bool) -> dict[str, Any]:
    try:
        claims = dict(jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims)
        jwt.JWTClaimsRegistry(
            now=int(now.timestamp()), leeway=LEEWAY_S,
            iss={"essential": True, "value": issuer}, aud={"essential": True, "value": client_id},
            exp={"essential": exp}, iat={"essential": True},
        ).validate(claims)  # fmt: skip
    except (InvalidKeyIdError, BadSignatureError) as error:
        raise UnknownKey(error.error) from error
    except (JoseError, ValueError, TypeError) as error:
        # The library's words may quote what was sent.
        raise TokenRefused(f"{getattr(error, 'error', 'malformed')} {getattr(error, 'claim', '')}".strip()) from error
    if now.timestamp() - claims["iat"] > FRESH_S:
        raise TokenRefused("stale iat")
    parties = claims["aud"]
    if (isinstance(parties, list) and len(parties) > 1 and "azp" not in claims) or (
        claims.get("azp", client_id) != client_id
    ):
        raise TokenRefused("azp")
    return claims


def identity(
    token: str, keys: KeySet, *, issuer: str, client_id: str, nonce: str, now: datetime
) -> Mapping[str, Any]:  # fmt: skip
    """The claims of an ID token that answers the sign-in of this ``nonce``; :class:`TokenRefused`."""
    claims = _claims(token, keys, issuer, client_id, now, exp=True)
    given, subject = claims.get("nonce"), claims.get("sub")
    if not isinstance(given, str) or not secrets.compare_digest(given.encode(), nonce.encode()):
        raise TokenRefused("nonce")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise TokenRefused("sub")
    return claims


def ended(token: str, keys: KeySet, *, issuer: str, client_id: str, now: datetime) -> tuple[str, str]:
    """Whose sign-in is over, as subject and session of the provider, of which one may be empty;
    :class:`TokenRefused`."""
    claims = _claims(token, keys, issuer, client_id, now, exp=False)
    events = claims.get("events")
    if not isinstance(events, Mapping) or not isinstance(events.get(LOGOUT_EVENT), Mapping):
        raise TokenRefused("events")
    if "nonce" in claims:
        # An ID token that somebody passes off as the end of a session.
        raise TokenRefused("nonce")
    subject, session = claims.get("sub", ""), claims.get("sid", "")
    if not isinstance(subject, str) or not isinstance(session, str) or not (subject or session):
        raise TokenRefused("sub")
    return subject, session


def counts_as_second(claims: Mapping[str, Any], counted: frozenset[str]) -> bool:
    """Whether the provider says that it asked for a second factor, in words (``amr``, ``acr``) that count here."""
    methods = claims.get("amr")
    said = {one for one in methods if isinstance(one, str)} if isinstance(methods, list) else set()
    acr = claims.get("acr")
    return not counted.isdisjoint(said | ({acr} if isinstance(acr, str) else set()))
