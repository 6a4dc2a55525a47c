"""One look-up of a voice flow, what it answers, and how often somebody may ask."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.errors import HeyiError
from core.phones import normal
from ticketing.actor import Actor
from ticketing.doors.limits import Knocks, Limit

#: Whoever acts on tickets by voice or key, before a person answers.
VOICE = Actor("voice", "system")
#: Result and values, as :data:`core.city_ivr.LOOK_UPS` has them.
Answer = tuple[str, dict[str, str]]
NONE: Answer = ("none", {})
UNCLEAR: Answer = ("unclear", {})
#: A number with fewer digits is an extension or a service, and tells nobody from another.
_LEAST_DIGITS = 7
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)

#: By what is asked for. Numbers of tickets follow each other: whoever tries them out from another telephone must not
#: get far. Owners of cars must not be rung at somebody's pleasure.
LIMITS: Mapping[str, tuple[Limit, ...]] = {
    "voice own": (Limit(30, _HOUR),),
    "voice number": (Limit(6, _HOUR), Limit(15, _DAY)),
    "voice hidden": (Limit(60, _HOUR),),
    "voice cars": (Limit(3, _HOUR), Limit(6, _DAY)),
    "voice plate": (Limit(3, _DAY),),
}


class TooOften(HeyiError):
    """Asked more often than is allowed: a person decides."""


@dataclass(frozen=True)
class Asked:
    """One look-up."""

    arguments: Mapping[str, str]
    #: Digits by which the caller is told from others (:func:`core.phones.normal`); empty where the number is hidden.
    caller: str
    call_id: str
    line: str
    now: datetime

    def text(self, name: str) -> str:
        """An argument without what cannot be printed; empty where it is missing."""
        given = self.arguments.get(name, "")
        return "".join(c for c in given if c.isprintable())[:400].strip() if isinstance(given, str) else ""


LookUp = Callable[[Asked], Awaitable[Answer]]


@dataclass(frozen=True)
class Gate:
    """Lets somebody ask, and counts it."""

    knocks: Knocks
    #: For what is counted together, whoever asks.
    all: str = field(default="all")

    async def own(self, asked: Asked) -> None:
        """After what belongs to the caller's own number."""
        await self._pass("voice own", asked.caller)

    async def number(self, asked: Asked) -> None:
        """After a ticket by its whole number; hidden numbers together have so many tries, and each call a few."""
        if not asked.caller:
            await self._pass("voice hidden", self.all)
        await self._pass("voice number", asked.caller or f"call {asked.call_id}")

    async def car(self, asked: Asked, plate: str) -> None:
        """After the owner of a car. Whoever hides the own number is brought to a person."""
        if not asked.caller:
            raise TooOften("for a caller without a number nobody is rung")
        await self._pass("voice cars", asked.caller)
        await self._pass("voice plate", plate)

    async def _pass(self, what: str, name: str) -> None:
        if await self.knocks.wait(what, name):
            raise TooOften("asked too often", hint=what)


def caller_digits(caller: str, area_code: str) -> str:
    """The number as tickets keep it; empty where it is hidden or tells nobody from another. Pure."""
    digits = normal(caller, area_code)
    return digits if len(digits) >= _LEAST_DIGITS else ""
