"""Sounds of a telephone line on which nobody says a word: for tests that nothing is written down then."""

import tempfile
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ivr.music import ensure_music

Sound = NDArray[np.float64]
#: Samples per second, as on the line.
RATE = 8000
_ROWS, _COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)


def _time(seconds: float) -> Sound:
    return np.arange(round(seconds * RATE)) / RATE


def _level(sound: Sound, dbfs: float) -> Sound:
    loudness = float(np.sqrt(np.mean(sound**2))) + 1e-12
    return np.asarray(sound / loudness * 10 ** (dbfs / 20), np.float64)


def _shaped(rng: np.random.Generator, seconds: float, gain: Callable[[Sound], Sound]) -> Sound:
    """Noise whose spectrum is ``gain`` of the frequency in hertz."""
    size = round(seconds * RATE)
    spectrum = np.fft.rfft(rng.standard_normal(size))
    steps = np.asarray(np.fft.rfftfreq(size, 1 / RATE), np.float64)
    return np.asarray(np.fft.irfft(spectrum * gain(steps), size), np.float64)


def _swell(rng: np.random.Generator, seconds: float, per_s: float) -> Sound:
    """A slow random course between 0 and 1 that turns about ``per_s`` times a second."""
    points = rng.uniform(0, 1, max(4, round(seconds * per_s)))
    return np.interp(np.linspace(0, points.size - 1, round(seconds * RATE)), np.arange(points.size), points)


def _gated(sound: Sound, on: float, off: float) -> Sound:
    return sound * (np.arange(sound.size) / RATE % (on + off) < on)


def silence(rng: np.random.Generator, seconds: float) -> Sound:
    """An open line: hiss at -70 dBFS."""
    return _level(rng.standard_normal(round(seconds * RATE)), -70)


def hiss(rng: np.random.Generator, seconds: float) -> Sound:
    return _level(rng.standard_normal(round(seconds * RATE)), -32)


def street(rng: np.random.Generator, seconds: float) -> Sound:
    """Pink noise that swells, as cars go by."""
    pink = _shaped(rng, seconds, lambda f: 1 / np.sqrt(np.maximum(f, 50)))
    return _level(pink * (0.2 + _swell(rng, seconds, 0.3)), -26)


def engine(rng: np.random.Generator, seconds: float) -> Sound:
    """A motor: harmonics of a wandering pitch around 90 Hz."""
    pitch = 75 + 40 * _swell(rng, seconds, 0.5)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    tones = sum(np.sin(number * phase) / number**0.7 for number in range(1, 14))
    return _level(np.asarray(tones) + 0.3 * rng.standard_normal(phase.size), -22)


def rain(rng: np.random.Generator, seconds: float) -> Sound:
    """Drops on a roof: a hiss and many short clicks."""
    size = round(seconds * RATE)
    drops = np.where(rng.random(size) < 0.01, rng.exponential(1.0, size), 0.0)
    rung = np.convolve(drops, np.exp(-np.arange(40) / 8) * np.cos(np.arange(40)), mode="same")
    return _level(rung + 0.15 * rng.standard_normal(size), -24)


def wind(rng: np.random.Generator, seconds: float) -> Sound:
    """Gusts into the microphone."""
    low = _shaped(rng, seconds, lambda f: 1 / np.maximum(f / 120, 1) ** 2)
    return _level(low * _swell(rng, seconds, 1.5) ** 2, -18)


def breath(rng: np.random.Generator, seconds: float) -> Sound:
    """Somebody breathes and says nothing: bursts of noise around 1 kHz every three seconds."""
    air = _shaped(rng, seconds, lambda f: np.exp(-(((f - 1000) / 900) ** 2)))
    course = np.maximum(np.sin(2 * np.pi * _time(seconds) / 3.1), 0) ** 2
    return _level(air * course, -28) + _level(rng.standard_normal(air.size), -60)


def ringback(rng: np.random.Generator, seconds: float) -> Sound:
    """450 Hz, one second on and four off, as Chinese exchanges play it to the caller."""
    return _gated(_level(np.sin(2 * np.pi * 450 * _time(seconds)), -18), 1.0, 4.0) + _line(rng, seconds)


def busy(rng: np.random.Generator, seconds: float) -> Sound:
    return _gated(_level(np.sin(2 * np.pi * 450 * _time(seconds)), -18), 0.35, 0.35) + _line(rng, seconds)


def bell(rng: np.random.Generator, seconds: float) -> Sound:
    """A telephone rings in the room: two tones that warble, two seconds on and four off."""
    time = _time(seconds)
    warble = np.where(time * 20 % 1 < 0.5, np.sin(2 * np.pi * 1000 * time), np.sin(2 * np.pi * 1250 * time))
    return _gated(_level(warble, -20), 2.0, 4.0) + _line(rng, seconds)


