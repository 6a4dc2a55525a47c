"""Where a caller is, with its uncertainty: as the exchange says, else by the exchange of a fixed line's number."""

import json
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select

from core.city import City
from core.database import Database, StoredEvent
from core.phones import normal
from telephony.events import CallLocated

#: ``network``: the exchange told the position with the call (PIDF-LO); ``number``: guessed from a fixed line's number.
Source = Literal["network", "number"]


@dataclass(frozen=True, kw_only=True)
class Location:
    """A place as a call taker reads it."""

    #: Degrees, or the name of a town.
    text: str
    #: The caller is within so many metres of it; 0 where that was not told.
    radius_m: float
    source: Source
    #: Degrees (WGS 84); None where only the town is known.
    latitude: float | None = None
    longitude: float | None = None


def locate(city: City, caller: str, located: CallLocated | None) -> Location | None:
    """Where the caller with this number is; None where nothing is known: a mobile without a position, a stranger."""
    if located is not None:
        return Location(
            text=degrees(located.latitude, located.longitude), radius_m=located.radius_m, source="network",
            latitude=located.latitude, longitude=located.longitude,
        )  # fmt: skip
    area = city.profile.area_code
    number = normal(caller, area)
    if len(number) <= len(area) + 6 or not number.startswith(area):
        return None
    subscriber = number.removeprefix(area)
    fitting = [exchange for exchange in city.exchanges if subscriber.startswith(exchange.prefix)]
    if not fitting:
        return None
    nearest = max(fitting, key=lambda exchange: len(exchange.prefix))
    return Location(text=nearest.town, radius_m=nearest.radius_km * 1000, source="number")


def degrees(latitude: float, longitude: float) -> str:
    """A position as maps take it; the fifth digit is about a metre."""
    return f"{abs(latitude):.5f}°{'N' if latitude >= 0 else 'S'} {abs(longitude):.5f}°{'E' if longitude >= 0 else 'W'}"


async def told(database: Database, call_id: str) -> CallLocated | None:
    """The position that came with the call, if one did."""
    wanted = (
        select(StoredEvent)
        .where(StoredEvent.call_id == call_id, StoredEvent.type == CallLocated.__name__)
        .order_by(StoredEvent.seq.desc())
        .limit(1)
    )
    async with database.read() as session:
        stored = await session.scalar(wanted)
    if stored is None:
        return None
    body = json.loads(stored.body)
    return CallLocated(
        id=stored.id, at=stored.at, call_id=call_id, latitude=body["latitude"], longitude=body["longitude"],
        radius_m=body["radius_m"],
    )  # fmt: skip
