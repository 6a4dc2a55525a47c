"""How often somebody may knock: counted in the database, so that it holds over restarts and for all processes together.

One row for each name and limit holds the moments of its last knocks, the newest first, thirteen digits of milliseconds
each. One statement looks and counts: it changes the row only where the knock that would drop out of the window has done
so, and two processes cannot both take the last place.
"""

import hashlib
from collections import OrderedDict, deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from sqlalchemy import TextClause, bindparam, delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.database import Database, UtcDateTime
from ticketing.doors.tables import DoorKnocks

#: Names that are remembered at once; more of them at the same time forget the one that was quiet longest.
_NAMES = 10_000
#: Characters of a moment.
_WIDE = 13
_TIDY = timedelta(hours=1)


@dataclass(frozen=True)
class Limit:
    """At most ``times`` in any ``within``."""

    times: int
    within: timedelta


class Limiter:
    """Counts by name in the process's memory. A knock that is refused does not count. Pure: time is an argument."""

    def __init__(self, *limits: Limit, names: int = _NAMES) -> None:
        self.limits = limits
        self.longest = max(limit.within for limit in limits)
        self._names = names
        self._knocks: OrderedDict[str, deque[datetime]] = OrderedDict()

    def wait(self, name: str, now: datetime) -> timedelta:
        """How long until ``name`` may knock again; zero: now, and that it does is counted."""
        knocks = self._knocks.setdefault(name, deque())
        self._knocks.move_to_end(name)
        while knocks and knocks[0] <= now - self.longest:
            knocks.popleft()
        left = longest_left(self.limits, knocks, now)
        if not left:
            knocks.append(now)
        while len(self._knocks) > self._names:
            self._knocks.popitem(last=False)
        return left

    def forget(self, name: str) -> None:
        """The last knock of ``name`` does not count after all."""
        if knocks := self._knocks.get(name):
            knocks.pop()


class Knocks:
    """The limits of a site by the names of its doors, over its database.

    What this process knows to be too often is refused without asking the database: a flood writes nothing. ``here``:
    doors whose knocks this process counts for itself alone, since who only looks must not queue for the one lock of
    those who write.
    """

    def __init__(
        self, database: Database, clock: Clock, limits: Mapping[str, tuple[Limit, ...]], here: Collection[str] = ()
    ) -> None:
        self._database = database
        self._here = frozenset(here)
        self._clock = clock
        self._near = {what: Limiter(*these) for what, these in limits.items()}
        self._statements = {what: _statement(these) for what, these in limits.items()}
        self._tidied: datetime | None = None

    async def wait(self, what: str, name: str) -> timedelta:
        """How long until ``name`` may knock at ``what`` again; zero: now, and that it does is counted."""
        now, near = self._clock.now(), self._near[what]
        if (left := near.wait(name, now)) or what in self._here:
            return left
        # Addresses of people are not kept, only what they are recognised by for a day.
        key = hashlib.sha256(f"{what}\x00{name}".encode()).hexdigest()[:40]
        async with self._database.work() as work:
            done = await work.session.execute(self._statements[what], _values(near.limits, key, now))
            if done.first() is not None:
                left = timedelta(0)
            else:
                kept = await work.session.scalar(select(DoorKnocks.times).where(DoorKnocks.name == key)) or ""
                # The other process's knock may just have dropped out of the window.
                left = longest_left(near.limits, _moments(kept), now) or timedelta(seconds=1)
            await self._tidy(work.session, now)
        if left:
            near.forget(name)
        return left

    async def _tidy(self, session: AsyncSession, now: datetime) -> None:
        if self._tidied is not None and now - self._tidied < _TIDY:
            return
        self._tidied = now
        oldest = now - max(near.longest for near in self._near.values())
        await session.execute(delete(DoorKnocks).where(DoorKnocks.at < oldest))


def household(address: str) -> str:
    """By what an address counts: one of IPv6 by its /64, of which one household has all. Pure."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if not isinstance(known, IPv6Address):
        return str(known)
    return str(known.ipv4_mapped or ip_network((int(known), 64), strict=False))


def _statement(limits: tuple[Limit, ...]) -> TextClause:
    """Of each limit the knock that stands at its number from the newest must be gone out of its window, or not be."""
    free = " AND ".join(
        f"(length(door_knocks.times) < {limit.times * _WIDE} OR"
        f" substr(door_knocks.times, {(limit.times - 1) * _WIDE + 1}, {_WIDE}) <= :before{number})"
        for number, limit in enumerate(limits)
    )
    keep = (max(limit.times for limit in limits) - 1) * _WIDE
    made = text(
        "INSERT INTO door_knocks (name, times, at) "  # noqa: S608  figures of our own
        "VALUES (:name, :now, :at) ON CONFLICT (name) DO UPDATE SET "
        f"times = excluded.times || substr(door_knocks.times, 1, {keep}), at = excluded.at WHERE {free} RETURNING name"
    )
    return made.bindparams(bindparam("at", type_=UtcDateTime()))


def _values(limits: tuple[Limit, ...], key: str, now: datetime) -> dict[str, str | datetime]:
    before = {f"before{number}": _stamp(now - limit.within) for number, limit in enumerate(limits)}
    return {"name": key, "now": _stamp(now), "at": now, **before}


def _stamp(moment: datetime) -> str:
    return f"{int(moment.timestamp() * 1000):0{_WIDE}d}"


def _moments(times: str) -> list[datetime]:
    """Oldest first."""
    found = [times[place : place + _WIDE] for place in range(0, len(times), _WIDE)]
    return [datetime.fromtimestamp(int(one) / 1000, UTC) for one in reversed(found)]


def longest_left(limits: Iterable[Limit], knocks: Iterable[datetime], now: datetime) -> timedelta:
    """How long until all of these limits let another knock in; ``knocks``, oldest first. Pure."""
    known = list(knocks)
    return max(_left(limit, known, now) for limit in limits)


def _left(limit: Limit, knocks: Iterable[datetime], now: datetime) -> timedelta:
    recent = [at for at in knocks if at > now - limit.within]
    if len(recent) < limit.times:
        return timedelta(0)
    return recent[-limit.times] + limit.within - now
