"""The files of a recording: stereo from the legs, headers mended, killed at any step, a full disk."""

import errno
import hashlib
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.recordings import files as recording_store
from telephony.recordings.files import (
    EMPTY,
    LOST_LEG,
    MENDED,
    NO_FILE,
    NO_LEGS,
    NO_ROOM,
    Finished,
    NotYet,
    finish,
    interleave,
    make_stereo,
)
from tests.eventually import PATIENCE_S
from tests.unit.recordings_support import AFTER, NOW, call, heard, leg, names, sound

# -- two legs, one file


@given(st.lists(st.integers(-32768, 32767)), st.lists(st.integers(-32768, 32767)), st.booleans())
def test_interleaved_each_side_keeps_every_sample(left: list[int], right: list[int], half: bool) -> None:
    sides = [struct.pack(f"<{len(side)}h", *side) for side in (left, right)]
    stereo = interleave(sides[0] + b"\x7f" * half, sides[1])
    frames = list(struct.iter_unpack("<2h", stereo))
    length = max(len(left), len(right))
    assert [f[0] for f in frames] == left + [0] * (length - len(left))
    assert [f[1] for f in frames] == right + [0] * (length - len(right))


@given(st.integers(0, 200), st.integers(0, 200), st.sampled_from([2, 6, 64, 1 << 16]))
def test_a_stereo_file_holds_both_legs_whatever_their_lengths_and_the_block(left: int, right: int, block: int) -> None:
    with tempfile.TemporaryDirectory() as made, pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording_store, "BLOCK", block)
        folder = Path(made)
        one, other = list(range(left)), list(range(-right, 0))
        paths = [
            leg(folder / f"{name}.wav", struct.pack(f"<{len(side)}h", *side))
            for name, side in (("l", one), ("r", other))
        ]
        make_stereo(paths[0], paths[1], folder / "s.wav")
        length = max(left, right)
        rate, frames = heard(folder / "s.wav")
        assert rate == 8000
        assert frames == list(zip(one + [0] * (length - left), other + [0] * (length - right), strict=True))
        assert names(folder) == {"l.wav", "r.wav", "s.wav"}


def test_a_finished_call_has_caller_left_desk_right_and_true_hashes(tmp_path: Path) -> None:
    call(tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in ("c-1-caller.wav", "c-1-agent.wav")}
    files = finish(tmp_path, "c-1", over=False, now=NOW.timestamp())
    assert [(f.file, f.kind, f.seconds, f.reason) for f in files] == [
        ("c-1.wav", "stereo", 1.0, ""),
        ("c-1-caller.wav", "caller", 1.0, ""),
        ("c-1-agent.wav", "agent", 1.0, ""),
    ]
    for file in files:
        content = (tmp_path / file.file).read_bytes()
        assert (file.sha256, file.size) == (hashlib.sha256(content).hexdigest(), len(content))
    assert heard(tmp_path / "c-1.wav") == (8000, [(1000, 2000)] * 8000)
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


# -- files that are not as they should be


@pytest.mark.parametrize("part", ["", "-caller", "-agent"])
def test_a_file_that_grows_is_waited_for(tmp_path: Path, part: str) -> None:
    call(tmp_path)
    path = tmp_path / f"c-1{part}.wav"
    leg(path, sound(1), open_=True, age_s=1)
    for over in (False, True):
        with pytest.raises(NotYet):
            finish(tmp_path, "c-1", over=over, now=NOW.timestamp())
    leg(path, b"", age_s=1)  # what Asterisk has not yet written from its memory looks like no sound
    with pytest.raises(NotYet):
        finish(tmp_path, "c-1", over=False, now=NOW.timestamp())
    path.unlink()
    with pytest.raises(NotYet):
        finish(tmp_path, "c-1", over=False, now=NOW.timestamp())
    assert heard(tmp_path / ("c-1-agent.wav" if part == "" else "c-1.wav"))[1][0] in ((2000,), (3000,))


def test_a_header_that_asterisk_never_finished_is_mended(tmp_path: Path) -> None:
    """A killed Asterisk leaves headers that speak of no sound, and half a sample at the end."""
    call(tmp_path, open_=True)
    with (tmp_path / "c-1-caller.wav").open("ab") as file:
        file.write(b"\x01")
    os.utime(tmp_path / "c-1-caller.wav", (0, 0))
    files = finish(tmp_path, "c-1", **AFTER)
    assert [(f.kind, f.seconds, f.reason) for f in files] == [
        ("stereo", 1.0, ""), ("caller", 1.0, MENDED), ("agent", 1.0, MENDED)
    ]  # fmt: skip
    assert heard(tmp_path / "c-1.wav")[1] == [(1000, 2000)] * 8000
    assert heard(tmp_path / "c-1-caller.wav")[1] == [(1000,)] * 8000
    assert finish(tmp_path, "c-1", **AFTER)[1].sha256 == files[1].sha256


def test_a_lost_leg_is_silence_and_told(tmp_path: Path) -> None:
    call(tmp_path)
    (tmp_path / "c-1-agent.wav").unlink()
    (main, caller) = finish(tmp_path, "c-1", **AFTER)
    assert (main.kind, main.reason, caller.kind) == ("stereo", LOST_LEG["agent"], "caller")
    assert heard(tmp_path / "c-1.wav")[1] == [(1000, 0)] * 8000
    assert finish(tmp_path, "c-1", **AFTER) == [main, caller]


