"""Keys that are told twice, counted once. Pure.

What runs on a channel tells which key has ended it, at once; the manager interface tells every key, also those pressed
between two steps of the channel, but its connection may be away. Either may come first.
"""

from collections import deque
from typing import Literal

Teller = Literal["channel", "manager"]
#: Seconds within which both tell of the same key.
TOGETHER_S = 3.0


class KeysOnce:
    """The keys of one call."""

    def __init__(self) -> None:
        #: Keys that one has told and the other not yet, with the moment.
        self._alone: dict[Teller, deque[tuple[str, float]]] = {"channel": deque(), "manager": deque()}

    def is_new(self, teller: Teller, digit: str, now: float) -> bool:
        """Whether this is a key that the other has not told; ``now`` in seconds of any steady clock."""
        other = self._alone["manager" if teller == "channel" else "channel"]
        while other and now - other[0][1] > TOGETHER_S:
            other.popleft()
        told = next((entry for entry in other if entry[0] == digit), None)
        if told is not None:
            other.remove(told)
            return False
        self._alone[teller].append((digit, now))
        return True
