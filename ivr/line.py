"""One caller's channel as a driver uses it: play, be quiet and listen for keys, record, leave. Over FastAGI.

Each step is one command, a subroutine of the dialplan (``voice-do``) that sets Asterisk's absolute timeout to its own
longest time before it begins and draws it in to :data:`telephony.dialplan.VOICE_PATIENCE_S` when it has ended. So
whatever becomes of us, and whenever, the caller goes on to a person that soon after what had to come.
"""

import asyncio
import contextlib
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import structlog

from core.errors import HeyiError
from telephony.agi import AgiCall, command
from telephony.dialplan import VOICE_PATIENCE_S

log = structlog.get_logger(__name__)

#: Telephone sound: samples per second.
RATE = 8000
#: One stretch of silence while the caller is listened to; A-law.
QUIET_S = 1.0
QUIET, BEEP = "voice-quiet", "voice-beep"
#: The dialplan's own steps take next to nothing; a busy machine gets so much.
_SPARE_S = 10.0
#: A stop that found nothing to stop yet is asked for again.
_AGAIN_S = 0.2
#: What a key ends by itself has ended so soon; else it was begun just after the key.
_BY_KEY_S = 0.05
#: Mean level of a frame of 20 ms that carries a voice: -46 dBFS.
_VOICE = 160


class Stopper(Protocol):
    """Ends what runs on a channel (AMI). Both may raise :class:`HeyiError`."""

    @property
    def tells_keys(self) -> bool:
        """Whether every key is told by it just now, also one pressed while nothing runs."""

    async def stop_sound(self, channel: str) -> None: ...
    async def stop_recording(self, channel: str) -> None: ...


class _Step:
    """What runs on the channel now."""

    def __init__(self) -> None:
        self.kind: Literal["sound", "recording"] = "sound"
        self.ended = asyncio.Event()
        #: By us; whoever did knows what comes next.
        self.stopped = False


class AgiLine:
    """Implements :class:`ivr.driver.Line`."""

    def __init__(self, call: AgiCall, sounds: Path, stopper: Stopper) -> None:
        """``sounds``: the folder with :data:`QUIET` and :data:`BEEP` (:func:`ensure_tones`)."""
        self._call, self._sounds, self._stopper = call, sounds, stopper
        self._channel = call.variables.get("channel", "")
        self._step: _Step | None = None

    @property
    def tells_keys(self) -> bool:
        return self._stopper.tells_keys

    async def play(self, sound: Path) -> str:
        """Play a sound to its end; the key that ended it, or nothing. A sound that is not there is passed over."""
        length = seconds_of(sound)
        return await self._sound("play", length, sound.with_suffix("")) if length else ""

    async def quiet(self) -> str:
        """:data:`QUIET_S` of silence; the key that ended it, or nothing."""
        return await self._sound("quiet", QUIET_S, self._sounds / QUIET)

    async def record(self, file: Path, limit_s: float, silence_s: float) -> str:
        """A tone, then what the caller says, into ``file``; ends with any key, ``silence_s`` or ``limit_s``.

        Returns 0 where that was the key; which other one it was only the manager interface tells.
        """
        with self._begun() as step:
            await self._run("quiet", 1.0, str(self._sounds / BEEP))
            if step.stopped:
                return ""
            step.kind = "recording"
            await self._run("record", limit_s, str(file), f"{max(1, round(silence_s))}", f"{max(1, round(limit_s))}")
        return await self._key_of(step)

    async def stop(self, *, by_key: bool = False) -> None:
        """End what runs, and be there when it has ended. ``by_key``: the caller's key ends it by itself, as a rule."""
        # Only that: what is begun after it has a reason of its own. A stop for nothing could end just that.
        step = self._step
        if step is None:
            return
        step.stopped = True
        if by_key and await _within(step.ended, _BY_KEY_S):
            return
        while not step.ended.is_set():
            try:
                if step.kind == "sound":
                    await self._stopper.stop_sound(self._channel)
                else:
                    await self._stopper.stop_recording(self._channel)
            except HeyiError as error:
                log.warning("a voice cannot be stopped", channel=self._channel, error=str(error))
            await _within(step.ended, _AGAIN_S)

    async def leave(self, way: str, to: str = "", priority: int = 0, ring_s: float = 0) -> None:
        """Say where the dialplan takes the caller, and give him back."""
        arguments = f"{way},{to},{priority or ''},{round(ring_s) or ''}"
        await self._call.run(command("GOSUB", "voice-do", "leave", "1", arguments), limit_s=_SPARE_S)
        self._call.close()

    async def _sound(self, what: str, longest_s: float, sound: Path) -> str:
        with self._begun() as step:
            await self._run(what, longest_s, str(sound))
        return await self._key_of(step)

    @contextlib.contextmanager
    def _begun(self) -> Iterator[_Step]:
        step = self._step = _Step()
        try:
            yield step
        finally:
            self._step = None
            step.ended.set()

    async def _run(self, what: str, longest_s: float, *arguments: str) -> None:
        limit_s = longest_s + VOICE_PATIENCE_S
        given = ",".join([f"{limit_s:.1f}", *arguments])
        await self._call.run(command("GOSUB", "voice-do", what, "1", given), limit_s=limit_s + _SPARE_S)

    async def _key_of(self, step: _Step) -> str:
        """The key that ended it; not asked for where it was stopped and keys are told anyhow: what comes next waits."""
        if step.stopped and self.tells_keys:
            return ""
        reply = await self._call.run(command("GET VARIABLE", "GOSUB_RETVAL"), limit_s=_SPARE_S)
        return reply.value if reply.value in tuple("0123456789*#") else ""


async def _within(event: asyncio.Event, limit_s: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await event.wait()
    return event.is_set()


def seconds_of(sound: Path) -> float:
    """How long a sound of the telephone is (16-bit WAV, or A-law); 0 where it is none."""
    try:
        if sound.suffix == ".wav":
            with wave.open(str(sound)) as file:
                return float(file.getnframes() / file.getframerate())
        return sound.stat().st_size / RATE
    except (OSError, wave.Error, EOFError):
        return 0.0


def voiced_s(sound: Path) -> float:
    """Seconds of a recording (mono 16-bit WAV) that carry a voice; 0 where there is none."""
    try:
        with wave.open(str(sound)) as file:
            frame = file.getframerate() // 50
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int32)
    except (OSError, wave.Error, EOFError):
        return 0.0
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    return int((np.abs(frames).mean(axis=1) > _VOICE).sum()) / 50


def ensure_tones(sounds: Path) -> None:
    """Put the silence and the tone into ``sounds`` that :class:`AgiLine` plays."""
    sounds.mkdir(parents=True, exist_ok=True)
    (sounds / f"{QUIET}.alaw").write_bytes(b"\xd5" * round(QUIET_S * RATE))
    beep = (8000 * np.sin(np.arange(RATE // 4) * 2 * np.pi * 1000 / RATE)).astype("<i2")
    with wave.open(str(sounds / f"{BEEP}.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(beep.tobytes())