def test_no_sound_is_lost_where_the_legs_hold_less_than_the_mix(tmp_path: Path) -> None:
    call(tmp_path, seconds=3)
    mix = (tmp_path / "c-1.wav").read_bytes()
    for part in ("-caller", "-agent"):
        leg(tmp_path / f"c-1{part}.wav", sound(1))
    main = finish(tmp_path, "c-1", **AFTER)[0]
    assert (main.kind, main.seconds, main.reason) == ("mono", 3.0, NO_LEGS)
    for part in ("-caller", "-agent"):
        (tmp_path / f"c-1{part}.wav").unlink()
    assert finish(tmp_path, "c-1", **AFTER) == [main]
    assert (tmp_path / "c-1.wav").read_bytes() == mix


def test_without_any_file_that_is_what_is_told(tmp_path: Path) -> None:
    assert finish(tmp_path, "c-1", **AFTER) == [Finished("c-1.wav", "mono", "", 0, 0.0, NO_FILE)]
    for part in ("", "-caller", "-agent"):  # a full disk: opened, never written to
        leg(tmp_path / f"c-1{part}.wav", b"").write_bytes(b"")
        os.utime(tmp_path / f"c-1{part}.wav", (0, 0))
    files = finish(tmp_path, "c-1", **AFTER)
    assert [(f.size, f.reason) for f in files[1:]] == [(0, EMPTY), (0, EMPTY)]


# -- killed


def steps_of(work: Callable[[], object], killed_at: int = 0) -> int:
    """How many steps (lines of the module) ``work`` takes; at ``killed_at`` the process is killed."""
    steps, file = 0, recording_store.__file__

    def trace(frame: FrameType, what: str, _argument: Any) -> Any:
        nonlocal steps
        if frame.f_code.co_filename != file:
            return None
        if what == "line":
            steps += 1
            if steps == killed_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(former)
    return steps


def killed(work: Callable[[], object], at: int) -> bool:
    """Do ``work`` in a process of its own and kill it at that step; False where it came to its end."""
    child = os.fork()
    if child == 0:
        steps_of(work, at)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_killed_between_any_two_steps_the_next_run_ends_with_the_same_files(tmp_path: Path) -> None:
    """The headers have to be mended too, so that every step is among them."""

    def fresh(folder: Path) -> Path:
        shutil.rmtree(folder, ignore_errors=True)
        call(folder, seconds=0.01, open_=True)
        return folder

    def content(folder: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    fresh(tmp_path / "whole")
    total = steps_of(lambda: finish(tmp_path / "whole", "c-1", **AFTER))
    wanted = content(tmp_path / "whole")
    assert total > 100 and len(wanted) == 3
    for line in range(1, total + 1):
        folder = fresh(tmp_path / "killed")
        assert killed(partial(finish, folder, "c-1", **AFTER), line)
        if (folder / "c-1.wav").read_bytes()[22] == 2:  # whole from the moment at which it has its name
            assert (folder / "c-1.wav").read_bytes() == wanted["c-1.wav"], line
        recording_store.sweep_parts(folder)
        for path in folder.iterdir():
            os.utime(path, (NOW.timestamp() - 60,) * 2)
        files = finish(folder, "c-1", **AFTER)
        assert content(folder) == wanted, line
        assert [f.sha256 for f in files] == [hashlib.sha256(wanted[f.file]).hexdigest() for f in files]


# -- a full disk


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_mix_and_legs_and_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    call(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with monkeypatch.context() as patch:

        def full(_self: Path, _target: Path) -> Path:
            raise OSError(number, os.strerror(number))

        patch.setattr(Path, "replace", full)
        files = finish(tmp_path, "c-1", **AFTER)
    assert [(f.kind, f.reason) for f in files] == [("mono", NO_ROOM), ("caller", ""), ("agent", "")]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert finish(tmp_path, "c-1", **AFTER)[0].kind == "stereo"


def test_another_trouble_of_the_disk_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call(tmp_path)

    def broken(_self: Path, _target: Path) -> Path:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(OSError, match="input/output"):
        finish(tmp_path, "c-1", **AFTER)
    assert len(names(tmp_path)) == 3


def test_room_for_running_calls_is_never_taken(tmp_path: Path) -> None:
    call(tmp_path)
    free = shutil.disk_usage(tmp_path).free
    assert finish(tmp_path, "c-1", **AFTER, spare=2 * free)[0].reason == NO_ROOM
    assert finish(tmp_path, "c-1", **AFTER, spare=0)[0].reason == ""


_ON_A_SMALL_DISK = """
import shutil, sys
from collections import namedtuple
from pathlib import Path
from telephony.recordings import files as recording_store
from tests.unit.recordings_support import AFTER, call, heard, names
folder = Path(sys.argv[1])
call(folder, seconds=4)
usage = shutil.disk_usage(folder)
ballast = folder / "ballast"
ballast.write_bytes(bytes(usage.free - 50_000))
assert recording_store.finish(folder, "c-1", **AFTER)[0].reason == recording_store.NO_ROOM
# the disk fills up between the look and the writing
recording_store.shutil.disk_usage = lambda _: usage
assert recording_store.finish(folder, "c-1", **AFTER)[0].reason == recording_store.NO_ROOM
assert names(folder) == {"ballast", "c-1.wav", "c-1-caller.wav", "c-1-agent.wav"}
assert heard(folder / "c-1.wav")[1] == [(3000,)] * 32000
ballast.unlink()
assert recording_store.finish(folder, "c-1", **AFTER)[0].kind == "stereo"
assert heard(folder / "c-1.wav")[1] == [(1000, 2000)] * 32000
print("done")
"""


def test_on_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """The small disk lives in a namespace of the process, so it goes with it."""
    mount = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=1m none "$0" && exec "$@"', str(tmp_path)]
    try:
        subprocess.run([*mount, "true"], check=True, capture_output=True, timeout=PATIENCE_S)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no small disk can be mounted here")
    ran = subprocess.run(
        [*mount, sys.executable, "-c", _ON_A_SMALL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert ran.stdout == "done\n", ran.stderr
