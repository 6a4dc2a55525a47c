"""Dispatch without a database: the unit's table, duty, who is nearest, grids, cameras, plans, scenes."""

import math
import re
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from core.city_dispatch import Camera, Plan, PlanItem, Roster, Shift, Unit, UnitKind, Units
from core.earth import METRES_OF_A_DEGREE, metres_between, metres_of_lon
from core.errors import NotAllowed
from tests.dispatch_kit import DAY, ENGINE, FIRE_PLAN, HERE, NIGHT, PATROL, dispatch, grid, square, team, unit
from ticketing.actor import Actor
from ticketing.dispatch.cameras import Cameras
from ticketing.dispatch.nearest import Position, Spot, Standing, candidates, choose, travel_minutes, within
from ticketing.dispatch.plans import plans_for, wanted_units
from ticketing.dispatch.roster import DutyRoster
from ticketing.dispatch.scene import scene_of
from ticketing.dispatch.states import (
    ACTION_NAMES,
    BUSY,
    EDGES,
    FREE,
    STATE_NAMES,
    Side,
    UnitAction,
    UnitState,
    sides_of,
    unit_actions,
    unit_step,
)
from ticketing.dispatch.tables import TicketScene
from ticketing.grids import Grids
from triage.verdict import Place

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
SPOT = Spot(*HERE, town="池店镇")
SETTING = Units(detour=1.0, old_min=10, lost_min=120)
BOTH: frozenset[Side] = frozenset({"centre", "unit"})

# --- the table of states ------------------------------------------------------------------------------------------


def test_every_step_of_a_unit_stands_once_with_its_reason_and_every_state_can_be_left_and_reached() -> None:
    assert len({(edge.before, edge.action) for edge in EDGES}) == len(EDGES)
    assert all(edge.reason and edge.sides for edge in EDGES)
    states = set(get_args(UnitState))
    assert {edge.before for edge in EDGES} == {edge.after for edge in EDGES} == states == set(STATE_NAMES)
    assert set(ACTION_NAMES) == {edge.action for edge in EDGES} == set(get_args(UnitAction))
    assert set(FREE) | set(BUSY) | {"out"} == states


@given(st.lists(st.sampled_from(get_args(UnitAction)), max_size=40))
def test_a_unit_is_busy_exactly_from_an_order_to_its_end(actions: list[UnitAction]) -> None:
    state: UnitState = "idle"
    order = False
    for action in actions:
        try:
            edge = unit_step(state, action, BOTH)
        except NotAllowed:
            continue
        if action == "send":
            assert not order
            order = True
        elif edge.mark in ("done", "recalled", "declined", "failed"):
            assert order
            order = False
        state = edge.after
        assert (state in BUSY) == order


def test_only_its_own_department_acts_for_a_unit_and_only_the_centre_recalls() -> None:
    engine = unit("e1", ENGINE, "fire")
    own, other = Actor("f", "department", department="fire"), Actor("w", "department", department="water")
    assert sides_of(own, engine) == {"unit"} and sides_of(other, engine) == frozenset()
    assert sides_of(Actor("a", "agent"), engine) == sides_of(Actor("c", "supervisor"), engine) == {"centre"}
    assert "recall" not in unit_actions("enroute", sides_of(own, engine))
    assert "decline" not in unit_actions("assigned", frozenset({"centre"}))
    with pytest.raises(NotAllowed, match="您的岗位不能这样操作单位"):
        unit_step("assigned", "depart", frozenset())
    with pytest.raises(NotAllowed, match="途中 × 派出"):
        unit_step("enroute", "send", BOTH)


# --- duty ---------------------------------------------------------------------------------------------------------


def local(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=ZONE)


def test_a_night_shift_belongs_to_the_day_on_which_it_begins_and_lasts_over_midnight() -> None:
    roster = DutyRoster(Roster(shifts=(DAY, NIGHT), teams=(team("n", ("u1",), ("night", "")),)), ZONE)
    duty = [
        roster.is_on("u1", at) for at in (local(1, 19, 59), local(1, 20), local(2, 0), local(2, 7, 59), local(2, 8))
    ]
    assert duty == [False, True, True, True, False]
    assert roster.on_duty(local(2, 3))["u1"].ends == local(2, 8)
    # The second day of the cycle is a day of rest, and before the cycle nobody works.
    assert not roster.is_on("u1", local(2, 21)) and roster.is_on("u1", local(3, 21))
    assert not roster.is_on("u1", datetime(2026, 10, 31, 21, tzinfo=ZONE))


