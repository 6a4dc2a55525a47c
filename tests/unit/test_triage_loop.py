"""The learning loop: labels, and what is learned from them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from asr.events import UtteranceHeard
from telephony.events import Leg
from tests.loop_scene import call, learned_ids
from tests.unit import ticket_support
from tests.unit.ticket_support import AGENT, CHIEF, verdict
from tests.unit.triage_support import small_city
from ticketing.labelling import Labelling
from triage.loop.examples import examples, telling, windows
from triage.loop.labels import Left, Said, changed, labels, same_place
from triage.loop.tables import ModelUse, TriageLabel
from triage.verdict import CallTriaged

# --- labels -----------------------------------------------------------------------------------------------------------


def said(**fields: Any) -> Said:
    return Said(**{"outcome": "service", "p_emergency": 0.1, "code": "S0104", "nature": "投诉", "place": "", **fields})


def left(**fields: Any) -> Left:
    return Left(**{"emergency": False, "code": "S0104", "nature": "投诉", "place": "", **fields})


def test_what_the_person_left_otherwise() -> None:
    assert changed(said(), left()) == ()
    assert changed(said(), left(emergency=True, code="E101", nature="求助")) == ("emergency", "code", "nature")
    # A review is a question, not an alarm; what is left empty is no answer.
    assert changed(said(outcome="review"), left(code="", nature="")) == ()
    assert changed(said(code=""), left()) == ("code",)
    assert changed(said(place="池店镇华洲村"), left(place="池店镇华洲村 3 组路口")) == ()
    assert changed(said(place="池店镇华洲村"), left(place="池店镇新店村")) == ("place",)


@given(st.text(alphabet="池店镇华洲村 ", max_size=8), st.text(alphabet="池店镇华洲村 ", max_size=8))
def test_whether_two_places_are_one_does_not_depend_on_who_is_asked_first(one: str, other: str) -> None:
    assert same_place(one, other) == same_place(other, one)
    assert same_place(one, one) == bool(one.strip())


class Office(ticket_support.Room):
    """Tickets with the listener that keeps labels."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.labelling = Labelling(self.bus, self.database, self.clock)

    async def judged(self, call_id: str, code: str, outcome: str = "service", **more: Any) -> None:
        made = verdict(outcome, code, **more)
        await self.tickets.prefill(call_id, made)
        async with self.database.work() as work:
            work.record(CallTriaged(at=self.clock.now(), call_id=call_id, verdict=made))

    async def heard(self, call_id: str, uid: str, text: str, leg: Leg = "caller") -> None:
        async with self.database.work() as work:
            work.record(UtteranceHeard(
                at=self.clock.now(), call_id=call_id, utterance_id=uid, leg=leg, text=text, raw=text, start_s=0,
                end_s=1, confidence=1,
            ))  # fmt: skip

    async def label(self) -> TriageLabel:
        await self.bus.drain()
        async with self.database.read() as session:
            (row,) = await labels(session)
        return row


@asynccontextmanager
async def office(folder: Path) -> AsyncIterator[Office]:
    made = Office(f"sqlite+aiosqlite:///{folder / 'heyi.db'}")
    await made.database.create_all()
    try:
        yield made
    finally:
        await made.close()


async def test_a_filed_ticket_is_a_label_with_the_model_that_judged(tmp_path: Path) -> None:
    async with office(tmp_path) as o:
        async with o.database.work() as work:
            work.session.add(ModelUse(at=o.clock.now() - timedelta(days=1), version="old", rules=3, how="start"))
        ticket = await o.drafted("1.1")
        await o.heard("1.1", "u1", "您好", "agent")
        await o.heard("1.1", "u2", "门口有人乱搭乱建")
        await o.judged("1.1", "S0104", nature="投诉", place="池店镇")
        o.clock.advance(5)
        # Another model is promoted, but the verdict was made before.
        async with o.database.work() as work:
            work.session.add(ModelUse(at=o.clock.now(), version="new", rules=3, how="promoted"))
        o.clock.advance(5)
        await o.tickets.submit(ticket.id, AGENT, {"code": "S0108"})
        label = await o.label()
        assert (label.model, label.rules, label.said_code, label.code) == ("old", 3, "S0104", "S0108")
        assert (label.changed, label.touched) == (["code"], ["code"])
        assert label.utterances == ["u1", "u2"]
        assert (label.number, label.desk, label.line, label.who) == (ticket.number, "1001", "12345", "agent1")
        assert (label.place, label.said_place, label.revised_at) == ("池店镇", "池店镇", None)


