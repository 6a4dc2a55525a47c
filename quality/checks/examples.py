"""What the checks learn from: sentences that people marked, and calls in which nothing of the kind was said."""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import HeyiError
from quality.checks.marks import FINE, NOT_IN_WORDS, read_calls
from triage.rulefile import FOLDER as TRIAGE_RULES

CORPUS = Path(__file__).parents[1] / "corpus"
#: Lists of marked sentences.
SENTENCES = CORPUS / "sentences"
#: Calls whose call takers were written to speak well, and lines of callers with what they want (投诉, 咨询 …).
CALLS = TRIAGE_RULES.parent / "corpus"
#: Neighbouring sentences of a list were written in one go and are alike: they are held out together.
_TOGETHER = 6
#: Fewer characters say nothing of manner.
LEAST = 4
SENTENCE = re.compile(r"[^。！？!?；;…]+[。！？!?；;…]*")
_HEAD = re.compile(r"\[([^\]]+)\]")
_SLOT = re.compile(r"\{\w+\}")
#: Every so many lines of those that callers say: enough to tell a question from a report.
_EACH = 6


@dataclass(frozen=True)
class Example:
    """``label``: a name of what it is, or :data:`FINE`; ``group``: what was written in one go."""

    label: str
    text: str
    group: str


def listed(path: Path) -> Iterator[Example]:
    """The sentences of a list, one a line, under heads ``[label] scene``; HeyiError names file and line of a fault."""
    label, scene, inside = "", 0, 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        if line.startswith("["):
            head = _HEAD.match(line)
            if head is None:
                raise HeyiError(f"{path.name}, line {number}: no ] after the name")
            label, scene, inside = head[1], number, 0
            continue
        if not label:
            raise HeyiError(f"{path.name}, line {number}: a sentence before any [name]")
        yield Example(label, line.strip(), f"{path.stem}:{scene}:{inside // _TOGETHER}")
        inside += 1


def agent_examples() -> list[Example]:
    """What call takers say, each sentence once: the lists, then sentences of calls, as these are marked."""
    made = {e.text: e for path in sorted(SENTENCES.glob("agent-*.txt")) for e in listed(path)}
    for path in (*sorted(CALLS.glob("*.jsonl")), *sorted(CORPUS.glob("*.jsonl"))):
        for call in read_calls(path):
            for turn in (at for at, (who, _) in enumerate(call.turns) if who == "A"):
                for match in SENTENCE.finditer(call.turns[turn][1]):
                    text, label = match[0].strip(), call.label(turn, match.start(), match.end())
                    if len(text) >= LEAST and label is not None and label not in NOT_IN_WORDS:
                        made.setdefault(text, Example(label, text, f"{path.stem}:{call.id}"))
    return list(made.values())


def comfort_examples() -> list[Example]:
    """What consoles and what does not; no violation does."""
    others = (e for path in sorted(SENTENCES.glob("agent-*.txt")) for e in listed(path) if e.label != FINE)
    made = {e.text: Example(FINE, e.text, e.group) for e in others}
    listed_ones = (e for path in sorted(SENTENCES.glob("comfort*.txt")) for e in listed(path))
    return list((made | {e.text: e for e in listed_ones}).values())


def caller_examples() -> list[Example]:
    """How callers say that they are beside themselves, or calmly what happened: the lists, then calls for a service."""
    made = {e.text: e for path in sorted(SENTENCES.glob("caller-*.txt")) for e in listed(path)}
    for line in (CALLS / "dialogues-service.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        for text in (s for t in row["turns"] if t["who"] == "C" for s in sentences(t["text"])):
            made.setdefault(text, Example(FINE, text, f"service:{row['id']}"))
    return list(made.values())


def reply_examples() -> list[Example]:
    """What callers answer to a violation, named by it, and what they answer in calls for a service."""
    made = {e.text: e for e in listed(SENTENCES / "reply.txt")}
    for line in (CALLS / "dialogues-service.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        for turn in row["turns"][2:]:
            if turn["who"] == "C":
                made.setdefault(turn["text"], Example(FINE, turn["text"], f"service:{row['id']}"))
    for path in sorted(CORPUS.glob("*.jsonl")):
        for call in (c for c in read_calls(path) if c.marks):
            for label, text in call.answers():
                made.setdefault(text, Example(label, text, f"{path.stem}:{call.id}"))
    return list(made.values())


def wish_examples() -> list[Example]:
    """What callers come with, in their first words: a question (咨询), or fine where it is anything else."""
    made: dict[str, Example] = {}
    for path in sorted(CALLS.glob("*.tsv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = [r for r in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if r["nature"]]
        for at, row in enumerate(rows[::_EACH]):
            text = _SLOT.sub("某", row["text"])
            label = "咨询" if row["nature"] == "咨询" else FINE
            made.setdefault(text, Example(label, text, f"{path.stem}:{at // _TOGETHER}"))
    return list(made.values())


def sentences(text: str) -> Iterator[str]:
    """Sentences of ``text`` that are long enough to judge."""
    return (match[0].strip() for match in SENTENCE.finditer(text) if len(match[0].strip()) >= LEAST)
