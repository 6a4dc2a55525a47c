"""The owner of a car that blocks the way is rung; nobody is told the number."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from core.audit import note
from core.city import City
from core.clock import Clock
from core.database import Database
from core.phones import dialable
from ticketing.actor import Actor
from ticketing.selfservice.asked import UNCLEAR, VOICE, Answer, Asked, Gate
from ticketing.selfservice.plates import read_plate
from ticketing.selfservice.sheets import Owner
from ticketing.selfservice.tables import CarCall, CarOwner

#: From the answer until the owner is rung: the plate is read back, the caller agrees, perhaps is asked once more.
LIFE = timedelta(minutes=5)
#: Rows of one statement's list of plates.
_AT_ONCE = 500


class Cars:
    """``car_owner``, and what the telephone side rings."""

    def __init__(self, database: Database, city: City, clock: Clock, gate: Gate) -> None:
        self._database, self._city, self._clock, self._gate = database, city, clock, gate

    async def find(self, asked: Asked) -> Answer:
        """A name for the owner of the plate in ``words``; every one that is asked for is in the audit."""
        plate = read_plate(asked.text("words"), self._city.selfservice.plate)
        if plate is None:
            return UNCLEAR
        await self._gate.car(asked, plate)
        async with self._database.work() as work:
            known = await work.session.get(CarOwner, plate) is not None
            note(
                work.session, at=asked.now, who=VOICE.login, what="car_owner", call_id=asked.call_id,
                detail=f"{plate} {'found' if known else 'none'}",
            )  # fmt: skip
            await work.session.execute(delete(CarCall).where(CarCall.until < asked.now))
            if not known:
                return "none", {"plate": plate}
            token = secrets.token_hex(8)
            work.session.add(CarCall(token=token, plate=plate, call_id=asked.call_id, until=asked.now + LIFE))
        return "found", {"plate": plate, "owner": token}

    async def number(self, owner: str) -> str | None:
        """The number to dial for a name of :meth:`find`: once, within :data:`LIFE`; None otherwise."""
        now = self._clock.now()
        async with self._database.work() as work:
            # One statement takes it: of two that ask at the same moment one gets it.
            taken = update(CarCall).where(CarCall.token == owner, CarCall.until >= now).values(until=now - LIFE)
            row = (await work.session.execute(taken.returning(CarCall.plate, CarCall.call_id))).one_or_none()
            if row is None:
                return None
            found = await work.session.get(CarOwner, row.plate)
            number = dialable(found.phone, self._city.profile.area_code) if found is not None else ""
            note(
                work.session, at=now, who=VOICE.login, what="car_owner_rung", call_id=row.call_id,
                detail=row.plate if number else f"{row.plate} no number",
            )  # fmt: skip
        return number or None


@dataclass
class Brought:
    """How an import went."""

    added: int = 0
    changed: int = 0
    same: int = 0


async def bring_owners(
    database: Database, rows: Sequence[Owner], by: Actor, now: datetime, *, dry_run: bool = False,
    told: Callable[[int], None] = lambda _: None,
) -> Brought:  # fmt: skip
    """Enter what is new and what is not older than what is there; the same file twice changes nothing."""
    done = Brought()
    for begin in range(0, len(rows), _AT_ONCE):
        part = rows[begin : begin + _AT_ONCE]
        async with database.work() as work:
            query = select(CarOwner).where(CarOwner.plate.in_([row.plate for row in part]))
            there = {owner.plate: owner for owner in await work.session.scalars(query)}
            for row in part:
                known = there.get(row.plate)
                if known is None:
                    done.added += 1
                    if not dry_run:
                        work.session.add(CarOwner(plate=row.plate, phone=row.phone, name=row.name, since=row.since))
                elif known.since > row.since or (known.phone, known.name) == (row.phone, row.name):
                    done.same += 1
                else:
                    done.changed += 1
                    if not dry_run:
                        known.phone, known.name, known.since = row.phone, row.name, row.since
        told(len(part))
    if not dry_run:
        async with database.work() as work:
            note(work.session, at=now, who=by.login, what="car_owners_import", detail=f"+{done.added} ~{done.changed}")
    return done
