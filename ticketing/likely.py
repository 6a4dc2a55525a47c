"""Looks for other calls about the same as one that is heard, as soon as its place is known; it only suggests."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from core.bus import Bus
from core.clock import Clock
from core.database import Database
from core.events import Event
from switchboard.location import told
from telephony.events import CallLocated
from ticketing.dialler import is_callback
from ticketing.events import IncidentSuggested, Suggestion, TicketEdited, TicketMoved
from ticketing.repository import TicketRepository
from ticketing.tables import LikelyIncident
from triage.incidents import store
from triage.incidents.account import Account, account_of, keys, others_of
from triage.incidents.likeness import LIKELY, likely
from triage.incidents.rarity import seed_rarity
from triage.verdict import CallTriaged, Place

#: Utterance id and text of what the caller of a call has said so far, oldest first.
CallerSaid = Callable[[str], Awaitable[Sequence[tuple[str, str]]]]
#: Places named in a text, the best first (``triage.places.Gazetteer.find``).
FindPlaces = Callable[[str], Sequence[Place]]

#: Other calls kept for one call. The desk shows fewer: those of one incident are one line there.
KEPT = 12
_TIDY = timedelta(hours=1)


class IncidentListener:
    """Subscribes itself to ``bus``; keeps what each call tells, and publishes :class:`IncidentSuggested`.

    A place or a category that a person writes into the ticket counts before the verdict's. Closed tickets are not
    suggested; calls that have no ticket are.
    """

    def __init__(
        self, bus: Bus, database: Database, clock: Clock, caller_said: CallerSaid, find_places: FindPlaces
    ) -> None:
        self._database = database
        self._clock = clock
        self._caller_said = caller_said
        self._find_places = find_places
        self._tidied: datetime | None = None
        bus.subscribe(self.handle, CallTriaged, CallLocated, TicketEdited, TicketMoved)

    async def handle(self, event: Event) -> None:
        if event.call_id is None or is_callback(event.call_id):
            return
        match event:
            case CallTriaged():
                await self._triaged(event.call_id, event)
            case CallLocated():
                await self._settled(event.call_id, _where(event))
            case TicketEdited(by=by) if by != "system":
                await self._edited(event.call_id, event.ticket_id, event.fields)
            case TicketMoved() if "closed" in (event.before, event.after):
                # What is closed is not looked at any more: a look-up costs what is open.
                async with self._database.work() as work:
                    await store.find_by_keys(work.session, event.call_id, event.after != "closed")

    async def _triaged(self, call_id: str, event: CallTriaged) -> None:
        # Counted once for all calls; until then this call's likeness waits, and nobody else.
        await asyncio.to_thread(seed_rarity)
        said = [text for _, text in await self._caller_said(call_id)]
        located = await told(self._database, call_id)
        account = account_of(call_id, event.at, event.verdict, said)
        if located:
            account = replace(account, **_where(located))
        if not keys(account):
            return  # nothing tells the place yet
        async with self._database.work() as work:
            await self._tidy(work.session)
            account = await store.save(work.session, account)
        await self._suggest(account)

    async def _edited(self, call_id: str, ticket_id: str, fields: Sequence[str]) -> None:
        """What a person wrote into the ticket."""
        async with self._database.read() as session:
            ticket = await TicketRepository(session).get(ticket_id)
        values: dict[str, Any] = {}
        if "place" in fields:
            found = self._find_places(ticket.place)
            values = {"place": ticket.place, "town": "", "community": "", "point": None, "point_m": 0.0}
            if found:
                best = found[0]
                values |= {"town": best.town, "community": best.community, "point": best.point, "point_m": best.point_m}
            # What else was heard is not what the person meant.
            values["others"] = others_of(found[1:])
        if "code" in fields:
            values["codes"] = ((ticket.code, 1.0),) if ticket.code else ()
        if "is_emergency" in fields:
            values["emergency"] = ticket.is_emergency
        if values:
            await self._settled(call_id, values)

    async def _settled(self, call_id: str, values: dict[str, Any]) -> None:
        async with self._database.work() as work:
            account = await store.settle(work.session, call_id, values)
        if account is not None:
            await self._suggest(account)

    async def _suggest(self, account: Account) -> None:
        async with self._database.read() as session:
            repository = TicketRepository(session)
            others = await store.others(session, account)
            tickets = await repository.of_calls([other.call_id for other in others])
            known = await session.get(LikelyIncident, account.call_id)
        others = [o for o in others if o.call_id not in tickets or tickets[o.call_id].state != "closed"]
        # Up to a hundred comparisons: not while the call's sound waits for the same loop.
        alike_ones = await asyncio.to_thread(likely, account, others, 0.0)
        former = {one.call_id: one for one in (suggestions(known) if known else ())}
        made = [
            Suggestion(
                call_id=other.call_id,
                probability=max(alike.probability, former[other.call_id].probability)
                if other.call_id in former
                else alike.probability,
                grounds=tuple((ground.why, ground.about) for ground in alike.grounds),
            )
            # What was likely once stays so while the place does: a noise at a site may become its collapse.
            for other, alike in alike_ones
            if alike.probability >= LIKELY or other.call_id in former
        ]
        found = tuple(sorted(made, key=lambda one: -one.probability)[:KEPT])
        if _seen(found) == (_seen(suggestions(known)) if known else ()):
            return
        now = self._clock.now()
        async with self._database.work() as work:
            await work.session.merge(LikelyIncident(call_id=account.call_id, at=now, found=[_row(s) for s in found]))
            work.record(IncidentSuggested(at=now, call_id=account.call_id, found=found))

    async def _tidy(self, session: AsyncSession) -> None:
        now = self._clock.now()
        if self._tidied is None or now - self._tidied > _TIDY:
            self._tidied = now
            await store.forget(session, now)


def suggestions(row: LikelyIncident) -> tuple[Suggestion, ...]:
    """What was last found for a call."""
    return tuple(
        Suggestion(
            call_id=one["call_id"],
            probability=one["probability"],
            grounds=tuple((why, about) for why, about in one["grounds"]),
        )
        for one in row.found
    )


def _where(located: CallLocated) -> dict[str, Any]:
    return {"position": (located.latitude, located.longitude), "position_m": located.radius_m}


def _row(found: Suggestion) -> dict[str, Any]:
    return {"call_id": found.call_id, "probability": found.probability, "grounds": [list(g) for g in found.grounds]}


def _seen(found: Sequence[Suggestion]) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """What a person sees of it: another probability alone is no news."""
    return tuple((s.call_id, s.grounds) for s in found)
