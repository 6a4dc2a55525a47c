"""The search page, corrections of transcripts and the city's lexicon: who may, what is shown, what stays behind."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from asr.record.backlog import TranscriptPass
from asr.record.transcripts import PendingRecording, Utterance
from asr.words import overlay
from core.audit import AuditEntry
from core.database import StoredEvent
from tests.desk_fakes import START, Stage, make_stage
from tests.transcript_scene import transcribed, with_real_books
from tests.unit.conftest import SignIn

NOISE = "对面工地的噪音，很大"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = with_real_books(await make_stage(tmp_path))
    yield stage
    await stage.bus.close()
    await stage.services.database.close()


async def trail(stage: Stage, *what: str) -> list[tuple[str, str, str | None, str]]:
    async with stage.services.database.read() as session:
        rows = await session.scalars(select(AuditEntry).where(AuditEntry.what.in_(what)).order_by(AuditEntry.id))
        return [(row.who, row.what, row.call_id, row.detail) for row in rows]


def correction(before: str, after: str) -> dict[str, str]:
    return {"before": before, "after": after}


async def test_a_hit_is_marked_stands_among_its_neighbours_and_leads_to_its_second(
    stage: Stage, sign_in: SignIn
) -> None:
    await transcribed(
        stage, "c-1", ("agent", "您好，请讲"), ("caller", NOISE), ("agent", "地址呢"), at=START, seconds=12
    )
    lin = await sign_in("lin")
    page = (await lin.get("/search", params={"q": "噪音很大"})).text
    assert "对面工地的<mark>噪音，很大</mark>" in page
    assert 'href="/calls/c-1?at=4.0&amp;u=c-1-u1"' in page
    assert page.index("您好，请讲") < page.index("<mark>") < page.index("地址呢")
    assert await trail(stage, "search") == [("lin", "search", None, "q=噪音很大")]
    english = (await lin.get("/search", params={"q": "噪音很大", "lang": "en"})).text
    assert "recording 0:04" in english and "Search transcripts" in english
    call = (await lin.get("/calls/c-1", params={"lang": "zh"})).text
    assert 'id="u-c-1-u1" data-second="4.0"' in call


async def test_nothing_found_nothing_asked_and_what_cannot_be_asked(stage: Stage, sign_in: SignIn) -> None:
    await transcribed(stage, "c-1", ("caller", NOISE), at=START)
    lin = await sign_in("lin")
    assert "没有通话说到“漏水”" in (await lin.get("/search?q=漏水")).text
    assert "检索全部通话的实录" in (await lin.get("/search")).text
    assert "请输入汉字、字母或数字" in (await lin.get("/search", params={"q": "？！"})).text
    assert await trail(stage, "search") == [("lin", "search", None, "q=漏水")]
    assert (await lin.get("/search?q=噪音&leg=nobody")).status_code == 422
    assert (await lin.get("/search?q=噪音&from=yesterday")).status_code == 422
    for before in ("x", "9" * 30, "-1", "１２"):
        assert "<mark>" in (await lin.get("/search", params={"q": "噪音", "before": before})).text
    hostile = (await lin.get("/search", params={"q": '<script>"'})).text
    assert "<script>&#34;" not in hostile and "&lt;script&gt;&#34;" in hostile


async def test_what_was_said_is_never_markup(stage: Stage, sign_in: SignIn) -> None:
    await transcribed(stage, "c-1", ("caller", "<b>着火</b>"), ("caller", "<i>快</i>"), at=START)
    lin = await sign_in("lin")
    page = (await lin.get("/search?q=着火")).text
    assert "&lt;b&gt;<mark>着火</mark>&lt;/b&gt;" in page and "<i>快" not in page


async def test_a_call_taker_searches_the_calls_of_the_own_desk(stage: Stage, sign_in: SignIn) -> None:
    await transcribed(stage, "c-1", ("caller", NOISE), at=START, agent="1001")
    await transcribed(stage, "c-2", ("caller", NOISE + "呢"), at=START + timedelta(hours=1), agent="1002")
    wang, chen, lin = [await sign_in(login) for login in ("wang", "chen", "lin")]

    async def calls(client: httpx.AsyncClient, query: str = "q=噪音") -> list[str]:
        page = (await client.get(f"/search?{query}")).text
        return [call for call in ("c-1", "c-2") if f'data-call="{call}"' in page]

    assert await calls(wang) == ["c-1"]
    # Whatever the address asks for.
    assert await calls(wang, "q=噪音&agent=1002") == ["c-1"]
    assert await calls(chen) == ["c-2"]
    assert await calls(lin) == ["c-1", "c-2"]
    assert await calls(lin, "q=噪音&agent=1002") == ["c-2"]
    fire = await sign_in("fire")
    assert (await fire.get("/search?q=噪音")).status_code == 403


async def test_a_long_list_has_pages(stage: Stage, sign_in: SignIn) -> None:
    for number in range(3):
        at = START + timedelta(hours=number)
        await transcribed(stage, f"c-{number}", *[("caller", NOISE)] * 15, at=at)
    lin = await sign_in("lin")
    page = (await lin.get("/search?q=噪音&line=12345")).text
    assert page.count('data-test="hit"') == 30 and "c-0" not in page and "回到最新" not in page
    address = page.split('data-test="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    assert "line=12345" in address
    page = (await lin.get(address)).text
    assert page.count('data-test="hit"') == 15 and 'data-call="c-0"' in page and "回到最新" in page
    assert 'data-test="next"' not in page


async def test_a_correction_is_kept_with_its_author_and_shown_everywhere(stage: Stage, sign_in: SignIn) -> None:
    await transcribed(stage, "c-1", ("caller", "在吃点镇"), at=START)
    lin = await sign_in("lin")
    answer = await lin.post("/api/calls/c-1/utterances/c-1-u0", json=correction("在吃点镇", "在池店镇"))
    assert answer.status_code == 200 and answer.json()["text"] == "在池店镇"
    assert answer.json()["raw"] == "在吃点镇"
    assert await trail(stage, "correct") == [("lin", "correct", "c-1", "在吃点镇 → 在池店镇")]
    page = (await lin.get("/calls/c-1")).text
    assert "林主任 更正，原为：在吃点镇" in page and ">在池店镇</span>" in page
    assert "林主任 更正实录：在吃点镇 → 在池店镇" in page
    assert "<mark>池店</mark>" in (await lin.get("/search?q=池店")).text
    assert "<mark>" not in (await lin.get("/search?q=吃点")).text
    async with stage.services.database.read() as session:
        row = await session.get(Utterance, "c-1-u0")
        events = list(await session.scalars(select(StoredEvent.type)))
    assert row is not None and row.raw == "在吃点镇"
    assert "TranscriptCorrected" in events


async def test_who_may_correct_and_what_cannot_be_corrected(stage: Stage, sign_in: SignIn) -> None:
    await transcribed(stage, "c-1", ("caller", "在吃点镇"), at=START)
    url = "/api/calls/c-1/utterances/c-1-u0"
    wang, fire, lin = [await sign_in(login) for login in ("wang", "fire", "lin")]
    for client in (wang, fire):
        assert (await client.post(url, json=correction("在吃点镇", "x"))).status_code == 403
        assert (await client.get("/lexicon")).status_code == 403
        assert (await client.post("/api/lexicon/accept", json={"right": "池店镇"})).status_code == 403
        assert (await client.get("/api/health/transcripts")).status_code == 403
    assert 'data-test="correct"' not in (await wang.get("/calls/c-1")).text
    assert (await lin.post(url, json=correction("别的", "x"))).status_code == 409
    assert (await lin.post("/api/calls/c-1/utterances/c-9", json=correction("a", "b"))).status_code == 404
    assert (await lin.post("/api/calls/c-9/utterances/c-1-u0", json=correction("a", "b"))).status_code == 404
    assert (await lin.post(url, json=correction("在吃点镇", "长" * 501))).status_code == 422
    async with stage.services.database.work() as work:
        work.session.add(PendingRecording(call_id="c-1", caller_wav="", agent_wav="", agent_from_s=0, since=START))
    refused = await lin.post(url + "?lang=en", json=correction("在吃点镇", "x"))
    assert refused.status_code == 409 and "still being transcribed" in refused.json()["message"]
    assert await trail(stage, "correct") == []


async def test_words_corrected_twice_are_proposed_and_go_into_the_lexicon(stage: Stage, sign_in: SignIn) -> None:
    lin = await sign_in("lin")
    file = stage.services.settings.data / overlay.FILE
    for number, (before, after) in enumerate(
        (("我在华州村那边", "我在华洲村那边"), ("我是华州村的", "我是华洲村的"), ("到吃点镇", "到池店镇"))
    ):
        await transcribed(stage, f"c-{number}", ("caller", before), at=START + timedelta(hours=number))
        url = f"/api/calls/c-{number}/utterances/c-{number}-u0"
        assert (await lin.post(url, json=correction(before, after))).status_code == 200
    page = (await lin.get("/lexicon?part=1")).text
    assert page.count('data-test="proposal"') == 1 and 'value="华洲村"' in page and "更正 2 次" in page
    assert "/calls/c-0?u=c-0-u0" in page
    seen = {"seen_wrong": "华州村", "seen_right": "华洲村"}
    accepted = await lin.post(
        "/api/lexicon/accept", json={**seen, "wrong": "华州", "right": "华洲", "kind": "landmark"}
    )
    assert accepted.json() == {"words": 1}
    assert overlay.read(file) == [overlay.Word("华州", "华洲", "landmark")]
    assert 'data-test="proposal"' not in (await lin.get("/lexicon?part=1")).text
    for bad in ({"right": "村"}, {"right": "a b"}, {"right": "华洲", "wrong": "华洲"}, {"right": "华洲", "kind": "x"}):
        assert (await lin.post("/api/lexicon/accept", json=bad)).status_code == 400
    await lin.post("/api/lexicon/accept", json={"right": "万达广场"})
    assert [word.right for word in overlay.read(file)] == ["万达广场", "华洲"]
    assert (await lin.post("/api/lexicon/1/withdraw")).json() == {"words": 1}
    assert 'value="华洲村"' in (await lin.get("/lexicon?part=1")).text
    await lin.post("/api/lexicon/refuse", json={**seen, "wrong": "华州村", "right": "华洲村"})
    page = (await lin.get("/lexicon?part=1")).text
    assert 'data-test="proposal"' not in page and "未采纳 1 个" in page
    assert [what for _, what, _, _ in await trail(stage, "lexicon_accept", "lexicon_refuse", "lexicon_withdraw")] == [
        "lexicon_accept", "lexicon_accept", "lexicon_withdraw", "lexicon_refuse"
    ]  # fmt: skip


async def test_the_pass_over_recordings_is_visible(stage: Stage, sign_in: SignIn) -> None:
    await transcribed(stage, "c-1", ("caller", "一"), at=START)
    lin = await sign_in("lin")
    assert (await lin.get("/api/health/transcripts")).json() == {
        "waiting": 0, "talked_s": 0, "oldest": None, "working": None, "faulty": []
    }  # fmt: skip
    async with stage.services.database.work() as work:
        work.session.add(PendingRecording(call_id="c-1", caller_wav="", agent_wav="", agent_from_s=0, since=START))
        work.session.add(TranscriptPass(call_id="c-1", state="working", done_s=30, total_s=60, began_at=START))
        work.session.add(
            TranscriptPass(call_id="c-2", state="half", fault="missing", reason="agent: …", began_at=START)
        )
    found = (await lin.get("/api/health/transcripts?lang=en")).json()
    assert (found["waiting"], found["talked_s"], found["working"]["done_s"]) == (1, 1, 30)
    assert [(f["call_id"], f["half"], f["why"]) for f in found["faulty"]] == [("c-2", True, "recording missing")]
    assert "录音转写中 50%" in (await lin.get("/calls/c-1?lang=zh")).text
