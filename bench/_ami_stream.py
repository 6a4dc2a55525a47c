"""A stream of manager events as Asterisk 22 sends them while calls are queued, answered and ended.

Kinds, headers and their order were read off an Asterisk 22.10.1 that ran our dialplan: one call from the exchange,
answered by a desk, hung up by the caller, every class of event on and none filtered, with ``timestampevents``. Left
out are the test-suite's events and the variables that only say media statistics, clocks and bridge peers, which an
exchange without live media does not set; with them it is about 115 events a call, and the share that matters smaller.
"""

import random
import uuid
from collections.abc import Iterator, Sequence

_STATES = {"Down": 0, "Ring": 4, "Ringing": 5, "Up": 6}
_FIRST = 1_795_000_000


class _Channel:
    """One side of a call, as its snapshot in the events shows it."""

    def __init__(self, peer: str, number: str, name: str, context: str, exten: str, serial: int, linked: str) -> None:
        self.channel = f"{peer}-{serial & 0xFFFFFFFF:08x}"
        self.uniqueid = f"hy1-{_FIRST + serial // 2}.{serial}"
        self.linkedid = linked or self.uniqueid
        self.number, self.name = number, name
        self.context, self.exten, self.priority = context, exten, 1
        self.state = "Down"
        self.other: _Channel | None = None

    def snapshot(self, prefix: str = "") -> list[tuple[str, str]]:
        connected = (self.other.number, self.other.name or "<unknown>") if self.other else ("<unknown>", "<unknown>")
        pairs = [
            ("Channel", self.channel), ("ChannelState", str(_STATES[self.state])), ("ChannelStateDesc", self.state),
            ("CallerIDNum", self.number), ("CallerIDName", self.name or "<unknown>"),
            ("ConnectedLineNum", connected[0]), ("ConnectedLineName", connected[1]), ("Language", "en"),
            ("AccountCode", ""), ("Context", self.context), ("Exten", self.exten), ("Priority", str(self.priority)),
            ("Uniqueid", self.uniqueid), ("Linkedid", self.linkedid),
        ]  # fmt: skip
        return [(prefix + key, value) for key, value in pairs]

    def at(self, context: str, priority: int) -> None:
        self.context, self.exten, self.priority = context, "s", priority


