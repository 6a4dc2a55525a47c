"""What was changed in a login, field by field, and what each version would bring back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest

from desk.access.tables import UserVersionRow

#: Fields of a version that a person sees, with their names.
FIELDS = {"name": "姓名", "role": "岗位", "extension": "坐席号", "department": "部门或辖区", "disabled": "状态"}


@dataclass(frozen=True)
class Step:
    """One change: ``fields``: (name of the field, former value, value); of the first version all, without a former."""

    version: int
    at: datetime
    by: str
    reason: str
    fields: tuple[tuple[str, str, str], ...]
    #: The login is as this version says: there is nothing to bring back.
    current: bool


def steps(versions: Sequence[UserVersionRow], words: Callable[[str, object], str]) -> list[Step]:
    """The changes from ``versions``, both newest first; ``words`` puts (field, value) as a person reads it."""
    found = []
    for after, before in zip_longest(versions, versions[1:]):
        values = [(name, words(name, getattr(before, name)) if before else "", words(name, getattr(after, name)))
                  for name in FIELDS]  # fmt: skip
        fields = tuple((FIELDS[name], was, now) for name, was, now in values if was != now)
        found.append(Step(after.id, after.at, after.by, after.reason, fields, _same(after, versions[0])))
    return found


def _same(one: UserVersionRow, other: UserVersionRow) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in FIELDS)
