"""Named scenarios: drafts that fill themselves, people at work, the whole way to a closed file."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from ticket_support import AGENT, AGENT2, CHIEF, FIRE, START, URBAN, WATER, Room, room, verdict

from core.errors import Conflict, HeyiError, NotAllowed
from ticketing.actor import SYSTEM
from ticketing.events import TicketDrafted, TicketEdited, TicketMoved
from ticketing.fields import EditConflict
from ticketing.repository import TicketMissing, TicketRepository

# --- drafts -----------------------------------------------------------------------------------------------------


async def test_one_draft_for_each_call_with_what_the_line_tells(tmp_path):
    async with room(tmp_path) as r:
        first, again = await asyncio.gather(r.drafted("1.1", line="119"), r.drafted("1.1", line="119"))
        other = await r.drafted("1.2")
        assert first.id == again.id
        assert (first.number, other.number) == ("JJ20261120-0001", "JJ20261120-0002")
        assert (first.is_emergency, first.department, first.agent_extension) == (True, "fire", "1001")
        assert (other.is_emergency, other.department) == (False, "centre")
        assert first.contact_phone == "13800138000"
        assert [e.number for e in r.events if isinstance(e, TicketDrafted)] == [first.number, other.number]


async def test_numbers_go_on_after_a_restart_and_begin_anew_at_local_midnight(tmp_path):
    async with room(tmp_path) as r:
        assert (await r.drafted("1.1")).number == "JJ20261120-0001"
    async with room(tmp_path) as r:
        assert (await r.drafted("1.1")).number == "JJ20261120-0001", "the same call after the restart"
        assert (await r.drafted("1.2")).number == "JJ20261120-0002"
        r.clock.advance((datetime(2026, 11, 20, 15, 59, 59, tzinfo=UTC) - START).total_seconds())
        assert (await r.drafted("1.3")).number == "JJ20261120-0003"
        r.clock.advance(1)
        assert (await r.drafted("1.4")).number == "JJ20261121-0001"


async def test_numbers_are_unique_between_processes(tmp_path):
    async with room(tmp_path) as a:
        b = Room(f"sqlite+aiosqlite:///{tmp_path / 'heyi.db'}")
        try:
            made = await asyncio.gather(
                *((a if i % 2 else b).drafted(f"1.{i}") for i in range(12)), return_exceptions=True
            )
        finally:
            await b.close()
        numbers = [ticket.number for ticket in made if not isinstance(ticket, BaseException)]
        assert len(set(numbers)) == len(numbers) == 12, made


async def test_summary_fills_from_the_caller_until_a_person_writes_it(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted()
        await r.tickets.hear("1.1", "agent", "您好，市民热线。")
        await r.tickets.hear("1.1", "caller", "喂，你好。")
        await r.tickets.hear("1.1", "caller", "我家水管爆了。")
        assert (await r.get(ticket.id)).summary == "我家水管爆了。"
        await r.tickets.edit(ticket.id, {"summary": "小区主水管爆裂"}, AGENT)
        await r.tickets.hear("1.1", "caller", "在池店镇。")
        now = await r.get(ticket.id)
        assert now.summary == "小区主水管爆裂"
        assert now.touched == ["summary"]
        assert now.agent_login == "agent1"


async def test_verdict_fills_free_fields_and_leaves_touched_ones(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted()
        await r.tickets.edit(ticket.id, {"place": "安海镇"}, AGENT)
        await r.tickets.prefill("1.1", verdict(code="S0104", place="池店镇", department="water", nature="投诉"))
        now = await r.get(ticket.id)
        assert (now.place, now.code, now.department, now.nature) == ("安海镇", "S0104", "water", "投诉")
        await r.tickets.prefill("1.1", verdict())
        assert (await r.get(ticket.id)).code == "S0104", "what a later verdict does not know stays"


async def test_category_of_a_person_brings_its_departments_and_holds_them(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted()
        now = await r.tickets.edit(ticket.id, {"code": "S0104"}, AGENT)
        assert (now.department, now.assist) == ("water", ["urban"])
        await r.tickets.prefill("1.1", verdict(code="S0108", department="urban"))
        assert (await r.get(ticket.id)).department == "water"
        now = await r.tickets.edit(ticket.id, {"department": "urban"}, AGENT)
        now = await r.tickets.edit(ticket.id, {"code": "E101"}, AGENT)
        assert (now.department, now.is_emergency) == ("urban", True)


async def test_software_raises_to_an_emergency_and_never_lowers(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted(line="119")
        await r.tickets.prefill("1.1", verdict("service", code="S0104"))
        assert (await r.get(ticket.id)).is_emergency
        service = await r.drafted("1.2")
        await r.tickets.submit(service.id, AGENT, {"code": "S0104"})
        await r.tickets.prefill("1.2", verdict("emergency", code="E101", place="池店镇"))
        now = await r.get(service.id)
        assert (now.is_emergency, now.code, now.place) == (True, "S0104", ""), "filed: only the emergency mark"


async def test_hearing_a_call_without_a_ticket_does_nothing(tmp_path):
    async with room(tmp_path) as r:
        await r.tickets.hear("9.9", "caller", "喂")
        await r.tickets.prefill("9.9", verdict())
        assert r.events == []


# --- two people, one ticket -------------------------------------------------------------------------------------


async def test_stale_edit_of_the_same_field_shows_the_difference_and_loses_nothing(tmp_path):
    async with room(tmp_path) as r:
        seen = (await r.drafted()).version
        ticket = await r.tickets.edit((await r.drafted()).id, {"place": "池店镇"}, AGENT, seen)
        with pytest.raises(EditConflict) as caught:
            await r.tickets.edit(ticket.id, {"place": "安海镇", "contact_name": "李女士"}, AGENT2, seen)
        (difference,) = caught.value.differences
        assert (difference.field, difference.mine, difference.theirs, difference.by) == (
            "place", "安海镇", "池店镇", "agent1",
        )  # fmt: skip
        now = await r.get(ticket.id)
        assert (now.place, now.contact_name) == ("池店镇", "")
        assert caught.value.version == now.version
        now = await r.tickets.edit(ticket.id, {"place": "安海镇"}, AGENT2, caught.value.version)
        assert now.place == "安海镇"


async def test_stale_edits_of_different_fields_both_hold(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted()
        await r.tickets.edit(ticket.id, {"place": "池店镇"}, AGENT, 1)
        now = await r.tickets.edit(ticket.id, {"contact_name": "李女士", "place": ""}, AGENT2, 1)
        assert (now.place, now.contact_name) == ("池店镇", "李女士"), "the unchanged empty place undoes nothing"


async def test_a_person_wins_over_what_software_filled_in_between(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted()
        await r.tickets.prefill("1.1", verdict(place="池店镇"))
        now = await r.tickets.edit(ticket.id, {"place": "安海镇"}, AGENT, 1)
        assert now.place == "安海镇"


async def test_another_process_that_saves_in_between_is_noticed(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted()
        b = Room(f"sqlite+aiosqlite:///{tmp_path / 'heyi.db'}")
        try:
            with pytest.raises(Conflict, match="他人"):
                async with r.tickets._change(ticket.id) as (_work, mine):
                    # Nothing is locked yet: the other process saves between our reading and our writing.
                    await b.tickets.edit(ticket.id, {"place": "池店镇"}, AGENT2)
                    mine.place = "安海镇"
                    mine.version += 1
        finally:
            await b.close()
        assert (await r.get(ticket.id)).place == "池店镇"


async def test_a_closed_ticket_and_a_dispatched_department_cannot_be_edited(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted()
        await r.tickets.submit(ticket.id, AGENT, {"code": "S0104"})
        now = await r.tickets.edit(ticket.id, {"description": "来电补充：夜间无水"}, AGENT)
        assert now.description == "来电补充：夜间无水"
        with pytest.raises(NotAllowed, match="改派"):
            await r.tickets.edit(ticket.id, {"department": "urban"}, AGENT)
        with pytest.raises(NotAllowed, match="坐席"):
            await r.tickets.edit(ticket.id, {"place": "x"}, WATER)
        await r.tickets.close(ticket.id, CHIEF, "重复工单")
        with pytest.raises(NotAllowed, match="结案"):
            await r.tickets.edit(ticket.id, {"place": "x"}, AGENT)


# --- steps ------------------------------------------------------------------------------------------------------


async def test_service_call_to_closed(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted()
        r.clock.advance(60)
        sent = await r.tickets.submit(ticket.id, AGENT, {"code": "S0104", "place": "池店镇华洲村"})
        assert (sent.state, sent.department) == ("dispatched", "water")
        assert sent.due_at == START + timedelta(seconds=60, hours=24)
        r.clock.advance(600)
        await r.tickets.accept(ticket.id, WATER)
        done = await r.tickets.report(ticket.id, WATER, "水管已修复")
        assert (done.state, done.result) == ("callback", "水管已修复")
        assert done.due_at == sent.due_at, "accepting does not move the deadline"
        call = await r.dial(10)
        await r.key(call, "1")
        await r.hangup(call)
        closed = await r.get(ticket.id)
        assert (closed.state, closed.satisfaction) == ("closed", "satisfied")
        moves = [(e.before, e.after, e.by) for e in r.events if isinstance(e, TicketMoved)]
        assert moves == [
            ("draft", "filed", "agent1"),
            ("filed", "dispatched", "agent1"),
            ("dispatched", "handling", "water1"),
            ("handling", "reported", "water1"),
            ("reported", "callback", "system"),
            ("callback", "closed", "system"),
        ]
        assert await r.replayed(ticket.id) == "closed"
        times = [closed.created_at, closed.filed_at, closed.handling_at, closed.reported_at, closed.closed_at]
        assert times == sorted(times)
        assert all(e.call_id == "1.1" for e in r.events if isinstance(e, TicketMoved | TicketEdited))


async def test_refused_goes_back_and_to_another_department(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted()
        await r.tickets.submit(ticket.id, AGENT, {"code": "S0104"})
        with pytest.raises(HeyiError, match="理由"):
            await r.tickets.refuse(ticket.id, WATER, "  ")
        with pytest.raises(NotAllowed, match="承办"):
            await r.tickets.refuse(ticket.id, URBAN, "不归我们管")
        back = await r.tickets.refuse(ticket.id, WATER, "属市政管网，归城管")
        assert back.state == "filed"
        r.clock.advance(3600)
        again = await r.tickets.submit(ticket.id, AGENT, {"department": "urban"})
        assert (again.state, again.department) == ("dispatched", "urban")
        assert again.due_at == START + timedelta(hours=24), "counted from the first dispatch: refusing wins no time"
        refused = [row for row in await r.history(ticket.id) if row.action == "refuse"]
        assert [(row.who, row.department, row.note) for row in refused] == [("water1", "water", "属市政管网，归城管")]
        with pytest.raises(NotAllowed):
            await r.tickets.accept(ticket.id, WATER)


async def test_supervisor_recalls_a_wrong_dispatch(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted()
        await r.tickets.submit(ticket.id, AGENT, {"code": "S0104"})
        assert (await r.tickets.refuse(ticket.id, CHIEF, "派错部门")).state == "filed"


async def test_submitting_twice_dispatches_once(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted()
        await r.tickets.submit(ticket.id, AGENT, {"code": "S0104"})
        with pytest.raises(NotAllowed):
            await r.tickets.submit(ticket.id, AGENT, {"summary": "第二次"})
        assert (await r.get(ticket.id)).summary == ""


async def test_submit_without_a_department_keeps_the_draft(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted(line="99999")
        with pytest.raises(NotAllowed, match="承办部门"):
            await r.tickets.submit(ticket.id, AGENT, {"place": "池店镇"})
        now = await r.get(ticket.id)
        assert (now.state, now.place) == ("draft", "")


async def test_emergency_without_a_category_is_due_in_two_hours(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted(line="119")
        sent = await r.tickets.submit(ticket.id, AGENT)
        assert sent.due_at == START + timedelta(hours=2)
        assert (await r.tickets.accept(ticket.id, FIRE)).state == "handling"


async def test_question_answered_at_once_closes_without_a_department(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted()
        with pytest.raises(HeyiError, match="理由"):
            await r.tickets.close(ticket.id, AGENT, "")
        closed = await r.tickets.close(ticket.id, AGENT, "已告知营业厅地址")
        assert (closed.state, closed.result, closed.closed_at) == ("closed", "已告知营业厅地址", START)
        assert await r.callbacks(ticket.id) == []


async def test_emergency_is_closed_directly_only_as_misdialled(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted(line="119")
        with pytest.raises(NotAllowed, match="紧急"):
            await r.tickets.close(ticket.id, AGENT, "说完了")
        await r.tickets.edit(ticket.id, {"code": "X02"}, AGENT)
        assert (await r.tickets.close(ticket.id, AGENT, "误拨")).state == "closed"


async def test_call_taker_cannot_close_what_a_department_has(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.reported()
        for actor in (AGENT, WATER, SYSTEM):
            with pytest.raises(NotAllowed):
                await r.tickets.close(ticket.id, actor, "不等了")
        assert (await r.tickets.close(ticket.id, CHIEF, "来电人要求不再回访")).state == "closed"
        assert await r.callbacks(ticket.id) == [], "the planned attempt is gone"


async def test_unknown_ticket_is_one_clear_line(tmp_path):
    async with room(tmp_path) as r:
        with pytest.raises(TicketMissing, match="没有这张工单"):
            await r.tickets.accept("nothing", WATER)


# --- queries ----------------------------------------------------------------------------------------------------


async def test_earlier_tickets_of_a_caller_are_found_however_the_number_is_written(tmp_path):
    async with room(tmp_path) as r:
        first = await r.drafted("1.1", caller="+86 138 0013 8000")
        second = await r.drafted("1.2", caller="059585681234")
        await r.tickets.edit(second.id, {"contact_phone": "138-0013-8000"}, AGENT)
        withheld = await r.drafted("1.3", caller="anonymous")
        async with r.database.read() as session:
            repository = TicketRepository(session)
            found = await repository.of_caller("13800138000", besides=first.id)
            assert [t.id for t in found] == [second.id]
            assert {t.id for t in await repository.of_caller("13800138000")} == {first.id, second.id}
            assert await repository.of_caller(withheld.caller_digits) == []


async def test_lists_of_departments_and_open_tickets(tmp_path):
    async with room(tmp_path) as r:
        service = await r.drafted("1.1")
        await r.tickets.submit(service.id, AGENT, {"code": "S0104"})
        r.clock.advance(1)
        fire = await r.drafted("1.2", line="119")
        r.clock.advance(1)
        other = await r.drafted("1.3")
        await r.tickets.close(other.id, AGENT, "已答复")
        async with r.database.read() as session:
            repository = TicketRepository(session)
            assert [t.id for t in await repository.open()] == [fire.id, service.id]
            assert [t.id for t in await repository.of_department("water", ("dispatched",))] == [service.id]
            assert await repository.of_department("water", ("handling",)) == []
            by_number = await repository.by_number(service.number)
            by_call = await repository.by_call("1.2")
        assert by_number is not None
        assert by_number.id == service.id
        assert by_call is not None
        assert by_call.id == fire.id


async def test_history_says_who_changed_what_when(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted()
        r.clock.advance(5)
        await r.tickets.edit(ticket.id, {"place": "池店镇"}, AGENT)
        opening, edit = await r.history(ticket.id)
        assert (opening.before, opening.after, opening.who) == (None, "draft", "system")
        assert (edit.who, edit.role, edit.at) == ("agent1", "agent", START + timedelta(seconds=5))
        assert edit.changes == {"place": ["", "池店镇"]}
