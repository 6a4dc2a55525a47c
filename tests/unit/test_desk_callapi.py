"""Calls in hand over the API: who may do what to which call, what each use leaves in the audit, who hears of it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from core.audit import AuditEntry
from core.clock import ManualClock
from core.events import Event
from desk.access.rights import audience_of_call, receives
from desk.access.users import Users
from desk.app import create_app
from desk.calls.directory import sounds
from desk.calls.happened import fold
from desk.calls.ringclaims import CallClaimed, RingClaims
from tests.desk_fakes import PASSWORD, START, Stage
from tests.unit.conftest import SignIn

CALLER = "13800001234"


@pytest.fixture
async def app(stage: Stage) -> AsyncIterator[FastAPI]:
    made = create_app(stage.services)
    yield made
    made.state.claims.close()


@pytest.fixture
async def sign_in(app: FastAPI) -> AsyncIterator[SignIn]:
    opened: list[httpx.AsyncClient] = []

    async def enter(login: str) -> httpx.AsyncClient:
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://desk")
        opened.append(client)
        assert (await client.post("/api/login", json={"login": login, "password": PASSWORD})).status_code == 200
        return client

    yield enter
    for client in opened:
        await client.aclose()


async def talking(stage: Stage, line: str = "119", call_id: str = "c-1", agent: str = "1001") -> None:
    await stage.city.arrive(call_id, line, CALLER)
    await stage.city.answer(call_id, agent)


async def trail(stage: Stage) -> list[tuple[str, str, str | None, str]]:
    async with stage.services.database.read() as session:
        rows = await session.scalars(select(AuditEntry).where(AuditEntry.what != "sign_in").order_by(AuditEntry.id))
        return [(row.who, row.what, row.call_id, row.detail) for row in rows]


EVERYTHING: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("transfer", {"kind": "desk", "target": "1002"}, ("transfer", "c-1", "desk", "1002", "1001", "")),
    ("consult", {"target": "1002"}, ("consult", "c-1", "1002", "1001")),
    ("consult", {"target": "059585600001", "outside": True}, ("consult", "c-1", "059585600001", "1001", "outside")),
    ("take-back", {}, ("take_back", "c-1", "1001")),
    ("conference", {}, ("conference", "c-1", "1001")),
    ("complete", {"reason": "转三班"}, ("complete", "c-1", "1001", "转三班")),
    ("link", {"group": "medical"}, ("link", "c-1", "medical", "1001")),
    ("leave", {}, ("leave", "c-1", "1001")),
    ("ask-silent", {}, ("ask_silent", "c-1")),
]


@pytest.mark.parametrize(("verb", "body", "asked"), EVERYTHING)
async def test_a_call_taker_may_do_it_to_the_own_call_and_leaves_a_trace(
    stage: Stage, sign_in: SignIn, verb: str, body: dict[str, Any], asked: tuple[str, ...]
) -> None:
    await talking(stage)
    wang = await sign_in("wang")
    answer = await wang.post(f"/api/calls/c-1/{verb}", json=body)
    assert answer.status_code == 200, answer.text
    assert stage.city.asked == [asked]
    ((who, what, call_id, _detail),) = await trail(stage)
    assert (who, what, call_id) == ("wang", verb.replace("-", "_"), "c-1")


@pytest.mark.parametrize(("verb", "body"), [*((v, b) for v, b, _ in EVERYTHING), ("help", {}), ("claim", {})])
async def test_nobody_touches_a_call_in_which_they_are_not(
    stage: Stage, sign_in: SignIn, verb: str, body: dict[str, Any]
) -> None:
    await talking(stage)
    for login in ("chen", "urban", "lin"):
        answer = await (await sign_in(login)).post(f"/api/calls/c-1/{verb}", json=body)
        assert answer.status_code in (403, 409), (login, answer.text)
    gone = await (await sign_in("wang")).post(f"/api/calls/c-9/{verb}", json=body)
    assert gone.status_code == 404
    assert stage.city.asked == [] and await trail(stage) == []


async def test_who_is_rung_into_a_call_can_do_nothing_to_it_before_coming(stage: Stage, sign_in: SignIn) -> None:
    await talking(stage)
    await stage.city.call_in("c-1", "1101")
    su = await sign_in("su")
    # The page shows call card, transcript and ticket from the first ring on.
    seen = (await su.get("/api/calls/c-1")).json()
    assert (seen["caller"], seen["ringing"], seen["ticket"]["caller"]) == (CALLER, ["1101"], CALLER)
    assert (await su.post("/api/calls/c-1/leave")).status_code == 403
    await stage.city.come_in("c-1", "1101")
    assert (await su.post("/api/calls/c-1/leave")).status_code == 200
    assert stage.city.asked == [("leave", "c-1", "1101")]


@pytest.mark.parametrize(
    ("verb", "body"), [(v, b) for v, b, _ in EVERYTHING if v not in ("link", "leave", "ask-silent")]
)
@pytest.mark.parametrize("role", ["link", "consult"])
async def test_a_guest_decides_nothing_over_the_hosts_caller(
    stage: Stage, sign_in: SignIn, verb: str, body: dict[str, Any], role: str
) -> None:
    await talking(stage)
    await stage.city.come_in("c-1", "1101", role)
    su = await sign_in("su")
    assert (await su.post(f"/api/calls/c-1/{verb}", json=body)).status_code == 403
    assert stage.city.asked == [] and await trail(stage) == []
    # The host has left: now it is the guest's own.
    await stage.city.go("c-1", "1001")
    assert (await su.post(f"/api/calls/c-1/{verb}", json=body)).status_code == 200


async def test_a_desk_that_took_part_may_read_the_call_afterwards_and_others_may_not(
    stage: Stage, sign_in: SignIn
) -> None:
    await talking(stage)
    await stage.city.come_in("c-1", "1101")
    await stage.city.go("c-1", "1101")
    su, chen = await sign_in("su"), await sign_in("chen")
    assert (await su.get("/api/calls/c-1")).json()["caller"] == CALLER
    # It takes no part any more: no steps, and not in the list of who does.
    assert (await su.get("/api/calls/c-1/parties")).status_code == 404
    assert (await chen.get("/api/calls/c-1")).status_code == 404
    await stage.city.end("c-1")
    assert (await su.get("/api/calls/c-1")).status_code == 200
    assert (await su.get("/api/calls/c-1/verdict")).status_code == 200
    assert (await chen.get("/api/calls/c-1")).status_code == 404


async def test_between_lines_a_matter_of_the_citys_list_is_the_reason(stage: Stage, sign_in: SignIn) -> None:
    await talking(stage)
    wang = await sign_in("wang")
    body = {"kind": "line", "target": "12345"}
    for reason in ("", "马蜂窝", "有明火或浓烟"):
        answer = await wang.post("/api/calls/c-1/transfer", json={**body, "reason": reason})
        assert (answer.status_code, "清单" in answer.json()["message"]) == (400, True)
    assert stage.city.asked == []
    right = {**body, "reason": "马蜂窝（未伤人）"}
    assert (await wang.post("/api/calls/c-1/transfer", json=right)).status_code == 200
    assert (await trail(stage))[-1][3] == "line 12345 马蜂窝（未伤人）"
    # Nothing was agreed on between 119 and 120: then the call taker says why in own words.
    free = {"kind": "line", "target": "120"}
    assert (await wang.post("/api/calls/c-1/transfer", json=free)).status_code == 400
    assert (await wang.post("/api/calls/c-1/transfer", json={**free, "reason": "有人晕倒"})).status_code == 200


async def test_a_call_that_a_desk_dialled_is_not_passed_on(stage: Stage, sign_in: SignIn) -> None:
    """Redirecting its head would redirect the desk itself."""
    await stage.city.dial("o-1", "1001", CALLER)
    await stage.city.come_in("o-1", "1001", "agent")
    wang = await sign_in("wang")
    for verb, body in (("transfer", {"kind": "desk", "target": "1002"}), ("consult", {"target": "1002"})):
        assert (await wang.post(f"/api/calls/o-1/{verb}", json=body)).status_code == 409
    assert (await wang.post("/api/calls/o-1/link", json={"group": "medical"})).status_code == 200
    state = (await wang.get("/api/state")).json()
    assert (state["call"], state["side"]["call_id"], state["side"]["direction"]) == (None, "o-1", "out")


async def test_guests_are_let_go_and_hosts_are_not(stage: Stage, sign_in: SignIn) -> None:
    await talking(stage)
    await stage.city.come_in("c-1", "1101")
    await stage.city.come_in("c-1", "1009", "supervisor")
    wang, su, he = await sign_in("wang"), await sign_in("su"), await sign_in("he")
    await stage.city.come_in("c-1", "1002")
    for channel in ("ch-1001", "ch-1002", "ch-1009"):
        assert (await su.post("/api/calls/c-1/dismiss", json={"channel": channel})).status_code == 403
    assert (await wang.post("/api/calls/c-1/dismiss", json={"channel": "ch-1009"})).status_code == 403
    assert (await wang.post("/api/calls/c-1/dismiss", json={"channel": "hy1-1.1"})).status_code == 404
    assert (await wang.post("/api/calls/c-1/dismiss", json={"channel": "ch-1101"})).status_code == 200
    assert (await he.post("/api/calls/c-1/dismiss", json={"channel": "ch-1001"})).status_code == 200
    assert stage.city.asked == [("dismiss", "c-1", "ch-1101"), ("dismiss", "c-1", "ch-1001")]


async def test_each_watching_names_who_whom_and_why_and_needs_a_telephone(stage: Stage, sign_in: SignIn) -> None:
    """qpanel#190: spying from the wrong place. The supervisor's own desk is rung, never one that is asked for."""
    await talking(stage)
    he, lin, wang = await sign_in("he"), await sign_in("lin"), await sign_in("wang")
    body = {"mode": "listen", "why": "新员工质检"}
    assert (await wang.post("/api/calls/c-1/watch", json=body)).status_code == 403
    assert (await lin.post("/api/calls/c-1/watch", json=body)).status_code == 403
    for wrong in ({"mode": "listen"}, {"mode": "listen", "why": ""}, {"mode": "record", "why": "x"}):
        assert (await he.post("/api/calls/c-1/watch", json=wrong)).status_code == 422
    assert stage.city.asked == []
    assert (await he.post("/api/calls/c-1/watch", json=body)).status_code == 200
    assert (await he.post("/api/calls/c-1/take-over", json={"why": "情绪失控"})).status_code == 200
    assert (await he.post("/api/calls/c-1/unwatch")).status_code == 200
    assert stage.city.asked == [
        ("watch", "c-1", "listen", "1009"), ("take_over", "c-1", "1009"), ("stop", "c-1", "1009"),
    ]  # fmt: skip
    assert await trail(stage) == [
        ("he", "watch", "c-1", "listen 1001 新员工质检"),
        ("he", "take_over", "c-1", "1001 情绪失控"),
        ("he", "unwatch", "c-1", ""),
    ]
    assert (await he.get("/api/softphone")).json()["extension"] == "1009"
    assert (await lin.get("/api/softphone")).status_code == 403


