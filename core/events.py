"""Events are facts: frozen, with an id, a time and the call they belong to.

An event is stored in the same transaction as the state it describes (see :mod:`core.database`) and published on the
bus only after that transaction has committed.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar

from core.ids import new_id


@dataclass(frozen=True, kw_only=True)
class Event:
    """The head that all events share."""

    id: str = field(default_factory=new_id)
    #: When it happened, UTC.
    at: datetime
    #: The call it belongs to: the unique id of the caller's channel in Asterisk.
    call_id: str | None = None

    #: Transient events are published but not stored (partial transcripts: the final one supersedes them).
    transient: ClassVar[bool] = False

    @property
    def type(self) -> str:
        """The event's name as stored and as sent to browsers."""
        return type(self).__name__


_known_names: dict[type[Any], tuple[str, ...]] = {}


def _names(kind: type[Any]) -> tuple[str, ...]:
    names = _known_names.get(kind)
    if names is None:
        names = _known_names[kind] = tuple(f.name for f in dataclasses.fields(kind))
    return names


def _plain(value: Any) -> Any:
    """What the encoder asks for where it meets something that JSON does not know."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, set | frozenset):
        return sorted(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: getattr(value, name) for name in _names(type(value))}
    raise TypeError(f"{type(value).__name__} does not belong into an event")


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode


def to_json(event: Event) -> str:
    """The event as one line of JSON, its name under ``type``, Chinese unescaped."""
    return _encode({"type": event.type, **{name: getattr(event, name) for name in _names(type(event))}})
