"""A Whisper model file with fewer tokens."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from asr.engines.vocabulary import without

WORDS = ["火", "fire", "水", "water", "<|endoftext|>"]


def written(path: Path, variables: dict[str, np.ndarray], form: int = 6) -> None:
    """``path`` in the layout of CTranslate2."""

    def name(text: str) -> bytes:
        return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"

    data = struct.pack("<I", form) + name("WhisperSpec") + struct.pack("<II", 3, len(variables))
    for title, values in variables.items():
        data += name(title) + struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)
        data += struct.pack("<BI", 4, values.nbytes) + values.tobytes()
    data += struct.pack("<I", 1) + name("decoder/projection/weight") + name("decoder/embeddings/weight")
    path.write_bytes(data)


@pytest.fixture
def matrix() -> np.ndarray:
    return np.arange(10, dtype=np.float16).reshape(5, 2)


@pytest.fixture
def folder(tmp_path: Path, matrix: np.ndarray) -> Path:
    other = np.ones((5, 3), np.float16)
    written(tmp_path / "model.bin", {"decoder/embeddings/weight": matrix, "encoder/conv1/weight": other})
    config = {"suppress_ids": [1, 2], "suppress_ids_begin": [4], "lang_ids": [4], "alignment_heads": [[3, 1]]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "vocabulary.txt").write_text("\n".join(WORDS))
    (tmp_path / "tokenizer.json").write_text("{}")
    return tmp_path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    made = tmp_path / "target"
    made.mkdir()
    return made


def test_rows_words_and_numbers_of_the_unwanted_go(
    folder: Path, target: Path, matrix: np.ndarray, tmp_path: Path
) -> None:
    vocabulary = without(folder, [1, 3], target)
    assert vocabulary is not None
    written(
        tmp_path / "wanted.bin",
        {"decoder/embeddings/weight": matrix[[0, 2, 4]], "encoder/conv1/weight": np.ones((5, 3), np.float16)},
    )
    assert (target / "model.bin").read_bytes() == (tmp_path / "wanted.bin").read_bytes()
    assert (target / "vocabulary.txt").read_text().split("\n") == ["火", "水", "<|endoftext|>"]
    assert json.loads((target / "config.json").read_text()) == {
        "suppress_ids": [1], "suppress_ids_begin": [2], "lang_ids": [2], "alignment_heads": [[3, 1]],
    }  # fmt: skip
    assert vocabulary.inside([0, 1, 2, 3, 4]) == [0, 1, 2]
    assert vocabulary.outside([0, 1, 2]) == [0, 2, 4]


def test_a_vocabulary_in_json(folder: Path, target: Path) -> None:
    (folder / "vocabulary.txt").unlink()
    (folder / "vocabulary.json").write_text(json.dumps(WORDS))
    assert without(folder, [0], target) is not None
    assert json.loads((target / "vocabulary.json").read_text()) == WORDS[1:]


@pytest.mark.parametrize("form", [5, 7])
def test_a_file_of_another_layout_is_left_to_the_library(
    folder: Path, target: Path, matrix: np.ndarray, form: int
) -> None:
    written(folder / "model.bin", {"decoder/embeddings/weight": matrix}, form)
    assert without(folder, [1], target) is None
    assert list(target.iterdir()) == []


def test_a_model_without_the_matrix_is_left_to_the_library(folder: Path, target: Path, matrix: np.ndarray) -> None:
    written(folder / "model.bin", {"encoder/conv1/weight": matrix})
    assert without(folder, [1], target) is None
    assert list(target.iterdir()) == []
