"""Runs the checks on every call once its transcript of record is ready, and again when a person corrects it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from asr.events import TranscriptCorrected, TranscriptReady
from asr.record.transcripts import Utterance
from core.bus import Bus
from core.city import City
from core.clock import Clock
from core.database import Database
from core.events import Event
from quality.call import Call
from quality.checks.findings import Review
from quality.checks.review import Checks
from quality.gather import call_of
from quality.tables import CallChecks, CallFinding
from telephony.ledger import CallRow

log = structlog.get_logger(__name__)

#: Calls so long past are not taken up again after a restart.
TAKEN_UP = timedelta(days=7)
#: Between two calls that are made up for: whatever lives comes first.
_PAUSE_S = 0.2


class CheckListener:
    """Subscribes itself to ``bus``. The checks run in a thread, one call at a time, after the call.

    A call is stored as a whole in place of what was said of it before, so that the same event twice changes nothing.
    ``prepare`` makes the checks when the first call needs them (:func:`quality.checks.fitting.prepared`).
    """

    def __init__(
        self, bus: Bus, database: Database, city: City, clock: Clock, prepare: Callable[[], Awaitable[Checks]]
    ) -> None:
        self._database = database
        self._city = city
        self._clock = clock
        self._prepare = prepare
        self._checks: Checks | None = None
        #: One call at a time: an event and what is made up for never write the same call at once.
        self._turn = asyncio.Lock()
        bus.subscribe(self._handle, TranscriptReady, TranscriptCorrected)

    async def _handle(self, event: Event) -> None:
        if event.call_id:
            await self.check(event.call_id)

    async def check(self, call_id: str) -> Review | None:
        """Check one call and store what is found; ``None`` where it has no transcript of record."""
        async with self._turn:
            async with self._database.read() as session:
                call = await call_of(session, self._city, call_id)
            if call is None:
                return None
            if self._checks is None:
                self._checks = await self._prepare()
            review = await asyncio.to_thread(self._checks.review, call)
            async with self._database.work() as work:
                await store(work.session, call, review, self._checks, self._clock.now())
            return review

    async def catch_up(self) -> int:
        """Check the calls of the last days whose transcript became ready while nobody listened; returns how many.

        Meant to run beside everything else: it takes its time, and a call that cannot be checked is logged and left.
        """
        done = 0
        for call_id in await self._missing(self._clock.now() - TAKEN_UP):
            await asyncio.sleep(_PAUSE_S)
            try:
                done += await self.check(call_id) is not None
            except Exception:
                log.exception("a call could not be checked", call=call_id)
        return done

    async def _missing(self, since: datetime) -> list[str]:
        checked = select(CallChecks.call_id).where(CallChecks.call_id == CallRow.id).exists()
        recorded = select(Utterance.id).where(Utterance.call_id == CallRow.id, Utterance.source == "record").exists()
        query = (
            select(CallRow.id)
            .where(CallRow.arrived_at > since, CallRow.answered_at.is_not(None), recorded, ~checked)
            .order_by(CallRow.arrived_at)
        )
        async with self._database.read() as session:
            return list(await session.scalars(query))


async def store(session: AsyncSession, call: Call, review: Review, checks: Checks, at: datetime) -> None:
    """``review`` takes the place of what was stored of ``call`` before."""
    await session.execute(delete(CallFinding).where(CallFinding.call_id == call.id))
    await session.execute(delete(CallChecks).where(CallChecks.call_id == call.id))
    session.add(
        CallChecks(
            call_id=call.id, at=at, rules=checks.rules.version,
            learned=checks.learned.version if checks.learned else "",
            answers={name: checked.answer for name, checked in review.checks.items()},
            violations=list(review.violations),
        )
    )  # fmt: skip
    await session.flush()
    session.add_all(
        CallFinding(
            call_id=call.id, check=f.check, label=f.label, severity=f.severity, rule=f.rule, reason=f.reason,
            utterance_id=call.turns[f.turn].utterance_id if f.turn >= 0 else "", start=f.start, end=f.end,
            words=f.words, second=f.second,
        )
        for f in review.findings
    )  # fmt: skip
