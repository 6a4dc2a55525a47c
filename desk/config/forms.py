"""Lines, desks and skill groups as a table that is filled in: from the file's text, and back into it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from core.city import City
from core.yamlrows import NotRows, Row, Value, edited, rows

#: ``members``: one's own group and others beside it; ``words``: several, with commas between them.
Sort = Literal["text", "number", "choice", "check", "words", "members"]


@dataclass(frozen=True)
class Field:
    """One key of an entry."""

    key: str
    title: str
    sort: Sort = "text"
    #: What the reader takes where the key is absent.
    default: Value = ""
    #: Whose names are offered: ``kinds`` of lines, ``desks`` kinds, ``groups``, ``departments``.
    choices: str = ""
    required: bool = False
    #: In the second line of the entry, with all the width that it needs.
    wide: bool = False


#: A form as it was sent: every field's values.
Entered = Mapping[str, Sequence[str]]

_NAMES = (Field("name", "名称", required=True), Field("name_en", "英文名称", required=True))
FIELDS: Mapping[str, tuple[Field, ...]] = MappingProxyType({
    "lines.yaml": (
        Field("number", "号码", required=True), *_NAMES,
        Field("kind", "类别", "choice", choices="kinds", required=True),
        Field("priority", "优先级", "number", required=True),
        Field("group", "技能组", "choice", choices="groups"),
        Field("department", "承办部门", "choice", choices="departments", required=True),
        Field("target_s", "应答目标（秒）", "number", "15"),
        Field("local", "仅限本市", "check"),
        Field("opening", "开头语", required=True, wide=True),
        Field("greeting", "欢迎语", wide=True),
        Field("aliases", "别名", "words", (), wide=True),
    ),
    "desks.yaml": (
        Field("extension", "分机", required=True), Field("name", "名称", required=True),
        Field("kind", "设备", "choice", "browser", choices="desks"),
        Field("penalty", "接听次序（0 最先）", "number", "0"),
        Field("auto_answer", "紧急自动接听", "check"),
        Field("in_queue", "参与排队", "check", "true"),
        Field("groups", "技能", "members", ("emergency", "service"), choices="groups"),
    ),
    "groups.yaml": (
        Field("key", "代号", required=True), *_NAMES,
        Field("overflow_s", "溢出等待（秒）", "number", "60"),
        Field("linkage", "联动席", "check"),
        Field("hotkey", "联动键（Alt+）", "text"),
        Field("outside", "外线号码"),
        Field("local", "仅限本市", "check"),
        Field("overflow", "溢出到", "words", (), wide=True),
    ),
})  # fmt: skip

_KINDS = {"kinds": {"emergency": "紧急", "service": "服务"},
          "desks": {"browser": "网页", "phone": "话机", "robot": "机器人"}}  # fmt: skip


def choices(city: City, *, english: bool = False) -> dict[str, dict[str, str]]:
    """Key → name, for each sort of choice."""
    return {
        **_KINDS,
        "groups": {each.key: each.name_en if english else each.name for each in city.groups},
        "departments": {each.id: each.name_en if english else each.name for each in city.departments},
    }


def entries(name: str, text: str) -> list[dict[str, Value]]:
    """The entries as the table shows them: defaults filled in. Raises :class:`NotRows`."""
    fields = FIELDS[name]
    found = rows(text)
    known = {field.key for field in fields}
    if any(not set(entry) <= known for entry in found):
        raise NotRows("a key that the table does not have")
    return [{field.key: _shown(field, entry) for field in fields} for entry in found]


def blank(name: str) -> dict[str, Value]:
    """A new entry."""
    return {field.key: field.default for field in FIELDS[name]}


def taken(name: str, text: str, form: Entered) -> str:
    """The text with what was entered: ``row`` names the entries in order, ``gone`` those to leave out.

    Raises :class:`NotRows` where the text cannot be changed entry by entry.
    """
    before, wanted = entries(name, text), []
    gone = set(form.get("gone", ()))
    typed = [field for field in FIELDS[name] if field.required and not field.choices]
    for row in form.get("row", ()):
        if row in gone:
            continue
        origin = int(row) if row.isdecimal() and int(row) < len(before) else None
        old = before[origin] if origin is not None else blank(name)
        values = {field.key: _entered(field, form, row) for field in FIELDS[name]}
        if origin is None and not any(values[field.key] for field in typed):
            continue  # a new row that nobody filled in
        # What says the same as before stays as it was written, or unwritten.
        wanted.append(Row(origin, {key: value for key, value in values.items() if value != old[key]}))
    return edited(text, wanted)


def _shown(field: Field, entry: Mapping[str, object]) -> Value:
    value = entry.get(field.key)
    if field.sort in ("words", "members"):
        return tuple(map(str, value)) if isinstance(value, list) else field.default
    if not isinstance(value, str):
        return field.default
    if field.sort == "check":
        return "true" if value == "true" else ""
    return value


def _entered(field: Field, form: Entered, row: str) -> Value:
    name = f"{row}.{field.key}"
    said = next(iter(form.get(name, ())), "")
    match field.sort:
        case "check":
            # An empty value takes the key away, which would be true where that is the default.
            return "true" if said else ("false" if field.default else "")
        case "words":
            return split(said)
        case "members":
            own = next(iter(form.get(f"{row}.own", ())), "")
            others = [key for key in form.get(name, ()) if key != own]
            return (own, *others) if own else tuple(others)
    return said.strip()


def split(text: str) -> tuple[str, ...]:
    """Words with commas between them, also Chinese ones."""
    for comma in "，、；;\n":
        text = text.replace(comma, ",")
    return tuple(word for word in (piece.strip() for piece in text.split(",")) if word)


def faulty(lines: Sequence[int], starts: Sequence[int]) -> dict[int, list[int]]:
    """Lines with a fault by the entry that they lie in; ``starts`` are the entries' first lines."""
    found: dict[int, list[int]] = {}
    for line in lines:
        at = sum(start <= line for start in starts) - 1
        if at >= 0:
            found.setdefault(at, []).append(line)
    return found
