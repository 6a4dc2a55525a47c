"""sherpa-onnx: for a city that has a Paraformer, a SenseVoice or a zipformer. An optional extra of the installation."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sherpa_onnx
from numpy.typing import NDArray

from asr.engines.sherpa_folder import Family, SherpaFolder, recognised
from asr.engines.spacing import spaced
from asr.engines.text import tidy
from asr.recognition import NOTHING, RATE, Capabilities, Effort, Pcm, Recognition, Word
from core.errors import ModelMissing

#: Shorter than this there is no frame, or for a model with stacked frames not one stack.
_SHORTEST_S = 0.1
#: Silence after the last word that a streaming model needs to let go of it.
_TAIL = np.zeros(round(0.8 * RATE), np.float32)
#: An utterance is over after this much silence, as it is for the house's own segmenter, and at this length.
_ENDPOINT = {
    "enable_endpoint_detection": True,
    "rule1_min_trailing_silence": 2.4,
    "rule2_min_trailing_silence": 0.6,
    "rule3_min_utterance_length": 15.0,
}
#: A character without a successor is taken to last this long, in seconds.
_LAST_S = 0.2
#: And none longer than this: what follows is a pause.
_LONGEST_S = 0.5
#: From models that do not say how sure they are: in the middle, so that nothing is done because of it.
_UNSAID = 0.5
_OFFLINE: dict[Family, Callable[..., Any]] = {
    "sense-voice": sherpa_onnx.OfflineRecognizer.from_sense_voice,
    "paraformer": sherpa_onnx.OfflineRecognizer.from_paraformer,
    "zipformer-ctc": sherpa_onnx.OfflineRecognizer.from_zipformer_ctc,
    "transducer": sherpa_onnx.OfflineRecognizer.from_transducer,
}
_ONLINE: dict[Family, Callable[..., Any]] = {
    "streaming-paraformer": sherpa_onnx.OnlineRecognizer.from_paraformer,
    "streaming-zipformer-ctc": sherpa_onnx.OnlineRecognizer.from_zipformer2_ctc,
    "streaming-transducer": sherpa_onnx.OnlineRecognizer.from_transducer,
}
#: Families whose results hold the time of every token.
_TIMED: frozenset[Family] = frozenset(_OFFLINE.keys() | _ONLINE.keys()) - {"paraformer", "streaming-paraformer"}


class SherpaEngine:
    """One model in memory; satisfies :class:`asr.recognition.Engine`, and opens streams where the model can."""

    name = "sherpa-onnx"

    def __init__(self, model_path: Path, threads: int = 1) -> None:
        """``model_path``: a folder as sherpa-onnx publishes them; raises :class:`ModelMissing` where it is none."""
        self._folder = recognised(model_path)
        try:
            self._recogniser = _load(self._folder, threads)
        except (RuntimeError, ValueError, AssertionError) as error:
            raise ModelMissing(
                f"the {self._folder.family} model in {model_path} does not load", hint="fetch the model again"
            ) from error
        self._timed = self._folder.family in _TIMED
        # The other kinds do not say which languages they know.
        languages = ("zh", "en", "ja", "ko") if self._folder.family == "sense-voice" else ()
        self.capabilities = Capabilities(streaming=self._folder.streaming, word_times=self._timed, languages=languages)

    def recognise(self, pcm: Pcm, effort: Effort = "final") -> Recognition:
        """``pcm``: mono, 16 kHz. These models have one way of decoding, so ``effort`` changes nothing."""
        if pcm.size < _SHORTEST_S * RATE or not pcm.any():
            return NOTHING
        stream = self._recogniser.create_stream()
        stream.accept_waveform(RATE, samples(pcm))
        if not self._folder.streaming:
            self._recogniser.decode_stream(stream)
            return self._recognition(stream.result)
        stream.accept_waveform(RATE, _TAIL)
        stream.input_finished()
        self._run(stream)
        return self._recognition(self._recogniser.get_result_all(stream))

    def open_stream(self) -> "SherpaStream":
        """A running recognition; only from an engine whose capabilities say ``streaming``."""
        return SherpaStream(self)

    def _run(self, stream: Any) -> None:
        while self._recogniser.is_ready(stream):
            self._recogniser.decode_stream(stream)

    def _recognition(self, result: Any, offset_s: float = 0.0) -> Recognition:
        raw = result.text.strip()
        if not raw:
            return NOTHING
        chances = list(getattr(result, "ys_probs", None) or getattr(result, "ys_log_probs", None) or ())
        words = _words(result.tokens, result.timestamps, chances, offset_s) if self._timed else ()
        return Recognition(tidy(spaced(raw)), raw, _sure(chances), words=words)


class SherpaStream:
    """One voice; satisfies :class:`asr.recognition.Stream`."""

    def __init__(self, engine: SherpaEngine) -> None:
        self._engine = engine
        self._recogniser = engine._recogniser
        self._stream = self._recogniser.create_stream()

    def feed(self, pcm: Pcm) -> Recognition | None:
        if not pcm.size:
            return None
        self._stream.accept_waveform(RATE, samples(pcm))
        self._engine._run(self._stream)
        if not self._recogniser.is_endpoint(self._stream):
            return None
        ended = self._result()
        self._recogniser.reset(self._stream)
        return ended if ended.raw else None

    def partial(self) -> str:
        return tidy(spaced(self._recogniser.get_result(self._stream).strip()))

    def finish(self) -> Recognition:
        self._stream.accept_waveform(RATE, _TAIL)
        self._stream.input_finished()
        self._engine._run(self._stream)
        return self._result()

    def _result(self) -> Recognition:
        result = self._recogniser.get_result_all(self._stream)
        return self._engine._recognition(result, float(result.start_time))


def samples(pcm: Pcm) -> NDArray[np.float32]:
    """-1..1 in one piece of memory, which is how the library reads it."""
    return np.ascontiguousarray(pcm, dtype=np.float32) / np.float32(32768)


def _load(folder: SherpaFolder, threads: int) -> Any:
    files = {role: str(path) for role, path in folder.files.items()}
    common: dict[str, Any] = {"tokens": str(folder.tokens), "num_threads": threads}
    if folder.streaming:
        return _ONLINE[folder.family](**files, **common, **_ENDPOINT)
    if folder.family == "paraformer":
        files = {"paraformer": files["model"]}
    if folder.family == "sense-voice":
        # With its own punctuation and figures, as Whisper writes them.
        common |= {"language": "zh", "use_itn": True}
    return _OFFLINE[folder.family](**files, **common)


def _words(
    tokens: Sequence[str], times: Sequence[float], chances: Sequence[float], offset_s: float
) -> tuple[Word, ...]:
    """Each token with its time; it lasts until the next begins, half a second at most."""
    words = []
    sure = (
        [math.exp(min(chance, 0.0)) for chance in chances] if len(chances) == len(tokens) else [_UNSAID] * len(tokens)
    )
    ends = [*times[1:], (times[-1] if times else 0.0) + _LAST_S]
    for token, start, end, confidence in zip(tokens, times, ends, sure, strict=False):
        text = token.replace("\u2581", "").strip()
        if text:
            last = min(max(end, start + 0.01), start + _LONGEST_S)
            words.append(Word(text, offset_s + start, offset_s + last, confidence))
    return tuple(words)


def _sure(chances: Sequence[float]) -> float:
    """The probability of a token, in the geometric mean."""
    return math.exp(min(sum(chances) / len(chances), 0.0)) if chances else _UNSAID
