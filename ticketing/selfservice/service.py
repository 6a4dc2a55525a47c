"""The look-ups of voice flows: an answer of :data:`core.city_ivr.LOOK_UPS`, or a :class:`HeyiError`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from core.city import City
from core.clock import Clock
from core.database import Database
from core.errors import HeyiError
from ticketing.assign.service import Assignments
from ticketing.doors.limits import Knocks
from ticketing.knowledge.service import Knowledge
from ticketing.selfservice.announcements import Announcements, FindPlaces
from ticketing.selfservice.answers import Answers, Sayable
from ticketing.selfservice.asked import LIMITS, Answer, Asked, Gate, LookUp, caller_digits
from ticketing.selfservice.cars import Cars
from ticketing.selfservice.hours import Hall
from ticketing.selfservice.messages import Messages
from ticketing.selfservice.tickets import TicketLookUps
from ticketing.service import Tickets


class SelfService:
    """What callers get without a person.

    ``find_places``: places of the city that words name. ``sayable``: what can be said at once; nothing else is
    answered from the knowledge base. ``recordings``: folder in which callers' messages lie. ``others``: look-ups that
    stand elsewhere, by name (``result``: what callers say of a ticket's result).
    """

    def __init__(
        self, database: Database, city: City, clock: Clock, tickets: Tickets, assignments: Assignments,
        knowledge: Knowledge, *, recordings: Path, find_places: FindPlaces, sayable: Sayable,
        others: Mapping[str, LookUp] | None = None,
    ) -> None:  # fmt: skip
        self._city = city
        gate = Gate(Knocks(database, clock, LIMITS, here={"voice own"}))
        of_tickets = TicketLookUps(database, city, assignments, gate)
        hall = Hall(city)
        self.announcements = Announcements(database, city, clock, find_places)
        self.messages = Messages(database, tickets, recordings, of_tickets)
        self._cars = Cars(database, city, clock, gate)
        self._answers = Answers(city, knowledge, sayable)

        async def hours(asked: Asked) -> Answer:
            return hall.look_up(asked.now)

        self._look_ups: dict[str, LookUp] = {
            "ticket": of_tickets.find, "urge": of_tickets.urge, "message": self.messages.keep,
            "announcement": self.announcements.look_up, "hours": hours, "car_owner": self._cars.find,
            "answer": self._answers.find, **(others or {}),
        }  # fmt: skip

    async def look_up(
        self, name: str, arguments: Mapping[str, str], caller: str, call_id: str, line: str, now: datetime
    ) -> tuple[str, dict[str, str]]:
        """Result and variables of the look-up ``name``; ``caller`` as the exchange gave it, ``now`` with its zone.

        What is not understood gives the look-up's own none or unclear. :class:`HeyiError` where there is nothing to
        answer with (no such ticket to urge, asked too often): the flow goes on to a person. It may be broken off at any
        moment, whoever asks sets the limit: nothing is kept by halves.
        """
        look_up = self._look_ups.get(name)
        if look_up is None:
            raise HeyiError("there is no such look-up", hint=name[:40])
        digits = caller_digits(caller, self._city.profile.area_code)
        return await look_up(Asked(arguments, digits, call_id, line, now))

    async def party_number(self, owner: str) -> str | None:
        """The number to dial for ``owner``, as ``car_owner`` named it: once, within minutes; None for anything else."""
        return await self._cars.number(owner)

    async def sayings(self) -> Sequence[str]:
        """Texts that ``answer`` may give: to be spoken beforehand."""
        return await self._answers.sayings()
