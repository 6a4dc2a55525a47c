"""What people do about assessment: look at a period, open a figure's tickets, freeze a period, correct a frozen one."""

import asyncio
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.exc import IntegrityError

from core.city import City
from core.city_assessment import CityAssessment
from core.clock import Clock
from core.database import Database
from core.errors import Conflict, HeyiError, NotAllowed
from ticketing.actor import Actor, Role
from ticketing.assessment.facts import (
    AskedRow,
    Case,
    ClockRow,
    Fact,
    NudgeRow,
    PartRow,
    RefusalRow,
    ReopenRow,
    TicketRow,
    facts,
)
from ticketing.assessment.frozen import pack, plain, result_of, rules_of, seal, unpack
from ticketing.assessment.measures import Count, Subject
from ticketing.assessment.period import Period, month_of
from ticketing.assessment.repository import AssessmentRepository
from ticketing.assessment.score import Member, Tables, tables
from ticketing.assessment.tables import FrozenPeriod

log = structlog.get_logger(__name__)

#: Who freezes a period.
FREEZERS: tuple[Role, ...] = ("supervisor", "arbiter")
#: For how long a page waits for figures before it says how far they are, in seconds.
PATIENCE_S = 2.5
#: How long figures of a month that is not frozen are good: opening one figure after another reads them once.
FRESH = timedelta(minutes=2)
#: Tickets that are read and counted at once: between two batches others have their turn.
_BATCH = 500
#: Months of facts that are kept at hand.
_AT_HAND = 3
#: Months of which scores are shown beside a period's own.
TREND = 12
_ROWS: dict[str, Any] = {
    "parts": PartRow, "asked": AskedRow, "refusals": RefusalRow, "nudges": NudgeRow,
    "reopened": ReopenRow,
}  # fmt: skip


@dataclass(frozen=True)
class Assessed:
    """A period's result: as it stands, or as it was frozen."""

    period: Period
    rules: CityAssessment
    tables: Mapping[Subject, Tables]
    #: Up to when it is known.
    at: datetime
    #: None: not frozen.
    frozen: FrozenPeriod | None = None
    #: Every version of the period, the first first.
    versions: Sequence[FrozenPeriod] = field(default=())
    #: Of a frozen one: it is still what its seal was made over.
    intact: bool = True


@dataclass(frozen=True)
class Progress:
    """How far the reading of a month is, in tickets."""

    month: Period
    done: int
    whole: int


