"""Carries tables in and out: rows in chunks of one transaction each, what is there already passed over."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from core.database import Database, Work
from core.errors import HeyiError
from heyi.transfer.fields import BadCell, Field, values
from heyi.transfer.sheets import Sheet, Writer, create

#: Rows of one transaction.
CHUNK = 500
#: Column of the error file that says what is wrong.
REASON = "导入失败原因"


class Carried(Protocol):
    """A kind of thing that is carried: calls or tickets."""

    fields: tuple[Field, ...]

    def identify(self, values: dict[str, Any], cells: Sequence[str]) -> str: ...

    def check(self, values: Mapping[str, Any]) -> None: ...

    async def known(self, session: AsyncSession, ids: Collection[str]) -> set[str]: ...

    async def add(self, work: Work, rows: Sequence[Mapping[str, Any]], now: datetime) -> None: ...

    async def chunk(
        self, session: AsyncSession, after: str, since: datetime | None, until: datetime | None, department: str
    ) -> tuple[list[list[str]], str]: ...


@dataclass
class Outcome:
    """What became of the rows of a file."""

    added: int = 0
    #: There already: from an import before, or twice in the file.
    known: int = 0
    bad: int = 0
    errors: Path | None = None
    #: The first reasons, with their lines.
    examples: list[tuple[int, str]] = field(default_factory=list)


async def bring_in(
    database: Database,
    table: Carried,
    sheet: Sheet,
    columns: Mapping[str, str],
    now: datetime,
    *,
    dry_run: bool = False,
    told: Callable[[int], None] = lambda _: None,
) -> Outcome:
    """Import a file. Run again after it was broken off, it goes on: what is there is passed over.

    Bad rows go into ``NAME.errors.csv`` (or ``.xlsx``) with the reason in a last column; mended there, that file can be
    imported itself. A dry run checks everything and writes only that file.
    """
    outcome, seen = Outcome(), set[str]()
    errors: Writer | None = None
    path = sheet.path.with_name(f"{sheet.path.stem}.errors{sheet.path.suffix.lower()}")
    if path == sheet.path:
        raise HeyiError("an error file cannot be imported under its own name", hint="rename it")
    keep = [place for place, name in enumerate(sheet.head) if name != REASON]
    chunk: list[tuple[str, dict[str, Any]]] = []

    async def write() -> None:
        ids = [key for key, _ in chunk]
        async with database.read() as session:
            there = await table.known(session, ids)
        rows = [row for key, row in chunk if key not in there]
        if rows and not dry_run:
            async with database.work() as work:
                await table.add(work, rows, now)
        outcome.added += len(rows)
        outcome.known += len(chunk) - len(rows)
        chunk.clear()

    try:
        for line, cells in sheet.rows():
            told(1)
            kept = [cells[place] for place in keep]
            try:
                row = values(table.fields, columns, dict(zip(sheet.head, cells, strict=True)))
                table.check(row)
            except (BadCell, HeyiError) as error:
                errors = errors or create(path, [*(sheet.head[place] for place in keep), REASON])
                errors.write([*kept, str(error)])
                outcome.bad += 1
                if len(outcome.examples) < 5:
                    outcome.examples.append((line, str(error)))
                continue
            key = table.identify(row, kept)
            if key in seen:
                outcome.known += 1
            else:
                seen.add(key)
                chunk.append((key, row))
            if len(chunk) == CHUNK:
                await write()
        await write()
    finally:
        if errors is not None:
            errors.close()
    outcome.errors = path if outcome.bad else None
    if not outcome.bad and path.exists() and not dry_run:
        path.unlink()  # of an import before, whose rows are mended now
    return outcome


async def carry_out(
    database: Database,
    table: Carried,
    path: Path,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    department: str = "",
    told: Callable[[int], None] = lambda _: None,
) -> int:
    """Export to a file, which is there only when it is whole; returns the number of rows."""
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    count, after = 0, ""
    writer = create(part, [field.name for field in table.fields])
    try:
        try:
            while count == 0 or after:
                async with database.read() as session:
                    rows, after = await table.chunk(session, after, since, until, department)
                for row in rows:
                    writer.write(row)
                count += len(rows)
                told(len(rows))
                if not rows:
                    break
        finally:
            writer.close()
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return count
