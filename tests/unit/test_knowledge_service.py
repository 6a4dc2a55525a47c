"""The knowledge base over a database: writing, review, use in a ticket, what needs a look, files."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.city_knowledge import KnowledgeArticle
from core.errors import Conflict, HeyiError, NotAllowed
from tests.databases import KINDS, address
from tests.unit.ticket_support import AGENT, AGENT2, CHIEF, CITY, URBAN, WATER, Room
from ticketing.actor import Actor
from ticketing.knowledge import sheet
from ticketing.knowledge.content import compare, of_version
from ticketing.knowledge.repository import ArticleMissing, KnowledgeRepository
from ticketing.knowledge.review import Standing, due, gaps
from ticketing.knowledge.service import Knowledge
from ticketing.knowledge.states import EDGES, after, steps_of
from ticketing.knowledge.tables import Article

CHIEF2 = Actor("chief2", "supervisor")
FIELDS: dict[str, Any] = {
    "title": "停水怎么办",
    "questions": ["家里没水了怎么办", "停水什么时候来"],
    "steps": ["先问邻居是不是一样", "查停水公告"],
    "codes": ["S0104"],
    "source": "供水服务常识",
}


class Base:
    """A room and its knowledge base."""

    def __init__(self, opened: Room) -> None:
        self.room = opened
        self.knowledge = self.of(CITY)

    def of(self, city: Any) -> Knowledge:
        return Knowledge(self.room.database, city, self.room.clock, self.room.tickets, lambda g: 6.0 * len(g))

    async def published(self, **fields: Any) -> Article:
        made = await self.knowledge.create({**FIELDS, **fields}, AGENT)
        return await self.knowledge.publish(made.id, CHIEF, version=1)

    async def found(self, words: str) -> list[str]:
        return [one.entry.id for one in await self.knowledge.search(words)]

    async def says(self, article_id: str, version: int) -> Any:
        async with self.room.database.read() as session:
            return of_version(await KnowledgeRepository(session).version(article_id, version))


@pytest.fixture(params=KINDS)
async def base(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Base]:
    opened = Room(address(request, tmp_path))
    await opened.database.create_all()
    yield Base(opened)
    await opened.close()


async def test_a_draft_is_seen_by_call_takers_only_once_another_person_has_published_it(base: Base) -> None:
    made = await base.knowledge.create(FIELDS, AGENT)
    assert await base.found("停水") == []
    with pytest.raises(NotAllowed):
        await base.knowledge.publish(made.id, AGENT2, version=1)
    own = await base.knowledge.create({**FIELDS, "title": "自拟"}, CHIEF)
    with pytest.raises(NotAllowed, match="另一人"):
        await base.knowledge.publish(own.id, CHIEF, version=1)
    await base.knowledge.publish(own.id, CHIEF2, version=1)
    await base.knowledge.publish(made.id, CHIEF, version=1)
    assert set(await base.found("停水")) == {made.id, own.id}


async def test_a_change_waits_for_review_and_the_old_text_stays_in_use(base: Base) -> None:
    made = await base.published()
    saved = await base.knowledge.save(
        made.id, {**FIELDS, "steps": ["查停水公告", "报修"]}, AGENT, version=1, note="改步骤"
    )
    assert (saved.version, saved.published_version) == (2, 1)
    (found,) = await base.knowledge.search("停水")
    assert found.entry.version == 1 and found.entry.content.steps[0] == "先问邻居是不是一样"
    changes = {(line.change, line.text) for line in compare(await base.says(made.id, 1), await base.says(made.id, 2))}
    assert {("removed", "先问邻居是不是一样"), ("added", "报修"), ("same", "查停水公告")} <= changes
    with pytest.raises(Conflict, match="对照"):
        await base.knowledge.publish(made.id, CHIEF, version=1)
    await base.knowledge.publish(made.id, CHIEF, version=2)
    (found,) = await base.knowledge.search("停水")
    assert found.entry.content.steps == ("查停水公告", "报修")


async def test_the_second_of_two_who_save_sees_the_conflict_and_loses_nothing(base: Base) -> None:
    made = await base.published()
    await base.knowledge.save(made.id, {**FIELDS, "title": "甲改"}, AGENT, version=1)
    with pytest.raises(Conflict, match="更新的版本"):
        await base.knowledge.save(made.id, {**FIELDS, "title": "乙改"}, AGENT2, version=1)
    assert (await base.says(made.id, 2)).title == "甲改"
    same = await base.knowledge.save(made.id, {**FIELDS, "title": "甲改"}, AGENT2, version=2)
    assert same.version == 2, "nothing differs, nothing is kept"


async def test_one_step_answers_the_ticket_closes_it_and_counts_the_use(base: Base) -> None:
    made = await base.published()
    ticket = await base.room.drafted()
    closed = await base.knowledge.answer(made.id, ticket.id, AGENT, version=1)
    assert closed.state == "closed" and closed.code == "S0104" and closed.nature == "咨询"
    assert closed.result.startswith("停水怎么办\n1. 先问邻居是不是一样\n2. 查停水公告")
    last = (await base.room.history(ticket.id))[-1]
    assert last.action == "answer" and "第 1 版" in last.note
    (seen,) = await base.knowledge.all()
    assert (seen.used, seen.unhelpful) == (1, 0)


async def test_what_may_not_be_answered_stays_open_and_is_not_counted(base: Base) -> None:
    made = await base.published()
    fire = await base.room.drafted("1.2", line="119")
    with pytest.raises(NotAllowed, match="紧急"):
        await base.knowledge.answer(made.id, fire.id, AGENT, version=1)
    ticket = await base.room.drafted("1.3")
    with pytest.raises(NotAllowed):
        await base.knowledge.answer(made.id, ticket.id, WATER, version=1)
    with pytest.raises(ArticleMissing):
        await base.knowledge.answer(made.id, ticket.id, AGENT, version=7)
    await base.knowledge.save(made.id, {**FIELDS, "title": "新"}, AGENT, version=1)
    await base.knowledge.publish(made.id, CHIEF, version=2)
    with pytest.raises(Conflict, match="更新"):
        await base.knowledge.answer(made.id, ticket.id, AGENT, version=1)
    await base.knowledge.withdraw(made.id, CHIEF, "内容有误")
    with pytest.raises(Conflict, match="下架"):
        await base.knowledge.answer(made.id, ticket.id, AGENT, version=2)
    assert (await base.room.get(ticket.id)).state == "draft"
    assert [one.used for one in await base.knowledge.all()] == [0]


async def test_an_expired_article_is_found_proposed_and_used_by_nobody(base: Base) -> None:
    made = await base.published(valid_until="2026-11-20")
    ticket = await base.room.drafted()
    assert await base.found("停水") == [made.id]
    # Midnight of the city, not of Greenwich: 16:00 UTC.
    base.room.clock.advance(14 * 3600 - 1)
    assert await base.found("停水") == [made.id]
    base.room.clock.advance(1)
    assert await base.found("停水") == []
    assert await base.knowledge.propose(["家里没水了怎么办，停水什么时候来"], None) == []
    with pytest.raises(NotAllowed, match="有效期"):
        await base.knowledge.answer(made.id, ticket.id, AGENT, version=1)
    (one,) = (await base.knowledge.to_review()).due
    assert one[0].whys == ("expired",)
    await base.knowledge.save(made.id, {**FIELDS, "valid_until": "2026-11-19"}, AGENT, version=1)
    with pytest.raises(NotAllowed, match="有效期"):
        await base.knowledge.publish(made.id, CHIEF, version=2)


async def test_not_helpful_is_kept_once_for_each_person_and_ticket_with_its_reason(base: Base) -> None:
    made = await base.published()
    ticket = await base.room.drafted()
    for reason in ("old", "short"):
        await base.knowledge.unhelpful(made.id, AGENT, reason, version=1, ticket_id=ticket.id, words="缺电话")
    await base.knowledge.unhelpful(made.id, AGENT2, "off", version=1, ticket_id=ticket.id)
    (seen,) = await base.knowledge.all()
    assert seen.unhelpful == 2
    async with base.room.database.read() as session:
        uses = await KnowledgeRepository(session).uses(made.id, "unhelpful")
    assert sorted((use.who, use.reason) for use in uses) == [("agent1", "short"), ("agent2", "off")]
    with pytest.raises(HeyiError, match="原因"):
        await base.knowledge.unhelpful(made.id, AGENT, "boring", version=1)
    await base.knowledge.unhelpful(made.id, WATER, "local", version=1)
    (one,) = (await base.knowledge.to_review()).due
    assert one[0].whys == ("unhelpful",)


async def test_questions_asked_often_without_an_article_and_fruitless_searches_are_listed(base: Base) -> None:
    for number in range(5):
        ticket = await base.room.drafted(f"2.{number}")
        await base.room.tickets.edit(ticket.id, {"code": "S0108", "nature": "咨询", "summary": f"问 {number}"}, AGENT)
        await base.room.tickets.close(ticket.id, AGENT, "咨询已当场答复")
    made = await base.published()
    for number in range(6):
        ticket = await base.room.drafted(f"3.{number}")
        await base.knowledge.answer(made.id, ticket.id, AGENT, version=1)
    for _ in range(3):
        assert await base.knowledge.search("高温补贴？", count=True) == []
    await base.knowledge.search("停水", count=True)
    review = await base.knowledge.to_review()
    assert [(gap.code, gap.count, len(gap.examples)) for gap in review.gaps] == [("S0108", 5, 3)]
    assert [(miss.text, miss.count) for miss in review.misses] == [("高温补贴", 3)]


def test_why_an_article_needs_a_look() -> None:
    today = date(2026, 11, 22)
    fine = Standing(
        id="a", state="published", newer=False, example=False, valid_until=None, reviewed=today, used=9, unhelpful=2
    )
    found = {
        one.id: one.whys
        for one in due(
            [
                fine,
                replace(fine, id="soon", valid_until=today + timedelta(days=30)),
                replace(fine, id="later", valid_until=today + timedelta(days=31)),
                replace(fine, id="bad", unhelpful=3),
                replace(fine, id="seldom", used=10, unhelpful=3),
                replace(fine, id="example", example=True, newer=True),
                replace(fine, id="stale", reviewed=today - timedelta(days=365)),
                replace(fine, id="gone", state="withdrawn", valid_until=today - timedelta(days=9)),
                replace(fine, id="draft", state="draft"),
            ],
            today,
        )
    }
    assert found == {
        "soon": ("expires",), "bad": ("unhelpful",), "example": ("unpublished", "example"), "stale": ("stale",),
        "draft": ("unpublished",),
    }  # fmt: skip
    assert gaps([("S1", str(n), "") for n in range(4)]) == []


def test_who_may_do_what_to_an_article() -> None:
    assert steps_of("published", "agent") == ["save"] == steps_of("draft", "department")
    assert steps_of("published", "supervisor") == ["save", "publish", "withdraw", "review"]
    assert all(edge.why for edge in EDGES)
    with pytest.raises(NotAllowed):
        after("review", "draft", "supervisor")


async def test_a_department_writes_its_own_articles_alone(base: Base) -> None:
    made = await base.knowledge.create({**FIELDS, "department": "water"}, WATER)
    for fields, by in (({"department": "water"}, URBAN), ({"department": "urban"}, WATER)):
        with pytest.raises(NotAllowed, match="本部门"):
            await base.knowledge.save(made.id, {**FIELDS, **fields}, by, version=1)
    with pytest.raises(NotAllowed, match="本部门"):
        await base.knowledge.create(FIELDS, WATER)


@pytest.mark.parametrize(
    "wrong",
    [{"title": ""}, {"steps": []}, {"codes": ["Z9"]}, {"department": "nobody"}, {"area": "无名镇"}, {"colour": "red"},
     {"valid_from": "2026-13-01"}, {"valid_from": "2026-02-02", "valid_until": "2026-02-01"}, {"title": "长" * 81},
     {"questions": [f"问{n}" for n in range(21)]}, {"steps": "一句话"}, {"title": 3}],
)  # fmt: skip
async def test_what_an_article_cannot_hold_is_refused(base: Base, wrong: dict[str, Any]) -> None:
    with pytest.raises(HeyiError):
        await base.knowledge.create({**FIELDS, **wrong}, AGENT)
    assert await base.knowledge.all() == []


def of_file(**more: Any) -> KnowledgeArticle:
    return KnowledgeArticle(
        key="water-cut", title="停水", questions=("没水了",), steps=("查公告",), source="常识", example=True, **more
    )


async def test_the_citys_file_comes_in_once_and_stops_where_people_have_begun(base: Base) -> None:
    first = base.of(CITY.model_copy(update={"knowledge": (of_file(),)}))
    assert (await first.seed(), await first.seed()) == (1, 0)
    second = base.of(CITY.model_copy(update={"knowledge": (of_file(codes=("S0104",)),)}))
    assert (await second.seed(), await second.seed()) == (1, 0)
    (seen,) = await second.all()
    assert seen.article.example and seen.content.codes == ("S0104",) and seen.version.version == 2
    await second.review(seen.article.id, CHIEF, "已核实")
    assert not (await second.all())[0].article.example
    third = base.of(CITY.model_copy(update={"knowledge": (of_file(department="water"),)}))
    assert await third.seed() == 0
    assert (await third.all())[0].content.department == ""


async def test_a_file_goes_out_and_comes_back_the_same(base: Base) -> None:
    await base.published(steps=["=1+1 是公式", "'引号"], title="-减号", valid_from="2026-01-01", department="water")
    text = sheet.write(await base.knowledge.all())
    assert "'-减号" in text and "'=1+1" in text
    async with base.room.database.read() as session:
        repository = KnowledgeRepository(session)
        done = await sheet.take(base.knowledge, repository, text, CITY, AGENT)
        assert (done.created, done.changed, done.same, done.faults) == (0, 0, 1, ())
        changed = (
            text.replace("供水服务常识", "供水条例")
            + "new,新条目,怎么问,答,,,,,,出处\r\nbad,,没有标题,答,,,,,,出处\r\n"
        )
        done = await sheet.take(base.knowledge, repository, changed, CITY, AGENT)
    assert (done.created, done.changed, done.same) == (1, 1, 0)
    assert [line for line, _ in done.faults] == [6], "cells of several lines count"
    states = {one.article.key: (one.article.state, one.article.published_version) for one in await base.knowledge.all()}
    assert states["new"] == ("draft", 0), "a file publishes nothing"
    with pytest.raises(HeyiError, match="列"):
        sheet.read("标题,问题\n停水,没水", CITY)


async def test_the_index_follows_every_change_also_of_another_process(base: Base) -> None:
    other = base.of(CITY)
    made = await base.published()
    assert len(await other.search("停水")) == 1
    await base.knowledge.withdraw(made.id, CHIEF, "失效")
    assert await other.search("停水") == []
