"""Labelled sound: a table of files and what is said in them."""

import csv
from dataclasses import dataclass
from pathlib import Path

from core.errors import HeyiError


@dataclass(frozen=True)
class Row:
    """One file and its label."""

    line: int
    #: As the table names it; predictions carry the same name.
    file: str
    path: Path
    #: What is said; empty where nobody speaks.
    text: str
    #: Canonical place that is meant (池店镇华洲村), or empty.
    place: str
    voice: str
    #: Speech above noise, in dB, as written; or empty.
    snr: str


@dataclass(frozen=True)
class Broken:
    """A line or a file that could not be used, and why."""

    line: int
    file: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


def read_manifest(path: Path) -> tuple[list[Row], list[Broken]]:
    """Rows of a TSV with the columns ``file``, ``text`` and perhaps ``place``, ``voice``, ``snr``; others are ignored.

    File names are relative to the table. A line without a name, too short or naming a file that is absent is given back
    as broken and the others are kept. Raises :class:`HeyiError` where the table itself cannot be used.
    """
    try:
        content = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise HeyiError(f"there is no manifest {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise HeyiError(f"the manifest {path} cannot be read: {error}", hint="it must be UTF-8 text") from error
    # Quotation marks in what people say are no quoting of the table.
    reader = csv.DictReader(content.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    missing = {"file", "text"} - set(reader.fieldnames or ())
    if missing:
        raise HeyiError(
            f"the manifest {path} has no column {' and '.join(sorted(missing))}",
            hint="its first line names the columns, divided by tabs: file, text, and place where there is one",
        )
    rows: list[Row] = []
    broken: list[Broken] = []
    seen: set[str] = set()
    for fields in reader:
        line, file = reader.line_num, (fields["file"] or "").strip()
        reason = _fault(path, file, fields["text"], seen)
        if reason:
            broken.append(Broken(line, file, reason))
            continue
        seen.add(file)
        extra = {name: (fields.get(name) or "").strip() for name in ("place", "voice", "snr")}
        rows.append(Row(line, file, path.parent / file, (fields["text"] or "").strip(), **extra))
    return rows, broken


def _fault(manifest: Path, file: str, text: str | None, seen: set[str]) -> str:
    if not file:
        return "names no file"
    if text is None:
        return f"{file} has no text: the line is too short"
    if file in seen:
        return f"{file} stands here a second time"
    return "" if (manifest.parent / file).is_file() else f"{file} is not there"
