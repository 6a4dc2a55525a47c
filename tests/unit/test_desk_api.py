"""The API and the pages over SQLite: signing in, rights, the life of a ticket, recordings, hostile texts."""

import html
import re
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from core.audit import AuditEntry
from core.clock import ManualClock
from desk.access.auth import COOKIE
from desk.app import create_app
from desk.casebook import HISTORY
from tests.desk_fakes import CITY, FIRE, NOISE, PASSWORD, Stage, write_wav
from tests.unit.conftest import SignIn

CALLER = "13800001234"
HOSTILE = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>"


async def answered(stage: Stage, call_id: str = "c-1", line: str = "12345", caller: str = CALLER) -> str:
    """A call on desk 1001; the id of its draft."""
    await stage.city.arrive(call_id, line, caller)
    await stage.city.ring(call_id, "1001")
    return (await stage.city.answer(call_id, "1001")).id


async def test_nobody_gets_in_without_signing_in(sign_in: SignIn) -> None:
    client = await sign_in("")
    for path in ("/api/state", "/api/tickets", "/api/softphone", "/live", "/api/calls/c-1", "/api/openapi.json"):
        answer = await client.get(path)
        assert answer.status_code == 401 and answer.json()["message"] == "请先登录", path
    for path in ("/desk", "/department", "/tickets/JJ1", "/calls/c-1/recording", "/api/docs"):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}")
    assert (await client.get("/health")).json() == {"status": "ok"}
    assert (await client.get("/login")).status_code == 200


