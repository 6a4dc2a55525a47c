"""Events as they are stored and sent."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

import pytest

from core.events import Event, to_json

AT = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)


class Colour(Enum):
    RED = "红"


@dataclass(frozen=True, kw_only=True)
class Inner:
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Outer(Event):
    words: tuple[str, ...]
    inner: Inner
    colour: Colour = Colour.RED
    tags: frozenset[str] = frozenset({"b", "a"})
    thing: object = None


def test_an_event_becomes_one_line_of_plain_types() -> None:
    line = to_json(Outer(id="1", at=AT, call_id="c", words=("着火\n了",), inner=Inner(at=AT)))
    assert "\n" not in line and "着火" in line
    assert json.loads(line) == {
        "type": "Outer", "id": "1", "at": "2026-11-21T13:00:00+00:00", "call_id": "c", "words": ["着火\n了"],
        "inner": {"at": "2026-11-21T13:00:00+00:00"}, "colour": "红", "tags": ["a", "b"], "thing": None,
    }  # fmt: skip


def test_what_json_does_not_know_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        to_json(Outer(at=AT, words=(), inner=Inner(at=AT), thing=object()))
