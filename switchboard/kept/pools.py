"""Which desks a kept place competes for, and with whom. Pure: from the city's groups, mode and desks' states."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.city import City, Mode
from switchboard.views import AgentView
from telephony.queues import queues, wide

_WORKING = ("ringing", "talking", "held")


@dataclass(frozen=True)
class Pool:
    """Where somebody would wait who arrived at a given moment on a given line."""

    #: Name of Asterisk's queue.
    queue: str
    #: The queue in which other groups help out.
    wide: bool
    #: Extensions of its desks.
    desks: frozenset[str]
    #: Names of the queues whose callers could be given one of these desks.
    rivals: frozenset[str]
    #: Whole rounds in the queue that have passed.
    rounds: int

    def free(self, agents: Iterable[AgentView]) -> int:
        """Desks to be counted on: ready, or in wrap-up, which ends about when somebody has picked up the telephone.

        Where all are busy the next one that becomes free is counted: Asterisk gives it away at once, so who comes first
        must be on the telephone by then.
        """
        states = [agent.state for agent in agents if agent.extension in self.desks]
        soon = sum(state in ("ready", "wrapup") for state in states)
        return soon or int(any(state in _WORKING for state in states))


def pool(city: City, mode: Mode, number: str, arrived_at: datetime, now: datetime, round_s: int) -> Pool:
    """The pool of a line; ``round_s``: seconds of a service round where the mode has none of its own."""
    line = city.line(number)
    key = line.answered_by if line is not None else "service"
    group = city.skill_group(mode.groups.get(key, key)) or city.groups[0]
    later = mode.service_round_s or round_s
    first = min(group.overflow_s, later) if group.overflow else later
    waited = now - arrived_at
    rounds = 0 if waited < timedelta(seconds=first) else 1 + int((waited.total_seconds() - first) // later)
    helped = bool(group.overflow) and rounds > 0
    name = wide(group) if helped else group.key
    members = {q.name: frozenset(desk.extension for desk in q.desks) for q in queues(city)}
    desks = members.get(name, frozenset())
    rivals = frozenset(other for other, theirs in members.items() if theirs & desks)
    return Pool(name, helped, desks, rivals, rounds)


def emergency_desks(city: City, mode: Mode) -> frozenset[str]:
    """Extensions of the desks that emergency lines are answered by in this mode, without those that only help out."""
    keys = {line.answered_by for line in city.lines if line.kind == "emergency"}
    names = {mode.groups.get(key, key) for key in keys}
    return frozenset(desk.extension for queue in queues(city) if queue.name in names for desk in queue.desks)
