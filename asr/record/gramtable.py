"""A full-text index by pairs of characters (:mod:`asr.record.grams`): FTS5 on SQLite, ``tsvector`` on PostgreSQL.

Its rows lie in the order of their places, numbers that grow with time: the latest come first, a stretch of time is a
range of places. Beside the text a row may hold *terms*, words that no text has, by which it is chosen.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol

from sqlalchemy import DDL, BigInteger, ColumnElement, Text, bindparam, cast, column, event, table, text
from sqlalchemy.dialects.postgresql import TSQUERY

from asr.record.grams import grams

#: A place is the millisecond of its moment, and this many bits that tell those of one millisecond apart.
BITS = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WEEK_MS = timedelta(weeks=1) // timedelta(milliseconds=1)
#: Of Unicode's private use: they count as letters for the indexes and are never part of a searchable text.
_TERM, _MARK = "\ue000", "\ue001"
#: Telephone numbers and the like are looked for by so many figures at once.
FIGURES = 4
_RUN = re.compile(f"[0-9]{{{FIGURES},}}")


def place_at(at: datetime) -> int:
    """The lowest place of this moment: all that was before it has a lower one."""
    return (at - _EPOCH) // timedelta(milliseconds=1) << BITS


def time_of(place: int) -> datetime:
    """The moment of this place, to the millisecond."""
    return _EPOCH + timedelta(milliseconds=place >> BITS)


def weeks(first: int, last: int) -> list[int]:
    """Numbers of the weeks, counted from 1970, that these two places lie in and between."""
    return list(range((first >> BITS) // _WEEK_MS, (last >> BITS) // _WEEK_MS + 1))


@lru_cache(10_000)
def term(kind: str, value: str) -> str:
    """A word by which rows are chosen, e.g. ``term("d", "water")``. Capitals do not count."""
    return _TERM + "".join(c if c.isalnum() else _MARK for c in f"{kind}.{value}".lower())


def figures(text: str) -> list[str]:
    """Every four neighbouring figures of each run: of pairs there are a hundred, and every number has many of them."""
    found: list[str] = []
    for run in _RUN.findall(text):
        # Nothing that is looked for reaches from one run into the next.
        found += [_TERM, *(run[place : place + FIGURES] for place in range(len(run) - FIGURES + 1))]
    return found


class _Kind(Protocol):
    """What differs between the databases."""

    #: Statement that adds ``:place`` and ``:grams``, and the one that takes them out again.
    add: str
    remove: str

    def ddl(self) -> Sequence[str]: ...

    def words(self, tokens: Sequence[str]) -> object: ...

    def found(
        self, phrases: Sequence[Sequence[str]], terms: Sequence[Sequence[str]], of: ColumnElement[Any]
    ) -> ColumnElement[bool]: ...


class _Sqlite:
    def __init__(self, name: str) -> None:
        self._name = name
        self.add = f"INSERT INTO {name} (rowid, grams) VALUES (:place, :grams)"  # noqa: S608  a name of ours
        self.remove = f"INSERT INTO {name} ({name}, rowid, grams) VALUES ('delete', :place, :grams)"  # noqa: S608

    def ddl(self) -> Sequence[str]:
        # No copy of the text ("content"): it is in our own table. The tokenizer only has to cut at the spaces we put.
        return [f"CREATE VIRTUAL TABLE IF NOT EXISTS {self._name} USING fts5(grams, content='', tokenize='ascii')"]

    def words(self, tokens: Sequence[str]) -> object:
        return " ".join(tokens)

    def found(
        self, phrases: Sequence[Sequence[str]], terms: Sequence[Sequence[str]], of: ColumnElement[Any]
    ) -> ColumnElement[bool]:
        wanted = [f'"{p[0]}" *' if len(p[0]) == 1 else '"' + " ".join(p) + '"' for p in phrases]
        wanted += ["(" + " OR ".join(f'"{one}"' for one in alternatives) + ")" for alternatives in terms]
        query = text(f"{self._name} MATCH :wanted").bindparams(wanted=" AND ".join(wanted))
        return query  # type: ignore[return-value]


class _Postgres:
    def __init__(self, name: str) -> None:
        self._name = name
        self.add = f"INSERT INTO {name} (rowid, grams) VALUES (:place, CAST(CAST(:grams AS text) AS tsvector))"  # noqa: S608
        self.remove = f"DELETE FROM {name} WHERE rowid = :place"  # noqa: S608

    def ddl(self) -> Sequence[str]:
        return [
            f"CREATE TABLE IF NOT EXISTS {self._name} (rowid BIGINT PRIMARY KEY, grams TSVECTOR NOT NULL)",
            f"CREATE INDEX IF NOT EXISTS ix_{self._name} ON {self._name} USING gin (grams)",
            # How frequent a pair is decides between reading the index of pairs and going back from the latest row.
            f"ALTER TABLE {self._name} ALTER COLUMN grams SET STATISTICS 1000",
        ]

    def words(self, tokens: Sequence[str]) -> object:
        # Letters and figures alone: nothing in them could end the quotation.
        return " ".join(f"'{token}':{place}" for place, token in enumerate(tokens, 1))

    def found(
        self, phrases: Sequence[Sequence[str]], terms: Sequence[Sequence[str]], of: ColumnElement[Any]
    ) -> ColumnElement[bool]:
        rows = [f"'{p[0]}':*" if len(p[0]) == 1 else " <-> ".join(f"'{word}'" for word in p) for p in phrases]
        rows += [" | ".join(f"'{one}'" for one in alternatives) for alternatives in terms]
        wanted = " & ".join(f"({row})" for row in rows)
        # In the statement itself: a plan made for any query whatever is a bad one for most.
        query = cast(bindparam(None, wanted, Text, literal_execute=True), TSQUERY)
        return of.op("@@", is_comparison=True)(query)


class GramTable:
    """The index of this name, made and dropped with the table of the mapped class ``owner``, which keeps its texts."""

    def __init__(self, name: str, owner: Any, *, with_figures: bool = False) -> None:
        """``with_figures``: its rows hold :func:`figures` too."""
        self._figures = with_figures
        #: On SQLite the virtual table has the column ``rowid`` as its row id.
        self.table = table(name, column("rowid", BigInteger), column("grams"))
        self._kinds: dict[str, _Kind] = {"sqlite": _Sqlite(name), "postgresql": _Postgres(name)}
        for dialect, kind in self._kinds.items():
            for sql in kind.ddl():
                event.listen(owner.__table__, "after_create", DDL(sql).execute_if(dialect=dialect))  # type: ignore[no-untyped-call]
            drop = DDL(f"DROP TABLE IF EXISTS {name}").execute_if(dialect=dialect)  # type: ignore[no-untyped-call]
            event.listen(owner.__table__, "after_drop", drop)

    def add(self, dialect: str) -> str:
        """Statement that adds a row: ``:place`` and ``:grams``, which :meth:`words` makes."""
        return self._kinds[dialect].add

    def remove(self, dialect: str) -> str:
        """Statement that takes a row out again; it needs the same ``:grams`` as when the row was added."""
        return self._kinds[dialect].remove

    def words(self, dialect: str, tokens: Sequence[str]) -> object:
        """Pairs of characters and terms, in their order, as the database wants them."""
        return self._kinds[dialect].words(tokens)

    def found(
        self,
        dialect: str,
        phrases: Sequence[str],
        terms: Sequence[Sequence[str]] = (),
        of: ColumnElement[Any] | None = None,
    ) -> ColumnElement[bool]:
        """The condition on :attr:`table` that a row has all these phrases and of each of ``terms`` one alternative.

        ``of``: the column ``grams`` of some of its rows, on PostgreSQL; SQLite knows only the whole table.
        Nothing to look for: ``ValueError``.
        """
        if not phrases and not terms:
            raise ValueError("nothing to look for")
        column_asked = self.table.c.grams if of is None else of
        return self._kinds[dialect].found([self._words(phrase) for phrase in phrases], terms, column_asked)

    def _words(self, phrase: str) -> list[str]:
        """The row of words that a phrase is; a single character is the beginning of words."""
        if self._figures and len(phrase) >= FIGURES and _RUN.fullmatch(phrase):
            return figures(phrase)[1:]
        return grams(phrase)[:-1] or [phrase]