def test_on_a_swapped_day_two_teams_do_each_others_duty_and_a_unit_without_a_team_always_works() -> None:
    roster = DutyRoster(dispatch().roster, ZONE)
    assert set(roster.on_duty(local(20, 10))) == {"a1"} and set(roster.on_duty(local(20, 22))) == {"a2"}
    # The 25th would be a2's by day: its team has swapped with the other for that day alone.
    assert set(roster.on_duty(local(23, 10))) == {"a2"}
    assert set(roster.on_duty(local(25, 10))) == {"a1"} and set(roster.on_duty(local(26, 3))) == {"a2"}
    assert set(roster.on_duty(local(27, 10))) == {"a2"}
    assert roster.is_on("e1", local(25, 3))


def test_office_teams_rest_on_days_off_and_work_on_swapped_working_days() -> None:
    office = Shift(key="day", name="日班", name_en="Day", starts=time(8), ends=time(18))
    off, extra = {date(2026, 11, 20)}, {date(2026, 11, 22)}  # a Friday off, its Sunday worked
    roster = DutyRoster(
        Roster(shifts=(office,), teams=(team("o", ("u1",), ("day",), days="workdays"),)),
        ZONE,
        lambda day: day in extra or (day.weekday() < 5 and day not in off),
    )
    assert [roster.is_on("u1", local(d, 9)) for d in (19, 20, 21, 22, 23)] == [True, False, False, True, True]


@given(
    st.integers(0, 60 * 24 * 40),
    st.integers(1, 6).flatmap(lambda n: st.lists(st.sampled_from(["day", "night", ""]), min_size=n, max_size=n)),
)
def test_duty_is_whole_shifts_of_the_pattern_and_nothing_else(minute: int, pattern: list[str]) -> None:
    """At any moment a team is on duty exactly if one of its shifts, laid out by hand, covers it."""
    if not any(pattern):
        pattern[0] = "day"
    roster = DutyRoster(Roster(shifts=(DAY, NIGHT), teams=(team("t", ("u1",), tuple(pattern)),)), ZONE)
    moment = datetime(2026, 10, 30, tzinfo=ZONE) + timedelta(minutes=minute)
    covered = False
    for number in range(60):
        shift = pattern[number % len(pattern)]
        start = datetime(2026, 11, 1, 8 if shift == "day" else 20, tzinfo=ZONE) + timedelta(days=number)
        covered |= bool(shift) and start <= moment < start + timedelta(hours=12)
    assert roster.is_on("u1", moment) == covered


# --- the nearest --------------------------------------------------------------------------------------------------


def test_the_distance_of_known_points() -> None:
    """One degree of the equator, a quarter of the earth, and Beijing (39.9042 N 116.4074 E) to Shanghai: 1,067 km."""
    assert metres_between(0, 0, 1, 0) == pytest.approx(METRES_OF_A_DEGREE)
    assert metres_between(0, 0, 0, 90) == pytest.approx(90 * METRES_OF_A_DEGREE)
    assert metres_between(116.4074, 39.9042, 121.4737, 31.2304) == pytest.approx(1_067_000, rel=0.003)
    assert metres_between(179.9, 0, -179.9, 0) == pytest.approx(0.2 * METRES_OF_A_DEGREE)


def standing(one: Unit, kind: UnitKind = ENGINE, state: UnitState = "idle", on_duty: bool = True,
             position: Position | None = None) -> Standing:  # fmt: skip
    station = (one.lon, one.lat) if one.lon is not None and one.lat is not None else None
    return Standing(one, kind, state, on_duty, position, station)


def north(metres: float, age: timedelta = timedelta(), lon: float = HERE[0]) -> Position:
    return Position(lon, HERE[1] + metres / METRES_OF_A_DEGREE, 20.0, NOW - age)


def test_a_position_goes_before_the_station_is_marked_when_old_and_forgotten_when_lost() -> None:
    engine = unit("e1", ENGINE, "fire", "池店镇", 5000)

    def seen(position: Position | None) -> tuple[str, int | None, bool]:
        [found] = candidates([standing(engine, position=position)], SPOT, "E101", SETTING, NOW)
        return found.basis, None if found.distance_m is None else round(found.distance_m), found.old

    assert seen(north(1000, timedelta(minutes=3))) == ("position", 1000, False)
    assert seen(north(1000, timedelta(minutes=11))) == ("position", 1000, True)
    assert seen(north(1000, timedelta(minutes=121))) == ("station", 5000, False)
    assert seen(None) == ("station", 5000, False)


