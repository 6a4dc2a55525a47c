"""Prompts that people have recorded: found by name, checked, and brought to the telephone's form.

``<city>/sounds/<language>/<name>.wav``: the languages are zh, nan and en; the names are those of :func:`recordables`. A
recording serves every prompt that says the same.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from core.city import City
from core.city_ivr import LANGUAGES, filled, slots
from core.errors import HeyiError
from core.speaking import Language
from ivr.inventory import OF_LINE, english_names, in_english, lines_of, of_line
from ivr.joints import RATE, closed, trimmed
from ivr.phrases import prompts
from ivr.sound import Samples, level, to_pcm, write_wav

#: Part of what a converted file is known by: raise it when the same recording would sound different.
_VERSION = 1
#: Less is not telephone sound; anything above is brought down.
_LEAST_RATE = 8000
_LEAST_S, _MOST_S = 0.2, 60.0
#: Quieter recordings hold noise only.
_LEAST_PEAK = 10 ** (-50 / 20)


@dataclass(frozen=True)
class Recordable:
    """A prompt that one recording can say. ``name`` is its file's, without language and ``.wav``."""

    language: Language
    name: str
    text: str


@dataclass(frozen=True)
class Recorded:
    """What a city has recorded: converted files by language and name, and by what they say."""

    by_name: Mapping[tuple[Language, str], Path] = field(default_factory=dict)
    by_text: Mapping[tuple[Language, str], Path] = field(default_factory=dict)

    def find(self, language: Language, name: str, text: str) -> Path | None:
        return self.by_name.get((language, name)) or self.by_text.get((language, text))


def recordables(city: City) -> list[Recordable]:
    """Every prompt without values of a call. One that names the line is recorded for each: welcome/greeting-12345."""
    found = [Recordable("zh", name, text) for name, text in prompts(city).items()]
    names = english_names(city)
    for flow in city.ivr:
        for name, prompt in flow.prompts.items():
            key = f"{flow.key}/{name}"
            for language, text in (("zh", prompt.zh), ("en", prompt.en)):
                if not text or language not in flow.languages:
                    continue
                if not slots(text):
                    found.append(Recordable(language, key, text))
                elif set(slots(text)) <= OF_LINE:
                    for line in lines_of(city, flow):
                        said = filled(text, of_line(city, line))
                        said = in_english(said, names) if language == "en" else said
                        found.append(Recordable(language, f"{key}-{line.number}", said))
            if prompt.nan and not slots(prompt.zh):
                found.append(Recordable("nan", prompt.nan, prompt.zh))
    return found


def take(source: Path, city: City, target: Path) -> tuple[Recorded, list[HeyiError]]:
    """Converts what is new in ``source`` into ``target``; what is good, and a fault for each file that is not.

    Files that are no longer in ``source`` disappear from ``target``.
    """
    target = target.resolve()
    known = {(one.language, one.name): one for one in recordables(city)}
    faults: list[HeyiError] = []
    good: dict[tuple[Language, str], Path] = {}
    for path in sorted(path for path in source.rglob("*") if path.is_file() and not path.name.startswith(".")):
        try:
            one = _meant(path, source, known)
            good[one.language, one.name] = _converted(path, target / one.language / f"{one.name}.wav", one.text)
        except HeyiError as error:
            faults.append(error)
    kept = set(good.values())
    for old in target.rglob("*.wav"):
        if old not in kept:
            old.unlink()
            old.with_suffix(".key").unlink(missing_ok=True)
    by_text = {(language, known[language, name].text): path for (language, name), path in good.items()}
    return Recorded(good, by_text), faults


def _meant(path: Path, source: Path, known: Mapping[tuple[Language, str], Recordable]) -> Recordable:
    """The prompt that a file is the recording of."""
    inside = path.relative_to(source)
    if path.suffix.lower() != ".wav":
        raise HeyiError(f"{path} is no recording", hint="recordings are .wav files")
    language = next((one for one in LANGUAGES if one == inside.parts[0]), None)
    if language is None or len(inside.parts) < 2:
        raise HeyiError(
            f"{path} lies in no language's folder",
            hint=f"put it into {source}/{', '.join(LANGUAGES[:-1])} or {LANGUAGES[-1]}",
        )
    name = Path(*inside.parts[1:]).with_suffix("").as_posix()
    if (language, name) not in known:
        near = get_close_matches(name, [one for tongue, one in known if tongue == language], 1)
        hint = f'did you mean "{near[0]}"?' if near else "./run heyi ivr sounds lists the names"
        raise HeyiError(f"{path}: no prompt is called {name!r} in {language}", hint=hint)
    return known[language, name]


def _converted(path: Path, target: Path, text: str) -> Path:
    """8 kHz mono 16-bit at the level of all prompts; made again when the recording or its text has changed."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise HeyiError(f"{path} cannot be read: {error.strerror or error}") from error
    made_from = hashlib.sha256(f"{_VERSION}\n{text}\n".encode() + content).hexdigest()
    note = target.with_suffix(".key")
    if target.is_file() and note.is_file() and note.read_text(encoding="ascii") == made_from:
        return target
    samples = _samples(path)
    if float(np.abs(samples).max(initial=0.0)) < _LEAST_PEAK:
        raise HeyiError(f"{path} holds no voice", hint="record it again, louder")
    pcm = to_pcm(level(samples))
    said_s = trimmed(pcm).size / RATE
    if not _LEAST_S <= said_s <= _MOST_S:
        raise HeyiError(f"{path} holds {said_s:.1f} s of voice", hint=f"a prompt has {_LEAST_S} to {_MOST_S:.0f} s")
    write_wav(target, closed(pcm, text), RATE)
    note.write_text(made_from, encoding="ascii")
    return target


def _samples(path: Path) -> Samples:
    try:
        with av.open(str(path)) as container:
            if container.format.name != "wav" or not container.streams.audio:
                raise HeyiError(f"{path} is no WAV file", hint="save it as WAV, 8000 Hz or more")
            stream = container.streams.audio[0]
            if stream.rate < _LEAST_RATE:
                raise HeyiError(f"{path} has {stream.rate} Hz", hint=f"record it at {_LEAST_RATE} Hz or more")
            resampler = av.AudioResampler("fltp", "mono", RATE)
            frames = [made for frame in container.decode(stream) for made in resampler.resample(frame)]
            frames += resampler.resample(None) if frames else []
    except (FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise HeyiError(f"{path} cannot be read as a WAV file: {reason}") from error
    arrays = [np.asarray(frame.to_ndarray(), dtype=np.float32).reshape(-1) for frame in frames]
    return np.concatenate(arrays) if arrays else np.zeros(0, np.float32)
