"""Full-text search over transcripts: what is found, in what order, and that the index follows the transcript."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from asr.record import corrections, index
from asr.record.grams import LONGEST, grams, marked, phrases, searchable
from asr.record.search import Hit, Wanted, page
from asr.record.transcripts import PendingRecording, Utterance, keep, replace_record
from core.bus import Bus
from core.database import Database
from telephony.ledger import CallRow, LegRow
from tests.postgres import Postgres, postgres_programs

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
KINDS = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.skipif(not postgres_programs(), reason="no PostgreSQL")),
]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with Postgres() as running:
        yield running


@pytest.fixture(params=KINDS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    if request.param == "sqlite":
        url = f"sqlite+aiosqlite:///{tmp_path / 'heyi.db'}"
    else:
        url = request.getfixturevalue("server").new_database()
    made = Database(url, Bus())
    await made.create_all()
    yield made
    await made.close()


def call(call_id: str, *, minutes: float = 0, line: str = "12345", agent: str = "1001", **more: object) -> CallRow:
    at = NOW + timedelta(minutes=minutes)
    ended = at + timedelta(minutes=5)
    return CallRow(
        id=call_id, direction="in", line=line, caller="138", agent=agent, arrived_at=at, ended_at=ended, **more
    )


def live(call_id: str, number: int, said: str, *, at: datetime, leg: str = "caller") -> Utterance:
    return Utterance(
        id=f"{call_id}-l{number}", call_id=call_id, leg=leg, source="live", start_s=0.5, end_s=1, text=said, raw=said,
        confidence=1, at=at,
    )  # fmt: skip


def record(call_id: str, number: int, said: str, start_s: float, leg: str = "caller") -> Utterance:
    return Utterance(
        id=f"{call_id}-r{number}", call_id=call_id, leg=leg, source="record", start_s=start_s, end_s=start_s + 1,
        text=said, raw=said, confidence=1, at=NOW + timedelta(days=1),
    )  # fmt: skip


async def transcribed(database: Database, row: CallRow, *said: tuple[str, str]) -> None:
    """A call with a transcript of record: ten seconds between its utterances."""
    async with database.work() as work:
        work.session.add(row)
        await work.session.flush()
        rows = [record(row.id, n, words, 10.0 * n, leg) for n, (leg, words) in enumerate(said)]
        await replace_record(work.session, row.id, rows)


async def look(database: Database, query: str, before: int | None = None, limit: int = 30, **more: object) -> list[Hit]:
    async with database.read() as session:
        return await page(session, Wanted(phrases=phrases(query), **more), before, limit)  # type: ignore[arg-type]


async def said(database: Database, query: str, **more: object) -> list[str]:
    return [hit.utterance.text for hit in await look(database, query, **more)]


async def entries(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).select_from(index.Indexed)) or 0


async def test_words_of_one_and_two_characters_phrases_figures_and_other_scripts_are_found(database: Database) -> None:
    noise = "对面工地的噪音，很大"
    phone = "我电话是138 0013 8000"
    await transcribed(
        database, call("c1"), ("agent", "您好，请讲"), ("caller", noise), ("caller", phone), ("caller", "在Wanda广场")
    )
    for query in ("噪音", "噪", "大", "噪音很大", "噪音，很大", "工地的噪音很大", "工地 很大", "很大 工地", "噪音 噪"):
        assert await said(database, query) == [noise], query
    for query in ("13800138000", "138-0013-8000", "0013", "1380013", "１３８", "電話", "電話是138"):
        assert await said(database, query) == [phone], query
    assert await said(database, "wanda廣場") == ["在Wanda广场"]
    for query in ("音噪", "工地噪音", "噪音 您好", "80001", "很大的"):
        assert await said(database, query) == [], query


async def test_what_is_typed_is_never_a_command_to_the_index(database: Database) -> None:
    await transcribed(database, call("c1"), ("caller", "着火了快来"))
    for query in (
        '"着火"',
        "着火 OR",
        "着火*",
        "NEAR(着火 快来)",
        "'着火'",
        "着火:*",
        "^着火",
        "着火 AND 快来",
        "%着火_",
    ):
        wanted = phrases(query)
        found = await said(database, query)
        assert found == (["着火了快来"] if all(p in "着火了快来" for p in wanted) else []), (query, wanted)
    async with database.read() as session:
        with pytest.raises(ValueError, match="nothing"):
            await page(session, Wanted(phrases=phrases(" ，*\"' ")))


async def test_the_latest_come_first_page_by_page(database: Database) -> None:
    for number in range(5):
        await transcribed(database, call(f"c{number}", minutes=number * 60), *[("caller", "这里漏水")] * 4)
    seen: list[Hit] = []
    while found := await look(database, "漏水", before=seen[-1].place if seen else None, limit=3):
        assert len(found) <= 3
        seen += found
    assert [(h.utterance.call_id, h.second_s) for h in seen] == [
        (f"c{n}", s) for n in reversed(range(5)) for s in (30, 20, 10, 0)
    ]
    assert [h.at for h in seen] == sorted((h.at for h in seen), reverse=True)


async def test_filters_by_line_desk_speaker_and_time(database: Database) -> None:
    await transcribed(database, call("c1", line="119", agent="1001"), ("caller", "着火了"), ("agent", "哪里着火"))
    await transcribed(database, call("c2", line="12345", agent="1002", minutes=60), ("caller", "昨天着火"))
    async with database.work() as work:
        work.session.add(
            LegRow(id="x", call_id="c2", kind="desk", extension="1001", started_at=NOW, ended_at=NOW, joined=True,
                   cause=16)
        )  # fmt: skip
        work.session.add(
            LegRow(id="y", call_id="c2", kind="desk", extension="1003", started_at=NOW, ended_at=NOW, joined=False,
                   cause=16)
        )  # fmt: skip
    first, second, third = "着火了", "哪里着火", "昨天着火"
    assert await said(database, "着火") == [third, second, first]
    assert await said(database, "着火", line="119") == [second, first]
    assert await said(database, "着火", leg="agent") == [second]
    assert await said(database, "着火", desk="1002") == [third]
    # Who was only rung has not heard the call.
    assert await said(database, "着火", desk="1003") == []
    assert await said(database, "着火", desk="1001") == [third, second, first]
    assert await said(database, "着火", start=NOW + timedelta(seconds=5)) == [third, second]
    assert await said(database, "着火", start=NOW + timedelta(seconds=5), end=NOW + timedelta(hours=1)) == [second]


async def test_a_hit_knows_its_neighbours_and_its_second_of_the_recording(database: Database) -> None:
    await transcribed(database, call("c1"), ("agent", "您好"), ("caller", "漏水了"), ("agent", "地址呢"))
    (hit,) = await look(database, "漏水")
    assert (hit.before.text, hit.after.text) == ("您好", "地址呢")  # type: ignore[union-attr]
    assert (hit.second_s, hit.at) == (10.0, NOW + timedelta(seconds=10))
    (first,) = await look(database, "您好")
    assert first.before is None


async def test_live_utterances_are_found_at_once_and_make_room_for_those_of_record(database: Database) -> None:
    """Live seconds count from the leg's start, 7 s after the recording's; what is of record, from the recording's."""
    async with database.work() as work:
        work.session.add(call("c1"))
        await keep(work.session, live("c1", 1, "喷水的地方", at=NOW + timedelta(seconds=7.5)))
    (hit,) = await look(database, "喷水")
    assert hit.second_s == 7.5
    async with database.work() as work:
        await replace_record(work.session, "c1", [record("c1", 1, "漏水的地方", 7.4)])
    assert await said(database, "喷水") == []
    (hit,) = await look(database, "漏水")
    assert (hit.second_s, hit.utterance.source) == (7.4, "record")
    async with database.work() as work:
        await keep(work.session, live("c1", 2, "来晚了的话", at=NOW + timedelta(seconds=9)))
    assert await said(database, "来晚了") == []
    async with database.work() as work:
        # Nothing was understood in the recording: the live words are shown, and found.
        await replace_record(work.session, "c1", [])
    assert await said(database, "喷水") == ["喷水的地方"]
    assert await said(database, "来晚了") == ["来晚了的话"]