def test_without_coordinates_the_towns_decide() -> None:
    here, there = unit("z", ENGINE, "fire", "池店镇"), unit("a", ENGINE, "fire", "安海镇")
    found = candidates([standing(there), standing(here)], Spot(town="池店镇"), "E101", SETTING, NOW)
    assert [(c.standing.unit.key, c.basis) for c in found] == [("z", "town"), ("a", "none")]
    assert all(c.distance_m is None and c.ring is None for c in found)
    # A unit whose distance is known goes before one of the same town of which nobody knows where it is.
    far = unit("far", ENGINE, "fire", "安海镇", 9000)
    found = candidates([standing(here), standing(far)], SPOT, "E101", SETTING, NOW)
    assert [c.standing.unit.key for c in found] == ["far", "z"]
    # Units for certain towns are not proposed elsewhere.
    bound = unit("b", ENGINE, "fire", "安海镇").model_copy(update={"towns": ("安海镇",)})
    assert candidates([standing(bound)], Spot(town="池店镇"), "E101", SETTING, NOW) == []
    assert len(candidates([standing(bound)], Spot(), "E101", SETTING, NOW)) == 1


def test_rings_go_by_road_and_speed_of_the_kind() -> None:
    assert travel_minutes(1000, 60, 1.0) == pytest.approx(1.0)
    assert travel_minutes(1000, 30, 1.5) == pytest.approx(3.0)
    engines = [standing(unit(f"e{m}", ENGINE, "fire", north_m=m)) for m in (990, 1010, 4990, 5010)]
    found = candidates(engines, SPOT, "E101", SETTING, NOW)
    rings = {minutes: [c.standing.unit.key for c in ring] for minutes, ring in within(found).items()}
    assert rings == {1: ["e990"], 3: ["e1010"], 5: ["e4990"]}


def test_what_is_proposed_follows_the_plan_else_the_kind_that_fits_best() -> None:
    city = dispatch()
    kinds = {k.key: k for k in city.units.kinds}
    everyone = [standing(u, kinds[u.kind]) for u in city.units.units]
    found = candidates(everyone, SPOT, "E101", SETTING, NOW)
    assert [c.standing.unit.key for c in choose(found, wanted_units([FIRE_PLAN]))] == ["e1", "e2", "a2"]
    # E101 names the ambulances exactly, E1 the engines: without a plan the exact kind is proposed.
    assert [c.standing.unit.key for c in choose(found, [])] == ["a2"]
    assert [c.standing.unit.key for c in choose(candidates(everyone, SPOT, "E102", SETTING, NOW), [])] == ["e1"]


_STATES = st.sampled_from(get_args(UnitState))
_POSITIONS = st.none() | st.builds(
    lambda m, age, e: north(m, timedelta(minutes=age), HERE[0] + e), st.floats(-20000, 20000),
    st.integers(0, 200), st.floats(-0.2, 0.2),
)  # fmt: skip


@given(st.lists(st.tuples(_STATES, st.booleans(), _POSITIONS, st.sampled_from([ENGINE, PATROL])), max_size=12))
def test_the_nearest_that_may_go_is_first_and_nobody_else_is_there(
    rows: list[tuple[UnitState, bool, Position | None, UnitKind]],
) -> None:
    everyone = [
        standing(unit(f"u{i:02}", kind, "fire", "池店镇"), kind, state, on, position)
        for i, (state, on, position, kind) in enumerate(rows)
    ]
    found = candidates(everyone, SPOT, "E101", SETTING, NOW)
    may = {s.unit.key for s in everyone if s.on_duty and s.state in ("idle", "returning") and s.kind is ENGINE}
    assert {c.standing.unit.key for c in found} == may and len(found) == len(may)
    known = [c.distance_m for c in found if c.distance_m is not None]
    assert known == sorted(known) and all(c.distance_m is None for c in found[len(known) :])
    for c in found:
        position = c.standing.position
        fresh = position is not None and NOW - position.at <= timedelta(minutes=120)
        assert (c.basis == "position") == fresh
        if position and fresh:
            assert c.distance_m == pytest.approx(metres_between(*HERE, position.lon, position.lat))


# --- grids, cameras, plans, scenes --------------------------------------------------------------------------------


def test_the_grid_of_a_point_the_nearest_within_metres_else_none() -> None:
    hole = square(118.553, 24.797, 0.002)
    grids = Grids([grid("g-1", square(118.545, 24.795)), grid("b-2", square(118.555, 24.795), hole)])
    assert grids.at(118.547, 24.80).key == "g-1"  # type: ignore[union-attr]
    # On the border of two: the first key. In a hole cut out: none is near.
    assert grids.at(118.555, 24.80).key == "b-2"  # type: ignore[union-attr]
    assert Grids([grid("g", square(118.55, 24.79, 0.02), square(118.557, 24.797, 0.006))]).at(118.56, 24.80) is None
    out = 118.545 - 40 / metres_of_lon(24.8)
    assert grids.at(out, 24.80).key == "g-1"  # type: ignore[union-attr]
    assert grids.at(out, 24.80, near_m=30) is None and grids.at(118.5, 24.80) is None
    assert Grids([]).at(*HERE) is None