async def test_what_is_heard_and_judged_after_the_filing_is_not_what_the_person_answered(tmp_path: Path) -> None:
    async with office(tmp_path) as o:
        ticket = await o.drafted("1.1")
        await o.heard("1.1", "u1", "水管漏水")
        await o.judged("1.1", "S0104")
        await o.tickets.submit(ticket.id, AGENT, {"code": "S0108"})
        await o.bus.drain()
        o.clock.advance(5)
        await o.heard("1.1", "u2", "哎呀着火了")
        await o.judged("1.1", "E101", "emergency")
        label = await o.label()
        assert (label.said_code, label.said_outcome, label.utterances) == ("S0104", "service", ["u1"])
        # The software raised it; that is no person's word.
        assert (label.emergency, label.revised_at) == (False, None)


async def test_what_a_person_changes_later_counts(tmp_path: Path) -> None:
    async with office(tmp_path) as o:
        ticket = await o.drafted("1.1")
        await o.judged("1.1", "S0104")
        await o.tickets.submit(ticket.id, AGENT)
        assert (await o.label()).changed == []
        o.clock.advance(60)
        await o.tickets.edit(ticket.id, {"code": "S0108", "nature": "举报"}, CHIEF)
        label = await o.label()
        assert (label.code, label.nature, label.revised_at) == ("S0108", "举报", o.clock.now())
        assert "code" in label.changed and label.said_code == "S0104"


async def test_a_ticket_closed_on_the_spot_is_a_label_and_a_draft_is_none(tmp_path: Path) -> None:
    async with office(tmp_path) as o:
        await o.drafted("1.2")
        ticket = await o.drafted("1.1")
        await o.judged("1.1", "S0104")
        await o.tickets.edit(ticket.id, {"code": "X02"}, AGENT)
        await o.tickets.close(ticket.id, AGENT, "误拨")
        assert (await o.label()).code == "X02"


async def test_labels_are_made_up_for_after_a_restart_and_only_once(tmp_path: Path) -> None:
    async with office(tmp_path) as o:
        await o.bus.close()  # nobody listens
        ticket = await o.drafted("1.1")
        never = await o.drafted("1.2")
        await o.judged("1.1", "S0104")
        for one in (ticket, never):
            await o.tickets.submit(one.id, AGENT, {"code": "S0108"})
        for _ in range(2):
            await o.labelling.catch_up(o.clock.now() - timedelta(days=7))
        assert (await o.label()).ticket_id == ticket.id


# --- what is learned from them ----------------------------------------------------------------------------------------


def _alarm(text: str) -> float | None:
    return None if len(text) < 4 else 0.9 if "火" in text else 0.1


def test_one_call_in_five_stays_aside_whatever_is_asked() -> None:
    assert 0.7 < len(learned_ids()) / 200 < 0.9
    aside = call("c-aside")
    assert next(c for n in range(200) if (c := replace(aside, call_id=f"c{n}")).aside).call_id not in learned_ids()


def test_a_service_call_teaches_its_first_and_its_most_alarming_words() -> None:
    made = examples([call()], small_city(), _alarm)
    assert [e.text for e in made] == ["路灯坏了好几天", "旁边还冒火花呢"]
    assert {(e.code, e.emergency, e.group) for e in made} == {("S0103", False, f"label/{learned_ids()[0]}")}


def test_an_emergency_call_teaches_where_it_sounds_most_like_one() -> None:
    made = examples([call(texts=("嗯", "我想问一下", "厨房着火了"), emergency=True, code="E101")], small_city(), _alarm)
    assert [(e.text, e.emergency) for e in made] == [("厨房着火了", True)]


def test_what_teaches_nothing() -> None:
    city = small_city()
    nothing = [
        call(corrected=False),
        call(emergency=True),  # a service code marked urgent
        call(code="S9999"),
        call(texts=("嗯", "好")),
        call(texts=()),
        next(c for n in range(200) if (c := call(f"c{n}")).aside),
    ]
    assert examples(nothing, city, _alarm) == ()
    assert examples([call(texts=("路灯，坏了好几天。",))], city, _alarm, known=["路灯坏了好几天"]) == ()
    assert len(examples([call(corrected=False)], city, _alarm, unchanged=True)) == 2


@given(st.lists(st.text(alphabet="火路灯坏了", min_size=1, max_size=6), max_size=6), st.booleans())
def test_what_is_told_was_said(texts: list[str], emergency: bool) -> None:
    told = telling(texts, _alarm, emergency=emergency)
    assert set(told) <= set(windows(texts))
    assert len(told) <= (1 if emergency else 2)
    rated = [p for text in windows(texts) if (p := _alarm(text)) is not None]
    assert (not told) == (not rated)
    if told:
        assert _alarm(told[-1]) == max(rated)
