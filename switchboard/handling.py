"""What a desk may do with its call: transfer, consult, conference, call others in, leave. All by Asterisk's own hand.

Every step moves channels of a call that goes on; the caller's channel keeps its id, and with it the recording. A page
needs one telephone call only, and a SIP telephone without a page can be served the same way by somebody else's.
"""

import asyncio
import contextlib
from typing import Literal

import structlog

from core.bus import Bus
from core.city import City
from core.clock import Clock
from core.database import Database
from core.errors import AmiError, Conflict, NotAllowed
from core.phones import NUMBER
from switchboard.desks import Desks
from telephony.bridge import Bridge
from telephony.call import Call, Leg
from telephony.callids import Role, joining_id
from telephony.events import CallTransferred, LegEnded

log = structlog.get_logger(__name__)

#: Caller's names of rings that are no new call: the page answers the first at once (desk/web/src/softphone.js).
REJOIN = "heyi-rejoin"
LINK = "heyi-link"
#: Where a caller may be passed to: a desk, a line, a skill group, a number outside.
TransferKind = Literal["desk", "line", "group", "outside"]
#: Seconds that a desk called in by linkage rings before the next is tried.
_LINK_S = 15
#: A caller whom everybody has left goes back into the queue after this time, if the call goes on.
_ALONE_S = 1.5


