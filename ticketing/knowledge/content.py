"""What an article says: its fields, cleaned and compared. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from difflib import SequenceMatcher
from typing import Any, Literal

from core.city import City
from core.city_ivr import LONGEST
from core.city_knowledge import KnowledgeArticle
from core.errors import HeyiError
from ticketing.knowledge.tables import ArticleVersion

#: Characters of one line, and how many lines a list may have.
LIMITS = {"title": 80, "questions": 80, "steps": 400, "source": 200, "area": 60, "spoken": LONGEST["answer"]}
MOST = {"questions": 20, "steps": 20, "codes": 12}


@dataclass(frozen=True, kw_only=True)
class Content:
    """One version's content."""

    title: str
    questions: tuple[str, ...]
    steps: tuple[str, ...]
    codes: tuple[str, ...] = ()
    department: str = ""
    area: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    source: str = ""
    #: As a voice says it before a person; empty: it does not.
    spoken: str = ""

    def answer(self) -> str:
        """As it goes into a ticket: title and numbered steps."""
        return "\n".join([self.title, *(f"{at}. {step}" for at, step in enumerate(self.steps, 1))])

    def values(self) -> dict[str, Any]:
        """As columns of :class:`ArticleVersion`."""
        return {f.name: list(v) if isinstance(v := getattr(self, f.name), tuple) else v for f in fields(self)}

    def holds(self, day: date) -> bool:
        """Whether it is valid on that day of the city."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_until is None or day <= self.valid_until
        )


def of_version(row: ArticleVersion) -> Content:
    values: dict[str, Any] = {}
    for f in fields(Content):
        value = getattr(row, f.name)
        values[f.name] = tuple(value) if isinstance(value, list) else value
    return Content(**values)


def of_file(article: KnowledgeArticle) -> Content:
    return Content(**{f.name: getattr(article, f.name) for f in fields(Content)})


def clean(given: Mapping[str, Any], city: City) -> Content:
    """The fields as they are stored; :class:`HeyiError` for what an article cannot hold."""
    known = {f.name for f in fields(Content)}
    if strange := sorted(set(given) - known):
        raise HeyiError("条目没有这个字段", hint=strange[0])
    title, source, area, spoken = (_line(given.get(name, ""), name) for name in ("title", "source", "area", "spoken"))
    questions, steps = (_lines(given.get(name, ()), name) for name in ("questions", "steps"))
    if not title or not questions or not steps or not source:
        raise HeyiError("标题、问法、答复步骤和依据都要填写")
    codes = tuple(dict.fromkeys(str(code).strip() for code in given.get("codes", ()) if str(code).strip()))
    for code in codes:
        if city.category(code) is None:
            raise HeyiError("没有这个类别", hint=code[:20])
    if len(codes) > MOST["codes"]:
        raise HeyiError("类别太多", hint=f"{len(codes)} > {MOST['codes']}")
    department = str(given.get("department") or "").strip()
    if department and city.department(department) is None:
        raise HeyiError("没有这个部门", hint=department[:40])
    if area and all(town.name != area for town in city.towns):
        raise HeyiError("没有这个镇街", hint=area)
    begins, ends = (_day(given.get(name), name) for name in ("valid_from", "valid_until"))
    if begins and ends and ends < begins:
        raise HeyiError("有效期的止日早于起日", hint=f"{begins} — {ends}")
    return Content(
        title=title, questions=questions, steps=steps, codes=codes, department=department, area=area,
        valid_from=begins, valid_until=ends, source=source, spoken=spoken.rstrip("。"),
    )  # fmt: skip


def _line(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise HeyiError("字段应为文字", hint=name)
    text = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    if len(text) > LIMITS[name]:
        raise HeyiError("文字太长", hint=f"{name}: {len(text)} > {LIMITS[name]}")
    return text


def _lines(value: Any, name: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise HeyiError("字段应为文字", hint=name)
    lines = tuple(dict.fromkeys(line for one in value if (line := _line(one, name))))
    if len(lines) > MOST[name]:
        raise HeyiError("条数太多", hint=f"{name}: {len(lines)} > {MOST[name]}")
    return lines


def _day(value: Any, name: str) -> date | None:
    if value in (None, ""):
        return None
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value).strip())
    except ValueError:
        raise HeyiError("日期应写成 2026-10-01 的形式", hint=f"{name}: {str(value)[:20]}") from None


@dataclass(frozen=True)
class Line:
    """One line of a comparison: what kind of field, what became of it, its text."""

    field: str
    change: Literal["same", "added", "removed"]
    text: str


def compare(before: Content | None, after: Content) -> list[Line]:
    """Line by line, field by field; ``before`` None: everything is new."""
    found: list[Line] = []
    for f in fields(Content):
        old, new = [*_texts(before, f.name)] if before else [], [*_texts(after, f.name)]
        for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if kind == "equal":
                found += [Line(f.name, "same", text) for text in old[a:b]]
            else:
                found += [Line(f.name, "removed", text) for text in old[a:b]]
                found += [Line(f.name, "added", text) for text in new[c:d]]
    return found


def _texts(content: Content, name: str) -> Iterator[str]:
    value = getattr(content, name)
    if isinstance(value, tuple):
        yield from value
    elif value:
        yield str(value)