class StillReadingError(Exception):
    """It takes longer than one waits for a page; the reading goes on."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(progress)
        self.progress = progress


class Assessment:
    """The service of this room. :class:`HeyiError` and its kinds for what cannot be done."""

    def __init__(self, database: Database, city: City, clock: Clock) -> None:
        self._database, self._city, self._clock = database, city, clock
        self.zone = ZoneInfo(city.profile.timezone)
        self._at_hand: dict[str, tuple[datetime, list[Fact]]] = {}
        self._reading = asyncio.Lock()
        self._progress: Progress | None = None
        self._opening: dict[tuple[str, int | None], asyncio.Task[Assessed]] = {}

    @property
    def current(self) -> Period:
        """The month that goes on."""
        return month_of(self._clock.now(), self.zone)

    async def of(
        self, period: Period, people: Mapping[str, str], version: int | None = None, *, frozen_only: bool = False
    ) -> Assessed:
        """A period's result. ``version`` None: its latest version, else as it stands; 0: as it stands.

        ``people``: every login with its name. :class:`HeyiError` for a version that there is not, and with
        ``frozen_only`` before anything is read where the period is not frozen.
        """
        async with self._database.read() as session:
            versions = await AssessmentRepository(session).versions(period.key)
        frozen = _chosen(versions, version)
        if frozen is not None:
            result, intact = result_of(frozen.tables), await self.intact(frozen)
            return Assessed(period, rules_of(frozen.rules), result, frozen.frozen_at, frozen, versions, intact)
        if frozen_only:
            raise HeyiError("这一考核期尚未定版", hint=period.key)
        now = self._clock.now()
        if period.begin(self.zone) > now:
            raise HeyiError("考核期尚未开始", hint=period.key)
        found = await self._facts(period, now)
        result = await asyncio.to_thread(self._result, found, people)
        return Assessed(period, self._city.assessment, result, now, None, versions)

    async def opened(
        self, period: Period, people: Mapping[str, str], version: int | None = None, patience_s: float | None = None
    ) -> Assessed:
        """Like :meth:`of`, for who asks again: :class:`StillReadingError` after ``patience_s`` (None: that of a
        page), while it is read on."""
        key = period.key, version
        task = self._opening.get(key)
        if task is None:
            task = self._opening[key] = asyncio.create_task(self.of(period, people, version))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may ask again
        await asyncio.wait({task}, timeout=PATIENCE_S if patience_s is None else patience_s)
        if not task.done():
            raise StillReadingError(self._progress or Progress(period, 0, 0))
        self._opening.pop(key, None)
        found = await task
        # Begun by somebody who did not come back for it.
        return found if self._clock.now() - found.at < FRESH or found.frozen else await self.of(period, people, version)

    async def cases(
        self, period: Period, version: int, subject: Subject, who: str | None, counts: Sequence[Count]
    ) -> Sequence[Fact]:
        """The facts behind one figure, the latest first. ``who`` None: of all. ``version`` 0: as it stands."""
        async with self._database.read() as session:
            repository = AssessmentRepository(session)
            frozen = _chosen(await repository.versions(period.key), version)
            kept = await repository.facts(frozen.id) if frozen else b""
        if frozen:
            found = await asyncio.to_thread(self._unpacked, period.key, kept)
        else:
            found = await self._facts(period, self._clock.now())
        wanted = frozenset(counts)
        these = [
            f for f in found if f.subject == subject and f.kind in wanted and (who is None or f.who == who)
        ]  # fmt: skip
        return sorted(these, key=lambda fact: (fact.at, fact.ticket), reverse=True)

    async def freeze(self, period: Period, by: Actor, reason: str, people: Mapping[str, str]) -> FrozenPeriod:
        """Keep a period's result as it stands: its first version, or the next one with a reason.

        :class:`NotAllowed` for other roles and while the period goes on, :class:`Conflict` where somebody else was
        first.
        """
        if by.role not in FREEZERS:
            raise NotAllowed("只有值班主任和督查室可以定版")
        now, said = self._clock.now(), reason.strip()
        if period.end(self.zone) > now:
            raise NotAllowed("考核期尚未结束，不能定版", hint=period.key)
        async with self._database.read() as session:
            versions = await AssessmentRepository(session).versions(period.key)
        if versions and not said:
            raise HeyiError("请填写更正理由")
        self._at_hand.clear()
        found = await self._facts(period, now, anew=True)
        rules = self._city.assessment.model_dump(mode="json")
        result, kept = await asyncio.to_thread(lambda: (plain(self._result(found, people)), pack(found)))
        row = FrozenPeriod(
            period=period.key, version=len(versions) + 1, frozen_at=now, frozen_by=by.login, reason=said, rules=rules,
            tables=result, facts=kept, seal=seal(rules, result, kept),
        )  # fmt: skip
        try:
            async with self._database.work() as work:
                work.session.add(row)
        except IntegrityError as error:
            raise Conflict("这一考核期刚刚由别人定版，请刷新后查看", hint=period.key) from error
        return row

    async def intact(self, frozen: FrozenPeriod) -> bool:
        """Whether a version is still what was frozen."""
        async with self._database.read() as session:
            kept = await AssessmentRepository(session).facts(frozen.id)
        whole = await asyncio.to_thread(seal, frozen.rules, frozen.tables, kept) == frozen.seal
        if not whole:
            log.error("a frozen assessment was changed", period=frozen.period, version=frozen.version)
        return whole

    async def frozen(self) -> Sequence[str]:
        """Keys of every period that was frozen, in their order."""
        async with self._database.read() as session:
            return await AssessmentRepository(session).periods()

    async def trend(self, period: Period) -> Mapping[str, Mapping[Subject, Tables]]:
        """The results of the frozen periods of the same kind before this one, by key, the earliest first."""
        keys = [period.later(-step * period.months).key for step in range(TREND - 1, 0, -1)]
        async with self._database.read() as session:
            kept = await AssessmentRepository(session).latest(keys)
        return {key: result_of(kept[key].tables) for key in keys if key in kept}

    # --- within -------------------------------------------------------------------------------------------------

    async def _facts(self, period: Period, now: datetime, *, anew: bool = False) -> list[Fact]:
        """All facts of a period, month by month: of a month that is frozen those that were frozen.

        ``anew``: nothing that is at hand, which may have been read before the period was over.
        """
        found: list[Fact] = []
        months = [month for month in period.parts() if month.begin(self.zone) <= now]
        async with self._database.read() as session:
            repository = AssessmentRepository(session)
            frozen = await repository.latest([month.key for month in months]) if period.months > 1 else {}
            packed = {key: await repository.facts(row.id) for key, row in frozen.items()}
        for month in months:
            if month.key in packed:
                if not await self.intact(frozen[month.key]):
                    raise HeyiError("所含月份的定版数据已被改动，请先更正该月并另定一版", hint=month.key)
                found += await asyncio.to_thread(self._unpacked, month.key, packed[month.key])
            else:
                found += await (self._read(month, now) if anew else self._live(month, now))
        return found

    @staticmethod
    def _unpacked(key: str, kept: bytes) -> list[Fact]:
        try:
            return unpack(kept)
        except (zlib.error, ValueError, LookupError, TypeError) as error:
            raise HeyiError("定版数据已损坏，无法读取", hint=key) from error

    async def _live(self, month: Period, now: datetime) -> list[Fact]:
        async with self._reading:  # two who look at once read once
            at, known = self._at_hand.get(month.key, (None, []))
            if at is not None and timedelta(0) <= now - at < FRESH:
                return known
            known = await self._read(month, now)
            self._at_hand.pop(month.key, None)
            self._at_hand[month.key] = (now, known)
            while len(self._at_hand) > _AT_HAND:
                del self._at_hand[next(iter(self._at_hand))]
            return known

    async def _read(self, month: Period, now: datetime) -> list[Fact]:
        begin, end = month.begin(self.zone).astimezone(UTC), month.end(self.zone).astimezone(UTC)
        unit, found = cache(self._unit), list[Fact]()
        async with self._database.read() as session:
            repository = AssessmentRepository(session)
            tickets, lapses = await repository.touched(begin, end), await repository.lapses(begin)
            for start in range(0, len(tickets), _BATCH):
                self._progress = Progress(month, start, len(tickets))
                rows = await repository.rows(tickets[start : start + _BATCH], begin, end)
                found += await asyncio.to_thread(self._counted, rows, lapses, (begin, end, now), unit)
        return found

    def _counted(
        self, rows: Mapping[str, Sequence[Sequence[Any]]], lapses: Mapping[str, Sequence[datetime]],
        times: Sequence[datetime], unit: Callable[[str], str],
    ) -> list[Fact]:  # fmt: skip
        begin, end, now = (at.astimezone(UTC).replace(tzinfo=None) for at in times)  # as the rows are
        of: dict[str, dict[str, list[Any]]] = {}
        for name, made in _ROWS.items():
            for row in rows.get(name, ()):
                of.setdefault(row[0], {}).setdefault(name, []).append(made(*row))
        for *row, clock_id in rows.get("clocks", ()):
            of.setdefault(row[0], {}).setdefault("clocks", []).append(ClockRow._make((*row, lapses.get(clock_id, ()))))
        left_out = tuple(self._city.assessment.leave_out)
        found: list[Fact] = []
        for row in rows.get("ticket", ()):
            ticket = TicketRow(*row)
            if left_out and ticket.code.startswith(left_out):
                continue
            case = Case(ticket, **of.get(ticket.id, {}))
            for subject, who, kind, at, number in facts(case, begin, end, now, unit):
                found.append(Fact(subject, who, kind, at.replace(tzinfo=UTC), number))
        return found

    def _unit(self, key: str) -> str:
        """Whose account a department's work goes to."""
        if self._city.assessment.communities == "own":
            return key
        seen = {key}
        department = self._city.department(key)
        while department is not None and department.at_level in ("community", "grid") and department.parent not in seen:
            if not department.parent:
                break
            key = department.parent
            seen.add(key)
            department = self._city.department(key)
        return key

    def _result(self, found: Sequence[Fact], people: Mapping[str, str]) -> dict[Subject, Tables]:
        rules = self._city.assessment
        tier_of = {kind: tier.key for tier in rules.tiers for kind in tier.kinds}
        members = [Member(d.id, d.name, tier_of.get(d.kind, "")) for d in self._city.departments]
        known = {member.who for member in members}
        for who in sorted({f.who for f in found if f.subject == "departments"} - known - {""}):
            other = self._city.department(who)
            members.append(Member(who, other.name if other else who, tier_of.get(other.kind, "") if other else ""))
        logins = sorted({f.who for f in found if f.subject == "agents"})
        agents = [Member(login, people.get(login, login), "agents") for login in logins]
        return {
            "departments": tables(found, "departments", members, rules.departments, rules.grades, rules.minimum),
            "agents": tables(found, "agents", agents, rules.agents, rules.grades, rules.minimum),
        }


def _chosen(versions: Sequence[FrozenPeriod], version: int | None) -> FrozenPeriod | None:
    if version is None:
        return versions[-1] if versions else None
    if version == 0:
        return None
    found = next((row for row in versions if row.version == version), None)
    if found is None:
        raise HeyiError("没有这一版", hint=str(version))
    return found
