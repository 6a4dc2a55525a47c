"""What dispatch tells the screens."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from core.events import Event
from ticketing.dispatch.states import UnitAction, UnitState
from ticketing.events import TicketEvent


@dataclass(frozen=True, kw_only=True)
class UnitChanged(Event):
    """A unit took a step of its table."""

    unit: str
    name: str
    #: Whose unit it is.
    department: str
    action: UnitAction
    before: UnitState
    after: UnitState
    #: The ticket of its order, with its number; empty where it has none.
    ticket_id: str = ""
    number: str = ""
    by: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class UnitMoved(Event):
    """A unit told where it is; the last position stands in its table, so the events are not kept."""

    transient: ClassVar[bool] = True

    unit: str
    department: str
    lon: float
    lat: float
    position_at: datetime


@dataclass(frozen=True, kw_only=True)
class SceneChanged(TicketEvent):
    """The ticket's coordinates, its grade or an item of its plan changed."""

    by: str
