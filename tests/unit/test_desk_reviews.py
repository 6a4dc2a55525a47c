"""The review page's API: whose it is, drafts that meet, what others neither hear nor read, traces of listening."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from asr.record.corrections import Correction
from core.audit import AuditEntry
from core.clock import ManualClock
from desk.app import create_app
from quality.listening import examples
from quality.listening.masked import HIDDEN, MARGIN_S
from quality.reviews.service import scores
from tests.desk_fakes import NOISE, PASSWORD, Stage
from tests.review_scene import MORNING, RATE, SAID, review_stage, reviewed
from triage.verdict import Fact, Facts, Place, Reason

ALL = {"greeting": "yes", "voice": 4, "comfort": "no", "address": "yes", "conduct": "yes"}
Browser = httpx.AsyncClient


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = await review_stage(tmp_path, ManualClock(MORNING))
    yield made
    await made.bus.close()
    await made.services.database.close()


@pytest.fixture
async def people(stage: Stage) -> AsyncIterator[dict[str, Browser]]:
    """Everybody's own browser."""
    app = create_app(stage.services)
    made = {
        login: httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk.test")
        for login in ("zhijian", "zhijian2", "lin", "wang", "chen", "urban")
    }
    for login, client in made.items():
        assert (await client.post("/api/login", json={"login": login, "password": PASSWORD})).status_code == 200
    yield made
    for client in made.values():
        await client.aclose()


@pytest.fixture
async def pair(stage: Stage) -> list[str]:
    """A blind pair over one call: zhijian's and zhijian2's."""
    return await reviewed(stage, "c-1", "zhijian", "zhijian2")


