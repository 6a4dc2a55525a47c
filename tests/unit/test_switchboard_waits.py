"""What callers who wait are told, and how they are put back where they stood."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from core.city import City, Desk
from switchboard.figures.worktime import DeskTime
from switchboard.waits import Waits
from telephony.ledger import CallRow
from tests.citykit import small_city
from tests.unit.switchboard_support import Room, make_room


def two_service_desks() -> City:
    city = small_city()
    return city.model_copy(
        update={
            "desks": (
                Desk(extension="1001", name="一号", kind="phone", groups=("service",)),
                Desk(extension="1002", name="二号", kind="phone", groups=("service",)),
                Desk(extension="1003", name="紧急", kind="phone", groups=("emergency",)),
            )
        }
    )


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    made = await make_room(tmp_path, city=two_service_desks())
    await made.start()
    for desk in ("1001", "1002", "1003"):
        made.exchange.desk(desk, "talking")
    yield made
    await made.die()
    await made.database.close()


@pytest.fixture
def called_in() -> list[str]:
    return []


@pytest.fixture
async def waits(room: Room, called_in: list[str]) -> Waits:
    made = Waits(room.database, room.bus, room.clock, room.city, room.exchange, room.keeping)
    made.call_in = called_in.append
    made.start()
    return made


async def three_wait(room: Room) -> None:
    for n in (1, 2, 3):
        await room.exchange.waits(f"c{n}", "12345", f"1380013800{n}")
        room.clock.advance(5)
    await room.settle()


async def worked(room: Room, answers: int, *, minutes: float = 60) -> None:
    """Within the last hour the two service desks were at work all the time and answered so many."""
    now = room.clock.now()
    async with room.database.work() as work:
        for n in range(answers):
            at = now - timedelta(minutes=minutes) * (n + 1) / (answers + 1)
            work.session.add(
                CallRow(
                    id=f"past{n}", direction="in", line="12345", caller="", arrived_at=at, queued_at=at,
                    answered_at=at, agent="1001" if n % 2 else "1002", queue="service",
                )
            )  # fmt: skip
        for desk in ("1001", "1002", "1003"):
            work.session.add(
                DeskTime(
                    seq=int(desk), desk=desk, state="talking", started_at=now - timedelta(minutes=minutes),
                    ended_at=None, call_id=None,
                )
            )  # fmt: skip


async def test_place_and_wait_from_the_pace_of_his_desks(room: Room, waits: Waits) -> None:
    """Two hours of work for 19 answers; the third in line waits for three ends of 379 s each at two desks: 568 s."""
    await worked(room, 19)
    await three_wait(room)
    assert await waits.begin("c3") == {"place": "2", "wait": "10"}
    assert room.exchange.put_back_at == [("c3", 3)]


async def test_without_answers_lately_the_place_alone(room: Room, waits: Waits) -> None:
    await worked(room, 4)
    await three_wait(room)
    assert await waits.begin("c2") == {"place": "1", "wait": ""}


async def test_without_a_desk_the_place_alone(room: Room, waits: Waits) -> None:
    await worked(room, 20)
    await three_wait(room)
    for desk in ("1001", "1002"):
        room.exchange.desk(desk, "away")
    assert await waits.begin("c2") == {"place": "1", "wait": ""}


async def test_who_is_first_and_has_somebody_behind_him_is_not_taken_out_of_the_queue(room: Room, waits: Waits) -> None:
    await three_wait(room)
    assert await waits.begin("c1") is None
    assert room.exchange.put_back_at == [("c1", 1)]


async def test_who_is_alone_is_told_that_he_is_next_until_somebody_comes(
    room: Room, waits: Waits, called_in: list[str]
) -> None:
    await room.exchange.waits("c1", "12345", "13800138001")
    assert await waits.begin("c1") == {"place": "0", "wait": ""}
    await room.settle()
    assert called_in == []
    await room.exchange.waits("c2", "12345", "13800138002")
    await room.settle()
    assert called_in == ["c1"]


async def test_while_he_listens_his_place_moves_up_and_he_is_called_in_before_anybody_behind(
    room: Room, waits: Waits, called_in: list[str]
) -> None:
    await three_wait(room)
    await waits.begin("c2")
    await room.exchange.answer("c1")
    await room.settle()
    assert room.exchange.put_back_at[-1] == ("c2", 1)
    assert called_in == ["c2"]
    await room.exchange.waits("c4", "12345", "13800138004")
    await room.settle()
    assert called_in == ["c2"], "once"


async def test_a_desk_that_becomes_free_calls_him_in(room: Room, waits: Waits, called_in: list[str]) -> None:
    await room.exchange.waits("c1", "12345", "13800138001")
    await waits.begin("c1")
    room.exchange.desk("1002", "ready")
    await room.exchange.waits("fire", "119", "13800138009")  # something moves
    await room.settle()
    assert called_in == ["c1"]


async def test_after_the_voice_nobody_is_moved(room: Room, waits: Waits, called_in: list[str]) -> None:
    await three_wait(room)
    await waits.begin("c2")
    waits.end("c2")
    await room.exchange.answer("c1")
    await room.settle()
    assert room.exchange.put_back_at == [("c2", 2)] and called_in == []


async def test_a_kept_place_stands_before_who_came_later(room: Room, waits: Waits) -> None:
    await room.exchange.waits("k", "12345", "13800138000")
    room.clock.advance(5)
    await room.exchange.press_to_keep("k")
    await room.settle()
    await three_wait(room)
    told = await waits.begin("c1")
    assert told is not None and told["place"] == "1"


async def test_who_does_not_wait_is_not_told_anything(room: Room, waits: Waits) -> None:
    assert await waits.begin("nobody") is None
    assert await waits.expected("nobody") is None
