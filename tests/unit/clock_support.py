"""The small city of the tickets' tests, with time limits of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import time
from pathlib import Path

from ticket_support import CITY, POLICY, Room

from core.city_clocks import CityClocks, ClockPolicy, PauseReason
from ticketing.clocks.service import ClockView
from ticketing.clocks.watch import ClockWatch
from ticketing.service import Tickets

CLOCKS = CityClocks(
    policies=(
        ClockPolicy(kind="dispatch", amount=30, unit="minutes"),
        ClockPolicy(kind="dispatch", flow="emergency", amount=3, unit="minutes"),
        ClockPolicy(kind="accept", amount=1, unit="workdays"),
        ClockPolicy(kind="accept", flow="emergency", amount=1, unit="minutes"),
        ClockPolicy(kind="arrive", flow="emergency", amount=5, unit="minutes"),
        ClockPolicy(kind="handle", codes=("S01",), amount=7, unit="workdays", extensions=1, pauses=("caller",)),
        ClockPolicy(
            kind="handle", codes=("S0104",), amount=24, unit="hours", warn=0.75, extensions=2, extension=12,
            pauses=("caller", "storm"),
        ),
        ClockPolicy(kind="callback", amount=2, unit="workdays", warn=0.5),
    ),
    pause_reasons=(
        PauseReason(key="caller", name="等材料", name_en="Papers"),
        PauseReason(key="storm", name="台风", name_en="Storm"),
    ),
    quiet_from=time(21),
    quiet_to=time(8, 30),
)  # fmt: skip
#: Nobody assists: the clocks of a ticket are its own.
_ALONE = tuple(
    group.model_copy(update={"categories": tuple(c.model_copy(update={"assist": ()}) for c in group.categories)})
    for group in CITY.taxonomy
)
CLOCK_CITY = CITY.model_copy(update={"clocks": CLOCKS, "taxonomy": _ALONE})


class ClockRoom(Room):
    """The tickets' room in a city that times everything."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.tickets = Tickets(self.database, CLOCK_CITY, self.clock, POLICY)
        self.runner._tickets = self.tickets
        self.watch = ClockWatch(self.database, CLOCK_CITY, self.clock)

    async def clocks(self, ticket_id: str) -> dict[str, ClockView]:
        """The latest clock of each kind."""
        return {view.row.kind: view for view in await self.tickets.clocks.of_ticket(ticket_id)}

    async def running(self, ticket_id: str) -> set[str]:
        return {kind for kind, view in (await self.clocks(ticket_id)).items() if view.row.stopped_at is None}


@asynccontextmanager
async def clock_room(folder: Path) -> AsyncIterator[ClockRoom]:
    opened = ClockRoom(f"sqlite+aiosqlite:///{folder / 'heyi.db'}")
    await opened.database.create_all()
    try:
        yield opened
    finally:
        await opened.close()
