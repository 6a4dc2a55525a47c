"""Tickets of one incident: who may link them, what that keeps, what closes with the head, and what never does."""

import pytest
from sqlalchemy import select

from core.errors import Conflict, HeyiError, NotAllowed
from telephony.ledger import CallRow
from tests.unit.ticket_support import AGENT, AGENT2, CHIEF, FIRE, START, WATER, Room, room
from ticketing.actor import SYSTEM
from ticketing.events import TicketLinked, TicketUnlinked
from ticketing.repository import TicketRepository
from ticketing.tables import Ticket, TicketLink


async def children(r: Room, ticket: Ticket) -> list[str]:
    async with r.database.read() as session:
        return [child.id for _, child in await TicketRepository(session).children(ticket.id)]


async def dry(r: Room, *calls: str) -> list[Ticket]:
    """Drafts of service calls about no water."""
    made = []
    for call in calls:
        ticket = await r.drafted(call)
        await r.tickets.edit(ticket.id, {"code": "S0104"}, AGENT)
        made.append(ticket)
        r.clock.advance(60)
    return made


async def test_many_callers_become_one_incident_and_every_step_is_in_the_history_of_both(tmp_path):
    async with room(tmp_path) as r:
        head, *others = await dry(r, "1.1", "1.2", "1.3")
        for other in others:
            assert (await r.tickets.incidents.link(other.id, head.id, AGENT)).id == head.id
        assert await children(r, head) == [other.id for other in others]
        last = (await r.history(others[0].id))[-1]
        assert (last.action, last.who, last.note) == ("link", "agent1", f"并入 {head.number}")
        joined = [row.note for row in await r.history(head.id) if row.action == "joined"]
        assert joined == [f"收并 {other.number}" for other in others]
        told = [(e.ticket_id, e.other_id, e.head) for e in r.events if isinstance(e, TicketLinked)]
        assert told[:2] == [(others[0].id, head.id, False), (head.id, others[0].id, True)]
        for ticket in (head, *others):
            assert await r.replayed(ticket.id) == "draft"


async def test_linking_to_a_child_leads_to_its_head_and_twice_changes_nothing(tmp_path):
    async with room(tmp_path) as r:
        a, b, c = await dry(r, "1.1", "1.2", "1.3")
        await r.tickets.incidents.link(b.id, a.id, AGENT)
        assert (await r.tickets.incidents.link(c.id, b.id, AGENT)).id == a.id
        before = len(r.events)
        await r.tickets.incidents.link(c.id, a.id, AGENT)
        assert len(r.events) == before
        with pytest.raises(Conflict, match="同一事件"):
            await r.tickets.incidents.link(a.id, c.id, AGENT)
        with pytest.raises(HeyiError, match="自身"):
            await r.tickets.incidents.link(a.id, a.id, AGENT)


async def test_a_head_that_is_linked_takes_its_children_along(tmp_path):
    async with room(tmp_path) as r:
        a, b, c, d = await dry(r, "1.1", "1.2", "1.3", "1.4")
        await r.tickets.incidents.link(b.id, a.id, AGENT)
        await r.tickets.incidents.link(d.id, a.id, AGENT)
        await r.tickets.incidents.stay(d.id, AGENT)
        await r.tickets.incidents.link(a.id, c.id, AGENT2)
        assert set(await children(r, c)) == {a.id, b.id, d.id}
        assert await children(r, a) == []
        async with r.database.read() as session:
            stays = {link.child_id: link.stays for link in await session.scalars(select(TicketLink))}
        assert stays == {a.id: False, b.id: False, d.id: True}, "what was refused stays refused"


async def test_a_ticket_linked_elsewhere_leaves_its_former_head(tmp_path):
    async with room(tmp_path) as r:
        a, b, c = await dry(r, "1.1", "1.2", "1.3")
        await r.tickets.incidents.link(c.id, a.id, AGENT)
        await r.tickets.incidents.link(c.id, b.id, AGENT)
        assert (await children(r, a), await children(r, b)) == ([], [c.id])
        assert [row.action for row in await r.history(c.id)][-3:] == ["link", "unlink", "link"]


