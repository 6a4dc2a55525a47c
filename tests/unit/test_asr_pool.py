"""Real decode processes, without a model."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from asr.decode.pool import DecodeFailed, Pool, PoolStopped
from asr.recognition import Hypothesis
from core.errors import HeyiError, ModelMissing
from tests.eventually import until

ROOT = Path(__file__).resolve().parents[2]
FAKE = "tests.unit.fake_decoder"


def pcm(*values: int) -> np.ndarray:
    return np.array(values, np.int16)


def alive(pid: int) -> bool:
    """Running: a process that has ended but was not waited for does not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def gone(pids: list[int]) -> None:
    await until(lambda: not any(alive(pid) for pid in pids), f"{pids} are gone")


async def begun_and_ready(pool: Pool) -> None:
    pool.begin()
    await pool.ready()


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[Pool]:
    made = Pool("fake", tmp_path / "marker", workers=1, module=FAKE)
    await made.start()
    yield made
    await made.close()


async def test_audio_arrives_whole(pool: Pool) -> None:
    found = await (await pool.submit("a", pcm(1, 5, -32768, 32767), "final"))
    assert found is not None
    assert (found.text, found.confidence) == ("final:4:32767", 0.5)
    assert found.hypotheses == (Hypothesis("final:4:32767", -0.25), Hypothesis("other", -0.5))
    assert pool.state().decoded["final"] == 1


async def test_a_process_that_dies_is_replaced_and_its_job_done_again(pool: Pool) -> None:
    found = await (await pool.submit("a", pcm(3), "final"))
    assert found is not None and found.text == "final:1:3"
    assert pool.state().restarts == 1


async def test_a_job_that_kills_twice_fails_and_the_next_is_served(pool: Pool) -> None:
    bad = await pool.submit("bad", pcm(2), "final")
    good = await pool.submit("good", pcm(1), "final")
    with pytest.raises(DecodeFailed, match="bad"):
        await bad
    found = await good
    assert found is not None and found.text == "final:1:1"
    assert (pool.state().failed, pool.state().restarts) == (1, 2)


async def test_a_replaced_partial_gives_none(pool: Pool) -> None:
    # Submitted without giving the worker a turn in between: the first two wait together.
    first = await pool.submit("a", pcm(1), "partial")
    second = await pool.submit("a", pcm(1, 1), "partial")
    found = await second
    assert await first is None
    assert found is not None and found.text == "partial:2:1"
    assert (pool.state().replaced, pool.state().shed) == (1, 0)


async def test_a_pause_is_decoded_as_well_as_a_final(pool: Pool) -> None:
    found = await (await pool.submit("a", pcm(1), "pause"))
    assert found is not None and found.text == "final:1:1"
    assert pool.state().decoded["pause"] == 1


async def test_a_waiting_pause_that_was_the_end_goes_before_other_pauses(pool: Pool) -> None:
    done: list[str] = []
    # Submitted without giving a worker a turn in between.
    for uid in ("a", "b", "c"):
        (await pool.submit(uid, pcm(1), "pause")).add_done_callback(lambda _, uid=uid: done.append(uid))
    await pool.promote("c")
    last = await pool.submit("d", pcm(1), "pause")
    await last
    assert done.index("c") < done.index("b")
    assert pool.state().decoded["final"] == 1


async def test_spare_processes_have_a_low_priority_and_live_ones_ours(pool: Pool) -> None:
    live, spare = (os.getpriority(os.PRIO_PROCESS, pool._processes[number].pid) for number in (0, 1))
    assert live == os.getpriority(os.PRIO_PROCESS, 0)
    assert spare == max(live, 13)
    pids = [process.pid for process in pool._processes.values()]
    # Priorities count only within a session; a Ctrl-C reaches only our own group.
    assert {os.getsid(pid) for pid in pids} == {os.getsid(0)}
    assert os.getpgid(0) not in {os.getpgid(pid) for pid in pids}


