"""The busy centre of :mod:`tests.wallboard_scene` with nine weeks of tickets, for tests of the leaders' page.

``python -m tests.leader_scene --port 8001`` serves it.
"""

import argparse
import asyncio
import random
import tempfile
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from core.city import City
from core.clock import ManualClock, SystemClock
from core.database import Base
from core.ids import new_id
from desk.access.users import Users
from desk.analysis.briefviews import BriefWords
from desk.app import create_app
from desk.server import DeskServer
from desk.views import Views
from tests.desk_fakes import CITY, PASSWORD, Stage
from tests.wallboard_scene import ZONE, make_scene, past_day, store
from ticketing import index
from ticketing.analysis.briefs import Briefs
from ticketing.assign.tables import Assignment
from ticketing.clocks.tables import TicketClock
from ticketing.dispatch.tables import TicketScene
from ticketing.service import Tickets
from ticketing.tables import Callback, Ticket

HOUR = timedelta(hours=1)
LEADER = "ling"
Rows = dict[type[Base], list[dict[str, Any]]]


async def make_leader_scene(
    folder: Path, clock: ManualClock | SystemClock | None = None, *, a_day: float = 60, days: int = 63
) -> Stage:
    """Calls of every day, ``a_day`` tickets a day for so many days until now, with what became of them."""
    stage = await make_scene(folder, clock)
    services = stage.services
    city, now = services.city, stage.clock.now()
    stage.services = replace(services, tickets=Tickets(services.database, city, stage.clock))
    people = (
        CITY.people[0].model_copy(update={"login": LEADER, "name": "凌副市长", "role": "leader", "extension": None}),
        CITY.people[0].model_copy(update={"login": "du", "name": "督查室", "role": "arbiter", "extension": None}),
    )
    await Users(services.database).seed_people(city.model_copy(update={"people": people}))
    for back in range(1, 30):
        then = (now - timedelta(days=back)).astimezone(ZONE)
        rows = past_day(city, _evening(then), 100 + back)
        # The wall's scene has the same weekdays until this time of day.
        await store(services.database, [row for row in rows if back % 7 or str(row["arrived_at"]) > str(then)])
    made = lived(city, now, a_day, days, seed=3)
    async with services.database.work() as work:
        for table, rows in made.items():
            for start in range(0, len(rows), 1000):
                await work.session.execute(insert(table), rows[start : start + 1000])
    # Written past the mapper, which enters them into the search.
    await index.catch_up(services.database)
    return stage


def _evening(at: datetime) -> datetime:
    return at.astimezone(ZONE).replace(hour=23, minute=40)


def lived(city: City, now: datetime, a_day: float, days: int, seed: int) -> Rows:
    """Tickets of all groups and places, the later the more are still open."""
    chance = random.Random(seed)  # noqa: S311  the same rows every time, not a secret
    numbers = count(1)
    made: Rows = {table: [] for table in (Ticket, Assignment, TicketClock, Callback, TicketScene)}
    at = now - timedelta(days=days)
    while (at := at + timedelta(days=chance.expovariate(a_day))) < now:
        # Nights are quiet.
        if 1 <= at.astimezone(ZONE).hour < 7 and chance.random() < 0.8:
            continue
        _ticket(city, chance, at, now, next(numbers), made)
    return made


