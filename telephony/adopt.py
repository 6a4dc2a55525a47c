"""Calls that the event file does not tell from their beginning, made known to a tracker all the same.

The file may have been deleted, or packed away, while a call goes on. What is known of it then lies in the ledger and in
Asterisk's list of channels; here it is told once more as channel events. The tracker takes them as any others, and its
facts have the ids they always have, so nothing that was known is news. Pure.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from telephony.callids import placed
from telephony.calls import CallTracker
from telephony.cel import CelEvent
from telephony.events import CallEvent
from telephony.ledger import CallRow
from telephony.wire import Message

_EXCHANGE = "PJSIP/trunk-"
_DURATION = re.compile(r"([0-9]+):([0-9]{2}):([0-9]{2})")


@dataclass(frozen=True, slots=True)
class Joined:
    """A desk that the ledger saw enter a call and whose channel has not ended there."""

    call_id: str
    extension: str
    uniqueid: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Channel:
    """One line of ``CoreShowChannels``."""

    uniqueid: str
    linkedid: str
    name: str
    caller: str
    bridge: str
    up: bool
    since: datetime

    @classmethod
    def of(cls, message: Message, now: datetime) -> "Channel":
        age = _DURATION.fullmatch(message.get("Duration", ""))
        hours, minutes, seconds = (int(part) for part in age.groups()) if age else (0, 0, 0)
        return cls(
            message.get("Uniqueid", ""), message.get("Linkedid", ""), message.get("Channel", ""),
            message.get("CallerIDNum", ""), message.get("BridgeId", ""), message.get("ChannelStateDesc") == "Up",
            now - timedelta(hours=hours, minutes=minutes, seconds=seconds),
        )  # fmt: skip


def untold(rows: Iterable[CallRow], events: Sequence[CelEvent], living: Iterable[Channel]) -> list[CallRow]:
    """Open rows whose call goes on, or ends in ``events``, but does not begin there."""
    begun = {event.uniqueid for event in events if event.type == "CHAN_START"}
    seen = {event.uniqueid for event in events} | {channel.uniqueid for channel in living}
    return [row for row in rows if row.id in seen and row.id not in begun]


def strangers(living: Iterable[Channel], known: Iterable[str]) -> list[Channel]:
    """Callers' channels of which nobody told: neither an event nor the ledger."""
    known = frozenset(known)
    return [
        channel
        for channel in living
        if channel.uniqueid == channel.linkedid
        and channel.uniqueid not in known
        and (channel.name.startswith(_EXCHANGE) or placed(channel.uniqueid))
    ]


def restore(
    tracker: CallTracker,
    rows: Iterable[CallRow],
    joined: Iterable[Joined],
    events: Sequence[CelEvent],
    living: Iterable[Channel],
) -> list[CallEvent]:
    """Make the ledger's calls known to ``tracker`` before ``events`` are fed; the facts, all of them told before."""
    told: list[CallEvent] = []
    names = {event.uniqueid: event.channel for event in events} | {c.uniqueid: c.name for c in living}
    begun = {event.uniqueid for event in events if event.type == "CHAN_START"}
    desks = list(joined)
    for row in rows:
        number = row.line or row.caller
        told += tracker.feed(_begin(row.id, row.id, names.get(row.id, ""), row.caller, number, row.arrived_at))
        call = tracker.calls.get(row.id)
        if call is None:
            continue
        if row.queued_at is not None:
            extra = {"extra": f"{row.priority}:{row.queue}:1"}
            told += tracker.feed(_event("USER_DEFINED", row.id, row.id, row.queued_at, name="QUEUED", extra=extra))
        for leg in (leg for leg in desks if leg.call_id == row.id):
            name = names.get(leg.uniqueid, f"PJSIP/{leg.extension}-")
            told += tracker.feed(_begin(leg.uniqueid, row.id, name, leg.extension, "", leg.at))
            told += tracker.feed(_event("ANSWER", leg.uniqueid, row.id, leg.at, extra={}))
            told += _together(tracker, row.id, (row.id, leg.uniqueid), f"ledger-{row.id}", leg.at, leave=True)
        # Those that rang: each of their later events names call and channel.
        for event in (event for event in events if event.linkedid == row.id and event.uniqueid not in begun):
            told += tracker.feed(_begin(event.uniqueid, row.id, event.channel, event.caller, "", event.at))
        told += _inside(tracker, row.id, events)
        # The desk that answered may be gone by now, while another talks.
        call.answered_at, call.agent = row.answered_at, row.agent
    return told


