"""Whisper through CTranslate2, with a window as long as the utterance needs.

Whisper was trained on windows of 30 seconds and faster-whisper always fills them. An utterance on the telephone lasts
four seconds; encoding it in a window of six costs a twelfth and hears as well (docs/speech.md). Hence the encoder
and the decoder are called here directly.
"""

import math
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import ctranslate2
import numpy as np
import structlog
import tokenizers
from faster_whisper.feature_extractor import FeatureExtractor
from faster_whisper.tokenizer import Tokenizer

from asr.engines.script import unwanted
from asr.engines.text import tidy
from asr.engines.vocabulary import Vocabulary, without
from asr.recognition import NOTHING, RATE, Capabilities, Effort, Hypothesis, Pcm, Recognition
from asr.words.spelled import believed, seems_numbered
from core.errors import ModelMissing
from core.modelstore import HINT

log = structlog.get_logger(__name__)

#: Puts the decoder into simplified Mandarin with punctuation. Place names in it make results worse, not better.
PROMPT = "以下是普通话的句子。"
_WINDOW_S = 30.0
#: At least. In less than six seconds it hears worse: 17.9 % in five, 16.6 % in six, 16.7 % in ten (docs/speech.md).
_SHORTEST_WINDOW_S: dict[Effort, float] = {"partial": 6.0, "final": 6.0, "record": 10.0}
_PADDING_S = 1.0
#: Hurried Mandarin is seven syllables a second, at most two tokens each.
_TOKENS_PER_S = 14
_SPARE_TOKENS = 8
_MAX_TOKENS = 200
#: More than this of "nobody speaks" and a mean score below that are noise: the encoder heard nobody, the decoder was
#: guessing. The more it guessed, the less is asked of the other; Whisper's authors have 0.6 and -1.0 (docs/speech.md).
_NOISE = ((0.5, -0.8), (0.35, -0.95))
#: On whole dialogues a wider beam (10) and the full window (30 s) heard no better and cost up to three times as much.
_BEAMS: dict[Effort, int] = {"partial": 1, "final": 5, "record": 5}
#: Marks as the model writes them.
_AS_WRITTEN = str.maketrans("，？！：；", ",?!:;")
_LEAST_CHANCE = 1e-10
_FIGURE = re.compile("[0-9]")
#: Shorter than this the spectrogram has no frame to work on.
_SHORTEST_S = 0.1


