"""Wrong passwords cost time. Pure: the caller gives the moment."""

from collections import OrderedDict
from datetime import datetime, timedelta


class Lockout:
    """After ``limit`` wrong passwords for one login from one place, that pair waits ``pause``.

    Login *and* place (an address, or a browser that knows the login): a stranger who guesses must not be able to shut a
    call taker out of an emergency desk.
    At most ``room`` pairs are remembered, the oldest are forgotten first.
    """

    def __init__(self, *, limit: int = 5, pause: timedelta = timedelta(minutes=5), room: int = 10_000) -> None:
        self._limit, self._pause, self._room = limit, pause, room
        self._tries: OrderedDict[tuple[str, str], tuple[int, datetime]] = OrderedDict()

    def begin(self, login: str, where: str, now: datetime) -> bool:
        """Whether this pair may try now. A try counts from here, so that many at once are no more than one by one;
        one that is refused does not."""
        count, last = self._tries.get((login, where), (0, now))
        if now - last >= self._pause:
            count = 0
        if count >= self._limit:
            return False
        self._tries.pop((login, where), None)
        self._tries[login, where] = (count + 1, now)
        while len(self._tries) > self._room:
            self._tries.popitem(last=False)
        return True

    def unheard(self, login: str, where: str) -> None:
        """The try was not looked at after all: it counts for nothing."""
        count, last = self._tries.get((login, where), (0, None))
        if last is not None and count > 1:
            self._tries[login, where] = (count - 1, last)
        else:
            self._tries.pop((login, where), None)

    def succeeded(self, login: str, where: str) -> None:
        self._tries.pop((login, where), None)
