"""Channel events of whole calls, as Asterisk tells them, for tests of the trackers."""

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from telephony.cel import CelEvent

START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
DESKS = ("1001", "1002", "1003", "1901")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@dataclass
class Script:
    """Writes events one after the other; every channel gets the next unique id, as in Asterisk."""

    events: list[CelEvent] = field(default_factory=list)
    _ids: "itertools.count[int]" = field(default_factory=itertools.count)
    _rounds: dict[str, int] = field(default_factory=dict)
    _channels: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # unique id → channel, linked id, caller

    def tell(self, kind: str, uid: str, seconds: float, *, context: str = "", exten: str = "s", name: str = "",
             **extra: Any) -> None:  # fmt: skip
        channel, linked, caller = self._channels[uid]
        self.events.append(
            CelEvent(kind, at(seconds), uid, linked, channel, caller, exten, context, "", name, extra)
        )  # fmt: skip

    def _new(self, peer: str, linked: str, caller: str, uid: str = "") -> str:
        number = next(self._ids)
        uid = uid or f"hy1-1795000000.{number}"
        self._channels[uid] = (f"{peer}-{number:08x}", linked or uid, caller)
        return uid

    def channel(self, uid: str) -> str:
        return self._channels[uid][0]

    # -- callers

    def arrive(self, seconds: float, line: str = "119", caller: str = "13800138000", priority: int = 100) -> str:
        """A call from the exchange up to its place in the queue."""
        uid = self._new("PJSIP/trunk", "", caller)
        self.tell("CHAN_START", uid, seconds, context="from-trunk", exten=line)
        self.tell("USER_DEFINED", uid, seconds, context="line-in", name="LINE", extra=line)
        self.tell("ANSWER", uid, seconds, context="line-in")
        self.queue(uid, seconds, priority)
        return uid

    def queue(self, uid: str, seconds: float, priority: int, queue: str = "emergency") -> None:
        self._rounds[uid] = self._rounds.get(uid, 0) + 1
        extra = f"{priority}:{queue}:{self._rounds[uid]}"
        self.tell("USER_DEFINED", uid, seconds, context="waits", name="QUEUED", extra=extra)

    def place(self, seconds: float, uid: str = "cb-1", number: str = "13800138000") -> str:
        """A call that heyi places."""
        self._new("PJSIP/trunk", "", number, uid)
        self.tell("CHAN_START", uid, seconds, context="from-trunk")
        return uid

    def key(self, uid: str, seconds: float, value: str) -> None:
        self.tell("USER_DEFINED", uid, seconds, context="callback", name="KEY", extra=value)

    # -- desks

    def ring(self, call: str, desk: str, seconds: float) -> str:
        uid = self._new(f"PJSIP/{desk}", call, desk)
        self.tell("CHAN_START", uid, seconds, context="from-desk")
        return uid

    def pick_up(self, call: str, leg: str, seconds: float, bridge: str = "b1") -> None:
        """The desk answers and both are put into a bridge; Asterisk tells the desk's side first."""
        self.tell("ANSWER", leg, seconds)
        self.tell("BRIDGE_ENTER", leg, seconds, bridge_id=bridge)
        self.tell("BRIDGE_ENTER", call, seconds, bridge_id=bridge)

    def come_back(self, call: str, desk: str, seconds: float, bridge: str = "b1") -> str:
        """A desk whose page was refreshed is dialled anew, outside of the call, and put into its bridge."""
        uid = self._new(f"PJSIP/{desk}", "", desk)
        self.tell("CHAN_START", uid, seconds, context="from-desk")
        self.tell("ANSWER", uid, seconds)
        self.tell("BRIDGE_ENTER", uid, seconds, bridge_id=bridge)
        return uid

    # -- ends

    def leave(self, uid: str, seconds: float, bridge: str = "b1") -> None:
        self.tell("BRIDGE_EXIT", uid, seconds, bridge_id=bridge)

    def hang_up(self, uid: str, seconds: float, *, by: str = "", cause: int = 16) -> None:
        """The channel ends; ``by`` is the unique id of the channel that asked for it, empty where Asterisk did."""
        source = self.channel(by) if by else ""
        self.tell("HANGUP", uid, seconds, hangupcause=cause, hangupsource=source, dialstatus="")
        self.tell("CHAN_END", uid, seconds)
