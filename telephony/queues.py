"""Which queues Asterisk has, and who is in them: from the city's skill groups. Pure.

One queue for each group; one more, ``…-wide``, for callers of a group who have waited longer than its own desks take;
and the last resort, in which every telephone of a person is, never paused. A desk of several groups is a member of
several queues: who waits in the one with the higher weight gets it first.
"""

from dataclasses import dataclass

from core.city import City, Desk, Line, Mode, SkillGroup

#: Emergency callers whom nobody has answered in time wait here. One queue: between two of the same weight, Asterisk
#: would let chance decide who is answered first.
LAST_RESORT = "last-resort"
#: Seconds of each round: four rings.
LAST_S = 44
#: Name of the queue in which synthetic callers wait; no desk is in it.
PROBE = "probe"


@dataclass(frozen=True)
class AsteriskQueue:
    """A section of ``queues.conf``."""

    name: str
    #: What it is for, as a comment.
    title: str
    weight: int
    desks: tuple[Desk, ...]
    #: Callers hear music and may keep their place by a key; else they hear ringing.
    music: bool = False
    #: Rings all its telephones at once.
    everyone: bool = False
    #: Extensions that are rung only after the others: helpers from another group.
    later: frozenset[str] = frozenset()

    def penalty(self, desk: Desk) -> int:
        """Desks with a lower one are rung first; where all ring at once there is none."""
        return 0 if self.everyone else desk.penalty + (10 if desk.extension in self.later else 0)


def wide(group: SkillGroup) -> str:
    """Name of the queue for those who have waited longer than the group's own time; empty where nobody helps out."""
    return f"{group.key}-wide" if group.overflow else ""


def queues(city: City) -> tuple[AsteriskQueue, ...]:
    """All queues of a city, the most urgent first."""
    desks = [desk for desk in city.desks if desk.in_queue]
    people = tuple(desk for desk in desks if desk.kind != "robot")
    made = [AsteriskQueue(LAST_RESORT, "nobody answered an emergency in time", 30, people, everyone=True)]
    for group in city.groups:
        urgent = group.key == "emergency"
        own = tuple(desk for desk in desks if group.key in desk.groups)
        base = 20 if urgent else 10
        made.append(AsteriskQueue(group.key, group.name, base, own, music=not urgent))
        if group.overflow:
            helping = set(group.overflow)
            helpers = {d.extension for d in desks if group.key not in d.groups and not helping.isdisjoint(d.groups)}
            both = tuple(desk for desk in desks if group.key in desk.groups or desk.extension in helpers)
            title = f"{group.name} and those who help out"
            made.append(AsteriskQueue(wide(group), title, base + 1, both, music=not urgent, later=frozenset(helpers)))
    return tuple(made)


def pausable(city: City) -> dict[str, tuple[str, ...]]:
    """For each desk the queues in which a pause holds, its home queue (that of its first group) first."""
    found: dict[str, tuple[str, ...]] = {}
    members = [(q.name, {desk.extension for desk in q.desks}) for q in queues(city) if not q.everyone]
    for desk in city.desks:
        if desk.in_queue:
            names = [name for name, extensions in members if desk.extension in extensions]
            found[desk.extension] = tuple(sorted(names, key=lambda name: name != desk.groups[0]))
    return found


def route(city: City, line: Line, mode: Mode, sounds: str, round_s: int) -> str:
    """Arguments of the dialplan's ``emergency`` or ``service`` for a call of this line in this mode:
    group, seconds of the first round, announcement, the queue after that round, seconds of later rounds."""
    key = mode.groups.get(line.answered_by, line.answered_by)
    group = city.skill_group(key) or city.groups[0]
    later = mode.service_round_s or round_s
    first = min(group.overflow_s, later) if group.overflow else later
    announcement = f"{sounds}/mode-{mode.key}" if mode.announcement else ""
    return f"{key},{first},{announcement},{wide(group)},{later}"
