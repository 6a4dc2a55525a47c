"""Calibration of real reviews: who sees a call that several scored, what differs first, what a meeting keeps."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from review_support import AGENT1, CHIEF, GOOD, POOR, R1, R2, R3, QualityRoom
from sqlalchemy import select

from core.audit import AuditEntry, note
from core.errors import HeyiError, NotAllowed
from quality.calibration.service import Blind, Calibration, differences
from quality.reviews.service import COMPARED, Answers
from quality.reviews.tables import Review
from tests.desk_fakes import START
from tests.quality_scene import GOOD as FULL
from tests.quality_scene import SERVICE
from ticketing.actor import Actor

BY_LOGIN = {one.login: one for one in (R1, R2, R3)}


class Room(QualityRoom):
    @property
    def calibration(self) -> Calibration:
        return Calibration(self.database, self.clock, self.reviews.zone)

    async def pair(self) -> tuple[Review, Review]:
        """Both reviews of one blind pair, the first first."""
        async with self.database.read() as session:
            second = (await session.scalars(select(Review).where(Review.copy == 1).order_by(Review.id))).first()
            assert second is not None
            first = await session.scalar(select(Review).where(Review.call_id == second.call_id, Review.copy == 0))
        assert first is not None
        return first, second

    async def scored(self, review: Review, given: Answers) -> Actor:
        who = BY_LOGIN[review.reviewer]
        await self.reviews.begin(review.id, who)
        await self.reviews.score(review.id, who, given)
        return who


@pytest.fixture
async def room(tmp_path: Any) -> AsyncIterator[Room]:
    made = Room(f"sqlite+aiosqlite:///{tmp_path}/heyi.db")
    await made.database.create_all()
    await made.drawn()
    yield made
    await made.database.close()


async def test_nobody_sees_the_other_score_before_both_are_there(room: Room) -> None:
    first, second = await room.pair()
    one = await room.scored(first, GOOD)
    other = BY_LOGIN[second.reviewer]
    for who in (CHIEF, one):
        with pytest.raises(HeyiError):
            await room.calibration.meeting(first.call_id, who)
    with pytest.raises(NotAllowed):
        await room.calibration.meeting(first.call_id, other)
    assert await room.calibration.cards() == []
    await room.scored(second, POOR)
    third = next(who for who in BY_LOGIN.values() if who not in (one, other))
    for who in (third, AGENT1):
        with pytest.raises(NotAllowed):
            await room.calibration.meeting(first.call_id, who)
    for who in (CHIEF, one, other):
        meeting = await room.calibration.meeting(first.call_id, who)
        assert [d.item.key for d in meeting.differences] == ["greeting", "manner"]
        assert {score.reviewer for score in meeting.scores} == {one.login, other.login}
    ((_, card, count),) = await room.calibration.cards()
    assert (card.kind, count) == (first.kind, 1)


async def test_who_has_seen_the_others_scores_does_not_score_again(room: Room) -> None:
    first, second = await room.pair()
    one, other = await room.scored(first, GOOD), await room.scored(second, POOR)
    async with room.database.work() as work:
        note(work.session, at=room.clock.now(), who=one.login, what=COMPARED, call_id=first.call_id)
    with pytest.raises(NotAllowed, match="看过"):
        await room.reviews.reopen(first.id, one)
    assert (await room.reviews.reopen(second.id, other)).state == "in_review", "he has not looked"


async def test_a_decision_after_an_appeal_is_no_blind_score(room: Room) -> None:
    first, second = await room.pair()
    await room.scored(first, POOR)
    await room.scored(second, POOR)
    await room.reviews.release(first.id, CHIEF)
    agent = Actor(first.agent, "agent")
    await room.reviews.appeal(first.id, agent, "问候过")
    await room.reviews.change(first.id, CHIEF, GOOD, "听了录音")
    meeting = await room.calibration.meeting(first.call_id, CHIEF)
    assert meeting.differences == () and {score.tenths for score in meeting.scores} == {240}


async def test_what_was_agreed_stays_and_the_last_word_holds(room: Room) -> None:
    first, second = await room.pair()
    await room.scored(first, GOOD)
    other = await room.scored(second, POOR)
    settle = room.calibration.settle
    with pytest.raises(NotAllowed):
        await settle(first.call_id, "greeting", "no", "没有问候", other)
    for item, answer, why in (
        ("greeting", "no", " "),
        ("greeting", 3, "x"),
        ("manner", "yes", "x"),
        ("none", "no", "x"),
    ):
        with pytest.raises(HeyiError):
            await settle(first.call_id, item, answer, why, CHIEF)  # type: ignore[arg-type]
    await settle(first.call_id, "greeting", "no", "没有问候", CHIEF)
    await settle(first.call_id, "greeting", "yes", "再听一遍，有问候", CHIEF)
    meeting = await room.calibration.meeting(first.call_id, CHIEF)
    held = meeting.settled("greeting")
    assert held is not None and (held.answer, held.by) == ("yes", "chief")
    assert [one.note for one in meeting.outcomes] == ["没有问候", "再听一遍，有问候"]
    async with room.database.read() as session:
        audited = list(await session.scalars(select(AuditEntry.detail).where(AuditEntry.what == "calibration")))
    assert audited == ["greeting=no", "greeting=yes"]


async def test_more_may_be_asked_to_score_a_call_blind_and_the_draw_stays_proved(room: Room) -> None:
    first, second = await room.pair()
    free = next(one for one in room.people if one.login not in (first.reviewer, second.reviewer))
    with pytest.raises(NotAllowed):
        await room.calibration.order(first.call_id, room.people, R1, room.reviews)
    assert await room.calibration.order(first.call_id, room.people, CHIEF, room.reviews) == 1
    with pytest.raises(HeyiError):
        await room.calibration.order(first.call_id, room.people, CHIEF, room.reviews)
    async with room.database.read() as session:
        third = await session.scalar(select(Review).where(Review.copy == 2))
    assert third is not None and (third.reviewer, third.state, third.call_id) == (free.login, "assigned", first.call_id)
    for one in (first, second):
        await room.scored(one, POOR)
    with pytest.raises(NotAllowed):  # what two said would lead the third
        await room.calibration.meeting(first.call_id, CHIEF)
    assert await room.calibration.cards() == []
    await room.scored(third, GOOD)
    assert len((await room.calibration.meeting(first.call_id, CHIEF)).scores) == 3
    with pytest.raises(NotAllowed):  # for calibration alone
        await room.reviews.release(third.id, CHIEF)
    assert await room.reviews.prove(first.draw_id) == []


def test_the_largest_difference_comes_first_and_of_equals_what_fails_the_call() -> None:
    def blind(**answers: Any) -> Blind:
        return Blind("", "", START, {**FULL, **answers}, {}, "", None)

    found = differences(
        SERVICE, [blind(), blind(demand=3, polite="no", address="no", conduct="no"), blind(comfort="na", demand=4)]
    )
    assert [(one.item.key, one.apart) for one in found] == [
        ("conduct", 1.0), ("address", 1.0), ("polite", 1.0), ("comfort", 1.0), ("demand", 0.4),
    ]  # fmt: skip
