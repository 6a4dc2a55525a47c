"""Weeks of calls, checks and reviews for the pages of quality, put into the tables of a stage."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Protocol

from core.city import City, Person
from core.city_quality import CityQuality
from core.cityfile import load_city
from core.clock import Clock
from core.database import Base, Database
from desk.access.users import Users
from desk.services import DeskServices
from quality.reviews.service import Answers, Reviews
from quality.reviews.tables import QualityDraw, Review, ReviewScore, ReviewStep
from quality.scorecards import versions
from quality.scorecards.score import Answer, score
from quality.tables import CallChecks, CallFinding
from switchboard.figures.worktime import DeskTime
from telephony.ledger import CallRow, LegRow
from tests.desk_fakes import CITY, PASSWORD
from ticketing.tables import Ticket

CARDS = load_city(Path(__file__).parents[1] / "cities" / "jinjiang").scorecards
REVIEWERS = ("zhi", "ke", "lu")
#: Whoever sits at the two desks, and others who share one.
AGENTS = ("wang", "chen", "a3", "a4", "a5", "a6")
QUALITY_CITY: City = CITY.model_copy(
    update={
        "scorecards": CARDS,
        "quality": CityQuality(seed="试", share=30),
        "people": (
            *CITY.people,
            Person(login="zhi", name="周质检", role="reviewer", password=PASSWORD),
            Person(login="ke", name="柯质检", role="reviewer", password=PASSWORD),
            Person(login="lu", name="卢质检", role="reviewer", password=PASSWORD),
        ),
    }
)
SERVICE = next(card for card in CARDS if card.kind == "service")
#: All that can be had on the card, and a poor score with what it rests on.
GOOD: dict[str, Answer] = {i.key: "yes" if i.kind == "yes_no" else i.top for i in SERVICE.items()}
POOR = Answers(
    {**GOOD, "greeting": "no", "polite": "no", "address": "no", "demand": 2},
    {"address": [{"utterance_id": "", "second": 12.5, "words": "行了行了，我知道在哪"}]},
    "地址没有复述，语气急躁",
)


async def quality_services(services: DeskServices) -> DeskServices:
    """The stage's services over a city with scorecards and reviewers."""
    await Users(services.database).seed_people(QUALITY_CITY)
    return replace(services, city=QUALITY_CITY)


def answered(call_id: str, at: datetime, agent: str, number: int, *, line: str = "12345") -> list[Base]:
    """One call that was answered and is over, with leg, ticket and whoever sat there."""
    desk = "1001" if agent == "wang" else "1002"
    code = ("S101", "S102", "E101")[number % 3]
    return [
        CallRow(
            id=call_id, direction="in", line=line, caller="13900000000", agent=desk, arrived_at=at,
            answered_at=at + timedelta(seconds=5), ended_at=at + timedelta(seconds=95), waited_s=5.0, talked_s=90.0,
            outcome="answered", ended_by="caller",
        ),
        LegRow(id=f"leg-{call_id}", call_id=call_id, kind="desk", extension=desk, started_at=at,
               ended_at=at + timedelta(seconds=95), joined=True, cause=16),
        DeskTime(seq=number, desk=desk, login=agent, state="talking", call_id=call_id, started_at=at,
                 ended_at=at + timedelta(seconds=95)),
        Ticket(number=f"Q-{number}", call_id=call_id, line=line, caller="13900000000", caller_digits="13900000000",
               created_at=at, code=code, agent_login=agent),
    ]  # fmt: skip


def checked(call_id: str, at: datetime, chance: Random, likely: float) -> tuple[CallChecks, list[CallFinding]]:
    """What the automatic checks said: a violation with this likelihood."""
    kinds = (("greeting", "无问候语"), ("address", "未确认地址"), ("polite", "态度生硬"), ("closing", "无结束语"))
    found = [kind for kind in kinds if chance.random() < likely]
    answers = {check: "fail" if (check, label) in found else "pass" for check, label in kinds}
    row = CallChecks(call_id=call_id, at=at, rules=1, answers=answers, violations=[label for _, label in found])
    return row, [
        CallFinding(
            call_id=call_id, check=check, label=label, severity="minor", rule="", reason="通话中没有做到",
            utterance_id="", start=0, end=0, words="快点说", second=3.0,
        )
        for check, label in found
    ]  # fmt: skip


