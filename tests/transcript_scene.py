"""Calls with transcripts of record and recordings, for tests of search and corrections."""

import wave
from dataclasses import replace
from datetime import datetime, timedelta

from asr.record.transcripts import Utterance, replace_record
from heyi.readers import Transcripts
from telephony.ledger import CallRow, LedgerReader
from tests.desk_fakes import Stage

#: Seconds from one utterance to the next.
GAP_S = 4.0


def with_real_books(stage: Stage) -> Stage:
    """The same stage, whose ledger and transcripts are those of the database."""
    database = stage.services.database
    stage.services = replace(stage.services, ledger=LedgerReader(database), transcripts=Transcripts(database))
    return stage


async def transcribed(
    stage: Stage, call_id: str, *said: tuple[str, str], at: datetime, line: str = "12345", agent: str = "1001",
    caller: str = "13800001234", seconds: float = 0.0,
) -> None:  # fmt: skip
    """An ended call of ``agent``: leg and text of each utterance; a recording of ``seconds`` where there is one."""
    ended = at + timedelta(seconds=GAP_S * len(said))
    row = CallRow(
        id=call_id, direction="in", line=line, caller=caller, agent=agent, arrived_at=at, answered_at=at,
        ended_at=ended, waited_s=0, talked_s=1, outcome="answered", recording=f"{call_id}.wav" if seconds else "",
    )  # fmt: skip
    rows = [
        Utterance(
            id=f"{call_id}-u{n}", call_id=call_id, leg=leg, source="record", start_s=n * GAP_S, end_s=n * GAP_S + 2,
            text=text, raw=text, confidence=0.9, at=ended,
        )
        for n, (leg, text) in enumerate(said)
    ]  # fmt: skip
    async with stage.services.database.work() as work:
        work.session.add(row)
        await work.session.flush()
        await replace_record(work.session, call_id, rows)
    if seconds:
        folder = stage.services.settings.recordings
        folder.mkdir(parents=True, exist_ok=True)
        with wave.open(str(folder / row.recording), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(b"\0\0\0\0" * int(8000 * seconds))