async def test_help_is_asked_by_who_talks_and_taken_back_by_the_same_or_given_by_a_supervisor(
    stage: Stage, sign_in: SignIn
) -> None:
    await talking(stage)
    wang, chen, he = await sign_in("wang"), await sign_in("chen"), await sign_in("he")
    assert (await wang.post("/api/calls/c-1/help")).status_code == 200
    assert (await wang.get("/api/calls/c-1")).json()["help"] == {"1001": ""}
    assert (await chen.post("/api/calls/c-1/help-given", json={"agent": "1001"})).status_code == 403
    assert (await he.post("/api/calls/c-1/help-given", json={"agent": "1001"})).status_code == 200
    assert (await wang.get("/api/calls/c-1")).json()["help"] == {"1001": "1009"}
    assert (await wang.post("/api/calls/c-1/help-given", json={"agent": "1001"})).status_code == 200
    assert (await wang.get("/api/calls/c-1")).json()["help"] == {}


async def test_the_mode_is_everybodys_to_see_and_a_supervisors_to_switch(stage: Stage, sign_in: SignIn) -> None:
    wang, he = await sign_in("wang"), await sign_in("he")
    assert (await wang.get("/api/mode")).json()["mode"] == "normal"
    wish = {"mode": "typhoon", "reason": "红色预警"}
    assert (await wang.post("/api/mode", json=wish)).status_code == 403
    assert (await he.post("/api/mode", json=wish)).json()["name"] == "台风"
    assert (await wang.get("/api/mode?lang=en")).json()["name"] == "Typhoon"
    assert await trail(stage) == [("he", "mode", None, "typhoon 红色预警")]


