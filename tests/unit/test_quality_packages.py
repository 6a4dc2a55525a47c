"""Evidence packages: any flipped byte is found, every change is named, hostile archives are refused in one line."""

import io
import json
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import HeyiError
from quality.packages.form import MANIFEST, SUMS, fingerprint, fits, manifest, sums
from quality.packages.make import make
from quality.packages.verify import NoPackage, Report, verify

ABOUT = {"call": "hy1-1", "made_by": "班长", "made_at": "2026-11-20T02:00:00+00:00", "why": "行政复议", "previous": ""}
FILES = {
    "transcript.txt": "来电人：喂，你好\n".encode(),
    "audio/hy1-1.wav": bytes(range(256)) * 20,
    "audit.json": b"[]",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("package") / "call.zip"
    make(path, ABOUT, FILES)
    return path


def rewrite(
    path: Path, to: Path, change: Callable[[dict[str, bytes]], None], packing: int = zipfile.ZIP_STORED
) -> Path:
    """The package unpacked, changed and packed again by an ordinary program."""
    with zipfile.ZipFile(path) as source:
        files = {name: source.read(name) for name in source.namelist()}
    change(files)
    with zipfile.ZipFile(to, "w", packing) as out:
        for name, data in files.items():
            out.writestr(name, data)
    return to


def test_a_package_is_whole_and_says_what_it_is(made: Path) -> None:
    report = verify(made)
    assert report.ok and report.faults == []
    assert {name: report.about[name] for name in ABOUT} == ABOUT
    assert set(report.files) == set(FILES)
    assert verify(made, f" {report.fingerprint[:8]} {report.fingerprint[8:].upper()}\n").ok


def test_the_same_files_are_the_same_package(made: Path, tmp_path: Path) -> None:
    make(tmp_path / "b.zip", ABOUT, dict(reversed(FILES.items())))
    assert (tmp_path / "b.zip").read_bytes() == made.read_bytes()
    audio = tmp_path / "long.wav"
    audio.write_bytes(FILES["audio/hy1-1.wav"])
    make(tmp_path / "c.zip", ABOUT, {**FILES, "audio/hy1-1.wav": audio})
    assert (tmp_path / "c.zip").read_bytes() == made.read_bytes()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_flipped_byte_is_found(made: Path, tmp_path: Path, data: st.DataObject) -> None:
    whole = bytearray(made.read_bytes())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    _found(bytes(whole), tmp_path)


def test_any_flipped_byte_beside_the_files_is_found(made: Path, tmp_path: Path) -> None:
    """Every byte of the structure and the short files; those of the long file are the test's above."""
    whole = made.read_bytes()
    inside = range(whole.index(FILES["audio/hy1-1.wav"]) + 4, whole.index(FILES["audio/hy1-1.wav"]) + 5000)
    for place in range(len(whole)):
        if place not in inside:
            mask = (0x01, 0x20, 0xFF)[place % 3]
            _found(whole[:place] + bytes([whole[place] ^ mask]) + whole[place + 1 :], tmp_path)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_byte_that_is_lost_or_too_many_is_found(made: Path, tmp_path: Path, data: st.DataObject) -> None:
    whole = made.read_bytes()
    place = data.draw(st.integers(0, len(whole)))
    more = data.draw(st.binary(max_size=40))
    other = whole[:place] + more + whole[place + (0 if more else 1 + data.draw(st.integers(0, 50))) :]
    if other != whole:
        _found(other, tmp_path)


def _found(data: bytes, folder: Path) -> None:
    path = folder / "flipped.zip"
    path.write_bytes(data)
    try:
        report = verify(path)
    except NoPackage as refusal:
        assert "\n" not in str(refusal)
    else:
        assert not report.ok


# --- named exactly ------------------------------------------------------------------------------------------------


def _named(report: Report) -> tuple[Any, ...]:
    return report.changed, report.added, report.missing, bool(report.besides)


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_was_changed_added_or_taken_out_is_named(made: Path, tmp_path: Path, packing: int) -> None:
    def change(files: dict[str, bytes]) -> None:
        files["transcript.txt"] = files["transcript.txt"].replace("你好".encode(), "妳好".encode())
        files["audio/other.wav"] = b"RIFF"
        del files["audit.json"]

    report = verify(rewrite(made, tmp_path / "x.zip", change, packing))
    assert _named(report) == (("transcript.txt",), ("audio/other.wav",), ("audit.json",), False)
    assert report.faults == ["transcript.txt: changed", "audio/other.wav: added", "audit.json: missing"]


def test_a_file_that_only_grew_is_changed(made: Path, tmp_path: Path) -> None:
    report = verify(rewrite(made, tmp_path / "x.zip", lambda files: files.update({"audit.json": b"[]\n"})))
    assert _named(report) == (("audit.json",), (), (), False)


def test_a_package_that_was_only_packed_again_says_so(made: Path, tmp_path: Path) -> None:
    report = verify(rewrite(made, tmp_path / "x.zip", lambda files: None, zipfile.ZIP_DEFLATED))
    assert _named(report) == ((), (), (), True)
    assert "the files are unchanged" in report.faults[0]


def test_sums_or_manifest_alone_changed(made: Path, tmp_path: Path) -> None:
    swapped = rewrite(
        made, tmp_path / "x.zip", lambda f: f.update({SUMS: f[SUMS].replace(b"audit.json", b"audit_json")})
    )
    assert verify(swapped).changed == (SUMS,)
    other = rewrite(
        made, tmp_path / "y.zip", lambda f: f.update({MANIFEST: f[MANIFEST].replace("班长".encode(), "某人".encode())})
    )
    assert verify(other).changed == (f"{MANIFEST} or {SUMS}",)


def test_whoever_makes_all_anew_gets_another_fingerprint(made: Path, tmp_path: Path) -> None:
    """What a stranger can know, and what he cannot without the fingerprint."""
    told = verify(made).fingerprint
    make(tmp_path / "forged.zip", ABOUT, {**FILES, "transcript.txt": "来电人：没事\n".encode()})
    assert verify(tmp_path / "forged.zip").ok
    report = verify(tmp_path / "forged.zip", told)
    assert not report.ok and "not the one that was told" in report.faults[0]


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no coreutils")
def test_a_machine_without_heyi_can_check_the_files(made: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(made) as source:
        source.extractall(tmp_path)
    assert subprocess.run(["sha256sum", "-c", "--strict", SUMS], cwd=tmp_path, capture_output=True).returncode == 0
    (tmp_path / "audit.json").write_bytes(b"[ ]")
    told = subprocess.run(["sha256sum", "-c", SUMS], cwd=tmp_path, capture_output=True, env={"LC_ALL": "C"})
    assert told.returncode == 1 and b"audit.json: FAILED" in told.stdout


def test_verifying_needs_neither_database_nor_city() -> None:
    """On another machine there is neither: the module reads one file with the standard library."""
    code = "import sys, quality.packages.verify; print([m for m in sys.modules if m.split('.')[0] in " \
           "('sqlalchemy', 'pydantic', 'desk', 'telephony', 'heyi', 'ticketing', 'yaml')])"  # fmt: skip
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- hostile ------------------------------------------------------------------------------------------------------


def _zip(*files: tuple[str, bytes], packing: int = zipfile.ZIP_STORED, mode: int = 0) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as out:
        for name, data in files:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = packing
            out.writestr(info, data)
    return buffer.getvalue()


def _listing(*names: str) -> tuple[tuple[str, bytes], ...]:
    """Manifest and sums that name these files."""
    raw = manifest(ABOUT, {name: (1, "0" * 64) for name in names})
    return (MANIFEST, raw), (SUMS, sums({MANIFEST: fingerprint(raw)} | dict.fromkeys(names, "0" * 64)))


HOSTILE: dict[str, tuple[bytes, str]] = {
    "no zip": (b"MZ" * 500, "no evidence package"),
    "empty": (b"", "no evidence package"),
    "any zip": (_zip(("a.txt", b"x")), "has no manifest.json"),
    "path up": (_zip(*_listing(), ("../evil.txt", b"x")), "a name that no package has"),
    "absolute": (_zip(*_listing(), ("/etc/passwd", b"x")), "a name that no package has"),
    "windows": (_zip(*_listing(), ("c:\\evil.txt", b"x")), "a name that no package has"),
    "deep": (_zip(*_listing(), ("a/b/c.txt", b"x")), "a name that no package has"),
    "control": (_zip(*_listing(), ("a\x1b[2J.txt", b"x")), "a name that no package has"),
    "folder": (_zip(*_listing(), ("audio/", b"")), "a name that no package has"),
    "long": (_zip(*_listing(), ("a" * 200, b"x")), "a name that no package has"),
    "link": (_zip(*_listing(), ("a.txt", b"/etc/passwd"), mode=0o120777), "holds a link"),
    "bzip2": (_zip(*_listing(), ("a.txt", b"x"), packing=zipfile.ZIP_BZIP2), "packed as no package is"),
    "bomb": (_zip(*_listing(), ("a.txt", bytes(50_000_000)), packing=zipfile.ZIP_DEFLATED), "zip bomb"),
    "many": (_zip(*((f"f{n}", b"") for n in range(1001))), "holds 1001 files"),
    "fat manifest": (_zip((MANIFEST, b" " * (5 << 20)), (SUMS, b"")), "too large"),
    "no json": (_zip((MANIFEST, b"{"), (SUMS, b"")), "is not one"),
    "nested json": (_zip((MANIFEST, b"[" * 100_000), (SUMS, b"")), "is not one"),
    "list": (_zip((MANIFEST, b"[]"), (SUMS, b"")), "is not one"),
    "newer": (_zip((MANIFEST, b'{"form": 99, "files": []}'), (SUMS, b"")), "has form 99"),
    "path in manifest": (
        _zip((MANIFEST, json.dumps({"form": 1, "files": [{"name": "../x", "bytes": 1, "sha256": ""}]}).encode()),
             (SUMS, b"")), "names '../x' wrongly"),
    "negative": (
        _zip((MANIFEST, json.dumps({"form": 1, "files": [{"name": "x", "bytes": -1, "sha256": ""}]}).encode()),
             (SUMS, b"")), "names 'x' wrongly"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_refused_in_one_line(name: str, tmp_path: Path) -> None:
    data, words = HOSTILE[name]
    path = tmp_path / "hostile.zip"
    path.write_bytes(data)
    with pytest.raises(NoPackage) as refusal:
        verify(path)
    assert words in str(refusal.value)
    assert str(refusal.value).isprintable() and "\n" not in str(refusal.value)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["hostile.zip"]


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "double.zip"
    with pytest.warns(UserWarning, match="Duplicate"):
        path.write_bytes(_zip(*_listing("a.txt"), ("a.txt", b"x"), ("a.txt", b"y")))
    with pytest.raises(NoPackage, match="two files of the same name"):
        verify(path)


def test_a_password_is_refused(made: Path, tmp_path: Path) -> None:
    data = bytearray(made.read_bytes())
    at = data.index(b"PK\1\2") + 8
    struct.pack_into("<H", data, at, 1)
    path = tmp_path / "locked.zip"
    path.write_bytes(data)
    with pytest.raises(NoPackage, match="password"):
        verify(path)


def test_a_bomb_behind_a_small_length_ends_early(tmp_path: Path) -> None:
    """The list says 1 byte, the packed data would be 50 million: no more is read than the list says."""
    packed = bytearray(_zip(*_listing("a.txt"), ("a.txt", bytes(50_000_000)), packing=zipfile.ZIP_DEFLATED))
    at = packed.rindex(b"PK\1\2") + 24
    struct.pack_into("<I", packed, at, 1)
    path = tmp_path / "bomb.zip"
    path.write_bytes(packed)
    assert verify(path).changed == ("a.txt",)


def test_no_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(NoPackage, match="cannot be read: No such file"):
        verify(tmp_path / "none.zip")
    with pytest.raises(NoPackage, match="cannot be read"):
        verify(tmp_path)


# --- made ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../a", "A.txt", "a//b", "", "a b", "manifest.json", ".hidden", "a/b/c", "a..b"])
def test_no_package_is_made_with_a_wrong_name(name: str, tmp_path: Path) -> None:
    assert not fits(name) or name == MANIFEST
    with pytest.raises(ValueError, match="no name of a file"):
        make(tmp_path / "x.zip", ABOUT, {name: b""})


def test_a_failed_package_leaves_nothing(made: Path, tmp_path: Path) -> None:
    with pytest.raises(HeyiError, match="No such file"):
        make(tmp_path / "x.zip", ABOUT, {"a.wav": tmp_path / "gone.wav"})
    with pytest.raises(HeyiError, match="is there already"):
        make(made, ABOUT, FILES)
    assert list(tmp_path.iterdir()) == []
    assert verify(made).ok
