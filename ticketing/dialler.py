"""What this room asks of telephony to call somebody back; satisfied in ``heyi``."""

from typing import Protocol

from core.ids import new_id

_PREFIX = "cb-"


class Dialler(Protocol):
    async def place(self, *, call_id: str, number: str, ticket_number: str) -> bool:
        """Start a call to ``number`` that asks for satisfaction; returns without waiting for the answer.

        ``call_id`` becomes the unique id of the channel, so that its events find the attempt. False where Asterisk
        took no call; what becomes of a taken one comes as ``KeyPressed(question="satisfaction")`` and ``CallEnded``.
        """
        ...


def new_call_id() -> str:
    """An id for a call that heyi places: ``[A-Za-z0-9-]+``."""
    return f"{_PREFIX}{new_id()}"


def is_callback(call_id: str) -> bool:
    """Whether a call is one of ours by its id alone."""
    return call_id.startswith(_PREFIX)
