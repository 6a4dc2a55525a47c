"""What of a change pages show at once: names and the words on answering. Nothing by which calls or tickets go. Pure."""

from collections.abc import Iterable
from typing import TypeVar

from core.city import City
from core.citytypes import Data

M = TypeVar("M", bound=Data)


def with_texts(city: City, saved: City) -> City:
    """``city`` with the texts of ``saved`` where both have the same line, desk, group, mode, department or class."""
    taxonomy = []
    news = {group.code: group for group in saved.taxonomy}
    for group in _taken(city.taxonomy, saved.taxonomy, "code", ("name", "name_en")):
        own = news.get(group.code)
        categories = _taken(group.categories, own.categories if own else (), "code", ("name", "name_en"))
        taxonomy.append(group.model_copy(update={"categories": categories}))
    return city.model_copy(update={
        "lines": _taken(city.lines, saved.lines, "number", ("name", "name_en", "opening")),
        "desks": _taken(city.desks, saved.desks, "extension", ("name",)),
        "groups": _taken(city.groups, saved.groups, "key", ("name", "name_en")),
        "modes": _taken(city.modes, saved.modes, "key", ("name", "name_en")),
        "departments": _taken(city.departments, saved.departments, "id", ("name", "name_en")),
        "taxonomy": tuple(taxonomy),
    })  # fmt: skip


def _taken(old: Iterable[M], saved: Iterable[M], key: str, fields: Iterable[str]) -> tuple[M, ...]:
    news = {getattr(each, key): each for each in saved}
    return tuple(
        each.model_copy(update={field: getattr(news[name], field) for field in fields})
        if (name := getattr(each, key)) in news
        else each
        for each in old
    )
