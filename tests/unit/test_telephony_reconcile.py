"""The ledger against Asterisk's files: what counts as a fault, what is mended, what is left to a person."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from core.bus import Bus
from core.clock import ManualClock
from core.database import Database, StoredEvent
from core.errors import HeyiError
from telephony import ledger
from telephony.callids import returned_id
from telephony.eventfiles import event_files, place_of, read_events
from telephony.events import CallArrived, CallEnded, CallEvent, CallQueued, LegEnded
from telephony.keeper import RECENT, Keeper
from telephony.ledger import CallRow, LegRow
from telephony.proof import Report, facts_by_call
from telephony.reconcile import Reconciler
from tests.eventually import until
from tests.unit.event_file_support import write_events
from tests.unit.telephony_support import DESKS, Script, at


def answered(script: Script, seconds: float, desk: str = "1001") -> str:
    call = script.arrive(seconds)
    leg = script.ring(call, desk, seconds + 0.1)
    bridge = f"bridge of {call}"
    script.pick_up(call, leg, seconds + 4, bridge)
    script.leave(call, seconds + 34, bridge)
    script.leave(leg, seconds + 34, bridge)
    script.hang_up(call, seconds + 34, by=call)
    script.hang_up(leg, seconds + 34.01, by=call)
    return call


def abandoned(script: Script, seconds: float) -> str:
    call = script.arrive(seconds, line="12345", priority=20)
    script.hang_up(call, seconds + 9, by=call)
    return call


class Ledger:
    """A ledger on disk and the event file beside it."""

    def __init__(self, folder: Path) -> None:
        self.bus = Bus()
        self.database = Database(f"sqlite+aiosqlite:///{folder / 'heyi.db'}", self.bus)
        self.file = folder / "log" / "Master.csv"
        self.reconciler = Reconciler(self.database, ManualClock(at(100_000)), self.file, DESKS)

    async def store(self, facts: Sequence[CallEvent]) -> None:
        """As the bridge does."""
        async with self.database.work() as work:
            fresh = await ledger.unknown(work.session, facts)
            await ledger.write(work.session, fresh)
            work.record(*fresh)

    async def edit(self, call_id: str, **values: Any) -> None:
        async with self.database.work() as work:
            row = await work.session.get_one(CallRow, call_id)
            for name, value in values.items():
                setattr(row, name, value)

    async def delete(self, kind: type[CallRow] | type[LegRow], key: str) -> None:
        async with self.database.work() as work:
            await work.session.delete(await work.session.get_one(kind, key))

    async def content(self) -> tuple[list[dict[str, Any]], list[str], int]:
        """Rows of calls, ids of legs, number of stored facts."""
        async with self.database.read() as session:
            rows = await session.scalars(select(CallRow).order_by(CallRow.id))
            calls = [{c.name: getattr(row, c.name) for c in CallRow.__table__.columns} for row in rows]
            legs = list(await session.scalars(select(LegRow.id).order_by(LegRow.id)))
            return calls, legs, await session.scalar(select(func.count()).select_from(StoredEvent)) or 0

    async def mend(self) -> tuple[Report, list[str], Report]:
        found = await self.reconciler.compare()
        repaired = await self.reconciler.repair(found)
        return found, repaired, await self.reconciler.prove()


@pytest.fixture
async def book(tmp_path: Path) -> AsyncIterator[Ledger]:
    book = Ledger(tmp_path)
    await book.database.create_all()
    yield book
    await book.database.close()


def facts(script: Script) -> list[CallEvent]:
    return [fact for of_call in facts_by_call(script.events, DESKS).values() for fact in of_call]


def named(report: Report) -> dict[str, list[str]]:
    return {name: [fault.call_id for fault in faults] for name, faults in report.lists.items() if faults}


async def two_calls(book: Ledger) -> tuple[str, str]:
    """An answered and an abandoned call, in the file and in the ledger."""
    script = Script()
    calls = answered(script, 0), abandoned(script, 100)
    write_events(book.file, script.events)
    await book.store(facts(script))
    return calls


async def test_the_number_of_a_call_that_heyi_placed_is_mended_too(book: Ledger) -> None:
    script, uid = Script(), returned_id("kept", "12345")
    script.place(0, uid, number="")
    script.hang_up(uid, 20, by="", cause=19)
    write_events(book.file, script.events)
    async with book.database.work() as work:
        work.session.add(ledger.Rung(call_id=uid, number="13800138000"))
    found, repaired, left = await book.mend()
    assert (named(found), repaired, left.ok) == ({"missing": [uid]}, [uid], True)
    ((row,), _, _) = await book.content()
    assert (row["direction"], row["line"], row["caller"]) == ("back", "12345", "13800138000")


async def test_a_ledger_that_the_bridge_wrote_is_without_fault(book: Ledger) -> None:
    await two_calls(book)
    report = await book.reconciler.compare()
    assert report.ok and (report.calls, report.alive) == (2, 0)
    assert await book.reconciler.repair(report) == []


async def test_moments_over_the_wire_are_not_quite_those_of_the_file(book: Ledger) -> None:
    script = Script()
    answered(script, 0)
    write_events(book.file, script.events)
    await book.store([replace(fact, at=fact.at + timedelta(milliseconds=300)) for fact in facts(script)])
    assert (await book.reconciler.compare()).ok


async def test_calls_that_nobody_heard_of_come_in_as_the_bridge_would_have_written_them(book: Ledger) -> None:
    script = Script()
    calls = [answered(script, 0), abandoned(script, 100), answered(script, 200, desk="1002")]
    write_events(book.file, script.events)
    found, repaired, left = await book.mend()
    assert named(found) == {"missing": calls} and repaired == calls and left.ok
    mended = await book.content()

    other = Ledger(book.file.parent)
    await other.database.create_all()
    await other.store(facts(script))
    assert mended == await other.content()
    await other.database.close()


async def test_a_deleted_row_comes_back_with_its_old_facts_stored_once(book: Ledger) -> None:
    first, _ = await two_calls(book)
    before = await book.content()
    await book.delete(CallRow, first)
    found, repaired, left = await book.mend()
    assert named(found) == {"missing": [first]} and repaired == [first] and left.ok
    assert await book.content() == before


async def test_a_deleted_leg_comes_back(book: Ledger) -> None:
    first, _ = await two_calls(book)
    before = await book.content()
    await book.delete(LegRow, next(leg for leg in before[1] if leg != first))
    found, _, left = await book.mend()
    assert named(found) == {"missing": [first]} and left.ok
    assert await book.content() == before


async def test_a_fact_that_is_not_stored_is_missing_although_the_row_is_right(book: Ledger) -> None:
    first, _ = await two_calls(book)
    before = await book.content()
    async with book.database.work() as work:
        gone = await work.session.scalar(select(StoredEvent).where(StoredEvent.type == "CallRinging"))
        await work.session.delete(gone)
    found, _, left = await book.mend()
    assert [(f.call_id, f.what) for f in found.missing] == [(first, "CallRinging")] and left.ok
    assert await book.content() == before


@pytest.mark.parametrize("end_stored", [True, False], ids=["its end is among the facts", "its end was never learned"])
async def test_a_row_left_open_is_ended(book: Ledger, end_stored: bool) -> None:
    script = Script()
    call = answered(script, 0)
    write_events(book.file, script.events)
    all_facts = facts(script)
    await book.store(all_facts if end_stored else [f for f in all_facts if not isinstance(f, CallEnded | LegEnded)])
    if end_stored:
        await book.edit(call, ended_at=None, outcome="", talked_s=None, recording="", ended_by="", cause=0)
    found, repaired, left = await book.mend()
    assert [f.call_id for f in found.open_but_ended] == [call] and not found.differing
    assert bool(found.missing) is not end_stored
    assert repaired == [call] and left.ok
    (row,), legs, _ = await book.content()
    assert (row["outcome"], row["ended_at"], row["talked_s"], row["waited_s"]) == ("answered", at(34), 30.0, 4.0)
    assert len(legs) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"line": "120"}, {"caller": "110"}, {"outcome": "lost"}, {"agent": "1003"}, {"ended_at": at(50)},
        {"talked_s": 3.0}, {"waited_s": 60.0}, {"answered_at": at(20)}, {"recording": ""}, {"priority": 1},
        {"direction": "out"}, {"ended_by": "system"}, {"cause": 0},
    ],
    ids=lambda wrong: next(iter(wrong)),
)  # fmt: skip
async def test_a_row_that_says_otherwise_is_put_right(book: Ledger, wrong: dict[str, Any]) -> None:
    first, _ = await two_calls(book)
    before = await book.content()
    await book.edit(first, **wrong)
    found, repaired, left = await book.mend()
    assert named(found) == {"differing": [first]} and next(iter(wrong)) in found.differing[0].what
    assert repaired == [first] and left.ok
    assert await book.content() == before


async def test_the_wait_of_an_abandoned_call_is_put_right(book: Ledger) -> None:
    """No fact carries it: it follows from arrival and end."""
    _, second = await two_calls(book)
    before = await book.content()
    await book.edit(second, waited_s=90.0)
    found, _, left = await book.mend()
    assert named(found) == {"differing": [second]} and left.ok
    assert await book.content() == before


async def test_a_leg_that_says_otherwise_is_put_right(book: Ledger) -> None:
    first, second = await two_calls(book)
    async with book.database.work() as work:
        (await work.session.get_one(LegRow, first)).call_id = second
    found, _, left = await book.mend()
    assert named(found) == {"differing": [first]} and left.ok
    async with book.database.read() as session:
        assert (await session.get_one(LegRow, first)).call_id == first


async def test_a_living_call_is_no_fault_and_one_cut_off_keeps_its_end(book: Ledger) -> None:
    """Asterisk killed in mid-call writes no end; the bridge's ``lost`` stands."""
    script = Script()
    alive, cut_off = script.arrive(0), script.arrive(10)
    write_events(book.file, script.events)
    await book.store(facts(script))
    await book.edit(cut_off, ended_at=at(60), outcome="lost", waited_s=50.0)
    report = await book.reconciler.compare()
    assert report.ok and (report.calls, report.alive) == (2, 2)
    # A fault elsewhere in the row is mended without touching that end.
    await book.edit(cut_off, line="120")
    _, repaired, left = await book.mend()
    assert repaired == [cut_off] and left.ok
    rows, _, _ = await book.content()
    ends = {row["id"]: (row["outcome"], row["ended_at"], row["line"]) for row in rows}
    assert ends == {alive: ("", None, "119"), cut_off: ("lost", at(60), "119")}


