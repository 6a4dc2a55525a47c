"""When the screens are told that recognition does not keep up; and the figures for monitoring."""

import asyncio
from datetime import UTC, datetime

import pytest

from asr.decode.pool import PoolState
from asr.events import RecognitionStrained
from asr.live.strain import Judge, StrainWatch
from asr.metrics import samples
from core.bus import Bus
from core.clock import ManualClock
from core.events import Event
from core.metrics import Sample, exposition

NOON = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(("lag_s", "strain"), [(0, "none"), (1.9, "none"), (2.0, "late"), (9.9, "late"), (10, "busy")])
def test_lag_makes_strain(lag_s: float, strain: str) -> None:
    assert Judge().strain(0, lag_s, 0) == strain


def test_looks_shed_in_a_row_make_strain_that_passes() -> None:
    judge = Judge()
    shed = [0, 1, 3, 6, 6, 6, 6, 6, 6, 6]
    said = [judge.strain(second, 0, count) for second, count in enumerate(shed)]
    assert said == ["none"] * 3 + ["busy"] * 4 + ["none"] * 3


def test_a_look_shed_now_and_then_is_no_strain() -> None:
    judge = Judge()
    assert {judge.strain(second, 0, second // 2) for second in range(0, 100)} == {"none"}


async def test_strain_is_told_while_it_lasts_and_its_end_once() -> None:
    events: list[Event] = []
    bus = Bus()
    bus.listen(events.append)
    lags = [0.0, 3.04, 12.0, 1.0, 0.0]
    left = iter(lags)
    watch = StrainWatch(bus, ManualClock(NOON), lambda: next(left), lambda: 0)
    for second in range(len(lags)):
        watch.look(second)
    assert [(e.strain, e.lag_s) for e in events if isinstance(e, RecognitionStrained)] == [
        ("late", 3.0), ("busy", 12.0), ("none", 1.0),
    ]  # fmt: skip
    assert all(event.transient for event in events)


async def test_the_watch_runs_until_it_is_closed() -> None:
    events: list[Event] = []
    bus, told = Bus(), asyncio.Event()
    bus.listen(lambda _: told.set())
    bus.listen(events.append)
    watch = StrainWatch(bus, ManualClock(NOON), lambda: 5.0, lambda: 0)
    watch.start()
    await told.wait()
    await watch.close()
    assert [event.type for event in events] == ["RecognitionStrained"]


def test_figures_are_written_as_prometheus_reads_them() -> None:
    text = exposition([
        Sample("a_total", 3, "Things.", "counter", {"kind": 'x"\\\n'}),
        Sample("b_seconds", 0.25, "Age."),
        Sample("a_total", 4, "Things.", "counter", {"kind": "y"}),
    ])  # fmt: skip
    assert text == (
        "# HELP a_total Things.\n# TYPE a_total counter\n"
        'a_total{kind="x\\"\\\\\\n"} 3\na_total{kind="y"} 4\n'
        "# HELP b_seconds Age.\n# TYPE b_seconds gauge\nb_seconds 0.25\n"
    )


def test_every_figure_of_the_pool_has_its_place() -> None:
    state = PoolState(
        workers=3, busy=2, finals=4, pauses=5, partials=6, records=7, lag_s=1.5,
        decoded={"partial": 8, "pause": 9, "final": 10, "record": 11}, replaced=12, shed=13, failed=14, restarts=15,
    )  # fmt: skip
    text = exposition(samples(state, open_finals=16, lag_s=17.5, recordings=18))
    for line in (
        "heyi_asr_final_lag_seconds 17.5", "heyi_asr_finals_open 16", "heyi_asr_recordings_waiting 18",
        'heyi_asr_jobs_waiting{kind="final"} 4', 'heyi_asr_jobs_waiting{kind="record"} 7',
        'heyi_asr_decoded_total{kind="pause"} 9', "heyi_asr_looks_shed_total 13", "heyi_asr_restarts_total 15",
        "heyi_asr_processes 3", "heyi_asr_processes_busy 2", "heyi_asr_failed_total 14",
    ):  # fmt: skip
        assert f"\n{line}\n" in f"\n{text}", line
