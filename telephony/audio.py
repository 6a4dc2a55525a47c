"""Where the live audio of a call's legs goes."""

from typing import Protocol

from telephony.events import Leg


class AudioSink(Protocol):
    """Takes each party's voice as it is spoken. Called on the event loop: must return at once and never raise."""

    def opened(self, call_id: str, leg: Leg, rate: int) -> None:
        """A leg's audio begins; ``rate`` in samples per second."""
        ...

    def audio(self, call_id: str, leg: Leg, pcm: bytes) -> None:
        """The next stretch of that leg: signed 16-bit little-endian mono."""
        ...

    def closed(self, call_id: str, leg: Leg) -> None:
        """No more of that leg."""
        ...
