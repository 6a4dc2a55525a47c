"""What a city's call takers answer by: the articles that its knowledge base begins with (``knowledge.yaml``)."""

from collections.abc import Iterable
from datetime import date
from difflib import get_close_matches
from typing import Annotated

from pydantic import Field

from core.cityfaults import Faults, File, quote
from core.citytypes import Data, Key, KeyOrNone, MaybeText, Text, form

Day = Annotated[date, Field(description="a day such as 2026-10-01")]
CategoryCode = Annotated[str, form(r"^[A-Z][0-9]{2,4}$", "a capital letter and 2 to 4 digits, such as S0401")]


class KnowledgeArticle(Data):
    """One answer. What people change in the running system stands above the file from then on."""

    key: Key
    title: Text
    #: How callers ask for it.
    questions: Annotated[tuple[Text, ...], Field(min_length=1, max_length=20)]
    #: The answer, step by step, as it is read to the caller.
    steps: Annotated[tuple[Text, ...], Field(min_length=1, max_length=20)]
    #: Categories whose callers ask this; empty: any.
    codes: tuple[CategoryCode, ...] = ()
    #: Whose matter it is, and who knows when it changes.
    department: KeyOrNone = ""
    #: Town that it holds for; empty: the whole city.
    area: MaybeText = ""
    #: First and last day on which it holds.
    valid_from: Day | None = None
    valid_until: Day | None = None
    source: Text
    #: The answer as a voice says it before a person; absent: only people answer with it.
    spoken: Annotated[MaybeText, Field(max_length=80)] = ""
    #: Shipped as an example: somebody of the city has to check it.
    example: bool = False


def check_knowledge(
    file: File[KnowledgeArticle],
    codes: Iterable[str] | None,
    departments: Iterable[str] | None,
    towns: Iterable[str] | None,
    faults: Faults,
) -> None:
    """Note what no single record shows; None for what is not known for sure because its own file has faults."""
    seen: dict[str, int] = {}
    known = {"codes": codes, "department": departments, "area": towns}
    names = {key: None if values is None else frozenset(values) for key, values in known.items()}
    for article, node in file.records:
        line = node.get("key").line
        if article.key in seen:
            faults.add(
                file.path, line, f"key {quote(article.key)} stands on line {seen[article.key]} too, expected once"
            )
        seen.setdefault(article.key, line)
        if article.valid_from and article.valid_until and article.valid_until < article.valid_from:
            text = f"valid_until is {article.valid_until}, expected no day before valid_from ({article.valid_from})"
            faults.add(file.path, node.get("valid_until").line, text)
        for key, values in (("codes", article.codes), ("department", (article.department,)), ("area", (article.area,))):
            allowed = names[key]
            for value in values:
                if value and allowed is not None and value not in allowed:
                    near = get_close_matches(value, allowed, 1)
                    hint = f"did you mean {quote(near[0])}?" if near else "expected one that the city has"
                    faults.add(file.path, node.get(key).line, f"unknown {key} {quote(value)}, {hint}")
