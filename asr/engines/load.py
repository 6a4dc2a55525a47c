"""Engines by name."""

from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from asr.recognition import Engine
from core.errors import HeyiError


class _Loader(Protocol):
    def __call__(self, model_path: Path, threads: int) -> Engine: ...


#: Module and class. Loaded by name, since each brings its own inference library into memory, and one of them may not
#: be installed.
_ENGINES = {
    "whisper": ("asr.engines.whisper", "WhisperEngine"),
    "vosk": ("asr.engines.vosk", "VoskEngine"),
    "sherpa-onnx": ("asr.engines.sherpa", "SherpaEngine"),
}
#: What to run for an engine whose library is an extra.
_EXTRAS = {"sherpa_onnx": ".heyi/venv/bin/uv pip install --python .heyi/venv/bin/python -r locks/sherpa.lock"}


def load_engine(name: str, model_path: Path, threads: int = 1) -> Engine:
    """The engine ``name`` (whisper, vosk or sherpa-onnx) with its model in memory; never asks the network.

    Raises :class:`core.errors.ModelMissing` where the folder holds no such model, and :class:`HeyiError` where the
    engine's library is not installed.
    """
    if name not in _ENGINES:
        raise HeyiError(f"there is no recognition engine {name!r}", hint=f"use one of {', '.join(_ENGINES)}")
    module, loader = _ENGINES[name]
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        raise HeyiError(f"the engine {name} is not installed", hint=f"run: {_EXTRAS[error.name]}") from error
    return cast("_Loader", getattr(found, loader))(model_path, threads)