async def test_unlinked_it_stands_for_itself(tmp_path):
    async with room(tmp_path) as r:
        a, b = await dry(r, "1.1", "1.2")
        with pytest.raises(Conflict, match="没有并入"):
            await r.tickets.incidents.unlink(b.id, AGENT)
        await r.tickets.incidents.link(b.id, a.id, AGENT)
        await r.tickets.incidents.unlink(b.id, AGENT)
        assert await children(r, a) == []
        assert [e.head for e in r.events if isinstance(e, TicketUnlinked)] == [False, True]
        await r.tickets.close(a.id, AGENT, "已答复")
        assert (await r.get(b.id)).state == "draft"


@pytest.mark.parametrize("actor", [SYSTEM, WATER])
async def test_neither_software_nor_departments_link(tmp_path, actor):
    """Policy: duplicates are suggested; emergencies are never merged by software."""
    async with room(tmp_path) as r:
        a, b = await dry(r, "1.1", "1.2")
        for deed in (r.tickets.incidents.link(b.id, a.id, actor), r.tickets.incidents.unlink(b.id, actor)):
            with pytest.raises(NotAllowed, match="只有坐席"):
                await deed
        assert await children(r, a) == []


async def test_children_close_with_their_head_but_not_what_was_refused(tmp_path):
    async with room(tmp_path) as r:
        head, follower, refused = await dry(r, "1.1", "1.2", "1.3")
        for child in (follower, refused):
            await r.tickets.incidents.link(child.id, head.id, AGENT)
        await r.tickets.incidents.stay(refused.id, AGENT)
        await r.tickets.close(head.id, AGENT, "计划停水，已告知恢复时间")
        closed = await r.get(follower.id)
        assert (closed.state, closed.result) == ("closed", "计划停水，已告知恢复时间")
        last = (await r.history(follower.id))[-1]
        assert (last.action, last.who, last.note) == ("follow", "system", f"主单 {head.number} 已结案")
        assert (await r.get(refused.id)).state == "draft"
        assert await r.replayed(follower.id) == "closed"


async def test_a_refusal_can_be_taken_back(tmp_path):
    async with room(tmp_path) as r:
        head, child = await dry(r, "1.1", "1.2")
        await r.tickets.incidents.link(child.id, head.id, AGENT)
        await r.tickets.incidents.stay(child.id, AGENT)
        await r.tickets.incidents.stay(child.id, CHIEF, stays=False)
        await r.tickets.close(head.id, AGENT, "已答复")
        assert (await r.get(child.id)).state == "closed"
        assert [row.action for row in await r.history(child.id)][-3:] == ["stay", "unstay", "follow"]


async def closed_with_head(r: Room, *callers: str) -> list[Ticket]:
    """A head whose caller, the first, said that he is satisfied, and its linked tickets, at that moment."""
    head = await r.reported("1.0", caller=callers[0])
    made = [head]
    for at, caller in enumerate(callers[1:], 1):
        child = await r.drafted(f"1.{at}", caller=caller)
        await r.tickets.incidents.link(child.id, head.id, AGENT)
        made.append(child)
    await r.key(await r.dial(11), "1")
    return [await r.get(ticket.id) for ticket in made]


async def test_linked_tickets_close_with_the_head_and_every_caller_is_called_back_once(tmp_path):
    """atd-data-tech#1611: duplicates stay open when the original closes. One person with two tickets is asked once."""
    async with room(tmp_path) as r:
        tickets = await closed_with_head(r, "13800138001", "13800138002", "13800138003", "13800138002", "13800138001")
        assert {ticket.state for ticket in tickets} == {"closed"}
        r.clock.advance(11 * 60)
        await r.runner.tick()
        numbers = [number for _, number, _ in r.dialler.dialled]
        assert numbers == ["13800138001", "13800138002", "13800138003"]
        call = r.dialler.dialled[1][0]
        await r.key(call, "1")
        assert (await r.get(tickets[1].id)).satisfaction == "satisfied"
        assert (await r.get(tickets[1].id)).state == "closed"


