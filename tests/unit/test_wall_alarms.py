"""Alarms: what is wrong, in which order, who has taken note, and what begins anew."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from asr.record.backlog import TranscriptPass
from core.clock import ManualClock
from core.database import StoredEvent
from desk.views import Views
from desk.wall.alarmbook import KEPT, AlarmBook
from desk.wall.wallboard import effects
from switchboard.figures.alarms import Alarm, AlarmNoted, Waiting, of_waiting, standing
from switchboard.health import TRUNK, LineCheck, LineHealthChanged, failing, record
from switchboard.missed.tables import Count
from switchboard.views import CallView
from tests.desk_fakes import CITY, Stage
from tests.unit.conftest import SignIn

AT = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def noted(alarm: Alarm, began: datetime | None = None) -> AlarmNoted:
    return AlarmNoted(at=AT + 60 * SECOND, key=alarm.key, began=began or alarm.began, by="何班长")


def test_somebody_waits_too_long_only_after_the_lines_target() -> None:
    callers = [Waiting("c1", "119", AT, 10), Waiting("c2", "110", AT + 5 * SECOND, 10)]
    assert of_waiting(callers, AT + 9 * SECOND) == []
    (alarm,) = of_waiting(callers, AT + 14 * SECOND)
    assert (alarm.key, alarm.began, alarm.why) == ("waiting:c1", AT + 10 * SECOND, "119")


def test_the_gravest_stands_first_and_what_is_noted_last() -> None:
    line, late = Alarm("line", "119", AT, "x"), Alarm("waiting", "c1", AT + SECOND, "119")
    missed, recording = Alarm("missed", "", AT, count=2), Alarm("recording", "", AT, count=1)
    shown = standing([recording, line, missed, late], {missed.key: noted(missed)})
    assert [alarm.kind for alarm in shown] == ["waiting", "line", "recording", "missed"]
    assert shown[-1].noted is not None and shown[0].noted is None


def test_what_begins_anew_is_noted_by_nobody() -> None:
    alarm = Alarm("line", "119", AT, "x")
    again = Alarm("line", "119", AT + 600 * SECOND, "x")
    assert standing([alarm], {alarm.key: noted(alarm)})[0].noted is not None
    assert standing([again], {alarm.key: noted(alarm)})[0].noted is None


async def test_a_failure_lasts_since_the_first_check_that_failed(stage: Stage) -> None:
    for minute, ok in enumerate((True, False, True, False, False)):
        check = LineCheck(line="119", at=AT + minute * 60 * SECOND, ok=ok, why="" if ok else f"x{minute}")
        await record(stage.services.database, check)
    await record(stage.services.database, LineCheck(line=TRUNK, at=AT, ok=True))
    async with stage.services.database.read() as session:
        ((check, since),) = await failing(session)
    assert (check.line, check.why, since) == ("119", "x4", AT + 180 * SECOND)


async def test_the_book_gathers_all_kinds_and_knows_who_noted_what_after_a_restart(
    stage: Stage, sign_in: SignIn
) -> None:
    database, now = stage.services.database, stage.clock.now()
    await record(database, LineCheck(line=TRUNK, at=now - 90 * SECOND, ok=False, why="中继无应答"))
    async with database.work() as work:
        work.session.add(TranscriptPass(call_id="c9", state="failed", fault="missing", began_at=now - 30 * SECOND))
    caller = CallView(
        call_id="c1", line="119", caller="", state="queued", arrived_at=now - 60 * SECOND, answered_at=None, agent="",
        ringing=frozenset(), priority=100,
    )  # fmt: skip
    book = AlarmBook(CITY)
    await book.start(database)

    async def seen(of: AlarmBook) -> list[Alarm]:
        async with database.read() as session:
            return await of.alarms(session, now, [caller], Count(3, 2, now - 40 * SECOND))

    before = await seen(book)
    assert [alarm.key for alarm in before] == ["waiting:c1", "missed:", f"line:{TRUNK}", "recording:"]
    trunk = before[2]
    client = await sign_in("he")
    told = {"key": trunk.key, "began": trunk.began.isoformat(), "note": "已通知运营商"}
    assert (await client.post("/api/alarms/note", json=told)).status_code == 200
    again = AlarmBook(CITY)
    await again.start(database)
    last = (await seen(again))[-1]
    assert last.key == trunk.key and last.noted is not None
    assert (last.noted.by, last.noted.note) == ("何班长", "已通知运营商")
    # The line works again, and what goes by itself is gone.
    await record(database, LineCheck(line=TRUNK, at=now, ok=True))
    again.heard(LineHealthChanged(at=now, line=TRUNK, ok=True))
    assert trunk.key not in {alarm.key for alarm in await seen(again)}


async def test_what_no_event_tells_is_read_again_after_a_while(stage: Stage) -> None:
    assert isinstance(stage.clock, ManualClock)
    database, book = stage.services.database, AlarmBook(CITY)
    async with database.read() as session:
        assert await book.alarms(session, stage.clock.now(), [], Count(0, 0)) == []
    async with database.work() as work:
        work.session.add(TranscriptPass(call_id="c9", state="half", began_at=stage.clock.now()))
    async with database.read() as session:
        assert await book.alarms(session, stage.clock.now(), [], Count(0, 0)) == []
        stage.clock.advance(31)
        assert [alarm.kind for alarm in await book.alarms(session, stage.clock.now(), [], Count(0, 0))] == ["recording"]


@pytest.mark.parametrize(
    "body",
    [
        {"key": "else:x", "began": AT.isoformat()},
        {"key": "line:119", "began": "2026-11-20T01:00:00"},
        {"key": "line:119", "began": AT.isoformat(), "note": "x" * 201},
    ],
)
async def test_a_note_of_nothing_is_refused(sign_in: SignIn, body: dict[str, str]) -> None:
    client = await sign_in("he")
    assert (await client.post("/api/alarms/note", json=body)).status_code == 422


async def test_what_does_not_stand_is_noted_by_nobody(stage: Stage, sign_in: SignIn) -> None:
    database, now = stage.services.database, stage.clock.now()
    client = await sign_in("he")

    async def take(key: str, began: datetime) -> int:
        answer = await client.post("/api/alarms/note", json={"key": key, "began": began.isoformat()})
        return answer.status_code

    assert await take("waiting:c77", now - 60 * SECOND) == 409
    await record(database, LineCheck(line=TRUNK, at=now - 90 * SECOND, ok=False, why="中继无应答"))
    assert isinstance(stage.clock, ManualClock)
    stage.clock.advance(31)
    assert await take(f"line:{TRUNK}", now - 91 * SECOND) == 409, "it began anew"
    assert await take(f"line:{TRUNK}", now - 90 * SECOND) == 200
    async with database.read() as session:
        kept = await session.scalars(select(StoredEvent.body).where(StoredEvent.type == AlarmNoted.__name__))
        assert len(kept.all()) == 1


async def test_notes_of_what_is_gone_are_forgotten(stage: Stage) -> None:
    database, book = stage.services.database, AlarmBook(CITY)
    for number in range(5):
        book.heard(AlarmNoted(at=AT, key=f"waiting:c{number}", began=AT, by="何班长"))
    async with database.read() as session:
        await book.alarms(session, AT + KEPT - SECOND, [], Count(0, 0))
        assert len(book._notes) == 5
        await book.alarms(session, AT + KEPT, [], Count(0, 0))
        assert book._notes == {}
        await book.alarms(session, AT, [], Count(1, 1, AT))
        book.heard(AlarmNoted(at=AT, key="missed:", began=AT, by="何班长"))
        (missed,) = await book.alarms(session, AT + 3 * KEPT, [], Count(1, 1, AT))
        assert missed.noted is not None, "one that still stands keeps its note"


async def test_call_takers_take_no_note_of_alarms(sign_in: SignIn) -> None:
    client = await sign_in("wang")
    answer = await client.post("/api/alarms/note", json={"key": "line:119", "began": AT.isoformat()})
    assert answer.status_code == 403


def test_a_mode_says_what_it_changes() -> None:
    views = Views(CITY, "zh")
    mode = CITY.modes[1].model_copy(
        update={"announcement": "请稍候。", "groups": {"service": "emergency"}, "target_s": 60, "service_round_s": 30}
    )
    assert effects(mode, views) == [
        "服务热线来电先听到：请稍候。", "服务席的来电由紧急席接听", "服务热线接听目标 60 秒",
        "服务热线每 30 秒提升一次优先级",
    ]  # fmt: skip
    assert effects(CITY.modes[0], views) == ["按平时的线路、坐席组和接听目标"]
