"""Four levels: where a matter begins, how it goes up, who acts for whom, and whose time holds."""

from pathlib import Path

import pytest
from assign_support import ARBITER, ASSIGN_CITY, TOWN, VILLAGE, AssignRoom, assign_room
from sqlalchemy import select
from ticket_support import AGENT, CHIEF, URBAN, WATER

from core.city_clocks import ClockPolicy
from core.city_dispatch import CityDispatch, Grid
from core.city_levels import CityLevels, LevelRule
from core.errors import NotAllowed
from desk.access.users import User
from desk.tickets.clockviews import ClockViews
from ticketing.actor import Actor
from ticketing.clocks.clock import in_time
from ticketing.clocks.service import ClockView
from ticketing.clocks.tables import TicketClock

HOUR = 3600
SQUARE = (((118.54, 24.79), (118.55, 24.79), (118.55, 24.80), (118.54, 24.80), (118.54, 24.79)),)
CITY = ASSIGN_CITY.model_copy(
    update={
        "dispatch": CityDispatch(
            grids=(Grid(key="hz-1", name="华洲一网格", town="池店镇", community="华洲村", polygons=(SQUARE,)),)
        ),
        "levels": CityLevels(
            rules=(LevelRule(codes=("S0108",), start="grid", up_after=8, unit="hours", up_refusals=1),)
        ),
        "clocks": ASSIGN_CITY.clocks.model_copy(
            update={
                "policies": (
                    *ASSIGN_CITY.clocks.policies,
                    ClockPolicy(kind="handle", codes=("S0108",), level="grid", amount=24, unit="hours"),
                    ClockPolicy(kind="handle", codes=("S0108",), level="community", amount=24, unit="hours"),
                    ClockPolicy(kind="handle", codes=("S0108",), amount=72, unit="hours"),
                )
            }
        ),
    }
)
BLOCK = Actor("block1", "grid", department="grid_hz-1")


def of(key: str) -> Actor:
    """A department's login, acting for those below as the sign-in lets it."""
    return Actor(key, "department", department=key, below=CITY.below(key))


async def test_it_begins_in_the_grid_and_goes_up_through_every_level(tmp_path: Path) -> None:
    async with assign_room(tmp_path, CITY) as r:
        ticket = await r.sent("S0108", "池店镇华洲村")
        begun = r.clock.now()
        hours = []
        for by, level in ((BLOCK, "grid"), (VILLAGE, "community"), (of(TOWN.department), "town")):
            now = await r.get(ticket.id)
            assert (now.department, CITY.level_of(now.department)) == (by.department, level)
            assert now.due_at
            hours.append((now.due_at - begun).total_seconds() / HOUR)
            r.clock.advance(HOUR)
            if level == "community":
                # By the city's rule: nothing came of it in time.
                r.clock.advance(8 * HOUR)
                assert await r.watch.tick() == 1
            else:
                await r.assignments.escalate(ticket.id, by, "本级管不了")
        now = await r.get(ticket.id)
        assert now.department == "urban"
        assert now.due_at and (now.due_at - begun).total_seconds() / HOUR == 72
        assert hours == [24, 24, 72], "each level's own time, from where it began"
        with pytest.raises(NotAllowed, match="最高一级"):
            await r.assignments.escalate(ticket.id, URBAN, "再报")
        assert [row.action for row in await r.history(ticket.id)].count("escalate") == 3


async def test_refused_once_it_goes_up_one_level_each(tmp_path: Path) -> None:
    async with assign_room(tmp_path, CITY) as r:
        ticket = await r.sent("S0108", "池店镇华洲村")
        for by in (BLOCK, VILLAGE, TOWN):
            assert (await r.get(ticket.id)).department == by.department
            await r.tickets.refuse(ticket.id, by, "不归本级")
        assert (await r.get(ticket.id)).department == "urban"
        assert [x.ruling for x in await r.refusals(ticket.id)] == ["up", "up", "up"]
        # Sent down again it is given back once more, for the arbiter; and then the city's limit ends it.
        for binding in (False, True):
            await r.assignments.reassign(ticket.id, TOWN.department, CHIEF, "还是镇里的事")
            assert (await r.part(ticket.id, TOWN.department)).binding is binding
            if not binding:
                await r.tickets.refuse(ticket.id, TOWN, "不归本级")
                assert (await r.refusals(ticket.id))[-1].ruling is None
                await r.tickets.submit(ticket.id, AGENT, {"department": "urban"})
                await r.tickets.refuse(ticket.id, URBAN, "也不归我们")
                (*_, last) = await r.refusals(ticket.id)
                await r.assignments.decide(last.id, ARBITER, "urban", "归城管")


