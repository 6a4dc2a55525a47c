"""All doors end in the same ticket; letters are answered step by step, and nothing of them is lost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from core.errors import Conflict, HeyiError, NotAllowed
from core.photos import clean
from tests.unit.doors_support import doors, jpeg
from tests.unit.ticket_support import AGENT, CHIEF, CITY, URBAN, WATER
from ticketing.actor import Actor
from ticketing.doors import items, letters
from ticketing.doors.events import SOURCE_NAMES, TicketTakenIn
from ticketing.doors.intake import MAX_TEXT, Said, turns_of
from ticketing.doors.limits import Limit, Limiter
from ticketing.doors.tables import DoorItem

WORDS = "池店镇华洲村停水两天了。打过电话没有人来修！\n请尽快处理，谢谢。"
LETTER = Said(text=WORDS, title="华洲村停水", name="陈女士", phone="138 0013 8000", public=True)


@pytest.mark.parametrize("source", [name for name in SOURCE_NAMES])
async def test_every_door_ends_in_a_ticket_that_triage_judged(tmp_path: Path, source) -> None:  # type: ignore[no-untyped-def]
    async with doors(tmp_path) as (room, made, judge):
        taken = await made.intake.take_in(source, LETTER, external_id="x-1", via="somebody")
        ticket = await room.get(taken.ticket_id)
        assert ticket.number == taken.number and ticket.state == "draft" and ticket.call_id is None
        assert (ticket.code, ticket.nature, ticket.department) == ("S0104", "投诉", "water")
        assert (ticket.contact_name, ticket.contact_phone, ticket.contact_digits) == (
            "陈女士",
            "13800138000",
            "13800138000",
        )
        assert ticket.summary == "华洲村停水" and ticket.description == WORDS and ticket.place == "池店镇"
        # Judged as if it had been said on the service line: title first, sentence by sentence.
        line, turns = judge.heard[0]
        assert line == "12345" and [t.text for t in turns][:2] == ["华洲村停水", "池店镇华洲村停水两天了。"]
        rows = [row for row in await room.history(ticket.id) if row.action == "take_in"]
        assert [row.note for row in rows] == [SOURCE_NAMES[source]]
        told = [event for event in room.events if isinstance(event, TicketTakenIn)]
        assert [(event.source, event.number) for event in told] == [(source, taken.number)]
        # It goes on as any other.
        await room.tickets.submit(ticket.id, AGENT)
        assert (await room.get(ticket.id)).state == "dispatched"


async def test_the_same_matter_twice_is_one_ticket_and_other_words_under_its_name_are_refused(tmp_path: Path) -> None:
    async with doors(tmp_path) as (room, made, _judge):
        first = await made.intake.take_in("hook", LETTER, external_id="k:7")
        again = await made.intake.take_in("hook", LETTER, external_id="k:7")
        assert (again.number, again.token, again.new, first.new) == (first.number, first.token, False, True)
        with pytest.raises(Conflict):
            await made.intake.take_in("hook", replace(LETTER, text="别的事情"), external_id="k:7")
        other = await made.intake.take_in("open311", LETTER, external_id="k:7")
        assert other.number != first.number
        async with room.database.read() as session:
            assert len(list(await session.scalars(select(DoorItem)))) == 2


async def test_a_matter_is_taken_although_it_cannot_be_judged(tmp_path: Path) -> None:
    async with doors(tmp_path) as (room, made, judge):
        judge.fails = True
        taken = await made.intake.take_in("web", LETTER)
        ticket = await room.get(taken.ticket_id)
        assert (ticket.code, ticket.description) == ("", WORDS)


async def test_words_of_a_fire_make_an_emergency_whatever_category_its_writer_chose(tmp_path: Path) -> None:
    async with doors(tmp_path) as (room, made, _judge):
        taken = await made.intake.take_in("open311", Said(text="隔壁着火了，快来", code="S0108"))
        ticket = await room.get(taken.ticket_id)
        assert taken.emergency and ticket.is_emergency and ticket.code == "S0108" and ticket.flow == "emergency"


@pytest.mark.parametrize(
    "said",
    [
        Said(text=""), Said(text="\u200b \n"), Said(text="水" * (MAX_TEXT + 1)), replace(LETTER, title="题" * 101),
        replace(LETTER, email="not an address"), replace(LETTER, code="Z999"), replace(LETTER, nature="生气"),
        replace(LETTER, lat=24.0), replace(LETTER, lat=float("nan"), lon=1.0), replace(LETTER, lat=91.0, lon=1.0),
    ],
)  # fmt: skip
async def test_what_cannot_be_taken_is_refused_and_leaves_nothing(tmp_path: Path, said: Said) -> None:
    async with doors(tmp_path) as (room, made, _judge):
        with pytest.raises(HeyiError):
            await made.intake.take_in("web", said)
        assert room.events == []


async def test_the_words_of_a_letter_outlive_every_edit(tmp_path: Path) -> None:
    async with doors(tmp_path) as (room, made, _judge):
        long = "水" * 12_000
        taken = await made.intake.take_in("letter", replace(LETTER, text=long))
        await room.tickets.edit(taken.ticket_id, {"summary": "改", "description": "改"}, AGENT)
        await room.tickets.submit(taken.ticket_id, AGENT)
        await room.tickets.close(taken.ticket_id, CHIEF, "结")
        async with room.database.read() as session:
            entry = await items.of_ticket(session, taken.ticket_id)
        assert entry is not None and entry.item.text == long


async def test_photographs_lie_under_their_hash_and_more_than_three_are_refused(tmp_path: Path) -> None:
    async with doors(tmp_path) as (room, made, _judge):
        photo = clean(jpeg())
        taken = await made.intake.take_in("web", LETTER, photos=[photo, clean(jpeg(32, 32))])
        async with room.database.read() as session:
            entry = await items.of_ticket(session, taken.ticket_id)
            assert entry is not None
            rows = await items.photos(session, entry.item.id)
        assert sorted((row.width, row.height) for row in rows) == [(32, 32), (64, 48)]
        assert {made.intake.photo(row).read_bytes() for row in rows} == {photo.data, clean(jpeg(32, 32)).data}
        with pytest.raises(HeyiError, match="三张"):
            await made.intake.take_in("web", LETTER, photos=[photo] * 4)


async def test_only_the_writer_finds_a_matter(tmp_path: Path) -> None:
    async with doors(tmp_path) as (room, made, _judge):
        taken = await made.intake.take_in("wechat", LETTER, sender="openid-1")
        async with room.database.read() as session:

            async def found(**proof: str) -> bool:
                return await items.of_writer(session, taken.number, area_code="0595", **proof) is not None

            assert (
                await found(token=taken.token)
                and await found(phone="+86 138-0013-8000")
                and await found(sender="openid-1")
            )
            assert not await found() and not await found(token="0" * 32) and not await found(phone="8000")
            assert not await found(phone="13800138001") and not await found(sender="openid-2")
            assert await items.of_writer(session, "JJ20261120-9999", token=taken.token) is None


# --- letters ------------------------------------------------------------------------------------------------------


async def test_a_letter_is_drafted_approved_and_sent_as_it_was_approved(tmp_path: Path) -> None:
    async with doors(tmp_path) as (room, made, _judge):
        taken = await made.intake.take_in("letter", LETTER)
        await room.tickets.submit(taken.ticket_id, AGENT)
        async with room.database.read() as session:
            entry = await items.of_ticket(session, taken.ticket_id)
        assert entry is not None and entry.letter is not None
        item_id = entry.item.id
        # Friday 2026-11-20; seven working days later, at the close of office hours: Tuesday week.
        assert entry.letter.due_at.date().isoformat() == "2026-12-01"
        draft = letters.proposal(await room.get(taken.ticket_id), "华洲村停水", room.clock.now(), CITY)
        assert taken.number in draft and "华洲村停水" in draft and "（请填写办理情况）" in draft
        book = made.letters
        await book.write(item_id, WATER, "第一稿")
        with pytest.raises(NotAllowed):
            await book.write(item_id, URBAN, "不是我的")
        with pytest.raises(NotAllowed):
            await book.approve(item_id, CHIEF)
        await book.submit(item_id, WATER)
        await book.send_back(item_id, CHIEF, "请写明恢复供水的时间")
        await book.write(item_id, WATER, "已于20日18时恢复供水。")
        await book.submit(item_id, WATER)
        with pytest.raises(NotAllowed):
            await book.approve(item_id, AGENT)
        await book.approve(item_id, CHIEF)
        with pytest.raises(NotAllowed):
            await book.write(item_id, WATER, "批准后又改")
        sent = await book.send(item_id, AGENT, public=True)
        assert (sent.state, sent.reply, sent.public) == ("sent", "已于20日18时恢复供水。", True)
        for late in (
            book.withdraw(item_id, WATER),
            book.write(item_id, AGENT, "改"),
            book.send(item_id, AGENT, public=False),
        ):
            with pytest.raises(NotAllowed):
                await late
        async with room.database.read() as session:
            steps = await letters.steps(session, item_id)
            assert [s.words for s in steps if s.action == "write"] == ["第一稿", "已于20日18时恢复供水。"]
            assert [one.item.id for one in await letters.published(session)] == [item_id]


async def test_a_reply_is_published_only_where_the_writer_agreed(tmp_path: Path) -> None:
    async with doors(tmp_path) as (room, made, _judge):
        taken = await made.intake.take_in("letter", replace(LETTER, public=False))
        async with room.database.read() as session:
            entry = await items.of_ticket(session, taken.ticket_id)
        assert entry is not None
        for step in (made.letters.write(entry.item.id, AGENT, "好的。"), made.letters.submit(entry.item.id, AGENT),
                     made.letters.approve(entry.item.id, CHIEF)):  # fmt: skip
            await step
        with pytest.raises(NotAllowed, match="未同意"):
            await made.letters.send(entry.item.id, CHIEF, public=True)
        await made.letters.send(entry.item.id, CHIEF, public=False)
        async with room.database.read() as session:
            assert await letters.published(session) == []


async def test_two_people_at_one_draft_the_second_is_told(tmp_path: Path) -> None:
    async with doors(tmp_path) as (room, made, _judge):
        taken = await made.intake.take_in("letter", LETTER)
        async with room.database.read() as session:
            entry = await items.of_ticket(session, taken.ticket_id)
        assert entry is not None
        await made.letters.write(entry.item.id, AGENT, "甲的稿", version=1)
        with pytest.raises(Conflict):
            await made.letters.write(entry.item.id, CHIEF, "乙的稿", version=1)


ROLES = [AGENT, WATER, CHIEF, Actor("x", "system")]


@given(st.lists(st.tuples(st.sampled_from(list(letters.ACTION_NAMES)), st.sampled_from(ROLES)), max_size=40))
def test_no_walk_leaves_the_table_and_nothing_is_sent_unapproved(walk) -> None:  # type: ignore[no-untyped-def]
    state, approved = "waiting", False
    for action, by in walk:
        try:
            after = letters.step(state, action, by.role)  # type: ignore[arg-type]
        except NotAllowed:
            assert action not in letters.actions(state, by.role)  # type: ignore[arg-type]
            continue
        assert action in letters.actions(state, by.role) and state != "sent"  # type: ignore[arg-type]
        if action == "approve":
            assert by.role == "supervisor"
            approved = True
        if action in ("write", "withdraw", "return"):
            approved = False
        assert after != "sent" or approved
        state = after


def test_only_its_beginning_is_judged_and_every_sentence_is_of_bounded_length() -> None:
    turns = turns_of(Said(text="水。" * 500 + "长" * 3000))
    assert len(turns) == 30 and all(len(turn.text) <= 300 for turn in turns)


@given(st.lists(st.integers(0, 90), max_size=60))
def test_no_window_ever_holds_more_knocks_than_the_limit(gaps: list[int]) -> None:
    limiter = Limiter(Limit(3, timedelta(seconds=60)), Limit(5, timedelta(seconds=300)))
    now, let_in = datetime(2026, 1, 1, tzinfo=UTC), []
    for gap in gaps:
        now += timedelta(seconds=gap)
        if not (wait := limiter.wait("a", now)):
            let_in.append(now)
        else:
            assert not Limiter(Limit(1, timedelta(seconds=1))).wait("b", now)
            assert timedelta(0) < wait <= timedelta(seconds=300)
    for limit, span in ((3, 60), (5, 300)):
        assert all(sum(at <= x < at + timedelta(seconds=span) for x in let_in) <= limit for at in let_in)
