"""Two people at two processes save one ticket: the second sees the difference, nothing is lost. On both databases."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from ticket_support import AGENT, AGENT2, URBAN, WATER, Room

from core.errors import Conflict, NotAllowed
from tests.databases import KINDS, address
from ticketing.fields import EditConflict


@pytest.fixture(params=KINDS)
async def rooms(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Room, Room]]:
    """Two processes' views of one database: each has its own connections and its own lock."""
    url = address(request, tmp_path)
    one, other = Room(url), Room(url)
    await one.database.create_all()
    yield one, other
    await one.close()
    await other.close()


async def test_the_second_sees_what_the_first_saved(rooms: tuple[Room, Room]) -> None:
    one, other = rooms
    ticket = await one.drafted()
    seen = ticket.version
    await one.tickets.edit(ticket.id, {"place": "池店镇", "summary": "漏水"}, AGENT, seen)
    with pytest.raises(EditConflict) as told:
        await other.tickets.edit(ticket.id, {"place": "安海镇", "contact_name": "林"}, AGENT2, seen)
    (lost,) = told.value.differences
    assert (lost.field, lost.mine, lost.theirs, lost.by) == ("place", "安海镇", "池店镇", "agent1")
    # Fields that nobody else saved are kept when they are sent again with the version that was told.
    await other.tickets.edit(ticket.id, {"contact_name": "林"}, AGENT2, told.value.version)
    now = await one.get(ticket.id)
    assert (now.place, now.summary, now.contact_name) == ("池店镇", "漏水", "林")


async def test_of_two_that_save_in_the_same_moment_one_is_refused_and_nothing_is_lost(
    rooms: tuple[Room, Room],
) -> None:
    one, other = rooms
    ticket = await one.drafted()
    for turn in range(12):
        seen = (await one.get(ticket.id)).version
        said = await asyncio.gather(
            one.tickets.edit(ticket.id, {"place": f"池店镇{turn}"}, AGENT, seen),
            other.tickets.edit(ticket.id, {"place": f"安海镇{turn}"}, AGENT2, seen),
            return_exceptions=True,
        )
        refused = [one for one in said if isinstance(one, Conflict)]
        assert len(refused) == 1, said
        kept = (await one.get(ticket.id)).place
        assert kept == next(one.place for one in said if not isinstance(one, BaseException))
    history = await one.history(ticket.id)
    assert [row.version for row in history] == list(range(1, len(history) + 1))
    assert sum("place" in row.changes for row in history) == 12
    assert await one.replayed(ticket.id) == "draft"


async def test_two_departments_take_one_step_once(rooms: tuple[Room, Room]) -> None:
    one, other = rooms
    ticket = await one.drafted()
    await one.tickets.submit(ticket.id, AGENT, {"code": "S0104", "place": "池店镇"})
    said = await asyncio.gather(
        one.tickets.accept(ticket.id, WATER), other.tickets.accept(ticket.id, WATER), return_exceptions=True
    )
    refused = [one for one in said if isinstance(one, Conflict | NotAllowed)]
    assert len(refused) == 1, said
    with pytest.raises(NotAllowed):
        await other.tickets.report(ticket.id, URBAN, "不是我们的")
    assert [row.action for row in await one.history(ticket.id)].count("accept") == 1


async def test_two_processes_never_give_a_number_twice(rooms: tuple[Room, Room]) -> None:
    made = await asyncio.gather(
        *(room.tickets.draft(f"{name}-{n}", "12345", "13800138000", "1001") for n in range(8)
          for name, room in zip("ab", rooms, strict=True))
    )  # fmt: skip
    assert len({ticket.number for ticket in made}) == 16
    # The same call, answered once, drafted by both.
    both = await asyncio.gather(*(room.tickets.draft("same", "12345", "138", "1001") for room in rooms))
    assert both[0].id == both[1].id