class Handling:
    """Calls in hand. Raises :class:`NotAllowed` where the call or the target is not what it should be."""

    def __init__(self, bridge: Bridge, desks: Desks, city: City, database: Database, bus: Bus, clock: Clock) -> None:
        self._bridge, self._desks, self._city = bridge, desks, city
        self._database, self._bus, self._clock = database, bus, clock
        self._watches: set[asyncio.Task[None]] = set()
        #: Channels that were let go while they rang.
        self._dismissed: set[str] = set()

    def start(self) -> None:
        self._bus.subscribe(self._leg_ended, LegEnded)

    async def close(self) -> None:
        for task in self._watches:
            task.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)

    # -- the whole call

    async def hangup(self, call_id: str) -> None:
        """End a call for all who take part."""
        await self._drop(self._call(call_id).channel)

    async def rejoin(self, extension: str) -> bool:
        """Ring the desk again for the call that it holds, then drop the leg that its former page left behind."""
        call = self._bridge.calls.call_of_desk(extension)
        if call is None or not call.joined(extension) or call.id in [leg.uniqueid for leg in call.joined(extension)]:
            return False
        former = call.joined(extension)
        if not await self._call_in(call, f"PJSIP/{extension}", "rejoin", REJOIN, _LINK_S):
            return False
        for leg in former:
            with contextlib.suppress(AmiError):
                await self._drop(leg.channel)
        return True

    # -- transfer

    async def transfer(self, call_id: str, kind: TransferKind, target: str, *, by: str, reason: str = "") -> None:
        """Pass the caller on at once (盲转). Nobody takes it there: the caller goes back into the queue, in front."""
        call = self._own(call_id, by)
        self._check_target(kind, target, by)
        stay = [leg for leg in call.legs.values() if leg.kind != "caller" and leg.kind != "supervisor"]
        await self._redirect(call.channel, f"transfer-{'out' if kind == 'outside' else kind}", target)
        for leg in stay:
            with contextlib.suppress(AmiError):
                await self._drop(leg.channel)
        await self._tell_transfer(call, by, "blind" if kind in ("desk", "outside") else kind, target, reason)

    async def consult(self, call_id: str, target: str, *, by: str, outside: bool = False) -> None:
        """The caller hears music while ``by`` asks another desk, or with ``outside`` a number (咨询)."""
        call = self._own(call_id, by)
        self._check_target("outside" if outside else "desk", target, by)
        mine = self._leg(call, by)
        if len([leg for leg in call.legs.values() if leg.joined]) > 1:
            raise Conflict("通话中还有第三方，请先请其离开")
        await self._set(mine.channel, "HEYI_WITH", call.channel)
        await self._bridge.ami.action(
            "Redirect",
            {"Channel": call.channel, "Context": "consult-wait", "Exten": "s", "Priority": "1",
             "ExtraChannel": mine.channel, "ExtraContext": "consult-out" if outside else "consult-call",
             "ExtraExten": target, "ExtraPriority": "1"},
        )  # fmt: skip

    async def take_back(self, call_id: str, *, by: str) -> None:
        """End the consultation; the desk has its caller back."""
        consulted = self._consulted(self._own(call_id, by), by)
        if not consulted:
            raise Conflict("没有正在咨询的对象")
        for leg in consulted:
            await self._drop(leg.channel)

    async def conference(self, call_id: str, *, by: str) -> None:
        """The caller joins the consultation: all three hear each other (三方通话)."""
        call = self._own(call_id, by)
        if not any(leg.joined for leg in self._consulted(call, by)):
            raise Conflict("对方还没有接听")
        await self._set(call.channel, "HEYI_WITH", self._leg(call, by).channel)
        await self._redirect(call.channel, "join", "s")

    async def complete(self, call_id: str, *, by: str, reason: str = "") -> None:
        """The consultation becomes a transfer: caller and third party stay, ``by`` leaves (咨询转)."""
        call = self._own(call_id, by)
        others = self._others(call, by)
        if not others:
            raise Conflict("没有正在咨询的对象")
        target = others[0].extension or others[0].channel
        mine = self._leg(call, by)
        if any(leg.joined for leg in others):
            if any(leg.role == "consult" for leg in others):
                await self.conference(call_id, by=by)
                await self._admitted(call, others)
            await self._drop(mine.channel)
        elif others[0].extension:  # rings still: it goes on ringing, for the caller now
            await self._redirect(call.channel, "transfer-desk", others[0].extension)
            await self._drop(mine.channel)
        else:
            raise Conflict("对方还没有接听")
        await self._tell_transfer(call, by, "attended", target, reason)

    # -- more parties

    async def link(self, call_id: str, group: str, *, by: str) -> str:
        """Call a desk of ``group`` (120, 119, 122…) into the call (三方联动); the number outside where none is there.

        Returns who came: an extension or the number. Raises :class:`Conflict` where nobody did.
        """
        call = self._call(call_id)
        found = self._city.skill_group(group)
        if found is None:
            raise NotAllowed("没有这个联动席", hint=group)
        if any(leg.role == "consult" for leg in call.legs.values()):
            raise Conflict("请先结束咨询")
        desks = {desk.extension for desk in self._city.desks if group in desk.groups}
        if any(leg.extension in desks for leg in call.legs.values()):
            raise Conflict("该联动席已在通话中或正在振铃", hint=found.name)
        for extension in [e for e in self._desks.on_hand(group, self._city) if e != by]:
            if await self._call_in(call, f"PJSIP/{extension}", "link", LINK, _LINK_S):
                return extension
            if call.ended:
                raise Conflict("通话已经结束")
        if found.outside and await self._call_in(call, f"PJSIP/{found.outside}@trunk", "link", call.caller, 45):
            return found.outside
        raise Conflict("联动席无人应答", hint=found.name)

    async def leave(self, call_id: str, extension: str) -> None:
        """This desk goes, the others stay. Alone with the caller it cannot: that would be hanging up."""
        call = self._talking(call_id, extension)
        if not any(leg.joined and leg.role != "consult" for leg in self._others(call, extension)):
            raise Conflict("通话中没有其他人，请挂断或转接")
        for leg in call.joined(extension):
            await self._drop(leg.channel)

    async def dismiss(self, call_id: str, channel: str) -> None:
        """Somebody who was called in is let go; ``channel`` is the unique id of his leg."""
        leg = self._call(call_id).legs.get(channel)
        if leg is None or leg.kind == "caller":
            raise NotAllowed("通话中没有这一方", hint=channel)
        if not leg.joined:
            self._dismissed.add(channel)
        await self._drop(leg.channel)

    async def ask_silent(self, call_id: str) -> None:
        """Say to somebody who does not speak: press 1 if you cannot (静默报警). The key comes as CallerPressed."""
        call = self._call(call_id)
        await self._bridge.ami.action(
            "Originate",
            {"Channel": "Local/silent@say", "Application": "BridgeAdd", "Data": call.channel, "Async": "true"},
        )

    # -- helpers

    def _call(self, call_id: str) -> Call:
        call = self._bridge.calls.calls.get(call_id)
        if call is None or call.ended:
            raise NotAllowed("通话已经结束", hint=call_id)
        return call

    def _talking(self, call_id: str, extension: str) -> Call:
        """The call, if this desk takes part in it."""
        call = self._call(call_id)
        if not call.joined(extension):
            raise NotAllowed("本坐席不在这次通话中", hint=call_id)
        return call

    def _own(self, call_id: str, extension: str) -> Call:
        """The call, if it is this desk's: who was called in decides nothing over the caller."""
        call = self._talking(call_id, extension)
        if call.agent != extension:
            raise NotAllowed("只有主接坐席可以转接和咨询", hint=call.agent)
        return call

    def _leg(self, call: Call, extension: str) -> Leg:
        return call.joined(extension)[-1]

    def _others(self, call: Call, extension: str) -> list[Leg]:
        """Everybody but the caller, this desk and supervisors who listen."""
        return [
            leg for leg in call.legs.values()
            if leg.extension != extension and (leg.kind in ("desk", "outside") or (leg.joined and leg.extension))
        ]  # fmt: skip

    def _consulted(self, call: Call, by: str) -> list[Leg]:
        """Whom this desk consults, or rings to consult, while the caller hears music."""
        return [
            leg for leg in self._others(call, by)
            if leg.role == "consult" or (leg.role == "agent" and not leg.joined)
        ]  # fmt: skip

    def _check_target(self, kind: TransferKind, target: str, by: str) -> None:
        known = {
            "desk": self._city.desk(target) is not None and target != by,
            "line": self._city.line(target) is not None,
            "group": self._city.skill_group(target) is not None,
            "outside": bool(NUMBER.fullmatch(target)),
        }[kind]
        if not known:
            raise NotAllowed("不能转到这里", hint=target)

    async def _call_in(self, call: Call, endpoint: str, role: Role, name: str, ring_s: int) -> bool:
        """Ring somebody and put him into the caller's bridge; True once he is in it.

        Raises :class:`Conflict` where he was dismissed while he rang: then nobody else is to be rung instead.
        """
        uniqueid = joining_id(role, call.id)
        await self._bridge.ami.action(
            "Originate",
            {"Channel": endpoint, "ChannelId": uniqueid, "Application": "BridgeAdd", "Data": call.channel,
             "CallerID": f"{name} <{call.caller}>", "Timeout": str(ring_s * 1000), "Async": "true"},
        )  # fmt: skip
        seen = False
        for _ in range(ring_s * 10 + 10):
            await asyncio.sleep(0.1)
            leg = call.legs.get(uniqueid)
            if leg is not None and leg.joined:
                return True
            if uniqueid in self._dismissed and (leg is None or call.ended):
                self._dismissed.discard(uniqueid)
                raise Conflict("已取消联动")
            if call.ended or (seen and leg is None):
                return False
            seen = seen or leg is not None
        return False

    async def _admitted(self, call: Call, others: list[Leg]) -> None:
        """Wait until the caller is with those whom the desk consulted: nobody may leave before."""
        for _ in range(60):
            if not any(leg.role == "consult" and leg.joined for leg in others):
                return
            if call.ended:
                break
            await asyncio.sleep(0.05)
        raise Conflict("来电人没有接入，通话仍在本席")

    async def _leg_ended(self, event: LegEnded) -> None:
        if event.joined and event.kind != "caller":
            watch = asyncio.create_task(self._look_after(event.call_id or ""), name=f"left alone {event.call_id}")
            self._watches.add(watch)
            watch.add_done_callback(self._watches.discard)

    async def _look_after(self, call_id: str) -> None:
        """A caller whom everybody has left, and who has not hung up, is not left in silence."""
        await asyncio.sleep(_ALONE_S)
        call = self._bridge.calls.calls.get(call_id)
        if call is None or call.ended or not call.in_queue or call.waiting or call.talked_until is not None:
            return
        if any(leg.kind != "caller" for leg in call.legs.values()):
            return
        log.warning("a caller was left alone and goes back into the queue", call_id=call_id)
        with contextlib.suppress(AmiError):
            await self._redirect(call.channel, "requeue", "s")

    async def _tell_transfer(self, call: Call, by: str, kind: str, target: str, reason: str) -> None:
        async with self._database.work() as work:
            work.record(
                CallTransferred(
                    at=self._clock.now(), call_id=call.id, agent=by, kind=kind, target=target[:80], reason=reason[:200]
                )
            )

    async def _set(self, channel: str, name: str, value: str) -> None:
        await self._bridge.ami.action("Setvar", {"Channel": channel, "Variable": name, "Value": value})

    async def _redirect(self, channel: str, context: str, exten: str) -> None:
        await self._bridge.ami.action(
            "Redirect", {"Channel": channel, "Context": context, "Exten": exten, "Priority": "1"}
        )

    async def _drop(self, channel: str) -> None:
        await self._bridge.ami.action("Hangup", {"Channel": channel, "Cause": "16"})
