"""Columns of foreign tables: which of them is which field of ours, and what a cell says. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from core.errors import HeyiError

_TIMES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y/%m/%d %H:%M:%S",
          "%Y/%m/%d %H:%M", "%Y年%m月%d日 %H:%M:%S", "%Y年%m月%d日 %H:%M", "%Y年%m月%d日%H时%M分", "%Y-%m-%d",
          "%Y/%m/%d", "%Y年%m月%d日", "%Y%m%d%H%M%S", "%Y%m%d")  # fmt: skip
_YES, _NO = {"是", "y", "yes", "true", "1", "有", "紧急"}, {"否", "n", "no", "false", "0", "无", "", "一般", "普通"}


class BadCell(ValueError):
    """A cell says nothing that its field can hold; the sentence is for the error file."""


@dataclass(frozen=True)
class Field:
    """A field of ours: the name that exports give it, other names of it, and how a cell is read."""

    key: str
    name: str
    aliases: tuple[str, ...] = ()
    required: bool = False
    read: Callable[[str], Any] = str


def mapping(fields: Sequence[Field], head: Sequence[str], said: Sequence[str]) -> dict[str, str]:
    """Our field → their column: what was said (``ours=theirs``), the rest by the names of the columns.

    :class:`HeyiError` for a field or column that there is not, and where a required field has no column.
    """
    known = {field.key: field for field in fields}
    by_name = {_plain(name): field.key for field in fields for name in (field.key, field.name)}
    found: dict[str, str] = {}
    for one in said:
        ours, mark, theirs = one.partition("=")
        key = by_name.get(_plain(ours), "")
        if not mark or not key:
            raise HeyiError(f"--map {one}: no field {ours}", hint="fields: " + ", ".join(known))
        if theirs and theirs not in head:
            raise HeyiError(f"--map {one}: no column {theirs}", hint="columns: " + ", ".join(filter(None, head)))
        found[key] = theirs  # empty: not to be guessed
    taken = set(found.values())
    for field in fields:
        names = [_plain(name) for name in (field.key, field.name, *field.aliases)]
        if field.key not in found:
            guess = next((c for name in names for c in head if _plain(c) == name and c not in taken), "")
            if guess:
                found[field.key] = guess
                taken.add(guess)
    found = {key: column for key, column in found.items() if column}
    missing = [field for field in fields if field.required and field.key not in found]
    if missing:
        hint = f"--map {missing[0].key}=… one of: " + ", ".join(filter(None, head))
        raise HeyiError("no column for " + ", ".join(f"{f.name} ({f.key})" for f in missing), hint=hint)
    return found


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-:：（）()*]", "", name).lower()


def values(fields: Sequence[Field], columns: Mapping[str, str], row: Mapping[str, str]) -> dict[str, Any]:
    """What a row says of our fields, those without a column left out; :class:`BadCell` for the first it cannot."""
    found: dict[str, Any] = {}
    for field in fields:
        if field.key not in columns:
            continue
        cell = row[columns[field.key]]
        if field.required and not cell:
            raise BadCell(f"{field.name}为空")
        try:
            found[field.key] = field.read(cell)
        except HeyiError as error:
            raise BadCell(f"{field.name}：{error}") from error
        except ValueError as error:
            raise BadCell(f"{field.name}“{cell[:40]}”{error}") from error
    return found


def moment(zone: ZoneInfo) -> Callable[[str], datetime | None]:
    """Reads times, by the city's clock where they name no zone; an empty cell is None."""

    def read(cell: str) -> datetime | None:
        if not cell:
            return None
        for form in _TIMES:
            try:
                return datetime.strptime(cell, form).replace(tzinfo=zone)
            except ValueError:
                continue
        try:
            at = datetime.fromisoformat(cell)
        except ValueError:
            raise ValueError("不是时间，请写作 2026-11-22 08:30:00") from None
        return at if at.tzinfo else at.replace(tzinfo=zone)

    return read


def yes(cell: str) -> bool:
    """Reads 是 and 否."""
    if cell.lower() in _YES or cell.lower() in _NO:
        return cell.lower() in _YES
    raise ValueError("应为是或否")


def number(cell: str) -> float | None:
    """Reads a number that is not negative; an empty cell is None."""
    if not cell:
        return None
    try:
        found = float(cell)
    except ValueError:
        raise ValueError("不是数字") from None
    if not 0 <= found < 1e9:
        raise ValueError("超出范围")
    return found


def text(longest: int) -> Callable[[str], str]:
    """Reads a text of at most so many characters."""

    def read(cell: str) -> str:
        if len(cell) > longest:
            raise ValueError(f"太长：{len(cell)} 个字，最多 {longest} 个")
        return "".join(c for c in cell if c.isprintable() or c == "\n")

    return read


def choice(names: Mapping[str, str], what: str) -> Callable[[str], str]:
    """Reads one of these values, by itself or by its name; an empty cell is an empty value."""
    known = {name: key for key, name in names.items()} | {key: key for key in names}

    def read(cell: str) -> str:
        if cell and cell not in known:
            raise ValueError(f"不是已知的{what}")
        return known.get(cell, "")

    return read
