"""Tiny models in the shape of those which sherpa-onnx publishes. They tell a low tone (低) from a high one (高).

The spectrogram of 80 bands is asked for its loudest low band and its loudest high band; where neither passes a
threshold it is silence. That is enough to see whether sound arrives whole, in order, in the right scale and at the
right time.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.onnx_kit import FLOAT, INT32, INT64, node, port, tensor, write

#: Below this a band is silent (log energy; samples are -1..1, or -32768..32767 for models of FunASR).
_NORMAL, _FULL = 1.0, 21.0
_SPLIT = 40
SYMBOLS = ("<blk>", "低", "高")
LFR = {"lfr_window_size": 7, "lfr_window_shift": 6, "vocab_size": 3}
_LAYER = ("key", "nonlin", "value1", "value2", "conv1", "conv2")
_ZIPFORMER = {
    "encoder_dims": 4, "query_head_dims": 2, "value_head_dims": 2, "num_heads": 1, "num_encoder_layers": 1,
    "cnn_module_kernels": 3, "left_context_len": 2, "T": 45, "decode_chunk_len": 32,
}  # fmt: skip


def _scores(source: str, threshold: float) -> tuple[list[bytes], list[bytes]]:
    """Steps from ``source`` (N, T, 80) to ``scores`` (N, T, 3), and what they need."""
    steps = [
        node("Slice", f"{source} zero split last", "lows"),
        node("Slice", f"{source} split eighty last", "highs"),
        node("ReduceMax", "lows", "low", axes=[2], keepdims=1),
        node("ReduceMax", "highs", "high", axes=[2], keepdims=1),
        node("Mul", "low nought", "nothing"),
        node("Add", "nothing threshold", "blank"),
        node("Concat", "blank low high", "scores", axis=2),
    ]
    needs = [
        tensor("zero", [0], "int64"), tensor("split", [_SPLIT], "int64"), tensor("eighty", [80], "int64"),
        tensor("last", [2], "int64"), tensor("nought", 0.0), tensor("threshold", threshold),
    ]  # fmt: skip
    return steps, needs


def _every(source: str, out: str, step: int, end: int = 1 << 30) -> tuple[list[bytes], list[bytes]]:
    """Each ``step``-th frame of the time axis."""
    needs = [
        tensor("begin", [0], "int64"), tensor("end", [end], "int64"), tensor("time", [1], "int64"),
        tensor("step", [step], "int64"),
    ]  # fmt: skip
    return [node("Slice", f"{source} begin end time step", out)], needs


def _tokens(folder: Path, symbols: tuple[str, ...] = SYMBOLS) -> None:
    (folder / "tokens.txt").write_text("".join(f"{s} {i}\n" for i, s in enumerate(symbols)), encoding="utf-8")


def _funasr(folder: Path) -> dict[str, object]:
    folder.mkdir(parents=True, exist_ok=True)
    flat = ",".join(["0"] * 560), ",".join(["1"] * 560)
    return LFR | {"neg_mean": flat[0], "inv_stddev": flat[1]}


def sense_voice(folder: Path, drop: str = "") -> Path:
    """Four tokens of language, feeling, event and norm come first, then one frame for six."""
    told = _funasr(folder) | {
        "model_type": "sense_voice_ctc", "normalize_samples": 0, "with_itn": 14, "without_itn": 15, "lang_auto": 0,
        "lang_zh": 3, "lang_en": 4, "lang_ja": 11, "lang_ko": 12, "lang_yue": 7,
    }  # fmt: skip
    told.pop(drop, None)
    steps, needs = _scores("x80", _FULL)
    # The four differ from each other and from what follows, so that none is merged away.
    head = [[[0, 99, 0, 0], [0, 0, 0, 99], [0, 99, 0, 0], [0, 0, 0, 99]]]
    write(
        folder / "model.int8.onnx",
        [node("Slice", "x zero eighty last", "x80"), *steps, node("Sub", "nothing far", "never"),
         node("Concat", "scores never", "said", axis=2), node("Concat", "head said", "logits", axis=1)],
        [*needs, tensor("head", head), tensor("far", 99.0)],
        [port("x", FLOAT, ["N", "T", 560]), port("x_length", INT32, ["N"]), port("language", INT32, ["N"]),
         port("text_norm", INT32, ["N"])],
        [port("logits", FLOAT, ["N", "U", 4])],
        told,
    )  # fmt: skip
    _tokens(folder, (*SYMBOLS, "<|zh|>"))
    return folder


def paraformer(folder: Path, drop: str = "") -> Path:
    """One token for the whole sound: what was loudest in it, or the end of the sentence."""
    told = _funasr(folder) | {"model_type": "paraformer"}
    told.pop(drop, None)
    steps, needs = _scores("x80", _FULL)
    write(
        folder / "model.onnx",
        [node("Slice", "x zero eighty last", "x80"), *steps,
         node("ReduceMax", "scores", "logits", axes=[1], keepdims=1), node("Mul", "length none", "nil"),
         node("Add", "nil one", "token_num")],
        [*needs, tensor("none", 0, "int32"), tensor("one", 1, "int32")],
        [port("x", FLOAT, ["N", "T", 560]), port("length", INT32, ["N"])],
        [port("logits", FLOAT, ["N", "U", 3]), port("token_num", INT32, ["N"])],
        told,
    )  # fmt: skip
    _tokens(folder, ("</s>", "低", "高"))
    return folder


def streaming_paraformer(folder: Path, drop: str = "") -> Path:
    """Ten stacked frames at a time; four loud ones make a token, so that a long tone is written several times."""
    told = _funasr(folder) | {"model_type": "paraformer", "encoder_output_size": 560, "decoder_num_blocks": 1}
    told["decoder_kernel_size"] = 11
    told.pop(drop, None)
    # The library multiplies by the root of the size, and adds positions of -1..1.
    threshold = _FULL * 560**0.5
    steps, needs = _scores("x80", threshold)
    first = node("Slice", "x zero eighty last", "x80")
    write(
        folder / "encoder.int8.onnx",
        [first, *steps, node("Max", "low high", "loudest"), node("Sub", "loudest threshold", "over"),
         node("Sign", "over", "sign"), node("Relu", "sign", "loud"), node("Mul", "loud quarter", "weight"),
         node("Squeeze", "weight last", "alphas"), node("Identity", "x", "enc"), node("Identity", "length", "enc_len")],
        [*needs, tensor("quarter", 0.25)],
        [port("x", FLOAT, ["N", "T", 560]), port("length", INT32, ["N"])],
        [port("enc", FLOAT, ["N", "T", 560]), port("enc_len", INT32, ["N"]), port("alphas", FLOAT, ["N", "T"])],
        told,
    )  # fmt: skip
    write(
        folder / "decoder.int8.onnx",
        [first, *steps, node("Identity", "scores", "logits"),
         node("ArgMax", "logits", "sample_ids", axis=2, keepdims=0), node("Identity", "in_cache_0", "out_cache_0")],
        needs,
        [port("enc", FLOAT, ["N", "S", 560]), port("enc_len", INT32, ["N"]), port("x", FLOAT, ["N", "T", 560]),
         port("length", INT32, ["N"]), port("in_cache_0", FLOAT, ["N", 560, 10])],
        [port("logits", FLOAT, ["N", "T", 3]), port("sample_ids", INT64, ["N", "T"]),
         port("out_cache_0", FLOAT, ["N", 560, 10])],
        {},
    )  # fmt: skip
    _tokens(folder, ("</s>", "低", "高"))
    return folder


def zipformer_ctc(folder: Path, drop: str = "") -> Path:
    """One frame for four."""
    told: dict[str, object] = {"model_type": "zipformer2_ctc"}
    told.pop(drop, None)
    thin, more = _every("x", "x80", 4)
    steps, needs = _scores("x80", _NORMAL)
    write(
        folder / "model.onnx",
        [*thin, *steps, node("LogSoftmax", "scores", "log_probs", axis=2), node("Add", "x_lens three", "up"),
         node("Div", "up four", "log_probs_len")],
        [*more, *needs, tensor("three", 3, "int64"), tensor("four", 4, "int64")],
        [port("x", FLOAT, ["N", "T", 80]), port("x_lens", INT64, ["N"])],
        [port("log_probs", FLOAT, ["N", "U", 3]), port("log_probs_len", INT64, ["N"])],
        told,
    )  # fmt: skip
    _tokens(folder)
    return folder


def _cached() -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Steps, inputs and outputs that hand a streaming zipformer's memory on unchanged."""
    shapes = ([2, "N", 2], [1, "N", 2, 3], [2, "N", 2], [2, "N", 2], ["N", 4, 1], ["N", 4, 1])
    states = [(f"cached_{name}_0", FLOAT, shape) for name, shape in zip(_LAYER, shapes, strict=True)]
    states += [("embed_states", FLOAT, ["N", 128, 3, 19]), ("processed_lens", INT64, ["N"])]
    return (
        [node("Identity", name, f"new_{name}") for name, _, _ in states],
        [port(name, kind, shape) for name, kind, shape in states],
        [port(f"new_{name}", kind, shape) for name, kind, shape in states],
    )


