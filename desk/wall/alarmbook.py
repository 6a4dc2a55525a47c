"""Gathers the centre's alarms for the wallboard: what fails, who waits too long, and who has taken note of it."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from asr.record import backlog
from core.city import City
from core.database import Database, StoredEvent
from core.events import Event
from switchboard.figures.alarms import Alarm, AlarmNoted, Waiting, of_waiting, standing
from switchboard.figures.board import waits
from switchboard.health import LineHealthChanged, failing
from switchboard.missed.tables import Count
from switchboard.views import CallView

#: What no event tells is asked for again after so long.
AGAIN = timedelta(seconds=30)
#: Recordings that went wrong longer ago are past.
FAULTS = timedelta(days=1)
#: Notes that are read at the start: those of alarms that may still last.
_NOTES = 200
#: A note of an alarm that is gone is forgotten after this: one that began anew is noted by nobody anyway.
KEPT = timedelta(days=1)


class AlarmBook:
    """One for the application."""

    def __init__(self, city: City) -> None:
        self._targets = {line.number: line.target_s for line in city.lines if line.kind == "emergency"}
        self._notes: dict[str, AlarmNoted] = {}
        self._lasting: list[Alarm] = []
        self._read_at: datetime | None = None

    async def start(self, database: Database) -> None:
        """Read who has taken note of what."""
        query = select(StoredEvent.body).where(StoredEvent.type == AlarmNoted.__name__)
        async with database.read() as session:
            bodies = (await session.scalars(query.order_by(StoredEvent.seq.desc()).limit(_NOTES))).all()
        for body in reversed(bodies):
            told = json.loads(body)
            at, began = (datetime.fromisoformat(told[name]) for name in ("at", "began"))
            self.heard(
                AlarmNoted(id=told["id"], at=at, key=told["key"], began=began, by=told["by"], note=told["note"])
            )  # fmt: skip

    def heard(self, event: Event) -> None:
        if isinstance(event, AlarmNoted):
            self._notes[event.key] = event
        elif isinstance(event, LineHealthChanged):
            self._read_at = None

    async def alarms(
        self, session: AsyncSession, now: datetime, calls: Iterable[CallView], missed: Count
    ) -> list[Alarm]:  # fmt: skip
        """All of this moment: those that nobody has noted first, the gravest first."""
        if self._read_at is None or not timedelta(0) <= now - self._read_at < AGAIN:
            self._lasting = [*await self._failing(session), *await self._recordings(session, now)]
            self._read_at = now
        callers = [
            Waiting(call.call_id, call.line, call.arrived_at, self._targets[call.line])
            for call in calls
            if call.line in self._targets and waits(call)
        ]
        found = [*of_waiting(callers, now), *self._lasting]
        if missed.emergency and missed.emergency_at:
            found.append(Alarm("missed", "", missed.emergency_at, count=missed.emergency))
        lasting = {alarm.key for alarm in found}
        self._notes = {key: note for key, note in self._notes.items() if key in lasting or now - note.at < KEPT}
        return standing(found, self._notes)

    @staticmethod
    async def _failing(session: AsyncSession) -> list[Alarm]:
        return [Alarm("line", check.line, since, check.why) for check, since in await failing(session)]

    @staticmethod
    async def _recordings(session: AsyncSession, now: datetime) -> list[Alarm]:
        faulty = (await backlog.look(session, now - FAULTS)).faulty
        return [Alarm("recording", "", faulty[0].began_at, count=len(faulty))] if faulty else []
