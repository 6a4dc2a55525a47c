"""A busy centre in memory, for tests of the wallboard: every state of a desk, callers who wait, eight weeks before."""

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from core.city import City, Desk
from core.cityfile import load_city
from core.clock import ManualClock, SystemClock
from core.database import Database
from switchboard.desks import MISSED
from switchboard.figures.worktime import DeskTime
from switchboard.views import AgentView, CallView, Party
from telephony.events import AgentState
from telephony.ledger import CallRow, LedgerReader
from tests.desk_fakes import CITY, Stage, make_stage

ROOT = Path(__file__).parent.parent
ZONE = ZoneInfo("Asia/Shanghai")
#: State, reason and seconds in it of twelve desks.
FLOOR: tuple[tuple[AgentState, str, float], ...] = (
    ("talking", "", 184), ("talking", "", 42), ("held", "", 75), ("wrapup", "", 18), ("paused", "用餐", 1260),
    ("paused", "未接来电", 33), ("ready", "", 12), ("ready", "", 250), ("ringing", "", 4), ("away", "", 3900),
    ("talking", "", 611), ("offline", "", 9000),
)  # fmt: skip
#: Line, seconds since the arrival, desk and what it does.
CALLS: tuple[tuple[str, float, str, str], ...] = (
    ("119", 14, "", "queued"), ("110", 4, "2009", "ringing"), ("12345", 95, "", "queued"), ("12345", 61, "", "queued"),
    ("12315", 33, "", "queued"), ("110", 190, "2001", "talking"), ("12345", 55, "2002", "talking"),
    ("120", 80, "2003", "talking"), ("95598", 640, "2011", "talking"),
)  # fmt: skip


class Afternoon(SystemClock):
    """The machine's clock, set to the afternoon of its day in the city: the day has brought something, and goes on."""

    def __init__(self) -> None:
        now = super().now().astimezone(ZONE)
        self._ahead = now.replace(hour=14, minute=30, second=0, microsecond=0) - now

    def now(self) -> datetime:
        return super().now() + self._ahead


def busy_city() -> City:
    """The demonstration's city with twelve desks of people."""
    city = load_city(ROOT / "cities" / "jinjiang")
    desks = tuple(Desk(extension=str(2001 + n), name=f"{n + 1}号席") for n in range(len(FLOOR)))
    chief = Desk(extension="1009", name="值班长席", in_queue=False)
    # The fake switches between the modes of its own city.
    return city.model_copy(update={"desks": (*desks, chief), "modes": CITY.modes})


async def make_scene(folder: Path, clock: ManualClock | SystemClock | None = None) -> Stage:
    """The stage over that city: desks and live calls as above, and a ledger that fits them."""
    stage = await make_stage(folder, clock)
    city, now = busy_city(), stage.clock.now()
    stage.services = replace(stage.services, city=city, ledger=LedgerReader(stage.services.database))
    fake = stage.city
    fake.current = city.modes[0]
    fake.live = {
        f"live-{n}": CallView(
            call_id=f"live-{n}", line=line, caller=f"1380000{n:04}", state=state, agent=desk,  # type: ignore[arg-type]
            arrived_at=now - timedelta(seconds=ago), priority=_priority(city, line),
            answered_at=now - timedelta(seconds=ago - 6) if state == "talking" else None,
            ringing=frozenset({desk} if state == "ringing" else ()), queue=_queue(city, line),
            parties=(Party(extension=desk, channel=f"ch-{desk}", role="agent"),) if state == "talking" else (),
        )
        for n, (line, ago, desk, state) in enumerate(CALLS)
    }  # fmt: skip
    on_desk = {call.agent: call.call_id for call in fake.live.values() if call.agent}
    fake.states = {
        desk.extension: AgentView(
            extension=desk.extension, name=desk.name, kind=desk.kind, state=state, reason=reason,
            since=now - timedelta(seconds=ago), call_id=on_desk.get(desk.extension),
        )
        for desk, (state, reason, ago) in zip(city.desks, FLOOR, strict=False)
    }  # fmt: skip
    rows = [_row(call.call_id, call.line, call.queue, call.arrived_at, None, call.answered_at, call.caller, call.agent)
            for call in fake.live.values()]  # fmt: skip
    for week in range(9):
        rows += past_day(city, now - timedelta(weeks=week), week)
    await store(stage.services.database, rows)
    return stage


