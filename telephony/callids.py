"""Ids of the channels that heyi itself begins; they say what each is for, so that the event file alone tells it.

Whom a call rings is not in its id, which stands in events that every desk receives: :class:`telephony.ledger.Rung` has
the number.
"""

import re
import secrets
from dataclasses import dataclass
from typing import Literal

#: Head of the ids of calls that ask whether a matter was settled (回访).
CALLBACK = "cb-"
#: What stands in place of a line in the ledger of such a call.
CALLBACK_LINE = "callback"

#: Why heyi rings somebody and puts him into the queue: he dropped from an emergency line, or his kept place has come.
Return = Literal["recall", "kept"]
#: What a desk's new channel is in a call that is going on.
Role = Literal["agent", "link", "consult", "supervisor", "rejoin"]

_HEADS: dict[str, Return] = {"rc": "recall", "kp": "kept"}
_ROLES: dict[str, Role] = {"ln": "link", "rj": "rejoin", "sv": "supervisor"}
_RETURNED = re.compile(r"(rc|kp)-([0-9]{3,12})-[0-9a-f]{16}")
_JOINING = re.compile(r"(ln|rj|sv)-[0-9a-f]{8}-(.{1,80})")


@dataclass(frozen=True, slots=True)
class Returned:
    """The channel of a caller whom heyi rings for the queue of ``line``."""

    why: Return
    line: str


@dataclass(frozen=True, slots=True)
class Joining:
    """The channel of a desk that comes into the call ``call_id``."""

    role: Role
    call_id: str


def returned_id(why: Return, line: str) -> str:
    """A fresh id for ringing somebody for the queue of ``line``."""
    head = next(h for h, w in _HEADS.items() if w == why)
    return f"{head}-{line}-{secrets.token_hex(8)}"


def joining_id(role: Role, call_id: str) -> str:
    """A fresh id for a desk's channel that is to come into a call."""
    head = next(h for h, r in _ROLES.items() if r == role)
    return f"{head}-{secrets.token_hex(4)}-{call_id}"


def returned(uniqueid: str) -> Returned | None:
    """What the id of a returned call says; None for any other channel."""
    match = _RETURNED.fullmatch(uniqueid)
    return Returned(_HEADS[match[1]], match[2]) if match else None


def joining(uniqueid: str) -> Joining | None:
    """Into which call this channel comes, and as what; None for any other channel."""
    match = _JOINING.fullmatch(uniqueid)
    return Joining(_ROLES[match[1]], match[2]) if match else None


def placed(uniqueid: str) -> bool:
    """Whether heyi began a call with this channel: a question, or a caller whom it rang for the queue."""
    return uniqueid.startswith(CALLBACK) or returned(uniqueid) is not None
