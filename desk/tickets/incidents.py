"""What a screen shows of an incident: which other calls may be about the same, and who has called about it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from desk.access import masking
from desk.access.rights import may_see_caller, may_see_ticket, only
from desk.access.users import User
from desk.services import DeskServices
from desk.views import Views, stamp
from ticketing.events import Suggestion
from ticketing.incidents import follows
from ticketing.likely import suggestions
from ticketing.repository import TicketRepository
from ticketing.tables import LikelyIncident, Ticket, TicketLink
from triage.incidents import store
from triage.incidents.near import near

#: Incidents shown beside a call.
SHOWN = 3
#: And open tickets near it.
NEAR_SHOWN = 4
#: Of so many, the nearest, it is looked whether they are open: in a surge nearly all belong to one incident.
NEAR_LOOKED = 24
_REASONS = {
    "place": "同在{about}",
    "near": "相距约 {about} 米",
    "code": "同为{about}",
    "matter": "也说到「{about}」",
    "other_unit": "楼栋不同",
    "elsewhere": "所报地点为{about}",
}
_SPANS = ((86400, "{count} 天"), (3600, "{count} 小时"), (60, "{count} 分钟"), (1, "{count} 秒"))


@dataclass
class _Found:
    """One incident, or one call without a ticket, with the likeliest of its calls."""

    suggestion: Suggestion
    head: Ticket | None
    calls: int = 1
    call_ids: set[str] = field(default_factory=set)


class IncidentBook:
    """Reads for one user in one language; leaves out what the user may not see."""

    def __init__(self, services: DeskServices, user: User, views: Views) -> None:
        self._services, self._user, self._views = services, user, views

    async def of_call(self, call_id: str) -> dict[str, Any]:
        """What the call's desk sees: where its ticket belongs, who else has called, and what may be the same."""
        async with self._services.database.read() as session:
            repository = TicketRepository(session)
            ticket = await repository.by_call(call_id)
            seen = await self._of_ticket(repository, ticket) if ticket else {"head": None, "callers": []}
            row = await session.get(LikelyIncident, call_id)
            known = {caller["ticket_id"] for caller in seen["callers"]}
            found = await self._likely(session, suggestions(row) if row else (), known)
            likely = [await self._suggested(session, one) for one in found]
            known |= {one.head.id for one in found if one.head} | ({ticket.id} if ticket else set())
            close = await self._near(session, call_id, known)
        return {
            "call_id": call_id,
            "ticket_id": ticket.id if ticket else None,
            "closed": ticket is not None and ticket.state == "closed",
            **seen,
            "likely": likely,
            "near": close,
        }

    async def of_ticket(self, ticket: Ticket) -> dict[str, Any]:
        """Head and callers of the incident that a ticket belongs to; both empty where it stands for itself."""
        async with self._services.database.read() as session:
            return await self._of_ticket(TicketRepository(session), ticket)

    async def _of_ticket(self, repository: TicketRepository, ticket: Ticket) -> dict[str, Any]:
        link = await repository.link_of(ticket.id)
        head = await repository.get(link.head_id) if link else ticket
        children = await repository.children(head.id)
        if not children:
            return {"head": None, "callers": []}
        callers = [self._caller(head, None, head), *(self._caller(child, link, head) for link, child in children)]
        return {
            "head": {"id": head.id, "number": head.number, "state_name": self._views.step_of(head)} if link else None,
            "callers": sorted(callers, key=lambda caller: caller["at"]),
        }

    def _caller(self, ticket: Ticket, link: TicketLink | None, head: Ticket) -> dict[str, Any]:
        visible, hidden = may_see_ticket(self._user, ticket), masking.hides(self._user)
        return {
            "ticket_id": ticket.id,
            "number": ticket.number,
            "visible": visible,
            "caller": (masking.number(ticket.caller) if hidden else ticket.caller) if visible else "",
            "contact_name": (masking.person(ticket.contact_name) if hidden else ticket.contact_name) if visible else "",
            "summary": ticket.summary if visible else "",
            "line_name": self._views.line_name(ticket.line),
            "agent_name": self._views.desk_name(ticket.agent_extension),
            "at": stamp(ticket.created_at),
            "emergency": ticket.is_emergency,
            "state": ticket.state,
            "state_name": self._views.step_of(ticket),
            "head": link is None,
            "stays": link is not None and (link.stays or not follows(head, ticket)),
            "refused": link is not None and link.stays,
        }

    async def _likely(self, session: AsyncSession, found: Sequence[Suggestion], known: set[str]) -> list[_Found]:
        """One for each incident that is open and is not this one, the likeliest first."""
        repository = TicketRepository(session)
        tickets = await repository.of_calls([one.call_id for one in found])
        incidents: dict[str, _Found] = {}
        for one in found:
            ticket = tickets.get(one.call_id)
            link = await repository.link_of(ticket.id) if ticket else None
            head = await repository.get(link.head_id) if link else ticket
            if head is not None and (
                head.state == "closed" or head.id in known or not may_see_ticket(self._user, head)
            ):
                continue
            incident = incidents.setdefault(head.id if head else one.call_id, _Found(one, head))
            incident.call_ids.add(one.call_id)
        return list(incidents.values())[:SHOWN]

    async def _near(self, session: AsyncSession, call_id: str, known: set[str]) -> list[dict[str, Any]]:
        """Open tickets close to what this call reports, whatever they are about, without those that are ``known``."""
        account = await store.get(session, call_id)
        if account is None:
            return []
        close = near(account, await store.others(session, account))
        repository = TicketRepository(session)
        tickets = await repository.of_calls([one.call_id for one in close[:NEAR_LOOKED]])
        shown: dict[str, dict[str, Any]] = {}
        for one in close[:NEAR_LOOKED]:
            ticket = tickets.get(one.call_id)
            link = await repository.link_of(ticket.id) if ticket else None
            head = await repository.get(link.head_id) if link else ticket
            if head is None or head.id in known or head.state == "closed" or not may_see_ticket(self._user, head):
                continue
            shown.setdefault(head.id, {
                "ticket_id": head.id, "number": head.number, "state_name": self._views.step_of(head),
                "emergency": head.is_emergency, "category": self._views.category_name(head.code), "place": head.place,
                "at": stamp(head.created_at), "metres": None if one.metres is None else round(one.metres, -1),
            })  # fmt: skip
            if len(shown) == NEAR_SHOWN:
                break
        return list(shown.values())

    async def _suggested(self, session: AsyncSession, found: _Found) -> dict[str, Any]:
        views, head = self._views, found.head
        seen: dict[str, Any] = {
            "call_id": found.suggestion.call_id,
            "probability": found.suggestion.probability,
            "reasons": [self._reason(why, about) for why, about in found.suggestion.grounds],
            "ticket_id": None,
            "callers": 1,
        }
        if head is not None:
            children = await TicketRepository(session).children(head.id)
            return seen | {
                "ticket_id": head.id,
                "number": head.number,
                "state_name": views.step_of(head),
                "emergency": head.is_emergency,
                "category": views.category_name(head.code),
                "place": head.place,
                "summary": head.summary,
                "line_name": views.line_name(head.line),
                "at": stamp(head.created_at),
                "callers": 1 + len(children),
            }
        call_id = found.suggestion.call_id
        live = self._services.switchboard.live_call(call_id)
        row = live or await self._services.ledger.call(call_id)
        verdict = await self._services.verdicts.latest(call_id)
        desks = live.desks if live else only(row.agent if row else None)
        return seen | {
            "number": (row.caller if row and may_see_caller(self._user, desks) else ""),
            "state_name": views.text("等待接听" if live else "未接通"),
            "emergency": verdict is not None and verdict.outcome == "emergency",
            "category": views.category_name(verdict.code) if verdict else "",
            "place": verdict.place if verdict else "",
            "summary": "",
            "line_name": views.line_name(row.line) if row else "",
            "at": stamp(row.arrived_at) if row else None,
        }

    def _reason(self, why: str, about: str) -> str:
        views = self._views
        if why == "time":
            seconds = int(about)
            size, span = next((s for s in _SPANS if abs(seconds) >= s[0]), _SPANS[-1])
            length = views.text(span).format(count=round(abs(seconds) / size))
            return views.text("早 {span}" if seconds >= 0 else "晚 {span}").format(span=length)
        return views.text(_REASONS[why]).format(about=views.category_name(about) if why == "code" else about)
