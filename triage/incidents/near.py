"""What else is reported close by, whatever it is about: of two calls' accounts, by position or by village. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from core.earth import metres_between
from triage.incidents.account import MOST_OFF_M, Account

#: As far as a call taker means by "near", in metres.
NEAR_M = 1000.0


@dataclass(frozen=True)
class Near:
    """Another call, and how far it is: in metres, None where both only name the same village."""

    call_id: str
    metres: float | None


def near(account: Account, others: Iterable[Account]) -> list[Near]:
    """The calls within :data:`NEAR_M`, the nearest first; then those of the same village."""
    found = []
    village = (account.town, account.community)
    for other in others:
        metres = _apart(account, other)
        if metres is not None and metres <= NEAR_M:
            found.append(Near(other.call_id, metres))
        elif metres is None and account.community and village == (other.town, other.community):
            found.append(Near(other.call_id, None))
    return sorted(found, key=lambda one: (one.metres is None, one.metres or 0.0))


def _apart(one: Account, other: Account) -> float | None:
    """Metres between the places that they report; None where one of them is not known well enough."""
    here, there = _spot(one), _spot(other)
    return metres_between(here[1], here[0], there[1], there[0]) if here and there else None


def _spot(account: Account) -> tuple[float, float] | None:
    """Where the matter is: the place told before the telephone's, as a caller may stand elsewhere."""
    for position, off in ((account.point, account.point_m), (account.position, account.position_m)):
        if position is not None and off <= MOST_OFF_M:
            return position
    return None
