"""Labelled utterances: a table of what was said to which line, and what it should be judged to be."""

import csv
from dataclasses import dataclass
from pathlib import Path

from core.city import City
from core.errors import HeyiError

COLUMNS = ("id", "line", "text", "is_emergency", "code", "place", "phone", "nature", "tags")
#: Without these there is nothing to measure; what another absent column would label stays unmeasured.
_NEEDED = ("text", "is_emergency")
_HINT = f"tabs, with the header {' '.join(COLUMNS)}"


@dataclass(frozen=True)
class Row:
    """One labelled utterance; ``line`` is the number of the city's line, or what the file said where there is none."""

    id: str
    line: str
    text: str
    is_emergency: bool
    code: str
    #: One canonical place, or components as spoken joined by ``;``.
    place: str
    #: Digits only.
    phone: str
    nature: str
    tags: frozenset[str]
    #: Name of its sound, relative to the table; empty where there is none.
    file: str = ""


@dataclass(frozen=True)
class Table:
    """The rows of a file, and the columns that it does not have."""

    rows: tuple[Row, ...]
    absent: tuple[str, ...]


def read_rows(path: Path, city: City) -> tuple[Row, ...]:
    """The rows alone; see :func:`read_table`."""
    return read_table(path, city).rows


def read_table(path: Path, city: City) -> Table:
    """A labelled file; HeyiError names file and row (its number in the file) of what is wrong."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            # Quotation marks in what people say are no quoting of the table.
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            header = [name.strip() for name in reader.fieldnames or ()]
            if missing := [c for c in _NEEDED if c not in header]:
                raise HeyiError(f"{path}: the header lacks {', '.join(missing)}", hint=_HINT)
            reader.fieldnames = header
            made = tuple(_row(path, reader.line_num, fields, city) for fields in reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise HeyiError(f"{path}: cannot be read: {error}") from error
    if not made:
        raise HeyiError(f"{path}: no rows below the header")
    return Table(made, tuple(c for c in COLUMNS if c not in header))


def _row(path: Path, number: int, fields: dict[str, str | None], city: City) -> Row:
    if None in fields:
        raise HeyiError(f"{path}, row {number}: more fields than the header names", hint=_HINT)
    got = {column: (fields.get(column) or "").strip() for column in COLUMNS}
    if got["is_emergency"] not in ("0", "1"):
        raise HeyiError(f"{path}, row {number}: is_emergency must be 0 or 1, not {got['is_emergency']!r}")
    line = city.line_called(got["line"])
    file = (fields.get("file") or "").strip()
    return Row(
        id=got["id"] or file or str(number), line=line.number if line else got["line"], text=got["text"],
        is_emergency=got["is_emergency"] == "1", code=got["code"], place=got["place"],
        phone="".join(filter(str.isdigit, got["phone"])), nature=got["nature"],
        tags=frozenset(t.strip() for t in got["tags"].replace(";", ",").split(",") if t.strip()),
        file=file,
    )  # fmt: skip
