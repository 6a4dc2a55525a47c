"""Draws from the tables and their proof; a review's life, rights and clocks, whatever people do in whatever order."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from review_support import AGENT1, AGENT2, CHIEF, DAY, GOOD, NOW, PLAN, POOR, R1, R2, R3, QualityRoom, call
from sqlalchemy import delete, event, select, update

from core.audit import AuditEntry
from core.database import StoredEvent
from core.errors import Conflict, HeyiError, NotAllowed
from quality.reviews.service import Answers, history, scores
from quality.reviews.states import EDGES, ENDS, STATES, Action, Person, Role, State, markdown_table, may, mermaid, step
from quality.reviews.tables import QualityDraw, Review
from quality.sampling import record
from quality.sampling.assign import Reviewer
from quality.sampling.population import population
from telephony.ledger import CallRow
from ticketing.actor import Actor
from triage.loop.tables import TriageLabel


@pytest.fixture
async def room(tmp_path: Any) -> AsyncIterator[QualityRoom]:
    made = QualityRoom(f"sqlite+aiosqlite:///{tmp_path}/heyi.db")
    await made.database.create_all()
    yield made
    await made.database.close()


async def rows(room: QualityRoom, **where: Any) -> list[Review]:
    async with room.database.read() as session:
        return list(await session.scalars(select(Review).filter_by(**where).order_by(Review.id)))


def actor_of(review: Review) -> Actor:
    return next(one for one in (R1, R2, R3) if one.login == review.reviewer)


def agent_of(review: Review) -> Actor:
    return AGENT1 if review.agent == "agent1" else AGENT2


async def released(room: QualityRoom) -> Review:
    await room.drawn()
    review = (await rows(room, copy=0, state="assigned"))[0]
    await room.reviews.begin(review.id, actor_of(review))
    await room.reviews.score(review.id, actor_of(review), POOR)
    return await room.reviews.release(review.id, CHIEF)


# --- the table ----------------------------------------------------------------------------------------------------


def test_every_state_is_reached_and_leads_to_an_end() -> None:
    reached = {"drawn"} | {edge.after for edge in EDGES}
    assert reached == set(STATES)
    assert {edge.before for edge in EDGES} == set(STATES) - ENDS
    assert len({(edge.before, edge.action) for edge in EDGES}) == len(EDGES)
    assert {edge.action for edge in EDGES} == set(get_args(Action))


def test_the_page_has_the_table_as_it_is() -> None:
    """Red: put `states.mermaid()` and `states.markdown_table()` into docs/quality-review.md anew."""
    page = (Path(__file__).parents[2] / "docs" / "quality-review.md").read_text(encoding="utf-8")
    assert mermaid() in page
    assert markdown_table() in page


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("role", get_args(Role))
def test_nobody_judges_his_own_call_nor_his_own_score(state: State, role: str) -> None:
    own_score = Person(role, is_reviewer=True, reviewed=True)
    own_call = Person(role, is_agent=True, took_part=True)
    assert not {"uphold", "change"} & {*may(state, own_score), *may(state, own_call)}
    assert "appeal" not in may(state, own_score)
    assert not {"release", "appeal", "uphold", "change"} & set(may(state, Person(role, True, True), blind=True))


def test_a_step_that_there_is_not_says_what_was_wanted() -> None:
    with pytest.raises(NotAllowed, match="已公布 × 提交评分"):
        step("released", "score", Person("reviewer", is_reviewer=True))
    with pytest.raises(NotAllowed, match="岗位"):
        step("scored", "release", Person("reviewer", is_reviewer=True))
    with pytest.raises(NotAllowed, match="不是您的"):
        step("assigned", "begin", Person("reviewer"))


# --- draws from the tables ------------------------------------------------------------------------------------------


async def test_the_calls_of_a_shift_and_what_makes_them_worth_a_look(room: QualityRoom) -> None:
    await room.put(
        *call(1, ticket={"nature": "投诉", "reopened": 1, "satisfaction": "unsatisfied"}),
        *call(2, talked_s=8.0, ended_by="agent"),
        *call(3, ticket={"is_emergency": True}),
        *call(4), *call(5), *call(6, agent="", answered_at=None), *call(7, direction="out"),
        *call(800),
        TriageLabel(ticket_id="x", number="x", call_id="hy1-4", at=NOW, line="12345", desk="1", who="a", model="m",
                    rules=1, said_outcome="service", said_p=0.1, said_code="", said_nature="", said_place="",
                    emergency=True, code="", nature="", place="", changed=[], touched=[], utterances=[]),
        *(StoredEvent(id=f"e{n}", type="CallHeld", at=NOW + timedelta(seconds=s), call_id="hy1-5",
                      body=f'{{"held": {held}}}') for n, (s, held) in enumerate([(0, "true"), (61, "false")])),
        StoredEvent(id="w", type="CallSupervised", at=NOW, call_id="hy1-5", body='{"mode": "barge"}'),
        StoredEvent(id="v", type="CallSupervised", at=NOW, call_id="hy1-4", body='{"mode": "listen"}'),
    )  # fmt: skip
    async with room.database.read() as session:
        found = {one.call_id: one for one in await population(
            session, DAY, room.reviews.shift("day"), PLAN, room.reviews.zone
        )}  # fmt: skip
        night = await population(session, DAY, room.reviews.shift("night"), PLAN, room.reviews.zone)
    assert set(found) == {f"hy1-{n}" for n in range(1, 6)}
    assert [found[f"hy1-{n}"].risks for n in range(1, 6)] == [
        ("complaint", "reopened", "unsatisfied"), ("early_hangup",), ("emergency",), ("verdict_changed",),
        ("barge", "long_hold"),
    ]  # fmt: skip
    assert (found["hy1-1"].agent, found["hy1-2"].agent, found["hy1-1"].hour) == ("agent1", "agent2", 9)
    # 22:20 in the city.
    assert [(one.call_id, one.hour) for one in night] == [("hy1-800", 22)]


async def test_a_draw_is_kept_given_out_and_proved(room: QualityRoom) -> None:
    draw_id = await room.drawn()
    made = await rows(room)
    assert len([one for one in made if one.copy == 0]) == 6
    assert len([one for one in made if one.copy == 1]) == 2
    assert {one.state for one in made} == {"assigned"}
    assert all(one.due_at is not None and one.due_at > NOW + timedelta(days=3) for one in made)
    assert await room.reviews.prove(draw_id) == []


async def test_a_shift_is_drawn_once_and_only_when_it_is_over(room: QualityRoom) -> None:
    await room.drawn()
    shift = room.reviews.shift("day")
    with pytest.raises(Conflict, match="已经抽过样"):
        await room.reviews.draw(DAY, shift, room.people, CHIEF)
    with pytest.raises(NotAllowed, match="尚未结束"):
        await room.reviews.draw(DAY + timedelta(days=1), shift, room.people, CHIEF)
    with pytest.raises(NotAllowed, match="只有班长"):
        await room.reviews.draw(DAY - timedelta(days=1), shift, room.people, R1)
    with pytest.raises(HeyiError, match="没有这个班次"):
        room.reviews.shift("noon")


@pytest.mark.parametrize("old, new, told", [
    ("hy1-3", "hy1-9999", "its seal does not fit"), ('"share":50.0', '"share":40.0', "its seal does not fit"),
])  # fmt: skip
async def test_a_record_that_was_changed_is_no_proof(room: QualityRoom, old: str, new: str, told: str) -> None:
    draw_id = await room.drawn()
    async with room.database.work() as work:
        body = (await work.session.execute(select(QualityDraw.body))).scalar_one()
        assert old in body
        await work.session.execute(update(QualityDraw).values(body=body.replace(old, new)))
    assert [told in fault for fault in await room.reviews.prove(draw_id)] == [True]


async def test_picks_that_were_exchanged_under_a_new_seal_are_found(room: QualityRoom) -> None:
    """Whoever can write the table can make a seal; the draw itself still says what must come."""
    draw_id = await room.drawn()
    async with room.database.work() as work:
        body = (await work.session.execute(select(QualityDraw.body))).scalar_one()
        made = record.read(body)
        other = next(one.call_id for one in made.population if one.call_id not in {p.call_id for p in made.drawn.picks})
        head, tail = body.split('"picks":', 1)
        forged = head + '"picks":' + tail.replace(made.drawn.picks[0].call_id, other, 1)
        await work.session.execute(update(QualityDraw).values(body=forged, seal=record.seal(forged)))
    assert any("other calls come" in fault for fault in await room.reviews.prove(draw_id))


async def test_reviews_and_calls_that_came_or_went_are_told(room: QualityRoom) -> None:
    draw_id = await room.drawn()
    gone = (await rows(room, copy=0))[0]
    await room.put(*call(40))
    async with room.database.work() as work:
        await work.session.execute(update(Review).where(Review.id == gone.id).values(call_id="hy1-other"))
        await work.session.execute(delete(CallRow).where(CallRow.id == "hy1-2"))
    told = "\n".join(await room.reviews.prove(draw_id))
    assert f"{gone.call_id} was drawn and has no review" in told
    assert "hy1-other has a review and was not drawn" in told
    assert "hy1-40 answered in this shift was not among the calls" in told
    assert "hy1-2 is no longer in the ledger" in told


async def test_what_is_learned_later_undoes_no_proof(room: QualityRoom) -> None:
    draw_id = await room.drawn()
    await room.put(AuditEntry(at=NOW, who="chief", what="take_over", call_id="hy1-1"))
    assert await room.reviews.prove(draw_id) == []


# --- the life -------------------------------------------------------------------------------------------------------


async def test_from_draw_to_decision_with_every_score_kept(room: QualityRoom) -> None:
    review = await released(room)
    agent, first = agent_of(review), actor_of(review)
    had = {one.reviewer for one in await rows(room, call_id=review.call_id)}
    second = next(one for one in (R1, R2, R3) if one.login not in had)
    assert [one.id for one in await room.reviews.mine(agent)] == [review.id]
    await room.reviews.appeal(review.id, agent, "来电人先挂的机")
    with pytest.raises(NotAllowed, match="不能复核"):
        await room.reviews.change(review.id, first, GOOD, "改")
    asked: list[str] = []
    engine = room.database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(str(given[2])))
    assert review.id in [one.id for one in await room.reviews.mine(second)]
    assert len([one for one in asked if one.startswith("SELECT")]) == 1
    done = await room.reviews.change(review.id, second, GOOD, "录音 01:20 处来电人确已挂机")
    assert (done.state, done.due_at) == ("changed", None)
    async with room.database.read() as session:
        kept = await scores(session, review.id)
        steps = await history(session, review.id)
    assert [(one.number, one.who, one.tenths, one.passed) for one in kept] == [
        (1, first.login, 240, False), (2, second.login, 1000, True),
    ]  # fmt: skip
    assert kept[0].card == kept[1].card
    assert [one.action for one in steps] == ["assign", "begin", "score", "release", "appeal", "change"]
    assert steps[-2].note == "来电人先挂的机"


async def test_an_appeal_has_its_time(room: QualityRoom) -> None:
    review = await released(room)
    assert review.due_at is not None
    room.clock.advance((review.due_at - room.clock.now()).total_seconds() + 1)
    assert "appeal" not in await room.reviews.actions(review.id, agent_of(review))
    with pytest.raises(NotAllowed, match="已过申诉期限"):
        await room.reviews.appeal(review.id, agent_of(review), "晚了")


async def test_who_sees_what(room: QualityRoom) -> None:
    await room.drawn()
    blind = (await rows(room, copy=1))[0]
    review = (await rows(room, copy=0, call_id=blind.call_id))[0]
    stranger = next(one for one in (R1, R2, R3) if one.login not in (review.reviewer, blind.reviewer))
    for who in (stranger, AGENT1, AGENT2, Actor("police", "department", department="police")):
        with pytest.raises(NotAllowed):
            await room.reviews.get(review.id, who)
    with pytest.raises(NotAllowed):
        await room.reviews.get(blind.id, actor_of(review))
    assert (await room.reviews.get(review.id, CHIEF)).id == review.id
    with pytest.raises(NotAllowed, match="第二份评分只用于校准"):
        await room.reviews.get(blind.id, CHIEF)
    # He gives it to somebody else all the same.
    assert "reassign" in await room.reviews.actions(blind.id, CHIEF)
    await room.reviews.begin(review.id, actor_of(review))
    await room.reviews.score(review.id, actor_of(review), GOOD)
    with pytest.raises(NotAllowed):
        await room.reviews.get(review.id, agent_of(review))
    await room.reviews.release(review.id, CHIEF)
    other = AGENT2 if agent_of(review) is AGENT1 else AGENT1
    assert (await room.reviews.get(review.id, agent_of(review))).state == "released"
    with pytest.raises(NotAllowed):
        await room.reviews.get(review.id, other)


async def test_reassigning_keeps_the_pair_apart_and_nobody_reviews_himself(room: QualityRoom) -> None:
    await room.drawn()
    blind = (await rows(room, copy=1))[0]
    review = (await rows(room, copy=0, call_id=blind.call_id))[0]
    with pytest.raises(NotAllowed, match="另一份评分"):
        await room.reviews.assign(review.id, Reviewer(blind.reviewer), CHIEF)
    desk = "desk:1001" if review.agent == "agent1" else "desk:1002"
    with pytest.raises(NotAllowed, match="不能评自己"):
        await room.reviews.assign(review.id, Reviewer(review.agent), CHIEF)
    free = next(one for one in (R1, R2, R3) if one.login not in (review.reviewer, blind.reviewer))
    moved = await room.reviews.assign(review.id, Reviewer(free.login, ("desk:1009",)), CHIEF)
    assert (moved.state, moved.reviewer) == ("assigned", free.login)
    assert desk != "desk:1009"


async def test_handing_back_needs_a_reason_and_the_review_waits_for_another(room: QualityRoom) -> None:
    await room.drawn()
    review = (await rows(room, state="assigned"))[0]
    with pytest.raises(HeyiError, match="请填写理由"):
        await room.reviews.hand_back(review.id, actor_of(review), " ")
    back = await room.reviews.hand_back(review.id, actor_of(review), "是我表妹")
    assert (back.state, back.reviewer, back.due_at) == ("drawn", "", None)


async def test_overdue_reviews_are_told(room: QualityRoom) -> None:
    await room.drawn()
    assert await room.reviews.overdue() == []
    room.clock.advance(10 * 24 * 3600)
    assert len(await room.reviews.overdue()) == 8


async def test_two_at_once_and_one_of_them_is_told(room: QualityRoom) -> None:
    review = await released(room)
    other = QualityRoom(room.url)
    try:
        done = await asyncio.gather(
            room.reviews.appeal(review.id, agent_of(review), "甲"),
            other.reviews.appeal(review.id, agent_of(review), "乙"),
            return_exceptions=True,
        )
    finally:
        await other.database.close()
    assert sum(isinstance(one, HeyiError | Exception) for one in done) == 1
    async with room.database.read() as session:
        assert [one.action for one in await history(session, review.id)].count("appeal") == 1


async def test_wrong_answers_change_nothing(room: QualityRoom) -> None:
    await room.drawn()
    review = (await rows(room, state="assigned"))[0]
    await room.reviews.begin(review.id, actor_of(review))
    with pytest.raises(HeyiError, match="还有项目没有评分"):
        await room.reviews.score(review.id, actor_of(review), Answers({"greeting": "yes"}))
    assert (await rows(room, id=review.id))[0].state == "in_review"


# --- whatever people do -----------------------------------------------------------------------------------------------

PICK = st.integers(0, 30)
PEOPLE = st.sampled_from([R1, R2, R3, AGENT1, AGENT2, CHIEF, Actor("chief2", "supervisor")])


class ReviewLife(RuleBasedStateMachine):
    """Everybody tries everything with every review; what the history says must always be a way through the table."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.room = QualityRoom()

    def run(self, coroutine: Any) -> Any:
        return self.loop.run(coroutine)

    @initialize()
    def drawn(self) -> None:
        self.run(self.room.database.create_all())
        self.run(self.room.drawn())

    def one(self, pick: int) -> Review:
        found = self.run(rows(self.room))
        chosen: Review = found[pick % min(len(found), 3)]
        return chosen

    def attempt(self, coroutine: Any) -> None:
        try:
            self.run(coroutine)
        except HeyiError as refusal:
            assert refusal.message

    @rule(pick=PICK, by=PEOPLE, right=st.booleans(), good=st.booleans())
    def it_is_begun_and_scored(self, pick: int, by: Actor, right: bool, good: bool) -> None:
        review = self.one(pick)
        who = actor_of(review) if right and review.reviewer else by
        self.attempt(self.room.reviews.begin(review.id, who))
        self.attempt(self.room.reviews.score(review.id, who, GOOD if good else POOR))

    @rule(pick=PICK, by=PEOPLE, what=st.sampled_from(["begin", "reopen", "release"]))
    def somebody_takes_a_step(self, pick: int, by: Actor, what: str) -> None:
        self.attempt(getattr(self.room.reviews, what)(self.one(pick).id, by))

    @rule(
        pick=PICK,
        by=PEOPLE,
        what=st.sampled_from(["hand_back", "appeal", "uphold", "void"]),
        why=st.sampled_from(["因", ""]),
    )
    def somebody_takes_a_step_with_a_reason(self, pick: int, by: Actor, what: str, why: str) -> None:
        if what == "void" and pick > 3:
            return
        self.attempt(getattr(self.room.reviews, what)(self.one(pick).id, by, why))

    @rule(pick=PICK)
    def a_score_is_released_and_appealed(self, pick: int) -> None:
        review = self.one(pick)
        self.attempt(self.room.reviews.release(review.id, CHIEF))
        self.attempt(self.room.reviews.appeal(review.id, agent_of(review), "不服"))

    @rule(pick=PICK, by=PEOPLE)
    def somebody_decides(self, pick: int, by: Actor) -> None:
        self.attempt(self.room.reviews.change(self.one(pick).id, by, GOOD, "改判"))

    @rule(pick=PICK, by=PEOPLE, to=st.sampled_from(["r1", "r2", "r3", "agent1", "agent2"]))
    def somebody_gives_it_to(self, pick: int, by: Actor, to: str) -> None:
        self.attempt(self.room.reviews.assign(self.one(pick).id, Reviewer(to), by))

    @rule(days=st.sampled_from([1, 6]))
    def time_passes(self, days: int) -> None:
        self.room.clock.advance(days * 24 * 3600)

    @invariant()
    def the_history_is_a_way_through_the_table(self) -> None:
        for review in self.run(rows(self.room)):
            state: State = "drawn"
            first: set[str] = set()
            released_at = appealed_at = None

            async def read(of: str = review.id) -> Any:
                async with self.room.database.read() as session:
                    return await history(session, of), await scores(session, of)

            steps, kept = self.run(read())
            for taken in steps:
                edge = next(e for e in EDGES if e.before == state and e.action == taken.action)
                assert (taken.before, taken.after) == (state, edge.after)
                assert taken.role in edge.roles
                assert edge.blind or review.copy == 0
                if taken.action == "score":
                    first.add(taken.who)
                    assert taken.who == taken.reviewer
                if taken.action == "release":
                    released_at = taken.at
                if taken.action == "appeal":
                    appealed_at = taken.at
                    assert taken.who == review.agent
                if taken.action in ("uphold", "change"):
                    assert taken.who not in first and taken.who not in (review.agent, *review.others)
                state = edge.after
            assert state == review.state
            assert [one.number for one in kept] == list(range(1, len(kept) + 1))
            assert len(kept) == sum(one.action in ("score", "change") for one in steps)
            assert (review.due_at is not None) == (state in ("assigned", "in_review", "released", "appealed"))
            if appealed_at is not None and released_at is not None:
                assert appealed_at - released_at < timedelta(days=12)
            assert review.reviewer not in (review.agent, *review.others)

    @invariant()
    def a_pair_is_two(self) -> None:
        of_call: dict[str, list[str]] = {}
        for review in self.run(rows(self.room)):
            if review.reviewer:
                of_call.setdefault(review.call_id, []).append(review.reviewer)
        assert all(len(set(both)) == len(both) for both in of_call.values())

    def teardown(self) -> None:
        self.run(self.room.database.close())
        self.loop.close()


TestReviewLife = ReviewLife.TestCase
TestReviewLife.settings = settings(
    max_examples=6, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
