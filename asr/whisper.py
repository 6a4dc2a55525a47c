"""Whisper through CTranslate2, with a window as long as the utterance needs.

Whisper was trained on windows of 30 seconds and faster-whisper always fills them. An utterance on the telephone lasts
four seconds; encoding it in a window of ten costs a third and hears as well (docs/speech.md). Hence the encoder and the
decoder are called here directly.
"""

import logging
import math
from pathlib import Path

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.feature_extractor import FeatureExtractor
from faster_whisper.tokenizer import Tokenizer

from asr.recognition import NOTHING, RATE, Capabilities, Effort, Pcm, Recognition
from asr.text import tidy
from core.errors import ModelMissing
from core.modelstore import HINT

#: Puts the decoder into simplified Mandarin with punctuation. Place names in it make results worse, not better.
PROMPT = "以下是普通话的句子。"
_WINDOW_S = 30.0
_SHORTEST_WINDOW_S = 10.0
_PADDING_S = 1.0
#: Hurried Mandarin is seven syllables a second, at most two tokens each.
_TOKENS_PER_S = 14
_SPARE_TOKENS = 8
_MAX_TOKENS = 200
#: Both together mean noise: the decoder was guessing, and the encoder heard nobody (thresholds of Whisper's authors).
_NO_SPEECH = 0.6
_LOW_SCORE = -1.0
#: On whole dialogues a wider beam (10) and the full window (30 s) heard no better and cost up to three times as much.
_BEAMS: dict[Effort, int] = {"partial": 1, "final": 5, "record": 5}
#: Shorter than this the spectrogram has no frame to work on.
_SHORTEST_S = 0.1

# faster-whisper says at every start that the model is multilingual.
logging.getLogger("faster_whisper").setLevel(logging.WARNING)


class WhisperEngine:
    """One Whisper model in memory (base: about 400 MB); satisfies :class:`asr.recognition.Engine`."""

    name = "whisper"
    capabilities = Capabilities(streaming=False, word_times=False, languages=("zh",))

    def __init__(self, model_path: Path, threads: int = 1) -> None:
        """``model_path``: a CTranslate2 folder with its tokenizer; raises :class:`ModelMissing` when it has none."""
        for file in ("model.bin", "config.json", "tokenizer.json"):
            if not (model_path / file).is_file():
                raise ModelMissing(f"no Whisper model lies in {model_path}: {file} is absent", hint=HINT)
        try:
            whole = WhisperModel(
                str(model_path), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
            )
        except (RuntimeError, ValueError) as error:
            raise ModelMissing(f"the Whisper model in {model_path} does not load: {error}", hint=HINT) from error
        self._model = whole.model
        self._features: FeatureExtractor = whole.feature_extractor
        self._tokenizer = Tokenizer(whole.hf_tokenizer, True, task="transcribe", language="zh")
        token = self._tokenizer
        self._prompt = [token.sot_prev, *token.encode(PROMPT), *token.sot_sequence, token.no_timestamps]

    def recognise(self, pcm: Pcm, effort: Effort = "final") -> Recognition:
        """``pcm``: mono, 16 kHz; what lies beyond 30 seconds is not heard."""
        seconds = min(pcm.size / RATE, _WINDOW_S)
        if seconds < _SHORTEST_S or not pcm.any():
            return NOTHING
        result = self._decode(self._mel(pcm, window_s(seconds)), seconds, effort)
        tokens = result.sequences_ids[0]
        score = float(result.scores[0]) * len(tokens) / (len(tokens) + 1)
        raw = self._tokenizer.decode(tokens).strip()
        noise = result.no_speech_prob > _NO_SPEECH and score < _LOW_SCORE
        return Recognition(
            text="" if noise else tidy(raw, PROMPT),
            raw=raw,
            confidence=math.exp(min(score, 0.0)),
            no_speech=float(result.no_speech_prob),
        )

    def _mel(self, pcm: Pcm, window: float) -> np.ndarray:
        samples = np.zeros(round(window * RATE), np.float32)
        heard = pcm[: samples.size]
        samples[: heard.size] = heard.astype(np.float32) / 32768
        return np.ascontiguousarray(self._features(samples, padding=0)[None], dtype=np.float32)

    def _decode(self, mel: np.ndarray, seconds: float, effort: Effort) -> ctranslate2.models.WhisperGenerationResult:
        budget = min(_MAX_TOKENS, _SPARE_TOKENS + math.ceil(seconds * _TOKENS_PER_S))
        encoded = self._model.encode(ctranslate2.StorageView.from_array(mel))
        (result,) = self._model.generate(
            encoded,
            [self._prompt],
            beam_size=_BEAMS[effort],
            # The limit counts the prompt too.
            max_length=len(self._prompt) + budget,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
        )
        return result


def window_s(seconds: float) -> float:
    """Length of the window in which ``seconds`` of speech are encoded."""
    return min(_WINDOW_S, max(_SHORTEST_WINDOW_S, seconds + _PADDING_S))
