"""Labelled lines to learn from: the seed corpus that heyi brings, and a city's own past tickets."""

import csv
import hashlib
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from asr.words.hotline import SLOTS
from asr.words.sounds import is_han, symbols
from core.city import City
from core.errors import HeyiError
from triage.learn.dialogues import dialogue_lines
from triage.learn.example import Example

__all__ = ["FOLDER", "MISHEARD", "Example", "data_hash", "misheard", "own_lines", "seed_corpus"]

FOLDER = Path(__file__).parents[1] / "corpus"
_SLOT = re.compile(r"\{(\w+)\}")
_PLATES = ("闽C12A56", "闽C88K09", "闽D3F271", "豫A60B18", "赣E57213")
#: Neighbouring lines of one code were written in one go and are alike: they are held out together.
_TOGETHER = 8
#: Share of the characters that recognition writes as another of the same sound (bare model, telephone; speech.md).
MISHEARD = 0.15


def seed_corpus(city: City, folder: Path = FOLDER) -> tuple[Example, ...]:
    """What heyi brings, slots filled with names of ``city``, without codes that it does not have: lines, then calls."""
    known = {c.code for g in city.taxonomy for c in g.categories}
    slots = _slots(city)
    made: list[Example] = []
    for path in sorted(folder.glob("*.tsv")):
        turn: Counter[str] = Counter()
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                code = row["code"]
                turn[code] += 1
                if code in known:
                    made.append(Example(
                        text=_filled(row["text"], slots, len(made)), code=code, nature=row["nature"],
                        emergency=row["emergency"] == "1", hard="hard" in row["tags"].split(";"),
                        group=f"{path.stem}/{code}/{turn[code] // _TOGETHER}",
                    ))  # fmt: skip
    for path in sorted(folder.glob("*.jsonl")):
        made += [e for e in dialogue_lines(path) if not e.code or e.code in known]
    return tuple(made)


def own_lines(path: Path, city: City, text: str, code: str, nature: str = "") -> tuple[Example, ...]:
    """A city's own CSV; ``text``, ``code``, ``nature`` are its columns. Rows without text or code are left out."""
    made: list[Example] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = [c for c in (text, code, nature) if c]
            if missing := [c for c in columns if c not in (reader.fieldnames or ())]:
                raise HeyiError(f"{path}: no column {', '.join(missing)}", hint=f"it has {reader.fieldnames}")
            for number, row in enumerate(reader, 2):
                said, of = (row[text] or "").strip(), (row[code] or "").strip()
                if not said or not of:
                    continue
                if city.category(of) is None:
                    raise HeyiError(f"{path}, line {number}: the city has no code {of!r}")
                made.append(Example(
                    text=said, code=of, nature=(row[nature] or "").strip() if nature else "",
                    emergency=city.is_emergency(of), hard=False, group=f"own/{said[:12]}",
                ))  # fmt: skip
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise HeyiError(f"{path}: cannot be read: {error}") from error
    if not made:
        raise HeyiError(f"{path}: no row has both a text and a code")
    return tuple(made)


def data_hash(examples: Iterable[Example]) -> str:
    """SHA-256 over texts and labels, the first twelve digits."""
    digest = hashlib.sha256()
    for e in examples:
        digest.update("\t".join((e.text, e.code, e.nature, str(e.emergency), str(e.later))).encode() + b"\n")
    return digest.hexdigest()[:12]


def misheard(texts: Sequence[str], seed: int, share: float = MISHEARD) -> tuple[str, ...]:
    """The texts as recognition may write them: some characters replaced by others of the same (folded) sound."""
    usual = Counter(char for text in texts for char in text if is_han(char))
    alike: dict[str, list[str]] = defaultdict(list)
    for char in sorted(usual):
        alike[symbols(char)].append(char)
    chance = random.Random(seed)  # noqa: S311 (repeatable on purpose)

    def written(char: str) -> str:
        if not is_han(char) or chance.random() >= share:
            return char
        others = [c for c in alike[symbols(char)] if c != char]
        return chance.choices(others, [usual[c] ** 0.5 for c in others])[0] if others else char

    return tuple("".join(map(written, text)) for text in texts)


def _slots(city: City) -> dict[str, Sequence[str]]:
    marks = {kind: [m.name for m in city.landmarks if m.kind == kind] for kind in ("road", "estate")}
    return {
        "place": [c.name for t in city.towns for c in t.communities] or [t.name for t in city.towns],
        "road": marks["road"] or ["中山路", "人民路"],
        "estate": marks["estate"] or ["阳光花园", "东方小区"],
        "phone": SLOTS["phone"], "name": SLOTS["name"], "plate": _PLATES,
    }  # fmt: skip


def _filled(text: str, slots: dict[str, Sequence[str]], turn: int) -> str:
    """Slots filled in turn, so that the same corpus and city give the same lines."""
    return _SLOT.sub(lambda m: slots[m[1]][(turn * 7 + m.start()) % len(slots[m[1]])], text)
