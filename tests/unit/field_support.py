"""What a phone sends, for tests: each with an id of its own, and the people who press."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from desk.services import DeskServices
from tests.desk_fakes import Stage
from ticketing.actor import Actor
from ticketing.patrol.service import FieldWork
from ticketing.patrol.tables import FieldKind
from ticketing.patrol.wishes import Position, Wish
from ticketing.tables import Ticket

AGENT = Actor("wang", "agent", extension="1001")
LEAD = Actor("lin", "supervisor")
URBAN = Actor("urban", "department", department="urban")
FIRE = Actor("fire", "department", department="fire")
HERE = Position(118.55, 24.80, 12.0)


async def noise(stage: Stage, call_id: str = "c-1") -> Ticket:
    """A noise that the urban management has got."""
    await stage.city.arrive(call_id, "12345", "13800001111")
    draft = await stage.city.answer(call_id, "1001")
    return await stage.services.tickets.submit(draft.id, AGENT, {"code": "S101", "place": "池店镇华洲村"})


async def burning(stage: Stage, *units: str) -> Ticket:
    """A fire, with these units on their way."""
    await stage.city.arrive("f-1", "119", "13800001113")
    draft = await stage.city.answer("f-1", "1001")
    fields = {"code": "E101", "place": "池店镇华洲村", "is_emergency": True}
    ticket = await stage.services.tickets.submit(draft.id, AGENT, fields)
    if units:
        await stage.services.dispatch.send(ticket.id, units, AGENT, "二楼有人")
    return ticket


def wish(stage: Stage, kind: FieldKind, ticket: str = "", **more: Any) -> Wish:
    made: datetime = more.pop("made_at", None) or stage.clock.now()
    return Wish(**{"id": str(uuid4()), "kind": kind, "ticket": ticket, "made_at": made, **more})


def body(stage: Stage, kind: str, ticket: str = "", login: str = "urban", **more: Any) -> dict[str, Any]:
    """The same as it goes over the wire."""
    now = stage.clock.now().isoformat()
    return {
        "id": str(uuid4()), "kind": kind, "ticket": ticket, "login": login, "made_at": now, "sent_at": now, **more
    }  # fmt: skip


def work_of(stage: Stage) -> FieldWork:
    services: DeskServices = stage.services
    return services.fieldwork


def advance(stage: Stage, **span: float) -> None:
    stage.clock.advance(timedelta(**span).total_seconds())  # type: ignore[union-attr]
