"""What calls told, kept for as long as another call can be about the same matter, and the query that finds them.

A call is found by its keys (:func:`triage.incidents.account.keys`), each of them a look-up in an index that ends after
:data:`NEWEST` rows: what a query costs grows with the logarithm of the number of calls, not with the number.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, String, Text, delete, insert, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.database import Base
from triage.incidents.account import Account, grown, keys, wanted_keys
from triage.incidents.likeness import MIXED_WINDOW, SERVICE_WINDOW
from triage.incidents.spots import Spot

#: Calls looked at for each key, the newest, and of all keys together.
NEWEST, MOST = 60, 120
#: Fields that are settled together with another.
_WITH = {"place": ("town", "community", "others", "point", "point_m"), "position": ("position_m",)}


class StoredAccount(Base):
    """What one call tells of its matter."""

    __tablename__ = "incident_accounts"

    call_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    body: Mapped[str] = mapped_column(Text)
    #: Names of what a person wrote: software leaves them alone.
    settled: Mapped[str] = mapped_column(String(40), default="")


class IncidentKey(Base):
    """A key under which an account is found. The primary key is the index that answers the query."""

    __tablename__ = "incident_keys"

    key: Mapped[str] = mapped_column(String(60), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    call_id: Mapped[str] = mapped_column(String(80), primary_key=True, index=True)


async def get(session: AsyncSession, call_id: str) -> Account | None:
    """What this call told; None where it told no place yet."""
    row = await session.get(StoredAccount, call_id)
    return None if row is None else _account(row.body)


async def save(session: AsyncSession, account: Account) -> Account:
    """Make ``account`` what its call tells; returned as kept, grown, and with what a person wrote."""
    row = await session.get(StoredAccount, account.call_id)
    if row is None:
        row = StoredAccount(call_id=account.call_id, at=account.at, body="", settled="")
        session.add(row)
    else:
        known = _account(row.body)
        account = replace(grown(known, account), **{name: getattr(known, name) for name in _settled(row)})
    await _write(session, row, account)
    return account


async def settle(session: AsyncSession, call_id: str, values: dict[str, Any]) -> Account | None:
    """Set fields that a person wrote; from then on :func:`save` leaves them alone. None where nothing was kept yet."""
    row = await session.get(StoredAccount, call_id)
    if row is None:
        return None
    account = replace(_account(row.body), **values)
    row.settled = " ".join(sorted({*row.settled.split(), *values} - {name for many in _WITH.values() for name in many}))
    await _write(session, row, account)
    return account


async def find_by_keys(session: AsyncSession, call_id: str, found: bool) -> None:
    """Let other calls find this one, or no longer; what it told is kept either way."""
    row = await session.get(StoredAccount, call_id)
    if row is not None:
        await _index(session, _account(row.body) if found else None, call_id)


async def _write(session: AsyncSession, row: StoredAccount, account: Account) -> None:
    row.body = body_of(account)
    await session.flush()
    await _index(session, account, account.call_id)


async def _index(session: AsyncSession, account: Account | None, call_id: str) -> None:
    await session.execute(delete(IncidentKey).where(IncidentKey.call_id == call_id))
    if account is not None and (found := keys(account)):
        rows = [{"key": key, "at": account.at, "call_id": call_id} for key in found]
        await session.execute(insert(IncidentKey), rows)


async def others(session: AsyncSession, account: Account) -> Sequence[Account]:
    """Accounts of other calls that share a key with this one within its window, those that share most first."""
    query = lookup(account)
    if query is None:
        return []
    shared: Counter[str] = Counter()
    newest: dict[str, datetime] = {}
    for row in await session.execute(query):
        shared[row[0]] += 1
        newest[row[0]] = row[1]
    del shared[account.call_id]
    best = sorted(shared, key=lambda c: (shared[c], newest[c]), reverse=True)[:MOST]
    rows = await session.scalars(select(StoredAccount).where(StoredAccount.call_id.in_(best)))
    by_id = {row.call_id: _account(row.body) for row in rows}
    return [by_id[call_id] for call_id in best if call_id in by_id]


def lookup(account: Account) -> Select[str, datetime] | None:
    """The query for the calls that share a key: one look-up in the index for each. None without a key."""
    reach = MIXED_WINDOW if account.emergency else SERVICE_WINDOW
    parts = []
    for key in wanted_keys(account):
        part = (
            select(IncidentKey.call_id, IncidentKey.at)
            .where(IncidentKey.key == key, IncidentKey.at >= account.at - reach, IncidentKey.at <= account.at + reach)
            .order_by(IncidentKey.at.desc())
            .limit(NEWEST)
            .subquery()
        )
        parts.append(select(part.c.call_id, part.c.at))
    if not parts:
        return None
    every = union_all(*parts).subquery()
    return select(every.c.call_id, every.c.at)


async def forget(session: AsyncSession, now: datetime) -> None:
    """Drop what no call can be about any more."""
    old = select(StoredAccount.call_id).where(StoredAccount.at < now - SERVICE_WINDOW)
    await session.execute(delete(IncidentKey).where(IncidentKey.call_id.in_(old)))
    await session.execute(delete(StoredAccount).where(StoredAccount.at < now - SERVICE_WINDOW))


def body_of(account: Account) -> str:
    """An account as it is stored."""
    return json.dumps(asdict(account), ensure_ascii=False, separators=(",", ":"), default=datetime.isoformat)


def _account(body: str) -> Account:
    data = json.loads(body)
    data["at"] = datetime.fromisoformat(data["at"])
    data["codes"] = tuple((code, share) for code, share in data["codes"])
    data["others"] = tuple(Spot(*spot) for spot in data.get("others", ()))
    for name in ("position", "point"):
        data[name] = tuple(data[name]) if data.get(name) else None
    return Account(**data)


def _settled(row: StoredAccount) -> set[str]:
    return {field for name in row.settled.split() for field in (name, *_WITH.get(name, ()))}
