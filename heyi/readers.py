"""What rooms asked for in their own words, answered from the rooms that have it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import select

from asr.record import transcripts
from asr.record.backlog import TranscriptPass
from core.database import Database
from telephony import ledger
from telephony.callids import CALLBACK
from telephony.events import Leg
from telephony.ledger import QUEUED_DIRECTIONS, CallRow
from ticketing.tables import Ticket
from triage import store
from triage.verdict import Verdict


@dataclass(frozen=True)
class Said:
    """One finished utterance as the desk shows it; times in seconds from the start of its leg."""

    utterance_id: str
    leg: Leg
    text: str
    start_s: float
    end_s: float
    #: Second of the recording in which it was begun.
    second_s: float
    names: Sequence[Mapping[str, Any]]


class Transcripts:
    """Utterances of a call: those of record once the recording was transcribed, before that the live ones."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_call(self, call_id: str) -> Sequence[Said]:
        async with self._database.read() as session:
            rows = await transcripts.of_call(session, call_id)
            call = await ledger.call(session, call_id)
        return [
            Said(
                row.id, cast(Leg, row.leg), row.text, row.start_s, row.end_s,
                transcripts.second_of(row, call), row.names,
            )
            for row in rows
        ]  # fmt: skip

    async def caller_live(self, call_id: str) -> Sequence[tuple[str, str]]:
        """Id and text of what the caller was heard to say live, in the order in which it was begun."""
        async with self._database.read() as session:
            rows = await transcripts.of_call(session, call_id, "live")
        return [(row.id, row.text) for row in rows if row.leg == "caller"]


async def answered_without_ticket(database: Database, since: datetime) -> Sequence[tuple[str, str, str, str]]:
    """Answered callers that have no ticket though they called after ``since``: call, line, number, extension."""
    has_ticket = select(Ticket.id).where(Ticket.call_id == CallRow.id).exists()
    wanted = select(CallRow.id, CallRow.line, CallRow.caller, CallRow.agent).where(
        CallRow.arrived_at > since,
        CallRow.direction.in_(QUEUED_DIRECTIONS),
        CallRow.answered_at.is_not(None),
        ~CallRow.id.startswith(CALLBACK),  # asked about its ticket, and given to a person on demand
        ~has_ticket,
    )
    async with database.read() as session:
        return [(row[0], row[1], row[2], row[3]) for row in await session.execute(wanted)]


class Verdicts:
    """The newest verdict of a call."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def latest(self, call_id: str) -> Verdict | None:
        async with self._database.read() as session:
            return await store.latest(session, call_id)


async def ended_without_record(database: Database, since: datetime) -> Sequence[CallRow]:
    """Answered calls after ``since`` that have ended and whose recording is neither transcribed nor about to be."""
    spoken = (
        select(transcripts.Utterance.id)
        .where(transcripts.Utterance.call_id == CallRow.id, transcripts.Utterance.source == "record")
        .exists()
    )
    waiting = (
        select(transcripts.PendingRecording.call_id).where(transcripts.PendingRecording.call_id == CallRow.id).exists()
    )
    # In which nothing was understood: a second time would find as little.
    heard = (
        select(TranscriptPass.call_id)
        .where(TranscriptPass.call_id == CallRow.id, TranscriptPass.state.in_(("done", "half")))
        .exists()
    )
    wanted = select(CallRow).where(
        CallRow.arrived_at > since,
        CallRow.direction.in_(QUEUED_DIRECTIONS),
        CallRow.answered_at.is_not(None),
        CallRow.ended_at.is_not(None),
        ~spoken,
        ~waiting,
        ~heard,
    )
    async with database.read() as session:
        return list(await session.scalars(wanted))
