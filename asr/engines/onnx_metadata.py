"""The metadata of an ONNX file, read without loading the model.

sherpa-onnx ends the whole process when a model lacks an entry that it needs, so it must not be asked before the file
was. Only the outermost layer of the file (protocol buffers) is walked; the graph, hundreds of megabytes, is stepped
over.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

#: Numbers of the fields in onnx.proto: ``ModelProto.metadata_props``, and key and value in each of them.
_METADATA, _KEY, _VALUE = 14, 1, 2
#: Wire types.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
#: No entry of a real model is longer (a SenseVoice's means and deviations are 13 kB); more is a damaged file.
_LONGEST = 1 << 22


def metadata(path: Path) -> dict[str, str]:
    """Keys and values; raises :class:`ValueError` where the file is no ONNX model, or half of one."""
    size = path.stat().st_size
    found = {}
    with path.open("rb") as file:
        for field, length in _fields(file, size):
            if field == _METADATA:
                entry = _read(file, length)
                key, value = entry.get(_KEY, b""), entry.get(_VALUE, b"")
                found[key.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
            else:
                file.seek(length, os.SEEK_CUR)
    return found


def _read(file: BinaryIO, length: int) -> dict[int, bytes]:
    if length > _LONGEST:
        raise ValueError("an entry is too long")
    end = file.tell() + length
    return {field: file.read(size) for field, size in _fields(file, end)}


def _fields(file: BinaryIO, end: int) -> Iterator[tuple[int, int]]:
    """Number and length of each field of bytes up to ``end``; whoever iterates reads or steps over the bytes."""
    while file.tell() < end:
        tag = _varint(file)
        field, wire = tag >> 3, tag & 7
        if not field:
            raise ValueError("this is no ONNX file")
        if wire == _BYTES:
            length = _varint(file)
            if file.tell() + length > end:
                raise ValueError("the file ends early")
            yield field, length
        elif wire == _VARINT:
            _varint(file)
        elif wire in (_FIXED64, _FIXED32):
            file.seek(8 if wire == _FIXED64 else 4, os.SEEK_CUR)
        else:
            raise ValueError("this is no ONNX file")


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise ValueError("the file ends early")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise ValueError("this is no ONNX file")
