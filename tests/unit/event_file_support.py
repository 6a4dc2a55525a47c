"""Writes channel events into a file as Asterisk does (dialplans/cel_custom.conf.j2)."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

from telephony.cel import CelEvent


def write_events(file: Path, events: Sequence[CelEvent], *, append: bool = False) -> None:
    """Write ``events``; a name that ends in ``.gz`` is packed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = ""
    for event in events:
        cells = [
            event.type, f"{event.at.timestamp():.6f}", event.uniqueid, event.linkedid, event.channel, event.caller,
            event.exten, event.context, event.peer, event.name, json.dumps(event.extra) if event.extra else "",
        ]  # fmt: skip
        text += ",".join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\n"
    data = text.encode()
    with file.open("ab" if append else "wb") as out:
        out.write(gzip.compress(data) if file.suffix == ".gz" else data)
