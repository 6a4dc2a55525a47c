"""The knowledge base as JSON: search, what is proposed during a call, a direct answer, what did not help."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from desk.access.auth import SignedIn
from desk.access.rights import may_hear, may_see_ticket
from desk.access.users import User
from desk.api import Services
from desk.i18n import language_of
from desk.live import desks_ever
from desk.views import Views
from ticketing.knowledge.content import Content
from ticketing.knowledge.index import Found
from ticketing.knowledge.service import Knowledge, Seen
from ticketing.knowledge.states import UNHELPFUL
from ticketing.knowledge.tables import Article
from ticketing.repository import TicketRepository

router = APIRouter()

#: Names of why an answer did not help, of articles' states and of their fields, as pages show them.
REASONS = {
    "off": "答非所问", "old": "内容过时", "local": "与本地规定不符", "unclear": "来电人听不明白", "short": "内容不全",
    "other": "其他",
}  # fmt: skip
assert REASONS == UNHELPFUL  # noqa: S101  the room's own table; here for the catalogue of translations
#: The caller's latest utterances that are looked at.
_LATEST = 12


def knowledge_of(request: Request) -> Knowledge:
    made: Knowledge = request.app.state.knowledge
    return made


Base = Annotated[Knowledge, Depends(knowledge_of)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AnswerBody(_Body):
    article: Annotated[str, Field(max_length=32)]
    #: The version that the person saw.
    version: Annotated[int, Field(ge=1, le=2**31)]


class UnhelpfulBody(_Body):
    #: off, old, local, unclear, short or other.
    reason: Annotated[str, Field(max_length=20)]
    version: Annotated[int, Field(ge=1, le=2**31)]
    words: Annotated[str, Field(max_length=500)] = ""
    ticket_id: Annotated[str | None, Field(max_length=32)] = None


class ArticleBody(_Body):
    title: Annotated[str, Field(max_length=200)]
    questions: Annotated[list[Annotated[str, Field(max_length=400)]], Field(max_length=40)]
    steps: Annotated[list[Annotated[str, Field(max_length=2000)]], Field(max_length=40)]
    codes: Annotated[list[Annotated[str, Field(max_length=8)]], Field(max_length=40)] = []
    department: Annotated[str, Field(max_length=40)] = ""
    area: Annotated[str, Field(max_length=60)] = ""
    #: ``2026-10-01`` or empty.
    valid_from: Annotated[str, Field(max_length=10)] = ""
    valid_until: Annotated[str, Field(max_length=10)] = ""
    source: Annotated[str, Field(max_length=400)]
    #: As a voice says it before a person.
    spoken: Annotated[str, Field(max_length=200)] = ""


class SaveBody(ArticleBody):
    #: The version that was changed.
    version: Annotated[int, Field(ge=1, le=2**31)]
    note: Annotated[str, Field(max_length=500)] = ""


@router.get("/api/knowledge")
async def search(
    request: Request, user: SignedIn, base: Base, services: Services, q: Annotated[str, Query(max_length=100)] = ""
) -> list[dict[str, Any]]:
    """Articles that answer what is asked, the best first: published and valid today."""
    views = Views(services.city, language_of(request))
    return [found_view(one, views) for one in await base.search(q, count=user.role == "agent")]


@router.get("/api/knowledge/{article_id}")
async def article(request: Request, article_id: str, user: SignedIn, base: Base, services: Services) -> dict[str, Any]:
    """One article as it is shown: the published version, else the newest."""
    seen = next((one for one in await base.all() if one.article.id == article_id), None)
    if seen is None:
        raise HTTPException(404, "没有找到")
    return seen_view(seen, Views(services.city, language_of(request)))


@router.post("/api/knowledge")
async def create(body: ArticleBody, user: SignedIn, base: Base) -> dict[str, Any]:
    """A draft; a supervisor who did not write it publishes it."""
    return _state(await base.create(body.model_dump(), user.actor()))


@router.post("/api/knowledge/{article_id}")
async def save(article_id: str, body: SaveBody, user: SignedIn, base: Base) -> dict[str, Any]:
    """A new version; 409 where ``version`` is not the newest."""
    fields = body.model_dump(exclude={"version", "note"})
    return _state(await base.save(article_id, fields, user.actor(), version=body.version, note=body.note))


@router.post("/api/knowledge/{article_id}/unhelpful")
async def unhelpful(
    article_id: str, body: UnhelpfulBody, user: SignedIn, base: Base, services: Services
) -> dict[str, bool]:
    """This answer did not help, and why."""
    if body.ticket_id is not None:
        await _visible(services, user, body.ticket_id)
    await base.unhelpful(
        article_id, user.actor(), body.reason, version=body.version, words=body.words, ticket_id=body.ticket_id
    )
    return {"ok": True}


@router.get("/api/calls/{call_id}/knowledge")
async def proposals(
    request: Request,
    call_id: str,
    user: SignedIn,
    base: Base,
    services: Services,
    saying: Annotated[str, Query(max_length=400)] = "",
) -> list[dict[str, Any]]:
    """At most three articles for what the caller has said; ``saying``: and is saying just now."""
    async with services.database.read() as session:
        ticket = await TicketRepository(session).by_call(call_id)
    if not may_hear(user, await desks_ever(services, call_id), ticket):
        raise HTTPException(404, "没有找到")
    if ticket is not None and ticket.state == "closed":
        return []
    said = [row.text for row in await services.transcripts.of_call(call_id) if row.leg == "caller"]
    verdict = await services.verdicts.latest(call_id)
    views = Views(services.city, language_of(request))
    found = await base.propose([*said[-_LATEST:], saying] if saying else said[-_LATEST:], verdict)
    return [found_view(one, views) for one in found]


@router.post("/api/tickets/{ticket_id}/answer")
async def answer(
    request: Request, ticket_id: str, body: AnswerBody, user: SignedIn, base: Base, services: Services
) -> dict[str, Any]:
    """The article's answer becomes the ticket's result, and the ticket is closed as answered at once."""
    await _visible(services, user, ticket_id)
    closed = await base.answer(body.article, ticket_id, user.actor(), version=body.version)
    return Views(services.city, language_of(request)).ticket(closed, user)


async def _visible(services: Services, user: User, ticket_id: str) -> None:
    async with services.database.read() as session:
        found = await TicketRepository(session).get(ticket_id)
    if not may_see_ticket(user, found):
        raise HTTPException(404, "没有找到")


def content_view(content: Content, views: Views) -> dict[str, Any]:
    return {
        "title": content.title,
        "questions": list(content.questions),
        "steps": list(content.steps),
        "codes": [{"code": code, "name": views.category_name(code)} for code in content.codes],
        "department": content.department,
        "department_name": views.department_name(content.department) if content.department else "",
        "area": content.area,
        "valid_from": content.valid_from.isoformat() if content.valid_from else "",
        "valid_until": content.valid_until.isoformat() if content.valid_until else "",
        "source": content.source,
        "spoken": content.spoken,
    }


def found_view(found: Found, views: Views) -> dict[str, Any]:
    """One hit; ``words`` are those of the caller or of the query that decided."""
    entry = found.entry
    words: Sequence[str] = found.words
    return {
        "id": entry.id, "key": entry.key, "version": entry.version, "score": min(found.score, 1.0),
        "words": list(words), **content_view(entry.content, views),
    }  # fmt: skip


def seen_view(seen: Seen, views: Views) -> dict[str, Any]:
    article, version = seen.article, seen.version
    return {
        **_state(article),
        "shown_version": version.version,
        "author": version.author,
        "example": article.example,
        "reviewed_by": article.reviewed_by,
        "reviewed_at": article.reviewed_at.isoformat() if article.reviewed_at else None,
        "changed_at": article.changed_at.isoformat(),
        "used": seen.used,
        "unhelpful": seen.unhelpful,
        **content_view(seen.content, views),
    }


def _state(article: Article) -> dict[str, Any]:
    return {
        "id": article.id, "key": article.key, "state": article.state, "version": article.version,
        "published_version": article.published_version,
    }  # fmt: skip