async def test_a_point_that_a_person_sets_tells_the_grid(tmp_path: Path) -> None:
    ring = ((118.55, 24.79), (118.56, 24.79), (118.56, 24.80), (118.55, 24.80), (118.55, 24.79))
    two = Grid(key="hz-2", name="华洲二网格", town="池店镇", community="华洲村", polygons=((ring,),))
    city = CITY.model_copy(update={"dispatch": CityDispatch(grids=(*CITY.dispatch.grids, two))})
    async with assign_room(tmp_path, city) as r:
        ticket = await r.drafted()
        await r.tickets.edit(ticket.id, {"code": "S0108", "place": "池店镇华洲村"}, AGENT)
        assert (await r.get(ticket.id)).department == VILLAGE.department, "one of two grids, nobody knows which"
        async with r.tickets.change(ticket.id) as (work, now):
            r.tickets.place(work, now, (118.556, 24.795))
        assert (await r.get(ticket.id)).department == "grid_hz-2"
        await r.tickets.edit(ticket.id, {"department": "urban"}, AGENT)
        async with r.tickets.change(ticket.id) as (work, now):
            r.tickets.place(work, now, (118.545, 24.795))
        assert (await r.get(ticket.id)).department == "urban", "what a person chose stays"


@pytest.mark.parametrize(
    ("by", "grid", "village", "town", "other"),
    [
        (BLOCK, True, False, False, False),
        (of("grid_hz-1"), True, False, False, False),
        (of(VILLAGE.department), True, True, False, False),
        (of("town_chidian"), True, True, True, False),
        (of("community_350582101002"), False, False, False, False),
        (of("urban"), False, False, False, True),
        # Staff of a grid or a village who are no department's: theirs alone, whatever the city says of below.
        (Actor("g", "grid", department=VILLAGE.department), False, True, False, False),
        (Actor("x", "agent", extension="1001"), False, False, False, False),
        (Actor("x", "dispatcher"), False, False, False, False),
    ],
)
async def test_who_acts_for_whom(tmp_path: Path, by: Actor, grid: bool, village: bool, town: bool, other: bool) -> None:
    keys = ("grid_hz-1", VILLAGE.department, "town_chidian", "urban")
    assert [by.acts_for(key) for key in keys] == [grid, village, town, other]
    async with assign_room(tmp_path, CITY) as r:
        done = []
        for n, key in enumerate(keys):
            ticket = await r.drafted(f"1.{n}")
            await r.tickets.submit(ticket.id, AGENT, {"code": "S0104", "department": key, "assist": []})
            part = await r.part(ticket.id, key)
            try:
                await r.assignments.accept(part.id, by)
                await r.tickets.report(ticket.id, by, "已办")
                done.append(True)
            except NotAllowed:
                done.append(False)
        assert done == [grid, village, town, other]


async def test_a_dispatcher_sends_and_reassigns_and_does_not_overrule_a_ruling(tmp_path: Path) -> None:
    sender = Actor("diaodu", "dispatcher")
    async with assign_room(tmp_path, CITY) as r:
        ticket = await r.drafted()
        await r.tickets.submit(ticket.id, sender, {"code": "S0104", "department": "water"})
        await r.assignments.reassign(ticket.id, "police", sender, "派错")
        with pytest.raises(NotAllowed):
            await r.assignments.accept((await r.part(ticket.id, "police")).id, sender)
        await r.tickets.refuse(ticket.id, Actor("p", "department", department="police"), "不归公安")
        (refusal,) = await r.refusals(ticket.id)
        with pytest.raises(NotAllowed):
            await r.assignments.decide(refusal.id, sender, "water", "归供水")
        await r.assignments.decide(refusal.id, ARBITER, "water", "归供水", binding=True)
        with pytest.raises(NotAllowed, match="裁定"):
            await r.assignments.reassign(ticket.id, "police", sender, "再派")
        await r.assignments.reassign(ticket.id, "police", ARBITER, "改判")


