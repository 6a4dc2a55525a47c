"""Messages that callers leave for a ticket: kept, written out, sealed; also over a restart."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from core.errors import HeyiError
from telephony.recordings.files import digest
from telephony.recordings.sealer import Recording
from tests.unit.selfservice_support import CHIEF, OTHER, Site, site
from ticketing.repository import TicketRepository
from ticketing.selfservice.messages import MessageTexts, NotNow

NAME = "hy-2.1-voice-1.wav"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as opened:
        yield opened


class Ears:
    """Recognises the same of everything; ``wrong``: how often it fails before."""

    def __init__(self, text: str = "他们今天 又开工了", wrong: int = 0) -> None:
        self.text, self.wrong, self.heard = text, wrong, 0

    async def __call__(self, recording: Path) -> str:
        self.heard += 1
        if self.heard <= self.wrong:
            raise RuntimeError("the pool is ill")
        assert recording.name == NAME
        return self.text


def writer(desk: Site, ears: Ears) -> MessageTexts:
    return MessageTexts(desk.database, desk.tickets, desk.clock, desk.recordings, ears, keep_days=30)


async def notes(desk: Site, ticket_id: str) -> list[str]:
    async with desk.database.read() as session:
        rows = await TicketRepository(session).history(ticket_id)
    return [row.note for row in rows if row.action == "message"]


async def test_kept_at_once_written_out_later_and_sealed(desk: Site) -> None:
    ticket = await desk.ticket()
    arguments = {"ticket": ticket.number, "recording": desk.message(NAME)}
    assert await desk.ask("message", arguments) == ("done", {})
    # The answer got lost, the flow asks again.
    assert await desk.ask("message", arguments) == ("done", {})
    assert await notes(desk, ticket.id) == ["来电人语音留言（登记号码来电）"]
    # heyi is started anew in between.
    again = Site(desk.folder, desk.clock)
    try:
        assert await writer(again, Ears()).tick() == 1
        assert await writer(again, Ears("anything else")).tick() == 0
    finally:
        await again.close()
    assert (await notes(desk, ticket.id))[1:] == ["来电人留言：他们今天 又开工了"]
    [message] = await desk.service.messages.of_ticket(ticket.id)
    assert (message.state, message.own, message.text) == ("done", True, "他们今天 又开工了")
    async with desk.database.read() as session:
        sealed = await session.get_one(Recording, NAME)
    assert sealed.sha256 == digest(desk.recordings / NAME) and sealed.call_id == "hy-2.1"
    assert sealed.delete_after == message.at + timedelta(days=30)


async def test_from_another_number_it_says_so_and_a_closed_ticket_takes_it_too(desk: Site) -> None:
    ticket = await desk.ticket()
    await desk.tickets.close(ticket.id, CHIEF, "已解决")
    await desk.ask("message", {"ticket": ticket.number, "recording": desk.message(NAME)}, caller=OTHER)
    assert await notes(desk, ticket.id) == ["来电人语音留言（其他号码来电）"]


@pytest.mark.parametrize(
    "name", ["", "hy-9.9-voice-1.wav", "../secret.wav", "hy-2.1.wav", "hy-2.1-voice-2.wav", "hy-2.1-voice-1.wav\0"]
)
async def test_only_a_recording_of_this_call_that_is_there(desk: Site, name: str) -> None:
    ticket = await desk.ticket()
    desk.message("hy-9.9-voice-1.wav")
    with pytest.raises(HeyiError):
        await desk.ask("message", {"ticket": ticket.number, "recording": name})
    with pytest.raises(HeyiError):
        await desk.ask("message", {"ticket": "JJ20260101-0001", "recording": desk.message(NAME)})
    assert await notes(desk, ticket.id) == []


async def test_what_cannot_be_recognised_is_tried_three_times_and_stays_to_be_heard(desk: Site) -> None:
    ticket = await desk.ticket()
    await desk.ask("message", {"ticket": ticket.number, "recording": desk.message(NAME)})
    ears = Ears(wrong=9)
    assert [await writer(desk, ears).tick() for _ in range(4)] == [False, False, True, 0]
    [message] = await desk.service.messages.of_ticket(ticket.id)
    assert (message.state, message.text, ears.heard) == ("failed", "", 3)
    async with desk.database.read() as session:
        assert (await session.get_one(Recording, NAME)).sealed_at is not None


async def test_recognition_that_ends_with_heyi_is_no_try(desk: Site) -> None:
    ticket = await desk.ticket()
    await desk.ask("message", {"ticket": ticket.number, "recording": desk.message(NAME)})

    async def stopped(_recording: Path) -> str:
        raise NotNow

    for _ in range(4):
        await MessageTexts(desk.database, desk.tickets, desk.clock, desk.recordings, stopped).tick()
    [message] = await desk.service.messages.of_ticket(ticket.id)
    assert (message.state, message.tries) == ("waiting", 0)


async def test_silence_is_no_remark(desk: Site) -> None:
    ticket = await desk.ticket()
    await desk.ask("message", {"ticket": ticket.number, "recording": desk.message(NAME)})
    await writer(desk, Ears(" ")).tick()
    assert len(await notes(desk, ticket.id)) == 1


async def test_heyis_end_in_the_middle_costs_nothing(desk: Site) -> None:
    ticket = await desk.ticket()
    await desk.ask("message", {"ticket": ticket.number, "recording": desk.message(NAME)})
    began = asyncio.Event()

    async def stuck(_recording: Path) -> str:
        began.set()
        await asyncio.Event().wait()
        return ""

    running = asyncio.create_task(MessageTexts(desk.database, desk.tickets, desk.clock, desk.recordings, stuck).run())
    await asyncio.wait_for(began.wait(), 60)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    [message] = await desk.service.messages.of_ticket(ticket.id)
    assert (message.state, message.tries) == ("waiting", 0)
    assert await writer(desk, Ears()).tick() == 1
    async with desk.database.read() as session:
        assert len((await session.scalars(select(Recording))).all()) == 1
