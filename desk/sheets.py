"""Tables as Excel files, in which no text is ever a formula."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from io import BytesIO

import xlsxwriter
from starlette.responses import Response

Cell = str | int | float | datetime | None

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Book:
    """One file being written: each sheet's columns, then its rows as they come. Rows go to disk, not into memory.

    A number that a caller sent (``=HYPERLINK(…)``, ``+86…``, ``@…``) is written as text and marked as quoted, as if
    somebody had typed an apostrophe before it: it stays text when the cell is edited, too.
    """

    def __init__(self) -> None:
        self._file = BytesIO()
        self._book = xlsxwriter.Workbook(
            self._file,
            {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
             "strings_to_numbers": False},
        )  # fmt: skip
        self._heading = self._book.add_format({"bold": True, "bottom": 1})
        self._text = self._book.add_format({"quote_prefix": True})
        self._moment = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._names: set[str] = set()
        self._line = 0

    def sheet(self, title: str, head: Sequence[tuple[str, int]]) -> None:
        """Begin the next sheet: names of its columns with their widths in characters."""
        name = _sheet_name(title, self._names)
        self._names.add(name.lower())
        self._sheet, self._line = self._book.add_worksheet(name), 1
        self._sheet.freeze_panes(1, 0)
        for column, (each, width) in enumerate(head):
            self._sheet.set_column(column, column, width)
            self._sheet.write_string(0, column, each, self._heading)

    def add(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Write rows below those that stand. Times without a zone."""
        for row in rows:
            for column, cell in enumerate(row):
                match cell:
                    case None | "":
                        continue
                    case datetime():
                        self._sheet.write_datetime(self._line, column, cell, self._moment)
                    case int() | float():
                        self._sheet.write_number(self._line, column, cell)
                    case _:
                        self._sheet.write_string(self._line, column, clean(cell), self._text)
            self._line += 1

    def remark(self, words: str) -> None:
        """Say something below the rows."""
        self._sheet.write_string(self._line, 0, clean(words), self._heading)
        self._line += 1

    def close(self) -> bytes:
        """The whole file."""
        self._book.close()
        return self._file.getvalue()


def workbook(
    title: str, head: Sequence[tuple[str, int]], rows: Iterable[Sequence[Cell]], remarks: Iterable[str] = ()
) -> bytes:
    """A file of one sheet that is known whole; :class:`Book` says how cells are written."""
    book = Book()
    book.sheet(title, head)
    book.add(rows)
    for words in remarks:
        book.remark(words)
    return book.close()


def _sheet_name(title: str, taken: set[str]) -> str:
    """What Excel takes as the name of a sheet: 31 characters, without some signs, each once."""
    name = "".join(" " if c in "[]:*?/\\" else c for c in clean(title)).strip().strip("'")[:31] or "1"
    number = 2
    while name.lower() in taken:
        name = f"{name[:28]} {number}"
        number += 1
    return name


def clean(text: str) -> str:
    """Without what XML cannot carry; at most what a cell takes."""
    return "".join(c if c >= " " or c in "\t\n" else " " for c in text)[:32_000]


def download(data: bytes, name: str) -> Response:
    """The file as an answer; ``name`` in ASCII, without its ending."""
    return Response(
        data,
        media_type=MEDIA_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{name}.xlsx"', "Cache-Control": "no-store"},
    )
