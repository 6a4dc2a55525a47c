"""Tables as files: CSV in the encodings that Chinese offices use, and Excel's XLSX. No cell becomes a formula."""

import codecs
import csv
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Protocol

import openpyxl
import xlsxwriter

from core.errors import HeyiError

#: What begins a formula in Excel, WPS and LibreOffice, or hides one from a simple check.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
#: Characters that one cell of XLSX holds.
_CELL = 32_000
_SAMPLE = 1 << 20


@dataclass(frozen=True)
class Sheet:
    """A table that is read: names of the columns, how it is written, about how many rows it has (None: unknown)."""

    path: Path
    head: tuple[str, ...]
    encoding: str
    delimiter: str
    size: int | None

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line in the file and cells of each row that is not empty; as many cells as the head has."""
        source = _xlsx_rows(self.path) if self.encoding == "xlsx" else _csv_rows(self)
        for line, cells in source:
            if line > 1 and any(cells):
                yield line, [*cells, *[""] * len(self.head)][: len(self.head)]


def open_sheet(path: Path) -> Sheet:
    """Look at a file: its head, its encoding. :class:`HeyiError` for what is no table."""
    if not path.is_file():
        raise HeyiError(f"there is no file {path}")
    if path.suffix.lower() == ".xlsx":
        head, size = _xlsx_head(path)
        return Sheet(path, head, "xlsx", "", size)
    if path.suffix.lower() != ".csv":
        raise HeyiError(f"{path.name} is no .csv and no .xlsx", hint="save it as one of the two")
    encoding = _encoding(path)
    with path.open(encoding=encoding, newline="") as file:
        first = file.readline()
    delimiter = max(",;\t", key=first.count)
    with path.open("rb") as raw:
        size = sum(block.count(b"\n") for block in iter(lambda: raw.read(_SAMPLE), b"")) or None
    sheet = Sheet(path, (), encoding, delimiter, size)
    first_row: list[str] = next((cells for _, cells in _csv_rows(sheet)), [])
    return Sheet(path, _named(path, first_row), encoding, delimiter, size)


def _named(path: Path, cells: Sequence[str]) -> tuple[str, ...]:
    head = tuple(cell.strip() for cell in cells)
    if not any(head):
        raise HeyiError(f"{path.name} has no head", hint="the first row names the columns")
    twice = {name for name in head if name and head.count(name) > 1}
    if twice:
        raise HeyiError(f"{path.name} has two columns {sorted(twice)[0]}", hint="rename one of them")
    return head


def _encoding(path: Path) -> str:
    """UTF-8, with or without its mark, else GB 18030, which GBK and GB 2312 are part of."""
    for encoding in ("utf-8-sig", "gb18030"):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            with path.open("rb") as file:
                for block in iter(lambda: file.read(_SAMPLE), b""):
                    if b"\0" in block:
                        raise HeyiError(f"{path.name} is no text", hint="save it as CSV in UTF-8, or as XLSX")
                    decoder.decode(block)
                decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        return encoding
    raise HeyiError(f"{path.name} is neither UTF-8 nor GB 18030", hint="save it as CSV in UTF-8, or as XLSX")


def _csv_rows(sheet: Sheet) -> Iterator[tuple[int, list[str]]]:
    with sheet.path.open(encoding=sheet.encoding, newline="") as file:
        reader = csv.reader(file, delimiter=sheet.delimiter)
        try:
            for number, cells in enumerate(reader, 1):
                # The line in which a row ends is what an editor shows; the head is the first row, wherever it ends.
                yield (1 if number == 1 else max(reader.line_num, 2)), [_unquoted(cell.strip()) for cell in cells]
        except csv.Error as error:
            raise HeyiError(f"{sheet.path.name}, line {reader.line_num}: {error}") from error


@contextmanager
def _book(path: Path) -> Iterator[Any]:
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise HeyiError(f"{path.name} is no XLSX file", hint=str(error)[:80]) from error
    try:
        yield book.worksheets[0]
    finally:
        book.close()


def _xlsx_head(path: Path) -> tuple[tuple[str, ...], int | None]:
    with _book(path) as sheet:
        first: Sequence[Any] = next(sheet.iter_rows(values_only=True), ())
        return _named(path, [_text(cell) for cell in first]), sheet.max_row


def _xlsx_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    with _book(path) as sheet:
        for line, cells in enumerate(sheet.iter_rows(values_only=True), 1):
            yield line, [_text(cell) for cell in cells]


def _text(cell: Any) -> str:
    match cell:
        case None:
            return ""
        case datetime():
            return cell.isoformat(sep=" ", timespec="seconds")
        case date() | time():
            return cell.isoformat()
        case bool():
            return "是" if cell else "否"
        case float() if cell.is_integer():
            return str(int(cell))  # telephone numbers that Excel took for figures
        case _:
            return str(cell).strip()


def neutral(text: str) -> str:
    """A text that no spreadsheet takes for a formula: what looks like one begins with an apostrophe."""
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA) else text


def _unquoted(text: str) -> str:
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(_FORMULA) else text


class Writer(Protocol):
    """A table that is being written."""

    def write(self, cells: Sequence[str]) -> None: ...

    def close(self) -> None: ...


class _CsvWriter:
    def __init__(self, path: Path, head: Sequence[str]) -> None:
        # With the mark, without which Excel in China reads it as GBK.
        self._file = path.open("w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file)
        self.write(head)

    def write(self, cells: Sequence[str]) -> None:
        self._writer.writerow([neutral(cell) for cell in cells])

    def close(self) -> None:
        self._file.close()


class _XlsxWriter:
    def __init__(self, path: Path, head: Sequence[str]) -> None:
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
                   "strings_to_numbers": False}  # fmt: skip
        self._book = xlsxwriter.Workbook(str(path), options)
        self._text = self._book.add_format({"quote_prefix": True})
        self._sheet = self._book.add_worksheet()
        self._sheet.freeze_panes(1, 0)
        self._line = 0
        self._sheet.set_column(0, len(head) - 1, 18)
        self.write(head)

    def write(self, cells: Sequence[str]) -> None:
        if self._line > 1_048_575:
            raise HeyiError("an XLSX sheet holds 1,048,576 rows", hint="export to .csv, or fewer days at once")
        for column, cell in enumerate(cells):
            if cell:
                plain = "".join(c if c >= " " or c in "\t\n" else " " for c in cell)[:_CELL]
                self._sheet.write_string(self._line, column, plain, self._text)
        self._line += 1

    def close(self) -> None:
        self._book.close()


def create(path: Path, head: Sequence[str]) -> Writer:
    """Begin a table in a file, by its ending."""
    match path.suffix.lower():
        case ".csv":
            return _CsvWriter(path, head)
        case ".xlsx":
            return _XlsxWriter(path, head)
    raise HeyiError(f"{path.name} is no .csv and no .xlsx")


def write_all(path: Path, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a whole table."""
    writer = create(path, head)
    try:
        for row in rows:
            writer.write(row)
    finally:
        writer.close()
