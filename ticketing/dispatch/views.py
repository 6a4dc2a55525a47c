"""What is seen of dispatch: a unit as it is, and everything that belongs to the dispatch of one ticket."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.city_dispatch import Camera, Grid, Plan
from ticketing.dispatch.nearest import Candidate, Standing
from ticketing.dispatch.roster import Duty
from ticketing.dispatch.scene import Scene
from ticketing.dispatch.tables import PlanTick, UnitOrder
from ticketing.tables import Ticket


@dataclass(frozen=True)
class UnitNow:
    """One unit, its duty, and the order that it carries out."""

    standing: Standing
    #: Since when it is in its state; None where it never took a step.
    since: datetime | None
    #: Why it is out of service.
    reason: str
    duty: Duty | None
    order: UnitOrder | None
    ticket: Ticket | None
    #: Orders that were taken from it, with their tickets, until it says that it knows.
    notices: Sequence[tuple[UnitOrder, Ticket]] = ()


@dataclass(frozen=True)
class Proposal:
    """What the person who sends looks at."""

    ticket: Ticket
    scene: Scene
    grid: Grid | None
    #: Every unit that may be sent, the nearest first.
    candidates: Sequence[Candidate]
    #: Keys of those that are proposed: what the plans want and was not sent yet, else the nearest of each fitting kind.
    chosen: Sequence[str]
    plans: Sequence[Plan]
    #: The last tick of each item, by plan and item.
    ticks: Mapping[tuple[str, str], PlanTick]
    orders: Sequence[UnitOrder]
    #: Every unit of the city by key.
    units: Mapping[str, UnitNow]
    #: The nearest cameras, each with its distance in metres.
    cameras: Sequence[tuple[Camera, float]]
