"""Tiny ONNX models, written by hand: the outermost bytes of protocol buffers are all that is needed.

Field numbers are those of onnx.proto (ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto, ValueInfoProto).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

FLOAT, INT32, INT64 = 1, 6, 7
_TYPES = {"float32": FLOAT, "int32": INT32, "int64": INT64}
Shape = Sequence[int | str]


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(raw)) + raw


def tensor(name: str, value: object, dtype: str = "float32") -> bytes:
    """An initializer of the graph."""
    array = np.asarray(value, dtype=dtype)
    dims = b"".join(_number(1, size) for size in array.shape)
    return dims + _number(2, _TYPES[dtype]) + _bytes(8, name) + _bytes(9, array.tobytes())


def port(name: str, kind: int, shape: Shape) -> bytes:
    """An input or output; a named dimension is free."""
    dims = b"".join(_bytes(1, _bytes(2, size) if isinstance(size, str) else _number(1, size)) for size in shape)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, dims)))


def node(op: str, inputs: str, outputs: str, **attributes: int | Sequence[int]) -> bytes:
    """One step; names apart by spaces, ``-`` for an input left out."""
    out = b"".join(_bytes(1, "" if name == "-" else name) for name in inputs.split())
    out += b"".join(_bytes(2, name) for name in outputs.split()) + _bytes(4, op)
    for name, value in attributes.items():
        if isinstance(value, int):
            out += _bytes(5, _bytes(1, name) + _number(3, value) + _number(20, 2))
        else:
            out += _bytes(5, _bytes(1, name) + b"".join(_number(8, each) for each in value) + _number(20, 7))
    return out


def write(
    path: Path,
    nodes: Sequence[bytes],
    tensors: Sequence[bytes],
    inputs: Sequence[bytes],
    outputs: Sequence[bytes],
    metadata: Mapping[str, object],
) -> Path:
    """The model in a file. Opset 13."""
    graph = b"".join(_bytes(1, each) for each in nodes) + _bytes(2, "tiny")
    graph += b"".join(_bytes(5, each) for each in tensors)
    graph += b"".join(_bytes(11, each) for each in inputs) + b"".join(_bytes(12, each) for each in outputs)
    model = _number(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, "") + _number(2, 13))
    model += b"".join(_bytes(14, _bytes(1, key) + _bytes(2, str(value))) for key, value in metadata.items())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model)
    return path
