"""A caller never waits for Python: what happens when every process of ours is killed."""

import wave
from pathlib import Path

import pytest

from core.bus import Bus
from core.city import City
from core.database import Database
from telephony import ledger
from tests.asterisk.conftest import TONE, Site, Taker, listening, say
from tests.asterisk.serving import Serve
from tests.eventually import until

pytestmark = [pytest.mark.asterisk, pytest.mark.models]

#: A SIP telephone in the example city's emergency desks.
DESK = "1007"


@pytest.fixture
def city(jinjiang: City) -> City:
    return jinjiang


def seconds(path: Path) -> float:
    """A recording's length; 0 while Asterisk has not written its head."""
    try:
        with wave.open(str(path)) as file:
            return file.getnframes() / file.getframerate()
    except (wave.Error, EOFError):
        return 0.0


async def rows(site: Site) -> list[ledger.CallRow]:
    database = Database(site.settings.db_url, Bus())
    async with database.read() as session:
        found = await ledger.history(session, "13800138000")
    await database.close()
    return found


async def test_with_every_process_killed_119_still_rings_and_is_recorded(site: Site, serve: Serve) -> None:
    await serve.kill()
    taker = Taker(await site.phone(DESK))
    trunk = await site.phone("exchange", trunk=True)
    call = await trunk.call("119", caller="13800138000")
    await until(lambda: bool(taker.calls), lambda: "the desk's telephone rings and is answered")
    await call.play(TONE * 3)
    await say(call, taker.hears, "the desk hears the caller")
    await say(taker.calls[-1], listening(call), "the caller hears the desk")
    await call.hang_up()
    folder = site.settings.recordings
    await until(
        lambda: len([f for f in folder.glob("*.wav") if seconds(f) > 2.5]) == 3,
        lambda: f"whole recordings: {[(file.name, file.stat().st_size) for file in folder.glob('*.wav')]}",
    )
    assert sorted(file.stem.rpartition("-")[2] for file in folder.glob("*-*-*.wav")) == ["agent", "caller"]


async def test_a_paused_desk_is_rung_in_the_last_resort(site: Site, serve: Serve) -> None:
    """heyi dies while every call taker is in wrap-up or paused: nobody would ever unpause them."""
    taker = Taker(await site.phone(DESK))
    site.server.cli(f"queue pause member PJSIP/{DESK} queue hotline reason wrapup")
    await serve.kill()
    trunk = await site.phone("exchange", trunk=True)
    call = await trunk.call("119", caller="13800138000")
    await until(lambda: bool(taker.calls), lambda: "the paused desk rings")
    await call.hang_up()


async def test_killed_in_mid_call_and_started_again_the_row_is_complete(site: Site, serve: Serve) -> None:
    taker = Taker(await site.phone(DESK))
    trunk = await site.phone("exchange", trunk=True)
    call = await trunk.call("119", caller="13800138000")
    await until(lambda: bool(taker.calls), lambda: "answered")
    await call.play(TONE)
    await serve.kill()
    await say(taker.calls[-1], listening(call), "the call goes on")
    assert not call.ended.is_set()

    await serve.start()
    await call.play(TONE)
    assert not call.ended.is_set()
    await call.hang_up()
    complete: list[ledger.CallRow] = []

    async def ended() -> bool:
        complete[:] = [row for row in await rows(site) if row.ended_at is not None]
        return bool(complete)

    await until(ended, "the call's row is complete")
    assert len(complete) == 1 == len(await rows(site))
    row = complete[0]
    assert (row.line, row.agent, row.outcome, row.ended_by, row.priority) == ("119", DESK, "answered", "caller", 100)
    assert row.queued_at is not None and row.answered_at is not None and row.ended_at is not None
    assert row.talked_s is not None and row.talked_s > 2
    length = seconds(site.settings.recordings / row.recording)
    # No recording is shorter than its call: it begins with the ringing.
    assert length >= row.talked_s
