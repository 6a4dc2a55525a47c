"""Quality at the desk: who sees and does what, that a blind score stays blind, what is told to whom, Excel."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO

import httpx
import pytest
from openpyxl import load_workbook
from sqlalchemy import event, func, select, update

from core.audit import AuditEntry
from desk.access.rights import audience_of_call, receives
from desk.access.users import UserRow, Users
from desk.app import create_app
from desk.services import DeskServices
from quality.listening.tables import PrivatePart
from quality.reports.tables import QualityReport
from quality.reviews.service import Answers, scores
from quality.reviews.tables import Review, ReviewScore
from quality.sampling.assign import Reviewer
from tests.desk_fakes import PASSWORD, Stage
from tests.quality_scene import GOOD, POOR, REVIEWERS, quality_services, weeks_of_quality, yesterdays_calls
from tests.unit.conftest import SignIn
from ticketing.actor import Actor

LIN = Actor("lin", "supervisor")
OVERSEERS = (
    "/quality/oversight", "/quality/sampling", "/quality/calibration", "/quality/reports", "/quality/reports.xlsx",
    "/quality/reports/cases?period=2026-11&what=calls",
)  # fmt: skip


@dataclass
class Scene:
    """Yesterday's shift, drawn; one review of Wang's that nobody scores a second time, scored poorly."""

    services: DeskServices
    sign_in: SignIn
    review: Review
    blind: Review

    @property
    def first(self) -> Actor:
        return Actor(self.review.reviewer, "reviewer")

    async def released(self) -> None:
        await self.services.reviews.begin(self.review.id, self.first)
        await self.services.reviews.score(self.review.id, self.first, POOR)
        await self.services.reviews.release(self.review.id, LIN)


@pytest.fixture
async def scene(stage: Stage) -> AsyncIterator[Scene]:
    services = await quality_services(stage.services)
    await yesterdays_calls(services)
    day = services.clock.now().date() - timedelta(days=1)
    people = [Reviewer(login) for login in REVIEWERS]
    draw = await services.reviews.draw(day, services.reviews.shift("day"), people, LIN)
    async with services.database.read() as session:
        drawn = list(await session.scalars(select(Review).where(Review.draw_id == draw.id).order_by(Review.id)))
    double = {one.call_id for one in drawn if one.copy}
    review = next(one for one in drawn if one.agent == "wang" and one.call_id not in double)
    app = create_app(services)

    async def client(login: str) -> httpx.AsyncClient:
        made = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk.test")
        await ending.enter_async_context(made)
        assert (await made.post("/api/login", json={"login": login, "password": PASSWORD})).status_code == 200
        return made

    async with app.router.lifespan_context(app), AsyncExitStack() as ending:
        yield Scene(services, client, review, next(one for one in drawn if one.copy))


async def test_what_is_the_supervisors_is_nobody_elses(scene: Scene) -> None:
    calls = {
        "/api/quality/oversight": {"action": "void", "reviews": [scene.review.id], "why": "x"},
        "/api/quality/sampling": {"day": "2026-11-18", "shift": "day"},
        "/api/quality/calibration/order": {"call_id": scene.review.call_id},
        f"/api/quality/sampling/{scene.review.draw_id}/proof": {},
        "/api/quality/coaching": {"agent": "chen", "aim": "x", "until": "2026-11-30", "next_on": "2026-11-30"},
    }
    for login in ("wang", "zhi", "fire"):
        someone = await scene.sign_in(login)
        for page in (*OVERSEERS, f"/quality/sampling/{scene.review.draw_id}", "/quality/coaching/chen"):
            assert (await someone.get(page)).status_code == 403, (login, page)
        for path, body in calls.items():
            assert (await someone.post(path, json=body)).status_code == 403, (login, path)
    fire = await scene.sign_in("fire")
    for page in ("/quality", "/quality/appeals", "/api/quality/waiting"):
        assert (await fire.get(page)).status_code == 403
    lin = await scene.sign_in("lin")
    for page in (*OVERSEERS, f"/quality/sampling/{scene.review.draw_id}", "/quality/coaching", "/quality/coaching/wang",
                 "/quality/appeals"):  # fmt: skip
        for lang in ("zh", "en"):
            assert (await lin.get(page, params={"lang": lang} if "?" not in page else None)).status_code == 200, page


async def test_a_call_taker_sees_his_own_review_once_it_is_published_and_no_others(scene: Scene) -> None:
    wang, chen, page = await scene.sign_in("wang"), await scene.sign_in("chen"), f"/quality/appeals/{scene.review.id}"
    assert (await wang.get(page)).status_code == 403
    assert 'data-test="review"' not in (await wang.get("/quality/appeals")).text
    await scene.released()
    shown = (await wang.get(page)).text
    assert "66.0" in shown and "行了行了，我知道在哪" in shown and 'data-test="appeal"' in shown
    # Whoever scored is not named to him.
    assert not any(name in shown for name in ("周质检", "柯质检", "卢质检"))
    assert not any(re.search(rf"\b{login}\b", shown) for login in REVIEWERS)
    assert (await chen.get(page)).status_code == 403
    assert (await chen.post(f"/api/quality/reviews/{scene.review.id}/appeal", json={"why": "x"})).status_code == 403
    assert (await wang.get("/api/quality/waiting")).json()["open"] == 1
    assert (await chen.get("/api/quality/waiting")).json()["open"] == 0


async def test_a_call_taker_does_not_read_what_was_marked_as_private(scene: Scene) -> None:
    await scene.released()
    async with scene.services.database.work() as work:
        work.session.add(
            PrivatePart(
                call_id=scene.review.call_id, utterance_id="u-1", start=5, end=10, words="我知道在哪", from_s=12.0,
                to_s=15.0, why="住址", by="zhi", at=scene.services.clock.now(),
            )
        )  # fmt: skip
        last = (await scores(work.session, scene.review.id))[-1]
        last.evidence = {"address": [{"utterance_id": "u-1", "second": 12.5, "words": "行了行了，我知道在哪"}]}
    page = f"/quality/appeals/{scene.review.id}"
    told = (await (await scene.sign_in("wang")).get(page)).text
    assert "我知道在哪" not in told and "已遮蔽" in told
    assert "我知道在哪" in (await (await scene.sign_in("lin")).get(page)).text


async def test_a_blind_second_score_is_shown_to_nobody_outside_calibration(scene: Scene) -> None:
    blind, services = scene.blind, scene.services
    own = Actor(blind.reviewer, "reviewer")
    await services.reviews.begin(blind.id, own)
    await services.reviews.score(blind.id, own, Answers({**GOOD, "demand": 4}, None, "盲评"))  # 97.0
    lin, agent = await scene.sign_in("lin"), await scene.sign_in(blind.agent)
    assert (await agent.get(f"/quality/appeals/{blind.id}")).status_code == 403
    assert (await lin.get(f"/quality/appeals/{blind.id}")).status_code == 403
    for page in ("/quality/oversight", f"/quality/sampling/{blind.draw_id}", "/quality/reports", "/quality/appeals"):
        assert "97.0" not in (await lin.get(page)).text
    for login in REVIEWERS:
        someone = await scene.sign_in(login)
        assert (await someone.get(f"/quality/calibration/{blind.call_id}")).status_code in (400, 403)
    released = await lin.post("/api/quality/oversight", json={"action": "release", "reviews": [blind.id]})
    assert released.json()["done"] == 0


async def test_an_appeal_goes_to_a_second_person_who_may_change_the_score(scene: Scene) -> None:
    await scene.released()
    wang = await scene.sign_in("wang")
    path = f"/api/quality/reviews/{scene.review.id}"
    assert (await wang.post(f"{path}/appeal", json={"why": " "})).status_code == 400
    assert (await wang.post(f"{path}/appeal", json={"why": "复述过"})).json() == {"state": "appealed"}
    first = await scene.sign_in(scene.review.reviewer)
    second = await scene.sign_in(next(one for one in REVIEWERS if one != scene.review.reviewer))
    assert scene.review.id not in (await first.get("/quality/appeals")).text
    assert scene.review.id in (await second.get("/quality/appeals")).text
    fields = {f"item.{key}": str(answer) for key, answer in GOOD.items()}
    for someone in (wang, first):
        assert (await someone.post(f"{path}/uphold", json={"why": "x"})).status_code == 403
        assert (await someone.post(f"{path}/change", json={"fields": {**fields, "why": "x"}})).status_code == 403
    page = (await second.get(f"/quality/appeals/{scene.review.id}")).text
    assert "复述过" in page and not any(name in page.split("<main")[1] for name in ("周质检", "柯质检", "卢质检"))
    missing = {key: value for key, value in fields.items() if key != "item.address"}
    assert (await second.post(f"{path}/change", json={"fields": {**missing, "why": "x"}})).status_code == 400
    assert (
        await second.post(f"{path}/change", json={"fields": {**fields, "item.demand": "9", "why": "x"}})
    ).status_code == 400
    assert (await second.post(f"{path}/change", json={"fields": {**fields, "why": "录音里有"}})).json() == {
        "state": "changed"
    }
    shown = (await wang.get(f"/quality/appeals/{scene.review.id}")).text
    assert "66.0" in shown and "100.0" in shown and "录音里有" in shown
    async with scene.services.database.read() as session:
        seen = set(await session.scalars(select(AuditEntry.who).where(AuditEntry.what == "review")))
    assert seen >= {next(one for one in REVIEWERS if one != scene.review.reviewer)}


async def test_many_reviews_are_moved_at_once_and_what_cannot_be_is_said(scene: Scene) -> None:
    lin = await scene.sign_in("lin")
    move = "/api/quality/oversight"
    assert (await lin.post(move, json={"action": "assign", "reviews": ["x"], "reviewer": "wang"})).status_code == 400
    assert (await lin.post(move, json={"action": "release", "reviews": []})).status_code == 422
    assert (await lin.post(move, json={"action": "release", "reviews": ["x"] * 201})).status_code == 422
    to = next(one for one in REVIEWERS if one != scene.review.reviewer)
    answer = await lin.post(move, json={"action": "assign", "reviews": [scene.review.id, "none"], "reviewer": to})
    assert (answer.json()["done"], [one["review"] for one in answer.json()["refused"]]) == (1, ["none"])
    voided = await lin.post(f"{move}?lang=en", json={"action": "void", "reviews": [scene.review.id], "why": ""})
    assert voided.json()["refused"][0]["message"] == "Give a reason"
    assert (await lin.post(move, json={"action": "void", "reviews": [scene.review.id], "why": "录音缺失"})).json()[
        "done"
    ] == 1
    page = (await lin.get("/quality/oversight", params={"state": "void"})).text
    assert page.count('data-test="review"') == 1 and scene.review.id in page


async def test_late_reviews_are_marked_and_found(scene: Scene) -> None:
    lin = await scene.sign_in("lin")
    assert (await lin.get("/quality/oversight", params={"late": "1"})).text.count('data-test="review"') == 0
    scene.services.clock.advance(9 * 86_400)  # type: ignore[attr-defined]
    lin = await scene.sign_in("lin")
    late = (await lin.get("/quality/oversight", params={"late": "1"})).text
    assert late.count('data-test="review"') > 5 and "逾期" in late
    assert (await lin.get("/api/quality/waiting")).json()["open"] == late.count('data-test="review"')


async def test_a_shift_is_drawn_and_proved_by_buttons(scene: Scene) -> None:
    lin = await scene.sign_in("lin")
    before = {"day": "2026-11-18", "shift": "day"}
    draw = (await lin.post("/api/quality/sampling", json=before)).json()["draw"]
    assert (await lin.post("/api/quality/sampling", json=before)).status_code == 409
    assert (await lin.post("/api/quality/sampling", json={"day": "2026-11-20", "shift": "day"})).status_code == 403
    assert (await lin.post("/api/quality/sampling", json={"day": "2026-11-18", "shift": "x"})).status_code == 400
    for of in (draw, scene.review.draw_id):
        assert (await lin.post(f"/api/quality/sampling/{of}/proof")).json() == {"faults": []}
    page = (await lin.get(f"/quality/sampling/{scene.review.draw_id}")).text
    assert scene.review.call_id in page and "40 通已接电话中抽取" in page


async def test_a_plan_is_made_read_by_its_own_call_taker_and_followed_up(scene: Scene) -> None:
    lin, wang, chen = [await scene.sign_in(login) for login in ("lin", "wang", "chen")]
    today = scene.services.coaching.today
    plan = {"agent": "wang", "aim": "<b>报线路</b>", "item": "greeting", "until": str(today + timedelta(days=9)),
            "next_on": str(today)}  # fmt: skip
    made = (await lin.post("/api/quality/coaching", json=plan)).json()["plan"]
    assert (await wang.get("/quality/coaching")).headers["location"] == "/quality/coaching/wang"
    page = (await wang.get("/quality/coaching/wang")).text
    assert "&lt;b&gt;报线路" in page and 'data-test="read"' in page and 'data-test="make"' not in page
    assert (await chen.get("/quality/coaching/wang")).status_code == 403
    assert (await chen.post(f"/api/quality/coaching/{made}/read")).status_code == 403
    assert (await wang.post(f"/api/quality/coaching/{made}/read")).json() == {"state": "agreed"}
    note = {"note": "听了录音", "next_on": str(today + timedelta(days=5))}
    assert (await wang.post(f"/api/quality/coaching/{made}/follow", json=note)).status_code == 403
    assert (await lin.post(f"/api/quality/coaching/{made}/follow", json=note)).json() == {"state": "agreed"}
    assert (await lin.post(f"/api/quality/coaching/{made}/meet", json={"note": "做到了"})).json() == {"state": "met"}
    assert "听了录音" in (await wang.get("/quality/coaching/wang")).text


async def test_names_are_shown_in_a_meeting_when_they_are_asked_for(scene: Scene) -> None:
    await weeks_of_quality(scene.services, calls=120)
    cards = await scene.services.calibration.cards()
    meeting = (await scene.services.calibration.differing(cards[0][0]))[0]
    path = f"/quality/calibration/{meeting.call_id}"
    lin = await scene.sign_in("lin")
    names = await Users(scene.services.database).names()
    sides = [names[one.reviewer] for one in meeting.scores]
    hidden = (await lin.get(path)).text
    assert not any(name in hidden for name in sides)
    revealed = (await lin.get(path, params={"reveal": "1"})).text
    assert all(name in revealed for name in sides)
    own = await scene.sign_in(meeting.scores[0].reviewer)
    asked = (await own.get(path, params={"reveal": "1"})).text.split("<main")[1]
    assert not any(name in asked for name in sides)
    other = await scene.sign_in(next(one for one in REVIEWERS if one not in {s.reviewer for s in meeting.scores}))
    assert (await other.get(path)).status_code == 403
    item = meeting.differences[0].item
    agreed = {"item": item.key, "answer": "no" if item.kind == "yes_no" else "3", "note": "以录音为准"}
    assert (await own.post(f"/api{path}", json=agreed)).status_code == 403
    assert (await lin.post(f"/api{path}", json={**agreed, "answer": "maybe"})).status_code in (400, 422)
    assert (await lin.post(f"/api{path}", json=agreed)).status_code == 200
    assert "以录音为准" in (await lin.get(path)).text


async def test_excel_has_the_figures_of_the_page_as_numbers(scene: Scene) -> None:
    await weeks_of_quality(scene.services, calls=120)
    lin = await scene.sign_in("lin")
    for by in ("agent", "item"):
        answer = await lin.get("/quality/reports.xlsx", params={"period": "2026-11", "by": by})
        rows = list(load_workbook(BytesIO(answer.content)).active.iter_rows(values_only=True))
        assert len(rows) > 5
        if by == "agent":
            total, page = rows[-1], (await lin.get("/quality/reports", params={"period": "2026-11"})).text
            assert total[2] == sum(row[2] for row in rows[1:-1]) and f">{total[2]}</a>" in page
    assert (await lin.get("/quality/reports", params={"period": "2026"})).status_code == 400
    assert (await lin.get("/quality/reports", params={"by": "x"})).status_code == 422


async def test_a_frozen_report_stays_as_it_was_whatever_is_decided_later(scene: Scene) -> None:
    await weeks_of_quality(scene.services, calls=120)
    lin, month = await scene.sign_in("lin"), {"period": "2026-10"}
    assert (await (await scene.sign_in("wang")).post("/quality/reports/freeze", data=month)).status_code == 403
    early = await lin.post("/quality/reports/freeze", data={"period": "2026-11"})
    assert early.status_code == 400 and "还没有结束" in early.text

    async def figures(by: str, version: int) -> tuple[str, list[tuple[object, ...]]]:
        asked = {**month, "by": by, "version": str(version)}
        answer = await lin.get("/quality/reports.xlsx", params=asked)
        page = (await lin.get("/quality/reports", params=asked)).text
        return page, list(load_workbook(BytesIO(answer.content)).active.iter_rows(values_only=True))

    before = {by: (await figures(by, 0))[1] for by in ("agent", "desk", "line", "category", "item")}
    done = await lin.post("/quality/reports/freeze", data=month, follow_redirects=False)
    assert done.headers["location"] == "/quality/reports?period=2026-10&version=1"
    async with scene.services.database.work() as work:
        await work.session.execute(update(ReviewScore).values(tenths=100, passed=False))
        await work.session.execute(update(UserRow).where(UserRow.login == "wang").values(name="改了名"))
    for by, was in before.items():
        page, rows = await figures(by, 1)
        assert rows[: len(was)] == was and "SHA-256" in str(rows[len(was)][0]) and "林主任" in str(rows[len(was)][0])
        assert "评分表：" in str(rows[len(was) + 1][0]) and "/quality/reports/cases" not in page
        assert 'data-test="frozen"' in page and "改了名" not in page
    now = await figures("agent", 0)
    assert now[1] != before["agent"] and "改了名" in now[0] and "/quality/reports/cases" in now[0]
    assert (await lin.post("/quality/reports/freeze", data=month)).status_code == 400
    again = await lin.post("/quality/reports/freeze", data={**month, "reason": "改判后更正"}, follow_redirects=False)
    assert again.headers["location"].endswith("version=2") and "改判后更正" in (await figures("agent", 2))[0]
    assert (await figures("agent", 1))[1][: len(before["agent"])] == before["agent"]
    assert (await lin.get("/quality/reports", params={**month, "version": "3"})).status_code == 400
    async with scene.services.database.work() as work:
        told = await work.session.scalars(select(AuditEntry.detail).where(AuditEntry.what == "freeze_quality"))
        assert [one.split()[:2] for one in told] == [["2026-10", "v1"], ["2026-10", "v2"]]
        await work.session.execute(
            update(QualityReport)
            .where(QualityReport.version == 1)
            .values(body=func.replace(QualityReport.body, "1", "2"))
        )
    answer = await lin.get("/quality/reports", params={**month, "version": "1"})
    assert answer.status_code == 400 and "已被改动" in answer.text


async def test_the_list_asks_as_few_questions_of_many_reviews(scene: Scene) -> None:
    asked: list[object] = []
    engine = scene.services.database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    lin = await scene.sign_in("lin")
    numbers = []
    for calls in (0, 400):
        if calls:
            await weeks_of_quality(scene.services, calls=calls, every=1)
        for page in ("/quality/oversight", "/quality/appeals", "/quality/sampling"):
            await lin.get(page)
            asked.clear()
            await lin.get(page)
            numbers.append(len(asked))
    assert numbers[:3] == numbers[3:] and max(numbers) < 16


async def test_whom_a_step_concerns_hears_of_it_and_nobody_learns_the_score(scene: Scene) -> None:
    users = {login: await Users(scene.services.database).get(login) for login in ("wang", "chen", "zhi", "lin", "fire")}
    await scene.released()
    async with scene.services.database.read() as session:
        events = [row for row in await scene.services.database.events_after(0) if row.type == "ReviewTold"]
        assert session is not None
    assert '"told":"assigned"' in events[0].body and '"told":"released"' in events[-1].body
    told = [json.loads(row.body) for row in events]
    assert all(row.keys() <= {"type", "id", "at", "call_id", "told", "about", "people", "reviewers"} for row in told), (
        told[0]
    )
    assert not any("zhi" in row["people"] for row in told[1:])
    hears = {
        login for login, user in users.items()
        if user and receives(user, audience_of_call("ReviewTold", {"people": ["wang"], "reviewers": False}))  # type: ignore[arg-type]
    }  # fmt: skip
    assert hears == {"wang", "lin"}
    asked = audience_of_call("ReviewTold", {"people": ["desk:1002"], "reviewers": True})
    assert asked is not None
    assert {login for login, user in users.items() if user and receives(user, asked)} == {"chen", "zhi", "lin"}
