"""The board as pages and API show it: rows, units, and to whom a ticket may be sent, in one language."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from core.city import City
from desk.access import masking
from desk.access.rights import may_see_unit
from desk.access.users import User
from desk.board.lanes import LANE_NAMES, Laid, Lane, order_of
from desk.board.spots import Spot, unit_at
from desk.dispatch.dispatchviews import DispatchViews
from desk.tickets.assignviews import LEVEL_NAMES
from desk.tickets.choosing import why_of
from desk.tickets.clockviews import COLOUR_NAMES, KIND_NAMES
from desk.views import Views, stamp
from ticketing.assign.proposed import Proposed
from ticketing.clocks.policy import Colour
from ticketing.dispatch.pending import Pending
from ticketing.dispatch.states import STATE_NAMES
from ticketing.dispatch.views import Proposal, UnitNow
from ticketing.tables import Ticket

#: Units proposed in the palette: the digits of a keyboard.
UNITS = 9


class BoardViews:
    """Plain values for one person."""

    def __init__(self, city: City, views: Views, units: DispatchViews, user: User, now: datetime) -> None:
        self._city, self._views, self._units, self._user, self._now = city, views, units, user, now
        self._text = views.text

    def lanes(self, lanes: Sequence[Laid]) -> list[dict[str, Any]]:
        """What stands over the rows."""
        return [
            {"key": lane.key, "name": self._text(LANE_NAMES[lane.key]), "total": len(lane.tickets),
             "late": lane.late, "waits": lane.waits}
            for lane in lanes
        ]  # fmt: skip

    def lane(self, key: Lane) -> str:
        """What stands over its rows."""
        return self._text(LANE_NAMES[key])

    def row(self, lane: Lane, one: Pending, ticket: Ticket, spot: Spot | None, colour: Colour | None) -> dict[str, Any]:
        """One ticket. The caller's name and number are not among it; what was written may hold a number."""
        level = self._city.level_of(ticket.department) if ticket.department else None
        shown = {
            "id": ticket.id,
            "number": ticket.number,
            "lane": lane,
            "order": order_of(one),
            "emergency": ticket.is_emergency,
            "state": ticket.state,
            "step_name": self._views.step_of(ticket),
            "category": self._views.category_name(ticket.code),
            "summary": ticket.summary,
            "place": ticket.place,
            "department": ticket.department,
            "department_name": self._views.department_name(ticket.department),
            "assist": list(ticket.assist),
            "assist_names": [self._views.department_name(key) for key in ticket.assist],
            "level_name": self._text(LEVEL_NAMES[level]) if level else "",
            "grade": one.grade,
            "waits": one.waits,
            "version": ticket.version,
            "created_at": stamp(ticket.created_at),
            "clock": self._text(KIND_NAMES[one.clock]) if one.clock else "",
            "due_at": stamp(one.due_at),
            "paused": one.paused,
            "colour": colour or "",
            "colour_name": self._text(COLOUR_NAMES[colour]) if colour else "",
            "spot": None if spot is None else {"lon": spot.lon, "lat": spot.lat, "middle": spot.middle},
        }  # fmt: skip
        return masking.record(shown) if masking.hides(self._user) else shown

    def units(self, units: Sequence[UnitNow]) -> list[dict[str, Any]]:
        """Those that this person may see, in the order of the city's file."""
        return [self._unit(u) for u in units if may_see_unit(self._user, u.standing.unit.department)]

    def _unit(self, seen: UnitNow) -> dict[str, Any]:
        standing, at = seen.standing, unit_at(seen)
        unit = standing.unit
        age = None if standing.position is None else self._now - standing.position.at
        return {
            "key": unit.key,
            "name": self._own(unit.name, unit.name_en),
            "kind": standing.kind.key,
            "kind_name": self._own(standing.kind.name, standing.kind.name_en),
            "department": unit.department,
            "department_name": self._views.department_name(unit.department),
            "state": standing.state,
            "state_name": self._text(STATE_NAMES[standing.state]),
            "on_duty": standing.on_duty,
            "free": standing.on_duty and standing.state in ("idle", "returning"),
            "since": stamp(seen.since),
            "ticket": seen.ticket.id if seen.ticket else "",
            "number": seen.ticket.number if seen.ticket else "",
            "at": None if at is None else {"lon": at[0], "lat": at[1], "told": at[2]},
            "age": "" if age is None else self._units.age(age),
            "old": age is not None and age > timedelta(minutes=self._city.dispatch.units.old_min),
        }  # fmt: skip

    def choices(self, found: Sequence[Proposed], proposal: Proposal, main: Mapping[str, Any]) -> dict[str, Any]:
        """The palette of one ticket: departments and units, the likeliest first, and what stands chosen."""
        ticket, waits = proposal.ticket, proposal.ticket.state in ("draft", "filed")
        # Nobody is sent back to who has given it back, unless a person says so.
        best = next((one for one in found if one.part == "main" and "refused" not in one.reasons), None)
        units = [c for c in proposal.candidates if may_see_unit(self._user, c.standing.unit.department)]
        # What a plan wants stands before what is merely nearer.
        units.sort(key=lambda c: c.standing.unit.key not in proposal.chosen)
        return {
            "id": ticket.id,
            "number": ticket.number,
            "waits": waits,
            "closed": ticket.state == "closed",
            "version": ticket.version,
            **main,
            "departments": [
                {
                    "key": one.department,
                    "name": self._views.department_name(one.department),
                    "reasons": [why_of(self._views, why, ticket) for why in one.reasons],
                    "against": "refused" in one.reasons,
                    "has": not waits and one.department in (ticket.department, *ticket.assist),
                    "chosen": self._chosen(one, best, ticket) if waits else "",
                }
                for one in found
            ],
            "units": [self._units.candidate(c, proposal.chosen) for c in units[:UNITS]],
            "more_units": max(0, len(units) - UNITS),
        }

    def _chosen(self, one: Proposed, best: Proposed | None, ticket: Ticket) -> str:
        if one is best:
            return "main"
        # What the ticket, the category or a plan wants beside the main one.
        wanted = "refused" not in one.reasons and not {"plan", "assists"}.isdisjoint(one.reasons)
        return "assist" if wanted or one.department in ticket.assist else ""

    def _own(self, name: str, name_en: str) -> str:
        return name if self._views.language == "zh" else name_en
