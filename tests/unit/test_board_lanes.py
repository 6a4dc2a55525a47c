"""The board without a page: lanes, order, counts, whom a ticket is proposed to, where it stands on the map. Pure."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.city import City, Community, Profile, Town
from core.city_dispatch import CityDispatch
from desk.board.lanes import LANES, MOST, at_level, laid, lane_of, order_of, shown
from desk.board.spots import Spots, ground
from tests.dispatch_kit import dispatch, grid, square
from tests.unit.ticket_support import CITY
from ticketing.assign.proposed import Matter, proposed
from ticketing.dispatch.pending import TO_SEND, Pending
from ticketing.grids import Grids

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def one(key: str = "t", state: str = "filed", due_h: float | None = 1.0, **more: object) -> Pending:
    given = {"is_emergency": False, "department": "urban", "assist": (), "created_at": NOW - HOUR, **more}
    return Pending(id=key, state=state, due_at=None if due_h is None else NOW + due_h * HOUR, clock="handle", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ticket", "lane"),
    [
        (one(is_emergency=True, state="draft"), "emergency"),
        (one(is_emergency=True, state="handling", due_h=-1), "emergency"),
        (one(state="draft"), None),
        (one(state="filed"), "waiting"),
        (one(state="filed", due_h=-1), "waiting"),
        (one(state="filed", carried=True), None),
        (one(state="dispatched"), "moving"),
        (one(state="dispatched", due_h=None), "moving"),
        (one(state="handling", due_h=-0.1), "overdue"),
        (one(state="handling", due_h=-0.1, paused=True), "moving"),
    ],
)
def test_each_ticket_stands_where_its_next_deed_is(ticket: Pending, lane: str | None) -> None:
    assert lane_of(ticket, NOW) == lane


def test_what_nobody_was_sent_to_comes_first_then_the_grave_then_what_is_due() -> None:
    found = [
        one("on the way", "handling", 0.1, is_emergency=True, grade=1),
        one("late", "draft", -1, is_emergency=True),
        one("soon", "draft", 1, is_emergency=True),
        one("grave", "draft", 3, is_emergency=True, grade=2),
        one("no clock", "draft", None, is_emergency=True),
    ]
    emergency = laid(found, NOW)[0]
    assert [t.id for t in emergency.tickets] == ["grave", "late", "soon", "no clock", "on the way"]
    assert (emergency.late, emergency.waits) == (1, 4)
    # Of service matters, too, the grade goes before the clock; sent or not is their lane.
    found = [one("b", due_h=1), one("a", due_h=1), one("grave", due_h=9, grade=1)]
    assert [t.id for t in laid(found, NOW)[1].tickets] == ["grave", "a", "b"]


_TICKETS = st.lists(
    st.builds(
        one, st.text(st.characters(codec="ascii"), max_size=3), st.sampled_from(TO_SEND),
        st.none() | st.floats(-9, 9), is_emergency=st.booleans(), paused=st.booleans(), carried=st.booleans(),
        grade=st.none() | st.integers(1, 4),
    ),
    unique_by=lambda t: t.id,
)  # fmt: skip


@given(_TICKETS, st.integers(-5, 900))
def test_no_ticket_stands_twice_and_none_is_lost(found: list[Pending], limit: int) -> None:
    lanes = laid(found, NOW)
    assert [lane.key for lane in lanes] == list(LANES)
    every = [t.id for lane in lanes for t in lane.tickets]
    assert len(every) == len(set(every))
    assert set(every) == {t.id for t in found if lane_of(t, NOW) is not None}
    for lane in lanes:
        assert [order_of(t) for t in lane.tickets] == sorted(order_of(t) for t in lane.tickets)
        assert lane.late <= len(lane.tickets)
    kept = shown(lanes, {"waiting": limit})
    assert len([lane for lane in kept.values() if lane == "waiting"]) == min(
        len(lanes[1].tickets), max(1, min(limit, MOST))
    )


def test_a_level_shows_what_departments_of_it_have() -> None:
    found = [one("a", department="urban"), one("b", department="town"), one("c", department="")]
    level = {"urban": "district", "town": "town"}.__getitem__
    assert [t.id for t in at_level(found, "town", level)] == ["b"]
    assert [t.id for t in at_level(found, "", level)] == ["a", "b", "c"]


# --- whom it is proposed to -------------------------------------------------------------------------------------------


def test_departments_are_proposed_by_what_is_known_and_each_says_why() -> None:
    # In the tests' city S0401 is urban's; the line is the water company's.
    category = next(c for g in CITY.taxonomy for c in g.categories if c.department == "urban")
    found = proposed(CITY, Matter(code=category.code, line="85680000", department="urban", planned=["fire"]))
    assert [(p.department, p.part, p.reasons) for p in found] == [
        ("urban", "main", ("ticket", "category")), ("water", "main", ("line",)), ("fire", "assist", ("plan",)),
    ]  # fmt: skip


def test_who_gave_it_back_comes_last_and_whom_they_named_first() -> None:
    category = next(c for g in CITY.taxonomy for c in g.categories if c.department == "urban")
    found = proposed(CITY, Matter(code=category.code, department="urban", refused=["urban"], suggested=["water"]))
    assert [(p.department, "refused" in p.reasons) for p in found] == [("water", False), ("urban", True)]
    assert found[0].reasons[0] == "suggested"


def test_a_department_that_the_city_does_not_have_is_not_proposed() -> None:
    assert proposed(CITY, Matter(department="gone", begins="nowhere", planned=["gone"])) == []


# --- the map ----------------------------------------------------------------------------------------------------------

TOWNS = (Town(name="池店镇", communities=(Community(name="华洲村", code="350582107213"),)), Town(name="远镇"))
GRIDS = (
    grid("g-1", square(118.54, 24.79)).model_copy(update={"town": "池店镇", "community": "华洲村"}),
    grid("g-2", square(118.55, 24.79)).model_copy(update={"town": "池店镇"}),
)
PLACED = City(
    profile=Profile(code="350582", name="晋江市", name_en="Jinjiang", area_code="0595"),
    lines=CITY.lines, departments=CITY.departments, desks=CITY.desks, taxonomy=CITY.taxonomy, towns=TOWNS,
    dispatch=CityDispatch(units=dispatch("fire", "fire", "urban").units, grids=GRIDS),
)  # fmt: skip
SPOTS = Spots(PLACED, Grids(GRIDS), lambda _text: ())


@pytest.mark.parametrize(
    ("place", "point", "expected"),
    [
        ("池店镇华洲村", (118.5, 24.7), (118.5, 24.7, "person")),
        ("池店镇华洲村", None, (118.545, 24.795, "grid")),
        ("池店镇某路", None, (118.55, 24.795, "town")),
        ("远镇某路", None, None),
        ("", None, None),
    ],
)
def test_a_ticket_without_a_point_stands_in_the_middle_of_what_it_lies_in(
    place: str, point: tuple[float, float] | None, expected: tuple[float, float, str] | None
) -> None:
    spot = SPOTS.of(one(point=point), place)
    assert (None if spot is None else (spot.lon, spot.lat, spot.basis)) == expected
    assert spot is None or spot.middle == (spot.basis != "person")


def test_the_ground_is_the_citys_own_grids_and_names() -> None:
    drawn = ground(PLACED, SPOTS, str)
    assert [f["properties"]["key"] for f in drawn["grids"]["features"]] == ["g-1", "g-2"]
    assert [t["name"] for t in drawn["towns"]] == ["池店镇"], "nobody knows where the other one is"
    assert drawn["box"][:2] == (118.54, 24.79) and drawn["tiles"] is None
    tiled = PLACED.model_copy(update={"profile": PLACED.profile.model_copy(update={"map_tiles": "/t/{z}/{x}/{y}.png"})})
    assert ground(tiled, SPOTS, str)["tiles"] == {"address": "/t/{z}/{x}/{y}.png", "credit": ""}
    empty = PLACED.model_copy(update={"dispatch": CityDispatch(), "towns": ()})
    assert ground(empty, Spots(empty, Grids(()), lambda _text: ()), str)["box"] is None


@pytest.mark.parametrize(
    "address", ["http://t.example/{z}/{x}/{y}", "//t.example/{z}/{x}/{y}", "/t/{z}/{x}", "t/{z}{x}{y}"]
)
def test_tiles_come_from_this_site_or_by_https(address: str) -> None:
    with pytest.raises(ValueError, match="map_tiles"):
        Profile(code="350582", name="a", name_en="b", area_code="0595", map_tiles=address)
