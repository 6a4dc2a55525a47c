"""Who may see, hear and receive what. Pure: every screen, the API and the live stream ask here."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from desk.users import User


class TicketPlace(Protocol):
    """The part of a ticket that rights depend on."""

    @property
    def department(self) -> str: ...
    @property
    def assist(self) -> Collection[str]: ...


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Who receives one live event, besides supervisors, who receive all."""

    #: Every call taker: facts of queue and desks, without callers' numbers.
    all_desks: bool = False
    #: Extensions of single desks.
    desks: frozenset[str] = frozenset()
    #: Keys of departments.
    departments: frozenset[str] = frozenset()


def receives(user: User, audience: Audience) -> bool:
    """Whether this user's live stream carries an event of that audience."""
    if user.role == "supervisor":
        return True
    if user.role == "agent":
        return audience.all_desks or user.extension in audience.desks
    return user.department in audience.departments


def may_see_ticket(user: User, ticket: TicketPlace) -> bool:
    """Call takers see every ticket (callers ask how their matter stands); a department sees its own."""
    if user.role == "department":
        return user.department is not None and (
            user.department == ticket.department or user.department in ticket.assist
        )
    return True


def only(desk: str | None) -> frozenset[str]:
    """The desk that had a call, as the rights below take it; empty where there was none."""
    return frozenset({desk} if desk else ())


def may_hear(user: User, desks: frozenset[str], ticket: TicketPlace | None) -> bool:
    """Recording and transcript: the supervisor, the desks that have or had the call, the department of its ticket."""
    if user.role == "supervisor":
        return True
    if user.role == "agent":
        return user.extension in desks
    return ticket is not None and may_see_ticket(user, ticket)


def may_see_caller(user: User, desks: frozenset[str]) -> bool:
    """The number of somebody on the line: the supervisor and the call takers at whose desks the call is."""
    return user.role == "supervisor" or (user.role == "agent" and user.extension in desks)