async def test_a_call_that_goes_on_during_the_repair_is_no_fault_of_the_repair(book: Ledger) -> None:
    """Without a bridge the next fact is always missing; the proof is about what was read."""
    script = Script()
    call = script.arrive(0)
    write_events(book.file, script.events)
    found = await book.reconciler.compare()
    script.hang_up(call, 9, by=call)
    write_events(book.file, script.events)
    assert await book.reconciler.repair(found) == [call]
    assert (await book.reconciler.prove()).ok
    assert named(await book.reconciler.compare()) == {"missing": [call], "open_but_ended": [call]}


async def test_where_the_file_has_holes_the_ledger_is_not_overwritten(book: Ledger) -> None:
    script = Script()
    call = answered(script, 0)
    await book.store(facts(script))
    write_events(book.file, [event for event in script.events if event.type != "BRIDGE_ENTER"])
    before = await book.content()
    found, repaired, left = await book.mend()
    assert [f.call_id for f in found.differing] == [call] and "silent" in found.differing[0].what
    assert repaired == [] and not left.ok
    assert await book.content() == before


async def test_a_fact_stored_twice_and_a_call_that_asterisk_never_had_are_left_to_a_person(book: Ledger) -> None:
    first, _ = await two_calls(book)
    async with book.database.work() as work:
        work.record(CallEnded(at=at(34), call_id=first, outcome="lost", cause=0, by="system", talked_s=0.0))
        work.session.add(CallRow(id="x-1", direction="in", line="119", caller="1", arrived_at=at(50), ended_at=at(51)))
    found, repaired, left = await book.mend()
    assert named(found) == {"double": [first], "differing": ["x-1"]}
    assert repaired == [] and named(left) == named(found)


