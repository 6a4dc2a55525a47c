"""Articles as a CSV file, out and in. Lists are one cell, an entry a line; the same file twice changes nothing."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.city import City
from core.errors import HeyiError
from ticketing.actor import Actor
from ticketing.knowledge.content import Content, clean, of_version
from ticketing.knowledge.repository import KnowledgeRepository
from ticketing.knowledge.service import Knowledge, Seen

LISTS = ("questions", "steps", "codes")
COLUMNS = (
    "key", "title", "questions", "steps", "codes", "department", "area", "valid_from", "valid_until", "source",
    "spoken",
)  # fmt: skip
#: Written, never read: what becomes of an article is decided by people in the desk.
TOLD = ("state", "version", "author", "reviewed_by", "used", "unhelpful")
#: What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Row:
    """One row that can be taken: its line in the file, its key, its content."""

    line: int
    key: str
    content: Content


@dataclass(frozen=True)
class Done:
    created: int
    changed: int
    same: int
    #: Line in the file and what is wrong there.
    faults: tuple[tuple[int, str], ...]


def write(articles: Iterable[Seen]) -> str:
    """The file's text, with a byte-order mark by which spreadsheets know UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow((*COLUMNS, *TOLD))
    for one in articles:
        values = one.content.values()
        cells = [one.article.key, *(_cell(values[name]) for name in COLUMNS[1:])]
        told = (one.article.state, one.version.version, one.version.author, one.article.reviewed_by)
        writer.writerow([_safe(cell) for cell in (*cells, *map(str, told), str(one.used), str(one.unhelpful))])
    return "\ufeff" + out.getvalue()


def read(text: str, city: City) -> tuple[list[Row], list[tuple[int, str]]]:
    """The rows that can be taken and the faults of the others; :class:`HeyiError` where it is no such file."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    missing = [name for name in ("title", "questions", "steps", "source") if name not in (reader.fieldnames or ())]
    if missing:
        raise HeyiError("表头缺少必要的列", hint=", ".join(missing))
    rows: list[Row] = []
    faults: list[tuple[int, str]] = []
    seen: set[str] = set()
    try:
        for record in reader:
            line = reader.line_num
            try:
                row = _row(line, record, city)
            except HeyiError as error:
                faults.append((line, str(error)))
                continue
            if row.key and row.key in seen:
                faults.append((line, f"key {row.key}"))
                continue
            seen.add(row.key)
            rows.append(row)
    except csv.Error as error:
        raise HeyiError("不是可读的 CSV 文件", hint=str(error)) from error
    return rows, faults


async def take(knowledge: Knowledge, repository: KnowledgeRepository, text: str, city: City, by: Actor) -> Done:
    """Every good row becomes a draft or a new version; nothing is published by a file."""
    rows, faults = read(text, city)
    created = changed = same = 0
    for row in rows:
        fields = row.content.values()
        known = await repository.by_key(row.key) if row.key else None
        try:
            if known is None:
                await knowledge.create(fields, by, key=row.key, note="导入")
                created += 1
            elif of_version(await repository.version(known.id, known.version)) == row.content:
                same += 1
            else:
                await knowledge.save(known.id, fields, by, version=known.version, note="导入")
                changed += 1
        except HeyiError as error:
            faults.append((row.line, str(error)))
    return Done(created, changed, same, tuple(sorted(faults)))


def _row(line: int, record: Mapping[str | None, str | list[str] | None], city: City) -> Row:
    cells = {name: _bare(str(record.get(name) or "")) for name in COLUMNS}
    fields = {name: _list(cells[name]) if name in LISTS else cells[name].strip() for name in COLUMNS if name != "key"}
    key = cells["key"].strip()
    if key and not (len(key) <= 60 and key.isascii() and all(c.isalnum() or c in "_-" for c in key)):
        raise HeyiError("编号只能用字母、数字、_ 和 -", hint=key[:60])
    return Row(line, key, clean(fields, city))


def _cell(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return "" if value is None else str(value)


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.lstrip("'").startswith(_FORMULA) else cell


def _bare(cell: str) -> str:
    """A cell as it was before it was made safe for a spreadsheet."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA) else cell


def _list(cell: str) -> list[str]:
    return [part for part in (line.strip() for line in cell.splitlines()) if part]
