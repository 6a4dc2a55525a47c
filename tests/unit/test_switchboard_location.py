"""Where a caller is: the network's word before a guess from the number, and nothing where neither is known."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.bus import Bus
from core.city import City, Exchange
from core.database import Database
from switchboard.location import Location, degrees, locate, told
from telephony.events import CallLocated
from tests.citykit import small_city

AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
HERE = CallLocated(at=AT, call_id="c-1", latitude=24.7814, longitude=118.5522, radius_m=350.0)


@pytest.fixture
def city() -> City:
    exchanges = (
        Exchange(prefix="857", town="池店镇", radius_km=8),
        Exchange(prefix="8571", town="华洲", radius_km=2.5),
    )
    return small_city().model_copy(update={"exchanges": exchanges})


@pytest.mark.parametrize("caller", ["059585718888", "13800138000", "anonymous", ""])
def test_what_the_network_says_comes_first(city: City, caller: str) -> None:
    found = locate(city, caller, HERE)
    assert found == Location(
        text="24.78140°N 118.55220°E", radius_m=350.0, source="network", latitude=24.7814, longitude=118.5522
    )


@pytest.mark.parametrize(
    ("caller", "town", "radius_m"),
    [
        ("059585718888", "华洲", 2500),
        ("+8659585718888", "华洲", 2500),
        ("85728888", "池店镇", 8000),
        ("0595-8572 8888", "池店镇", 8000),
    ],
)
def test_a_fixed_line_is_placed_by_the_longest_exchange_that_fits(
    city: City, caller: str, town: str, radius_m: float
) -> None:
    assert locate(city, caller, None) == Location(text=town, radius_m=radius_m, source="number")


@pytest.mark.parametrize(
    "caller",
    ["13800138000", "02085718888", "0595", "05958571", "8571", "119", "1002", "anonymous", "", "+85285718888"],
)
def test_mobiles_other_cities_and_strangers_are_nowhere(city: City, caller: str) -> None:
    assert locate(city, caller, None) is None


def test_a_city_without_a_list_of_exchanges_guesses_nothing() -> None:
    assert locate(small_city(), "059585718888", None) is None


def test_degrees_south_and_west() -> None:
    assert degrees(-33.9, -70.65) == "33.90000°S 70.65000°W"


async def test_the_position_is_read_back_for_the_call(tmp_path: Path) -> None:
    bus = Bus()
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'heyi.db'}", bus)
    await database.create_all()
    async with database.work() as work:
        work.record(HERE)
    assert await told(database, "c-1") == HERE
    assert await told(database, "c-2") is None
    await database.close()
    await bus.close()
