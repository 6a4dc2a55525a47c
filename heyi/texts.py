"""The city's gateway of text messages as a signed webhook."""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime

import httpx
import structlog

log = structlog.get_logger(__name__)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over ``timestamp.body``, in hexadecimal."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class WebhookTexts:
    """Implements :class:`ticketing.callbacks.texts.TextGateway`: POST of ``{id, to, text}`` to the site's gateway."""

    def __init__(
        self, url: str, secret: str, now: Callable[[], datetime], transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._url, self._secret, self._now = url, secret, now
        self._client = httpx.AsyncClient(timeout=10, follow_redirects=False, transport=transport)

    async def send(self, *, message_id: str, number: str, text: str) -> bool:
        body = json.dumps({"id": message_id, "to": number, "text": text}, ensure_ascii=False).encode()
        stamp = str(int(self._now().timestamp()))
        headers = {
            "Content-Type": "application/json", "Idempotency-Key": message_id, "X-Heyi-Timestamp": stamp,
            "X-Heyi-Signature": f"sha256={signature(self._secret, stamp, body)}",
        }  # fmt: skip
        try:
            answer = await self._client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            log.warning("the gateway of text messages cannot be reached", why=type(error).__name__)
            return False
        if not answer.is_success:
            log.warning("the gateway of text messages refused", status=answer.status_code)
        return answer.is_success

    async def close(self) -> None:
        await self._client.aclose()
