"""A call and its channels as the tracker knows them, and the ids of the facts about them."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from telephony.callids import Role
from telephony.events import Direction

_NAMESPACE = uuid.UUID("6f1d6bd2-9d0b-4a54-8a70-6f0f5c2c4b11")


def fact_id(call_id: str, kind: str, about: str = "") -> str:
    """The id of a fact: the same whenever and from whichever source it is learned."""
    return uuid.uuid5(_NAMESPACE, f"{call_id}/{kind}/{about}").hex


@dataclass(slots=True)
class Leg:
    """One channel of a call."""

    uniqueid: str
    channel: str
    kind: Literal["caller", "desk", "supervisor", "outside"]
    extension: str
    started_at: datetime
    answered_at: datetime | None = None
    joined: bool = False
    #: What a desk's leg was begun as; a desk that is rung by the queue is an ``agent``.
    role: Role = "agent"
    #: How often a supervisor's leg has changed between listening, whispering and speaking to all.
    modes: int = 0


@dataclass(slots=True)
class Call:
    """What is known of a call that has not ended."""

    id: str
    line: str
    caller: str
    direction: Direction
    channel: str
    arrived_at: datetime
    priority: int = 0
    #: Asterisk's queue in which the caller waits or waited last.
    queue: str = ""
    #: How often the caller was put into a queue.
    rounds: int = 0
    #: How often a voice has begun to speak to the caller.
    voices: int = 0
    #: Waits in a queue now.
    waiting: bool = False
    queued_at: datetime | None = None
    answered_at: datetime | None = None
    #: When the desk hung up while the caller stayed to be asked about the call; None again if he waits anew.
    talked_until: datetime | None = None
    #: The desk whose call it is.
    agent: str = ""
    ended: bool = False
    legs: dict[str, Leg] = field(default_factory=dict)

    @property
    def in_queue(self) -> bool:
        """Whether the merged queue carries this call: the caller dialled us, or was rung to be put into it."""
        return self.direction in ("in", "back")

    @property
    def state(self) -> Literal["arrived", "queued", "ringing", "talking"]:
        if any(leg.joined for leg in self.legs.values()) or (self.answered_at is not None and not self.waiting):
            return "talking"
        if any(leg.kind == "desk" for leg in self.legs.values()):
            return "ringing"
        return "queued" if self.waiting else "arrived"

    def joined(self, extension: str) -> list[Leg]:
        """This desk's legs in the conversation."""
        return [leg for leg in self.legs.values() if leg.extension == extension and leg.joined]
