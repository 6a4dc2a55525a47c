"""Departments' parts in tickets: main and assisting, refusal and ruling, levels, supervision."""

import asyncio

import pytest
from assign_support import ARBITER, ASSIGN_CITY, POLICE, TOWN, VILLAGE, AssignRoom, assign_room
from sqlalchemy import delete
from ticket_support import AGENT, CHIEF, URBAN, WATER

from core.city import Department
from core.errors import Conflict, NotAllowed
from ticketing.actor import Actor
from ticketing.assign.levels import above, starts_with, where
from ticketing.assign.service import ROLES, Assignments
from ticketing.assign.tables import Assignment

HOUR = 3600


# --- levels -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "department"),
    [
        ("池店镇华洲村菜市场", "community_350582101001"),
        ("华洲村菜市场", "community_350582101001"),
        ("新店村", ""),  # two towns have one
        ("安海镇新店村", "community_350582102001"),
        ("池店镇无码村", "town_chidian"),  # no code, no department that stays
        ("池店镇与安海镇交界", ""),
        ("某处", ""),
        ("", ""),
    ],
)
def test_small_matters_begin_where_they_are(place, department):
    assert starts_with(ASSIGN_CITY, "S0108", place) == department
    assert starts_with(ASSIGN_CITY, "S0104", place) == "", "no rule: the category's own department"


def test_up_from_the_village_to_the_town_to_the_bureau():
    assert above(ASSIGN_CITY, VILLAGE.department, "S0108") == "town_chidian"
    assert above(ASSIGN_CITY, "town_chidian", "S0108") == "urban"
    assert above(ASSIGN_CITY, "urban", "S0108") == ""
    assert where(ASSIGN_CITY, "池店镇").community is None


def test_a_department_may_name_its_level_and_the_one_above():
    sub = Department(id="sub", name="分局", name_en="S", kind="bureau", level="town", parent="police")
    city = ASSIGN_CITY.model_copy(update={"departments": (*ASSIGN_CITY.departments, sub)})
    assert above(city, "sub", "S0108") == "police"


async def test_the_draft_shows_at_once_who_gets_it_and_a_person_may_choose_otherwise(tmp_path):
    async with assign_room(tmp_path) as r:
        ticket = await r.drafted()
        now = await r.tickets.edit(ticket.id, {"code": "S0108"}, AGENT)
        assert now.department == "urban", "nobody knows the place yet"
        now = await r.tickets.edit(ticket.id, {"place": "池店镇华洲村"}, AGENT)
        assert now.department == VILLAGE.department
        now = await r.tickets.edit(ticket.id, {"place": "说不清"}, AGENT)
        assert now.department == "urban"
        now = await r.tickets.edit(ticket.id, {"department": "water", "place": "池店镇"}, AGENT)
        assert now.department == "water"


async def test_without_result_it_goes_up_by_itself_once_for_each_level(tmp_path):
    async with assign_room(tmp_path) as r:
        ticket = await r.sent("S0108", "池店镇华洲村")
        due = ticket.due_at
        r.clock.advance(7 * HOUR)
        assert await r.watch.tick() == 0
        r.clock.advance(HOUR)
        assert [await r.watch.tick(), await r.watch.tick()] == [1, 0]
        await r.assignments.accept((await r.part(ticket.id, "town_chidian")).id, TOWN)
        r.clock.advance(8 * HOUR)
        assert await r.watch.tick() == 1, "accepting alone does not keep it"
        r.clock.advance(100 * HOUR)
        assert await r.watch.tick() == 0, "nobody is above the bureau"
        now = await r.get(ticket.id)
        assert (now.department, now.state, now.due_at) == ("urban", "handling", due)
        assert await r.states(ticket.id) == [
            (VILLAGE.department, "main", "withdrawn"),
            ("town_chidian", "main", "withdrawn"),
            ("urban", "main", "assigned"),
        ]
        assert [row.who for row in await r.history(ticket.id) if row.action == "escalate"] == ["system"] * 2
        assert await r.replayed(ticket.id) == "handling"