async def test_a_planned_callback_of_a_linked_ticket_stays_the_one(tmp_path):
    async with room(tmp_path) as r:
        head = await r.reported("1.1", caller="13800138001")
        r.clock.advance(300)
        child = await r.reported("1.2", caller="13800138002")
        await r.tickets.incidents.link(child.id, head.id, AGENT)
        await r.key(await r.dial(6), "1")
        assert (await r.get(child.id)).state == "closed"
        await r.key(await r.dial(6), "1")
        assert (await r.get(child.id)).satisfaction == "satisfied"
        assert [len(await r.callbacks(t.id)) for t in (head, child)] == [1, 1]


async def test_a_caller_who_cannot_be_reached_is_tried_as_often_as_any_other(tmp_path):
    async with room(tmp_path) as r:
        _, child = await closed_with_head(r, "13800138001", "13800138002")
        for minutes in (11, 61, 181):
            await r.hangup(await r.dial(minutes), "unanswered")
        assert len(await r.callbacks(child.id)) == 3
        after = await r.get(child.id)
        assert (after.state, after.satisfaction) == ("closed", "unknown")


async def test_a_caller_who_sees_it_otherwise_than_the_heads_gets_his_ticket_back_alone(tmp_path):
    async with room(tmp_path) as r:
        head, child = await closed_with_head(r, "13800138001", "13800138002")
        await r.key(await r.dial(11), "2")
        after = await r.get(child.id)
        assert (after.state, after.satisfaction, after.reopened) == ("filed", "unsatisfied", 1)
        assert await children(r, head) == []
        assert (await r.get(head.id)).state == "closed"
        assert await r.replayed(child.id) == "filed"
        assert (await r.tickets.submit(child.id, AGENT, {"code": "S0104"})).state == "dispatched"


async def test_who_asked_not_to_be_called_back_is_not(tmp_path):
    async with room(tmp_path) as r:
        head = await r.reported("1.1", caller="13800138001")
        silent = await r.reported("1.2", caller="13800138002")
        await r.tickets.incidents.link(silent.id, head.id, AGENT)
        with pytest.raises(NotAllowed):
            await r.tickets.spare(silent.id, WATER)
        assert (await r.tickets.spare(silent.id, AGENT)).state == "closed", "nothing was left to wait for"
        other = await r.drafted("1.3", caller="13800138003")
        await r.tickets.spare(other.id, AGENT)
        await r.tickets.spare(other.id, AGENT)
        assert [row.action for row in await r.history(other.id)].count("spare") == 1
        await r.tickets.incidents.link(other.id, head.id, AGENT)
        await r.key(await r.dial(11), "1")
        r.clock.advance(24 * 3600)
        assert await r.runner.tick() == 0
        assert (await r.get(other.id)).state == "closed"


async def test_a_report_on_a_ticket_whose_caller_wants_no_callback_closes_it(tmp_path):
    async with room(tmp_path) as r:
        ticket = await r.drafted()
        await r.tickets.spare(ticket.id, AGENT)
        await r.tickets.submit(ticket.id, AGENT, {"code": "S0104"})
        await r.tickets.accept(ticket.id, WATER)
        assert (await r.tickets.report(ticket.id, WATER, "已修复")).state == "closed"
        assert await r.callbacks(ticket.id) == []


async def test_nobody_is_called_back_about_a_mistaken_call(tmp_path):
    async with room(tmp_path) as r:
        head, child = await dry(r, "1.1", "1.2")
        await r.tickets.incidents.link(child.id, head.id, AGENT)
        await r.tickets.edit(head.id, {"code": "X02"}, AGENT)
        await r.tickets.close(head.id, AGENT, "误拨")
        assert (await r.get(child.id)).state == "closed"
        assert await r.callbacks(child.id) == []


async def test_what_was_refused_stays_open_and_is_not_called_back(tmp_path):
    """atd-data-tech#1611: what a person said is another matter, by refusing or by unlinking, is nobody's duplicate."""
    async with room(tmp_path) as r:
        head = await r.reported("1.0", caller="13800138001")
        refused = await r.drafted("1.2", caller="13800138002")
        unlinked = await r.drafted("1.3", caller="13800138003")
        for child in (refused, unlinked):
            await r.tickets.incidents.link(child.id, head.id, AGENT)
        await r.tickets.incidents.stay(refused.id, AGENT)
        await r.tickets.incidents.unlink(unlinked.id, AGENT)
        await r.key(await r.dial(11), "1")
        for child in (refused, unlinked):
            assert (await r.get(child.id)).state == "draft"
            assert await r.callbacks(child.id) == []