class Site(Protocol):
    """What the scene is put into: a stage's services, or a database with a clock and reviews of its own."""

    @property
    def database(self) -> Database: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def reviews(self) -> Reviews: ...


async def weeks_of_quality(
    services: Site, *, calls: int = 600, weeks: int = 12, every: int = 4, seed: int = 1,
    agents: Sequence[str] = AGENTS,
) -> None:  # fmt: skip
    """So many checked calls over so many weeks before now; each ``every``-th has a published review, each third of
    those a second, blind one."""
    chance, now = Random(seed), services.clock.now()  # noqa: S311  invented figures
    step = timedelta(weeks=weeks) / calls
    rows: list[Base] = []
    later: list[Base] = []
    scores: list[Base] = []
    draw = QualityDraw(
        id="old", day=(now - timedelta(weeks=weeks + 1)).date(), shift="day", at=now - timedelta(weeks=weeks), by="lin",
        plan_version=1, plan_hash="0" * 64, population_hash="0" * 64, seal="0" * 64, body="{}",
    )  # fmt: skip
    async with services.database.work() as work:
        card = await versions.keep(work.session, SERVICE, now - timedelta(weeks=weeks))
    for n in range(1, calls + 1):
        at = now - step * (calls - n + 1) - timedelta(days=1)
        agent = agents[(n // every) % len(agents)]
        place = agents.index(agent)
        call_id = f"q-{n}"
        rows += answered(call_id, at, agent, 100_000 + n, line="119" if n % 9 == 0 else "12345")
        checks, findings = checked(call_id, at, chance, 0.02 + 0.02 * place)
        rows.append(checks)
        later += findings
        if n % every:
            continue
        for copy in (0, 1) if n % (3 * every) == 0 else (0,):
            who = REVIEWERS[(n // every + copy) % len(REVIEWERS)]
            review = Review(
                id=f"r-{n}-{copy}", draw_id="old", call_id=call_id, copy=copy, agent=agent, others=[], kind="service",
                why="risk" if n % 5 == 0 else "lot", reviewer=who, state="scored" if copy else "released",
                created_at=at, released_at=None if copy else at + timedelta(days=2),
                due_at=None if copy else at + timedelta(days=9), version=3,
            )  # fmt: skip
            answers: dict[str, Any] = {
                item.key: (
                    ("no" if chance.random() < (0.02 if item.auto_fail else 0.05 + 0.05 * place) else "yes")
                    if item.kind == "yes_no" else chance.choice([3, 4, 5, 5])
                )
                for item in SERVICE.items()
            }  # fmt: skip
            made = score(SERVICE, answers)
            rows.append(review)
            scores.append(
                ReviewScore(
                    review_id=review.id, number=1, at=at + timedelta(days=1), who=who, card=card, answers=answers,
                    evidence={"address": [{"utterance_id": "", "second": 8.0, "words": "学府路哪一段？"}]},
                    tenths=None if made.points is None else int(made.points * 10), passed=made.passed,
                    failed=list(made.failed),
                )
            )  # fmt: skip
            scores.append(
                ReviewStep(review_id=review.id, at=at + timedelta(days=1), who=who, role="reviewer", action="score",
                           before="in_review", after="scored", reviewer=who)
            )  # fmt: skip
    for some in ([draw], rows, [*later, *scores]):
        async with services.database.work() as work:
            work.session.add_all(some)


async def yesterdays_calls(services: Site, count: int = 40) -> None:
    """Calls of yesterday's day shift, to be drawn."""
    zone = services.reviews.zone
    day = services.clock.now().astimezone(zone).date() - timedelta(days=1)
    begin = datetime(day.year, day.month, day.day, 9, tzinfo=zone).astimezone(UTC)
    async with services.database.work() as work:
        for n in range(count):
            agent = ("wang", "chen")[n % 2]
            work.session.add_all(answered(f"y-{n}", begin + timedelta(minutes=5 * n), agent, 200_000 + n))
