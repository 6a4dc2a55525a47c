"""Labels with the words that they are about, read from the database."""

from collections.abc import Sequence
from typing import cast

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from asr.record.transcripts import Utterance
from telephony.events import Leg
from triage.judge import Turn
from triage.loop.examples import LabelledCall
from triage.loop.labels import labels
from triage.loop.tables import TriageLabel

#: Ids in one question to the database: below the limit of variables of any SQLite.
_AT_ONCE = 500
#: What a model can learn; places are found by the gazetteer.
_LEARNED = {"emergency", "code", "nature"}


async def labelled_calls(session: AsyncSession) -> tuple[LabelledCall, ...]:
    """All labels with a code, oldest first, with the utterances as they were heard."""
    rows = [row for row in await labels(session) if row.code]
    said = await _utterances(session, [uid for row in rows for uid in row.utterances])
    return tuple(_call(row, said) for row in rows)


def _call(row: TriageLabel, said: dict[str, Turn]) -> LabelledCall:
    return LabelledCall(
        call_id=row.call_id, number=row.number, line=row.line, emergency=row.emergency, code=row.code,
        nature=row.nature, corrected=bool(_LEARNED & set(row.changed)),
        turns=tuple(said[uid] for uid in row.utterances if uid in said),
    )  # fmt: skip


async def _utterances(session: AsyncSession, ids: Sequence[str]) -> dict[str, Turn]:
    found: dict[str, Turn] = {}
    for at in range(0, len(ids), _AT_ONCE):
        query = select(Utterance.id, Utterance.leg, Utterance.text).where(Utterance.id.in_(ids[at : at + _AT_ONCE]))
        for uid, leg, text in await session.execute(query):
            found[uid] = Turn(cast(Leg, leg), text)
    return found
