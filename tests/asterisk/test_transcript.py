"""A real call: heard live, transcribed again from its recording, found by the search, opened at the right second."""

import wave
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from asr.record.grams import phrases
from asr.record.search import Hit, Wanted, page
from asr.record.transcripts import PendingRecording, Utterance, of_call, second_of
from core.bus import Bus
from core.city import City
from core.database import Database
from core.settings import Settings
from ivr import voice_model
from ivr.voice import Voice
from telephony import ledger
from telephony.ledger import CallRow
from tests.asterisk.conftest import Site, Taker
from tests.asterisk.serving import Serve
from tests.eventually import PATIENCE_S, until

pytestmark = [pytest.mark.asterisk, pytest.mark.models]

DESK = "1007"
SAID = "我家厨房着火了，快派消防车来。"
#: Seconds by which a place in the recording may be off: the detector begins a moment before the first sound.
EXACT_S = 0.7


@pytest.fixture
def city(jinjiang: City) -> City:
    return jinjiang


def samples(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path)) as file:
        assert file.getnchannels() == 1
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def begins(path: Path) -> float:
    """The second in which a voice begins."""
    loud = np.abs(samples(path).astype(np.int32)) > 600
    return float(np.argmax(loud)) / 8000


async def transcript(database: Database) -> tuple[CallRow, list[Utterance], list[Utterance]]:
    """The call and its utterances, live and of record, once the recording was transcribed."""
    found: list[tuple[CallRow, list[Utterance], list[Utterance]]] = []

    async def transcribed() -> bool:
        async with database.read() as session:
            for call in await ledger.history(session, "13800138000"):
                record = await of_call(session, call.id, "record")
                if record and await session.get(PendingRecording, call.id) is None:
                    found.append((call, list(await of_call(session, call.id, "live")), list(record)))
        return bool(found)

    await until(transcribed, "the recording is transcribed", 2 * PATIENCE_S)
    return found[0]


async def found(database: Database, query: str) -> list[Hit]:
    async with database.read() as session:
        return await page(session, Wanted(phrases=phrases(query)))


async def test_what_a_caller_said_is_found_at_its_second_of_the_recording(
    site: Site, serve: Serve, tmp_path: Path
) -> None:
    said = samples(Voice(voice_model.ensure(Settings().cache), tmp_path / "spoken").wav8k(SAID)).tobytes()
    taker = Taker(await site.phone(DESK))
    trunk = await site.phone("exchange", trunk=True)
    call = await trunk.call("119", caller="13800138000")
    await until(lambda: bool(taker.calls), lambda: "answered")
    await call.play(b"\0" * 16000 * 3)
    await call.play(said)
    await call.play(b"\0" * 16000)
    await call.hang_up()
    database = Database(site.settings.db_url, Bus())
    try:
        row, live, record = await transcript(database)
        assert live and record, "heard live and from the recording"
        spoken = begins(site.settings.recordings / f"{row.id}-caller.wav")
        for one in (live[0], record[0]):
            assert second_of(one, row) == pytest.approx(spoken, abs=EXACT_S), one.source
        hits = await found(database, record[0].text)
        assert [(hit.utterance.id, hit.second_s) for hit in hits] == [(record[0].id, record[0].start_s)]
        # What was only heard live is found no more.
        ids = {one.id for one in record}
        for one in live:
            assert {hit.utterance.id for hit in await found(database, one.text)} <= ids
        async with httpx.AsyncClient(base_url=serve.base, trust_env=False) as lead:
            login = next(p for p in site.city.people if p.role == "supervisor")
            await lead.post("/api/login", json={"login": login.login, "password": login.password})
            shown = (await lead.get("/search", params={"q": record[0].text})).text
            assert f'href="/calls/{row.id}?at={record[0].start_s:.1f}&amp;u={record[0].id}"' in shown
            health = (await lead.get("/api/health/transcripts")).json()
            assert (health["waiting"], health["faulty"]) == (0, [])
    finally:
        await database.close()