async def test_who_was_rung_back_is_recorded_from_his_answer_on(database: Database) -> None:
    row = call("c1", queued_at=NOW + timedelta(seconds=20))
    row.direction = "back"
    async with database.work() as work:
        work.session.add(row)
        await keep(work.session, live("c1", 1, "我还在等", at=NOW + timedelta(seconds=26)))
    assert [hit.second_s for hit in await look(database, "还在等")] == [6.0]


async def test_what_is_rolled_back_is_not_found(database: Database) -> None:
    with pytest.raises(RuntimeError, match="no"):
        async with database.work() as work:
            await keep(work.session, live("c1", 1, "没有存下来", at=NOW))
            raise RuntimeError("no")
    assert await said(database, "没有") == []
    async with database.work() as work:
        await keep(work.session, live("c1", 1, "存下来了", at=NOW))
    assert await said(database, "存下来") == ["存下来了"]


async def test_many_at_the_same_moment_and_silence(database: Database) -> None:
    async with database.work() as work:
        for number in range(300):
            await keep(work.session, live("c1", number, "同时说话", at=NOW))
        await keep(work.session, live("c1", 999, "……", at=NOW))
    assert len(await look(database, "同时", limit=1000)) == 300


async def test_a_correction_is_found_and_the_old_words_are_not(database: Database) -> None:
    await transcribed(database, call("c1"), ("caller", "在吃点镇"), ("caller", "吃点东西"))
    async with database.work() as work:
        row = await corrections.correct(
            work.session, "c1", "c1-r0", before="在吃点镇", after=" 在池店镇 ", who="lin", at=NOW
        )
    assert row is not None and (row.text, row.raw) == ("在池店镇", "在吃点镇")
    assert await said(database, "池店") == ["在池店镇"]
    assert await said(database, "吃点") == ["吃点东西"]
    async with database.read() as session:
        history = await corrections.of_call(session, "c1")
        assert [(c.who, c.before, c.after) for c in history["c1-r0"]] == [("lin", "在吃点镇", "在池店镇")]
        assert await entries(session) == 2


