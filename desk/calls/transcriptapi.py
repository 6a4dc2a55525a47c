"""Corrections of transcripts, the lexicon's words that come of them, and how the pass over recordings stands."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from asr.events import TranscriptCorrected
from asr.record import backlog, corrections, lexicon
from asr.words import overlay
from core.audit import note
from desk.access.auth import SignedIn, address_of
from desk.access.rights import may_correct
from desk.access.users import User, Users
from desk.api import Cases
from desk.calls.calllist import FAULT_NAMES
from desk.context import services_of
from desk.i18n import language_of
from desk.live import Feed
from desk.render import page
from desk.services import DeskServices
from desk.views import Views, stamp
from desk.whole import Whole

router = APIRouter()
Services = Annotated[DeskServices, Depends(services_of)]

#: Faults of recordings are shown this long.
FAULTS = timedelta(days=7)
KIND_NAMES = {"landmark": "地名", "department": "部门", "term": "用语"}


async def _reviewer(user: SignedIn) -> User:
    if not may_correct(user):
        raise HTTPException(403, "您没有此项权限")
    return user


Reviewer = Annotated[User, Depends(_reviewer)]


class CorrectionBody(BaseModel):
    #: The text as the person saw it, and as it should be; empty where nothing was said.
    before: str = Field(max_length=2000)
    after: str = Field(max_length=corrections.LONGEST)


@router.post("/api/calls/{call_id}/utterances/{utterance_id}")
async def correct(
    request: Request, call_id: str, utterance_id: str, body: CorrectionBody, user: Reviewer, cases: Cases,
    services: Services,
) -> dict[str, Any]:  # fmt: skip
    """Correct one utterance of a finished call; what the engine wrote and every earlier text are kept."""
    if await cases.call(call_id) is None:
        raise HTTPException(404, "没有找到")
    return await corrected(services, user, address_of(request), call_id, utterance_id, body)


async def corrected(
    services: DeskServices, user: User, address: str, call_id: str, utterance_id: str, body: CorrectionBody
) -> dict[str, Any]:
    """The correction itself, for whoever has the right to it; 404 where the call has no such utterance."""
    now = services.clock.now()
    async with services.database.work() as work:
        row = await corrections.correct(
            work.session, call_id, utterance_id, before=body.before, after=body.after, who=user.login, at=now
        )
        if row is None:
            raise HTTPException(404, "没有找到")
        if row.text != body.before:
            note(work.session, at=now, who=user.login, what="correct", call_id=call_id, address=address,
                 detail=f"{body.before} → {row.text}")  # fmt: skip
            work.record(TranscriptCorrected(at=now, call_id=call_id, utterance_id=utterance_id, by=user.login))
    return {"text": row.text, "raw": row.raw, "who": user.name, "at": stamp(now), "before": body.before}


class WordBody(BaseModel):
    """A decision about a word; ``seen`` is the pair that was proposed, empty for a word of one's own."""

    seen_wrong: str = Field(default="", max_length=lexicon.LONGEST)
    seen_right: str = Field(default="", max_length=lexicon.LONGEST)
    wrong: str = Field(default="", max_length=40)
    right: str = Field(max_length=40)
    kind: str = Field(default="landmark", max_length=20)


@router.post("/api/lexicon/accept")
async def accept(request: Request, body: WordBody, user: Reviewer, services: Services) -> dict[str, Any]:
    """Add a word to the city's lexicon; the decode processes read it with the next utterance."""
    return await _decide(request, body, user, services, accepted=True)


@router.post("/api/lexicon/refuse")
async def refuse(request: Request, body: WordBody, user: Reviewer, services: Services) -> dict[str, Any]:
    """Do not propose this word again."""
    return await _decide(request, body, user, services, accepted=False)


@router.post("/api/lexicon/{word_id}/withdraw")
async def withdraw(request: Request, word_id: Whole, user: Reviewer, services: Services) -> dict[str, Any]:
    """Take back a decision: an accepted word leaves the lexicon, and a proposal may come again."""
    async with services.database.work() as work:
        row = await work.session.get(lexicon.LexiconWord, word_id)
        if row is None:
            raise HTTPException(404, "没有找到")
        await work.session.delete(row)
        note(work.session, at=services.clock.now(), who=user.login, what="lexicon_withdraw",
             address=address_of(request), detail=f"{row.wrong} → {row.right}")  # fmt: skip
    return {"words": await lexicon.export(services.database, services.settings.data)}


async def _decide(
    request: Request, body: WordBody, user: User, services: DeskServices, *, accepted: bool
) -> dict[str, Any]:
    now = services.clock.now()
    async with services.database.work() as work:
        lexicon.decide(
            work.session, seen=(body.seen_wrong, body.seen_right), wrong=body.wrong, right=body.right, kind=body.kind,
            accepted=accepted, who=user.login, at=now,
        )  # fmt: skip
        note(work.session, at=now, who=user.login, what="lexicon_accept" if accepted else "lexicon_refuse",
             address=address_of(request), detail=f"{body.wrong} → {body.right} {body.kind}")  # fmt: skip
    return {"words": await lexicon.export(services.database, services.settings.data)}


@router.get("/lexicon", include_in_schema=False)
async def words(request: Request, user: Reviewer, services: Services) -> Response:
    """What was corrected twice, to be accepted or refused, and the words accepted; ``?part=1``: only the part that
    its script keeps fresh."""
    feed: Feed = request.app.state.feed
    seq = await feed.latest()
    async with services.database.read() as session:
        proposed = await lexicon.open_proposals(session)
        accepted = await lexicon.decided(session, accepted=True)
        refused = await lexicon.decided(session, accepted=False)
    views = Views(services.city, language_of(request))
    return page(
        request,
        "lexicon_part.html" if request.query_params.get("part") else "lexicon.html",
        me=user,
        seq=seq,
        proposed=proposed,
        accepted=accepted,
        refused=refused,
        names=await Users(services.database).names(),
        kinds=[(kind, views.text(KIND_NAMES[kind])) for kind in overlay.KINDS],
    )


@router.get("/api/health/transcripts")
async def transcripts(request: Request, _user: Reviewer, services: Services) -> dict[str, Any]:
    """How the pass over recordings stands: how many wait, how far the one is that is worked on, what went wrong in
    the last week."""
    views = Views(services.city, language_of(request))
    async with services.database.read() as session:
        found = await backlog.look(session, services.clock.now() - FAULTS)
    working = found.working
    return {
        "waiting": found.waiting,
        "talked_s": round(found.talked_s, 1),
        "oldest": stamp(found.oldest),
        "working": working
        and {"call_id": working.call_id, "done_s": working.done_s, "total_s": working.total_s,
             "began_at": stamp(working.began_at)},
        "faulty": [
            {"call_id": row.call_id, "half": row.state == "half", "at": stamp(row.began_at),
             "why": views.text(FAULT_NAMES.get(row.fault, row.fault)), "reason": row.reason}
            for row in found.faulty
        ],
    }  # fmt: skip
