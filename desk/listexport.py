"""``?xlsx=1`` on the page of a list: the same rows as an Excel file, once the audit has it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from desk.access.auth import audit
from desk.listsheets import MOST, ListSheet
from desk.sheets import download

ASKED = "xlsx"
#: What an address says of the screen and not of the list: a file begins with the first row.
_NOT_OF_IT = frozenset({ASKED, "part", "lang", "look", "letters", "start", "before"})


def wanted(request: Request) -> bool:
    """Whether the list is asked for as a file."""
    return request.query_params.get(ASKED) == "1"


def rows_wanted(request: Request, usual: int) -> int:
    """How many rows a list that is shown in parts gives: ``usual`` on the screen, all in a file."""
    return MOST if wanted(request) else usual


def address(request: Request) -> str:
    """Where the list that this page shows is to be had as a file."""
    asked = [(name, value) for name, value in request.query_params.multi_items() if name not in _NOT_OF_IT]
    return f"{request.url.path}?{urlencode([*asked, (ASKED, '1')])}"


class ListExport(Response):
    """The file. It leaves only after the audit has who took how many rows of what."""

    def __init__(
        self, request: Request, sheet: ListSheet, values: Mapping[str, Any], zone: ZoneInfo, text: Callable[[str], str]
    ) -> None:
        super().__init__()
        self._made = lambda: sheet.made(values, zone, text)
        self._request, self._sheet, self._who = request, sheet, values["me"].login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        data, count = await asyncio.to_thread(self._made)
        detail = f"{self._sheet.file} {count} {self._request.url.query}"[:400]
        await audit(self._request, self._who, "export_list", detail=detail)
        await download(data, self._sheet.file)(scope, receive, send)
