"""Units, duty, plans and grids of the tests' cities: made up, round numbers around 24.8 N 118.55 E."""

from datetime import date, time

from core.city_dispatch import (
    Camera,
    CityDispatch,
    Grid,
    Plan,
    PlanItem,
    PlanUnits,
    Ring,
    Roster,
    Shift,
    Swap,
    Team,
    Unit,
    UnitKind,
    Units,
)

#: The point around which all is laid out: east, north.
HERE = (118.55, 24.80)
ENGINE = UnitKind(key="engine", name="消防车", name_en="Engine", codes=("E1",), speed_kmh=60)
AMBULANCE = UnitKind(key="ambulance", name="救护车", name_en="Ambulance", codes=("E3", "E101"), speed_kmh=60)
PATROL = UnitKind(key="patrol", name="巡查车", name_en="Patrol", codes=("S",), speed_kmh=30)


def unit(key: str, kind: UnitKind, department: str, town: str = "", north_m: float | None = None) -> Unit:
    """A unit that waits so many metres north of :data:`HERE`; without a station where that is None."""
    lat = None if north_m is None else HERE[1] + north_m / 111_195
    return Unit(
        key=key, name=f"单位{key}", name_en=key, kind=kind.key, department=department, town=town,
        lon=None if lat is None else HERE[0], lat=lat,
    )  # fmt: skip


def square(west: float, south: float, size: float = 0.01) -> Ring:
    east, north = west + size, south + size
    return ((west, south), (east, south), (east, north), (west, north), (west, south))


def grid(key: str, *rings: Ring) -> Grid:
    return Grid(key=key, name=key, polygons=(rings,))


DAY = Shift(key="day", name="白班", name_en="Day", starts=time(8), ends=time(20))
NIGHT = Shift(key="night", name="夜班", name_en="Night", starts=time(20), ends=time(8))


def team(key: str, units: tuple[str, ...], pattern: tuple[str, ...], **more: object) -> Team:
    return Team.model_validate(
        {
            "key": key,
            "name": key,
            "name_en": key,
            "units": units,
            "pattern": pattern,
            "since": date(2026, 11, 1),
            **more,
        }
    )


FIRE_PLAN = Plan(
    key="fire", name="火灾预案", name_en="Fire plan", codes=("E101",), departments=("medical",),
    send=(PlanUnits(kind="engine", count=2), PlanUnits(kind="ambulance")),
    items=(PlanItem(key="people", text="有无被困", text_en="Trapped"), PlanItem(key="gas", text="断气", text_en="Gas")),
)  # fmt: skip


def dispatch(fire: str = "fire", medical: str = "medical", urban: str = "urban") -> CityDispatch:
    """Three engines (one without a station), two ambulances, a patrol; the ambulances have day and night teams."""
    return CityDispatch(
        units=Units(
            kinds=(ENGINE, AMBULANCE, PATROL),
            units=(
                unit("e1", ENGINE, fire, "池店镇", 600),
                unit("e2", ENGINE, fire, "池店镇", 2900),
                unit("e3", ENGINE, fire, "池店镇"),
                unit("a1", AMBULANCE, medical, "池店镇", 1500),
                unit("a2", AMBULANCE, medical, "池店镇", 900),
                unit("p1", PATROL, urban, "池店镇", 200),
            ),
            detour=1.0,
        ),
        roster=Roster(
            shifts=(DAY, NIGHT),
            # In the tests it is 10:00 of 20 November 2026: the 20th day of the cycle, a1's team by day.
            teams=(team("am", ("a1",), ("night", "day")), team("pm", ("a2",), ("day", "night"))),
            swaps=(Swap(day=date(2026, 11, 25), one="am", other="pm", reason="换班"),),
        ),
        plans=(FIRE_PLAN,),
        grids=(grid("g-1", square(118.545, 24.795)), grid("g-2", square(118.555, 24.795))),
        box=(118.4, 24.5, 118.8, 25.0),
        cameras=(
            Camera(id="c1", name="路口", lon=118.5501, lat=24.8001, link="https://cameras.example/c1"),
            Camera(id="c2", name="远处", lon=118.60, lat=24.85, link="rtsp://cameras.example/c2"),
        ),
    )
