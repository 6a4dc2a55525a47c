"""Every query of the knowledge base; within the session it is given, only the unit of work commits."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from core.database import UtcDateTime
from core.errors import HeyiError
from ticketing.knowledge.tables import Article, ArticleStep, ArticleUse, ArticleVersion, KnowledgeMiss
from ticketing.tables import Ticket, TicketHistory

# One statement, so that two processes that count the same words lose none; SQLite ≥ 3.24 and PostgreSQL.
_MISS = text(
    "INSERT INTO knowledge_misses (text, count, last_at) VALUES (:text, 1, :at) "
    "ON CONFLICT (text) DO UPDATE SET count = knowledge_misses.count + 1, last_at = excluded.last_at"
).bindparams(bindparam("at", type_=UtcDateTime()))


class ArticleMissing(HeyiError):
    """No article has this id."""


class KnowledgeRepository:
    """Articles, their versions, steps and uses."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, article_id: str) -> Article:
        """The article of this id; :class:`ArticleMissing` where there is none."""
        article = await self._session.get(Article, article_id)
        if article is None:
            raise ArticleMissing("没有这个条目", hint=article_id[:40])
        return article

    async def by_key(self, key: str) -> Article | None:
        return (await self._session.scalars(select(Article).where(Article.key == key))).one_or_none()

    async def version(self, article_id: str, version: int) -> ArticleVersion:
        """One version; :class:`ArticleMissing` where there is none."""
        query = select(ArticleVersion).where(ArticleVersion.article_id == article_id, ArticleVersion.version == version)
        row = (await self._session.scalars(query)).one_or_none()
        if row is None:
            raise ArticleMissing("没有这个版本", hint=str(version))
        return row

    async def versions(self, article_id: str) -> Sequence[ArticleVersion]:
        """The newest first."""
        query = select(ArticleVersion).where(ArticleVersion.article_id == article_id)
        return (await self._session.scalars(query.order_by(ArticleVersion.version.desc()))).all()

    async def steps(self, article_id: str) -> Sequence[ArticleStep]:
        """The newest first."""
        query = select(ArticleStep).where(ArticleStep.article_id == article_id)
        return (await self._session.scalars(query.order_by(ArticleStep.id.desc()))).all()

    async def shown(self) -> list[tuple[Article, ArticleVersion]]:
        """Every article with what it shows: the published version, else the newest."""
        at = func.coalesce(func.nullif(Article.published_version, 0), Article.version)
        query = (
            select(Article, ArticleVersion)
            .join(ArticleVersion, and_(ArticleVersion.article_id == Article.id, ArticleVersion.version == at))
            .order_by(Article.key)
        )
        return [(row[0], row[1]) for row in await self._session.execute(query)]

    async def stamp(self) -> tuple[int, datetime | None]:
        """Changes with every change of an article."""
        row = (await self._session.execute(select(func.sum(Article.lock), func.max(Article.changed_at)))).one()
        return row[0] or 0, row[1]

    async def uses(self, article_id: str, kind: str, limit: int = 50) -> Sequence[ArticleUse]:
        """The latest first."""
        query = select(ArticleUse).where(ArticleUse.article_id == article_id, ArticleUse.kind == kind)
        return (await self._session.scalars(query.order_by(ArticleUse.id.desc()).limit(limit))).all()

    async def counts(self, since: datetime | None = None) -> dict[str, tuple[int, int]]:
        """How often each article answered, and how often it did not help; by article."""
        query = select(ArticleUse.article_id, ArticleUse.kind, func.count()).group_by(
            ArticleUse.article_id, ArticleUse.kind
        )
        if since is not None:
            query = query.where(ArticleUse.at >= since)
        found: dict[str, tuple[int, int]] = {}
        for article_id, kind, count in await self._session.execute(query):
            used, unhelpful = found.get(article_id, (0, 0))
            found[article_id] = (count, unhelpful) if kind == "answered" else (used, count)
        return found

    async def said_unhelpful(self, article_id: str, version: int, who: str, ticket_id: str | None) -> ArticleUse | None:
        """What this person has said of this version for this ticket already."""
        query = select(ArticleUse).where(
            ArticleUse.article_id == article_id, ArticleUse.version == version, ArticleUse.who == who,
            ArticleUse.kind == "unhelpful",
            ArticleUse.ticket_id.is_(None) if ticket_id is None else ArticleUse.ticket_id == ticket_id,
        )  # fmt: skip
        return (await self._session.scalars(query.limit(1))).first()

    async def missed(self, words: str, at: datetime) -> None:
        """Count a search that found nothing."""
        await self._session.execute(_MISS, {"text": words, "at": at})

    async def misses(self, since: datetime, least: int, limit: int = 50) -> Sequence[KnowledgeMiss]:
        """The most frequent first."""
        query = select(KnowledgeMiss).where(KnowledgeMiss.last_at >= since, KnowledgeMiss.count >= least)
        return (await self._session.scalars(query.order_by(KnowledgeMiss.count.desc()).limit(limit))).all()

    async def answered_without(
        self, since: datetime, besides: Collection[str], limit: int = 2000
    ) -> Sequence[tuple[str, str, str]]:
        """Category, number and summary of tickets closed by a direct answer that came from no article, latest first."""
        used = select(ArticleUse.ticket_id).where(ArticleUse.kind == "answered", ArticleUse.ticket_id.is_not(None))
        query = (
            select(Ticket.code, Ticket.number, Ticket.summary)
            .join(TicketHistory, TicketHistory.ticket_id == Ticket.id)
            .where(
                TicketHistory.action == "answer", TicketHistory.at >= since, Ticket.state == "closed",
                Ticket.is_emergency.is_(False), Ticket.code.not_in(besides), Ticket.id.not_in(used),
                or_(Ticket.nature == "咨询", Ticket.nature == ""),
            )
            .order_by(Ticket.created_at.desc())
            .limit(limit)
        )  # fmt: skip
        return [(row[0], row[1], row[2]) for row in await self._session.execute(query)]
