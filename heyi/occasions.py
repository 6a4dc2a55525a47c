"""What flows know that are used besides lines, and who is told of their end (:class:`heyi.voice.Occasion`)."""

from collections.abc import Mapping

from core.city import City
from core.database import Database
from core.errors import HeyiError
from ivr.ways import Left
from switchboard.waits import Waits
from ticketing.callbacks.said import Said
from ticketing.repository import TicketRepository
from ticketing.selfservice.progress import matter_of
from ticketing.selfservice.tickets import spoken_number


class Waiting:
    """While a caller waits."""

    def __init__(self, waits: Waits) -> None:
        self._waits = waits

    async def begin(self, call_id: str, channel: str) -> Mapping[str, str] | None:
        return await self._waits.begin(call_id)

    async def end(self, call_id: str, left: Left) -> None:
        self._waits.end(call_id)


class RobotCallback:
    """In a call that the robot has placed: which ticket it is about."""

    def __init__(self, database: Database, city: City) -> None:
        self._database, self._city = database, city

    async def begin(self, call_id: str, channel: str) -> Mapping[str, str] | None:
        """Raises :class:`HeyiError` for a call of which nothing is known: the dialplan's own question remains."""
        async with self._database.read() as session:
            ticket = await TicketRepository(session).about_call(call_id)
        if ticket is None:
            raise HeyiError("没有这次回访", hint=call_id)
        return {"ticket": spoken_number(ticket.number), "matter": matter_of(ticket, self._city, own=True)}

    async def end(self, call_id: str, left: Left) -> None:
        """What was said is written down by then, the rest follows from the call's own end."""


class AfterCall:
    """When the desk has hung up: a call is rated once, and only one that has a ticket."""

    def __init__(self, database: Database, said: Said) -> None:
        self._database, self._said = database, said

    async def begin(self, call_id: str, channel: str) -> Mapping[str, str] | None:
        async with self._database.read() as session:
            ticket = await TicketRepository(session).by_call(call_id)
        if ticket is None or ticket.is_emergency or await self._said.rated(call_id):
            return None
        return {"ticket": spoken_number(ticket.number)}

    async def end(self, call_id: str, left: Left) -> None:
        """What was said is written down by then."""