async def test_a_village_that_refuses_hands_it_up_and_a_department_may_ask_the_next_level(tmp_path):
    async with assign_room(tmp_path) as r:
        ticket = await r.sent("S0108", "池店镇华洲村")
        await r.tickets.refuse(ticket.id, VILLAGE, "没有执法权", "urban")
        now = await r.get(ticket.id)
        assert (now.department, now.state) == ("town_chidian", "dispatched")
        assert [(x.ruling, x.sent_to) for x in await r.refusals(ticket.id)] == [("up", "town_chidian")]
        with pytest.raises(NotAllowed):
            await r.assignments.escalate(ticket.id, VILLAGE, "不再是我的")
        await r.assignments.escalate(ticket.id, TOWN, "需要部门执法")
        assert (await r.get(ticket.id)).department == "urban"
        with pytest.raises(NotAllowed, match="最高一级"):
            await r.assignments.escalate(ticket.id, URBAN, "还要往上")


# --- main and assisting -----------------------------------------------------------------------------------------


async def test_each_department_has_its_part_and_clock_and_the_last_one_reports_the_ticket(tmp_path):
    async with assign_room(tmp_path) as r:
        ticket = await r.sent()
        assert await r.states(ticket.id) == [("water", "main", "assigned"), ("urban", "assist", "assigned")]
        helping = await r.part(ticket.id, "urban")
        with pytest.raises(NotAllowed):
            await r.assignments.accept(helping.id, WATER)
        r.clock.advance(60)
        await r.assignments.accept(helping.id, URBAN)
        assert (await r.get(ticket.id)).state == "dispatched", "an assistant's acceptance is not the main one's"
        await r.tickets.accept(ticket.id, WATER)
        await r.tickets.report(ticket.id, WATER, "水管已修")
        now = await r.get(ticket.id)
        assert (now.state, now.result) == ("handling", "水管已修"), "it waits for the road to be mended"
        clocks = {
            (v.row.kind, bool(v.row.assignment)): v.row.stopped_at for v in await r.tickets.clocks.of_ticket(ticket.id)
        }
        assert clocks["handle", False] is not None
        assert clocks["handle", True] is None
        with pytest.raises(Conflict):
            await r.tickets.report(ticket.id, WATER, "又报一次")
        await r.assignments.report(helping.id, URBAN, "路面已恢复")
        now = await r.get(ticket.id)
        assert (now.state, now.result) == ("callback", "水管已修")
        assert await r.states(ticket.id) == [("water", "main", "reported"), ("urban", "assist", "reported")]
        assert all(v.row.stopped_at for v in await r.tickets.clocks.of_ticket(ticket.id) if v.row.kind == "handle")


async def test_who_never_accepted_to_assist_is_not_waited_for_unless_the_city_says_so(tmp_path):
    strict = ASSIGN_CITY.model_copy(update={"levels": ASSIGN_CITY.levels.model_copy(update={"waits_for": "all"})})
    for name, city, state, assisting in (
        ("a", ASSIGN_CITY, "callback", "withdrawn"), ("b", strict, "handling", "assigned")
    ):  # fmt: skip
        (tmp_path / name).mkdir()
        async with assign_room(tmp_path / name, city) as r:
            ticket = await r.sent()
            await r.tickets.accept(ticket.id, WATER)
            await r.tickets.report(ticket.id, WATER, "水管已修")
            assert (await r.get(ticket.id)).state == state
            assert (await r.part(ticket.id, "urban")).state == assisting
            if city is strict:
                await r.assignments.withdraw((await r.part(ticket.id, "urban")).id, CHIEF, "无须恢复路面")
                assert (await r.get(ticket.id)).state == "callback"


