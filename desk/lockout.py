"""Wrong passwords cost time. Pure: the caller gives the moment."""

from collections import OrderedDict
from datetime import datetime, timedelta


class Lockout:
    """After ``limit`` wrong passwords for one login from one address, that pair waits ``pause``.

    Login *and* address: a stranger who guesses must not be able to shut a call taker out of an emergency desk.
    At most ``room`` pairs are remembered, the oldest are forgotten first.
    """

    def __init__(self, *, limit: int = 5, pause: timedelta = timedelta(minutes=5), room: int = 10_000) -> None:
        self._limit, self._pause, self._room = limit, pause, room
        self._failures: OrderedDict[tuple[str, str], tuple[int, datetime]] = OrderedDict()

    def remaining_s(self, login: str, address: str, now: datetime) -> float:
        """Seconds until this pair may try again; 0 when it may now."""
        count, last = self._failures.get((login, address), (0, now))
        if count < self._limit:
            return 0.0
        return max(0.0, (last + self._pause - now).total_seconds())

    def failed(self, login: str, address: str, now: datetime) -> None:
        count, last = self._failures.pop((login, address), (0, now))
        if now - last >= self._pause:
            count = 0
        self._failures[login, address] = (count + 1, now)
        while len(self._failures) > self._room:
            self._failures.popitem(last=False)

    def succeeded(self, login: str, address: str) -> None:
        self._failures.pop((login, address), None)
