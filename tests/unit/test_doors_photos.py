"""Photographs from outside: decoded, cleaned, and everything else refused."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.photos import MAX_BYTES, PhotoRefused, clean
from tests.unit.doors_support import chunk, jpeg, png

#: EXIF with a position (GPS IFD pointer) and "turned by 90°" (orientation 6), little-endian.
EXIF = (
    b"Exif\0\0"
    + b"II*\0\x08\0\0\0"
    + struct.pack("<HHHIIHHIII", 2, 0x0112, 3, 1, 6, 0x8825, 4, 1, 38, 0)
    + b"GPS 24.78N 118.55E"
)

WHOLE = (jpeg(16, 16), png())


def test_a_jpeg_keeps_its_picture_and_how_it_is_turned_and_loses_where_it_was_taken() -> None:
    kept = clean(jpeg(64, 48, EXIF))
    assert (kept.kind, kept.width, kept.height) == ("image/jpeg", 64, 48)
    assert b"24.78N" not in kept.data and b"GPS" not in kept.data
    # The orientation alone is written anew: tag 0x0112, short, one value, 6.
    assert b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06" in kept.data
    assert b"\x01\x12" not in clean(jpeg(64, 48)).data[:40]
    assert clean(kept.data).data == kept.data


def test_a_png_loses_its_texts() -> None:
    kept = clean(png(more=chunk(b"tEXt", b"Comment\0taken at home") + chunk(b"eXIf", b"II*\0")))
    assert b"taken at home" not in kept.data and b"eXIf" not in kept.data
    assert (kept.width, kept.height) == (8, 4)


@pytest.mark.parametrize("make", [jpeg, png])
def test_what_hangs_behind_a_picture_is_cut_off(make) -> None:  # type: ignore[no-untyped-def]
    behind = b"<script>alert(1)</script>PK\x03\x04"
    assert behind not in clean(make() + behind).data


@pytest.mark.parametrize(
    "data",
    [
        b"", b"GIF89a" + b"\0" * 20, b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0\x00\x10JFIF\0" + b"\0" * 30, png()[:-20], png().replace(b"IDAT", b"IDAX"), jpeg()[:200],
        # Its picture is not there, or not whole.
        png(rows=0)[:-12],
        # A checksum that does not fit.
        png()[:-1] + b"\0",
    ],
)  # fmt: skip
def test_what_is_no_whole_photograph_is_refused(data: bytes) -> None:
    with pytest.raises(PhotoRefused):
        clean(data)


def test_huge_pictures_are_refused_before_they_are_decoded() -> None:
    """A few hundred bytes that would be gigabytes of pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    with pytest.raises(PhotoRefused, match="尺寸"):
        clean(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    with pytest.raises(PhotoRefused, match="太大"):
        clean(b"\xff\xd8\xff" + b"\0" * MAX_BYTES)


@given(st.binary(max_size=300), st.integers(0, 600))
def test_damaged_pictures_never_do_more_than_be_refused(noise: bytes, at: int) -> None:
    for whole in WHOLE:
        place = at % len(whole)
        try:
            kept = clean(whole[:place] + noise + whole[place + len(noise) :])
        except PhotoRefused:
            continue
        assert kept.width * kept.height > 0