async def test_one_of_several_ringing_desks_claims_and_the_others_are_told_until_it_lapses(
    stage: Stage, app: FastAPI, sign_in: SignIn
) -> None:
    told: list[tuple[str | None, str]] = []

    def hear(event: Event) -> None:
        if isinstance(event, CallClaimed):
            told.append((event.call_id, event.agent))

    stop = stage.bus.listen(hear)
    claims: RingClaims = app.state.claims
    assert isinstance(stage.clock, ManualClock)
    await stage.city.arrive("c-1", "119", CALLER)
    for desk in ("1001", "1002"):
        await stage.city.ring("c-1", desk)
    wang, chen = await sign_in("wang"), await sign_in("chen")
    assert (await wang.post("/api/calls/c-1/claim")).json() == {"granted": True, "desk": "1001"}
    assert (await chen.post("/api/calls/c-1/claim")).json() == {"granted": False, "desk": "1001"}
    stage.clock.advance(3.9)
    claims.lapse()
    assert told == [("c-1", "1001")]
    stage.clock.advance(0.2)
    claims.lapse()
    assert told[1:] == [("c-1", "")]
    assert (await chen.post("/api/calls/c-1/claim")).json()["granted"] is True
    # Answered: nobody is told that it rings again.
    await stage.city.answer("c-1", "1002")
    stage.clock.advance(5)
    claims.lapse()
    assert told[2:] == [("c-1", "1002")]
    assert (await wang.post("/api/calls/c-1/claim")).status_code == 409
    stop()


