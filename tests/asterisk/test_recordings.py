"""Recordings of a real call: who spoke is on which side, sealed, and as long as the call."""

import asyncio
import hashlib
import os
import signal
import wave
from collections.abc import AsyncIterator

import numpy as np
import pytest

from core.clock import SystemClock
from telephony.events import CallEnded, DeskJoined
from telephony.phone import PhoneCall
from telephony.recordings import files as recording_store
from telephony.recordings import sealer as recordings
from telephony.recordings.care import verify
from telephony.recordings.sealer import Recording, Sealer, sealed
from tests.asterisk.conftest import House, Site
from tests.asterisk.test_calls import row_of
from tests.eventually import until

pytestmark = pytest.mark.asterisk

CALLER_HZ, DESK_HZ = 600, 1100


def tone(hz: int, seconds: float) -> bytes:
    return (8000 * np.sin(2 * np.pi * hz * np.arange(int(8000 * seconds)) / 8000)).astype("<i2").tobytes()


def loudest_hz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.argmax(spectrum) * 8000 / samples.size)


async def all_sealed(house: House, call_id: str) -> list[Recording]:
    async def three() -> bool:
        return len(await sealed(house.database, call_id)) >= 3

    await until(three, "three files are sealed")
    return await sealed(house.database, call_id)


@pytest.fixture
async def sealer(site: Site, house: House) -> AsyncIterator[Sealer]:
    sealer = Sealer(house.database, house.bus, SystemClock(), site.settings.recordings)
    sealer.start()
    yield sealer
    await sealer.close()


async def test_a_calls_stereo_file_has_the_caller_left_and_the_desk_right(
    site: Site, house: House, sealer: Sealer
) -> None:
    desk = await site.phone("1001")
    taken: list[PhoneCall] = []

    async def take(call: PhoneCall) -> None:
        await call.answer()
        taken.append(call)

    desk.on_call = take
    trunk = await site.phone("exchange", trunk=True)
    call = await trunk.call("119", caller="13800138000")
    await house.until(lambda: bool(house.of(DeskJoined)) and bool(taken), "answered")
    await asyncio.gather(call.play(tone(CALLER_HZ, 3)), taken[0].play(tone(DESK_HZ, 3)))
    folder = site.settings.recordings
    call_id = house.of(DeskJoined)[0].call_id or ""
    assert await sealed(house.database, call_id) == []
    await call.hang_up()
    await house.until(lambda: bool(house.of(CallEnded)), "ended")
    found = await all_sealed(house, call_id)
    rows = {row.kind: row for row in found}
    assert {kind: (row.file, row.reason) for kind, row in rows.items()} == {
        "stereo": (f"{call_id}.wav", ""),
        "caller": (f"{call_id}-caller.wav", ""),
        "agent": (f"{call_id}-agent.wav", ""),
    }
    for row in found:
        content = (folder / row.file).read_bytes()
        assert (row.sha256, row.bytes) == (hashlib.sha256(content).hexdigest(), len(content))
    with wave.open(str(folder / rows["stereo"].file), "rb") as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    # both speak in the last seconds; each side holds one voice and little of the other
    last = frames[-3 * 8000 : -8000].astype(np.float64)
    assert abs(loudest_hz(last[:, 0]) - CALLER_HZ) < 10
    assert abs(loudest_hz(last[:, 1]) - DESK_HZ) < 10
    for side, other in ((0, DESK_HZ), (1, CALLER_HZ)):
        spectrum = np.abs(np.fft.rfft(last[:, side]))
        assert spectrum[round(other * last.shape[0] / 8000)] < spectrum.max() / 100
    ledger = await row_of(house, call_id)
    assert ledger.ended_at is not None and ledger.answered_at is not None and ledger.queued_at is not None
    talked_s = (ledger.ended_at - ledger.answered_at).total_seconds()
    assert rows["stereo"].seconds >= talked_s, (rows["stereo"].seconds, talked_s)
    # It begins before the caller waits; how long the dialplan takes until then depends on the machine.
    lasted_s = (ledger.ended_at - ledger.queued_at).total_seconds()
    assert rows["stereo"].seconds >= lasted_s - 0.2, (rows["stereo"].seconds, lasted_s)
    assert (await verify(house.database, folder)).faults == {}


async def test_recordings_of_a_killed_asterisk_are_mended_and_sealed(
    site: Site, house: House, sealer: Sealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Asterisk had written is kept; it writes 32 KB (2 s) of a file at a time."""
    monkeypatch.setattr(recording_store, "PATIENCE_S", 1.0)
    monkeypatch.setattr(recordings, "PATIENCE_S", 1.0)
    trunk = await site.phone("exchange", trunk=True)
    call = await trunk.call("120", caller="13800138000")
    await call.play(tone(CALLER_HZ, 6))
    pid = site.server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    site.server.stop()  # nothing is left to end but the dead process itself
    site.server.start()
    await house.until(lambda: bool(house.of(CallEnded)), "the lost call ended")
    rows = {row.kind: row for row in await all_sealed(house, house.of(CallEnded)[0].call_id or "")}
    assert set(rows) == {"stereo", "caller", "agent"}
    assert rows["caller"].reason == rows["agent"].reason == recording_store.MENDED
    assert 3.5 < rows["stereo"].seconds < 7
    with wave.open(str(site.settings.recordings / rows["stereo"].file), "rb") as file:
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert frames.shape[0] == rows["stereo"].seconds * 8000
    assert abs(loudest_hz(frames[8000:24000, 0].astype(np.float64)) - CALLER_HZ) < 10