async def test_rows_from_before_the_files_begin_are_not_judged(book: Ledger) -> None:
    await two_calls(book)
    async with book.database.work() as work:
        work.session.add(CallRow(id="old", direction="in", line="119", caller="1", arrived_at=at(-500)))
    assert (await book.reconciler.compare()).ok


async def test_a_desk_that_the_city_no_longer_has_still_counts(book: Ledger) -> None:
    await two_calls(book)
    report = await Reconciler(book.database, ManualClock(at(100_000)), book.file, ["1003"]).compare()
    assert report.ok


async def test_since_looks_at_later_calls_only(book: Ledger) -> None:
    first, second = await two_calls(book)
    await book.delete(CallRow, first)
    await book.delete(CallRow, second)
    report = await book.reconciler.compare(since=at(50))
    assert report.calls == 1 and named(report) == {"missing": [second]}


def rotated(folder: Path, script: Script, names: Sequence[str]) -> Path:
    """The events in as many files, the last of ``names`` being the newest."""
    share = len(script.events) // len(names) + 1
    for n, name in enumerate(names):
        write_events(folder / name, script.events[n * share : (n + 1) * share])
    return folder / "Master.csv"


@pytest.mark.parametrize(
    "names",
    [
        ["Master.csv"],
        ["Master.csv.1", "Master.csv"],
        ["Master.csv.10.gz", "Master.csv.9", "Master.csv.1", "Master.csv"],
        ["Master.csv-20261119.gz", "Master.csv-20261120", "Master.csv"],
    ],
)
def test_rotated_files_are_one_history(tmp_path: Path, names: list[str]) -> None:
    script = Script()
    answered(script, 0)
    abandoned(script, 100)
    file = rotated(tmp_path, script, names)
    (tmp_path / "Master.csv.swp").write_text("an editor's")
    assert sorted(p.name for p in event_files(file)) == sorted(names)
    read: list[str] = []
    events = list(read_events(event_files(file), on_file=lambda path: read.append(path.name)))
    assert events == script.events and read == names


