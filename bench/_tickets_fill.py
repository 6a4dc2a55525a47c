"""Life-like tickets by the million, with history, clocks and their entries in the search, written past the mapper."""

import csv
import io
import json
import random
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from types import SimpleNamespace
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url

from asr.record.grams import searchable
from bench._utterances import utterances
from core.city import City
from ticketing.index import FIELDS, entry, place_of, terms, words

START = datetime(2024, 1, 1, tzinfo=UTC)
YEARS = 3
#: Different summaries; each ticket has two of them and a number of its own.
_TEXTS = 40_000
#: Tickets written at once.
BATCH = 5_000
#: Tickets that are on their way, of all steps: three weeks of a city with a million in three years.
LATEST = 20_000
_AGENTS = tuple(f"agent{number}" for number in range(1, 61))
#: The way of a ticket that nobody refuses, with hours after the call.
_WAY = (("draft", "draft", 0.0), ("file", "filed", 0.05), ("dispatch", "dispatched", 0.1), ("accept", "handling", 2.0),
        ("report", "reported", 30.0), ("call_back", "callback", 30.0), ("settle", "closed", 31.0))  # fmt: skip

_TICKET = (
    "id", "number", "source", "call_id", "line", "caller", "caller_digits", "agent_extension", "agent_login", "state",
    "flow", "step", "steps_at", "is_emergency", "code", "nature", "place", "contact_name", "contact_phone",
    "contact_digits", "summary", "description", "department", "assist", "result", "satisfaction", "reopened",
    "escalated_at", "created_at", "filed_at", "dispatched_at", "handling_at", "reported_at", "callback_at", "closed_at",
    "due_at", "version", "touched",
)  # fmt: skip
COLUMNS: dict[str, Sequence[str]] = {
    "tickets": _TICKET,
    "ticket_history": (
        "ticket_id", "version", "at", "who", "role", "action", "before", "after", "flow", "step_before", "step_after",
        "department", "note", "changes",
    ),
    "assignments": (
        "id", "ticket_id", "department", "part", "level", "binding", "assigned_at", "assigned_by", "accepted_at",
        "reported_at", "reported_by", "result", "reason",
    ),
    "ticket_clocks": (
        "id", "ticket_id", "assignment", "kind", "level", "started_at", "amount", "unit", "due_at", "paused_at",
        "stopped_at", "extended", "next_at", "warn_at", "warned_for", "overdue_for",
    ),
    "clock_entries": ("clock_id", "at", "kind", "amount", "unit", "other_id", "reason", "who", "approved_by", "note"),
    "ticket_index": ("place", "ticket_id", "body"),
    "ticket_grams": ("rowid", "grams"),
}  # fmt: skip

Rows = dict[str, list[tuple[Any, ...]]]


