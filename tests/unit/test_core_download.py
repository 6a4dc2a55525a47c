"""Downloads over a line that breaks, from a server that errs, onto a disk that is full."""

import errno
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from core import download as downloading
from core.download import Digest, Refused, download
from core.errors import HeyiError
from tests.unit.file_server import FileServer

CONTENT = hashlib.shake_256(b"a model").digest(300_000)
DIGEST = Digest("sha256", hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "PAUSE_S", 0.0)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer(CONTENT).running() as running:
        yield running


def fetch(server: FileServer, to: Path, digest: Digest = DIGEST, size: int | None = len(CONTENT)) -> Path:
    return download(server.url, to, "model", digest, size=size)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_cut_connection_goes_on_where_it_broke(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [100_000, 50_000, None]
    assert fetch(server, tmp_path / "model.zip").read_bytes() == CONTENT
    assert server.asked == ["", "bytes=100000-", "bytes=150000-"]
    assert names(tmp_path) == ["model.zip"]


def test_the_next_run_goes_on_too(server: FileServer, tmp_path: Path) -> None:
    target = tmp_path / "model.zip"
    server.cuts = [120_000, 0]
    with pytest.raises(HeyiError, match=r"after 0\.1 MB") as caught:
        fetch(server, target)
    assert "goes on from there" in caught.value.hint
    assert names(tmp_path) == ["model.zip.part"]
    server.cuts, server.asked = [None], []
    assert fetch(server, target).read_bytes() == CONTENT
    assert server.asked == ["bytes=120000-"]


def test_a_file_that_is_there_is_not_asked_for(server: FileServer, tmp_path: Path) -> None:
    fetch(server, tmp_path / "model.zip")
    fetch(server, tmp_path / "model.zip")
    assert len(server.asked) == 1


def test_all_bytes_were_there_but_not_yet_renamed(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "model.zip.part").write_bytes(CONTENT)
    assert fetch(server, tmp_path / "model.zip").read_bytes() == CONTENT


def test_a_server_without_ranges_sends_all_again(server: FileServer, tmp_path: Path) -> None:
    server.ranges, server.cuts = False, [100_000, None]
    assert fetch(server, tmp_path / "model.zip").read_bytes() == CONTENT


def test_a_longer_part_of_another_file_begins_anew(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "model.zip.part").write_bytes(CONTENT + b"more")
    assert fetch(server, tmp_path / "model.zip").read_bytes() == CONTENT
    assert server.asked == ["bytes=300004-", ""]


def test_a_wrong_hash_is_put_aside_and_begins_anew(server: FileServer, tmp_path: Path) -> None:
    target = tmp_path / "model.zip"
    (tmp_path / "model.zip.part").write_bytes(b"x" * 1000)
    with pytest.raises(HeyiError, match="wrong hash") as caught:
        fetch(server, target)
    assert str(tmp_path / "model.zip.wrong") in caught.value.message
    assert names(tmp_path) == ["model.zip.wrong"]
    assert fetch(server, target).read_bytes() == CONTENT


@pytest.mark.parametrize(("status", "asked"), [(404, 1), (403, 1), (503, downloading.TRIES)])
def test_a_refusal_is_final_and_a_busy_server_is_asked_again(
    server: FileServer, tmp_path: Path, status: int, asked: int
) -> None:
    server.status = status
    with pytest.raises(HeyiError, match=f"the server says {status}") as caught:
        fetch(server, tmp_path / "model.zip")
    assert isinstance(caught.value, Refused) == (status < 500)
    assert len(server.asked) == asked
    assert "\n" not in str(caught.value)


def test_no_network_is_one_line(tmp_path: Path) -> None:
    with FileServer(CONTENT).running() as gone:
        pass
    with pytest.raises(HeyiError, match=r"no connection to 127\.0\.0\.1") as caught:
        fetch(gone, tmp_path / "model.zip")
    assert caught.value.hint == "check the network, then try again"


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_disk_too_small_is_told_before(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 200_000))
    with pytest.raises(HeyiError, match="needs 0 MB more"):
        fetch(server, tmp_path / "model.zip")
    assert server.asked == []
    # What is here already need not fit again.
    (tmp_path / "model.zip.part").write_bytes(CONTENT[:150_000])
    assert fetch(server, tmp_path / "model.zip").read_bytes() == CONTENT


def test_a_disk_that_fills_up_on_the_way_keeps_what_came(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open

    class Full:
        """A file on a disk with room for 130,000 bytes more."""

        def __init__(self, file: Any) -> None:
            self.file = file

        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *rest: object) -> None:
            self.file.close()

        def write(self, block: bytes) -> None:
            if self.file.tell() + len(block) > 130_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.file.write(block)

    def open_full(self: Path, mode: str = "r", *args: Any, **more: Any) -> Any:
        file = opened(self, mode, *args, **more)
        return Full(file) if mode in ("ab", "wb") else file

    target = tmp_path / "model.zip"
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", open_full)
        with pytest.raises(HeyiError, match="disk is full") as caught:
            fetch(server, target, size=None)
    assert "free disk space" in caught.value.hint
    kept = (tmp_path / "model.zip.part").stat().st_size
    assert 0 < kept <= 130_000
    assert fetch(server, target).read_bytes() == CONTENT
    assert server.asked[-1] == f"bytes={kept}-"