async def test_an_assistants_refusal_stops_nobody_and_the_arbiter_decides_on_it(tmp_path):
    async with assign_room(tmp_path) as r:
        ticket = await r.sent()
        await r.tickets.accept(ticket.id, WATER)
        await r.assignments.refuse((await r.part(ticket.id, "urban")).id, URBAN, "路面归公路局")
        now = await r.get(ticket.id)
        assert (now.state, now.department, now.assist) == ("handling", "water", [])
        (refusal,) = await r.refusals(ticket.id)
        with pytest.raises(NotAllowed):
            await r.assignments.decide(refusal.id, AGENT, "urban", "就是你们")
        await r.assignments.decide(refusal.id, ARBITER, "urban", "市政道路归城管")
        part = await r.part(ticket.id, "urban")
        assert (part.state, part.binding) == ("assigned", True)
        with pytest.raises(NotAllowed, match="裁定"):
            await r.assignments.refuse(part.id, URBAN, "还是不归我们")


async def test_departments_are_added_later_and_the_main_one_is_reassigned_with_all_history(tmp_path):
    async with assign_room(tmp_path) as r:
        ticket = await r.sent()
        due = ticket.due_at
        await r.tickets.accept(ticket.id, WATER)
        await r.assignments.assist(ticket.id, "police", WATER)
        with pytest.raises(Conflict):
            await r.assignments.assist(ticket.id, "police", AGENT)
        r.clock.advance(HOUR)
        await r.assignments.reassign(ticket.id, "urban", CHIEF, "实为路面塌陷")
        now = await r.get(ticket.id)
        assert (now.department, now.assist, now.state, now.due_at) == ("urban", ["police"], "handling", due)
        accepts = [v.row for v in await r.tickets.clocks.of_ticket(ticket.id) if v.row.kind == "accept"]
        assert any(c.started_at == r.clock.now() and not c.assignment and c.stopped_at is None for c in accepts)
        await r.assignments.accept((await r.part(ticket.id, "urban")).id, URBAN)
        await r.tickets.report(ticket.id, URBAN, "已修复")
        assert (await r.get(ticket.id)).state == "callback"
        assert await r.states(ticket.id) == [
            ("water", "main", "withdrawn"), ("urban", "assist", "withdrawn"),
            ("police", "assist", "withdrawn"), ("urban", "main", "reported"),
        ]  # fmt: skip
        assert await r.replayed(ticket.id) == "callback"


async def test_sent_back_after_a_callback_it_is_a_new_part_of_the_same_department(tmp_path):
    async with assign_room(tmp_path) as r:
        ticket = await r.reported()
        await r.key(await r.dial(10), "2")
        now = await r.get(ticket.id)
        assert now.state == "handling"
        assert [s for d, _, s in await r.states(ticket.id) if d == "water"] == ["reported", "accepted"]
        await r.tickets.report(ticket.id, Actor("water2", "department", department="water"), "又修了一次")
        assert (await r.get(ticket.id)).state == "callback"


async def test_two_departments_that_report_at_once_do_not_lose_the_last_step(tmp_path):
    """Two processes on one database: whoever is second sees that the other one is done."""
    for turn in range(4):
        (tmp_path / str(turn)).mkdir()
        async with assign_room(tmp_path / str(turn)) as r:
            other = AssignRoom(f"sqlite+aiosqlite:///{tmp_path / str(turn) / 'heyi.db'}")
            try:
                ticket = await r.sent()
                helping = await r.part(ticket.id, "urban")
                await r.assignments.accept(helping.id, URBAN)
                await r.tickets.accept(ticket.id, WATER)
                both = [
                    r.tickets.report(ticket.id, WATER, "水管已修"),
                    other.assignments.report(helping.id, URBAN, "好"),
                ]
                await asyncio.gather(*(both if turn % 2 else reversed(both)))
            finally:
                await other.close()
            assert (await r.get(ticket.id)).state == "callback"
            assert len(await r.callbacks(ticket.id)) == 1


