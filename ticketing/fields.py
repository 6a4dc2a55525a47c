"""The fields of a ticket that people and software fill in: what they hold, how two savings are compared. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.city import City
from core.errors import Conflict, HeyiError
from core.phones import dialable
from triage.verdict import Verdict

NATURES = ("咨询", "求助", "投诉", "举报", "建议", "表扬", "其他")

#: Editable text fields and the characters they may hold.
TEXT_LIMITS = {
    "code": 8,
    "nature": 8,
    "place": 200,
    "contact_name": 60,
    "contact_phone": 40,
    "summary": 500,
    "description": 5000,
    "department": 40,
}
EDITABLE = (*TEXT_LIMITS, "is_emergency", "assist")


@dataclass(frozen=True)
class Difference:
    """One field that two people saved."""

    field: str
    #: What the one who saves now wanted.
    mine: Any
    #: What the ticket holds, and who saved that.
    theirs: Any
    by: str


class EditConflict(Conflict):
    """Somebody else saved the same fields since this version was read."""

    def __init__(self, version: int, differences: tuple[Difference, ...]) -> None:
        names = "、".join(d.field for d in differences)
        super().__init__("工单已被他人修改，请核对后再保存", hint=f"{differences[0].by}: {names}")
        #: The ticket's present version.
        self.version = version
        self.differences = differences


def clean(fields: Mapping[str, Any], city: City) -> dict[str, Any]:
    """The fields as they are stored; :class:`HeyiError` for an unknown field or a value that it cannot hold."""
    return {name: _clean(name, value, city) for name, value in fields.items()}


def _clean(name: str, value: Any, city: City) -> Any:
    if name == "is_emergency":
        if not isinstance(value, bool):
            raise HeyiError("是否紧急只能填是或否", hint=f"{name}={value!r}")
        return value
    if name == "assist":
        if not isinstance(value, list | tuple) or not all(isinstance(key, str) for key in value):
            raise HeyiError("协办部门应为部门列表", hint=f"{name}={value!r}")
        for key in value:
            _known(city.department(key) is not None, "没有这个部门", key)
        return list(dict.fromkeys(value))
    limit = TEXT_LIMITS.get(name)
    if limit is None:
        raise HeyiError("工单没有这个字段，或不能这样修改", hint=name)
    if not isinstance(value, str):
        raise HeyiError("字段应为文字", hint=f"{name}={value!r}")
    text = "".join(c for c in value if c.isprintable() or c == "\n").strip()
    if len(text) > limit:
        raise HeyiError("文字太长", hint=f"{name}: {len(text)} > {limit}")
    if text:
        if name == "code":
            _known(city.category(text) is not None, "没有这个类别", text)
        if name == "department":
            _known(city.department(text) is not None, "没有这个部门", text)
        if name == "nature":
            _known(text in NATURES, "没有这种诉求性质", text)
    return text


def _known(known: bool, message: str, value: str) -> None:
    if not known:
        raise HeyiError(message, hint=value)


def of_verdict(verdict: Verdict, city: City) -> dict[str, Any]:
    """What a verdict says about a ticket's fields. What it does not know is left out, so that it never empties a field.

    It can only raise: a verdict of ``service`` says nothing about ``is_emergency``.
    """
    said: dict[str, Any] = {}
    if verdict.outcome == "emergency":
        said["is_emergency"] = True
    if city.category(verdict.code):
        said["code"] = verdict.code
    if verdict.nature in NATURES:
        said["nature"] = verdict.nature
    if where := _where(verdict):
        said["place"] = where[: TEXT_LIMITS["place"]]
    if name := verdict.facts.value("name"):
        said["contact_name"] = name[: TEXT_LIMITS["contact_name"]]
    if dialable(verdict.phone, city.profile.area_code):
        said["contact_phone"] = verdict.phone
    if city.department(verdict.department):
        said["department"] = verdict.department
        said["assist"] = [key for key in verdict.assist if city.department(key)]
    return said


def _where(verdict: Verdict) -> str:
    """The place and where from there; where no place is known what it was described by (湘味小炒旁边)."""
    return verdict.places[0].full if verdict.places else verdict.facts.value("relative")


def of_category(code: str, city: City) -> dict[str, Any]:
    """What follows from a category that a person chose: its departments, and that it is an emergency."""
    category = city.category(code)
    if category is None:
        return {}
    follows: dict[str, Any] = {"department": category.department, "assist": list(category.assist)}
    return follows | {"is_emergency": True} if city.is_emergency(code) else follows


@dataclass(frozen=True)
class Saved:
    """One saving since the version that was read: who, whether a person, and ``{field: [old, new]}``."""

    who: str
    person: bool
    changes: Mapping[str, list[Any]]


def merge(
    wanted: Mapping[str, Any], current: Mapping[str, Any], since: Iterable[Saved]
) -> tuple[dict[str, Any], tuple[Difference, ...]]:
    """Three-way merge: what of ``wanted`` to save, and the fields where another person was first.

    ``since`` is oldest first. A wanted value that equals what was read is not an edit: it never undoes what was saved
    in between. Where only software was in between, the person wins.
    """
    read: dict[str, Any] = {}
    by: dict[str, str] = {}
    for saved in since:
        for name, (old, _new) in saved.changes.items():
            read.setdefault(name, old)
            if saved.person:
                by[name] = saved.who
    edits = {n: v for n, v in wanted.items() if v != current[n] and not (n in read and v == read[n])}
    lost = tuple(Difference(n, v, current[n], by[n]) for n, v in edits.items() if n in by)
    return edits, lost
