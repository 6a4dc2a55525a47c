"""Asterisk's channel event log: the facts that the ledger is made of.

The same events come twice: live over AMI, and as a file on the Asterisk machine that is complete also for the time
when nothing of ours ran. Both become the same :class:`CelEvent`, so there is one tracker for both (docs/telephony.md).
"""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from telephony.wire import Message

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
#: Asterisk's own event types that we ask for (dialplans/cel.conf.j2); any other name was given by our dialplan.
STANDARD = frozenset({
    "CHAN_START", "ANSWER", "HANGUP", "CHAN_END", "BRIDGE_ENTER", "BRIDGE_EXIT", "LINKEDID_END", "BLINDTRANSFER",
    "ATTENDEDTRANSFER", "PICKUP", "FORWARD",
})  # fmt: skip
#: Headers of every live event. A line break in a caller's number cuts an event in two and lets another be put between;
#: with 80 characters at most, no such piece holds all of these.
HEADERS = frozenset({
    "Event", "SystemName", "EventName", "AccountCode", "CallerIDnum", "CallerIDname", "Exten", "Context", "Channel",
    "Application", "AppData", "UniqueID", "LinkedID", "Peer", "PeerAccount", "Extra", "Timestamp",
})  # fmt: skip
#: Columns of Master.csv, in the order of dialplans/cel_custom.conf.j2.
COLUMNS = 11


@dataclass(frozen=True, slots=True)
class CelEvent:
    """One fact about one channel."""

    type: str
    at: datetime
    uniqueid: str
    linkedid: str
    channel: str
    caller: str
    exten: str
    context: str
    peer: str
    #: Name given by the dialplan (CELGenUserEvent), for ``USER_DEFINED``.
    name: str
    extra: dict[str, Any]


def from_message(message: Message) -> CelEvent | None:
    """The event that an AMI message of type ``CEL`` carries; ``None`` where it is none or is damaged.

    Asterisk writes whole seconds into ``EventTime`` here; ``Timestamp`` is the moment of sending, within milliseconds.
    """
    if message.get("Event") != "CEL" or not message.keys() >= HEADERS:
        return None
    get = message.get
    name = get("EventName", "")
    return _event(
        name, get("Timestamp", ""), get("UniqueID", ""), get("LinkedID", ""), get("Channel", ""),
        get("CallerIDnum", ""), get("Exten", ""), get("Context", ""), get("Peer", ""),
        "" if name in STANDARD else name, get("Extra", ""),
    )  # fmt: skip


def from_row(row: list[str]) -> CelEvent | None:
    """The event of one row of Master.csv; ``None`` where the row is damaged (a crash can cut the last one)."""
    return _event(*row) if len(row) == COLUMNS else None


def _event(
    kind: str, at: str, uniqueid: str, linkedid: str, channel: str, caller: str, exten: str, context: str, peer: str,
    name: str, extra: str,
) -> CelEvent | None:  # fmt: skip
    try:
        seconds, _, micros = at.partition(".")
        moment = datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=int(micros or 0))
    except (ValueError, OverflowError, OSError):
        return None
    if not kind or not uniqueid:
        return None
    if name:
        kind = "USER_DEFINED"
    caller, exten = (_UNPRINTABLE.sub("", text) for text in (caller, exten))
    return CelEvent(kind, moment, uniqueid, linkedid, channel, caller, exten, context, peer, name, _object(extra))


def _object(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def read_file(path: Path, offset: int = 0) -> Iterator[CelEvent]:
    """Events of a Master.csv from byte ``offset`` on, in order; an unfinished last line is left for the next time."""
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(offset)
        rows = csv.reader(line.decode("utf-8", "replace") for line in file if line.endswith(b"\n"))
        while True:
            try:
                event = from_row(next(rows))
            except StopIteration:
                return
            except csv.Error:  # zeros after a power cut, longer than any field: what follows is still good
                continue
            if event is not None:
                yield event
