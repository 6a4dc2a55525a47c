"""The desk's API as a script uses it: signed in as a person, with the same rights."""

from typing import Any

import httpx

from core.errors import HeyiError


class DeskClient:
    """One signed-in person."""

    def __init__(self, base: str, login: str, password: str) -> None:
        # Changes are taken only from the desk's own pages (desk/access/auth.py): say that we are one.
        self._http = httpx.AsyncClient(base_url=base, headers={"Origin": base}, timeout=120, trust_env=False)
        self._login, self._password = login, password

    async def sign_in(self) -> None:
        """Raises :class:`HeyiError` when the desk refuses."""
        await self.post("/api/login", {"login": self._login, "password": self._password})

    async def get(self, path: str, **params: str) -> Any:
        return self._taken(await self._http.get(path, params=params))

    async def find(self, path: str) -> Any | None:
        """Like :meth:`get`, ``None`` where there is no such thing."""
        answer = await self._http.get(path)
        return None if answer.status_code == 404 else self._taken(answer)

    async def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self._taken(await self._http.post(path, json=body or {}))

    async def close(self) -> None:
        await self._http.aclose()

    def _taken(self, answer: httpx.Response) -> Any:
        if answer.is_success:
            return answer.json()
        raise HeyiError(f"{self._login}: {answer.request.method} {answer.request.url.path}: {answer.text[:200]}")
