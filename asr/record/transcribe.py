"""A whole recording to text: each side cut into utterances, each utterance decoded, all in the order of speech."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from asr.decode.pool import DecodeFailed, PoolStopped
from asr.live.ears import Decoder
from asr.live.segmenter import Cut, Moment
from asr.live.vad import Hearing
from asr.recognition import RATE, Pcm, Recognition
from core.ids import new_id

log = structlog.get_logger(__name__)

#: Nobody waits for the end of an utterance here, so a sentence with a pause in it stays whole.
CUT = Cut(endpoint_s=1.2)


@dataclass(frozen=True)
class Segment:
    """One utterance of a recording; seconds from its start. ``leg`` is the key under which the side was given."""

    leg: str
    start_s: float
    end_s: float
    found: Recognition


def utterances(pcm: Pcm, cut: Cut = CUT) -> list[Moment]:
    """All finished utterances of one side of a recording (mono, 16 kHz), in order."""
    hearing = Hearing(cut)
    moments: list[Moment] = []
    for start in range(0, pcm.size, RATE):
        moments += [m for m in hearing.push(pcm[start : start + RATE]) if m.final]
    return moments + hearing.flush()


async def transcribe(
    legs: Mapping[str, Pcm],
    decoder: Decoder,
    *,
    ahead: int = 1,
    done: Callable[[float], None] | None = None,
) -> list[Segment]:
    """What was said on each side (mono, 16 kHz), by start; stretches in which nothing was understood are left out.

    ``ahead``: stretches given to ``decoder`` at once. One keeps a shared pool free for living callers; a pool of one's
    own is kept busy by as many as it has processes. ``done`` hears how many more seconds of a side are finished.
    A stretch on which decoding fails twice is logged and passed over; raises :class:`PoolStopped` where all stops.
    """
    told = done or (lambda seconds: None)
    segments: list[Segment] = []
    for leg, pcm in legs.items():
        at = 0.0
        waiting: deque[tuple[Moment, asyncio.Future[Recognition | None]]] = deque()
        moments = deque(await asyncio.to_thread(utterances, pcm))
        while moments or waiting:
            while moments and len(waiting) < max(ahead, 1):
                moment = moments.popleft()
                waiting.append((moment, await decoder.submit(new_id(), moment.pcm, "record")))
            moment, answer = waiting.popleft()
            found = await _found(answer, leg, moment)
            if found is not None and found.text:
                segments.append(Segment(leg, round(moment.start_s, 2), round(moment.end_s, 2), found))
            told(moment.end_s - at)
            at = moment.end_s
        told(max(pcm.size / RATE - at, 0.0))
    return sorted(segments, key=lambda segment: segment.start_s)


async def _found(answer: "asyncio.Future[Recognition | None]", leg: str, moment: Moment) -> Recognition | None:
    try:
        return await answer
    except PoolStopped:
        raise
    except DecodeFailed as error:
        log.error("part of a recording was not recognised", leg=leg, from_s=moment.start_s, reason=str(error))
        return None
