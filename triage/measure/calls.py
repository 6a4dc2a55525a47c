"""Labelled calls: whole dialogues, a JSON object a line, with what an attentive person would have understood."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.city import City
from core.errors import HeyiError
from telephony.events import Leg
from triage.turns import Turn

_LEGS: dict[str, Leg] = {"A": "agent", "C": "caller"}
_HINT = '{"id", "line", "turns": [{"who": "A" or "C", "text"}], "gold": {"is_emergency": true or false, …}}'


@dataclass(frozen=True)
class Dialogue:
    """One labelled call; ``line`` is the number of the city's line, or what the file said where there is none."""

    id: str
    line: str
    turns: tuple[Turn, ...]
    is_emergency: bool
    #: Index of the caller's turn at which a call that began otherwise becomes an emergency.
    turns_at: int | None
    code: str
    nature: str
    place: str
    name: str
    #: Digits only.
    phone: str
    #: Calls of one incident share it; empty where a call has none.
    incident: str
    #: The number called from, digits only.
    caller: str
    tags: frozenset[str]
    #: When the call began, where that is told.
    at: datetime | None = None

    @property
    def known_from(self) -> int:
        """Index of the caller's turn from which a person knows of the emergency: the first, where it does not turn."""
        return self._first if self.turns_at is None else self.turns_at

    @property
    def turns_into_one(self) -> bool:
        """True where the caller first speaks of something else."""
        return self.is_emergency and self.turns_at is not None and self.turns_at > self._first

    @property
    def _first(self) -> int:
        return next((at for at, turn in enumerate(self.turns) if turn.leg == "caller"), 0)


def read_dialogues(path: Path, city: City) -> tuple[Dialogue, ...]:
    """The calls of a file; HeyiError names file and row (its number in the file) of what is wrong."""
    made: list[Dialogue] = []
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, text in enumerate(file, 1):
                if text.strip():
                    made.append(_dialogue(f"{path}, row {number}", text, city))
    except (OSError, UnicodeDecodeError) as error:
        raise HeyiError(f"{path}: cannot be read: {error}") from error
    if not made:
        raise HeyiError(f"{path}: no dialogues in it")
    return tuple(made)


def _dialogue(where: str, text: str, city: City) -> Dialogue:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise HeyiError(f"{where}: not JSON: {error.msg} at character {error.pos + 1}", hint=_HINT) from error
    if not isinstance(data, dict):
        raise HeyiError(f"{where}: a JSON object is needed", hint=_HINT)
    gold = data.get("gold")
    if not isinstance(gold, dict) or not isinstance(gold.get("is_emergency"), bool):
        raise HeyiError(f"{where}: gold.is_emergency must be true or false", hint=_HINT)
    turns = _turns(where, data.get("turns"))
    called = _text(where, data, "line")
    line = city.line_called(called)
    return Dialogue(
        id=_text(where, data, "id"), line=line.number if line else called, turns=turns,
        is_emergency=gold["is_emergency"], turns_at=_turn_of(where, gold.get("becomes_emergency_at_turn"), turns),
        code=_text(where, gold, "code"), nature=_text(where, gold, "nature"), place=_text(where, gold, "place"),
        name=_text(where, gold, "contact_name"), phone=_digits(_text(where, gold, "contact_phone")),
        incident=_text(where, data, "incident_id"), caller=_digits(_text(where, data, "caller_number")),
        tags=_tags(where, data.get("tags")),
        at=_began(where, _text(where, data, "at")),
    )  # fmt: skip


def _turns(where: str, turns: Any) -> tuple[Turn, ...]:
    if not isinstance(turns, list) or not turns:
        raise HeyiError(f"{where}: turns must be a list of what was said", hint=_HINT)
    made: list[Turn] = []
    for at, turn in enumerate(turns):
        who = turn.get("who") if isinstance(turn, dict) else None
        if who not in _LEGS or not isinstance(turn.get("text"), str):
            raise HeyiError(f"{where}: turn {at} needs who (A or C) and text", hint=_HINT)
        made.append(Turn(_LEGS[who], turn["text"], str(at)))
    return tuple(made)


def _turn_of(where: str, at: Any, turns: tuple[Turn, ...]) -> int | None:
    if at is None:
        return None
    if isinstance(at, bool) or not isinstance(at, int) or not 0 <= at < len(turns):
        raise HeyiError(f"{where}: becomes_emergency_at_turn must be null or 0 to {len(turns) - 1}, not {at!r}")
    return at


def _began(where: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        began = datetime.fromisoformat(text)
    except ValueError as error:
        raise HeyiError(f"{where}: at must be a time such as 2026-03-01T08:30, not {text!r}") from error
    return began if began.tzinfo else began.replace(tzinfo=UTC)


def _tags(where: str, tags: Any) -> frozenset[str]:
    if not isinstance(tags, list | None):
        raise HeyiError(f"{where}: tags must be a list", hint=_HINT)
    return frozenset(map(str, tags or ()))


def _text(where: str, data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    if value is None:
        return ""
    if isinstance(value, bool | list | dict):
        raise HeyiError(f"{where}: {key} must be text", hint=_HINT)
    return str(value).strip()


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))
