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


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(v) for v in value]
    return value


def to_dict(event: Event) -> dict[str, Any]:
    """The event as plain JSON types, its name under ``type``."""
    return {"type": event.type, **_plain(event)}


def to_json(event: Event) -> str:
    """The event as one line of JSON, Chinese unescaped."""
    return json.dumps(to_dict(event), ensure_ascii=False, separators=(",", ":"))