async def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(sign_in: SignIn) -> None:
    client = await sign_in("")
    answer = await client.post("/login", data={"login": "wang", "password": PASSWORD, "next": "/desk?lang=en"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk?lang=en")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie
    wrong = await client.post("/login", data={"login": "wang", "password": "no", "next": ""})
    assert wrong.status_code == 401 and "用户名或密码不正确" in wrong.text


async def test_a_session_survives_a_restart_and_ends_with_its_time(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("wang")
    restarted = create_app(stage.services)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(restarted), base_url="http://desk.test", cookies=client.cookies
    ) as later:
        assert (await later.get("/api/state")).json()["me"]["login"] == "wang"
        assert isinstance(stage.clock, ManualClock)
        stage.clock.advance(timedelta(hours=14).total_seconds())
        assert (await later.get("/api/state")).status_code == 401


async def test_a_forged_or_foreign_cookie_is_nobody(sign_in: SignIn) -> None:
    client = await sign_in("wang")
    token = client.cookies[COOKIE]
    other = await sign_in("")
    for forged in ("", "x", token[:-2] + "AA", "W10.aaaa"):
        other.cookies.set(COOKIE, forged)
        assert (await other.get("/api/state")).status_code == 401


async def test_a_new_password_ends_the_old_sessions(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("wang")
    auth = (await sign_in(""))._transport.app.state.auth  # type: ignore[attr-defined]
    await auth._users.add(CITY.people[0].model_copy(update={"password": "another-one"}))
    assert (await client.get("/api/state")).status_code == 401


async def test_guessing_is_locked_out_and_everything_is_audited(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("")
    for _ in range(5):
        answer = await client.post("/api/login", json={"login": "wang", "password": "wrong"})
        assert answer.status_code == 401
    right = await client.post("/api/login", json={"login": "wang", "password": PASSWORD})
    assert right.status_code == 401 and "密码错误次数过多" in right.json()["message"]
    async with stage.services.database.read() as session:
        entries = list(await session.scalars(select(AuditEntry.what)))
    assert entries == ["sign_in_failed"] * 5


async def test_another_sites_page_cannot_act_for_a_signed_in_person(sign_in: SignIn) -> None:
    client = await sign_in("wang")
    body = {"state": "ready"}
    for headers in (
        {"Origin": "http://elsewhere.test"},
        {"Origin": "null"},
        {"Origin": "http://desk.test:81"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        assert (await client.post("/api/agent/state", json=body, headers=headers)).status_code == 403, headers
    own = {"Origin": "http://desk.test", "Sec-Fetch-Site": "same-origin"}
    assert (await client.post("/api/agent/state", json=body, headers=own)).status_code == 200


async def test_pages_may_load_nothing_from_elsewhere(sign_in: SignIn) -> None:
    client = await sign_in("wang")
    answer = await client.get("/desk")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.search(r'(?:src|href|action)="(?:https?:)?//', answer.text)
    assert "style=" not in answer.text and not re.search(r"\son\w+=", answer.text)


async def test_the_state_holds_all_that_a_refreshed_page_needs(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("wang")
    await answered(stage, "c-0")
    await stage.city.end("c-0")
    ticket_id = await answered(stage, "c-1", "119")
    await stage.city.say("c-1", "华洲村这边冒烟了")
    await stage.city.judge("c-1", FIRE)
    state = (await client.get("/api/state")).json()
    call = state["call"]
    assert (call["call_id"], call["line"], call["caller"], call["state"]) == ("c-1", "119", CALLER, "talking")
    assert call["emergency"] and call["line_name"] == "火警"
    assert [u["text"] for u in call["transcript"]] == ["华洲村这边冒烟了"]
    assert call["verdict"]["outcome"] == "emergency"
    assert [c["name"] for c in call["verdict"]["candidates"]] == ["建筑火灾", "车辆火灾"]
    assert call["ticket"]["id"] == ticket_id and call["ticket"]["place"] == "池店镇华洲村"
    assert [c["call_id"] for c in call["history"]["calls"]] == ["c-0"]
    assert call["history"]["open"] == 1
    assert state["drafts"][0]["call_id"] == "c-0"
    english = (await client.get("/api/state?lang=en")).json()["call"]
    assert english["line_name"] == "Fire" and english["ticket"]["state_name"] == "Call taken"


async def test_the_page_in_wrap_up_and_the_forgotten_draft_come_back_too(stage: Stage, sign_in: SignIn) -> None:
    client = await sign_in("wang")
    await answered(stage)
    await stage.city.end("c-1")
    assert (await client.get("/api/state")).json()["call"]["state"] == "ended"
    await client.post("/api/agent/finish", json={})
    state = (await client.get("/api/state")).json()
    assert state["agents"][0]["state"] == "ready" and state["call"]["call_id"] == "c-1"


async def test_callers_numbers_of_other_desks_stay_hidden(stage: Stage, sign_in: SignIn) -> None:
    await answered(stage, "c-1")
    await stage.city.arrive("c-2", "120", "13900000000")
    own, other, lead = await sign_in("wang"), await sign_in("chen"), await sign_in("lin")
    numbers = {c["call_id"]: c["caller"] for c in (await own.get("/api/state")).json()["calls"]}
    assert numbers == {"c-1": CALLER, "c-2": None}
    answer = await other.get("/api/state")
    assert CALLER not in answer.text and "13900000000" not in answer.text
    assert "13900000000" in (await lead.get("/api/state")).text
    assert (await other.get("/api/calls/c-1")).status_code == 404
    assert (await other.get("/api/calls/c-1/verdict")).status_code == 404
    assert (await own.get("/api/calls/c-1")).status_code == 200


async def test_every_desk_that_rings_sees_the_call_until_one_answers(stage: Stage, sign_in: SignIn) -> None:
    wang, chen = await sign_in("wang"), await sign_in("chen")
    await stage.city.arrive("c-1", "119", CALLER)
    assert (await chen.get("/api/calls/c-1")).status_code == 404
    await stage.city.ring("c-1", "1001")
    await stage.city.ring("c-1", "1002")
    await stage.city.say("c-1", "着火了")
    for client in (wang, chen):
        card = (await client.get("/api/calls/c-1")).json()
        assert (card["line"], card["emergency"], card["caller"], card["state"]) == ("119", True, CALLER, "ringing")
        assert [u["text"] for u in card["transcript"]] == ["着火了"]
        state = (await client.get("/api/state")).json()
        assert state["call"]["call_id"] == "c-1" and [c["caller"] for c in state["calls"]] == [CALLER]
        assert (await client.get("/api/calls/c-1/verdict")).status_code == 200
        assert (await client.post("/api/calls/c-1/hangup")).status_code == 403
    await stage.city.answer("c-1", "1002")
    assert (await chen.get("/api/calls/c-1")).json()["state"] == "talking"
    for path in ("/api/calls/c-1", "/api/calls/c-1/verdict"):
        assert (await wang.get(path)).status_code == 404
    state = await wang.get("/api/state")
    assert state.json()["call"] is None and CALLER not in state.text
    await stage.city.end("c-1")
    assert (await wang.get("/api/calls/c-1")).status_code == 404
    assert (await chen.get("/api/calls/c-1")).status_code == 200


async def test_a_desk_that_talks_keeps_its_call_when_another_rings_everywhere(stage: Stage, sign_in: SignIn) -> None:
    chen = await sign_in("chen")
    await stage.city.arrive("c-1", "119", CALLER)
    await stage.city.arrive("c-2", "12345", "13900000000")
    await stage.city.answer("c-2", "1002")
    await stage.city.ring("c-1", "1001")
    await stage.city.ring("c-1", "1002")
    assert (await chen.get("/api/state")).json()["call"]["call_id"] == "c-2"


async def test_agent_states_rejoin_and_hangup_are_for_the_own_desk(stage: Stage, sign_in: SignIn) -> None:
    wang, chen, fire = await sign_in("wang"), await sign_in("chen"), await sign_in("fire")
    await wang.post("/api/agent/state", json={"state": "paused", "reason": "用餐"})
    assert (stage.city.states["1001"].state, stage.city.states["1001"].reason) == ("paused", "用餐")
    assert (await wang.post("/api/agent/state", json={"state": "talking"})).status_code == 422
    assert (await fire.post("/api/agent/state", json={"state": "ready"})).status_code == 403
    await answered(stage)
    assert (await wang.post("/api/agent/rejoin")).json() == {"joined": True}
    assert (await chen.post("/api/agent/rejoin")).json() == {"joined": False}
    assert stage.city.rejoined == ["1001", "1002"]
    assert (await chen.post("/api/calls/c-1/hangup")).status_code == 403
    assert (await wang.post("/api/calls/c-1/hangup")).status_code == 200
    assert stage.city.hung_up == ["c-1"]


async def test_the_softphones_account_is_for_call_takers_only(stage: Stage, sign_in: SignIn) -> None:
    wang = await sign_in("wang")
    assert (await wang.get("/api/softphone")).json() == {
        "ws": "ws://127.0.0.1:8088/ws",
        "uri": "sip:1001@127.0.0.1",
        "extension": "1001",
        "password": "sip-1001",
        "ice": [],
    }
    encrypted = (await wang.get("https://desk.test/api/softphone", headers={"Cookie": _cookie(wang)})).json()
    assert encrypted["ws"] == "wss://desk.test/ws"
    for login in ("fire", "lin"):
        assert (await (await sign_in(login)).get("/api/softphone")).status_code == 403


async def test_a_ticket_goes_from_the_call_to_the_departments_result(stage: Stage, sign_in: SignIn) -> None:
    wang, urban, fire = await sign_in("wang"), await sign_in("urban"), await sign_in("fire")
    ticket_id = await answered(stage)
    await stage.city.judge("c-1", NOISE)
    draft = (await wang.get("/api/tickets?call_id=c-1")).json()[0]
    assert draft["department"] == "urban" and "file" in draft["actions"]
    assert (await urban.get("/api/tickets")).json()[0]["id"] == ticket_id
    edited = await wang.post(
        f"/api/tickets/{ticket_id}", json={"fields": {"place": "梅岭街道"}, "version": draft["version"]}
    )
    assert edited.json()["touched"] == ["place"]
    submitted = (
        await wang.post(f"/api/tickets/{ticket_id}/submit", json={"fields": {"contact_name": "黄先生"}})
    ).json()
    assert (submitted["state"], submitted["contact_name"], submitted["place"]) == ("dispatched", "黄先生", "梅岭街道")
    assert submitted["due_at"] == "2026-11-21T01:30:00+00:00"
    assert (await fire.post(f"/api/tickets/{ticket_id}/accept")).status_code == 404
    assert (await wang.post(f"/api/tickets/{ticket_id}/accept")).status_code == 403
    assert (await urban.post(f"/api/tickets/{ticket_id}/accept")).json()["state"] == "handling"
    assert (await urban.post(f"/api/tickets/{ticket_id}/report", json={"result": ""})).status_code == 422
    reported = await urban.post(f"/api/tickets/{ticket_id}/report", json={"result": "已责令停工"})
    assert reported.json()["state"] == "callback"
    assert [t["number"] for t in (await urban.get("/api/tickets?state=callback")).json()] == [submitted["number"]]
    assert (await urban.get("/api/tickets?state=closed")).json() == []
    whole = (await urban.get(f"/api/tickets/{ticket_id}")).json()
    assert [h["after"] for h in whole["history"]][-1] == "callback" and len(whole["callbacks"]) == 1
    page = await urban.get(f"/tickets/{submitted['number']}")
    assert "已责令停工" in page.text and "待拨" in page.text


async def test_refusing_sends_the_ticket_back_and_the_supervisor_dispatches_it_again(
    stage: Stage, sign_in: SignIn
) -> None:
    wang, urban, lead = await sign_in("wang"), await sign_in("urban"), await sign_in("lin")
    ticket_id = await answered(stage)
    await stage.city.judge("c-1", NOISE)
    await wang.post(f"/api/tickets/{ticket_id}/submit", json={})
    assert "接单" in (await urban.get("/department")).text
    assert (await urban.post(f"/api/tickets/{ticket_id}/refuse", json={"reason": "属住建部门"})).json()[
        "state"
    ] == "filed"
    part = await lead.get("/department?tab=refused&part=1")
    assert "立即派遣" in part.text and "<html" not in part.text
    again = await lead.post(f"/api/tickets/{ticket_id}/submit", json={"fields": {"department": "centre"}})
    assert (again.json()["state"], again.json()["department"]) == ("dispatched", "centre")
    assert (await urban.get(f"/api/tickets/{ticket_id}")).status_code == 404
    assert (await wang.get("/department")).status_code == 403


async def test_two_who_save_the_same_field_are_told_of_each_other(stage: Stage, sign_in: SignIn) -> None:
    wang, lead = await sign_in("wang"), await sign_in("lin")
    ticket_id = await answered(stage)
    version = (await wang.get(f"/api/tickets/{ticket_id}")).json()["version"]
    await lead.post(f"/api/tickets/{ticket_id}", json={"fields": {"place": "青阳街道"}, "version": version})
    stale = await wang.post(f"/api/tickets/{ticket_id}", json={"fields": {"place": "梅岭街道"}, "version": version})
    assert stale.status_code == 409
    assert stale.json()["differences"] == [{"field": "place", "mine": "梅岭街道", "theirs": "青阳街道", "by": "lin"}]
    again = await wang.post(
        f"/api/tickets/{ticket_id}", json={"fields": {"place": "梅岭街道"}, "version": stale.json()["version"]}
    )
    assert again.json()["place"] == "梅岭街道"


async def test_errors_speak_the_readers_language(stage: Stage, sign_in: SignIn) -> None:
    wang = await sign_in("wang")
    ticket_id = await answered(stage)
    body = {"fields": {"code": "Z999"}, "version": 1}
    assert (await wang.post(f"/api/tickets/{ticket_id}", json=body)).json()["message"] == "没有这个类别（Z999）"
    english = await wang.post(f"/api/tickets/{ticket_id}?lang=en", json=body)
    assert english.json()["message"] == "There is no such category (Z999)"
    assert (await wang.get("/tickets/nothing")).status_code == 404
    assert (await wang.get("/no/such/page")).status_code == 404
    page = await wang.get("/desk?lang=en")
    assert "Answer" in page.text and "接听" not in re.sub(r"<script type=.application/json.*?</script>", "", page.text)
    assert page.cookies["lang"] == "en"


async def test_a_recording_is_played_in_ranges_by_those_who_may_and_leaves_a_trace(
    stage: Stage, sign_in: SignIn
) -> None:
    await answered(stage)
    await stage.city.judge("c-1", NOISE)
    write_wav(stage.services.settings.recordings / "c-1.wav")
    await stage.city.end("c-1", "c-1.wav")
    wang, chen, lead = await sign_in("wang"), await sign_in("chen"), await sign_in("lin")
    urban, fire = await sign_in("urban"), await sign_in("fire")
    whole = await lead.get("/calls/c-1/recording")
    assert whole.status_code == 200 and whole.headers["accept-ranges"] == "bytes"
    part = await wang.get("/calls/c-1/recording", headers={"Range": "bytes=44-143"})
    assert part.status_code == 206 and part.content == whole.content[44:144]
    assert (await urban.get("/calls/c-1/recording")).status_code == 200
    for client in (chen, fire):
        assert (await client.get("/calls/c-1/recording")).status_code == 404
    assert (await lead.get("/calls/c-9/recording")).status_code == 404
    async with stage.services.database.read() as session:
        entries = await session.execute(
            select(AuditEntry.who, AuditEntry.call_id, AuditEntry.detail).where(AuditEntry.what == "recording")
        )
        assert [tuple(entry) for entry in entries] == [
            ("lin", "c-1", ""),
            ("wang", "c-1", "bytes=44-143"),
            ("urban", "c-1", ""),
        ]


async def test_hostile_texts_never_become_markup(stage: Stage, sign_in: SignIn) -> None:
    wang, lead = await sign_in("wang"), await sign_in("lin")
    ticket_id = await answered(stage, "c-1", "12345", HOSTILE[:80])
    await stage.city.say("c-1", HOSTILE)
    await stage.city.judge("c-1", NOISE)
    version = (await wang.get(f"/api/tickets/{ticket_id}")).json()["version"]
    hostile_fields = {name: HOSTILE[:60] for name in ("place", "contact_name", "summary", "description")}
    saved = await wang.post(f"/api/tickets/{ticket_id}", json={"fields": hostile_fields, "version": version})
    number = saved.json()["number"]
    await wang.post(f"/api/tickets/{ticket_id}/submit", json={})
    await lead.post(f"/api/tickets/{ticket_id}/refuse", json={"reason": HOSTILE})
    await stage.city.end("c-1")
    pages = [
        (lead, f"/tickets/{number}"),
        (wang, f"/tickets/{number}"),
        (lead, "/department?tab=refused"),
        (lead, "/department?department=" + HOSTILE),
        (wang, "/desk"),
        (wang, "/login?next=/" + HOSTILE),
    ]
    for client, path in pages:
        text = (await client.get(path)).text
        assert "<img" not in text and "<script>" not in text and "onerror=alert(1)>" not in text, path
    assert html.escape(HOSTILE[:60], quote=False)[:20] in (await lead.get(f"/tickets/{number}")).text
    login = await wang.post("/login", data={"login": HOSTILE[:60], "password": "x", "next": ""})
    assert "<img" not in login.text


async def test_scripts_put_text_on_the_page_only_as_text() -> None:
    scripts = sorted((Path(__file__).parents[2] / "desk" / "web" / "src").glob("*.js"))
    found = [
        (file.name, line.strip())
        for file in scripts
        for line in file.read_text(encoding="utf-8").splitlines()
        if re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc", line)
    ]
    # The one place: a part of a page that our own escaping templates rendered.
    assert found == [("drawn.js", "place.innerHTML = html;")]


async def test_the_history_beside_a_call_is_bounded(stage: Stage, sign_in: SignIn) -> None:
    wang = await sign_in("wang")
    for number in range(HISTORY + 3):
        await answered(stage, f"old-{number}")
        await stage.city.end(f"old-{number}")
    await answered(stage, "c-1", caller="+86 138 0000 1234")
    history = (await wang.get("/api/calls/c-1")).json()["history"]
    assert len(history["tickets"]) == HISTORY and history["open"] == HISTORY + 3


@pytest.mark.parametrize("withheld", ["anonymous", "", "unknown"])
async def test_callers_without_a_number_share_no_history(stage: Stage, sign_in: SignIn, withheld: str) -> None:
    wang = await sign_in("wang")
    await answered(stage, "old", caller=withheld)
    await stage.city.end("old")
    await answered(stage, "c-1", caller=withheld)
    assert (await wang.get("/api/calls/c-1")).json()["history"] == {"calls": [], "tickets": [], "open": 0}


async def test_the_api_describes_itself_to_signed_in_people(sign_in: SignIn) -> None:
    wang = await sign_in("wang")
    assert "/api/tickets/{ticket_id}/submit" in (await wang.get("/api/openapi.json")).json()["paths"]
    page = await wang.get("/api/docs")
    assert page.status_code == 200 and "/api/agent/rejoin" in page.text and "<script src" not in page.text


def _cookie(client: httpx.AsyncClient) -> str:
    return f"{COOKIE}={client.cookies[COOKIE]}"
