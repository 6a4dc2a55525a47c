"""Lists as Excel files: what a list, its columns and its cells are. Pure; :mod:`desk.listexport` makes the file,
:mod:`desk.listcatalogue` names the lists.

The rows are those that the page was given, so that a file holds what its reader may see, masked as on the screen.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from desk.sheets import Cell

#: Rows that a sheet takes of a list that the screen shows in parts.
MOST = 5_000

#: Rows that are read, and written, at a time.
AT_ONCE = 200

#: Where a page has the rows: the name of a value, or what finds them among the values. A list that may be long is given
#: as pages that are read one after the other.
Found = Iterable[Any] | AsyncIterable[Sequence[Any]]
Rows = str | Callable[[Mapping[str, Any]], Found]


@dataclass(frozen=True)
class Column:
    """``of`` leads to the cell: names and places in a row, divided by points; ``|`` between ways of which one leads."""

    name: str
    of: str
    #: In characters.
    width: int = 14
    #: The cell is one of our own words, for the reader's language.
    told: bool = False


@dataclass(frozen=True)
class Part:
    """One list, which is one sheet of a file."""

    name: str
    rows: Rows
    columns: tuple[Column, ...]

    def found(self, values: Mapping[str, Any]) -> Found:
        """The rows, or their pages."""
        found: Found = self.rows(values) if callable(self.rows) else values[self.rows]
        return found

    def head(self, text: Callable[[str], str]) -> list[tuple[str, int]]:
        """Names and widths of the columns; ``text`` gives the reader's language."""
        return [(text(column.name), column.width) for column in self.columns]

    def cells(self, row: Any, zone: ZoneInfo, text: Callable[[str], str]) -> list[Cell]:
        """A row in the order of the columns."""
        made = [cell(_first(row, column.of), zone, text) for column in self.columns]
        return [text(str(one)) if one and own.told else one for one, own in zip(made, self.columns, strict=True)]


@dataclass(frozen=True)
class ListSheet:
    """What a page's file is called, and its lists."""

    name: str
    file: str
    rows: Rows
    columns: tuple[Column, ...]
    #: Further lists of the same page.
    also: tuple[Part, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """All of the page's lists."""
        return (Part(self.name, self.rows, self.columns), *self.also)


async def pages(found: Found) -> AsyncGenerator[Sequence[Any], None]:
    """Rows, however they are given, in pages."""
    if isinstance(found, AsyncIterable):
        async for page in found:
            yield page
    else:
        rows = list(found)
        for start in range(0, len(rows), AT_ONCE):
            yield rows[start : start + AT_ONCE]


def cell(value: Any, zone: ZoneInfo, text: Callable[[str], str]) -> Cell:
    """A value as a cell: times by the city's clock, lists in one line, yes and nothing."""
    match value:
        case None | False:
            return ""
        case True:
            return text("是")
        case datetime():
            return value.astimezone(zone).replace(tzinfo=None, microsecond=0)
        case date():
            return value.isoformat()
        case int() | float():
            return value
        case str():
            return _moment(value, zone)
        case Mapping():
            return str(value.get("name", ""))
        case Iterable():
            return text("、").join(str(cell(one, zone, text)) for one in value)
        case _:
            return str(value)


def _moment(text: str, zone: ZoneInfo) -> Cell:
    """Times reach pages as text with a zone; every other text stays what it is."""
    if len(text) < 20 or text[4] != "-" or "T" not in text:
        return text
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return at.astimezone(zone).replace(tzinfo=None, microsecond=0) if at.tzinfo else text


def _first(row: Any, ways: str) -> Any:
    found = (_reach(row, path) for path in ways.split("|"))
    return next((one for one in found if one is not None), None)


def _reach(row: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(row, Mapping):
            row = row.get(part)
        elif isinstance(row, Sequence) and not isinstance(row, str):
            row = row[int(part)] if part.isdigit() and int(part) < len(row) else None
        else:
            row = getattr(row, part, None)
    return row
