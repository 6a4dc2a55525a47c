"""Missed calls, kept places, the queue and marks over the API and the page: rights, audit, both languages."""

import httpx
import pytest
from sqlalchemy import select

from core.audit import AuditEntry
from core.clock import ManualClock
from desk.access.rights import audience_of_call
from tests.desk_fakes import Stage
from tests.unit.conftest import SignIn

CALLER = "13800001234"
HOSTILE = "<script>alert(1)</script>"


async def abandon(stage: Stage, call_id: str = "a-1", line: str = "119", caller: str = CALLER) -> None:
    assert isinstance(stage.clock, ManualClock)
    await stage.city.exchange.waits(call_id, line, caller)
    stage.clock.advance(20)
    await stage.city.exchange.end(call_id)
    await stage.city.recalls.settle(call_id)


async def audited(stage: Stage) -> list[tuple[str, str]]:
    async with stage.services.database.read() as session:
        rows = await session.scalars(select(AuditEntry).where(AuditEntry.what != "sign_in").order_by(AuditEntry.id))
        return [(row.who, row.what) for row in rows]


async def items(client: httpx.AsyncClient, tab: str = "open") -> list[dict[str, object]]:
    answer = await client.get(f"/api/missed?tab={tab}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_missed_call_is_claimed_rung_back_to_ones_own_desk_and_closed(stage: Stage, sign_in: SignIn) -> None:
    """qpanel#265: a list of abandoned calls, worked off by somebody with a name."""
    await abandon(stage)
    wang, chen, lin = [await sign_in(login) for login in ("wang", "chen", "lin")]
    item = (await items(wang))[0]
    assert (item["number"], item["emergency"], item["state"], item["count"]) == (CALLER, True, "open", 1)
    path = f"/api/missed/{item['id']}"
    assert (await wang.post(f"{path}/claim")).status_code == 200
    theirs = (await items(chen))[0]
    assert theirs["owner"] == "wang" and theirs["may"] == dict.fromkeys(("claim", "release", "call", "close"), False)
    assert (await chen.post(f"{path}/close", json={"reason": "抢单"})).status_code == 403
    assert (await chen.post(f"{path}/call")).status_code == 403
    called = await wang.post(f"{path}/call")
    dialled = stage.city.exchange.dialled
    assert [(d.call_id, d.desk, d.number) for d in dialled] == [(called.json()["call_id"], "1001", CALLER)]
    assert (await wang.post(f"{path}/call")).status_code == 409
    await stage.city.exchange.end(dialled[0].call_id, "system")
    await stage.city.recalls.settle(dialled[0].call_id)
    assert (await wang.post(f"{path}/close", json={"reason": ""})).status_code == 422
    assert (await lin.post(f"{path}/close", json={"reason": "家属已另行联系"})).status_code == 200
    assert await items(wang) == []
    done = (await items(wang, "done"))[0]
    assert (done["reason"], done["owner"]) == ("家属已另行联系", "lin")
    assert await audited(stage) == [("wang", "missed_claim"), ("wang", "missed_call"), ("lin", "missed_close")]


async def test_departments_have_no_part_in_it_and_call_takers_no_supervisors_power(
    stage: Stage, sign_in: SignIn
) -> None:
    await abandon(stage)
    await stage.city.exchange.waits("w-1", "12345", "13900139000")
    fire, wang, lin = [await sign_in(login) for login in ("fire", "wang", "lin")]
    for path in ("/missed", "/api/missed"):
        assert (await fire.get(path)).status_code == 403
    for tab in ("open", "done", "kept", "queue", "marks"):
        assert (await wang.get(f"/missed?tab={tab}&part=1")).status_code == 200
    assert (await items(wang, "queue"))[0]["number"] is None, "who only waits is nobody's call yet"
    assert (await items(lin, "queue"))[0]["number"] == "13900139000"
    assert (await wang.post("/api/calls/w-1/push", json={"why": "熟人"})).status_code == 403
    assert (await lin.post("/api/calls/w-1/push", json={"why": "产妇"})).status_code == 200
    assert stage.city.exchange.live["w-1"].priority == 1100
    row = (await items(wang, "queue"))[0]
    assert (row["reasons"], row["queue_name"]) == (["班长提前"], "服务席")
    assert (await lin.post("/api/calls/w-1/push", json={"why": "已缓解", "pushed": False})).status_code == 200
    assert stage.city.exchange.live["w-1"].priority == 10
    assert (await wang.get("/api/missed?tab=nothing")).status_code == 404


async def test_a_number_is_marked_with_term_and_reason_and_unmarked_by_the_supervisor(
    stage: Stage, sign_in: SignIn
) -> None:
    wang, lin = await sign_in("wang"), await sign_in("lin")
    wish = {"number": "138 0000 1234", "kind": "hoax", "days": 7, "reason": HOSTILE}
    for wrong in ({**wish, "days": 91}, {**wish, "kind": "nice"}, {**wish, "reason": ""}):
        assert (await wang.post("/api/marks", json=wrong)).status_code == 422
    mark = (await wang.post("/api/marks", json=wish)).json()["id"]
    assert [(m["number"], m["kind_name"], m["by_name"]) for m in await items(lin, "marks")] == [
        (CALLER, "谎报", "王晓燕")
    ]
    shown = (await wang.get("/missed?tab=marks")).text
    assert HOSTILE not in shown and "&lt;script&gt;" in shown
    assert (await wang.post(f"/api/marks/{mark}/remove", json={"reason": "误标"})).status_code == 403
    assert (await lin.post(f"/api/marks/{mark}/remove", json={"reason": "误标"})).status_code == 200
    assert await items(lin, "marks") == []
    assert await audited(stage) == [("wang", "mark"), ("lin", "unmark")]


async def test_the_count_in_the_bar_tells_emergencies_apart(stage: Stage, sign_in: SignIn) -> None:
    wang, fire = await sign_in("wang"), await sign_in("fire")
    assert (await fire.get("/api/missed/count")).status_code == 403
    for call_id, line in (("a-1", "119"), ("a-2", "12345")):
        await abandon(stage, call_id, line)
    count = (await wang.get("/api/missed/count")).json()
    assert (count["open"], count["emergency"]) == (2, 1) and count["seq"] > 0
    assert 'id="nav-missed-count"' in (await wang.get("/calls")).text
    assert "nav-missed" not in (await fire.get("/department")).text


async def test_a_long_list_has_pages(stage: Stage, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("switchboard.missed.tables.PAGE", 2)
    monkeypatch.setattr("switchboard.missed.listing.PAGE", 2)
    monkeypatch.setattr("desk.calls.missedapi.PAGE", 2)
    for n in range(3):
        await abandon(stage, f"a-{n}", caller=f"1380000000{n}")
    wang = await sign_in("wang")
    first, second = [(await wang.get(f"/missed?page={n}")).text for n in (1, 2)]
    assert first.count('data-test="missed"') == 2 and "page=2" in first
    assert second.count('data-test="missed"') == 1 and "13800000002" in second and 'data-test="next"' not in second
    assert 'data-test="tab-open">待处理 <b>3</b>' in second
    assert (await wang.get("/missed?page=99")).text.count('data-test="missed"') == 1


async def test_who_is_on_the_line_is_not_rung_by_the_first_button(stage: Stage, sign_in: SignIn) -> None:
    await abandon(stage)
    wang = await sign_in("wang")
    assert '<button class="primary" data-test="call-back">' in (await wang.get("/missed")).text
    await stage.city.exchange.waits("again", "12345", CALLER)
    page = (await wang.get("/missed")).text
    assert (
        "正在线上" in page and 'data-test="call-back"' in page and 'class="primary" data-test="call-back"' not in page
    )
    assert f'data-dial="{CALLER}"' in page


async def test_a_kept_place_is_seen_and_cancelled(stage: Stage, sign_in: SignIn) -> None:
    await stage.city.exchange.waits("k-1", "12345", CALLER)
    await stage.city.keeping._keep("k-1", "12345", CALLER, 10, stage.clock.now())
    wang = await sign_in("wang")
    assert [(p["number"], p["state_name"]) for p in await items(wang, "kept")] == [(CALLER, "保留位置")]
    assert CALLER in (await wang.get("/missed?tab=kept")).text
    assert (await wang.post("/api/kept/k-1/cancel", json={"reason": "来电人已到现场"})).status_code == 200
    assert await items(wang, "kept") == []


async def test_the_page_says_why_nobody_is_rung_in_both_languages(stage: Stage, sign_in: SignIn) -> None:
    await abandon(stage, caller="")
    wang = await sign_in("wang")
    assert "来电未显示号码，无法回拨" in (await wang.get("/missed")).text
    english = (await wang.get("/missed?lang=en")).text
    assert "Number withheld, cannot be called back" in english and "Hung up while waiting" in english
    assert 'data-test="call-back"' not in english and 'data-test="claim"' in english


def test_call_takers_are_told_of_every_change() -> None:
    for name in ("MissedCallChanged", "RecallTried", "KeptPlaceChanged", "CallRanked", "NumberMarked"):
        audience = audience_of_call(name, {})
        assert audience is not None and audience.all_desks