def past_day(city: City, now: datetime, seed: int) -> list[dict[str, object]]:
    """Calls of that day from seven in the morning until ``now``: about one in two minutes on a dozen lines."""
    chance = random.Random(seed)  # noqa: S311  a made-up day
    lines = [line.number for line in city.lines][:16]
    weights = [12 if n in ("110", "12345") else 4 if n in ("119", "120", "122") else 1 for n in lines]
    at = now.astimezone(ZONE).replace(hour=0, minute=0, second=5)
    rows: list[dict[str, object]] = []
    while (at := at + timedelta(seconds=chance.expovariate(1 / 120))) < now - timedelta(minutes=12):
        line = chance.choices(lines, weights)[0]
        waited = chance.expovariate(1 / 6)
        answered = at + timedelta(seconds=waited) if chance.random() < 0.965 else None
        ended = at + timedelta(seconds=waited + chance.expovariate(1 / 120) * bool(answered))
        rows.append(
            _row(f"d{seed}-{len(rows)}", line, _queue(city, line), at, ended, answered,
                 f"1{chance.randrange(3 * 10**9, 10**10)}", f"{chance.randrange(2001, 2013)}")
        )  # fmt: skip
    return rows


async def store(database: Database, rows: Iterable[dict[str, object]]) -> None:
    async with database.work() as work:
        await work.session.execute(insert(CallRow), list(rows))


def _row(
    call_id: str, line: str, queue: str, at: datetime, ended: datetime | None, answered: datetime | None, caller: str,
    agent: str,
) -> dict[str, object]:  # fmt: skip
    over = answered or ended
    return {
        "id": call_id, "direction": "in", "line": line, "caller": caller, "queue": queue, "arrived_at": at,
        "agent": agent if answered else "", "queued_at": at, "answered_at": answered, "ended_at": ended,
        "waited_s": (over - at).total_seconds() if over else None,
        "talked_s": (ended - answered).total_seconds() if answered and ended else None,
        "outcome": "" if ended is None else "answered" if answered else "abandoned",
        "ended_by": "caller" if ended else "", "priority": 10, "cause": 16, "recording": "",
    }  # fmt: skip


def _queue(city: City, line: str) -> str:
    found = city.line(line)
    return found.answered_by if found else ""


def _priority(city: City, line: str) -> int:
    found = city.line(line)
    return found.priority if found else 0


async def working_day(database: Database, city: City, day: datetime, now: datetime) -> None:
    """Rows of the desks' states from eight in the morning of ``day`` until ``now``."""
    chance = random.Random(7)  # noqa: S311  a made-up day
    reasons = ("小休", "用餐", "培训", MISSED)
    rows: list[dict[str, object]] = []
    for desk in city.desks[: len(FLOOR)]:
        at = day.astimezone(ZONE).replace(hour=8, minute=chance.randrange(30), second=0)
        while at < now:
            state = chance.choices(("ready", "talking", "held", "wrapup", "paused", "away"), (5, 6, 1, 4, 1, 0.2))[0]
            until = at + timedelta(seconds=chance.expovariate(1 / (1200 if state in ("paused", "away") else 150)))
            rows.append({
                "seq": len(rows) + 1, "desk": desk.extension, "login": "wang", "state": state,
                "reason": chance.choice(reasons) if state == "paused" else "", "started_at": at,
                "call_id": f"w-{len(rows)}" if state in ("talking", "held") else None,
                "ended_at": until if until < now else None,
            })  # fmt: skip
            at = until
    async with database.work() as work:
        await work.session.execute(insert(DeskTime), rows)
