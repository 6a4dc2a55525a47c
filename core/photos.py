"""Photographs from outside: JPEG and PNG, proved by decoding, cleaned of what they tell besides the picture. Pure.

What is kept is written anew from the parts that make the picture: no position and camera (EXIF), no text, no second
file behind the end (polyglots). How a JPEG is to be turned is kept, since without it half of all phones' pictures lie
on their side.
"""

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

import av

from core.errors import HeyiError
from core.ids import new_id

#: Bytes of one photograph, pixels along a side, and pixels in all: a phone of today makes 50 million.
MAX_BYTES = 8 << 20
MAX_SIDE = 12_000
MAX_PIXELS = 50_000_000

#: What a sender is told.
TOO_LONG, WRONG_KIND, DAMAGED, TOO_WIDE = REFUSALS = (
    "照片太大", "照片只能是 JPEG 或 PNG 格式", "照片文件已损坏", "照片尺寸太大"
)  # fmt: skip

Kind = Literal["image/jpeg", "image/png"]
SUFFIXES: dict[Kind, str] = {"image/jpeg": ".jpg", "image/png": ".png"}

_PNG = b"\x89PNG\r\n\x1a\n"
#: PNG chunks without which the picture would be another one.
_PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"sRGB", b"IDAT", b"IEND")
#: JPEG markers that begin a frame (SOF), but DHT (C4), JPG (C8) and DAC (CC).
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: Markers without a length.
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
_FORMATS: dict[Kind, str] = {"image/jpeg": "jpeg_pipe", "image/png": "png_pipe"}


class PhotoRefused(HeyiError):
    """These bytes are no photograph that is taken."""


@dataclass(frozen=True)
class Photo:
    """A photograph as it is kept."""

    kind: Kind
    width: int
    height: int
    data: bytes


def clean(data: bytes) -> Photo:
    """The photograph in ``data``; :class:`PhotoRefused` with a sentence for the sender where there is none."""
    if len(data) > MAX_BYTES:
        raise PhotoRefused(TOO_LONG, hint=f"{MAX_BYTES >> 20} MB")
    kind: Kind
    try:
        if data.startswith(_PNG):
            kind = "image/png"
            width, height, kept = _png(data)
        elif data.startswith(b"\xff\xd8\xff"):
            kind = "image/jpeg"
            width, height, kept = _jpeg(data)
        else:
            raise PhotoRefused(WRONG_KIND)
    except (struct.error, IndexError) as error:
        raise PhotoRefused(DAMAGED) from error
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise PhotoRefused(TOO_WIDE, hint=f"{width}×{height}")
    _decode(kind, kept, width, height)
    return Photo(kind, width, height, kept)


def keep(folder: Path, photo: Photo) -> str:
    """Put it into a folder of photographs under its SHA-256, which is given back; once, however often it comes."""
    sha256 = hashlib.sha256(photo.data).hexdigest()
    file = kept_file(folder, sha256, photo.kind)
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.{new_id()}.part")
        part.write_bytes(photo.data)
        part.replace(file)
    return sha256


def kept_file(folder: Path, sha256: str, kind: str) -> Path:
    """Where a photograph of this hash lies."""
    return folder / sha256[:2] / f"{sha256}{SUFFIXES.get(kind, '')}"  # type: ignore[call-overload]


def _decode(kind: Kind, data: bytes, width: int, height: int) -> None:
    """Prove that it is a whole picture of this size."""
    try:
        # The format is named: nothing is guessed, and nothing but these two decoders sees the bytes.
        with av.open(BytesIO(data), mode="r", format=_FORMATS[kind]) as container:
            frame = next(container.decode(video=0), None)
    except (av.FFmpegError, ValueError) as error:
        raise PhotoRefused(DAMAGED) from error
    if frame is None or (frame.width, frame.height) != (width, height):
        raise PhotoRefused(DAMAGED)


def _png(data: bytes) -> tuple[int, int, bytes]:
    width = height = 0
    kept = [_PNG]
    at = len(_PNG)
    while True:
        (length,) = struct.unpack_from(">I", data, at)
        name, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        (crc,) = struct.unpack_from(">I", data, at + 8 + length)
        if zlib.crc32(name + body) != crc:
            raise PhotoRefused(DAMAGED)
        if name == b"IHDR":
            width, height = struct.unpack_from(">II", body)
        elif not width:
            raise PhotoRefused(DAMAGED)
        if name in _PNG_KEPT:
            kept.append(data[at : at + 12 + length])
        at += 12 + length
        if name == b"IEND":
            return width, height, b"".join(kept)


def _jpeg(data: bytes) -> tuple[int, int, bytes]:
    width = height = turned = 0
    kept: list[bytes] = []
    for marker, piece in _segments(data):
        if marker in _SOF:
            height, width = struct.unpack_from(">HH", piece, 5)
        if marker == 0xE1:
            turned = turned or _orientation(piece[4:])
        elif 0xE0 <= marker <= 0xEF or marker == 0xFE:
            # JFIF and Adobe say how colours are written; all others are about something else than the picture.
            if marker in (0xE0, 0xEE):
                kept.append(piece)
        else:
            kept.append(piece)
    return width, height, b"".join([b"\xff\xd8", _oriented(turned), *kept])


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, bytes) of each segment after the first marker; the last is the end of the image, whatever follows."""
    at = 2
    while True:
        start = at
        if data[at] != 0xFF:
            raise PhotoRefused(DAMAGED)
        while data[at + 1] == 0xFF:  # fill bytes
            at += 1
        marker = data[at + 1]
        at += 2
        if marker == 0xD9:
            yield marker, b"\xff\xd9"
            return
        if marker not in _BARE:
            (length,) = struct.unpack_from(">H", data, at)
            at += length
        if marker == 0xDA:  # then come coded pixels, up to the next marker that is neither a restart nor a stuffed FF
            while not (data[at] == 0xFF and data[at + 1] not in (0x00, 0xFF, *range(0xD0, 0xD8))):
                step = data.find(b"\xff", at + 1)
                if step < 0:
                    raise PhotoRefused(DAMAGED)
                at = step
        if at > len(data):
            raise PhotoRefused(DAMAGED)
        yield marker, data[start:at]


def _orientation(exif: bytes) -> int:
    """EXIF's tag 0x0112, 2..8; 0 where it has none or the picture is upright."""
    if not exif.startswith(b"Exif\0\0"):
        return 0
    tiff = exif[6:]
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 0
    try:
        (first,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, first)
        for number in range(min(count, 64)):
            tag, kind, _n, value = struct.unpack_from(f"{order}HHIH", tiff, first + 2 + 12 * number)
            if (tag, kind) == (0x0112, 3):
                return value if 2 <= value <= 8 else 0
    except struct.error:
        pass
    return 0


def _oriented(turned: int) -> bytes:
    """An EXIF segment that says nothing but how the picture is turned."""
    if not turned:
        return b""
    tiff = b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 0x0112, 3, 1, turned, 0) + b"\0\0\0\0"
    body = b"Exif\0\0" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
