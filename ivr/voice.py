"""The voice: Mandarin and English text to sound, with Kokoro on ONNX Runtime."""

import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from core.errors import HeyiError, ModelMissing
from core.modelstore import HINT
from ivr.english import EnglishPhonemes
from ivr.phonemes import Phonemes
from ivr.sound import Pcm, Samples, decimate, level, to_pcm, write_wav
from ivr.voice_model import ENGLISH, VOICES

#: Samples per second that the model gives.
RATE = 24_000
#: Part of every cache key: raise it when the same text would sound different.
VERSION = 1
#: The model's limit is 510 phonemes; in long pieces it hurries, so a piece ends earlier at the next punctuation.
MAX_TOKENS = 510
_COMFORTABLE = 200
_SENTENCE = re.compile(r"[^。！？!?；;\n]+[。！？!?；;\n]*")
_CLAUSE = re.compile(r"[^，,、：:]+[，,、：:]*")
#: Between two pieces, as a speaker breathes.
_PAUSE_S = 0.25
#: Each holds some 100 MB while it works.
_MOST_AT_ONCE = 4


class Voice:
    """Speaks; the model (92 MB) is loaded at the first text that is not yet in the cache. Safe between threads."""

    def __init__(self, model_dir: Path, cache: Path, threads: int = 2) -> None:
        """``model_dir`` as :func:`ivr.voice_model.ensure` gives it; spoken texts are kept in ``cache``/spoken.

        Raises :class:`core.errors.ModelMissing` when the model is not there.
        """
        for file in ("model.onnx", "vocab.json", *(f"voices/{name}.bin" for name in VOICES)):
            if not (model_dir / file).is_file():
                raise ModelMissing(f"the voice model lacks {model_dir / file}", hint=HINT)
        self._dir = model_dir
        self._spoken = cache / "spoken"
        self._threads = threads
        chinese = Phonemes(cache / "words")
        self._phonemes: dict[bool, Callable[[str], str]] = {False: chinese, True: EnglishPhonemes(chinese)}
        self._lock = threading.Lock()
        self._session: onnxruntime.InferenceSession | None = None
        self._styles: dict[str, NDArray[np.float32]] = {}
        vocab = json.loads((model_dir / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        self._vocab: dict[str, int] = vocab

    def say(self, text: str, voice: str = "zf_xiaobei", speed: float = 1.0) -> Pcm:
        """``text`` as sound: int16, mono, 24 kHz. Text without anything to say gives an empty array.

        ``speed`` 1.0 is the voice's own; raises :class:`HeyiError` for a voice that does not exist. An English voice
        reads English, and names in Chinese characters as Mandarin.
        """
        return to_pcm(self._say(text, voice, speed))

    def telephone(self, text: str, voice: str = "zf_xiaobei", speed: float = 1.0) -> Pcm:
        """``text`` for the telephone: int16, mono, 8 kHz, about -20 dBFS; kept nowhere."""
        return to_pcm(level(decimate(self._say(text, voice, speed), RATE)))

    def wav8k(self, text: str, voice: str = "zf_xiaobei", speed: float = 1.0) -> Path:
        """WAV file of ``text`` as :meth:`telephone` gives it; made once, then kept.

        Several processes may ask for the same text at once: both make it, the last rename stays, the bytes are equal.
        """
        _known(voice)
        path = self._spoken / f"{key(text, voice, speed)}.wav"
        if not path.is_file():
            write_wav(path, self.telephone(text, voice, speed), 8000)
        return path

    def each_wav8k(self, texts: Iterable[tuple[str, str]]) -> Iterator[Path]:
        """:meth:`wav8k` of every text and speaker in their order; as many are spoken at once as there are processors.

        For that the voice has one ``threads``: two texts side by side take less than two threads for each.
        """
        with ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_AT_ONCE)) as pool:
            yield from pool.map(lambda told: self.wav8k(*told), texts)

    def _say(self, text: str, voice: str, speed: float) -> Samples:
        _known(voice)
        phonemes = self._phonemes[voice in ENGLISH]

        def tokens(part: str) -> list[int]:
            return [self._vocab[c] for c in phonemes(part) if c in self._vocab]

        pause = np.zeros(int(_PAUSE_S * RATE), np.float32)
        sounds: list[Samples] = []
        for piece in pieces(text, tokens):
            sounds += [self._infer(piece, voice, speed), pause]
        return np.concatenate(sounds[:-1]) if sounds else np.zeros(0, np.float32)

    def _infer(self, tokens: list[int], voice: str, speed: float) -> Samples:
        session, style = self._load(voice)
        (audio,) = session.run(
            None,
            {
                "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
                "style": style[len(tokens) - 1],
                "speed": np.array([speed], dtype=np.float32),
            },
        )
        return np.asarray(audio, dtype=np.float32).reshape(-1)

    def _load(self, voice: str) -> tuple[onnxruntime.InferenceSession, NDArray[np.float32]]:
        with self._lock:
            if self._session is None:
                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = self._threads
                options.inter_op_num_threads = 1
                # Idle threads that spin would take the cores from live recognition.
                options.add_session_config_entry("session.intra_op.allow_spinning", "0")
                options.log_severity_level = 3
                self._session = onnxruntime.InferenceSession(
                    str(self._dir / "model.onnx"), sess_options=options, providers=["CPUExecutionProvider"]
                )
            if voice not in self._styles:
                table = np.fromfile(self._dir / "voices" / f"{voice}.bin", dtype="<f4")
                self._styles[voice] = table.reshape(MAX_TOKENS, 1, 256)
            return self._session, self._styles[voice]


def key(text: str, voice: str, speed: float) -> str:
    """Name under which a spoken text is kept."""
    return hashlib.sha256(f"{VERSION}\n{voice}\n{speed:g}\n{text}".encode()).hexdigest()[:32]


def pieces(text: str, tokens: Callable[[str], list[int]]) -> list[list[int]]:
    """``text`` as token lists of at most 510, cut at sentence ends, else at commas, and in the middle only if it must.

    Short sentences stay together, since the model speaks very short pieces badly.
    """
    made: list[list[int]] = []
    for sentence in _SENTENCE.findall(text):
        parts = [sentence]
        if len(tokens(sentence)) > _COMFORTABLE:
            parts = _CLAUSE.findall(sentence)
        for part in parts:
            found = tokens(part)
            while found:
                head, found = found[:MAX_TOKENS], found[MAX_TOKENS:]
                if made and len(made[-1]) + len(head) < _COMFORTABLE:
                    made[-1] = [*made[-1], *head]
                else:
                    made.append(head)
    return made


def _known(voice: str) -> None:
    if voice not in VOICES and voice not in ENGLISH:
        raise HeyiError(f"there is no voice {voice!r}", hint=f"use one of {', '.join(VOICES | ENGLISH)}")
