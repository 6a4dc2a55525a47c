"""A small city with scorecards, and calls in its tables, for the tests of reviews and packages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from core.bus import Bus
from core.city import City
from core.city_quality import CityQuality
from core.city_scorecards import Scorecard
from core.clock import ManualClock
from core.database import Base, Database
from quality.reviews.service import Answers, Reviews
from quality.sampling.assign import Reviewer
from switchboard.figures.worktime import DeskTime
from telephony.ledger import CallRow, LegRow
from tests.citykit import small_city
from ticketing.actor import Actor
from ticketing.tables import Ticket

DAY = date(2026, 11, 19)
#: The morning after: 10:00 in the city.
NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
CHIEF = Actor("chief", "supervisor")
AGENT1, AGENT2 = Actor("agent1", "agent", extension="1001"), Actor("agent2", "agent", extension="1002")
R1, R2, R3 = (Actor(f"r{n}", "reviewer") for n in (1, 2, 3))


def _card(kind: str) -> Scorecard:
    items = [
        {"key": "greeting", "name": "问候", "name_en": "Greeting", "weight": 40},
        {"key": "manner", "name": "态度", "name_en": "Manner", "weight": 60, "kind": "scale"},
        {"key": "conduct", "name": "禁语", "name_en": "Conduct", "auto_fail": True},
    ]
    sections = [{"name": "一", "name_en": "One", "items": items}]
    return Scorecard.model_validate(
        {"key": kind, "version": 1, "name": "试", "name_en": "T", "kind": kind, "sections": sections}
    )


PLAN = CityQuality(seed="试", share=50, agent_least=1, agent_most=6, blind_share=30)
CITY: City = small_city().model_copy(update={"quality": PLAN, "scorecards": (_card("service"), _card("emergency"))})
GOOD = Answers({"greeting": "yes", "manner": 5, "conduct": "yes"}, {"greeting": [{"second": 1.5, "words": "您好"}]})
POOR = Answers({"greeting": "no", "manner": 2, "conduct": "yes"})


def call(number: int, **more: Any) -> list[Base]:
    """One answered call of the day shift, with its leg, ticket and whoever sat there."""
    desk = more.pop("desk", "1001" if number % 2 else "1002")
    login = more.pop("login", "agent1" if desk == "1001" else "agent2")
    ticket = more.pop("ticket", {})
    call_id, at = f"hy1-{number}", datetime(2026, 11, 19, 1, tzinfo=UTC) + timedelta(minutes=number)
    fields: dict[str, Any] = {
        "direction": "in", "line": "12345", "caller": "13900000000", "agent": desk, "arrived_at": at,
        "answered_at": at + timedelta(seconds=5), "ended_at": at + timedelta(seconds=95), "waited_s": 5.0,
        "talked_s": 90.0, "outcome": "answered", "ended_by": "caller",
    }  # fmt: skip
    rows: list[Base] = [
        CallRow(id=call_id, **(fields | more)),
        LegRow(id=f"leg-{number}", call_id=call_id, kind="desk", extension=desk, started_at=at, ended_at=at,
               joined=True, cause=16),
        DeskTime(seq=number, desk=desk, login=login, state="talking", call_id=call_id, started_at=at),
    ]  # fmt: skip
    rows.append(
        Ticket(number=f"T-{number}", call_id=call_id, line="12345", caller="13900000000", caller_digits="13900000000",
               created_at=at, code="S0202", **ticket)
    )  # fmt: skip
    return rows


@dataclass
class QualityRoom:
    url: str = "sqlite+aiosqlite://"
    city: City = field(default_factory=lambda: CITY)

    def __post_init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.database = Database(self.url, Bus())
        self.reviews = Reviews(self.database, self.clock, self.city)
        self.people: Sequence[Reviewer] = tuple(Reviewer(one.login) for one in (R1, R2, R3))

    async def put(self, *rows: Base) -> None:
        async with self.database.work() as work:
            work.session.add_all(rows)

    async def drawn(self, calls: int = 12) -> str:
        """The id of a draw over so many calls."""
        await self.put(*(row for number in range(1, calls + 1) for row in call(number)))
        return (await self.reviews.draw(DAY, self.reviews.shift("day"), self.people, CHIEF)).id