async def test_a_desk_claims_a_call_once_and_in_the_last_resort_not_at_all(
    stage: Stage, app: FastAPI, sign_in: SignIn
) -> None:
    told: list[tuple[str | None, str]] = []

    def hear(event: Event) -> None:
        if isinstance(event, CallClaimed):
            told.append((event.call_id, event.agent))

    stage.bus.listen(hear)
    assert isinstance(stage.clock, ManualClock)
    wang = await sign_in("wang")
    for call_id in ("c-1", "c-2"):
        await stage.city.arrive(call_id, "119", CALLER)
        for desk in ("1001", "1002"):
            await stage.city.ring(call_id, desk)
    for _ in range(3):
        await wang.post("/api/calls/c-1/claim")
        stage.clock.advance(4.1)
    assert (await wang.post("/api/calls/c-1/claim")).json() == {"granted": False, "desk": ""}
    assert told == [("c-1", "1001"), ("c-1", "")], "who goes on clicking is told of once"
    # The next call is another matter, and does not give the first one back to him.
    assert (await wang.post("/api/calls/c-2/claim")).json()["granted"] is True
    assert (await wang.post("/api/calls/c-1/claim")).json()["granted"] is False

    await stage.city.arrive("c-3", "119", CALLER, queue="last-resort")
    for desk in ("1001", "1002"):
        await stage.city.ring("c-3", desk)
    told.clear()
    assert (await wang.post("/api/calls/c-3/claim")).json() == {"granted": False, "desk": ""}
    assert told == []


async def test_who_passed_a_call_on_and_why_stands_on_it(stage: Stage, sign_in: SignIn) -> None:
    await talking(stage)
    await stage.city.pass_on("c-1", "1001", "blind", "1002", "需要闽南语")
    await stage.city.go("c-1", "1001")
    await stage.city.call_in("c-1", "1002", "agent")
    seen = (await (await sign_in("chen")).get("/api/calls/c-1")).json()
    assert seen["passed"] == {
        "agent": "1001", "agent_name": "一号坐席", "kind": "blind", "target": "1002", "reason": "需要闽南语",
    }  # fmt: skip
    assert [p["extension"] for p in seen["called"]] == ["1002"]


