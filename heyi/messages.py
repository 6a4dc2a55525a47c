"""Callers' voice messages written out by the decode pool, behind all living callers."""

import asyncio
from pathlib import Path

from asr.decode.pool import PoolStopped
from asr.live.ears import Decoder
from asr.live.sound import read_recording
from asr.record.transcribe import transcribe
from ticketing.selfservice.messages import Hear, NotNow


def writer(pool: Decoder) -> Hear:
    """What recognises one recording (mono WAV)."""

    async def hear(recording: Path) -> str:
        pcm = await asyncio.to_thread(read_recording, recording)
        try:
            said = await transcribe({"caller": pcm}, pool)
        except PoolStopped as error:
            raise NotNow from error
        return "，".join(text for segment in said if (text := segment.found.text.strip("，。 ")))

    return hear
