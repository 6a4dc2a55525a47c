"""A frozen period as it is kept: facts in a small form, the result as plain JSON, both under one seal. Pure."""

import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from core.city_assessment import CityAssessment
from ticketing.assessment.facts import Fact
from ticketing.assessment.measures import COUNTS, SUBJECTS, Subject
from ticketing.assessment.score import Mark, Row, Tables

#: Of the kept form; goes up when it changes, and older ones stay readable.
FORM = 1


def pack(facts: Iterable[Fact]) -> bytes:
    """Compressed JSON: names once each, then five numbers for every fact."""
    who: dict[str, int] = {}
    tickets: dict[str, int] = {}
    rows = [
        (
            SUBJECTS.index(fact.subject), who.setdefault(fact.who, len(who)), COUNTS.index(fact.kind),
            round(fact.at.timestamp() * 1000), tickets.setdefault(fact.ticket, len(tickets)),
        )
        for fact in facts
    ]  # fmt: skip
    body = {
        "form": FORM, "subjects": SUBJECTS, "counts": COUNTS, "who": list(who), "tickets": list(tickets),
        "columns": list(zip(*rows, strict=True)),
    }  # fmt: skip
    return zlib.compress(json.dumps(body, separators=(",", ":")).encode(), 6)


def unpack(kept: bytes) -> list[Fact]:
    """What :func:`pack` was given; times to the millisecond. ``ValueError`` for a form that is not known."""
    body = json.loads(zlib.decompress(kept))
    if body["form"] != FORM:
        raise ValueError(f"facts of form {body['form']}, known is {FORM}")
    subjects, counts, who, tickets = body["subjects"], body["counts"], body["who"], body["tickets"]
    return [
        Fact(subjects[s], who[w], counts[c], datetime.fromtimestamp(at / 1000, UTC), tickets[t])
        for s, w, c, at, t in zip(*body["columns"], strict=True)
    ]


def plain(result: dict[Subject, Tables]) -> dict[str, Any]:
    """A result as JSON."""
    return {subject: _tables(tables) for subject, tables in result.items()}


def result_of(kept: dict[str, Any]) -> dict[Subject, Tables]:
    """What :func:`plain` was given."""
    return {subject: _read(kept[subject]) for subject in SUBJECTS}


def rules_of(kept: dict[str, Any]) -> CityAssessment:
    """The rules that a version was made by."""
    return CityAssessment.model_validate(kept)


def seal(rules: dict[str, Any], tables: dict[str, Any], facts: bytes) -> str:
    """SHA-256 in hexadecimal over all that was frozen."""
    told = json.dumps([rules, tables], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(told.encode() + b"\0" + facts).hexdigest()


def _tables(tables: Tables) -> dict[str, Any]:
    return {"rows": [_row(row) for row in tables.rows], "total": dict(tables.total), "marks": _marks(tables.marks)}


def _row(row: Row) -> dict[str, Any]:
    return {
        "who": row.who, "name": row.name, "tier": row.tier, "counts": dict(row.counts), "marks": _marks(row.marks),
        "score": row.score, "rank": row.rank, "grade": row.grade,
    }  # fmt: skip


def _marks(marks: Sequence[Mark]) -> list[list[Any]]:
    return [[m.measure, m.part, m.whole, m.weight, m.full, m.zero, m.points] for m in marks]


def _read(kept: dict[str, Any]) -> Tables:
    rows = tuple(
        Row(r["who"], r["name"], r["tier"], r["counts"], _read_marks(r["marks"]), r["score"], r["rank"], r["grade"])
        for r in kept["rows"]
    )
    return Tables(rows, kept["total"], _read_marks(kept["marks"]))


def _read_marks(kept: Sequence[Sequence[Any]]) -> tuple[Mark, ...]:
    return tuple(Mark(*one) for one in kept)