def attach(tracker: CallTracker, calls: Iterable[str], living: Sequence[Channel]) -> list[CallEvent]:
    """The living channels of these calls: who is in a bridge with whom. What this tells may be new."""
    told: list[CallEvent] = []
    for call_id in calls:
        caller = next((channel for channel in living if channel.uniqueid == call_id), None)
        call = tracker.calls.get(call_id)
        if caller is None or call is None:
            continue
        others = [
            channel
            for channel in living
            if channel is not caller
            and (channel.linkedid == call_id or (caller.bridge and channel.bridge == caller.bridge))
        ]
        for channel in others:
            told += tracker.feed(_begin(channel.uniqueid, call_id, channel.name, channel.caller, "", channel.since))
        for channel in (channel for channel in (caller, *others) if channel.up):
            told += tracker.feed(_event("ANSWER", channel.uniqueid, call_id, channel.since, extra={}))
        if caller.bridge:
            inside = [caller, *(channel for channel in others if channel.bridge == caller.bridge)]
            at = call.answered_at or max(channel.since for channel in inside)
            told += _together(tracker, call_id, [channel.uniqueid for channel in inside], caller.bridge, at)
    return told


def introduce(tracker: CallTracker, channel: Channel, line: str, priority: str, queue: str) -> list[CallEvent]:
    """A stranger's call, with what its channel's variables say of it."""
    told = tracker.feed(_begin(channel.uniqueid, channel.uniqueid, channel.name, channel.caller, line, channel.since))
    if priority.isdecimal():
        extra = {"extra": f"{priority}:{queue}:1"}
        told += tracker.feed(
            _event("USER_DEFINED", channel.uniqueid, channel.uniqueid, channel.since, name="QUEUED", extra=extra)
        )
    return told


def _inside(tracker: CallTracker, call_id: str, events: Sequence[CelEvent]) -> list[CallEvent]:
    """Channels of the call that leave a bridge without having entered it: they were in it when the file was lost."""
    told: list[CallEvent] = []
    moved: set[str] = set()
    for event in events:
        if event.linkedid != call_id or event.type not in ("BRIDGE_ENTER", "BRIDGE_EXIT"):
            continue
        if event.type == "BRIDGE_EXIT" and event.uniqueid not in moved:
            told += tracker.feed(_event("BRIDGE_ENTER", event.uniqueid, call_id, events[0].at, extra=event.extra))
        moved.add(event.uniqueid)
    return told


def _together(
    tracker: CallTracker, call_id: str, members: Sequence[str], bridge: str, at: datetime, *, leave: bool = False
) -> list[CallEvent]:
    told: list[CallEvent] = []
    for kind in ("BRIDGE_ENTER", "BRIDGE_EXIT") if leave else ("BRIDGE_ENTER",):
        for member in members:
            told += tracker.feed(_event(kind, member, call_id, at, extra={"bridge_id": bridge}))
    return told


def _begin(uniqueid: str, linkedid: str, channel: str, caller: str, line: str, at: datetime) -> CelEvent:
    return CelEvent("CHAN_START", at, uniqueid, linkedid, channel, caller, line, "from-trunk", "", "", {})


def _event(kind: str, uniqueid: str, linkedid: str, at: datetime, *, name: str = "", extra: dict[str, Any]) -> CelEvent:
    return CelEvent(kind, at, uniqueid, linkedid, "", "", "", "", "", name, extra)
