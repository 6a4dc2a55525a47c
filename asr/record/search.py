"""Search over all transcripts: who said this phrase, when, in which call, and what was said around it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from asr.record import index
from asr.record.index import GRAMS, Indexed
from asr.record.transcripts import Utterance, second_of
from telephony.ledger import CallRow, LegRow

#: Hits of one page.
PAGE = 30


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to look for; what is empty or None asks nothing."""

    #: As :func:`asr.record.grams.phrases` gives them: all in one utterance. At least one.
    phrases: Sequence[str]
    line: str = ""
    #: Extension of a desk that takes or took part in the call.
    desk: str = ""
    #: ``caller``, ``agent`` or ``third``.
    leg: str = ""
    #: Said from ``start`` until before ``end``.
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class Beside:
    """An utterance as it stands beside a hit."""

    id: str
    leg: str
    text: str


@dataclass(frozen=True)
class Hit:
    """One utterance that was found."""

    #: For the next page: :func:`page` with ``before`` of the last hit goes on there.
    place: int
    utterance: Utterance
    #: None where the ledger does not know the call.
    call: CallRow | None
    #: When it began to be said, and the second of the recording in which that is.
    at: datetime
    second_s: float
    #: What was said in the same call just before and after it.
    before: Beside | None
    after: Beside | None


async def page(session: AsyncSession, wanted: Wanted, before: int | None = None, limit: int = PAGE) -> list[Hit]:
    """The utterances wanted, the latest first, that were said before the place ``before``."""
    # Outer joins keep the index of words in front, which gives the latest first: a planner that began with the calls of
    # a line, or the utterances of a day, would have to look through all of them.
    matches = (index.found(session, wanted.phrases), *_range(wanted, before))
    of_calls = _conditions(wanted)
    newest = GRAMS.c.rowid.desc()
    first = select(GRAMS.c.rowid).where(*matches).order_by(newest).limit(limit).subquery() if not of_calls else GRAMS
    query = (
        select(first.c.rowid, Utterance, CallRow)
        .select_from(first.outerjoin(Indexed, Indexed.place == first.c.rowid))
        .outerjoin(Utterance, Utterance.id == Indexed.utterance_id)
        .outerjoin(CallRow, CallRow.id == Indexed.call_id)
        .order_by(first.c.rowid.desc())
        .limit(limit)
    )
    if of_calls:
        query = query.where(*matches, *of_calls)
    rows = [(place, said, call) for place, said, call in await session.execute(query)]
    around = await _around(session, [said for _, said, _ in rows])
    return [
        Hit(place, said, call, index.time_of(place), second_of(said, call), *around[said.id])
        for place, said, call in rows
    ]  # fmt: skip


def _range(wanted: Wanted, before: int | None) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    ends = [place for place in (before, index.place_at(wanted.end) if wanted.end else None) if place is not None]
    if ends:
        found.append(GRAMS.c.rowid < min(ends))
    if wanted.start is not None:
        found.append(GRAMS.c.rowid >= index.place_at(wanted.start))
    return found


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    """What is asked of call and speaker."""
    found: list[ColumnElement[bool]] = []
    if wanted.line:
        found.append(func.coalesce(CallRow.line, "") == wanted.line)
    if wanted.desk:
        # By call, not by desk: a call has a few legs, a desk thousands.
        extension = func.coalesce(LegRow.extension, "")
        legs = select(LegRow.id).where(LegRow.call_id == CallRow.id, extension == wanted.desk, LegRow.joined.is_(True))
        found.append(or_(CallRow.agent == wanted.desk, legs.exists()))
    if wanted.leg:
        found.append(func.coalesce(Utterance.leg, "") == wanted.leg)
    return found


async def _around(session: AsyncSession, rows: Sequence[Utterance]) -> dict[str, tuple[Beside | None, Beside | None]]:
    """The neighbours of each of these utterances in the transcript of its call, by its id."""
    # Columns, not entities: a page has the transcripts of thirty calls behind it.
    columns = (Utterance.id, Utterance.call_id, Utterance.source, Utterance.leg, Utterance.text)
    of_these = select(*columns).where(Utterance.call_id.in_({row.call_id for row in rows}))
    transcripts: dict[tuple[str, str], list[Beside | None]] = {}
    # As asr.record.transcripts has them: live legs begin at different moments, only the clock compares.
    clock = case((Utterance.source == "live", Utterance.at))
    said = await session.execute(of_these.order_by(clock, Utterance.start_s, Utterance.id)) if rows else ()
    for id_, call_id, source, leg, text in said:
        transcripts.setdefault((call_id, source), [None]).append(Beside(id_, leg, text))
    found: dict[str, tuple[Beside | None, Beside | None]] = {}
    for transcript in transcripts.values():
        for before, row, after in zip(transcript, transcript[1:], [*transcript[2:], None], strict=False):
            found[row.id if row else ""] = (before, after)
    return found
