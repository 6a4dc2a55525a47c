"""Archives that would write where they must not."""

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from core.errors import HeyiError
from core.unpack import untar, unzip

ESCAPES = ["../outside", "a/../../outside", "/outside", "..\\outside", "C:\\outside"]


def zipped(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name in names:
            out.writestr(name, name)
    return path


def test_files_and_folders_come_out(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "m.zip", "model/am/final.mdl", "model/conf/mfcc.conf", "model/README")
    into = unzip(archive, tmp_path / "out")
    assert (into / "model/am/final.mdl").read_text() == "model/am/final.mdl"
    assert sorted(p.name for p in into.rglob("*") if p.is_file()) == ["README", "final.mdl", "mfcc.conf"]


@pytest.mark.parametrize("name", ESCAPES)
def test_a_zip_that_leads_outside_writes_nothing(tmp_path: Path, name: str) -> None:
    archive = zipped(tmp_path / "m.zip", "good", name)
    with pytest.raises(HeyiError, match="outside of its folder"):
        unzip(archive, tmp_path / "deep" / "out")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [archive]


def test_a_zip_with_a_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("model/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as out:
        out.writestr(link, "/etc/passwd")
    with pytest.raises(HeyiError, match="holds a link"):
        unzip(tmp_path / "m.zip", tmp_path / "out")


@pytest.mark.parametrize("name", ["../outside", "/outside"])
def test_a_tar_that_leads_outside_writes_nothing(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "m.tgz", "w:gz") as out:
        for each in ("package/good", name):
            entry = tarfile.TarInfo(each)
            entry.size = 3
            out.addfile(entry, io.BytesIO(b"abc"))
    with pytest.raises(HeyiError, match="outside of its folder"):
        untar(tmp_path / "m.tgz", tmp_path / "deep" / "out")
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["m.tgz"]


def test_a_tar_with_a_link_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "m.tgz", "w:gz") as out:
        entry = tarfile.TarInfo("package/link")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        out.addfile(entry)
    with pytest.raises(HeyiError, match="holds a link"):
        untar(tmp_path / "m.tgz", tmp_path / "out")


@pytest.mark.parametrize("unpack", [unzip, untar])
def test_what_is_no_archive_is_one_line(tmp_path: Path, unpack: object) -> None:
    (tmp_path / "m").write_bytes(b"<html>not found</html>")
    with pytest.raises(HeyiError, match=r"is no (zip|tar) file") as caught:
        unpack(tmp_path / "m", tmp_path / "out")  # type: ignore[operator]
    assert "\n" not in str(caught.value)
