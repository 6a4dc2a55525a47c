"""What an emergency's hand-over tells beside its ticket: units, exact place, the caller's words."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from core.city import City
from desk.ports import Transcripts
from telephony.ledger import CallRow
from ticketing.dispatch.repository import DispatchRepository
from ticketing.dispatch.tables import UnitOrder
from ticketing.doors.eido import Note, Point, UnitFacts
from ticketing.doors.hooks import Scene
from ticketing.tables import Ticket

#: Utterances that are told; what happened stands at the beginning.
MOST_WORDS = 100


def scenes(city: City, transcripts: Transcripts) -> Callable[[AsyncSession, Ticket], Awaitable[Scene]]:
    """Asks the rooms that know, for :class:`ticketing.doors.hooks.Hooks`."""
    units = {unit.key: unit for unit in city.dispatch.units.units}

    async def scene(session: AsyncSession, ticket: Ticket) -> Scene:
        repository = DispatchRepository(session)
        orders, positions = await repository.orders(ticket.id), await repository.positions()
        exact = await repository.scene(ticket.id)
        sent = []
        for order in orders:
            unit, position = units.get(order.unit), positions.get(order.unit)
            state, at = _state(order)
            sent.append(
                UnitFacts(
                    unit_id=order.unit, name=unit.name if unit else order.unit, kind=unit.kind if unit else "",
                    state=state, at=at, department=unit.department if unit else "",
                    lat=position.lat if position else None, lon=position.lon if position else None,
                )
            )  # fmt: skip
        point = None
        if exact is not None and exact.lat is not None and exact.lon is not None:
            point = Point(exact.lat, exact.lon)
        said = await transcripts.of_call(ticket.call_id) if ticket.call_id else ()
        call = await session.get(CallRow, ticket.call_id) if ticket.call_id else None
        begun = call.arrived_at if call is not None else ticket.created_at
        notes = tuple(
            Note(note_id=f"u{number}", at=begun + timedelta(seconds=row.second_s), by=row.leg, text=row.text)
            for number, row in enumerate(said[:MOST_WORDS])
        )
        return Scene(units=tuple(sent), notes=notes, point=point)

    return scene


def _state(order: UnitOrder) -> tuple[str, datetime]:
    """What a unit is doing for this order, and since when."""
    for at, state in (
        (order.ended_at, "Cleared"), (order.arrived_at, "OnScene"), (order.departed_at, "EnRoute"),
        (order.received_at, "Acknowledged"),
    ):  # fmt: skip
        if at is not None:
            return state, at
    return "Dispatched", order.sent_at
