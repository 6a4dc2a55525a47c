"""``?xlsx=1`` on the page of a list: the same rows as an Excel file, once the audit has it.

However long the list is, its rows are read in pages, and made into cells and written in a thread: the event loop, on
which calls ring, is held for no longer than one page takes.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from desk.access.auth import audit
from desk.listsheets import AT_ONCE, MOST, Found, ListSheet, pages
from desk.sheets import Book, Cell, download

T = TypeVar("T")
M = TypeVar("M")

ASKED = "xlsx"
#: What an address says of the screen and not of the list. (Where a page of the list begins says nothing to a file.)
_NOT_OF_IT = frozenset({ASKED, "part", "lang", "look", "letters"})


def wanted(request: Request) -> bool:
    """Whether the list is asked for as a file."""
    return request.query_params.get(ASKED) == "1"


def address(request: Request) -> str:
    """Where the list that this page shows is to be had as a file."""
    asked = [(name, value) for name, value in request.query_params.multi_items() if name not in _NOT_OF_IT]
    return f"{request.url.path}?{urlencode([*asked, (ASKED, '1')])}"


# --- rows in pages ----------------------------------------------------------------------------------------------------


async def by_place(read: Callable[[int, int], Awaitable[Sequence[T]]]) -> AsyncIterator[Sequence[T]]:
    """A list that is read by place: ``read(start, size)`` until a page is not full."""
    start = 0
    while True:
        rows = await read(start, AT_ONCE)
        yield rows
        if len(rows) < AT_ONCE:
            return
        start += AT_ONCE


async def by_mark(
    read: Callable[[M | None], Awaitable[tuple[Sequence[T], M | None]]],
) -> AsyncIterator[Sequence[T]]:
    """A list whose pages say where the next begins: ``read(mark)`` until there is none."""
    mark: M | None = None
    while True:
        rows, mark = await read(mark)
        yield rows
        if mark is None:
            return


async def by_key(
    keys: Sequence[M], read: Callable[[Sequence[M]], Awaitable[Sequence[T]]]
) -> AsyncIterator[Sequence[T]]:
    """A list whose order is known: each of its rows once, whatever changes meanwhile."""
    for start in range(0, len(keys), AT_ONCE):
        yield await read(keys[start : start + AT_ONCE])


async def made(found: Found, view: Callable[[Any], T]) -> AsyncIterator[Sequence[T]]:
    """Rows that are at hand and made into what is shown page by page, off the event loop."""
    async for page in pages(found):
        yield await asyncio.to_thread(lambda rows: [view(row) for row in rows], page)


# --- the file ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sheet:
    """A sheet to be written: its columns, its rows, and how a row becomes cells."""

    name: str
    head: Sequence[tuple[str, int]]
    rows: Found
    cells: Callable[[Any], Sequence[Cell]]
    #: The rows given are not all.
    cut: bool = False


async def write(sheets: Iterable[Sheet], text: Callable[[str], str], most: int = MOST) -> tuple[bytes, int]:
    """The file and its number of rows. A sheet takes ``most`` of a list, and says so where there were more."""
    book, count = await asyncio.to_thread(Book), 0
    try:
        for sheet in sheets:
            book.sheet(sheet.name, sheet.head)
            left, cut = most, sheet.cut
            async with aclosing(pages(sheet.rows)) as read:
                async for rows in read:
                    taken = rows[:left]
                    await asyncio.to_thread(_add, book, sheet, taken)
                    left, count = left - len(taken), count + len(taken)
                    if len(taken) < len(rows):
                        cut = True
                        break
            if cut:
                book.remark(text("本表只含 {most} 行，其余未导出，请缩小范围再导出").format(most=most))
    finally:
        # Also where it fails: what was written so far lies on the disk.
        data = await asyncio.to_thread(book.close)
    return data, count


def _add(book: Book, sheet: Sheet, rows: Sequence[Any]) -> None:
    book.add(map(sheet.cells, rows))


class ListExport(Response):
    """The file. It leaves only after the audit has who took how many rows of what."""

    def __init__(
        self, request: Request, sheet: ListSheet, values: Mapping[str, Any], zone: ZoneInfo, text: Callable[[str], str]
    ) -> None:
        super().__init__()
        self._sheets = [
            Sheet(text(part.name), part.head(text), part.found(values), partial(part.cells, zone=zone, text=text))
            for part in sheet.parts
        ]
        self._request, self._file, self._who, self._text = request, sheet.file, values["me"].login, text

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        data, count = await write(self._sheets, self._text)
        detail = f"{self._file} {count} {self._request.url.query}"[:400]
        await audit(self._request, self._who, "export_list", detail=detail)
        await download(data, self._file)(scope, receive, send)