def _ticket(city: City, chance: random.Random, at: datetime, now: datetime, number: int, made: Rows) -> None:
    group = chance.choices(city.taxonomy, [1 if g.emergency else 4 for g in city.taxonomy])[0]
    category = chance.choice(group.categories)
    # A few towns have most of it.
    towns = [town for town in city.towns if town.communities]
    town = towns[min(int(chance.expovariate(1 / 5)), len(towns) - 1)]
    place = f"{town.name}{chance.choice(town.communities[:6]).name}"
    ticket_id, hours = new_id(), 2 if group.emergency else chance.choice((24, 48, 72))
    due, good = at + hours * HOUR, 0.75 + 0.2 * (hash_of(category.department) % 5) / 5
    reported = at + hours * HOUR * (chance.uniform(0.1, 0.9) if chance.random() < good else chance.uniform(1.1, 2.5))
    asked = reported + chance.uniform(0.5, 3) * HOUR
    done, closed = reported < now, asked < now
    state = "closed" if closed else "callback" if done else "handling" if at + HOUR < now else "dispatched"
    outcome = chance.choices(("satisfied", "unsatisfied", "no_answer"), (8, 1, 1))[0]
    emergency = group.emergency
    made[Ticket].append({
        "id": ticket_id, "number": f"JJ{at.astimezone(ZONE):%Y%m%d}-{number:05d}", "source": "call", "call_id": None,
        "line": "12345", "caller": f"138{number:08d}", "caller_digits": f"138{number:08d}", "state": state,
        "flow": "emergency" if emergency else "six", "step": state, "is_emergency": emergency, "code": category.code,
        "nature": chance.choice(("求助", "投诉", "咨询")), "place": place, "contact_name": "欧阳建国",
        "contact_phone": f"138{number:08d}", "contact_digits": f"138{number:08d}", "department": category.department,
        "summary": f"{category.name}，请尽快处理，回电13812345678", "created_at": at, "dispatched_at": at + 0.1 * HOUR,
        "reported_at": reported if done else None, "closed_at": asked if closed else None, "due_at": due,
        "satisfaction": outcome if closed and outcome != "no_answer" else "unknown" if closed else "",
    })  # fmt: skip
    made[Assignment].append({
        "id": new_id(), "ticket_id": ticket_id, "department": category.department, "part": "main",
        "level": "district", "assigned_at": at + 0.1 * HOUR, "assigned_by": "wang",
        "accepted_at": at + 0.2 * HOUR, "reported_at": reported if done else None,
    })  # fmt: skip
    made[TicketClock].append({
        "id": new_id(), "ticket_id": ticket_id, "kind": "handle", "started_at": at, "amount": hours, "unit": "hours",
        "due_at": due, "stopped_at": reported if done else None,
    })  # fmt: skip
    if done:
        made[Callback].append({
            "ticket_id": ticket_id, "round": 0, "attempt": 1, "call_id": new_id(), "number": f"138{number:08d}",
            "due_at": reported, "placed_at": asked if closed else None, "ended_at": asked if closed else None,
            "outcome": outcome if closed else None,
        })  # fmt: skip
    if city.dispatch.grids and chance.random() < 0.3:
        grid = chance.choices(city.dispatch.grids, range(1, len(city.dispatch.grids) + 1))[0]
        ring = grid.polygons[0][0]
        west, south, east, north = ring[0][0], ring[0][1], ring[2][0], ring[2][1]
        made[TicketScene].append({
            "ticket_id": ticket_id, "lon": chance.uniform(west, east), "lat": chance.uniform(south, north), "at": at,
            "who": "wang",
        })  # fmt: skip


def hash_of(text: str) -> int:
    """The same in every process."""
    return sum(map(ord, text))


async def looked(stage: Stage) -> int:
    """A look of the analysis, and last week's brief; the brief's id."""
    services = stage.services
    await services.analysis.look()
    briefs = Briefs(services.database, services.analysis, stage.clock)
    actor = await Users(services.database).get("he")
    assert actor is not None

    def worded(kind: Any, start: Any, figures: dict[str, Any]) -> dict[str, Any]:
        city = services.city
        bodies = {lang: BriefWords(city, Views(city, lang)).body(kind, start, figures) for lang in ("zh", "en")}
        return {**bodies, "advice": "建议城管部门加大夜间巡查力度。"}

    row = await briefs.issue("week", briefs.over("week")[0], actor.actor(), worded)
    return row.id


async def show(port: int, a_day: float) -> None:
    """Serve it until interrupted."""
    with tempfile.TemporaryDirectory() as folder:
        stage = await make_leader_scene(Path(folder), SystemClock(), a_day=a_day)
        await looked(stage)
        server = DeskServer(create_app(stage.services), "127.0.0.1", port)
        await server.start()
        print(f"http://127.0.0.1:{server.port}/leader  {LEADER}, he / {PASSWORD}", flush=True)
        try:
            await asyncio.Event().wait()
        finally:
            await server.stop()
            await stage.bus.close()
            await stage.services.database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=show.__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--a-day", type=float, default=60)
    given = parser.parse_args()
    asyncio.run(show(given.port, given.a_day))