async def ok(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


async def begun(people: dict[str, Browser], review: str, login: str = "zhijian") -> Browser:
    await ok(await people[login].post(f"/api/reviews/{review}/begin"))
    return people[login]


def entered(seq: int = 1, tab: str = "tab-one-1", version: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "version": version,
        "tab": tab,
        "seq": seq,
        "answers": {},
        "evidence": {},
        "comments": {},
        "note": "",
        **more,
    }


async def traces(stage: Stage, what: str) -> list[str]:
    async with stage.services.database.read() as session:
        rows = await session.scalars(select(AuditEntry).where(AuditEntry.what == what).order_by(AuditEntry.id))
        return [f"{row.who} {row.call_id} {row.detail}" for row in rows]


# --- whose it is ----------------------------------------------------------------------------------------------------


async def test_others_reviews_are_closed_to_everybody_but_supervisors(
    stage: Stage, people: dict[str, Browser], pair: list[str]
) -> None:
    mine, others = pair
    await begun(people, mine)
    await begun(people, others, "zhijian2")
    for path in ("/reviews/{}", "/reviews/{}/recording", "/api/reviews/{}", "/api/reviews/{}/peaks"):
        for login, review in (("zhijian2", mine), ("zhijian", others), ("wang", mine), ("chen", mine), ("urban", mine)):
            assert (await people[login].get(path.format(review))).status_code == 403, (path, login)
        assert (await people["lin"].get(path.format(mine))).status_code == 200, path
        assert (await people["zhijian"].get(path.format(mine))).status_code == 200, path
    for login in ("lin", "wang", "zhijian2"):
        for path, body in (
            ("draft", entered()), ("score", entered()), ("clips", {"from_s": 1, "to_s": 2, "comment": "x"}),
            ("utterances/c-1-u0", {"before": "a", "after": "b"}), ("begin", {}), ("reopen", {}),
        ):  # fmt: skip
            assert (await people[login].post(f"/api/reviews/{mine}/{path}", json=body)).status_code == 403, path
    assert (await people["wang"].get("/reviews")).status_code == 403
    assert (await people["chen"].get("/reviews/nothing")).status_code == 400


async def test_a_blind_second_reviewer_sees_nothing_of_the_first(
    stage: Stage, people: dict[str, Browser], pair: list[str]
) -> None:
    first = await begun(people, pair[0])
    await ok(await first.post(f"/api/reviews/{pair[0]}/clips", json={"from_s": 1, "to_s": 3, "comment": "开头很好"}))
    given = entered(answers=ALL, note="总体不错", comments={"voice": "有点快"})
    await ok(await first.post(f"/api/reviews/{pair[0]}/score", json=given))
    second = await begun(people, pair[1], "zhijian2")
    page = (await second.get(f"/reviews/{pair[1]}")).text
    for secret in ("开头很好", "总体不错", "有点快", "郑质检", "zhijian&#34;", "盲评", pair[0]):
        assert secret not in page, secret
    assert (await ok(await second.get(f"/api/reviews/{pair[1]}")))["draft"] is None
    listed = (await second.get("/reviews")).text
    assert pair[1] in listed
    assert pair[0] not in listed


async def test_nobody_listens_before_the_review_is_begun(people: dict[str, Browser], pair: list[str]) -> None:
    page = (await people["zhijian"].get(f"/reviews/{pair[0]}")).text
    assert "我们小区对面" not in page
    assert (await people["zhijian"].get(f"/reviews/{pair[0]}/recording")).status_code == 403
    for path in ("", "/peaks"):
        early = await people["zhijian"].get(f"/api/reviews/{pair[0]}{path}")
        assert early.status_code == 403 and "我们小区对面" not in early.text, path
        assert (await people["lin"].get(f"/api/reviews/{pair[0]}{path}")).status_code == 200
    await begun(people, pair[0])
    for path in ("", "/peaks"):
        assert (await people["zhijian"].get(f"/api/reviews/{pair[0]}{path}")).status_code == 200
    assert "我们小区对面" in (await people["zhijian"].get(f"/reviews/{pair[0]}")).text
    assert (await people["zhijian"].get(f"/reviews/{pair[0]}/recording")).status_code == 200


async def test_the_list_marks_what_is_late_and_counts_working_days(stage: Stage, people: dict[str, Browser]) -> None:
    clock = stage.clock
    assert isinstance(clock, ManualClock)
    await reviewed(stage, "c-1", "zhijian")
    client = people["zhijian"]

    async def later(**more: float) -> str:
        clock.advance(timedelta(**more).total_seconds())
        await ok(await client.post("/api/login", json={"login": "zhijian", "password": PASSWORD}))
        return (await client.get("/reviews")).text

    assert "还有 3 个工作日" in (await client.get("/reviews")).text  # Friday: Monday, Tuesday, Wednesday
    assert "今天到期" in await later(days=5, hours=1)
    page = await later(hours=11)
    assert "已超期" in page
    assert "超期 1" in page


# --- scoring --------------------------------------------------------------------------------------------------------


async def test_a_draft_tells_the_score_so_far_and_is_there_again(people: dict[str, Browser], pair: list[str]) -> None:
    client, address = await begun(people, pair[0]), f"/api/reviews/{pair[0]}"
    place = {"utterance_id": "c-1-u0", "second": 0.0, "words": "您好"}
    told = await ok(
        await client.post(
            f"{address}/draft",
            json=entered(answers={"greeting": "yes", "voice": 4}, evidence={"greeting": [place]}, note="先到这"),
        )
    )
    assert told["score"]["points"] == "90.0"
    assert told["missing"] == ["comfort", "address", "conduct"]
    told = await ok(await client.post(f"{address}/draft", json=entered(2, answers={**ALL, "conduct": "no"})))
    assert told["score"] | {"lost": {}} == {
        "points": "0.0", "before_fail": "76.0", "failed": ["conduct"], "passed": False, "lost": {},
    }  # fmt: skip
    await ok(await client.post(f"{address}/draft", json=entered(3, answers=ALL, evidence={"greeting": [place]})))
    draft = (await ok(await client.get(address)))["draft"]
    assert draft["answers"] == ALL
    assert draft["evidence"] == {"greeting": [place]}


async def test_of_two_pages_the_slower_is_told_and_a_pages_own_writings_may_overtake(
    people: dict[str, Browser], pair: list[str]
) -> None:
    client, address = await begun(people, pair[0]), f"/api/reviews/{pair[0]}/draft"
    await ok(await client.post(address, json=entered(1, note="一")))
    await ok(await client.post(address, json=entered(3, note="三")))
    await ok(await client.post(address, json=entered(2, note="二")))  # it was under way when the page went
    assert (await ok(await client.get(f"/api/reviews/{pair[0]}")))["draft"]["note"] == "三"
    other = await client.post(address, json=entered(1, tab="tab-two-2", version=0, note="别处"))
    assert other.status_code == 409
    await ok(await client.post(address, json=entered(1, tab="tab-two-2", version=1, note="别处")))
    assert (await client.post(address, json=entered(4, version=1, note="四"))).status_code == 409
    assert (await ok(await client.get(f"/api/reviews/{pair[0]}")))["draft"]["note"] == "别处"


async def test_the_score_is_handed_in_whole_and_can_be_gone_over_until_released(
    stage: Stage, people: dict[str, Browser], pair: list[str]
) -> None:
    client, address = await begun(people, pair[0]), f"/api/reviews/{pair[0]}"
    short = {key: answer for key, answer in ALL.items() if key != "conduct"}
    refused = await client.post(f"{address}/score", json=entered(answers=short))
    assert refused.status_code == 400
    assert "无辱骂" in refused.json()["message"]
    place = {"utterance_id": "c-1-u8", "second": 32.0, "words": "你找城管去"}
    given = entered(
        2, answers=ALL, evidence={"comfort": [place]}, comments={"voice": "稍快", "comfort": " "}, note="好"
    )
    assert (await ok(await client.post(f"{address}/score", json=given)))["state"] == "scored"
    async with stage.services.database.read() as session:
        (kept,) = await scores(session, pair[0])
    assert (kept.tenths, kept.passed, kept.answers, kept.note) == (760, False, ALL, "好")
    assert (kept.evidence, kept.comments) == ({"comfort": [place]}, {"voice": "稍快"})
    assert (await client.post(f"{address}/draft", json=entered(3))).status_code == 403
    await ok(await client.post(f"{address}/reopen"))
    assert (await ok(await client.get(address)))["draft"]["answers"] == ALL
    assert (await ok(await client.post(f"{address}/score", json=entered(3, answers={**ALL, "voice": 5}))))["state"]
    async with stage.services.database.read() as session:
        assert [one.tenths for one in await scores(session, pair[0])] == [760, 800]


@pytest.mark.parametrize(
    "wrong",
    [
        {"answers": {"greeting": "maybe"}}, {"answers": {"greeting": 3}}, {"answers": {"voice": 6}},
        {"answers": {"nothing": "yes"}}, {"comments": {"nothing": "x"}}, {"note": "x" * 5001},
        {"evidence": {"greeting": [{"utterance_id": "c-2-u0", "second": 1, "words": ""}]}},
        {"evidence": {"greeting": [{"utterance_id": "c-1-u0", "second": -1, "words": ""}]}}, {"seq": 0},
    ],
)  # fmt: skip
async def test_what_a_card_does_not_have_is_refused(
    people: dict[str, Browser], pair: list[str], wrong: dict[str, Any]
) -> None:
    client = await begun(people, pair[0])
    answer = await client.post(f"/api/reviews/{pair[0]}/draft", json={**entered(), **wrong})
    assert answer.status_code in (400, 422)
    assert (await ok(await client.get(f"/api/reviews/{pair[0]}")))["draft"] is None


async def test_whoever_has_the_review_next_begins_anew(stage: Stage, people: dict[str, Browser]) -> None:
    (review,) = await reviewed(stage, "c-1", "zhijian")
    first = await begun(people, review)
    await ok(await first.post(f"/api/reviews/{review}/draft", json=entered(note="初步印象")))
    assert (await first.post(f"/api/reviews/{review}/hand-back", json={"why": " "})).status_code == 400
    await ok(await first.post(f"/api/reviews/{review}/hand-back", json={"why": "同住一个小区"}))
    assert (await first.get(f"/reviews/{review}")).status_code == 403
    body = {"action": "assign", "reviews": [review], "reviewer": "zhijian2"}
    assert (await ok(await people["lin"].post("/api/quality/oversight", json=body)))["done"] == 1
    second = await begun(people, review, "zhijian2")
    assert "初步印象" not in (await second.get(f"/reviews/{review}")).text
    await ok(await second.post(f"/api/reviews/{review}/draft", json=entered(note="新的")))
    assert (await ok(await second.get(f"/api/reviews/{review}")))["draft"]["note"] == "新的"


async def test_the_reviewer_corrects_the_transcript_of_his_own_call(
    stage: Stage, people: dict[str, Browser], pair: list[str]
) -> None:
    client, address = await begun(people, pair[0]), f"/api/reviews/{pair[0]}/utterances"
    body = {"before": "你这是什么态度", "after": "您这是什么态度"}
    assert (await ok(await client.post(f"{address}/c-1-u9", json=body)))["text"] == "您这是什么态度"
    assert (await client.post(f"{address}/c-1-u9", json=body)).status_code == 409
    assert (await client.post(f"{address}/c-2-u9", json=body)).status_code == 404
    assert await traces(stage, "correct") == ["zhijian c-1 你这是什么态度 → 您这是什么态度"]


# --- listening ------------------------------------------------------------------------------------------------------


async def test_every_listening_says_for_which_review_and_by_ranges(
    stage: Stage, people: dict[str, Browser], pair: list[str]
) -> None:
    client, address = await begun(people, pair[0]), f"/reviews/{pair[0]}/recording"
    for wanted in ("bytes=0-", "bytes=4000-", "bytes=9000-"):
        assert (await client.get(address, headers={"Range": wanted})).status_code == 206
    await people["lin"].get("/calls/c-1/recording", headers={"Range": "bytes=500-"})
    await people["lin"].get(address, headers={"Range": "bytes=500-"})
    assert await traces(stage, "recording") == [
        f"zhijian c-1 review={pair[0]} bytes=0-", "lin c-1 bytes=500-", f"lin c-1 review={pair[0]} bytes=500-",
    ]  # fmt: skip
    assert "收听记录" in (await people["lin"].get(f"/reviews/{pair[0]}")).text
    assert "收听记录" not in (await client.get(f"/reviews/{pair[0]}")).text


async def test_the_page_says_who_listens_and_lets_a_style_in_only_by_its_number(
    people: dict[str, Browser], pair: list[str]
) -> None:
    client = await begun(people, pair[0])
    answer = await client.get(f"/reviews/{pair[0]}")
    assert answer.text.count("郑质检 zhijian <time") >= 6
    policy = answer.headers["content-security-policy"]
    nonce = policy.rpartition("'nonce-")[2].rstrip("'")
    assert len(nonce) >= 16
    assert f'"nonce": "{nonce}"' in answer.text
    assert "nonce" not in (await client.get("/reviews")).headers["content-security-policy"]


async def test_what_is_private_is_neither_heard_nor_read_by_others(
    stage: Stage, people: dict[str, Browser], pair: list[str]
) -> None:
    client, address = await begun(people, pair[0]), f"/api/reviews/{pair[0]}"
    number = "13800001234"
    body = {"utterance_id": "c-1-u5", "start": 0, "end": 11, "words": number, "why": "手机号"}
    assert (await client.post(f"{address}/private", json={**body, "words": "别的"})).status_code == 400
    assert (await client.post(f"{address}/private", json={**body, "why": " "})).status_code == 400
    assert (await client.post(f"{address}/private", json={"why": "没有选"})).status_code == 400
    for login in ("wang", "zhijian2", "urban"):
        assert (await people[login].post(f"{address}/private", json=body)).status_code == 403
    part = await ok(await client.post(f"{address}/private", json=body))
    assert (part["from_s"], part["to_s"]) == (20.0, 22.0)  # the sentence's own seconds
    whole = (stage.services.settings.recordings / "c-1.wav").read_bytes()

    async def hears(login: str) -> bytes:
        return (await people[login].get("/calls/c-1/recording")).content

    async def reads(login: str) -> list[str]:
        return [row["text"] for row in (await ok(await people[login].get("/api/calls/c-1")))["transcript"]]

    assert await hears("lin") == whole
    assert (await client.get(f"/reviews/{pair[0]}/recording")).content == whole
    heard = await hears("wang")
    first, last = (44 + 4 * int(second * RATE) for second in (20 - MARGIN_S, 22 + MARGIN_S))
    assert (heard[:first], heard[last:]) == (whole[:first], whole[last:])
    assert heard[first:last] != whole[first:last]
    middle = await people["wang"].get("/calls/c-1/recording", headers={"Range": f"bytes={first}-{last}"})
    assert (middle.status_code, middle.content) == (206, heard[first : last + 1])
    assert middle.headers["content-range"] == f"bytes {first}-{last}/{len(whole)}"
    too_far = await people["wang"].get("/calls/c-1/recording", headers={"Range": "bytes=99999999-"})
    assert too_far.status_code == 416
    tail = await people["wang"].get("/calls/c-1/recording", headers={"Range": "bytes=-100"})
    assert tail.content == heard[-100:]
    assert (await reads("wang"))[5] == f"{HIDDEN}，我叫林小明，身份证要吗"
    assert (await reads("lin"))[5].startswith(number)
    found = (await people["wang"].get("/search?q=林小明")).text
    assert HIDDEN in found
    assert f"{number}，我叫" not in found  # the number called from is for the desk to see
    # Whether it is found would tell what stands there, alone or beside what is there to be read.
    for asked, finds in ((number, False), (f"林小明 {number}", False), ("林小明", True)):
        for login in ("wang", "lin"):
            page = (await people[login].get("/search", params={"q": asked})).text
            assert ("u=c-1-u5" in page) is (finds or login == "lin"), (asked, login)
    # A supervisor alone takes it back.
    assert (await client.post(f"{address}/private/{part['id']}/lift")).status_code == 403
    await ok(await people["lin"].post(f"{address}/private/{part['id']}/lift"))
    assert (await people["lin"].post(f"{address}/private/{part['id']}/lift")).status_code == 400
    assert await hears("wang") == whole
    assert (await reads("wang"))[5].startswith(number)
    assert (stage.services.settings.recordings / "c-1.wav").read_bytes() == whole
    assert await traces(stage, "private") == ["zhijian c-1 1 20-22 手机号"]
    assert await traces(stage, "private_lifted") == ["lin c-1 1 20-22"]


async def named_privately(people: dict[str, Browser], review: str, words: str) -> Browser:
    """The reviewer's browser, after he marked ``words`` of the caller's sixth sentence."""
    client, start = await begun(people, review), SAID[5][1].index(words)
    body = {"utterance_id": "c-1-u5", "start": start, "end": start + len(words), "words": words, "why": "姓名"}
    await ok(await client.post(f"/api/reviews/{review}/private", json=body))
    return client


async def test_what_stood_before_a_correction_is_as_private(people: dict[str, Browser], pair: list[str]) -> None:
    client = await named_privately(people, pair[0], "林小明")
    body = {"before": SAID[5][1], "after": SAID[5][1].replace("林小明", "林晓明")}
    await ok(await client.post(f"/api/reviews/{pair[0]}/utterances/c-1-u5", json=body))
    page = (await people["wang"].get("/calls/c-1")).text
    assert "已更正" in page and HIDDEN in page
    assert "林小明" not in page and "林晓明" not in page
    assert "郑质检 更正，原为：13800001234，我叫林小明" in (await people["lin"].get("/calls/c-1")).text


async def test_a_verdict_does_not_repeat_what_is_private(
    stage: Stage, people: dict[str, Browser], pair: list[str]
) -> None:
    said = Fact(kind="name", value="林小明", words="我叫林小明")
    place = Place(canonical="林小明家", town="", community="", mention="林小明家", score=1.0)
    reasons = (Reason(rule="line", words="", says="service"), Reason(rule="noise", words="林小明", says="service"))
    stage.city.verdicts["c-1"] = replace(
        NOISE, phone="林小明", places=(place,), reasons=reasons,
        facts=Facts(items=(said,), read_back="林小明，对吧？", read_back_en="林小明, right?"),
    )  # fmt: skip

    async def told(login: str) -> list[str]:
        paths = ("/api/calls/c-1", "/api/calls/c-1/verdict")
        answers = [await ok(await people[login].get(path)) for path in paths]
        return [str(answers[0]["verdict"]), str(answers[1])]

    whole = await told("wang")
    assert all(shown.count("林小明") >= 9 for shown in whole), whole
    await named_privately(people, pair[0], "林小明")
    assert await told("lin") == whole
    for shown in await told("wang"):
        assert "林小明" not in shown and "S101" in shown and "'rule': 'noise'" in shown


async def test_sound_alone_can_be_private(people: dict[str, Browser], pair: list[str]) -> None:
    client, address = await begun(people, pair[0]), f"/api/reviews/{pair[0]}"
    await ok(await client.post(f"{address}/private", json={"from_s": 1, "to_s": 2, "why": "旁人说话"}))
    before, after = (
        (await client.get(f"/reviews/{pair[0]}/recording")),
        await people["wang"].get("/calls/c-1/recording"),
    )
    assert before.content != after.content
    rows = (await ok(await people["wang"].get("/api/calls/c-1")))["transcript"]
    assert HIDDEN not in "".join(row["text"] for row in rows)


async def test_peaks_are_of_both_sides_and_silences_are_told(people: dict[str, Browser], pair: list[str]) -> None:
    client = await begun(people, pair[0])
    told = await ok(await client.get(f"/api/reviews/{pair[0]}/peaks"))
    assert told["seconds"] == 50.0
    assert (len(told["sides"]), told["per_second"]) == (2, 50.0)
    assert told["silences"]
    assert told["silences"][-1][1] == pytest.approx(49.75)


# --- clips and good examples ----------------------------------------------------------------------------------------


async def test_clips_stand_with_the_review_and_go_with_a_trace(people: dict[str, Browser], pair: list[str]) -> None:
    client, address = await begun(people, pair[0]), f"/api/reviews/{pair[0]}/clips"
    for wrong in ({"from_s": 5, "to_s": 5}, {"from_s": 60, "to_s": 70}, {"from_s": -1, "to_s": 3}):
        assert (await client.post(address, json={**wrong, "comment": "x"})).status_code in (400, 422)
    assert (await client.post(address, json={"from_s": 1, "to_s": 3, "comment": " "})).status_code == 400
    made = await ok(await client.post(address, json={"from_s": 30, "to_s": 99, "comment": "推给城管"}))
    assert (made["from_s"], made["to_s"]) == (30.0, 50.0)
    assert "推给城管" in (await client.get(f"/reviews/{pair[0]}")).text
    await ok(await client.post(f"{address}/{made['id']}/remove"))
    assert "推给城管" not in (await client.get(f"/reviews/{pair[0]}")).text
    assert (await client.post(f"{address}/{made['id']}/remove")).status_code == 400


async def test_a_good_example_is_found_heard_masked_and_counted(
    stage: Stage, people: dict[str, Browser], pair: list[str]
) -> None:
    client, address = await begun(people, pair[0]), f"/api/reviews/{pair[0]}"
    body = {"from_s": 16, "to_s": 28, "category": "address", "title": "地址复述", "why": "复述完整，一次核准"}
    refused = await client.post(f"{address}/examples", json=body)
    assert refused.status_code == 400
    assert "13800001234" in refused.json()["message"]
    hidden = {"utterance_id": "c-1-u5", "start": 0, "end": 11, "words": "13800001234", "why": "手机号"}
    await ok(await client.post(f"{address}/private", json=hidden))
    assert (await client.post(f"{address}/examples", json={**body, "category": "x"})).status_code == 400
    assert (await people["wang"].post(f"{address}/examples", json=body)).status_code == 403
    made = await ok(await client.post(f"{address}/examples", json=body))
    for query, found in (
        ("", True),
        ("q=复述 核准", True),
        ("q=投诉", False),
        ("category=comfort", False),
        ("q=%25", False),
    ):
        assert ("地址复述" in (await people["chen"].get(f"/examples?{query}")).text) is found, query
    assert (await people["urban"].get("/examples")).status_code == 403
    shown = (await people["chen"].get(f"/examples/{made['id']}")).text
    assert HIDDEN in shown
    assert "13800001234" not in shown
    assert "陈志强 chen <time" in shown
    assert "你找城管去" not in shown  # beyond its end
    for wanted in ("bytes=0-", "bytes=8000-", "bytes=0-"):
        answer = await people["chen"].get(f"/examples/{made['id']}/recording", headers={"Range": wanted})
        assert answer.status_code == 206
    assert answer.headers["content-range"].endswith(f"/{44 + 12 * RATE * 4}")
    whole = (stage.services.settings.recordings / "c-1.wav").read_bytes()
    assert answer.content[44 : 44 + 4 * RATE] == whole[44 + 64 * RATE : 44 + 68 * RATE]
    assert answer.content[44 + 16 * RATE : 44 + 24 * RATE] != whole[44 + 80 * RATE : 44 + 88 * RATE]
    await people["wang"].get(f"/examples/{made['id']}/recording")
    assert "2 人听过 3 次" in (await people["wang"].get("/examples")).text
    assert (await traces(stage, "recording"))[0] == f"chen c-1 example={made['id']} bytes=0-"
    assert (await people["chen"].post(f"/api/examples/{made['id']}/remove")).status_code == 403
    await ok(await people["lin"].post(f"/api/examples/{made['id']}/remove"))
    assert (await people["chen"].get(f"/examples/{made['id']}")).status_code == 404
    assert (await people["chen"].get(f"/examples/{made['id']}/recording")).status_code == 404


async def test_a_call_taker_reads_his_released_review_and_hears_no_private_part(
    stage: Stage, people: dict[str, Browser], pair: list[str]
) -> None:
    client, address = await begun(people, pair[0]), f"/api/reviews/{pair[0]}"
    number = "13800001234"
    hidden = {"utterance_id": "c-1-u5", "start": 0, "end": 11, "words": number, "why": "手机号"}
    await ok(await client.post(f"{address}/private", json=hidden))
    await ok(await client.post(f"{address}/clips", json={"from_s": 30, "to_s": 34, "comment": "应直接受理"}))
    places = [
        {"utterance_id": f"c-1-u{n}", "second": 4.0 * n, "words": words} for n, words in ((5, number), (0, "您好"))
    ]
    given = entered(answers=ALL, comments={"voice": "稍快"}, evidence={"address": places})
    await ok(await client.post(f"{address}/score", json=given))
    assert number in (await client.get(f"/reviews/{pair[0]}")).text
    assert (await people["wang"].get(f"/reviews/{pair[0]}")).status_code == 403
    body = {"action": "release", "reviews": [pair[0]]}
    assert (await ok(await people["lin"].post("/api/quality/oversight", json=body)))["done"] == 1
    page = (await people["wang"].get(f"/reviews/{pair[0]}")).text
    assert "稍快" in page
    assert "应直接受理" in page
    assert "郑质检" not in page
    assert "zhijian" not in page
    assert number not in page
    assert '"words": "您好"' in page
    assert "把来电人推给别的部门" not in page  # what a machine found is for those who judge
    heard = (await people["wang"].get(f"/reviews/{pair[0]}/recording")).content
    assert heard != (await people["lin"].get(f"/reviews/{pair[0]}/recording")).content
    assert (await people["chen"].get(f"/reviews/{pair[0]}")).status_code == 403
    assert (await people["wang"].get(f"/reviews/{pair[1]}")).status_code == 403


async def test_who_decides_an_appeal_hears_all_and_is_not_told_who_scored(
    stage: Stage, people: dict[str, Browser]
) -> None:
    (review,) = await reviewed(stage, "c-1", "zhijian")
    client, address = await begun(people, review), f"/api/reviews/{review}"
    await ok(await client.post(f"{address}/clips", json={"from_s": 30, "to_s": 34, "comment": "应直接受理"}))
    await ok(await client.post(f"{address}/score", json=entered(answers=ALL)))
    await ok(await people["lin"].post("/api/quality/oversight", json={"action": "release", "reviews": [review]}))
    assert (await people["zhijian2"].get(f"/reviews/{review}")).status_code == 403
    await ok(await people["wang"].post(f"/api/quality/reviews/{review}/appeal", json={"why": "我当时已经登记"}))
    page = (await people["zhijian2"].get(f"/reviews/{review}")).text
    assert "应直接受理" in page
    assert "郑质检" not in page
    # Nor by who corrected its transcript, or put it into the library.
    async with stage.services.database.work() as work:
        work.session.add(
            Correction(call_id="c-1", utterance_id="c-1-u0", before="原来的话", after="您好", who="zhijian",
                       at=stage.clock.now())
        )  # fmt: skip
        made = await examples.add(
            work.session, "c-1", (30, 34), category=next(iter(examples.CATEGORIES)), title="安抚", why="很好",
            by="zhijian", at=stage.clock.now(), texts=["您别急"],
        )  # fmt: skip
    page = (await people["zhijian2"].get(f"/reviews/{review}")).text
    assert "原为：原来的话" in page and "郑质检" not in page
    assert "郑质检 更正，原为：原来的话" in (await people["lin"].get(f"/reviews/{review}")).text
    for path in ("/examples", f"/examples/{made.id}"):
        asking = ("wang", "zhijian2", "zhijian", "lin")
        told = {login: "郑质检" in (await people[login].get(path)).text for login in asking}
        assert told == {"wang": False, "zhijian2": False, "zhijian": True, "lin": True}, path
    assert (await people["zhijian2"].get(f"/reviews/{review}/recording")).status_code == 200
    assert (await people["zhijian2"].post(f"{address}/draft", json=entered())).status_code == 403
