"""The journal takes notes without waiting: rows that a slow database has no room for are counted, callers go on."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from core.bus import Bus
from core.database import Database, StoredEvent
from core.ids import new_id
from ivr.journal import Ended, Journal
from ivr.journalread import read
from ivr.signals import Key, Note
from ivr.tables import VoiceSession, VoiceStep
from telephony.ledger import CallRow
from tests.databases import KINDS, address
from tests.unit.ivr_support import BEGAN, Caller
from tests.unit.test_ivr_report import FLOWS


def later(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


@pytest.fixture(params=KINDS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    bus = Bus()
    made = Database(address(request, tmp_path), bus)
    await made.create_all()
    yield made
    await made.close()
    await bus.close()


def note(number: int) -> Note:
    return Note("welcome", f"step-{number}", BEGAN + later(number), BEGAN + later(number + 1), "silence")


async def test_what_a_caller_did_is_written_and_read_again(database: Database) -> None:
    journal = Journal(database)
    journal.start()
    caller = Caller.starts(FLOWS, "welcome", city="晋江市", line_name="便民热线", caller="known")
    caller.gives(Key("5"), after=2)
    caller.gives(Key("0"), after=3)
    for output in caller.outputs:
        if isinstance(output, Note):
            journal.note("c-1", output)
    journal.note("c-1", Note("robot-callback", "solved", BEGAN, BEGAN + later(9), "key 1", ("silence", "wrong key")))
    journal.ended("c-1", Ended("welcome", BEGAN, BEGAN + later(9), "queue"))
    await journal.close()
    assert journal.lost == 0
    async with database.read() as session:
        found = await read(session, BEGAN, BEGAN + later(60), BEGAN + later(3600))
    assert [(s.flow, s.how, s.ended - s.began) for s in found.sessions] == [("welcome", "queue", later(9))]
    assert [(s.step, s.why) for s in found.steps][:2] == [("greet", "wrong key"), ("menu", "key 0")]
    assert found.steps[-1].again == ("silence", "wrong key")


async def test_nobody_waits_for_a_database_that_stands(database: Database) -> None:
    journal = Journal(database, room=10)
    journal.start()
    async with database.work():  # nobody else writes meanwhile
        for number in range(14):
            journal.note("c-1", note(number))
        await asyncio.sleep(0.8)
        assert journal.lost == 4
        assert {sample.name: sample.value for sample in journal.samples()} == {
            "heyi_voice_notes_waiting": 10, "heyi_voice_notes_lost_total": 4,
        }  # fmt: skip
    await journal.close()
    async with database.read() as session:
        assert len((await session.scalars(select(VoiceStep))).all()) == 10


async def test_a_database_that_refuses_is_tried_again(database: Database) -> None:
    journal = Journal(database, again_s=0.05)
    async with database.work() as work:
        await work.session.execute(text("ALTER TABLE voice_sessions RENAME TO away"))
    journal.start()
    journal.note("c-1", note(1))
    journal.ended("c-1", Ended("welcome", BEGAN, BEGAN + later(9), "caller"))
    await asyncio.sleep(1)
    async with database.work() as work:
        await work.session.execute(text("ALTER TABLE away RENAME TO voice_sessions"))
    await journal.close()
    assert journal.lost == 0
    async with database.read() as session:
        # Once, though it was tried often.
        assert len((await session.scalars(select(VoiceStep))).all()) == 1
        assert [row.how for row in await session.scalars(select(VoiceSession))] == ["caller"]


async def test_at_the_end_what_cannot_be_written_is_counted(database: Database) -> None:
    async with database.work() as work:
        await work.session.execute(text("DROP TABLE voice_steps"))
    journal = Journal(database, again_s=0.05)
    journal.start()
    journal.note("c-1", note(1))
    await journal.close()
    assert journal.lost == 1
    journal.note("c-1", note(2))
    assert journal.lost == 2


async def test_the_report_reads_who_was_answered_and_whom_nobody_served(database: Database) -> None:
    async with database.work() as work:
        work.session.add(
            CallRow(
                id="c-1", direction="in", line="12345", caller="1", arrived_at=BEGAN, answered_at=BEGAN + later(20),
                ended_at=BEGAN + later(90),
            )
        )  # fmt: skip
        for call_id, at in (("c-1", 1), ("c-2", 2), ("c-3", 500)):
            work.session.add(
                StoredEvent(id=new_id(), type="VoiceBegan", at=BEGAN + later(at), call_id=call_id,
                            body='{"flow": "welcome"}')
            )  # fmt: skip
    async with database.read() as session:
        found = await read(session, BEGAN, BEGAN + later(600), BEGAN + later(700))
    assert found.answered == {"c-1": BEGAN + later(20)}
    # The third may still be walking.
    assert [(row.call_id, row.how) for row in found.sessions] == [("c-1", "late"), ("c-2", "late")]
