"""Listening to a recording: by right, in ranges, a trace for each listening, a clear answer after its deletion."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from core.audit import AuditEntry
from core.clock import ManualClock
from desk.app import create_app
from desk.calls.hearing import ONE_LISTENING
from telephony.recordings.sealer import Recording
from tests.desk_fakes import PASSWORD, Stage, make_stage, write_wav

URL = "/calls/c-1/recording"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = await make_stage(tmp_path)
    await stage.city.arrive("c-1", "119", "13800001234")
    await stage.city.ring("c-1", "1001")
    await stage.city.answer("c-1", "1001")
    await stage.city.end("c-1", "c-1.wav")
    for part, seconds in (("", 0.5), ("-caller", 0.3), ("-agent", 0.2)):
        write_wav(stage.services.settings.recordings / f"c-1{part}.wav", seconds)
    yield stage
    await stage.bus.close()
    await stage.services.database.close()


@pytest.fixture
async def lead(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """The supervisor's browser."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(stage.services)), base_url="http://desk.test"
    ) as client:
        assert (await client.post("/api/login", json={"login": "lin", "password": PASSWORD})).status_code == 200
        yield client


async def traces(stage: Stage) -> list[str]:
    async with stage.services.database.read() as session:
        found = await session.scalars(select(AuditEntry).where(AuditEntry.what == "recording").order_by(AuditEntry.id))
        return [f"{entry.who} {entry.detail}" for entry in found]


async def play(client: httpx.AsyncClient, wanted: str, query: str = "") -> int:
    return (await client.get(URL + query, headers={"Range": wanted} if wanted else {})).status_code


async def test_one_listening_is_one_trace_however_many_ranges_its_player_asks_for(
    stage: Stage, lead: httpx.AsyncClient
) -> None:
    assert isinstance(stage.clock, ManualClock)
    assert await play(lead, "bytes=0-") == 206
    for start in (200, 44, 1000):
        assert await play(lead, f"bytes={start}-") == 206
    assert await traces(stage) == ["lin bytes=0-"]
    # from the beginning again: heard again
    assert await play(lead, "bytes=0-99") == 206
    assert await traces(stage) == ["lin bytes=0-", "lin bytes=0-99"]
    # the other sides are other recordings
    assert await play(lead, "bytes=44-", "?leg=caller") == 206
    assert await play(lead, "bytes=50-", "?leg=caller") == 206
    assert await play(lead, "bytes=50-", "?leg=agent") == 206
    assert (await traces(stage))[2:] == ["lin leg=caller bytes=44-", "lin leg=agent bytes=50-"]
    stage.clock.advance(ONE_LISTENING.total_seconds())
    assert await play(lead, "bytes=300-") == 206
    assert len(await traces(stage)) == 5


async def test_no_way_of_asking_leaves_no_trace(stage: Stage, lead: httpx.AsyncClient) -> None:
    """The middle without a beginning, the end alone, several ranges, none, and nonsense."""
    assert isinstance(stage.clock, ManualClock)
    for number, wanted in enumerate(("bytes=44-", "bytes=-500", "bytes=9-12,0-4", "", "octets=0-", "bytes=x"), 1):
        stage.clock.advance(ONE_LISTENING.total_seconds())
        await play(lead, wanted)
        assert len(await traces(stage)) == number, wanted


async def test_each_side_is_a_file_of_its_own(stage: Stage, lead: httpx.AsyncClient) -> None:
    folder = stage.services.settings.recordings
    for query, file in (("", "c-1"), ("?leg=caller", "c-1-caller"), ("?leg=agent", "c-1-agent")):
        answer = await lead.get(URL + query)
        assert answer.status_code == 200
        assert answer.content == (folder / f"{file}.wav").read_bytes()
        assert answer.headers["cache-control"] == "no-store"
    assert (await lead.get(URL + "?leg=../../secret")).status_code == 422
    (folder / "c-1-agent.wav").unlink()
    assert (await lead.get(URL + "?leg=agent")).status_code == 404


async def test_without_the_right_there_is_no_leg_either(stage: Stage) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(stage.services)), base_url="http://desk.test"
    ) as chen:
        await chen.post("/api/login", json={"login": "chen", "password": PASSWORD})
        for query in ("", "?leg=caller", "?leg=agent"):
            assert (await chen.get(URL + query)).status_code == 404
    assert await traces(stage) == []


async def test_after_its_deletion_a_recording_is_gone_not_merely_absent(stage: Stage, lead: httpx.AsyncClient) -> None:
    now = stage.clock.now()
    async with stage.services.database.work() as work:
        for file, kind in (("c-1.wav", "stereo"), ("c-1-caller.wav", "caller")):
            work.session.add(Recording(file=file, call_id="c-1", kind=kind, sha256="0" * 64, deleted_at=now))
    answer = await lead.get(URL)
    assert (answer.status_code, "录音保存期已满，已经删除" in answer.text) == (410, True)
    assert "end of its retention period" in (await lead.get(URL + "?lang=en")).text
    assert (await lead.get(URL + "?leg=caller")).status_code == 410
    assert (await lead.get(URL + "?leg=agent")).status_code == 200
    assert len(await traces(stage)) == 1