def streaming_zipformer_ctc(folder: Path, drop: str = "") -> Path:
    """32 of 45 frames at a time, one for four."""
    told: dict[str, object] = {"model_type": "zipformer2", **_ZIPFORMER}
    told.pop(drop, None)
    thin, more = _every("x", "x80", 4, end=32)
    steps, needs = _scores("x80", _NORMAL)
    kept, before, after = _cached()
    write(
        folder / "ctc-epoch-1-avg-1-chunk-16-left-128.int8.onnx",
        [*thin, *steps, node("LogSoftmax", "scores", "log_probs", axis=2), *kept],
        [*more, *needs],
        [port("x", FLOAT, ["N", 45, 80]), *before],
        [port("log_probs", FLOAT, ["N", 8, 3]), *after],
        told,
    )
    _tokens(folder)
    return folder


def _decoder_and_joiner(folder: Path, drop: str) -> None:
    told: dict[str, object] = {"vocab_size": 3, "context_size": 2}
    told.pop(drop, None)
    # A tone is written once: the symbol that came last is forbidden until another came.
    table = [[0, 0, 0], [0, -99, 0], [0, 0, -99]]
    write(
        folder / "decoder-epoch-1-avg-1.onnx",
        [node("Gather", "y second", "last", axis=1), node("Gather", "table last", "decoder_out", axis=0)],
        [tensor("second", 1, "int64"), tensor("table", table)],
        [port("y", INT64, ["N", 2])],
        [port("decoder_out", FLOAT, ["N", 3])],
        told,
    )
    write(
        folder / "joiner-epoch-1-avg-1.int8.onnx",
        [node("Add", "encoder_out decoder_out", "logit")],
        [],
        [port("encoder_out", FLOAT, ["N", 3]), port("decoder_out", FLOAT, ["N", 3])],
        [port("logit", FLOAT, ["N", 3])],
        {"joiner_dim": 3},
    )
    _tokens(folder)