async def test_partials_do_not_wait_for_finals_nor_finals_for_recordings(tmp_path: Path) -> None:
    pool = Pool("fake", tmp_path / "marker", workers=1, module=FAKE)
    await pool.start()
    try:
        os.kill(pool._processes[1].pid, signal.SIGSTOP)
        stuck = await pool.submit("r", pcm(1), "record")
        assert await (await pool.submit("f", pcm(1), "final")) is not None
        assert not stuck.done()
        os.kill(pool._processes[1].pid, signal.SIGCONT)
        assert await stuck is not None
        os.kill(pool._processes[0].pid, signal.SIGSTOP)
        stuck = await pool.submit("f", pcm(1), "final")
        assert await (await pool.submit("p", pcm(1), "partial")) is not None
        assert not stuck.done()
        os.kill(pool._processes[0].pid, signal.SIGCONT)
        assert await stuck is not None
    finally:
        await pool.close()


async def test_recordings_are_done_while_nobody_calls(pool: Pool) -> None:
    found = [await pool.submit(str(n), pcm(1), "record") for n in range(5)]
    assert [(await future) is not None for future in found] == [True] * 5


async def test_close_ends_every_process_and_tells_who_waits(tmp_path: Path) -> None:
    pool = Pool("fake", tmp_path / "marker", workers=2, module=FAKE)
    await pool.start()
    pids = [process.pid for process in pool._processes.values()]
    assert len(pids) == 3
    waiting = [await pool.submit(str(n), pcm(1), "final") for n in range(50)]
    await pool.close()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert any(isinstance(result, PoolStopped) for result in results)
    with pytest.raises(PoolStopped):
        await (await pool.submit("late", pcm(1), "final"))
    await gone(pids)


async def test_what_is_heard_before_a_process_has_its_model_is_decoded_then(tmp_path: Path) -> None:
    pool = Pool("fake", tmp_path / "marker", workers=1, module=FAKE)
    pool.begin()
    try:
        heard = [await pool.submit(str(n), pcm(1, n), "final") for n in range(3)]
        assert not any(future.done() for future in heard)
        await pool.ready()
        assert [(await future).text for future in heard] == ["final:2:0", "final:2:1", "final:2:2"]
        assert pool.state().restarts == 0
    finally:
        await pool.close()


async def test_closed_while_its_processes_load_it_leaves_none(tmp_path: Path) -> None:
    pool = Pool("fake", tmp_path / "marker", workers=2, module=FAKE)
    pool.begin()
    waiting = await pool.submit("a", pcm(1), "final")
    await until(lambda: len(pool._processes) == 3, "processes")
    pids = [process.pid for process in pool._processes.values()]
    await pool.close()
    await gone(pids)
    with pytest.raises(PoolStopped):
        await waiting


async def test_the_house_waits_for_no_spare_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spawn, pool = Pool._spawn, Pool("fake", tmp_path / "marker", workers=1, module=FAKE)
    free = asyncio.Event()

    async def slow(self: Pool, number: int) -> asyncio.subprocess.Process:
        if self._hands[number] == "spare":
            await free.wait()
            raise HeyiError("not at first")
        return await spawn(self, number)

    monkeypatch.setattr(Pool, "_spawn", slow)
    pool.begin()
    try:
        await pool.ready()
        assert await (await pool.submit("f", pcm(1), "final")) is not None
        record = await pool.submit("r", pcm(1), "record")
        free.set()
        monkeypatch.setattr(Pool, "_spawn", spawn)
        assert await record is not None
    finally:
        await pool.close()


@pytest.mark.parametrize("wait", [Pool.start, begun_and_ready])
async def test_an_absent_model_is_told_in_one_line(tmp_path: Path, wait: Callable[[Pool], Awaitable[None]]) -> None:
    pool = Pool("whisper", tmp_path, workers=1)
    with pytest.raises(ModelMissing, match=r"model\.bin is absent"):
        await wait(pool)


async def test_no_process_survives_a_killed_parent(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from asr.decode.pool import Pool\n"
        "async def main():\n"
        f"    pool = Pool('fake', Path({str(tmp_path / 'm')!r}), workers=2, module={FAKE!r})\n"
        "    await pool.start()\n"
        "    print(*(p.pid for p in pool._processes.values()), flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in (await parent.stdout.readline()).split()]
    assert len(pids) == 3 and all(alive(pid) for pid in pids)
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    await gone(pids)
