"""Manager events per CPU-second: our whole path against panoramisk's, on the same bytes in one run.

Ours is what the bridge does with them: framing, the queue between connection and consumer, channel events, the
trackers of calls and desks, and each fact as the JSON that the ledger stores. panoramisk's is its ``Manager`` with
twenty patterns whose callbacks do nothing but count.
"""

import argparse
import gc
import json
import logging
import re
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from panoramisk import Manager
from panoramisk.ami_protocol import AMIProtocol
from rich.console import Console
from rich.progress import Progress

from bench._ami_stream import stream
from core.bus import Bus
from core.city import City
from core.cityfile import load_city
from core.clock import SystemClock
from core.database import Database
from core.errors import HeyiError
from core.events import to_json
from core.settings import Settings
from telephony.ami import _Protocol
from telephony.bridge import Bridge
from telephony.dialplan import TEMPLATES
from telephony.events import CallAnswered, CallEnded

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
#: Bytes handed over at once, as a socket would.
SEGMENT = 8192
#: What an application that follows calls, queue and desks registers for.
PATTERNS = (
    "Newchannel", "Newstate", "NewConnectedLine", "Newexten", "VarSet", "Hangup", "HangupRequest",
    "SoftHangupRequest", "DialBegin", "DialState", "DialEnd", "Bridge*", "Queue*", "Agent*", "DeviceStateChange",
    "MixMonitor*", "CEL", "PeerStatus", "ContactStatus", "UserEvent",
)  # fmt: skip

Run = Callable[[list[bytes]], float]


def segments(events: list[bytes]) -> list[bytes]:
    """The stream as it comes from the socket: cut anywhere."""
    data = GREETING + b"".join(events)
    return [data[start : start + SEGMENT] for start in range(0, len(data), SEGMENT)]


def let_through() -> frozenset[str]:
    """The events that Asterisk sends us: those named in our manager.conf."""
    text = (TEMPLATES / "manager.conf.j2").read_text()
    return frozenset(re.findall(r"^eventfilter\(action\(include\),name\((\w+)\)\)", text, re.MULTILINE))


def ours(city: City, folder: Path, calls: int) -> Run:
    """Our path; it fails where not every call is told as answered and ended exactly once."""
    settings = Settings(data=folder, secret="for the benchmark only")  # noqa: S106

    def run(data: list[bytes]) -> float:
        # Never connected: the facts stop where the database would take them.
        bridge = Bridge(settings, city, Database("sqlite+aiosqlite://", Bus()), SystemClock())
        messages = bridge._messages
        protocol = _Protocol(messages.put_nowait)
        told: deque[str] = deque(maxlen=1000)
        answered = ended = 0
        began = time.process_time()
        for segment in data:
            protocol.data_received(segment)
            while not messages.empty():
                for fact in bridge._facts(messages.get_nowait()):
                    told.append(to_json(fact))
                    answered += isinstance(fact, CallAnswered)
                    ended += isinstance(fact, CallEnded)
        used = time.process_time() - began
        if (answered, ended) != (calls, calls):
            raise HeyiError(f"of {calls} calls {answered} were told as answered, {ended} as ended")
        return used

    return run


def panoramisk(events: Callable[[], int]) -> Run:
    """panoramisk's path; it fails where not every event reached a callback."""

    def run(data: list[bytes]) -> float:
        counted = [0]

        def callback(_manager: Manager, _event: object) -> None:
            counted[0] += 1

        manager = Manager()
        for pattern in PATTERNS:
            manager.register_event(pattern, callback)
        protocol = AMIProtocol()
        protocol.connection_made(None)
        protocol.factory, protocol.encoding = manager, "utf8"
        began = time.process_time()
        for segment in data:
            protocol.data_received(segment)
        used = time.process_time() - began
        if counted[0] != events():
            raise HeyiError(f"panoramisk dispatched {counted[0]} of {events()} events")
        return used

    return run


def measure(calls: int, rounds: int) -> dict[str, float]:
    """All figures; each is the median of ``rounds`` rounds in which both paths take turns."""
    city = load_city(Path(__file__).resolve().parent.parent / "cities" / "jinjiang")
    lines = [line.number for line in city.lines if line.kind == "emergency"]
    desks = [(desk.extension, desk.name) for desk in city.desks if desk.in_queue]
    everything = list(stream(calls, lines, desks))
    wanted = tuple(f"Event: {name}\r\n".encode() for name in let_through())
    filtered = [event for event in everything if event.startswith(wanted)]
    figures: dict[str, float] = {
        "calls": calls,
        "events_per_call": len(everything) / calls,
        "bytes_per_call": sum(map(len, everything)) / calls,
        "events_per_call_filtered": len(filtered) / calls,
    }
    with (
        tempfile.TemporaryDirectory(prefix="heyi-bench-") as folder,
        Progress(console=Console(stderr=True), transient=True) as progress,
    ):
        task = progress.add_task("events through both paths", total=4 * rounds)
        for suffix, events in (("", everything), ("_filtered", filtered)):
            data = segments(events)
            count = len(events)
            paths: dict[str, Run] = {
                "ours": ours(city, Path(folder), calls),
                "panoramisk": panoramisk(lambda count=count: count),  # type: ignore[misc]
            }
            used: dict[str, list[float]] = {name: [] for name in paths}
            for _ in range(rounds):
                for name, run in paths.items():
                    gc.collect()
                    used[name].append(run(data))
                    progress.advance(task)
            rates = {name: count / statistics.median(times) for name, times in used.items()}
            for name, rate in rates.items():
                figures[f"{name}{suffix}_per_cpu_s"] = rate
            figures[f"ratio{suffix}"] = rates["ours"] / rates["panoramisk"]
    figures["ours_calls_per_cpu_s"] = figures["ours_filtered_per_cpu_s"] / figures["events_per_call_filtered"]
    figures["panoramisk_calls_per_cpu_s"] = figures["panoramisk_per_cpu_s"] / figures["events_per_call"]
    return {name: round(value, 2 if value < 100 else 0) for name, value in figures.items()}


def report(figures: dict[str, float]) -> None:
    say = Console().print
    say(
        f"{figures['calls']:.0f} calls of {figures['events_per_call']:.0f} events and "
        f"{figures['bytes_per_call'] / 1024:.0f} KiB; both paths get the same bytes. Events per CPU-second:\n"
    )
    for title, suffix in (("every event", ""), ("what Asterisk lets through", "_filtered")):
        say(
            f"  {title:27} ours {figures[f'ours{suffix}_per_cpu_s']:>9,.0f}   "
            f"panoramisk {figures[f'panoramisk{suffix}_per_cpu_s']:>9,.0f}   ratio {figures[f'ratio{suffix}']:.2f}"
        )
    say(
        f"\nIn service Asterisk's own filter (dialplans/manager.conf.j2) lets "
        f"{figures['events_per_call_filtered']:.0f} of {figures['events_per_call']:.0f} events a call through, all of "
        f"them such as need work: {figures['ours_calls_per_cpu_s']:,.0f} calls per CPU-second for us; unfiltered, "
        f"panoramisk passes on those of {figures['panoramisk_calls_per_cpu_s']:,.0f} calls and makes nothing of them."
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="./run bench ami", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object on the last line")
    parser.add_argument("--calls", type=int, default=1000, help="calls in the stream (default 1000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of which the median counts (default 5)")
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)
    figures = measure(chosen.calls, chosen.rounds)
    report(figures)
    if chosen.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
