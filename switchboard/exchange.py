"""What the runners of this room ask of telephony, and the one Asterisk that answers them."""

from collections.abc import Sequence
from typing import Protocol

from core.city import City, Mode
from core.phones import dialable, normal
from switchboard.desks import Desks
from switchboard.dialling import Dialling
from switchboard.modes import Modes
from switchboard.views import AgentView
from telephony.bridge import Bridge
from telephony.call import Call
from telephony.callids import Return


class Exchange(Protocol):
    """Calls and desks as they are now, and calls out."""

    @property
    def in_step(self) -> bool:
        """Whether what it says is true now: a lost connection knows of no call."""
        ...

    @property
    def mode(self) -> Mode: ...

    def calls(self) -> Sequence[Call]:
        """Calls that have not ended."""
        ...

    def agents(self) -> Sequence[AgentView]: ...

    async def ring_back(
        self, why: Return, line: str, number: str, *, priority: int, call_id: str, position: int = 0, desk: str = "",
        wide: bool = False, urgent: bool = False,
    ) -> str | None:  # fmt: skip
        """See :meth:`switchboard.dialling.Dialling.ring_back`."""
        ...

    async def set_priority(self, call_id: str, priority: int) -> bool: ...

    async def set_place(self, call_id: str, priority: int, position: int) -> None: ...

    async def put_back(self, call_id: str, position: int) -> None: ...

    async def seat(self, call_id: str, priority: int, position: int, *, wide: bool) -> None: ...

    async def urge(self, call_id: str, priority: int) -> None: ...

    async def give_up(self, call_id: str) -> None: ...


class AsteriskExchange:
    """:class:`Exchange` over the bridge and the switchboard's own parts."""

    def __init__(self, bridge: Bridge, desks: Desks, modes: Modes, dialling: Dialling) -> None:
        self._bridge, self._desks, self._modes = bridge, desks, modes
        self.ring_back = dialling.ring_back
        self.set_priority = dialling.set_priority
        self.set_place = dialling.set_place
        self.put_back = dialling.put_back
        self.seat = dialling.seat
        self.urge = dialling.urge
        self.give_up = dialling.give_up

    @property
    def in_step(self) -> bool:
        return self._bridge.in_step

    @property
    def mode(self) -> Mode:
        return self._modes.current

    def calls(self) -> Sequence[Call]:
        return [call for call in self._bridge.calls.calls.values() if not call.ended]

    def agents(self) -> Sequence[AgentView]:
        return self._desks.agents()


def find(exchange: Exchange, call_id: str) -> Call | None:
    """The living call of that id."""
    return next((call for call in exchange.calls() if call.id == call_id), None)


def is_emergency(city: City, number: str) -> bool:
    """Whether this line is for emergencies."""
    line = city.line(number)
    return line is not None and line.kind == "emergency"


def dialled(city: City, number: str) -> str:
    """The number as it is dialled; empty where heyi must not: withheld, short, abroad, one of our own lines."""
    digits = dialable(number, city.profile.area_code)
    return digits if digits and city.line(digits) is None else ""


def on_the_line(city: City, exchange: Exchange) -> set[str]:
    """Numbers that are in a call with us at this moment, as :func:`core.phones.normal` gives them."""
    return {normal(call.caller, city.profile.area_code) for call in exchange.calls()} - {""}
