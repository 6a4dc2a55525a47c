"""Vosk (Kaldi): for a city that has a Kaldi model. Hears while it is said, gives word times and confidences."""

import json
from pathlib import Path

from vosk import KaldiRecognizer, Model, SetLogLevel

from asr.engines.spacing import spaced
from asr.engines.text import tidy
from asr.recognition import NOTHING, RATE, Capabilities, Effort, Pcm, Recognition, Word
from core.errors import ModelMissing

# Kaldi tells a page about itself at every start.
SetLogLevel(-1)


class VoskEngine:
    """One Kaldi model in memory; satisfies :class:`asr.recognition.Engine`, and opens streams."""

    name = "vosk"

    def __init__(self, model_path: Path, threads: int = 1) -> None:
        """``model_path``: a Vosk model folder (``am/``, ``conf/``, ``graph/``). ``threads`` is 1 in Kaldi, always."""
        parts = ("am/final.mdl", "final.mdl")
        if not any((model_path / part).is_file() for part in parts):
            raise ModelMissing(f"no Vosk model lies in {model_path}", hint="unpack one there, or correct asr_model")
        try:
            self._model = Model(str(model_path))
        except Exception as error:  # vosk raises nothing narrower
            raise ModelMissing(f"the Vosk model in {model_path} does not load", hint="unpack it again") from error
        # A Kaldi model does not say which language it is.
        self.capabilities = Capabilities(streaming=True, word_times=True, languages=())

    def open_stream(self) -> "VoskStream":
        return VoskStream(self._model)

    def recognise(self, pcm: Pcm, effort: Effort = "final") -> Recognition:
        """``pcm``: mono, 16 kHz. Kaldi has one way of decoding, so ``effort`` changes nothing."""
        if not pcm.size:
            return NOTHING
        stream = self.open_stream()
        # The recogniser may find ends inside the stretch: their texts belong together.
        found = [r for r in (stream.feed(pcm), stream.finish()) if r is not None and r.raw]
        return joined(found)


class VoskStream:
    """One voice; satisfies :class:`asr.recognition.Stream`."""

    def __init__(self, model: Model) -> None:
        self._recogniser = KaldiRecognizer(model, RATE)
        self._recogniser.SetWords(True)

    def feed(self, pcm: Pcm) -> Recognition | None:
        if pcm.size and self._recogniser.AcceptWaveform(pcm.astype("<i2").tobytes()):
            return parse(self._recogniser.Result())
        return None

    def partial(self) -> str:
        return tidy(str(json.loads(self._recogniser.PartialResult()).get("partial", "")))

    def finish(self) -> Recognition:
        return parse(self._recogniser.FinalResult())


def parse(answer: str) -> Recognition:
    """Kaldi's JSON as a :class:`Recognition`."""
    said = json.loads(answer)
    raw = str(said.get("text", ""))
    if not raw:
        return NOTHING
    words = tuple(Word(w["word"], float(w["start"]), float(w["end"]), float(w["conf"])) for w in said.get("result", ()))
    confidence = sum(w.confidence for w in words) / len(words) if words else 0.0
    return Recognition(tidy(spaced(raw)), raw, confidence, words=words)


def joined(parts: list[Recognition]) -> Recognition:
    """Several stretches of one utterance as one."""
    if not parts:
        return NOTHING
    words = tuple(word for part in parts for word in part.words)
    weights = [max(len(part.words), 1) for part in parts]
    confidence = sum(p.confidence * n for p, n in zip(parts, weights, strict=True)) / sum(weights)
    raw = " ".join(part.raw for part in parts)
    return Recognition(tidy(spaced(raw)), raw, confidence, words=words)
