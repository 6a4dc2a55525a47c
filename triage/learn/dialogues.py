"""Whole calls with labels as lines to learn from: what the judge will see of them, utterance by utterance."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from core.errors import HeyiError
from triage.learn.example import Example
from triage.learn.features import LEAST_CHARACTERS
from triage.words import plain

#: Begins the group of every line that comes from a whole call.
CALLS = "calls/"


def dialogue_lines(path: Path) -> Iterator[Example]:
    """The caller's words in each call of a file, by themselves and with those just before.

    Words before the turn at which the emergency shows are calm, and of what they are is not known. The answers after it
    are left out: that a door is red is no emergency, and in such a call no proof of calm either.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                call = json.loads(line)
                yield from _of_call(call)
            except (ValueError, KeyError, TypeError) as error:
                raise HeyiError(f"{path.name}, line {number}: no labelled call: {error!r}") from error


def _of_call(call: dict[str, Any]) -> Iterator[Example]:
    gold, turns = call["gold"], call["turns"]
    said = [(at, turn["text"]) for at, turn in enumerate(turns) if turn["who"] == "C"]
    since: int | None = None
    if gold["is_emergency"]:
        told = gold["becomes_emergency_at_turn"]
        since = next((order for order, (at, _) in enumerate(said) if at >= (told or 0)), len(said))
    opening = next((order for order, (_, text) in enumerate(said) if len(plain(text)) >= LEAST_CHARACTERS), 0)
    for order in range(len(said)):
        for window in _windows(order):
            if since is not None and order > since and since not in window:
                continue
            emergency = since is not None and since in window
            known = since is None or emergency
            yield Example(
                text="，".join(said[at][1] for at in window), code=gold["code"] if known else "",
                nature=gold["nature"] if known else "", emergency=emergency, hard="hard" in call["tags"],
                group=f"{CALLS}{call['incident_id'] or call['id']}", later=window[0] > opening,
            )  # fmt: skip


def _windows(order: int) -> Sequence[tuple[int, ...]]:
    """As the judge takes them, see ``_TOGETHER`` there."""
    return [(order,), (order - 1, order)] if order else [(order,)]
