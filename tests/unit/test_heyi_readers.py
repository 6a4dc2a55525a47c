"""What the wiring reads across rooms."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from asr.record.backlog import TranscriptPass
from asr.record.transcripts import PendingRecording, Utterance
from core.bus import Bus
from core.clock import ManualClock
from core.database import Database
from heyi.readers import answered_without_ticket, ended_without_record
from telephony import ledger
from telephony.events import CallAnswered, CallArrived
from telephony.ledger import CallRow
from tests.citykit import small_city
from ticketing.service import Tickets

NOW = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)


async def test_an_answered_call_without_a_ticket_is_found_after_a_crash(tmp_path: Path) -> None:
    bus = Bus()
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}", bus)
    await database.create_all()
    tickets = Tickets(database, small_city(), ManualClock(NOW))

    async def call(name: str, at: datetime, *, answered: bool, direction: str = "in") -> None:
        facts: list[CallArrived | CallAnswered] = [
            CallArrived(at=at, call_id=name, line="119", caller="138", direction=direction)  # type: ignore[arg-type]
        ]
        if answered:
            facts.append(CallAnswered(at=at, call_id=name, agent="1001", waited_s=1, agent_channel="x"))
        async with database.work() as work:
            await ledger.write(work.session, facts)

    await call("drafted", NOW, answered=True)
    await tickets.draft("drafted", "119", "138", "1001")
    await call("forgotten", NOW, answered=True)
    await call("abandoned", NOW, answered=False)
    await call("cb-1", NOW, answered=True, direction="out")
    await call("long-ago", NOW - timedelta(days=8), answered=True)
    found = await answered_without_ticket(database, NOW - timedelta(days=7))
    assert found == [("forgotten", "119", "138", "1001")]
    await tickets.draft(*found[0])
    assert await answered_without_ticket(database, NOW - timedelta(days=7)) == []
    await bus.close()
    await database.close()


async def test_recordings_that_were_heard_are_not_heard_again_at_the_next_start(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}", Bus())
    await database.create_all()
    async with database.work() as work:
        for name in ("silent", "spoken", "waiting", "failed", "forgotten"):
            work.session.add(
                CallRow(id=name, direction="in", line="119", caller="", arrived_at=NOW, answered_at=NOW, ended_at=NOW)
            )
        work.session.add(Utterance(id="u", call_id="spoken", leg="caller", source="record", start_s=0, end_s=1,
                                   text="一", raw="一", confidence=1, at=NOW))  # fmt: skip
        work.session.add(PendingRecording(call_id="waiting", caller_wav="", agent_wav="", agent_from_s=0, since=NOW))
        for name, state in (("silent", "done"), ("failed", "failed")):
            work.session.add(TranscriptPass(call_id=name, state=state, began_at=NOW))
    found = await ended_without_record(database, NOW - timedelta(days=7))
    assert sorted(row.id for row in found) == ["failed", "forgotten"]
    await database.close()