class WhisperEngine:
    """One Whisper model in memory (base: some 100 MB); satisfies :class:`asr.recognition.Engine`."""

    name = "whisper"
    capabilities = Capabilities(streaming=False, word_times=False, languages=("zh",))

    def __init__(self, model_path: Path, threads: int = 1) -> None:
        """``model_path``: a CTranslate2 folder with its tokenizer; raises :class:`ModelMissing` when it has none."""
        for file in ("model.bin", "config.json", "tokenizer.json"):
            if not (model_path / file).is_file():
                raise ModelMissing(f"no Whisper model lies in {model_path}: {file} is absent", hint=HINT)
        try:
            words = tokenizers.Tokenizer.from_file(str(model_path / "tokenizer.json"))
            token = Tokenizer(words, True, task="transcribe", language="zh")
            texts = words.decode_batch([[number] for number in range(token.eot)])
            forbidden = unwanted(texts)
            # -1 stands for the model's own list of marks and notes.
            self._suppressed = [-1]
            # CTranslate2 reads from a folder; given the bytes it would keep them for as long as the model.
            with TemporaryDirectory(prefix="heyi-whisper-") as folder:
                vocabulary = _without(model_path, forbidden, Path(folder))
                self._model = ctranslate2.models.Whisper(
                    folder if vocabulary else str(model_path), device="cpu", compute_type="int8", intra_threads=threads
                )
            if vocabulary is None:
                self._suppressed += forbidden
            self._vocabulary = vocabulary or Vocabulary(range(words.get_vocab_size()))
        # A file that is cut off ends in any of these; the tokenizer's library raises its own bare Exception.
        except Exception as error:
            raise ModelMissing(f"the Whisper model in {model_path} does not load: {error}", hint=HINT) from error
        self._features = FeatureExtractor(feature_size=self._model.n_mels)
        self._tokenizer = token
        inside = self._vocabulary.inside
        self._prompt = inside([token.sot_prev, *token.encode(PROMPT), *token.sot_sequence, token.no_timestamps])
        self._figures = inside(number for number, text in enumerate(texts) if _FIGURE.search(text))
        self._heard: ctranslate2.StorageView | None = None

    def recognise(self, pcm: Pcm, effort: Effort = "final") -> Recognition:
        """``pcm``: mono, 16 kHz; what lies beyond 30 seconds is not heard."""
        seconds = min(pcm.size / RATE, _WINDOW_S)
        if seconds < _SHORTEST_S or not pcm.any():
            return NOTHING
        self._heard = self._model.encode(ctranslate2.StorageView.from_array(self._mel(pcm, window_s(seconds, effort))))
        result = self._decode(seconds, effort, self._suppressed)
        readings = self._readings(result)
        raw, score = readings[0]
        noise = any(result.no_speech_prob > nobody and score < guessed for nobody, guessed in _NOISE)
        text = "" if noise else tidy(raw, PROMPT)
        hypotheses = different(readings) if text else ()
        if hypotheses and effort != "partial" and seems_numbered(text):
            spelled = self._readings(self._decode(seconds, effort, [*self._suppressed, *self._figures]))
            hypotheses = believed(hypotheses, different(spelled))
            text = hypotheses[0].text
        return Recognition(
            text=text,
            raw=raw,
            confidence=math.exp(min(score, 0.0)),
            no_speech=float(result.no_speech_prob),
            hypotheses=hypotheses,
        )

    def likely(self, text: str) -> tuple[float, ...]:
        """Natural log-probability of each character of ``text``, were it what the last sound said; () before any.

        The characters before it are taken for granted. A token of several characters is shared out between them.
        """
        tokens = self._tokenizer.encode(text.translate(_AS_WRITTEN))
        known = self._vocabulary.inside(tokens)
        if self._heard is None or not tokens or len(tokens) > _MAX_TOKENS or len(known) < len(tokens):
            return ()
        # Only the probabilities are wanted: the fewest frames make the alignment that comes with them cheap.
        (found,) = self._model.align(self._heard, self._prompt, [known], 4)
        shares: list[float] = []
        for token, chance in zip(tokens, found.text_token_probs, strict=True):
            # In this vocabulary a sign stands for a byte.
            size = len(self._tokenizer.tokenizer.id_to_token(token))
            shares += [math.log(max(chance, _LEAST_CHANCE)) / size] * size
        return per_character(text.translate(_AS_WRITTEN), shares)

    def _mel(self, pcm: Pcm, window: float) -> np.ndarray:
        samples = np.zeros(round(window * RATE), np.float32)
        heard = pcm[: samples.size]
        samples[: heard.size] = heard.astype(np.float32) / 32768
        return np.ascontiguousarray(self._features(samples, padding=0)[None], dtype=np.float32)

    def _decode(
        self, seconds: float, effort: Effort, suppressed: list[int]
    ) -> ctranslate2.models.WhisperGenerationResult:
        """The sound that was encoded last."""
        budget = min(_MAX_TOKENS, _SPARE_TOKENS + math.ceil(seconds * _TOKENS_PER_S))
        (result,) = self._model.generate(
            self._heard,
            [self._prompt],
            beam_size=_BEAMS[effort],
            num_hypotheses=_BEAMS[effort],
            # The limit counts the prompt too.
            max_length=len(self._prompt) + budget,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=suppressed,
        )
        return result

    def _readings(self, result: ctranslate2.models.WhisperGenerationResult) -> list[tuple[str, float]]:
        """Raw texts with their scores, best first."""
        return [
            (self._tokenizer.decode(self._vocabulary.outside(tokens)).strip(), mean_score(float(score), len(tokens)))
            for tokens, score in zip(result.sequences_ids, result.scores, strict=True)
        ]


def _without(folder: Path, unwanted: list[int], target: Path) -> Vocabulary | None:
    """See :func:`asr.engines.vocabulary.without`; with a full disk the whole model serves as well, only slower."""
    try:
        return without(folder, unwanted, target)
    except OSError as error:
        log.warning("no room for a smaller model, the whole is used", reason=str(error))
        return None


def mean_score(score: float, tokens: int) -> float:
    """CTranslate2 divides by the tokens of the text; the end of the text was a choice too."""
    return score * tokens / (tokens + 1)


def different(readings: list[tuple[str, float]]) -> tuple[Hypothesis, ...]:
    """Raw readings with their scores, best first, as people would see them, each text once."""
    best: dict[str, float] = {}
    for raw, score in readings:
        if text := tidy(raw, PROMPT):
            best.setdefault(text, score)
    return tuple(Hypothesis(text, score) for text, score in best.items())


def per_character(text: str, shares: list[float]) -> tuple[float, ...]:
    """Sums for each character of values for each byte of ``text`` in UTF-8."""
    sums: list[float] = []
    at = 0
    for char in text:
        end = at + len(char.encode())
        sums.append(sum(shares[at:end]))
        at = end
    return tuple(sums)


def window_s(seconds: float, effort: Effort) -> float:
    """Length of the window in which ``seconds`` of speech are encoded."""
    return min(_WINDOW_S, max(_SHORTEST_WINDOW_S[effort], seconds + _PADDING_S))