@dataclass
class Life:
    """Makes the tickets of a city, ``total`` of them in :data:`YEARS`; fewer are its first months."""

    city: City
    total: int
    #: ``sqlite`` or ``postgresql``.
    dialect: str

    def __post_init__(self) -> None:
        texts = list(utterances(self.city, _TEXTS, seed=11))
        self._texts = [(text, searchable(text)) for text in texts]
        places = [f"{town.name}{c.name}" for town in self.city.towns for c in town.communities]
        self._places = [(place, searchable(place)) for place in places]
        self._categories = [category for group in self.city.taxonomy for category in group.categories]
        self._category_weights = _falling(len(self._categories))
        self._departments = [department.id for department in self.city.departments]
        self._lines = [line.number for line in self.city.lines]
        self._line_weights = _falling(len(self._lines))

    def rows(self, first: int, end: int) -> Iterator[Rows]:
        """The rows of these tickets, some thousand at a time; ``end`` is the present."""
        numbers = iter(range(first, end))
        while some := list(islice(numbers, BATCH)):
            made: Rows = {name: [] for name in COLUMNS}
            for number in some:
                self._ticket(number, made, end - number)
            yield made

    def at(self, number: int) -> datetime:
        return START + timedelta(days=365 * YEARS) * (number / self.total) + timedelta(microseconds=number)

    def _ticket(self, number: int, made: Rows, age: int) -> None:
        chance = random.Random(number)  # noqa: S311
        created = self.at(number)
        ticket_id = f"{int(created.timestamp() * 1000):012x}7{number:019x}"
        category = chance.choices(self._categories, cum_weights=self._category_weights)[0]
        line = chance.choices(self._lines, cum_weights=self._line_weights)[0]
        # Some call often.
        phone = f"13{chance.randrange(10**6) if chance.random() < 0.2 else chance.randrange(10**9):09d}"
        (said, said_body), (more, more_body) = chance.choice(self._texts), chance.choice(self._texts)
        place, place_body = chance.choice(self._places)
        # The last are open, and now and then an old one.
        steps = len(_WAY) if age > LATEST and chance.random() < 0.998 else chance.randint(1, len(_WAY))
        done = _WAY[:steps]
        times = {state: _naive(created + timedelta(hours=hours)) for _, state, hours in done}
        state = done[-1][1]
        emergency = self.city.is_emergency(category.code)
        flow = "emergency" if emergency else "six"
        due = created + timedelta(hours=category.due_hours)
        ticket = SimpleNamespace(
            id=ticket_id, number=f"JJ{created:%Y%m%d}-{number:07d}", source="call",
            call_id=f"bench-{number}", line=line, caller=phone,
            caller_digits=phone, agent_extension="1001", agent_login=chance.choice(_AGENTS), state=state, flow=flow,
            step=state, steps_at=json.dumps(times), is_emergency=emergency, code=category.code,
            nature=chance.choice(("咨询", "求助", "投诉")), place=place, contact_name="", contact_phone=phone,
            contact_digits=phone, summary=f"{said}，{more}", description="", department=category.department,
            assist=list(category.assist), result="已处理" if "reported" in times else "",
            satisfaction=("satisfied" if chance.random() < 0.9 else "unsatisfied") if state == "closed" else "",
            reopened=0, escalated_at=None, created_at=_naive(created), due_at=_naive(due) if steps > 2 else None,
            version=steps, touched="[]", **{f"{one}_at": times.get(one) for one in
            ("filed", "dispatched", "handling", "reported", "callback", "closed")},
        )  # fmt: skip
        known = dict.fromkeys(FIELDS, "") | {
            "number": f"jj{created:%Y%m%d}{number:07d}", "summary": said_body + more_body, "place": place_body,
            "result": ticket.result, "caller_digits": phone, "contact_digits": phone,
        }  # fmt: skip
        body = entry(terms(ticket), known.values())
        ticket.assist = json.dumps(ticket.assist)
        made["tickets"].append(tuple(getattr(ticket, name) for name in _TICKET))
        before = None
        for version, (action, after, _) in enumerate(done, 1):
            person = (
                ("system", "system") if action in ("draft", "call_back", "settle") else (ticket.agent_login, "agent")
            )
            made["ticket_history"].append(
                (ticket_id, version, times[after], *person, action, before, after, flow, before or "", after,
                 ticket.department, "", "{}")
            )  # fmt: skip
            before = after
        if steps > 2:
            stopped = times.get("reported")
            clock = f"c{ticket_id[1:]}"
            running = None if stopped else _naive(due)
            made["assignments"].append(
                (f"a{ticket_id[1:]}", ticket_id, category.department, "main", self.city.level_of(category.department),
                 False, times["dispatched"], "system", times.get("handling"), stopped, "", "", "")
            )  # fmt: skip
            made["ticket_clocks"].append(
                (clock, ticket_id, "", "handle", "", times["dispatched"], category.due_hours, "hours", _naive(due),
                 None, stopped, 0, running, running, None, None)
            )  # fmt: skip
            begun = (clock, times["dispatched"], "start", category.due_hours, "hours", "", "", "system", "", "")
            made["clock_entries"].append(begun)
            if stopped:
                made["clock_entries"].append((clock, stopped, "stop", None, None, "", "", "system", "", ""))
        place_number = place_of(ticket_id, created)
        made["ticket_index"].append((place_number, ticket_id, body))
        made["ticket_grams"].append((place_number, words(self.dialect, place_number, body)))


def _falling(count: int) -> list[float]:
    """Sums of weights of which the first is the largest."""
    total, sums = 0.0, []
    for rank in range(count):
        total += 1 / (rank + 2)
        sums.append(total)
    return sums


def _naive(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


class SqliteFill:
    """Writes into an SQLite file."""

    def __init__(self, url: str) -> None:
        self._connection = sqlite3.connect(make_url(url).database or "")
        self._connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA cache_size=-400000;")

    async def begin(self) -> None:
        pass

    async def write(self, rows: Rows) -> None:
        for name, some in rows.items():
            columns = COLUMNS[name]
            marks = ",".join("?" * len(columns))
            quoted = ",".join(f'"{column}"' for column in columns)
            self._connection.executemany(f"INSERT INTO {name} ({quoted}) VALUES ({marks})", some)  # noqa: S608
        self._connection.commit()

    async def end(self) -> None:
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()


class PostgresFill:
    """Writes into PostgreSQL by COPY; the search's index is built anew at the end."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)

    async def begin(self) -> None:
        host = self._url.query.get("host") or self._url.host
        self._connection = await asyncpg.connect(
            host=host, port=self._url.port, user=self._url.username, password=self._url.password,
            database=self._url.database,
        )  # fmt: skip
        await self._connection.execute("SET synchronous_commit = off; SET maintenance_work_mem = '512MB'")
        await self._connection.execute("DROP INDEX IF EXISTS ix_ticket_grams")

    async def write(self, rows: Rows) -> None:
        async with self._connection.transaction():
            for name, some in rows.items():
                text = io.StringIO()
                writer = csv.writer(text)
                for row in some:
                    writer.writerow(["\\N" if value is None else value for value in row])
                await self._connection.copy_to_table(
                    name, source=io.BytesIO(text.getvalue().encode()), columns=list(COLUMNS[name]), format="csv",
                    null="\\N",
                )  # fmt: skip

    async def end(self) -> None:
        await self._connection.execute("CREATE INDEX ix_ticket_grams ON ticket_grams USING gin (grams)")
        await self._connection.execute("VACUUM ANALYZE")
        await self._connection.close()


def filler(url: str) -> SqliteFill | PostgresFill:
    return SqliteFill(url) if url.startswith("sqlite") else PostgresFill(url)