async def test_a_ticket_from_before_there_were_parts_gets_them_at_its_next_step(tmp_path):
    async with assign_room(tmp_path) as r:
        ticket = await r.sent()
        async with r.database.work() as work:
            await work.session.execute(delete(Assignment).where(Assignment.ticket_id == ticket.id))
        await r.assignments.assist(ticket.id, "police", CHIEF)
        await r.tickets.accept(ticket.id, WATER)
        assert await r.states(ticket.id) == [
            ("water", "main", "accepted"), ("urban", "assist", "assigned"), ("police", "assist", "assigned")
        ]  # fmt: skip
        await r.tickets.report(ticket.id, WATER, "已修")
        assert (await r.get(ticket.id)).state == "callback"


# --- refusal and ruling -----------------------------------------------------------------------------------------


async def test_refusing_ends_with_a_binding_ruling_and_stops_no_clock(tmp_path):
    """zammad#904, #5624: no time is won by giving a ticket back, however often."""
    async with assign_room(tmp_path) as r:
        ticket = await r.sent()
        due = ticket.due_at
        await r.tickets.refuse(ticket.id, WATER, "路面归城管", "urban")
        first = (await r.refusals(ticket.id))[0]
        assert (first.suggested, first.decided_at) == ("urban", None)
        await r.tickets.submit(ticket.id, AGENT, {"department": "urban", "assist": []})
        assert (await r.refusals(ticket.id))[0].ruling == "sent", "below the limit the desk sends it on"
        await r.tickets.refuse(ticket.id, URBAN, "是水管")
        with pytest.raises(NotAllowed, match="督查室裁定"):
            await r.tickets.submit(ticket.id, AGENT, {"department": "water"})
        with pytest.raises(NotAllowed):
            await r.assignments.decide((await r.refusals(ticket.id))[1].id, URBAN, "water", "不是我")
        r.clock.advance(HOUR)
        await r.assignments.decide((await r.refusals(ticket.id))[1].id, ARBITER, "water", "水管爆裂在先")
        with pytest.raises(Conflict):
            await r.assignments.decide((await r.refusals(ticket.id))[1].id, CHIEF, "urban", "再议")
        now = await r.get(ticket.id)
        assert (now.state, now.department, now.due_at) == ("dispatched", "water", due)
        with pytest.raises(NotAllowed, match="裁定"):
            await r.tickets.refuse(ticket.id, WATER, "第三次")
        assert await r.replayed(ticket.id) == "dispatched"


async def test_the_arbiter_may_rule_before_the_limit_and_sends_back_with_binding_effect(tmp_path):
    async with assign_room(tmp_path) as r:
        ticket = await r.sent()
        await r.tickets.refuse(ticket.id, WATER, "不归我们")
        (refusal,) = await r.refusals(ticket.id)
        await r.assignments.decide(refusal.id, ARBITER, "water", "供水管网由供水公司维护")
        assert ((await r.refusals(ticket.id))[0].ruling, (await r.part(ticket.id, "water")).binding) == ("bound", True)


async def test_closing_ends_every_part_and_leaves_no_refusal_undecided(tmp_path):
    async with assign_room(tmp_path) as r:
        ticket = await r.sent()
        await r.tickets.refuse(ticket.id, WATER, "不归我们")
        await r.tickets.close(ticket.id, CHIEF, "来电人撤诉")
        assert await r.states(ticket.id) == [("water", "main", "refused"), ("urban", "assist", "withdrawn")]
        assert [x.ruling for x in await r.refusals(ticket.id)] == ["closed"]


# --- supervision ------------------------------------------------------------------------------------------------


