"""Words that people added to a city's lexicon: a small table beside the database, one line for each word.

Columns, separated by tabs: what was heard instead (may be empty), the right word, its kind. The first line names them.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from core.errors import HeyiError

#: A place besides those of towns.yaml, who is in charge, anything else.
OverlayKind = Literal["landmark", "department", "term"]
KINDS: tuple[OverlayKind, ...] = get_args(OverlayKind)
#: Name in the site's data folder.
FILE = "lexicon.tsv"
_HEAD = "wrong\tright\tkind"


@dataclass(frozen=True)
class Word:
    """``wrong`` (empty where nothing certain is known) is how ``right`` is misheard."""

    wrong: str
    right: str
    kind: OverlayKind


def read(path: Path) -> list[Word]:
    """The words of this file, none where there is no file; raises :class:`HeyiError` with file and line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise HeyiError(f"{path} cannot be read: {error}") from error
    found: list[Word] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or (number == 1 and line == _HEAD):
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        kind = next((k for k in KINDS if cells[2:] == [k]), None)
        if kind is None or not cells[1]:
            raise HeyiError(
                f"{path}:{number}: a word, tab, the right word, tab and its kind are expected",
                hint=f"kinds: {', '.join(KINDS)}",
            )
        found.append(Word(cells[0], cells[1], kind))
    return found


def write(path: Path, words: Iterable[Word]) -> None:
    """Put this file in place at once: whoever reads it sees the old words or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    lines = [_HEAD, *(f"{word.wrong}\t{word.right}\t{word.kind}" for word in words)]
    with part.open("w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
