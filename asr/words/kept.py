"""What the language model has learned, kept on disk: each of several processes would learn it anew, for seconds.

A file is named by the hash of everything that it was made from, the code that learns among it: a change of any asks for
another file.
"""

import hashlib
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import structlog

from asr.words.charmodel import CharModel

log = structlog.get_logger(__name__)


def kept(folder: Path, made_from: Iterable[Path], learn: Callable[[], CharModel]) -> CharModel:
    """The model that ``learn`` makes from the files ``made_from``; read where ``folder`` has it, else kept there."""
    path = folder / f"callers-{_digest(made_from)}.npz"
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        log.warning(
            "what recognition has learned cannot be read and is learned anew", path=str(path), reason=str(error)
        )
    model = learn()
    try:
        _write(model, path)
    except OSError as error:  # without room every process learns by itself
        log.warning("what recognition has learned cannot be kept", path=str(path), reason=str(error))
    return model


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for path in files:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:24]


def _write(model: CharModel, path: Path) -> None:
    arrays: dict[str, Any] = {"order": np.array(model.order)}
    for name, table in model.tables():
        # All keys of a table have the same length: side by side they need no ends.
        arrays[f"{name}-keys"] = np.frombuffer("".join(table).encode("utf-32-le"), np.uint32)
        arrays[f"{name}-values"] = np.array(list(table.values()))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            np.savez(file, **arrays)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _read(path: Path) -> CharModel:
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        model = CharModel(int(file["order"]))
        for name, table in model.tables():
            values = file[f"{name}-values"].tolist()
            text = file[f"{name}-keys"].tobytes().decode("utf-32-le")
            size = len(text) // max(len(values), 1)
            keys = (text[at : at + size] for at in range(0, len(text), size)) if size else ("",)
            table.update(zip(keys, values, strict=True))
    return model