@given(st.floats(118.53, 118.58), st.floats(24.78, 24.82))
def test_grids_found_by_the_tree_are_those_found_by_looking_at_each(lon: float, lat: float) -> None:
    cells = [grid(f"g{i}{j}", square(118.54 + i / 100, 24.79 + j / 100)) for i, j in product(range(3), range(2))]
    expected = sorted(g.key for g in cells if shapely.Polygon(g.polygons[0][0]).covers(shapely.Point(lon, lat)))
    found = Grids(cells).at(lon, lat, near_m=0)
    # Scaling to metres moves a border by less than a millimetre: points that near to one are left to chance.
    border = min(abs(v * 100 - round(v * 100)) for v in (lon, lat)) < 1e-6
    assert border or (found.key if found else None) == next(iter(expected), None)


@given(st.lists(st.tuples(st.floats(118.54, 118.56), st.floats(24.79, 24.81)), max_size=30), st.integers(1, 6))
def test_cameras_are_the_nearest_ones_within_metres(points: list[tuple[float, float]], count: int) -> None:
    cameras = [
        Camera(id=f"c{i}", name="x", lon=lon, lat=lat, link="https://cameras.example/x")
        for i, (lon, lat) in enumerate(points)
    ]
    measured = sorted((metres_between(*HERE, c.lon, c.lat), c.id) for c in cameras)
    expected = [(i, m) for m, i in measured if m <= 500][:count]
    found = [(c.id, m) for c, m in Cameras(cameras).near(*HERE, count=count, within_m=500)]
    assert [i for i, _ in found] == [i for i, _ in expected]
    assert all(math.isclose(a, b, abs_tol=1e-6) for (_, a), (_, b) in zip(found, expected, strict=True))


def test_plans_by_category_before_group_and_by_grade() -> None:
    item = (PlanItem(key="i", text="x", text_en="x"),)
    group = Plan(key="group", name="g", name_en="g", codes=("E1",), items=item)
    graver = Plan(key="grave", name="g", name_en="g", codes=("E1",), grades=(1, 2), items=item)
    plans = [group, graver, FIRE_PLAN]
    assert [p.key for p in plans_for(plans, "E101", None)] == ["fire", "group"]
    assert [p.key for p in plans_for(plans, "E101", 2)] == ["fire", "grave", "group"]
    assert [p.key for p in plans_for(plans, "E105", 4)] == ["group"]
    assert plans_for(plans, "S0101", 1) == [] and plans_for(plans, "", None) == []


def place(town: str, point: tuple[float, float] | None = None) -> Place:
    return Place(canonical=f"{town}某村", town=town, community="", mention="", score=1.0, point=point, point_m=800.0)


def test_what_a_person_set_goes_before_the_place_and_a_place_without_coordinates_still_names_its_town() -> None:
    kept = TicketScene(ticket_id="t", lon=118.5, lat=24.7, grade=2, at=NOW, who="x")
    by_person = scene_of(kept, [place("池店镇", (24.8, 118.55))])
    assert (by_person.spot, by_person.source, by_person.grade) == (Spot(118.5, 24.7, 0.0, "池店镇"), "person", 2)
    by_place = scene_of(None, [place("池店镇"), place("安海镇", (24.8, 118.55))])
    assert (by_place.spot, by_place.source) == (Spot(118.55, 24.8, 800.0, "安海镇"), "place")
    assert scene_of(None, [place("池店镇")]).spot == Spot(town="池店镇")
    assert scene_of(None, []).source == "none"


def test_the_picture_in_the_docs_is_the_table() -> None:
    text = (Path(__file__).parents[2] / "docs" / "dispatch.md").read_text(encoding="utf-8")
    drawn = {
        (before, after, name)
        for before, after, names in re.findall(r"^    (\w+) --> (\w+): (.+)$", text, re.MULTILINE)
        for name in names.split(" / ")
    }
    assert drawn == {(e.before, e.after, ACTION_NAMES[e.action]) for e in EDGES if e.before != e.after}
    assert dict(re.findall(r"^    (\w+): (\S+)$", text, re.MULTILINE)) == STATE_NAMES
