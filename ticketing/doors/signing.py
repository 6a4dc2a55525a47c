"""Signed messages between systems, in the form of Standard Webhooks, for which every language has a library. Pure.

Three headers: ``webhook-id``, ``webhook-timestamp`` (seconds since 1970) and ``webhook-signature``, one or more of
``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``, with a space between them. A secret is ``whsec_`` and
base64 of its bytes.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

_PREFIX = "whsec_"


def sign(secret: str, message_id: str, at: datetime, body: bytes) -> str:
    """One signature, ``v1,…``."""
    told = f"{message_id}.{int(at.timestamp())}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key_of(secret), told, hashlib.sha256).digest()).decode()


def headers(secrets: Sequence[str], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers; while a secret is being changed signed by both."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(sign(secret, message_id, at, body) for secret in secrets),
    }


def verified(secret: str, given: Mapping[str, str], body: bytes) -> tuple[str, datetime] | None:
    """Id and time of a message that was signed with ``secret``; None where it was not. The time is not judged here."""
    message_id = given.get("webhook-id", "")
    stamp = given.get("webhook-timestamp", "")
    if not message_id or len(stamp) > 12 or not stamp.isdecimal() or not stamp.isascii():
        return None
    at = datetime.fromtimestamp(int(stamp), UTC) if int(stamp) < 1 << 36 else None
    if at is None:
        return None
    wanted = sign(secret, message_id, at, body)
    found = given.get("webhook-signature", "").split(" ")
    # Compared as bytes: whatever stands in a header.
    matches = [hmac.compare_digest(wanted.encode(), one.encode(errors="replace")) for one in found]
    return (message_id, at) if any(matches) else None


def key_of(secret: str) -> bytes:
    """The bytes of a secret; of one in another form its own."""
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        return secret.encode()
