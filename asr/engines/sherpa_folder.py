"""Which kind of sherpa-onnx model lies in a folder: by the names of its files, and by what they say of themselves.

The published folders name their files ``tokens.txt`` and ``model.onnx``, or ``encoder…``, ``decoder…`` and
``joiner….onnx``, each also as ``….int8.onnx``. A Paraformer, a SenseVoice and a zipformer with CTC have the same names;
the metadata in the file tells them apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from asr.engines.onnx_metadata import metadata
from core.errors import ModelMissing

Family = Literal[
    "sense-voice",
    "paraformer",
    "zipformer-ctc",
    "transducer",
    "streaming-paraformer",
    "streaming-zipformer-ctc",
    "streaming-transducer",
]
#: Beginnings of the names of files, and the part of the model that they hold. ``ctc`` is icefall's own name for it.
_ROLES = {"encoder": "encoder", "decoder": "decoder", "joiner": "joiner", "model": "model", "ctc": "model"}
_LFR = frozenset({"vocab_size", "lfr_window_size", "lfr_window_shift", "neg_mean", "inv_stddev"})
_ZIPFORMER = frozenset(
    {"encoder_dims", "query_head_dims", "value_head_dims", "num_heads", "num_encoder_layers", "cnn_module_kernels",
     "left_context_len", "T", "decode_chunk_len"}
)  # fmt: skip
#: What the library needs in the metadata of the encoder or model; without one of them it ends the process.
_NEEDED: dict[Family, frozenset[str]] = {
    "sense-voice": _LFR
    | {"normalize_samples", "with_itn", "without_itn", "lang_auto", "lang_zh", "lang_en", "lang_ja", "lang_ko"}
    | {"lang_yue"},
    "paraformer": _LFR,
    "zipformer-ctc": frozenset({"model_type"}),
    "transducer": frozenset({"model_type"}),
    "streaming-paraformer": _LFR | {"encoder_output_size", "decoder_num_blocks", "decoder_kernel_size"},
    "streaming-zipformer-ctc": _ZIPFORMER,
    "streaming-transducer": _ZIPFORMER | {"model_type"},
}
#: Families that look for the empty symbol by its name.
_BLANKED: frozenset[Family] = frozenset({"zipformer-ctc", "streaming-zipformer-ctc"})
_BLANKS = (b"<blk>", b"<eps>", b"<blank>")


@dataclass(frozen=True)
class SherpaFolder:
    """A folder that was recognised: ``files`` by role (encoder, decoder, joiner, model)."""

    family: Family
    files: Mapping[str, Path]
    tokens: Path

    @property
    def streaming(self) -> bool:
        return self.family.startswith("streaming-")


def recognised(folder: Path) -> SherpaFolder:
    """What lies in ``folder``; raises :class:`ModelMissing` in one line where it is no model that heyi can use."""
    tokens = folder / "tokens.txt"
    files = _by_role(folder)
    if not files or not tokens.is_file():
        what = "tokens.txt" if files else "model.onnx or encoder.onnx"
        raise ModelMissing(
            f"no sherpa-onnx model lies in {folder}: {what} is absent", hint="unpack one there, or correct asr_model"
        )
    told = {role: _told(path) for role, path in files.items()}
    family = _family(folder, told)
    asked = told["model" if "model" in files else "encoder"]
    absent = sorted(_NEEDED[family] - asked.keys())
    if "joiner" in files:
        absent += sorted({"vocab_size", "context_size"} - told["decoder"].keys())
    if absent:
        raise ModelMissing(
            f"the {family} model in {folder} does not say its {', '.join(absent)}",
            hint="take one that was exported for sherpa-onnx",
        )
    _check_tokens(tokens, family)
    return SherpaFolder(family, files, tokens)


def _check_tokens(path: Path, family: Family) -> None:
    """A file that is no list of symbols would end the process as well."""
    # As bytes: symbols may hold any space but an ASCII one. A line with a number alone is the space.
    lines = [line.split() for line in path.read_bytes().split(b"\n") if line.strip()]
    if not lines or any(len(line) > 2 or not line[-1].isdigit() for line in lines):
        raise ModelMissing(f"{path} is no list of symbols", hint="fetch the model again")
    if family in _BLANKED and not any(line[0] in _BLANKS for line in lines):
        raise ModelMissing(f"{path} has no {_BLANKS[0].decode()}", hint="fetch the model again")


def _by_role(folder: Path) -> dict[str, Path]:
    """The file of each role; where there are several, the int8 one, which is three times as fast on a processor."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.onnx"), key=lambda path: ("int8" not in path.name, path.name)):
        role = next((role for start, role in _ROLES.items() if path.name.startswith(start)), None)
        if role is not None:
            found.setdefault(role, path)
    return found


def _told(path: Path) -> dict[str, str]:
    try:
        return metadata(path)
    except ValueError as error:
        raise ModelMissing(f"{path} is no whole ONNX file: {error}", hint="fetch the model again") from error


def _family(folder: Path, told: Mapping[str, dict[str, str]]) -> Family:
    """From what each role's file tells of itself."""
    if {"encoder", "decoder", "joiner"} <= told.keys():
        return "streaming-transducer" if "decode_chunk_len" in told["encoder"] else "transducer"
    if {"encoder", "decoder"} <= told.keys() and "lfr_window_size" in told["encoder"]:
        return "streaming-paraformer"
    keys = told.get("model", {})
    if "lfr_window_size" in keys:
        return "sense-voice" if "lang_zh" in keys else "paraformer"
    if "decode_chunk_len" in keys:
        return "streaming-zipformer-ctc"
    if keys.get("model_type", "").startswith("zipformer"):
        return "zipformer-ctc"
    raise ModelMissing(
        f"the model in {folder} is of no kind that heyi knows", hint="take a Paraformer, a SenseVoice or a zipformer"
    )