async def test_a_correction_does_not_overwrite_another_nor_what_is_still_to_come(database: Database) -> None:
    await transcribed(database, call("c1"), ("caller", "甲乙丙"))
    async with database.work() as work:
        with pytest.raises(corrections.ChangedMeanwhile) as told:
            await corrections.correct(work.session, "c1", "c1-r0", before="甲乙", after="丁", who="lin", at=NOW)
        assert told.value.now == "甲乙丙"
        for utterance, of in (("none", "c1"), ("c1-r0", "c2")):
            assert (
                await corrections.correct(work.session, of, utterance, before="甲乙丙", after="丁", who="lin", at=NOW)
                is None
            )
        # No change is no correction.
        await corrections.correct(work.session, "c1", "c1-r0", before="甲乙丙", after="甲乙丙", who="lin", at=NOW)
    async with database.work() as work:
        work.session.add(PendingRecording(call_id="c1", caller_wav="", agent_wav="", agent_from_s=0, since=NOW))
    async with database.work() as work:
        with pytest.raises(corrections.NotYetOfRecord):
            await corrections.correct(work.session, "c1", "c1-r0", before="甲乙丙", after="丁", who="lin", at=NOW)
    async with database.read() as session:
        assert await corrections.of_call(session, "c1") == {}


async def test_an_index_that_was_made_before_is_taken_as_it_is(database: Database) -> None:
    await transcribed(database, call("c1"), ("caller", "漏水"))
    await database.create_all()
    assert await said(database, "漏水") == ["漏水"]
    async with database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM utterance_index")) == 1


@given(st.text(max_size=80))
def test_marks_never_change_a_text(line: str) -> None:
    pieces = marked(line, phrases(line) or ("a",))
    assert "".join(piece for piece, _ in pieces) == line
    assert all(a[1] != b[1] for a, b in pairwise(pieces))


@given(st.text(max_size=30), st.text(max_size=8), st.text(max_size=30))
def test_every_part_of_a_text_is_among_its_pairs(head: str, middle: str, tail: str) -> None:
    body, wanted = searchable(head + middle + tail), searchable(middle)
    words = grams(body)
    assert len(words) == len(body)
    if len(wanted) > 1 and wanted in body:
        run = grams(wanted)[:-1]
        assert any(words[i : i + len(run)] == run for i in range(len(words)))
    for letter in body:
        assert any(word.startswith(letter) for word in words)


def test_a_query_is_cut_at_spaces_and_bounded() -> None:
    assert phrases("  华洲村　噪音 ") == ("华洲村", "噪音")
    assert phrases("噪音 噪音") == ("噪音",)
    assert sum(map(len, phrases("很长的话" * 60 + " 还有"))) == LONGEST
    assert phrases("？！，") == ()


def test_marks_cover_what_stands_between_the_characters() -> None:
    assert marked("这里噪音，很大", ("噪音很大",)) == [("这里", False), ("噪音，很大", True)]
    assert marked("電話138", ("电话",)) == [("電話", True), ("138", False)]
