"""Tables as Excel files, in which no text is ever a formula."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from io import BytesIO

import xlsxwriter
from starlette.responses import Response

Cell = str | int | float | datetime | None

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def workbook(title: str, head: Sequence[tuple[str, int]], rows: Iterable[Sequence[Cell]]) -> bytes:
    """One sheet: names of the columns with their widths in characters, then the rows. Times without a zone.

    A number that a caller sent (``=HYPERLINK(…)``, ``+86…``, ``@…``) is written as text and marked as quoted, as if
    somebody had typed an apostrophe before it: it stays text when the cell is edited, too.
    """
    file = BytesIO()
    # Rows go to disk as they are written: a long list does not fill the memory.
    book = xlsxwriter.Workbook(
        file,
        {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False},
    )
    heading = book.add_format({"bold": True, "bottom": 1})
    text = book.add_format({"quote_prefix": True})
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    sheet = book.add_worksheet(title[:31])
    sheet.freeze_panes(1, 0)
    for column, (name, width) in enumerate(head):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, name, heading)
    for line, row in enumerate(rows, 1):
        for column, cell in enumerate(row):
            match cell:
                case None | "":
                    continue
                case datetime():
                    sheet.write_datetime(line, column, cell, moment)
                case int() | float():
                    sheet.write_number(line, column, cell)
                case _:
                    sheet.write_string(line, column, clean(cell), text)
    book.close()
    return file.getvalue()


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
