"""Which sherpa-onnx model lies in a folder: told before the library sees it, which ends the process on a bad one."""

from pathlib import Path

import pytest

from asr.engines.onnx_metadata import metadata
from asr.engines.sherpa_folder import recognised
from core.errors import ModelMissing
from tests.onnx_kit import FLOAT, node, port, tensor, write
from tests.sherpa_kit import MODELS


@pytest.mark.parametrize("family", MODELS)
def test_every_family_is_told_by_its_files(tmp_path: Path, family: str) -> None:
    found = recognised(MODELS[family](tmp_path))
    assert found.family == family
    assert found.streaming == family.startswith("streaming-")
    assert all(path.parent == tmp_path for path in found.files.values())


def test_of_several_files_the_int8_one_is_taken(tmp_path: Path) -> None:
    MODELS["transducer"](tmp_path)
    for role in ("encoder", "joiner"):
        path = tmp_path / f"{role}-epoch-1-avg-1.int8.onnx"
        (tmp_path / f"{role}-epoch-1-avg-1.onnx").write_bytes(path.read_bytes())
    (tmp_path / "silero_vad.onnx").write_bytes(b"beside the model")
    found = recognised(tmp_path)
    assert {role: path.name for role, path in found.files.items()} == {
        "encoder": "encoder-epoch-1-avg-1.int8.onnx",
        "decoder": "decoder-epoch-1-avg-1.onnx",
        "joiner": "joiner-epoch-1-avg-1.int8.onnx",
    }


@pytest.mark.parametrize(
    ("family", "key"),
    [
        ("sense-voice", "vocab_size"),
        ("sense-voice", "lang_yue"),
        ("paraformer", "inv_stddev"),
        ("streaming-paraformer", "decoder_num_blocks"),
        ("streaming-zipformer-ctc", "T"),
        ("transducer", "context_size"),
        ("transducer", "model_type"),
        ("streaming-transducer", "vocab_size"),
        ("streaming-transducer", "left_context_len"),
    ],
)
def test_what_the_library_would_die_of_is_told_in_one_line(tmp_path: Path, family: str, key: str) -> None:
    with pytest.raises(ModelMissing, match=f"does not say its {key}") as caught:
        recognised(MODELS[family](tmp_path, drop=key))
    assert "\n" not in str(caught.value)


def test_an_empty_folder_and_one_without_symbols(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"model\.onnx or encoder\.onnx is absent"):
        recognised(tmp_path)
    (MODELS["paraformer"](tmp_path) / "tokens.txt").unlink()
    with pytest.raises(ModelMissing, match=r"tokens\.txt is absent"):
        recognised(tmp_path)


@pytest.mark.parametrize("text", ["", "one two three\n", "symbol\n", "<html>\n"])
def test_a_list_of_symbols_that_is_none(tmp_path: Path, text: str) -> None:
    (MODELS["paraformer"](tmp_path) / "tokens.txt").write_text(text)
    with pytest.raises(ModelMissing, match="no list of symbols"):
        recognised(tmp_path)


def test_odd_symbols_are_symbols(tmp_path: Path) -> None:
    """The space is a line with a number alone; others hold spaces that are not ASCII."""
    text = "</s> 0\n 1\n\u3000 2\na\u00a0b 3\n\u2028 4\n"
    (MODELS["paraformer"](tmp_path) / "tokens.txt").write_text(text, encoding="utf-8")
    assert recognised(tmp_path).family == "paraformer"


def test_ctc_without_its_empty_symbol(tmp_path: Path) -> None:
    (MODELS["zipformer-ctc"](tmp_path) / "tokens.txt").write_text("低 1\n高 2\n", encoding="utf-8")
    with pytest.raises(ModelMissing, match="has no <blk>"):
        recognised(tmp_path)


def other(folder: Path, **told: object) -> Path:
    ports = [port("x", FLOAT, ["N"])], [port("y", FLOAT, ["N"])]
    write(folder / "model.onnx", [node("Identity", "x", "y")], [], *ports, told)
    (folder / "tokens.txt").write_text("<blk> 0\n")
    return folder


@pytest.mark.parametrize("told", [{}, {"model_type": "EncDecCTCModelBPE"}, {"comment": "a detector"}])
def test_a_model_of_another_kind_is_refused(tmp_path: Path, told: dict[str, object]) -> None:
    with pytest.raises(ModelMissing, match="of no kind that heyi knows"):
        recognised(other(tmp_path, **told))


def test_metadata_lies_behind_a_graph_that_is_stepped_over(tmp_path: Path) -> None:
    path = write(
        tmp_path / "model.onnx",
        [node("Add", "x big", "y")],
        [tensor("big", [[0.5] * 1000] * 1000)],
        [port("x", FLOAT, ["N", 1000])],
        [port("y", FLOAT, ["N", 1000])],
        {"model_type": "测试", "empty": ""},
    )
    assert path.stat().st_size > 4_000_000
    assert metadata(path) == {"model_type": "测试", "empty": ""}


@pytest.mark.parametrize("length", [1, 100, 1000, 2000])
def test_half_a_file_is_told(tmp_path: Path, length: int) -> None:
    folder = MODELS["paraformer"](tmp_path)
    whole = (folder / "model.onnx").read_bytes()
    assert len(whole) > 2000
    (folder / "model.onnx").write_bytes(whole[:length])
    with pytest.raises(ModelMissing, match="is no whole ONNX file"):
        recognised(folder)


@pytest.mark.parametrize(
    "content", [b"<html>404 not found</html>", b"\x00" * 100, b"\xff" * 100, b"\x7a\xff\xff"], ids=range(4)
)
def test_what_is_no_onnx_file_is_told(tmp_path: Path, content: bytes) -> None:
    (MODELS["paraformer"](tmp_path) / "model.onnx").write_bytes(content)
    with pytest.raises(ModelMissing, match="is no whole ONNX file"):
        recognised(tmp_path)