def siren(rng: np.random.Generator, seconds: float) -> Sound:
    """Between 600 and 1,400 Hz, up and down every four seconds."""
    pitch = 1000 + 400 * np.sin(2 * np.pi * _time(seconds) / 4)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    return _level(np.sin(phase) + 0.3 * np.sin(2 * phase), -20) + _line(rng, seconds)


def keys(rng: np.random.Generator, seconds: float) -> Sound:
    """Keys are pressed (DTMF): 0.15 s each, with pauses."""
    out = np.zeros(round(seconds * RATE))
    press = _time(0.15)
    at = 0.3
    while at + 0.2 < seconds:
        tone = np.sin(2 * np.pi * rng.choice(_ROWS) * press) + np.sin(2 * np.pi * rng.choice(_COLUMNS) * press)
        start = round(at * RATE)
        out[start : start + press.size] = _level(tone, -16)
        at += rng.uniform(0.3, 1.5)
    return out + _line(rng, seconds)


def fax(rng: np.random.Generator, seconds: float) -> Sound:
    """A fax machine calls: 1,100 Hz, half a second every three and a half."""
    return _gated(_level(np.sin(2 * np.pi * 1100 * _time(seconds)), -18), 0.5, 3.0) + _line(rng, seconds)


def crowd(rng: np.random.Generator, seconds: float) -> Sound:
    """Many voices at once, none of them to be understood: noise shaped like vowels that change with the syllables."""
    out = np.zeros(round(seconds * RATE))
    for _ in range(24):
        vowel = _shaped(rng, seconds, _vowel(rng.uniform(300, 800), rng.uniform(900, 2300)))
        out += vowel * _swell(rng, seconds, rng.uniform(3, 5)) ** 2
    return _level(out, -26)


def knocks(rng: np.random.Generator, seconds: float) -> Sound:
    """Knocks, footsteps, a handset put down."""
    out = np.zeros(round(seconds * RATE))
    for at in rng.uniform(0, seconds - 0.1, round(seconds * 1.2)):
        start = round(at * RATE)
        ring = np.exp(-np.arange(480) / rng.uniform(20, 90)) * rng.standard_normal(480)
        out[start : start + 480] += ring * rng.uniform(0.3, 1)
    return _level(out, -30) + _line(rng, seconds)


def music(rng: np.random.Generator, seconds: float) -> Sound:
    """What callers hear on hold."""
    with tempfile.TemporaryDirectory() as folder, wave.open(str(ensure_music(Path(folder))), "rb") as file:
        played = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64) / 32768
    return np.resize(played, round(seconds * RATE)) + _line(rng, seconds)


def tune(rng: np.random.Generator, seconds: float) -> Sound:
    """Other music: plucked notes over a beat."""
    out = np.zeros(round(seconds * RATE))
    note = _time(0.4)
    for number, at in enumerate(np.arange(0, seconds - 0.5, 0.25)):
        pitch = 220 * 2 ** (rng.choice((0, 2, 4, 7, 9, 12, 14)) / 12)
        start = round(at * RATE)
        out[start : start + note.size] += np.exp(-note * 6) * sum(
            np.sin(2 * np.pi * pitch * part * note) / part for part in (1, 2, 3, 4)
        )
        if number % 2 == 0:
            out[start : start + 400] += 0.8 * np.exp(-np.arange(400) / 60) * rng.standard_normal(400)
    return _level(out, -22)


def _vowel(first: float, second: float) -> Callable[[Sound], Sound]:
    return lambda f: np.exp(-(((f - first) / 150) ** 2)) + 0.6 * np.exp(-(((f - second) / 200) ** 2))


def _line(rng: np.random.Generator, seconds: float) -> Sound:
    return _level(rng.standard_normal(round(seconds * RATE)), -62)


SOUNDS: dict[str, Callable[[np.random.Generator, float], Sound]] = {
    sound.__name__: sound
    for sound in (
        silence, hiss, street, engine, rain, wind, breath, ringback, busy, bell, siren, keys, fax, crowd, knocks, music,
        tune,
    )
}  # fmt: skip


def pcm8k(name: str, seconds: float, seed: int = 0) -> NDArray[np.int16]:
    """One of :data:`SOUNDS`, int16 at 8 kHz; the same arguments give the same samples."""
    made = SOUNDS[name](np.random.default_rng((seed, *name.encode())), seconds)
    return np.clip(np.round(made * 32767), -32768, 32767).astype(np.int16)
