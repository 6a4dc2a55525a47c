"""Engines by name."""

from pathlib import Path
from typing import Protocol

from asr.recognition import Engine
from asr.vosk import VoskEngine
from asr.whisper import WhisperEngine
from core.errors import HeyiError


class _Loader(Protocol):
    def __call__(self, model_path: Path, threads: int) -> Engine: ...


_ENGINES: dict[str, _Loader] = {"whisper": WhisperEngine, "vosk": VoskEngine}


def load_engine(name: str, model_path: Path, threads: int = 1) -> Engine:
    """The engine ``name`` (``whisper`` or ``vosk``) with its model in memory; never asks the network.

    Raises :class:`core.errors.ModelMissing` where the folder holds no such model.
    """
    loader = _ENGINES.get(name)
    if loader is None:
        raise HeyiError(f"there is no recognition engine {name!r}", hint=f"use one of {', '.join(_ENGINES)}")
    return loader(model_path, threads)