async def test_an_emergency_does_not_close_with_a_service_matter_nor_with_a_mistaken_call(tmp_path):
    async with room(tmp_path) as r:
        noise = (await dry(r, "1.1"))[0]
        collapse = await r.drafted("1.2", line="119")
        await r.tickets.incidents.link(collapse.id, noise.id, AGENT)
        await r.tickets.close(noise.id, CHIEF, "已处理")
        assert (await r.get(collapse.id)).state == "draft"

        mistaken, real = await r.drafted("1.3", line="119"), await r.drafted("1.4", line="119")
        await r.tickets.incidents.link(real.id, mistaken.id, AGENT)
        await r.tickets.edit(mistaken.id, {"code": "X02"}, AGENT)
        await r.tickets.close(mistaken.id, AGENT, "误拨")
        assert (await r.get(real.id)).state == "draft"

        first, second = await r.drafted("1.5", line="119"), await r.drafted("1.6", line="119")
        await r.tickets.incidents.link(second.id, first.id, AGENT)
        await r.tickets.close(first.id, CHIEF, "火已扑灭")
        assert (await r.get(second.id)).state == "closed"


async def test_a_draft_whose_caller_is_on_the_line_does_not_close_under_the_hands_of_its_desk(tmp_path):
    async with room(tmp_path) as r:
        head, child = await dry(r, "1.1", "1.2")
        async with r.database.work() as work:
            work.session.add(CallRow(id="1.2", direction="in", line="12345", caller="1", arrived_at=START))
        await r.tickets.incidents.link(child.id, head.id, AGENT)
        await r.tickets.close(head.id, AGENT, "已答复")
        assert (await r.get(child.id)).state == "draft"


async def test_what_is_closed_is_not_linked(tmp_path):
    async with room(tmp_path) as r:
        a, b = await dry(r, "1.1", "1.2")
        await r.tickets.close(a.id, AGENT, "已答复")
        for one, other in ((a, b), (b, a)):
            with pytest.raises(NotAllowed, match="已结案"):
                await r.tickets.incidents.link(one.id, other.id, AGENT)


async def test_a_department_that_has_the_matter_is_not_told_again_unless_asked(tmp_path):
    async with room(tmp_path) as r:
        head, child = await dry(r, "1.1", "1.2")
        await r.tickets.submit(head.id, AGENT)
        await r.tickets.incidents.link(child.id, head.id, AGENT)
        filed = await r.tickets.submit(child.id, AGENT, {"summary": "也没水"})
        assert (filed.state, filed.summary, filed.due_at) == ("filed", "也没水", None)
        assert (await r.tickets.submit(child.id, AGENT)).state == "dispatched"


@pytest.mark.parametrize("which", ["undispatched", "other department", "service head"])
async def test_a_linked_ticket_is_dispatched_where_nobody_has_its_matter_in_hand(tmp_path, which):
    async with room(tmp_path) as r:
        head = (await dry(r, "1.1"))[0]
        child = await r.drafted("1.2", line="119" if which == "service head" else "12345")
        if which == "other department":
            await r.tickets.edit(child.id, {"department": "centre"}, AGENT)
        if which == "service head":
            await r.tickets.edit(child.id, {"department": "water"}, AGENT)
        if which != "undispatched":
            await r.tickets.submit(head.id, AGENT)
        await r.tickets.incidents.link(child.id, head.id, AGENT)
        assert (await r.tickets.submit(child.id, AGENT)).state == "dispatched"


async def test_departments_go_on_with_a_linked_ticket(tmp_path):
    async with room(tmp_path) as r:
        head, child = await r.drafted("1.1", line="119"), await r.drafted("1.2", line="119")
        await r.tickets.submit(child.id, AGENT, {"code": "E101"})
        await r.tickets.incidents.link(child.id, head.id, AGENT)
        assert (await r.tickets.accept(child.id, FIRE)).state == "handling"