def test_files_that_cannot_be_read_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(HeyiError, match="no event file"):
        event_files(tmp_path / "Master.csv")
    (tmp_path / "Master.csv.1.gz").write_bytes(b"not packed")
    with pytest.raises(HeyiError, match="cannot be read"):
        list(read_events([tmp_path / "Master.csv.1.gz"]))


def test_each_fact_is_named_once_however_often_the_file_has_it() -> None:
    script = Script()
    call = answered(script, 0)
    twice = facts_by_call(script.events + script.events, DESKS)
    assert twice == facts_by_call(script.events, DESKS)
    kinds = [type(fact) for fact in twice[call]]
    assert kinds.count(CallArrived) == kinds.count(CallQueued) == kinds.count(CallEnded) == 1


def test_calls_before_since_are_left_out_with_all_that_follows() -> None:
    script = Script()
    early, late = answered(script, 0), answered(script, 20)
    since: datetime = at(10)
    assert list(facts_by_call(script.events, DESKS, since)) == [late] != [early]


# -- call detail records


def record(call: str, channel: str = "PJSIP/trunk-00000000", linked: str = "", seconds: float = 0) -> str:
    """A row as Asterisk writes it; the last columns only with ``linked``."""
    moment = f"{at(seconds):%Y-%m-%d %H:%M:%S}"
    cells = ["", "13800138000", "119", "from-trunk", '"""" <138>', channel, "", "Queue", "hotline,r,,,25", moment,
             moment, moment, "0", "0", "ANSWERED", "DOCUMENTATION", call, ""]  # fmt: skip
    return ",".join(f'"{cell}"' for cell in [*cells, *(["", linked, "7"] if linked else [])]) + "\n"


def write_records(book: Ledger, *rows: str, name: str = "Master.csv") -> None:
    file = book.file.parent.parent / "cdr-csv" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(rows))


async def test_every_record_of_a_call_is_known_to_the_ledger(book: Ledger) -> None:
    first, second = await two_calls(book)
    write_records(
        book, record(first), record(first), record(second, seconds=100),
        record("hy1-1795000000.90", "WebSocket/asr/0x7f5b880038d0"),  # a tap
        record("rejoin-0123", "PJSIP/1001-00000007"),  # a page that came back
        record("ln-0123abcd-x", "PJSIP/trunk-00000009"),  # somebody who was called in
    )  # fmt: skip
    report = await book.reconciler.compare()
    assert report.ok and report.cdr_records == 3
    assert report.to_dict()["cdr_records"] == 3 and report.to_dict()["cdr_missing"] == []


