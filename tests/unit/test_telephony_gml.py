"""Shapes that an exchange sends with a call, and what strangers might."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.calls import CallTracker
from telephony.events import CallLocated
from telephony.gml import MAX_RADIUS_M, Place, metres, read_shape
from tests.unit.telephony_support import DESKS, Script


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("shape=Point,crs=2d,pos=24.7814 118.5522", Place(24.7814, 118.5522, 0)),
        ("shape=Point,crs=3d,pos=24.7814 118.5522 31.5", Place(24.7814, 118.5522, 0)),
        ("shape=Circle,crs=2d,pos=24.7814 118.5522,radius=350.5", Place(24.7814, 118.5522, 350.5)),
        ("shape=Sphere,crs=3d,pos=24.7814 118.5522 22,radius=850.24", Place(24.7814, 118.5522, 850.2)),
        (
            "shape=Ellipse,crs=2d,pos=-24.5 -118.5,semiMajorAxis=7.7,semiMinorAxis=3.3,orientation=142 degrees",
            Place(-24.5, -118.5, 7.7),
        ),
        ("shape=ArcBand,crs=2d,pos=24 118,innerRadius=500,outerRadius=1000,startAngle=20", Place(24, 118, 1000)),
    ],
)
def test_the_shapes_of_rfc_5491(text: str, place: Place) -> None:
    assert read_shape(text) == place


@pytest.mark.parametrize(
    "corners",
    [
        "posList=24.0 118.0 24.0 118.02 24.02 118.02 24.02 118.0 24.0 118.0",
        "pos=24.0 118.0,pos=24.0 118.02,pos=24.02 118.02,pos=24.02 118.0,pos=24.0 118.0",
    ],
)
def test_a_polygon_is_the_circle_that_holds_its_corners(corners: str) -> None:
    place = read_shape(f"shape=Polygon,crs=2d,{corners}")
    assert place is not None
    assert (place.latitude, place.longitude) == pytest.approx((24.01, 118.01))
    # 0.01° of latitude is 1112 m; a degree of longitude is shorter by the cosine of 24°.
    assert place.radius_m == pytest.approx(math.hypot(1112, 1112 * math.cos(math.radians(24))), rel=0.01)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lang=zh,country=CN,A3=,RD=",
        "shape=Circle,crs=2d,pos=24.78 118.55",
        "shape=Circle,crs=2d,pos=24.78,radius=3",
        "shape=Circle,crs=2d,pos=91 118.55,radius=3",
        "shape=Circle,crs=2d,pos=24.78 181,radius=3",
        "shape=Circle,crs=2d,pos=24.78 118.55,radius=1e9",
        "shape=Circle,crs=2d,pos=24.78 118.55,radius=-3",
        "shape=Circle,crs=2d,pos=24.78 118.55,radius=99999999",
        "shape=Circle,crs=2d,pos=nan inf,radius=3",
        "shape=Circle,crs=unknown,pos=SHELLid,a=b12 118,radius=1e9",
        "shape=Point,pos=" + "9" * 400 + " 1",
        "shape=Polygon,crs=2d,posList=24.0 118.0 24.0 118.02 24.02 118.0",
        # cut off: the ring does not close
        "shape=Polygon,crs=2d,posList=24.0 118.0 24.0 118.02 24.02 118.02 24.02 118.0 24.0",
        "shape=Polygon,crs=2d,posList=24.0 118.0 24.0 118.02 24.02 118.02 24.02 118.0 24.0 11",
        "shape=Polygon,crs=2d,pos=24 118 24 118 24 118 24 118",
        "shape=Cloud,pos=24 118",
    ],
)
def test_nonsense_is_no_place(text: str) -> None:
    assert read_shape(text) is None


PIECES = st.sampled_from([
    "shape=", "Point", "Circle", "Polygon", "pos=", "posList=", "radius=", ",", " ", "24.7", "118.5", "-", "e", "=",
    "9", "crs=3d",
])  # fmt: skip


@given(st.lists(PIECES, max_size=20).map("".join) | st.text(max_size=80))
def test_whatever_stands_there_is_a_place_on_earth_or_none(text: str) -> None:
    place = read_shape(text)
    if place is not None:
        assert abs(place.latitude) <= 90 and abs(place.longitude) <= 180 and 0 <= place.radius_m <= MAX_RADIUS_M


def test_distances() -> None:
    assert metres((24.0, 118.0), (24.0, 118.0)) == 0
    assert metres((0, 0), (0, 180)) == pytest.approx(MAX_RADIUS_M, rel=0.002)


def test_the_position_becomes_a_fact_of_its_call_once() -> None:
    script = Script()
    call = script.arrive(0)
    for seconds, extra in ((0.1, "shape=Cloud"), (0.2, "shape=Circle,crs=2d,pos=24.7814 118.5522,radius=350")):
        script.tell("USER_DEFINED", call, seconds, context="line-in", name="LOCATION", extra=extra)
    tracker = CallTracker(DESKS)
    facts = [fact for event in script.events for fact in tracker.feed(event) if isinstance(fact, CallLocated)]
    assert [(f.call_id, f.latitude, f.longitude, f.radius_m) for f in facts] == [(call, 24.7814, 118.5522, 350.0)]
    again = CallTracker(DESKS)
    assert [f.id for e in script.events for f in again.feed(e) if isinstance(f, CallLocated)] == [facts[0].id]
