"""What people do with the knowledge base; every call is one unit of work."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from core.city import City
from core.clock import Clock
from core.database import Database, Work
from core.errors import Conflict, HeyiError, NotAllowed
from core.ids import new_id
from ticketing.actor import SYSTEM, Actor
from ticketing.incidents import MISDIALLED
from ticketing.knowledge import proposing
from ticketing.knowledge.content import Content, clean, of_file, of_version
from ticketing.knowledge.index import Entry, Found, Index, runs
from ticketing.knowledge.repository import KnowledgeRepository
from ticketing.knowledge.review import Due, Gap, Standing, due, gaps
from ticketing.knowledge.states import UNHELPFUL, Step, after
from ticketing.knowledge.tables import Article, ArticleStep, ArticleUse, ArticleVersion, KnowledgeMiss
from ticketing.repository import TicketRepository
from ticketing.service import Tickets
from ticketing.tables import Ticket
from triage.incidents.rarity import seed_rarity
from triage.verdict import Verdict
from triage.words import plain

#: Over which time uses, answers without an article and fruitless searches are counted for the review.
WINDOW = timedelta(days=90)
#: Fruitless searches of the same words that are worth an article.
MISSED_LEAST = 3
_WORDS = 500


@dataclass(frozen=True)
class Seen:
    """One article as pages show it."""

    article: Article
    version: ArticleVersion
    content: Content
    used: int
    unhelpful: int


@dataclass(frozen=True)
class Review:
    """What somebody has to look at."""

    due: Sequence[tuple[Due, Seen]]
    gaps: Sequence[Gap]
    misses: Sequence[KnowledgeMiss]


class Knowledge:
    """The service of this room. Errors as in :class:`ticketing.service.Tickets`."""

    def __init__(
        self, database: Database, city: City, clock: Clock, tickets: Tickets,
        weight: Callable[[str], float] | None = None,
    ) -> None:  # fmt: skip
        self._database, self._city, self._clock, self._tickets = database, city, clock, tickets
        self._zone = ZoneInfo(city.profile.timezone)
        self._weight = weight
        self._stamp: tuple[int, datetime | None] | None = None
        self._index = Index((), lambda _gram: 1.0)
        self._indexing = asyncio.Lock()

    def today(self) -> date:
        return self._clock.now().astimezone(self._zone).date()

    # --- the city's file -----------------------------------------------------------------------------------------

    async def seed(self) -> int:
        """Bring in the city's file: new articles, and newer texts of those that nobody has touched. How many."""
        now, brought = self._clock.now(), 0
        async with self._database.work() as work:
            repository = KnowledgeRepository(work.session)
            for given in self._city.knowledge:
                content, known = of_file(given), await repository.by_key(given.key)
                if known is None:
                    made = Article(key=given.key, state="published", published_version=1, version=1,
                                   example=given.example, changed_at=now)  # fmt: skip
                    work.session.add(made)
                    await work.session.flush()
                    _keep(work, made, content, SYSTEM, now, "城市资料")
                    _step(work, made, "publish", SYSTEM, now, "城市资料")
                    brought += 1
                    continue
                steps = await repository.steps(known.id)
                if any(step.who != SYSTEM.login for step in steps):
                    continue
                if of_version(await repository.version(known.id, known.version)) != content:
                    known.version += 1
                    known.published_version, known.example, known.changed_at = known.version, given.example, now
                    _keep(work, known, content, SYSTEM, now, "城市资料已更新")
                    _step(work, known, "publish", SYSTEM, now, "城市资料已更新")
                    brought += 1
        return brought

    # --- writing -------------------------------------------------------------------------------------------------

    async def create(self, fields: Mapping[str, Any], by: Actor, *, key: str = "", note: str = "") -> Article:
        """A draft. ``key`` names it in files; without one it gets one."""
        after("save", "draft", by.role)
        content, now = clean(fields, self._city), self._clock.now()
        _own(by, content.department)
        made = Article(id=new_id(), key=key, version=1, changed_at=now)
        made.key = key or f"kb-{made.id[-10:]}"
        try:
            async with self._database.work() as work:
                work.session.add(made)
                await work.session.flush()
                _keep(work, made, content, by, now, note)
                _step(work, made, "save", by, now, note)
        except IntegrityError as error:
            raise Conflict("已有同名编号的条目", hint=key) from error
        return made

    async def save(
        self, article_id: str, fields: Mapping[str, Any], by: Actor, *, version: int, note: str = ""
    ) -> Article:
        """A new version of an article that showed ``version``; :class:`Conflict` where that is not the newest any more.

        Nothing is kept where nothing differs. What call takers see stays as it is until the version is published.
        """
        content = clean(fields, self._city)
        async with self._change(article_id) as (work, article):
            state, now = after("save", article.state, by.role), self._clock.now()
            if version != article.version:
                raise Conflict("条目已有更新的版本，请对照后再修改", hint=str(article.version))
            repository = KnowledgeRepository(work.session)
            before = of_version(await repository.version(article.id, article.version))
            _own(by, before.department, content.department)
            if content == before:
                return article
            article.version += 1
            if article.state == "withdrawn":
                article.published_version = 0
            article.state = state
            self._changed(work, article, "save", by, note, now)
            _keep(work, article, content, by, now, note)
            return article

    async def publish(self, article_id: str, by: Actor, *, version: int, note: str = "") -> Article:
        """Show the newest version, which is ``version``, to call takers. Not by the one who wrote it."""
        async with self._change(article_id) as (work, article):
            state, now = after("publish", article.state, by.role), self._clock.now()
            row = await KnowledgeRepository(work.session).version(article.id, article.version)
            if version != article.version:
                raise Conflict("条目已有更新的版本，请对照后再发布", hint=str(article.version))
            if article.published_version == article.version:
                raise Conflict("这个版本已经发布", hint=str(article.version))
            if row.author == by.login:
                raise NotAllowed("自己写的内容须由另一人审核", hint=by.login)
            if row.valid_until is not None and row.valid_until < self.today():
                raise NotAllowed("有效期已过，不能发布", hint=str(row.valid_until))
            article.state, article.published_version, article.example = state, article.version, False
            article.reviewed_by, article.reviewed_at = by.login, now
            self._changed(work, article, "publish", by, note, now)
            return article

    async def withdraw(self, article_id: str, by: Actor, note: str) -> Article:
        """Never proposed or found by call takers from now on."""
        async with self._change(article_id) as (work, article):
            state = after("withdraw", article.state, by.role)
            if not note.strip():
                raise HeyiError("请填写下架理由")
            article.state, article.published_version = state, 0
            self._changed(work, article, "withdraw", by, note.strip(), self._clock.now())
            return article

    async def review(self, article_id: str, by: Actor, note: str = "") -> Article:
        """What is published was checked and holds."""
        async with self._change(article_id) as (work, article):
            article.state, now = after("review", article.state, by.role), self._clock.now()
            article.reviewed_by, article.reviewed_at, article.example = by.login, now, False
            self._changed(work, article, "review", by, note, now)
            return article

    # --- finding -------------------------------------------------------------------------------------------------

    async def search(self, query: str, *, unpublished: bool = False, count: bool = False) -> list[Found]:
        """By words and sounds, what is published and valid today; ``count``: a fruitless search is kept."""
        found = (await self.index()).search(query, None if unpublished else self.today(), unpublished=unpublished)
        words = " ".join(runs(plain(query)))[:60]
        if count and not found and len(words) > 1:
            async with self._database.work() as work:
                await KnowledgeRepository(work.session).missed(words, self._clock.now())
        return found

    async def propose(self, said: Sequence[str], verdict: Verdict | None) -> list[Found]:
        """For what a caller has said so far, oldest first; at most three, none below the bar."""
        return proposing.propose(await self.index(), self._city, said, verdict, self.today())

    async def index(self) -> Index:
        """The index of every article as it stands in the database now; made anew where one has changed."""
        async with self._indexing, self._database.read() as session:
            repository = KnowledgeRepository(session)
            stamp = await repository.stamp()
            if stamp != self._stamp:
                entries = [
                    Entry(a.id, a.key, v.version, a.state == "published", of_version(v))
                    for a, v in await repository.shown()
                    if a.state != "withdrawn"
                ]
                self._index = await asyncio.to_thread(self._made, entries)
                self._stamp = stamp
        return self._index

    def _made(self, entries: Sequence[Entry]) -> Index:
        self._weight = self._weight or seed_rarity().weight
        return Index(entries, self._weight, self._index)

    # --- using ---------------------------------------------------------------------------------------------------

    async def answer(self, article_id: str, ticket_id: str, by: Actor, *, version: int) -> Ticket:
        """Answer a ticket with what the person saw, and close it as a direct answer (直接办结).

        The answer becomes the ticket's result. Category and nature that nobody has chosen follow from the article. The
        use is counted once the ticket is closed. :class:`NotAllowed` for an emergency, an expired or withdrawn article.
        """
        async with self._database.read() as session:
            repository = KnowledgeRepository(session)
            article = await repository.get(article_id)
            content = of_version(await repository.version(article_id, version))
            ticket = await TicketRepository(session).get(ticket_id)
        if by.role not in ("agent", "supervisor"):
            raise NotAllowed("只有坐席和值班主任可以用知识库办结", hint=by.login)
        if article.state != "published" or article.published_version != version:
            raise Conflict("条目已更新或下架，请重新查看", hint=content.title)
        if not content.holds(self.today()):
            raise NotAllowed("条目不在有效期内", hint=content.title)
        if ticket.is_emergency:
            raise NotAllowed("紧急工单不能用知识库直接办结", hint=ticket.number)
        fields = self._follows(ticket, content)
        if fields:
            await self._tickets.edit(ticket_id, fields, by)
        closed = await self._tickets.close(
            ticket_id, by, f"{content.answer()}\n（知识库 {article.key} 第 {version} 版）"
        )
        async with self._database.work() as work:
            self._use(work, article_id, version, by, "answered", ticket_id)
        return closed

    def _follows(self, ticket: Ticket, content: Content) -> dict[str, Any]:
        service = [code for code in content.codes if not self._city.is_emergency(code)]
        fields: dict[str, Any] = {}
        if not ticket.code and len(service) == 1:
            fields["code"] = service[0]
        if not ticket.nature and ticket.code not in MISDIALLED:
            fields["nature"] = "咨询"
        return fields

    async def unhelpful(
        self, article_id: str, by: Actor, reason: str, *, version: int, words: str = "", ticket_id: str | None = None
    ) -> None:
        """Say that an article did not help; once for each person, version and ticket: the latest reason stays."""
        if reason not in UNHELPFUL:
            raise HeyiError("没有这个原因", hint=reason[:20])
        async with self._database.work() as work:
            repository = KnowledgeRepository(work.session)
            await repository.version(article_id, version)
            if ticket_id is not None:
                await TicketRepository(work.session).get(ticket_id)
            known = await repository.said_unhelpful(article_id, version, by.login, ticket_id)
            if known is not None:
                known.reason, known.words = reason, words.strip()[:_WORDS]
                return
            self._use(work, article_id, version, by, "unhelpful", ticket_id, reason, words.strip()[:_WORDS])

    def _use(
        self, work: Work, article_id: str, version: int, by: Actor, kind: Any, ticket_id: str | None,
        reason: str = "", words: str = "",
    ) -> None:  # fmt: skip
        work.session.add(
            ArticleUse(article_id=article_id, version=version, at=self._clock.now(), who=by.login, kind=kind,
                       ticket_id=ticket_id, reason=reason, words=words)
        )  # fmt: skip

    # --- lists ---------------------------------------------------------------------------------------------------

    async def all(self, since: datetime | None = None) -> list[Seen]:
        """Every article with what it shows and its counts (from ``since`` on), by key."""
        async with self._database.read() as session:
            repository = KnowledgeRepository(session)
            counts = await repository.counts(since)
            return [Seen(a, v, of_version(v), *counts.get(a.id, (0, 0))) for a, v in await repository.shown()]

    async def to_review(self) -> Review:
        """What needs a look: expired, unhelpful, unpublished, unchecked articles, and questions without one."""
        since = self._clock.now() - WINDOW
        seen = {one.article.id: one for one in await self.all(since)}
        async with self._database.read() as session:
            repository = KnowledgeRepository(session)
            without = gaps(await repository.answered_without(since, (*MISDIALLED, "")))
            misses = await repository.misses(since, MISSED_LEAST)
        found = due((self._standing(one) for one in seen.values()), self.today())
        return Review([(one, seen[one.id]) for one in found], without, misses)

    def _standing(self, one: Seen) -> Standing:
        article = one.article
        return Standing(
            id=article.id, state=article.state, newer=0 < article.published_version < article.version,
            example=article.example, valid_until=one.content.valid_until, used=one.used, unhelpful=one.unhelpful,
            reviewed=(article.reviewed_at or one.version.at).astimezone(self._zone).date(),
        )  # fmt: skip

    # --- within --------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _change(self, article_id: str) -> AsyncIterator[tuple[Work, Article]]:
        try:
            async with self._database.work() as work:
                yield work, await KnowledgeRepository(work.session).get(article_id)
        except (StaleDataError, IntegrityError) as error:
            raise Conflict("条目刚被他人修改，请刷新后再试", hint=article_id) from error

    @staticmethod
    def _changed(work: Work, article: Article, step: Step, by: Actor, note: str, now: datetime) -> None:
        article.changed_at = now
        _step(work, article, step, by, now, note)


def _step(work: Work, article: Article, step: Step, by: Actor, now: datetime, note: str) -> None:
    work.session.add(
        ArticleStep(article_id=article.id, version=article.version, at=now, who=by.login, step=step, note=note[:_WORDS])
    )


def _keep(work: Work, article: Article, content: Content, by: Actor, now: datetime, note: str) -> None:
    work.session.add(
        ArticleVersion(article_id=article.id, version=article.version, at=now, author=by.login, note=note[:_WORDS],
                       **content.values())
    )  # fmt: skip


def _own(by: Actor, *departments: str) -> None:
    """A department writes what is its own."""
    if by.role == "department" and any(department != by.department for department in departments):
        raise NotAllowed("部门只能起草和修改本部门的条目", hint=by.department)