async def test_a_record_of_a_call_that_nobody_knows_is_a_fault_for_a_person(book: Ledger) -> None:
    first, _ = await two_calls(book)
    write_records(book, record(first), name="Master.csv.1")
    write_records(book, record("hy1-1795000000.77", seconds=5), record("cb-77", seconds=6), "torn, row\n")
    found, repaired, left = await book.mend()
    assert named(found) == {"cdr_missing": ["hy1-1795000000.77", "cb-77"]}
    assert repaired == [] and left.lists == found.lists


async def test_a_call_that_the_event_file_can_mend_is_mended_and_not_a_second_fault(book: Ledger) -> None:
    first, _ = await two_calls(book)
    await book.delete(CallRow, first)
    write_records(book, record(first))
    found, repaired, left = await book.mend()
    assert named(found) == {"missing": [first]} and repaired == [first] and left.ok


async def test_a_record_of_the_far_side_is_known_by_its_linked_id(book: Ledger) -> None:
    first, _ = await two_calls(book)
    write_records(book, record("hy1-1795000000.55", linked=first))
    assert (await book.reconciler.compare()).ok


async def test_since_leaves_out_older_records(book: Ledger) -> None:
    await two_calls(book)
    write_records(book, record("hy1-1795000000.77", seconds=5))
    assert (await book.reconciler.compare(since=at(50))).ok
    assert not (await book.reconciler.compare(since=at(1))).ok


# -- by itself


async def test_the_keeper_repairs_and_tells_the_rooms_above_each_fact_once(book: Ledger) -> None:
    script = Script()
    known, unheard = answered(script, 0), answered(script, 100)
    write_events(book.file, script.events)
    await book.store([fact for fact in facts(script) if fact.call_id == known])
    await book.edit(known, outcome="lost")
    told: list[CallEvent] = []
    book.bus.subscribe(told_to(told), CallEvent)
    keeper = Keeper(book.reconciler, ManualClock(at(1000)))
    keeper.ask(None)
    keeper.ask(None)
    await runs(keeper, 1)
    keeper.ask(None)
    await runs(keeper, 2)
    await keeper.close()
    await book.bus.drain()
    await book.bus.close()
    # The row was put right without a word, since its facts had been told; the other call is news.
    assert [fact.id for fact in told] == [fact.id for fact in facts(script) if fact.call_id == unheard]
    rows, _, _ = await book.content()
    assert [(row["id"], row["outcome"]) for row in rows] == [(known, "answered"), (unheard, "answered")]


async def test_the_keeper_outlives_what_it_cannot_read(book: Ledger) -> None:
    keeper = Keeper(book.reconciler, ManualClock(at(1000)))
    keeper.ask(None)  # there is no file
    await runs(keeper, 1)
    book.file.parent.mkdir()
    packed = book.file.with_name("Master.csv.1.gz")
    packed.write_bytes(b"not packed")
    keeper.ask(None)
    await runs(keeper, 2)
    packed.unlink()
    script = Script()
    call = abandoned(script, 0)
    write_events(book.file, script.events)
    keeper.ask(None)
    await runs(keeper, 3)
    await keeper.close()
    assert [row["id"] for row in (await book.content())[0]] == [call]


async def test_the_keeper_leaves_what_is_settled_and_what_is_old(book: Ledger) -> None:
    script = Script()
    answered(script, 0)
    write_events(book.file, script.events)
    place = place_of(book.file)
    later = abandoned(script, 200)
    write_events(book.file, [e for e in script.events if e.linkedid == later], append=True)
    keeper = Keeper(book.reconciler, ManualClock(at(1000)))
    keeper.ask(place)
    await runs(keeper, 1)
    assert [row["id"] for row in (await book.content())[0]] == [later]
    await keeper.close()
    old = Keeper(book.reconciler, ManualClock(at(0) + RECENT + timedelta(seconds=100)))
    await book.delete(CallRow, later)
    assert await old.prove() == [later]


def told_to(told: list[CallEvent]) -> Callable[[CallEvent], Awaitable[None]]:
    async def note(event: CallEvent) -> None:
        told.append(event)

    return note


async def runs(keeper: Keeper, count: int) -> None:
    await until(lambda: keeper.runs >= count, lambda: f"{count} runs, not {keeper.runs}")