class _Call:
    """Writes the events of one call, in their order."""

    def __init__(self, number: int, line: str, desk: str, desk_name: str) -> None:
        self._line, self._desk = line, desk
        self._second, self._micro = _FIRST + number, 0
        self._caller = _Channel("PJSIP/trunk", f"138{number:08d}", "", "from-trunk", line, 2 * number, "")
        linked = self._caller.uniqueid
        self._agent = _Channel(f"PJSIP/{desk}", desk, desk_name, "from-desk", "s", 2 * number + 1, linked)
        self._bridge = str(uuid.UUID(int=number + (1 << 100)))
        self._done: list[bytes] = []

    def events(self) -> list[bytes]:
        self._arrive()
        self._wait()
        self._ring()
        self._talk()
        self._end()
        return self._done

    def _tell(self, kind: str, group: str, *pairs: tuple[str, str]) -> None:
        self._micro += 137
        head = [
            ("Event", kind), ("Privilege", f"{group},all"), ("Timestamp", f"{self._second}.{self._micro:06d}"),
            ("SystemName", "hy1"),
        ]  # fmt: skip
        text = "\r\n".join(f"{key}: {value}" for key, value in (*head, *pairs))
        self._done.append(text.encode() + b"\r\n\r\n")

    def _of(self, kind: str, group: str, channel: _Channel, *more: tuple[str, str]) -> None:
        self._tell(kind, group, *channel.snapshot(), *more)

    def _both(self, kind: str, group: str, *more: tuple[str, str]) -> None:
        self._tell(kind, group, *self._caller.snapshot(), *self._agent.snapshot("Dest"), *more)

    def _cel(self, name: str, channel: _Channel, application: str = "", data: str = "", extra: str = "") -> None:
        started = name == "CHAN_START"
        self._tell(
            "CEL", "call", ("EventName", name), ("AccountCode", ""), ("CallerIDnum", channel.number),
            ("CallerIDname", channel.name), ("CallerIDani", "" if started else channel.number), ("CallerIDrdnis", ""),
            ("CallerIDdnid", self._line if channel is self._caller and not started else ""), ("Exten", channel.exten),
            ("Context", channel.context), ("Channel", channel.channel), ("Application", application),
            ("AppData", data), ("EventTime", "2026-11-21 22:13:19"), ("AMAFlags", "DOCUMENTATION"),
            ("UniqueID", channel.uniqueid), ("LinkedID", channel.linkedid), ("Userfield", ""),
            ("Peer", channel.other.channel if channel.other and name.startswith("BRIDGE") else ""),
            ("PeerAccount", ""), ("Extra", extra),
        )  # fmt: skip

    def _step(self, application: str, data: str = "") -> None:
        more = (("Extension", self._caller.exten), ("Application", application), ("AppData", data))
        self._of("Newexten", "dialplan", self._caller, *more)

    def _set(self, channel: _Channel, variable: str, value: str) -> None:
        self._of("VarSet", "dialplan", channel, ("Variable", variable), ("Value", value))

    def _device(self, device: str, state: str) -> None:
        self._tell("DeviceStateChange", "call", ("Device", device), ("State", state))

    def _member(self, status: str, taken: int) -> None:
        interface = f"PJSIP/{self._desk}"
        self._tell(
            "QueueMemberStatus", "agent", ("Queue", "hotline"), ("MemberName", self._desk), ("Interface", interface),
            ("StateInterface", interface), ("Membership", "static"), ("Penalty", "0"), ("CallsTaken", str(taken)),
            ("LastCall", "0"), ("LastPause", "0"), ("LoginTime", str(_FIRST)), ("InCall", "0"), ("Status", status),
            ("Paused", "0"), ("PausedReason", ""), ("Ringinuse", "0"), ("Wrapuptime", "2"),
        )  # fmt: skip

    def _bridged(self, kind: str, members: int, channel: _Channel | None = None) -> None:
        pairs = (
            ("BridgeUniqueid", self._bridge), ("BridgeType", "basic"), ("BridgeTechnology", "simple_bridge"),
            ("BridgeCreator", "<unknown>"), ("BridgeName", "<unknown>"), ("BridgeNumChannels", str(members)),
            ("BridgeVideoSourceMode", "none"),
        )  # fmt: skip
        self._tell(kind, "call", *pairs, *(channel.snapshot() if channel else ()))

    # -- the call, act by act

    def _arrive(self) -> None:
        caller, line = self._caller, self._line
        caller.state = "Ring"
        self._of("Newchannel", "call", caller)
        self._set(caller, "SIPDOMAIN", "127.0.0.1")
        self._cel("CHAN_START", caller)
        self._step("Gosub", f"emergency,s,1({line},100)")
        for context in ("emergency", "line-in"):
            for variable, value in (("LOCAL(ARG1)", line), ("LOCAL(ARG2)", "100"), ("LOCAL(ARGC)", "2")):
                self._set(caller, variable, value)
            caller.at(context, 1)
            if context == "emergency":
                self._step("Gosub", f"line-in,s,1({line},100)")
        variables = (("__HEYI_LINE", line), ("__HEYI_CALL", caller.uniqueid), ("QUEUE_PRIO", "100"))
        for priority, (variable, value) in enumerate(variables, 1):
            caller.at("line-in", priority)
            self._step("Set", f"{variable}={value}")
            self._set(caller, variable, value)
        caller.at("line-in", 4)
        self._step("CELGenUserEvent", f"LINE,{line}")
        self._cel("LINE", caller, "CELGenUserEvent", f"LINE,{line}", f'{{"extra":"{line}"}}')
        caller.at("line-in", 5)
        self._step("Answer")
        caller.state = "Up"
        self._of("Newstate", "call", caller)
        self._cel("ANSWER", caller, "Answer")
        self._device("PJSIP/trunk", "INUSE")
        caller.at("line-in", 6)
        file = caller.uniqueid
        self._step("MixMonitor", f"{file}.wav,br({file}-caller.wav)t({file}-agent.wav)")
        self._set(caller, "MIXMONITOR_FILENAME", f"/var/spool/asterisk/monitor/{file}.wav")
        self._of("MixMonitorStart", "call", caller)
        caller.at("line-in", 7)
        self._step("Return")
        for variable in ("ARGC", "ARG2", "ARG1", "GOSUB_RETVAL"):
            self._set(caller, variable, "")

    def _wait(self) -> None:
        caller = self._caller
        caller.at("emergency", 2)
        self._step("CELGenUserEvent", "QUEUED,100")
        self._cel("QUEUED", caller, "CELGenUserEvent", "QUEUED,100", '{"extra":"100"}')
        caller.at("emergency", 3)
        self._step("Queue", "hotline,r,,,25")
        self._device("Queue:hotline", "RINGING")
        self._of("QueueCallerJoin", "agent", caller, ("Queue", "hotline"), ("Position", "1"), ("Count", "1"))

    def _ring(self) -> None:
        caller, agent = self._caller, self._agent
        self._cel("CHAN_START", agent)
        self._of("Newchannel", "call", agent)
        for variable, value in (
            ("__HEYI_CALL", caller.uniqueid), ("__HEYI_LINE", self._line), ("DIALEDPEERNUMBER", self._desk)
        ):  # fmt: skip
            self._set(agent, variable, value)
        agent.other = caller
        queue = (("Queue", "hotline"), ("Interface", f"PJSIP/{self._desk}"), ("MemberName", self._desk))
        self._both("AgentCalled", "agent", *queue)
        self._both("DialBegin", "call", ("DialString", f"PJSIP/{self._desk}"))
        caller.other = agent
        self._of("NewConnectedLine", "call", caller)
        self._both("DialState", "call", ("DialStatus", "RINGING"))
        agent.state = "Ringing"
        self._of("Newstate", "call", agent)
        more = (("Extension", "s"), ("Application", "AppQueue"), ("AppData", "(Outgoing Line)"))
        self._of("Newexten", "dialplan", agent, *more)
        self._of("NewConnectedLine", "call", agent)
        self._device(f"PJSIP/{self._desk}", "BUSY")
        self._member("3", 0)
        self._device("Queue:hotline_avail", "INUSE")

    def _talk(self) -> None:
        caller, agent = self._caller, self._agent
        self._second += 4
        self._cel("ANSWER", agent, "AppQueue", "(Outgoing Line)")
        agent.state = "Up"
        self._of("Newstate", "call", agent)
        self._both("DialEnd", "call", ("DialStatus", "ANSWER"))
        self._device("Queue:hotline", "NOT_INUSE")
        self._of("QueueCallerLeave", "agent", caller, ("Queue", "hotline"), ("Position", "1"), ("Count", "0"))
        queue = (("Queue", "hotline"), ("Interface", f"PJSIP/{self._desk}"), ("MemberName", self._desk))
        self._both("AgentConnect", "agent", *queue, ("HoldTime", "4"), ("RingTime", "4"))
        self._bridged("BridgeCreate", 0)
        extra = f'{{"bridge_id":"{self._bridge}","bridge_technology":"simple_bridge"}}'
        self._cel("BRIDGE_ENTER", agent, "AppQueue", "(Outgoing Line)", extra)
        self._bridged("BridgeEnter", 1, agent)
        self._bridged("BridgeEnter", 2, caller)
        self._cel("BRIDGE_ENTER", caller, "Queue", "hotline,r,,,25", extra)

    def _end(self) -> None:
        caller, agent = self._caller, self._agent
        self._second += 30
        extra = f'{{"bridge_id":"{self._bridge}","bridge_technology":"simple_bridge"}}'
        cause = f'{{"hangupcause":16,"hangupsource":"{caller.channel}","dialstatus":""}}'
        self._of("HangupRequest", "call", caller)
        queue = (("Queue", "hotline"), ("Interface", f"PJSIP/{self._desk}"), ("MemberName", self._desk))
        self._both("AgentComplete", "agent", *queue, ("HoldTime", "4"), ("TalkTime", "30"), ("Reason", "caller"))
        self._cel("BRIDGE_EXIT", caller, "Queue", "hotline,r,,,25", extra)
        self._cel("BRIDGE_EXIT", agent, "AppQueue", "(Outgoing Line)", extra)
        self._bridged("BridgeLeave", 1, caller)
        self._bridged("BridgeLeave", 0, agent)
        self._bridged("BridgeDestroy", 0)
        self._cel("HANGUP", agent, "AppQueue", "(Outgoing Line)", cause)
        self._of("Hangup", "call", agent, ("Cause", "16"), ("Cause-txt", "Normal Clearing"))
        self._of("SoftHangupRequest", "call", caller, ("Cause", "16"))
        self._member("1", 1)
        self._of("Hangup", "call", caller, ("Cause", "16"), ("Cause-txt", "Normal Clearing"))
        self._device(f"PJSIP/{self._desk}", "NOT_INUSE")
        self._device("PJSIP/trunk", "NOT_INUSE")
        self._cel("CHAN_END", agent, "AppQueue", "(Outgoing Line)")
        self._cel("HANGUP", caller, extra=cause)
        self._cel("CHAN_END", caller)
        self._cel("LINKEDID_END", caller)


def stream(calls: int, lines: Sequence[str], desks: Sequence[tuple[str, str]]) -> Iterator[bytes]:
    """The events of ``calls`` calls, one message each; as many calls at once as there are ``desks`` (number, name).

    Calls mix at random, always in the same way; each call's own events keep their order.
    """
    chance = random.Random(119)  # noqa: S311
    live: dict[int, Iterator[bytes]] = {}
    begun = 0
    while live or begun < calls:
        while begun < calls and len(live) < len(desks):
            free = next(n for n in range(len(desks)) if n not in live)
            live[free] = iter(_Call(begun, chance.choice(lines), *desks[free]).events())
            begun += 1
        place = chance.choice(list(live))
        event = next(live[place], None)
        if event is None:
            del live[place]
        else:
            yield event