async def test_who_hears_of_what(stage: Stage) -> None:
    """The supervisor all of it; that somebody listens, nobody else; a number that a desk dials, only that desk."""
    users = Users(stage.services.database)
    wang, he = await users.get("wang"), await users.get("he")
    assert wang and he

    def hears(event_type: str, **body: Any) -> tuple[bool, bool]:
        audience = audience_of_call(event_type, body)
        assert audience is not None
        assert receives(he, audience)
        return receives(wang, audience), audience.desks_of_call

    assert audience_of_call("CallSupervised", {"agent": "1009", "mode": "listen"}) is None
    assert audience_of_call("CallKept", {"caller": CALLER}) is None
    assert hears("CallArrived", direction="in", caller=CALLER, agent="") == (False, False)
    assert hears("CallArrived", direction="out", caller=CALLER, agent="1001") == (True, False)
    assert hears("CallArrived", direction="out", caller=CALLER, agent="1002") == (False, False)
    assert hears("LegEnded", kind="supervisor", joined=False, extension="1009") == (False, False)
    assert hears("LegEnded", kind="desk", joined=True, extension="1001") == (True, True)
    assert hears("DeskJoined", role="agent", agent="1002") == (True, True)
    assert hears("DeskJoined", role="link", agent="1101") == (False, True)
    assert hears("CallTransferred", agent="1002") == (False, True)
    assert hears("CallMoved", line="119") == (True, False)
    assert hears("HelpAsked", agent="1001") == (True, False)
    assert hears("HelpAsked", agent="1002") == (False, False)


def test_what_happened_is_the_latest_of_each_kind() -> None:
    asked, given = ("HelpAsked", START, {"agent": "1001"}), ("HelpGiven", START, {"agent": "1001", "by": "1009"})
    pressed = ("CallerPressed", START, {"digit": "1"})
    found = fold([asked, given, asked, pressed])
    assert (found.help, [digit for digit, _ in found.pressed], found.passed) == ({"1001": ""}, ["1"], None)
    assert fold([asked, ("HelpGiven", START, {"agent": "1001", "by": "1001"})]).help == {}


def test_a_desk_is_found_by_full_pinyin_and_by_initials() -> None:
    assert sounds("闽南语席") == ("minnanyuxi", "mnyx")
    assert sounds("120急救席") == ("120jijiuxi", "120jjx")


async def test_a_supervisor_goes_on_with_a_call_that_was_taken_over(stage: Stage, sign_in: SignIn) -> None:
    await talking(stage)
    await stage.city.come_in("c-1", "1009", "supervisor")
    await stage.city.go("c-1", "1001")
    he, lin = await sign_in("he"), await sign_in("lin")
    assert "data-state" in (await he.get("/desk")).text
    # Without a telephone there is nothing to go on with.
    assert (await lin.get("/desk")).headers["location"] == (await lin.get("/")).headers["location"] == "/wallboard"
    seen = (await he.get("/api/state")).json()["call"]
    assert (seen["call_id"], seen["agent"], seen["ticket"]["caller"]) == ("c-1", "1009", CALLER)
    assert (await he.post("/api/agent/rejoin", json={})).json() == {"joined": True}
    assert (await lin.post("/api/agent/rejoin", json={})).status_code == 403
    away = {"kind": "desk", "target": "1002"}
    assert (await he.post("/api/calls/c-1/transfer", json=away)).status_code == 200
    assert stage.city.asked == [("transfer", "c-1", "desk", "1002", "1009", "")]


async def test_open_cries_are_told_to_supervisors_until_somebody_comes_or_the_call_ends(
    stage: Stage, sign_in: SignIn
) -> None:
    he, wang = await sign_in("he"), await sign_in("wang")

    async def told() -> list[tuple[str, str]]:
        return [(cry["call_id"], cry["agent"]) for cry in (await he.get("/api/help")).json()["help"]]

    for number, agent in enumerate(("1001", "1002", "1009")):
        await talking(stage, call_id=f"c-{number}", agent=agent)
        await stage.city.ask_help(f"c-{number}", by=agent)
    # One's own cry is for others to hear.
    assert await told() == [("c-0", "1001"), ("c-1", "1002")]
    first = (await he.get("/api/help?lang=en")).json()["help"][0]
    assert (first["agent_name"], first["line"], first["line_name"]) == ("一号坐席", "119", "Fire")
    await stage.city.help_given("c-0", "1001", by="1009")
    assert await told() == [("c-1", "1002")]
    await stage.city.ask_help("c-0", by="1001")
    assert await told() == [("c-1", "1002"), ("c-0", "1001")]
    await stage.city.end("c-1")
    assert await told() == [("c-0", "1001")]
    assert (await wang.get("/api/help")).status_code == 403
