"""Calls that heyi places, and how waiting callers are moved forward."""

import contextlib
import re

import structlog

from core.errors import AmiError
from core.phones import NUMBER
from telephony.bridge import Bridge
from telephony.call import Call
from telephony.callids import CALLBACK, Return

log = structlog.get_logger(__name__)

_CHANNEL_ID = re.compile(r"[A-Za-z0-9.-]{1,80}")


class Dialling:
    """Rings people through the exchange. Implements :class:`ticketing.dialler.Dialler`."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    async def place(self, *, call_id: str, number: str, ticket_number: str) -> bool:
        """Ask somebody whether his matter was settled; ``call_id`` becomes the channel's. False where refused."""
        if not NUMBER.fullmatch(number) or not call_id.startswith(CALLBACK) or not _CHANNEL_ID.fullmatch(call_id):
            return False
        return await self._ring(number, call_id, "callback", "s", "12345", [f"HEYI_TICKET={ticket_number}"])

    async def ring_back(
        self,
        why: Return,
        line: str,
        number: str,
        *,
        priority: int,
        position: int = 0,
        call_id: str,
        desk: str = "",
        wide: bool = False,
        urgent: bool = False,
    ) -> str | None:
        """Ring a caller who dropped, or whose kept place has come, and put him into the queue of ``line``.

        ``position`` is the place in that queue (1 is the first), 0 for behind all of the same priority; ``wide`` for
        the queue in which other groups help out, ``urgent`` for that of the emergency desks. With ``desk`` he is
        connected to that desk, and waits in the queue only where it does not answer. ``call_id`` is one of
        :func:`telephony.callids.returned_id`.

        Returns the call's id; None where Asterisk did not say that it took the call, which it may have done all the
        same. Whether he was reached is told by the call's events.
        """
        if not NUMBER.fullmatch(number) or not line.isdecimal():
            return None
        variables = [f"QUEUE_PRIO={priority}", f"POSITION={position or ''}"]
        variables += [f"{name}=1" for name, said in (("HEYI_WIDE", wide), ("HEYI_URGENT", urgent)) if said]
        context, exten = (why, line) if not desk else ("recall-desk", desk)
        if desk:
            variables.append(f"__HEYI_LINE={line}")
        return call_id if await self._ring(number, call_id, context, exten, line, variables) else None

    async def set_place(self, call_id: str, priority: int, position: int) -> None:
        """Where a caller who is being rung will stand when he picks up. Nothing where he waits already."""
        call = self._bridge.calls.calls.get(call_id)
        if call is None or call.ended or call.queued_at is not None:
            return
        await self._variables(call.channel, {"QUEUE_PRIO": str(priority), "POSITION": str(position)})

    async def put_back(self, call_id: str, position: int) -> None:
        """Where a caller to whom a voice speaks will stand in his queue when it has ended."""
        call = self._bridge.calls.calls.get(call_id)
        if call is None or call.ended or not call.waiting:
            return
        with contextlib.suppress(AmiError):
            await self._variables(call.channel, {"POSITION": str(position)})

    async def seat(self, call_id: str, priority: int, position: int, *, wide: bool) -> None:
        """Move a caller who waits to a place in the queue of his line. Nothing where a desk rings for him already."""
        call = self._bridge.calls.calls.get(call_id)
        if call is None or call.ended or not call.waiting or call.state != "queued":
            return
        place = {"QUEUE_PRIO": str(priority), "POSITION": str(position), "HEYI_WIDE": "1" if wide else ""}
        await self._requeue(call, place)

    async def urge(self, call_id: str, priority: int) -> None:
        """Move a caller who waits to the emergency desks. Nothing where a desk rings for him already."""
        call = self._bridge.calls.calls.get(call_id)
        if call is None or call.ended or not call.waiting or call.state != "queued":
            return
        await self._requeue(call, {"QUEUE_PRIO": str(priority), "HEYI_URGENT": "1", "POSITION": ""})

    async def _requeue(self, call: Call, values: dict[str, str]) -> None:
        await self._variables(call.channel, {**values, "GREETED": "1"})
        await self._bridge.ami.action(
            "Redirect", {"Channel": call.channel, "Context": "routed", "Exten": call.line, "Priority": "1"}
        )

    async def give_up(self, call_id: str) -> None:
        """Stop ringing somebody who has not been put into the queue yet."""
        call = self._bridge.calls.calls.get(call_id)
        if call is None or call.ended or call.queued_at is not None:
            return
        with contextlib.suppress(AmiError):
            await self._bridge.ami.action("Hangup", {"Channel": call.channel, "Cause": "16"})

    async def _variables(self, channel: str, values: dict[str, str]) -> None:
        for name, value in values.items():
            await self._bridge.ami.action("Setvar", {"Channel": channel, "Variable": name, "Value": value})

    async def _ring(
        self, number: str, call_id: str, context: str, exten: str, shown: str, variables: list[str]
    ) -> bool:
        await self._bridge.will_ring(call_id, number)
        try:
            await self._bridge.ami.action(
                "Originate",
                {"Channel": f"PJSIP/{number}@trunk", "ChannelId": call_id, "Context": context, "Exten": exten,
                 "Priority": "1", "CallerID": shown, "Timeout": "45000", "Async": "true", "Variable": variables},
            )  # fmt: skip
        except AmiError as error:
            log.warning("a call was not placed", number=number, why=context, error=str(error))
            return False
        return True

    async def set_priority(self, call_id: str, priority: int) -> bool:
        """The waiting caller's priority, whether higher or lower than before.

        False where Asterisk did not do it, which another try may mend; a caller who does not wait needs none.
        """
        call = self._bridge.calls.calls.get(call_id)
        if call is None or not call.waiting:
            return True
        try:
            await self._variables(call.channel, {"QUEUE_PRIO": str(priority)})
            await self._bridge.ami.action(
                "QueueChangePriorityCaller",
                {"Queue": call.queue, "Caller": call.channel, "Priority": str(priority), "Immediate": "true"},
            )
        except AmiError as error:
            log.warning("a caller could not be moved", call_id=call_id, error=str(error))
            return False
        call.priority = priority
        return True