async def test_supervised_and_urged_departments_answer_in_writing(tmp_path):
    async with assign_room(tmp_path) as r:
        ticket = await r.sent()
        asked = await r.assignments.nudge(ticket.id, "supervise", CHIEF, "群众反映强烈", hours=2)
        assert (asked.answer_due_at - r.clock.now()).total_seconds() == 2 * HOUR
        with pytest.raises(NotAllowed):
            await r.assignments.nudge(ticket.id, "supervise", AGENT, "坐席不能督办")
        urged = await r.assignments.nudge(ticket.id, "urge", AGENT, "来电人再次来电")
        assert (urged.answer_due_at - r.clock.now()).total_seconds() == 4 * HOUR
        await r.assignments.reassign(ticket.id, "police", CHIEF, "改派")
        with pytest.raises(NotAllowed):
            await r.assignments.answer(asked.id, WATER, "已经不是我的了")
        await r.assignments.answer(asked.id, POLICE, "今晚到场")
        with pytest.raises(Conflict):
            await r.assignments.answer(asked.id, POLICE, "再答")
        assert [n.answer for n in await r.nudges(ticket.id)] == ["今晚到场", ""]
        await r.tickets.close(ticket.id, CHIEF, "结案")
        with pytest.raises(NotAllowed):
            await r.assignments.nudge(ticket.id, "urge", AGENT, "还没好")


@pytest.mark.parametrize("action", sorted(ROLES))
async def test_table_of_roles_and_actions(tmp_path, action):
    """Everybody tries everything: whoever is not in the table is told so, and nothing changes."""
    people = [AGENT, CHIEF, ARBITER, Actor("other", "department", department="centre")]
    async with assign_room(tmp_path) as r:
        ticket = await r.sent()
        part = await r.part(ticket.id, "urban")
        asked = await r.assignments.nudge(ticket.id, "urge", CHIEF, "催办")
        await r.tickets.refuse(ticket.id, WATER, "不归我们")
        (refusal,) = await r.refusals(ticket.id)
        before = len(await r.history(ticket.id))
        for by in people:
            if by.role in ROLES[action] and by.role != "department":
                continue
            with pytest.raises(NotAllowed):
                await _do(r.assignments, action, by, ticket.id, part.id, refusal.id, asked.id)
        assert len(await r.history(ticket.id)) == before


@pytest.mark.parametrize("action", sorted(action for action in ROLES if "arbiter" in ROLES[action]))
async def test_who_was_given_an_area_directs_nothing_outside_it(tmp_path, action):
    async with assign_room(tmp_path) as r:
        ticket = await r.sent()
        part = await r.part(ticket.id, "urban")
        asked = await r.assignments.nudge(ticket.id, "urge", CHIEF, "催办")
        await r.assignments.refuse(part.id, URBAN, "不归我们")
        (refusal,) = await r.refusals(ticket.id)
        await r.assignments.assist(ticket.id, "centre", CHIEF)
        part = await r.part(ticket.id, "centre")
        before = len(await r.history(ticket.id))
        outside = Actor("x", "arbiter", department="town_chidian")
        with pytest.raises(NotAllowed, match="辖区"):
            await _do(r.assignments, action, outside, ticket.id, part.id, refusal.id, asked.id)
        assert len(await r.history(ticket.id)) == before
        if action != "escalate":  # nobody is above water
            within = Actor("x", "arbiter", department="town", below=frozenset({"water"}))
            await _do(r.assignments, action, within, ticket.id, part.id, refusal.id, asked.id)
            assert len(await r.history(ticket.id)) > before


async def _do(a: Assignments, action: str, by: Actor, ticket: str, part: str, refusal: str, asked: str) -> None:
    match action:
        case "accept":
            await a.accept(part, by)
        case "refuse":
            await a.refuse(part, by, "理由")
        case "report":
            await a.report(part, by, "结果")
        case "answer":
            await a.answer(asked, by, "答复")
        case "assist":
            await a.assist(ticket, "police", by)
        case "withdraw":
            await a.withdraw(part, by, "理由")
        case "reassign":
            await a.reassign(ticket, "police", by, "理由")
        case "escalate":
            await a.escalate(ticket, by, "理由")
        case "decide":
            await a.decide(refusal, by, "police", "理由")
        case "supervise" | "urge":
            await a.nudge(ticket, action, by, "理由")
        case _:
            raise AssertionError(action)