# --- what is withdrawn ----------------------------------------------------------------------------------------------


async def clocks(r: AssignRoom, ticket_id: str) -> dict[tuple[str, str], list[ClockView]]:
    """The ticket's clocks by kind and department ("" for its own), the oldest first."""
    whose = {part.id: part.department for part in await r.parts(ticket_id)}
    found: dict[tuple[str, str], list[ClockView]] = {}
    for view in await r.tickets.clocks.of_ticket(ticket_id):
        found.setdefault((view.row.kind, whose.get(view.row.assignment, "")), []).append(view)
    return found


WANG = User(login="wang", name="王晓燕", role="agent", extension="1001", department=None)


def word(view: ClockView) -> str:
    class Plain:
        language = "zh"

        def text(self, text: str) -> str:
            return text

    return ClockViews(ASSIGN_CITY, Plain(), WANG, {}).left(view)  # type: ignore[arg-type]


async def test_a_clock_that_was_withdrawn_is_neither_in_time_nor_late(tmp_path: Path) -> None:
    async with assign_room(tmp_path) as r:
        ticket = await r.sent()
        await r.assignments.withdraw((await r.part(ticket.id, "urban")).id, CHIEF, "不需要")
        r.clock.advance(60)
        await r.assignments.reassign(ticket.id, "police", CHIEF, "归公安")
        found = await clocks(r, ticket.id)
        for key in (("accept", "urban"), ("handle", "urban")):
            (view,) = found[key]
            assert (view.row.withdrawn, view.late, in_time(view.state), word(view)) == (True, False, False, "已撤回"), (
                key
            )
        of_water, of_police = found["accept", ""]
        assert (of_water.row.withdrawn, word(of_water)) == (True, "已撤回")
        assert (of_police.row.withdrawn, of_police.row.stopped_at) == (False, None)
        r.clock.advance(HOUR)
        await r.tickets.accept(ticket.id, Actor("p", "department", department="police"))
        of_police = (await clocks(r, ticket.id))["accept", ""][1]
        assert (in_time(of_police.state), word(of_police)) == (True, "按时完成")


async def test_what_was_late_before_it_was_withdrawn_says_so(tmp_path: Path) -> None:
    """Reassigning wipes nobody's delay away."""
    async with assign_room(tmp_path) as r:
        ticket = await r.sent()
        r.clock.advance(3 * HOUR)
        await r.assignments.reassign(ticket.id, "police", CHIEF, "两小时未接单")
        view = (await clocks(r, ticket.id))["accept", ""][0]
        assert (view.row.withdrawn, view.late, in_time(view.state), word(view)) == (True, True, False, "超时后撤回")


async def test_giving_back_is_an_answer_recalling_is_none(tmp_path: Path) -> None:
    async with assign_room(tmp_path) as r:
        given = await r.sent(call_id="1.1")
        await r.tickets.refuse(given.id, WATER, "不归我们")
        recalled = await r.sent(call_id="1.2")
        await r.tickets.refuse(recalled.id, CHIEF, "派错了")
        closed = await r.sent(call_id="1.3")
        await r.tickets.close(closed.id, CHIEF, "来电人撤诉")
        seen = {}
        for name, ticket in (("given", given), ("recalled", recalled), ("closed", closed)):
            found = await clocks(r, ticket.id)
            seen[name] = (found["accept", ""][0].row.withdrawn, found["handle", ""][0].row.withdrawn)
        assert seen == {"given": (False, False), "recalled": (True, False), "closed": (True, True)}
        async with r.database.read() as session:
            rows = await session.scalars(select(TicketClock).where(TicketClock.ticket_id == closed.id))
            assert all(row.stopped_at for row in rows)
