"""A room in which callers are missed, for the tests of who is rung back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from switchboard.missed.listing import Entry
from switchboard.missed.policy import Item
from tests.unit.switchboard_support import Room, make_room

CALLER = "13800138000"


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Room]:
    made = await make_room(folder)
    await made.start()
    yield made
    await made.die()
    await made.database.close()


async def abandon(room: Room, call_id: str, line: str = "119", caller: str = CALLER, waited_s: float = 20) -> None:
    await room.exchange.waits(call_id, line, caller)
    room.clock.advance(waited_s)
    await room.exchange.end(call_id)
    await room.settle()


async def only(room: Room) -> Entry:
    entries = await room.list.open() or await room.list.done()
    assert len(entries) == 1, entries
    return entries[0]


async def item(room: Room) -> Item:
    return (await only(room)).item