def transducer(folder: Path, drop: str = "") -> Path:
    """Encoder, decoder and joiner, decoded as a whole."""
    told: dict[str, object] = {"model_type": "zipformer2", "version": 1}
    told.pop(drop, None)
    thin, more = _every("x", "x80", 4)
    steps, needs = _scores("x80", _NORMAL)
    write(
        folder / "encoder-epoch-1-avg-1.int8.onnx",
        [*thin, *steps, node("Identity", "scores", "encoder_out"), node("Add", "x_lens three", "up"),
         node("Div", "up four", "encoder_out_lens")],
        [*more, *needs, tensor("three", 3, "int64"), tensor("four", 4, "int64")],
        [port("x", FLOAT, ["N", "T", 80]), port("x_lens", INT64, ["N"])],
        [port("encoder_out", FLOAT, ["N", "U", 3]), port("encoder_out_lens", INT64, ["N"])],
        told,
    )  # fmt: skip
    _decoder_and_joiner(folder, drop)
    return folder


def streaming_transducer(folder: Path, drop: str = "") -> Path:
    """Encoder, decoder and joiner, while it is said."""
    told: dict[str, object] = {"model_type": "zipformer2", **_ZIPFORMER}
    told.pop(drop, None)
    thin, more = _every("x", "x80", 4, end=32)
    steps, needs = _scores("x80", _NORMAL)
    kept, before, after = _cached()
    write(
        folder / "encoder-epoch-1-avg-1.onnx",
        [*thin, *steps, node("Identity", "scores", "encoder_out"), *kept],
        [*more, *needs],
        [port("x", FLOAT, ["N", 45, 80]), *before],
        [port("encoder_out", FLOAT, ["N", 8, 3]), *after],
        told,
    )
    _decoder_and_joiner(folder, drop)
    return folder


#: Every kind by its family's name.
MODELS: dict[str, Callable[..., Path]] = {
    "sense-voice": sense_voice,
    "paraformer": paraformer,
    "zipformer-ctc": zipformer_ctc,
    "transducer": transducer,
    "streaming-paraformer": streaming_paraformer,
    "streaming-zipformer-ctc": streaming_zipformer_ctc,
    "streaming-transducer": streaming_transducer,
}


def tones(*parts: tuple[str, float], amplitude: int = 9000) -> np.ndarray:
    """16 kHz: 低 is 300 Hz, 高 is 3 kHz, anything else silence; each with its seconds."""
    pitch = {"低": 300.0, "高": 3000.0}
    out = []
    for name, seconds in parts:
        t = np.arange(round(seconds * 16000)) / 16000
        out.append(np.sin(2 * np.pi * pitch.get(name, 0.0) * t) * amplitude)
    return np.concatenate(out).astype(np.int16)
