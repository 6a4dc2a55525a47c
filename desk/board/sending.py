"""One order from the board: a main department, others that assist, units; by the services to which each belongs."""

from dataclasses import dataclass

from desk.services import DeskServices
from ticketing.actor import Actor
from ticketing.tables import Ticket


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a person chose."""

    #: Key of the main department; empty: whichever the ticket has.
    main: str = ""
    #: Departments that assist; of a ticket in hand those that are to come in besides.
    assist: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    #: For the units.
    note: str = ""
    #: Why a ticket in hand goes to another main department.
    reason: str = ""
    #: What the person saw: the ticket's version, and its main part.
    version: int | None = None
    part: str = ""


async def send(services: DeskServices, ticket: Ticket, order: Order, by: Actor) -> None:
    """Carry it out; :class:`core.errors.HeyiError` and its kinds say what is not allowed.

    Units are looked at before anything is written: where one is busy, the ticket stays as it was. One that is taken
    in the same moment is refused after the departments were given; they stand, and the units are sent again.
    """
    await services.dispatch.free([services.dispatch.unit(key) for key in order.units], by, services.clock.now())
    if ticket.state in ("draft", "filed"):
        await _first(services, ticket, order, by)
    else:
        await _besides(services, ticket, order, by)


async def _first(services: DeskServices, ticket: Ticket, order: Order, by: Actor) -> None:
    main = order.main or ticket.department or _of_units(services, order)
    fields: dict[str, object] = {} if main == ticket.department else {"department": main}
    assist = [key for key in order.assist if key != main]
    if set(assist) != set(ticket.assist):
        fields["assist"] = assist
    if not order.units:
        await services.tickets.submit(ticket.id, by, fields, order.version)
        return
    if fields:
        await services.tickets.edit(ticket.id, fields, by, order.version)
    await services.dispatch.send(ticket.id, order.units, by, order.note)


async def _besides(services: DeskServices, ticket: Ticket, order: Order, by: Actor) -> None:
    has = {ticket.department, *ticket.assist}
    if order.main and order.main != ticket.department:
        await services.assignments.reassign(ticket.id, order.main, by, order.reason, part_id=order.part)
        has.add(order.main)
    if order.units:
        await services.dispatch.send(ticket.id, order.units, by, order.note)
        has |= {services.dispatch.unit(key).department for key in order.units}
    for key in dict.fromkeys(order.assist):
        if key not in has:
            await services.assignments.assist(ticket.id, key, by)


def _of_units(services: DeskServices, order: Order) -> str:
    """Nobody is named: the first unit's department has the matter."""
    return services.dispatch.unit(order.units[0]).department if order.units else ""
