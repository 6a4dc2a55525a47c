"""Tickets on their way: the emergency's steps with their times, and how a ticket comes into another flow."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from ticket_support import AGENT, CHIEF, CITY, FIRE, START, WATER, Room, room, verdict

from core.city_flows import FlowUse, usual_flows
from core.errors import NotAllowed
from ticketing.events import TicketEdited, TicketMoved
from ticketing.service import Tickets
from ticketing.tables import Ticket, TicketHistory


def minutes(ticket: Ticket, began: Any = START) -> dict[str, float]:
    """When it entered each step, in minutes after ``began``."""
    return {key: (_moment(at) - began) / timedelta(minutes=1) for key, at in ticket.steps_at.items()}


def _moment(text: str) -> Any:
    return type(START).fromisoformat(text)


async def test_an_emergency_has_the_time_of_each_step(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted(line="119")
        assert (ticket.flow, ticket.step, ticket.state) == ("emergency", "draft", "draft")
        r.clock.advance(60)
        await r.tickets.submit(ticket.id, AGENT)
        for action in ("accept", "depart", "arrive", "handle"):
            r.clock.advance(60)
            moved = await r.tickets.advance(ticket.id, action, FIRE)
            assert moved.state == "handling"
        r.clock.advance(60)
        done = await r.tickets.report(ticket.id, FIRE, "火已扑灭")
        assert minutes(done) == {
            "draft": 0, "filed": 1, "dispatched": 1, "accepted": 2, "departed": 3, "arrived": 4, "handling": 5,
            "reported": 6, "callback": 6,
        }  # fmt: skip
        # The phase was entered when the order was accepted; the steps within it change nothing of that.
        assert done.handling_at == START + timedelta(minutes=2)
        moves = [e for e in r.events if isinstance(e, TicketMoved)]
        assert [(e.step_before, e.step_after) for e in moves][2:6] == [
            ("dispatched", "accepted"), ("accepted", "departed"), ("departed", "arrived"), ("arrived", "handling")
        ]  # fmt: skip
        assert {e.flow for e in moves} == {"emergency"}
        assert await r.replayed(ticket.id) == "callback"


async def test_who_leaves_at_once_has_accepted(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted(line="119")
        await r.tickets.submit(ticket.id, AGENT)
        gone = await r.tickets.advance(ticket.id, "depart", FIRE)
        assert (gone.step, gone.state, gone.handling_at) == ("departed", "handling", START)
        with pytest.raises(NotAllowed, match="出动 × 接单"):
            await r.tickets.accept(ticket.id, FIRE)
        with pytest.raises(NotAllowed, match="承办"):
            await r.tickets.advance(ticket.id, "arrive", WATER)
        with pytest.raises(NotAllowed, match="岗位"):
            await r.tickets.advance(ticket.id, "arrive", CHIEF)
        assert (await r.get(ticket.id)).step == "departed"


async def test_a_service_ticket_has_no_way_to_leave(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted()
        await r.tickets.submit(ticket.id, AGENT, {"code": "S0104"})
        with pytest.raises(NotAllowed, match="任务指派 × 出动"):
            await r.tickets.advance(ticket.id, "depart", WATER)


async def test_sent_back_after_the_callback_it_is_at_work_again(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted(line="119", caller="13800138001")
        await r.tickets.submit(ticket.id, AGENT)
        await r.tickets.advance(ticket.id, "depart", FIRE)
        await r.tickets.advance(ticket.id, "arrive", FIRE)
        await r.tickets.report(ticket.id, FIRE, "已处置")
        await r.key(await r.dial(11), "2")
        again = await r.get(ticket.id)
        assert (again.step, again.reopened) == ("handling", 1)
        assert minutes(again)["handling"] == 11


# --- another flow -----------------------------------------------------------------------------------------------


async def test_a_draft_that_turns_out_to_be_an_emergency_changes_its_flow(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted()
        assert (ticket.flow, ticket.step) == ("six", "draft")
        r.clock.advance(30)
        await r.tickets.prefill("1.1", verdict("emergency", code="E101", department="fire"))
        raised = await r.get(ticket.id)
        assert (raised.flow, raised.step, raised.state) == ("emergency", "draft", "draft")
        assert minutes(raised) == {"draft": 0}, "the call was taken when it was taken"
        row = (await r.history(ticket.id))[-1]
        assert (row.action, row.who, row.before, row.after, row.note) == (
            "flow",
            "system",
            "draft",
            "draft",
            "紧急警情",
        )
        assert row.changes == {"flow": ["six", "emergency"]}
        assert [e.fields for e in r.events if isinstance(e, TicketEdited)][-1] == ("flow",)
        assert await r.replayed(ticket.id) == "draft"


async def test_raised_while_it_is_handled_it_stands_at_the_first_step_of_that_phase(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted()
        await r.tickets.submit(ticket.id, AGENT, {"code": "S0104"})
        r.clock.advance(120)
        await r.tickets.accept(ticket.id, WATER)
        r.clock.advance(60)
        raised = await r.tickets.edit(ticket.id, {"is_emergency": True}, AGENT)
        assert (raised.flow, raised.step, raised.state) == ("emergency", "accepted", "handling")
        assert minutes(raised)["accepted"] == 2, "it has been in this phase since then"
        assert (await r.tickets.advance(ticket.id, "depart", WATER)).step == "departed"
        assert await r.replayed(ticket.id) == "handling"


async def test_an_emergency_that_is_none_goes_on_as_a_service_matter(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted(line="119")
        await r.tickets.submit(ticket.id, AGENT)
        await r.tickets.advance(ticket.id, "depart", FIRE)
        lowered = await r.tickets.edit(ticket.id, {"is_emergency": False}, CHIEF)
        assert (lowered.flow, lowered.step, lowered.state) == ("six", "handling", "handling")
        assert (await r.tickets.report(ticket.id, FIRE, "误报")).step == "callback"
        assert await r.replayed(ticket.id) == "callback"


async def test_an_edit_that_changes_no_flow_leaves_no_such_row(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted()
        await r.tickets.edit(ticket.id, {"code": "S0104", "place": "池店镇"}, AGENT)
        assert [row.action for row in await r.history(ticket.id)] == ["draft", "edit"]


async def test_a_category_may_have_a_flow_of_its_own(tmp_path):
    async with room(tmp_path) as r:
        flows = tuple(
            flow.model_copy(update={"use": FlowUse(codes=("S0108",))}) if flow.key == "four" else flow
            for flow in usual_flows()
        )
        r.tickets = Tickets(r.database, CITY.model_copy(update={"flows": flows}), r.clock, r.tickets.policy)
        ticket = await r.drafted()
        assert (await r.tickets.edit(ticket.id, {"code": "S0108"}, AGENT)).flow == "four"
        assert (await r.tickets.edit(ticket.id, {"code": "S0104"}, AGENT)).flow == "six"
        assert await r.replayed(ticket.id) == "draft"


# --- what was there before, and what a city takes away ----------------------------------------------------------


async def as_before_flows(r: Room, ticket_id: str) -> None:
    async with r.database.work() as work:
        await work.session.execute(update(Ticket).values(flow="", step="", steps_at={}))
        await work.session.execute(update(TicketHistory).values(flow="", step_before="", step_after=""))


async def test_a_ticket_from_before_there_were_flows_goes_on_in_the_one_that_holds(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted()
        r.clock.advance(60)
        await r.tickets.submit(ticket.id, AGENT, {"code": "S0104"})
        await as_before_flows(r, ticket.id)
        r.clock.advance(60)
        with pytest.raises(NotAllowed):
            await r.tickets.report(ticket.id, WATER, "已修复")
        assert (await r.get(ticket.id)).flow == "", "what is refused changes nothing"
        accepted = await r.tickets.accept(ticket.id, WATER)
        assert (accepted.flow, accepted.step) == ("six", "handling")
        assert minutes(accepted) == {"dispatched": 1, "handling": 2}
        assert [row.action for row in await r.history(ticket.id)][-2:] == ["flow", "accept"]
        assert await r.replayed(ticket.id) == "handling"


async def test_a_ticket_whose_flow_the_city_took_away_goes_on_in_the_one_that_holds(tmp_path):
    async with room(tmp_path) as r:
        old = tuple(flow.model_copy(update={"key": "old"}) if flow.key == "six" else flow for flow in usual_flows())
        today = r.tickets
        r.tickets = Tickets(r.database, CITY.model_copy(update={"flows": old}), r.clock, today.policy)
        ticket = await r.drafted()
        await r.tickets.submit(ticket.id, AGENT, {"code": "S0104"})
        assert (await r.get(ticket.id)).flow == "old"
        r.tickets = today
        assert (await r.tickets.accept(ticket.id, WATER)).flow == "six"
