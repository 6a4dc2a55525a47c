"""The list of missed calls as the screens show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from core.city import City
from core.clock import Clock
from core.database import Database
from switchboard.exchange import Exchange, dialled, on_the_line
from switchboard.missed import tables
from switchboard.missed.policy import HOLD_NAMES, Item
from switchboard.missed.tables import PAGE, Count, RecallTry

#: What was done is shown for so long.
SHOWN = timedelta(days=1)


@dataclass(frozen=True)
class Entry:
    """An item with what a person needs to decide."""

    item: Item
    tries: Sequence[RecallTry]
    #: Why heyi does not ring by itself (again); empty while it will, and once the item has ended.
    list_only: str
    #: The number is one that can be dialled.
    dialable: bool
    #: The caller is in a call with us at this moment.
    on_the_line: bool


class MissedList:
    """Reads only; what is done to an item is :class:`switchboard.missed.recalls.Recalls`'s."""

    def __init__(self, database: Database, clock: Clock, city: City, exchange: Exchange) -> None:
        self._database, self._clock, self._city, self._exchange = database, clock, city, exchange

    async def open(self, page: int = 1) -> list[Entry]:
        """What is to be done, :data:`PAGE` at a time: emergencies first, then those that wait longest."""
        return await self.some(max(0, page - 1) * PAGE, PAGE)

    async def some(self, start: int, size: int) -> list[Entry]:
        """The same list from ``start`` on."""
        async with self._database.read() as session:
            return await self._entries(session, await tables.page(session, start, size))

    async def count(self) -> Count:
        """How much is to be done."""
        async with self._database.read() as session:
            return await tables.count(session)

    async def done(self, limit: int = 100, start: int = 0) -> list[Entry]:
        """What was done in the last day, latest first: so many from ``start`` on."""
        async with self._database.read() as session:
            return await self._entries(session, await tables.ended(session, self._clock.now() - SHOWN, limit, start))

    async def item(self, item_id: str) -> Item | None:
        async with self._database.read() as session:
            return await tables.load(session, item_id)

    async def _entries(self, session: AsyncSession, items: Sequence[Item]) -> list[Entry]:
        tries = await tables.tries_of(session, [item.id for item in items])
        line = on_the_line(self._city, self._exchange)
        return [
            Entry(
                item, tries.get(item.id, []), self._list_only(item), bool(dialled(self._city, item.number)),
                bool(item.number) and item.number in line,
            )
            for item in items
        ]  # fmt: skip

    def _list_only(self, item: Item) -> str:
        if item.ended or item.due_at is not None or item.out:
            return ""
        if not item.number:
            return "来电未显示号码，无法回拨"
        if not dialled(self._city, item.number):
            return "内部或特殊号码，不能外拨"
        if item.hold:
            return HOLD_NAMES[item.hold]
        if not item.emergency:
            return "服务热线来电，由人回拨"
        return "自动回拨次数已用完，由人处理" if item.tries else "漏接已久，由人决定是否回拨"
