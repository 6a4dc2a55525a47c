"""Asterisk's call detail records: a second witness of which calls there were, written apart from the event log.

A queued call has several records, and they describe it poorly (docs/telephony.md), so nothing is taken from them. They
only answer one question: is there a call that neither the ledger nor the event files know of?
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from telephony.callids import placed
from telephony.eventfiles import siblings

#: Columns of cdr-csv/Master.csv (dialplans/cdr.conf.j2); ``newcdrcolumns`` adds the linked id as the 20th.
_DIALLED, _CONTEXT, _CHANNEL, _START, _UNIQUEID, _LINKEDID = 2, 3, 5, 9, 16, 19
_COLUMNS = 18
#: The exchange's channels: what comes from there is a call.
_EXCHANGE = "PJSIP/trunk-"
#: Asterisk's own unique ids end so; the others were chosen by heyi (:mod:`telephony.callids`).
_OWN = re.compile(r"(?:.*-)?[0-9]+\.[0-9]+")


@dataclass(frozen=True, slots=True)
class Record:
    """One row, as far as it is needed. ``start`` has whole seconds."""

    start: datetime
    channel: str
    #: Unique id of the channel and, where it was written, of the first channel of its call.
    uniqueid: str
    linkedid: str = ""
    context: str = ""
    dialled: str = ""

    @property
    def of_call(self) -> bool:
        """Whether a caller, a desk that dialled, or heyi began a call with it: not a tap, a helper, a desk's leg."""
        if _OWN.fullmatch(self.uniqueid) is None:
            return placed(self.uniqueid)
        dialled = self.context == "from-desk" and self.dialled.lstrip("+").isdecimal()
        return self.channel.startswith(_EXCHANGE) or (dialled and self.channel.startswith("PJSIP/"))


def from_row(row: list[str]) -> Record | None:
    """The record of a row; ``None`` where the row is damaged."""
    if len(row) < _COLUMNS or not row[_UNIQUEID]:
        return None
    try:
        start = datetime.strptime(row[_START], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    linkedid = row[_LINKEDID] if len(row) > _LINKEDID else ""
    return Record(start, row[_CHANNEL], row[_UNIQUEID], linkedid, row[_CONTEXT], row[_DIALLED])


def read_records(file: Path, since: datetime | None = None) -> Iterator[Record]:
    """Records of ``file`` and of what was rotated away beside it (unpacked), that began at ``since`` or later."""
    for path in siblings(file):
        if path.suffix == ".gz" or (since is not None and path.stat().st_mtime < since.timestamp()):
            continue
        with path.open("rb") as rows:
            reader = csv.reader(line.decode("utf-8", "replace") for line in rows if line.endswith(b"\n"))
            while True:
                try:
                    record = from_row(next(reader))
                except StopIteration:
                    break
                except csv.Error:
                    continue
                if record is not None and (since is None or record.start >= since):
                    yield record


def unknown(records: Iterable[Record], known: Iterable[str]) -> list[Record]:
    """One record for each call that is not among ``known``: unique ids of calls and of their channels."""
    known = frozenset(known)
    missing: dict[str, Record] = {}
    for record in records:
        if record.of_call and record.uniqueid not in known and record.linkedid not in known:
            missing.setdefault(record.uniqueid, record)
    return list(missing.values())
