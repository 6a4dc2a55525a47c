"""A Whisper model without the tokens that its decoder may not write.

Each step of the decoder reads the whole matrix of tokens, more than half of all that it reads: with 6,500 tokens in
place of 51,865 a step takes half the time. What is left has the same weights, so the same words come out as with the
others forbidden.
"""

import json
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

#: Layout of a CTranslate2 model file that is read here: the number that it begins with.
_FORMAT = 6
#: A row for each token. The output layer is the first of them under another name.
_MATRICES = ("decoder/embeddings/", "decoder/projection/")
_VOCABULARIES = ("vocabulary.json", "vocabulary.txt")


class Vocabulary:
    """Numbers of tokens: ``kept`` in the order that they have in the model, as the tokenizer numbers them."""

    def __init__(self, kept: Sequence[int]) -> None:
        self._outside = list(kept)
        self._inside = {token: number for number, token in enumerate(self._outside)}

    def outside(self, tokens: Iterable[int]) -> list[int]:
        """The model's numbers as the tokenizer's."""
        return [self._outside[token] for token in tokens]

    def inside(self, tokens: Iterable[int]) -> list[int]:
        """The tokenizer's numbers as the model's; what the model does not have is left out."""
        return [self._inside[token] for token in tokens if token in self._inside]


def without(folder: Path, unwanted: Iterable[int], target: Path) -> Vocabulary | None:
    """Write the model of ``folder`` without ``unwanted`` into ``target``, some 100 MB.

    None, and nothing written, for a file of a layout that is not known here. Raises :class:`OSError` where there is no
    room.
    """
    # Mapped, so that it costs no memory of its own.
    data: Any = np.memmap(folder / "model.bin", np.uint8, "r")
    found = _model(memoryview(data), frozenset(unwanted))
    named = next((name for name in _VOCABULARIES if (folder / name).is_file()), None)
    if found is None or named is None:
        return None
    pieces, kept = found
    vocabulary = Vocabulary(kept)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config = {name: _renumbered(name, value, vocabulary) for name, value in config.items()}
    (target / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (target / named).write_bytes(_words(folder / named, kept))
    with (target / "model.bin").open("wb") as file:
        file.writelines(pieces)
    return vocabulary


def _renumbered(name: str, value: Any, vocabulary: Vocabulary) -> Any:
    return vocabulary.inside(value) if name in ("suppress_ids", "suppress_ids_begin", "lang_ids") else value


def _words(path: Path, kept: Sequence[int]) -> bytes:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        words = json.loads(text)
        return json.dumps([words[token] for token in kept], ensure_ascii=False).encode()
    lines = text.split("\n")
    return "\n".join(lines[token] for token in kept).encode()


class _Reader:
    """Goes through a model file; everything in it is little-endian."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return int(value)

    def text(self) -> str:
        size = self.number("H")
        self.at += size
        return bytes(self.data[self.at - size : self.at - 1]).decode()

    def skip(self, size: int) -> memoryview:
        self.at += size
        return self.data[self.at - size : self.at]


def _model(data: memoryview, unwanted: frozenset[int]) -> tuple[list[memoryview | bytes], list[int]] | None:
    """The model file with fewer tokens, in pieces, and those that it keeps.

    Layout: format, name and revision of the architecture, number of variables; of each its name, dimensions, type,
    size and values; then other names that variables have.
    """
    reader = _Reader(data)
    if reader.number("I") != _FORMAT or reader.text() != "WhisperSpec":
        return None
    reader.number("I")
    kept: list[int] = []
    pieces: list[memoryview | bytes] = []
    copied = 0
    for _ in range(reader.number("I")):
        name = reader.text()
        rank = reader.number("B")
        shape_at = reader.at
        shape = [reader.number("I") for _ in range(rank)]
        reader.number("B")
        size_at = reader.at
        size = reader.number("I")
        values_at = reader.at
        values = reader.skip(size)
        if rank and name.startswith(_MATRICES):
            kept = kept or [token for token in range(shape[0]) if token not in unwanted]
            row = size // shape[0]
            rows = b"".join(values[token * row : (token + 1) * row] for token in kept)
            pieces += [data[copied:shape_at], struct.pack("<I", len(kept)), data[shape_at + 4 : size_at]]
            pieces += [struct.pack("<I", len(rows)), rows]
            copied = values_at + size
    pieces.append(data[copied:])
    return (pieces, kept) if kept else None
