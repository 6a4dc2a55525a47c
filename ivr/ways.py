"""How a driver's part of a call ends, and what the dialplan calls that. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from ivr.journal import How
from ivr.signals import CallBack, Ending, HangUp, Queue, Transfer


@dataclass(frozen=True)
class Left:
    """How a driver's part ended."""

    how: How
    #: Skill group or line; empty where it is neither.
    to: str = ""
    #: What the session asked for last; None where the line was lost.
    last: Ending | Transfer | None = None


#: What the dialplan calls each way (``voiced`` and ``voice-ways`` in dialplans/extensions.conf.j2).
WAYS: Mapping[How, str] = {
    "queue": "queue", "emergency": "urgent", "group": "group", "line": "line", "keep": "queue", "party": "party",
    "callback": "callback", "hangup": "hangup",
}  # fmt: skip


def way_of(last: Ending | Transfer) -> tuple[How, str]:
    """Where an output that ends a part leads, and to which group or line."""
    match last:
        case Queue(emergency=True):
            return "emergency", ""
        case Queue(keep=True):
            return "keep", ""
        case Transfer(party=party) if party:
            return "party", ""
        case Queue(group=group, line=line) | Transfer(group=group, line=line):
            return ("line", line) if line else ("group", group) if group else ("queue", "")
        case CallBack():
            return "callback", ""
        case HangUp():
            return "hangup", ""
