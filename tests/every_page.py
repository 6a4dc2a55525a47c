"""A whole city at work for tests of every page: the example city's lines, departments and matters, a login of each
role, and something on each list; and a walk through all pages."""

import argparse
import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import httpx
from playwright.async_api import Browser, Page, ViewportSize
from sqlalchemy import delete, select

from core.city import City, Person
from core.clock import ManualClock, SystemClock
from desk.access.routes import ACTION_OF, OPEN
from desk.access.table import may
from desk.access.users import Role, UserRow, Users
from desk.app import create_app
from desk.server import DeskServer
from quality.reviews.tables import Review
from tests.chromium import sign_in
from tests.desk_fakes import FIRE, PASSWORD, Stage
from tests.eventually import PATIENCE_MS
from tests.fake_city import Said
from tests.loop_scene import proposed, weeks_of_labels
from tests.quality_scene import CARDS, weeks_of_quality, yesterdays_calls
from tests.transcript_scene import transcribed
from tests.wallboard_scene import make_scene, working_day
from ticketing.actor import Actor
from ticketing.doors.intake import Said as Written
from ticketing.doors.tables import DoorItem
from ticketing.service import Tickets
from ticketing.tables import Ticket

#: One of each role; the page of whoever comes first shows a role's common pages.
PEOPLE = (
    Person(login="wang", name="王晓燕", role="agent", password=PASSWORD, extension="2001"),
    Person(login="chen", name="陈志强", role="agent", password=PASSWORD, extension="2002"),
    Person(login="lin", name="林主任", role="supervisor", password=PASSWORD, extension="1009"),
    Person(login="su", name="苏调度", role="dispatcher", password=PASSWORD),
    Person(login="urban", name="城市管理局经办人", role="department", password=PASSWORD, department="urban_management"),
    Person(login="grid", name="华洲村网格员", role="grid", password=PASSWORD, department="community_350582107213"),
    Person(login="zhi", name="周质检", role="reviewer", password=PASSWORD),
    Person(login="ke", name="柯质检", role="reviewer", password=PASSWORD),
    Person(login="lu", name="卢质检", role="reviewer", password=PASSWORD),
    Person(login="du", name="督查员", role="arbiter", password=PASSWORD),
    Person(login="ling", name="分管领导", role="leader", password=PASSWORD),
    Person(login="admin", name="系统管理员", role="administrator", password=PASSWORD),
    Person(login="shen", name="审计员", role="auditor", password=PASSWORD),
)
LOGINS: dict[Role, str] = {person.role: person.login for person in reversed(PEOPLE)}
WANG, LIN, URBAN = (
    Actor("wang", "agent"),
    Actor("lin", "supervisor"),
    Actor("urban", "department", department="urban_management"),
)
SCREEN = ViewportSize(width=1366, height=768)
TALK = (
    ("agent", "您好，12345，请问有什么可以帮您？"),
    ("caller", "我们小区对面的工地晚上两点还在打桩，吵得没法睡觉，已经反映过两次了"),
    ("agent", "请问在哪个镇、哪条路？"),
    ("caller", "池店镇华洲村，学府路那边的工地"),
)
#: What people complain of: category, words, place.
MATTERS = (
    ("S0103", "学府路人行道地砖破损，路灯连着三盏不亮，晚上出行很不安全", "池店镇华洲村学府路12号附近"),
    ("S0104", "家里停水两天了，没有收到任何通知，老人小孩在家非常不方便", "青阳街道曾井社区世纪大道"),
    ("S0108", "楼顶违法搭建，白天夜里都在施工", "梅岭街道双沟社区"),
    (
        "S0101",
        "物业不清理垃圾，电梯经常停运，业主多次反映没有结果，请相关部门尽快处理",
        "陈埭镇岸兜村滨江商务区国际广场1号楼",
    ),
)


async def furnished(folder: Path, clock: ManualClock | SystemClock) -> tuple[Stage, dict[str, str]]:
    """The stage, and what its addresses are."""
    stage = await make_scene(folder, clock)
    made = stage.services
    city: City = made.city.model_copy(update={"people": PEOPLE, "scorecards": CARDS})
    # An address of the documentation's own network, which leads nowhere.
    settings = made.settings.model_copy(update={"hook_networks": "203.0.113.0/24"})
    tickets = Tickets(made.database, city, made.clock)
    stage.services = replace(made, city=city, tickets=tickets, settings=settings)
    services = stage.services
    async with services.database.work() as work:  # of the small city that the stage is made over
        await work.session.execute(delete(UserRow))
    await Users(services.database).seed_people(city)
    now = services.clock.now()
    await weeks_of_quality(services, calls=90, weeks=9)
    await yesterdays_calls(services, 12)
    await working_day(services.database, city, now, now)
    await _tickets(stage)
    await _live_call(stage)
    await transcribed(stage, "call-1", *TALK, at=now - timedelta(hours=3), agent="2001", seconds=24)
    stage.city.said["call-1"] = [
        Said(utterance_id=f"call-1-u{n}", leg=leg, text=text, start_s=4.0 * n, end_s=4.0 * n + 2)  # type: ignore[arg-type]
        for n, (leg, text) in enumerate(TALK)
    ]
    for n, (line, caller) in enumerate((("119", "13800001234"), ("12345", "059585600001"))):
        await stage.city.exchange.waits(f"missed-{n}", line, caller)
        await stage.city.exchange.end(f"missed-{n}")
        await stage.city.recalls.settle(f"missed-{n}")
    await proposed(stage)
    await weeks_of_labels(stage, now)
    await services.analysis.look()
    for n, (code, text, place) in enumerate(MATTERS[:2]):
        said = Written(
            text=text, title=text[:12], place=place, name="欧阳女士", phone=f"1390001000{n}", code=code, public=True
        )  # fmt: skip
        await services.doors.intake.take_in("letter", said)
    return stage, await _by_hand(stage)


async def _tickets(stage: Stage) -> None:
    """Tickets in the states through which they go."""
    services = stage.services
    for n in range(9):
        code, words, place = MATTERS[n % len(MATTERS)]
        ticket = await services.tickets.draft(f"t-{n}", "12345", f"1380000{n:04}", "2001")
        fields = {
            "code": code,
            "summary": words,
            "place": place,
            "contact_name": "欧阳建国",
            "department": "urban_management",
        }
        await services.tickets.submit(ticket.id, WANG, fields)
        if n > 2:
            await services.tickets.accept(ticket.id, URBAN)
        if n > 5:
            await services.tickets.report(
                ticket.id, URBAN, "已到现场核实，责令施工方停止夜间作业并限期整改，已告知来电人。"
            )
    refused = await services.tickets.draft("t-r", "12345", "13800009999", "2001")
    await services.tickets.submit(
        refused.id, WANG, {"code": "S0103", "summary": "井盖破损", "department": "urban_management"}
    )
    await services.tickets.refuse(refused.id, URBAN, "该处井盖属供水公司产权，非我局职责范围", "water")


async def _live_call(stage: Stage) -> None:
    """What the first desk is talking about, as far as it has been understood."""
    call = next(view for view in stage.city.live.values() if view.agent == "2001")
    await stage.services.tickets.draft(call.call_id, call.line, call.caller, "2001")
    await stage.services.tickets.prefill(call.call_id, FIRE)
    stage.city.verdicts[call.call_id] = FIRE
    stage.city.said[call.call_id] = [
        Said(utterance_id=f"l-{n}", leg=leg, text=text, start_s=4.0 * n, end_s=4.0 * n + 2)  # type: ignore[arg-type]
        for n, (leg, text) in enumerate(TALK)
    ]


async def _by_hand(stage: Stage) -> dict[str, str]:
    """What people make on the pages themselves, and what everything is called."""
    services = stage.services
    app = create_app(services)
    async with app.router.lifespan_context(app):
        people = {}
        for login in ("lin", "admin", "wang"):
            people[login] = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk.test")
            answer = await people[login].post("/api/login", json={"login": login, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
        lin, admin, wang = people["lin"], people["admin"], people["wang"]
        today = services.clock.now().astimezone(ZoneInfo(services.city.profile.timezone))
        answers = [await wang.post("/api/knowledge", json=_article(n)) for n in range(3)]
        article = answers[0].json()["id"]
        answers.append(await lin.post(f"/knowledge/{article}/publish", data={"version": "1", "note": "可以"}))
        answers.append(
            await lin.post(
                "/api/webhooks",
                json={"name": "省平台数据汇聚", "url": "https://203.0.113.7/in", "topics": "ticket.created"},
            )
        )
        answers.append(
            await admin.post(
                "/tokens", data={"login": "wang", "name": "大数据局数据交换", "days": "30", "scopes": ["ticket.read"]}
            )
        )
        answers.append(
            await lin.post(
                "/announcements",
                data={
                    "kind": "water",
                    "areas": "池店镇",
                    "begins": f"{today:%Y-%m-%d} 00:10",
                    "until": f"{today:%Y-%m-%d} 23:50",
                    "text": "管网抢修，停水",
                    "source": "供水公司",
                },
            )
        )
        week = today.date() - timedelta(days=today.weekday() + 7)
        answers.append(await lin.post("/briefs", data={"kind": "week", "start": str(week), "advice": "加强夜间巡查"}))
        brief = answers[-1].headers.get("location", "").rsplit("/", 1)[-1]
        yesterday = today.date() - timedelta(days=1)
        answers.append(await lin.post("/api/quality/sampling", json={"day": str(yesterday), "shift": "day"}))
        draw = str(answers[-1].json().get("draw"))
        async with services.database.read() as session:
            number = await session.scalar(select(Ticket.number).where(Ticket.call_id == "t-4"))
            letter = await session.scalar(select(DoorItem.id).order_by(DoorItem.id))
            review = await session.scalar(select(Review.id).where(Review.state == "released"))
        for client, what in ((wang, "write"), (wang, "submit"), (lin, "approve")):
            words = {"words": "欧阳女士：工地已停工整改。"} if what == "write" else {}
            answers.append(await client.post(f"/api/letters/{letter}/{what}", json=words))
        for client in people.values():
            await client.aclose()
    faults = [
        f"{a.request.method} {a.request.url.path}: {a.status_code} {a.text[-900:]}"
        for a in answers
        if a.status_code >= 400
    ]
    assert not faults, faults
    assert number and letter and review
    return {
        "number": number, "call_id": "call-1", "article_id": article, "brief_id": brief, "review_id": review,
        "draw_id": draw, "agent": "wang", "login": "chen", "item_id": letter,
        "month": f"{today:%Y-%m}", "week": str(week),
    }  # fmt: skip


def _article(number: int) -> dict[str, object]:
    titles = ("夜间施工噪声怎么投诉", "家里停水找谁，多久恢复", "低保申请需要什么材料")
    return {
        "title": titles[number], "questions": [f"{titles[number]}？", "可以投诉吗"], "codes": ["S0103"],
        "steps": ["说清位置和时间段", "由本热线转主管部门查处，五个工作日内答复"], "source": "办事指南",
    }  # fmt: skip


#: What answers no page of its own: files, streams, pieces for scripts, and ways out of the house.
_NO_PAGE = (
    "/api/", "/live", ".xlsx", ".csv", ".js", ".webmanifest", "/recording", "/photos/", "/open311", "/in/", "/metrics",
    "/health", "/r/", "/oidc", "/dispatch",
)  # fmt: skip
#: In this order whoever sees least comes first; a page is looked at as the first sees it who is let in.
ORDER: tuple[Role, ...] = (
    "auditor", "administrator", "leader", "reviewer", "grid", "department", "dispatcher", "arbiter", "agent",
    "supervisor",
)  # fmt: skip
#: Where the shift leader finds so much more than the others that it is another page.
_MORE = ("/department", "/calls", "/tickets/{number}", "/quality")
_PAGES = {
    path: re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + r"(\?.*)?")
    for path in sorted({route.partition(" ")[2] for route in (*ACTION_OF, *OPEN) if route.startswith("GET ")})
    if path not in ("/", "/field") and (path == "/api/docs" or not any(part in path for part in _NO_PAGE))
}
#: What some of them must be asked for.
_ASKED = {
    "/analysis/tickets": "?look=1&repeat=0",
    "/briefs/draft": "?kind=week&start={week}",
    "/briefs/draft/tickets": "?kind=week&start={week}",
    "/assessment/cases": "?period={month}&of=departments&count=received",
    "/assessment/bulletin": "?period={month}",
    "/quality/reports/cases": "?period={month}&what=calls",
    "/settings/file": "?name=lines.yaml",
    "/settings/history": "?name=lines.yaml",
}
#: Not to be seen here, and why.
UNSEEN = {
    "/login/factor": "a second step that nobody of these people owes",
    "/examples/{example_id}": "nothing was chosen as a good example",
    "/quality/calibration/{call_id}": "no call was scored by all",
}


def page_of(address: str) -> str:
    """The route of a page's address; empty where it is no page of the desk."""
    found = [path for path, pattern in _PAGES.items() if pattern.fullmatch(address)]
    return min(found, key=lambda path: path.count("{"), default="")


Visit = Callable[[Page, str], Awaitable[None]]


async def walk(
    browser: Browser, base: str, place: Mapping[str, str], visit: Visit, *, lang: str = "zh", **context: Any
) -> list[str]:
    """Every page once, and each role's first page; ``visit`` has the page in a window of 1366×768 and whose page it is.

    Links are followed where nothing else leads. Returns what failed, and pages of the table that nobody was let see.
    """
    seen, faults = set(UNSEEN), []
    for role in (None, *ORDER):
        made = await browser.new_context(base_url=base, viewport=SCREEN, **context)
        await made.add_cookies([{"name": "lang", "value": lang, "url": base}])
        page = await made.new_page()
        page.set_default_timeout(PATIENCE_MS)
        if role:
            await sign_in(page, LOGINS[role], PASSWORD, lang=lang)
            await page.wait_for_url(lambda url: "/login" not in url)
        due = ["/", *_addresses(role, place)] if role else list(filter(None, (place_of(path, {}) for path in _open())))
        for address in due:
            path = page_of(address)
            if path in seen and not (role == "supervisor" and path in _MORE):
                continue
            answer = await page.goto(address)
            assert answer is not None
            if answer.status != 200:
                if answer.status not in (400, 403, 404, 422):
                    faults.append(f"{role} {address}: {answer.status}")
                continue
            seen |= {path, page_of(urlsplit(page.url).path)}
            await visit(page, f"{role or 'anybody'} {address}")
            links = await page.eval_on_selector_all("a[href]", "all => all.map((a) => a.getAttribute('href'))")
            for link in links:
                if page_of(link) not in ("", *seen, *map(page_of, due)) and link.startswith("/"):
                    due.append(link)
        await made.close()
    return faults + [f"seen by nobody: {path}" for path in sorted(set(_PAGES) - seen)]


def place_of(path: str, place: Mapping[str, str]) -> str | None:
    """The address of a page; None where a parameter has nothing here."""
    path += _ASKED.get(path, "")
    for name, value in place.items():
        path = path.replace(f"{{{name}}}", value)
    return None if "{" in path else path


def shown_pages(role: Role) -> list[str]:
    """The pages of the table that a role is let see."""
    return [path for path in _PAGES if (action := ACTION_OF.get(f"GET {path}")) and may(role, action)]


def _addresses(role: Role, place: Mapping[str, str]) -> list[str]:
    return [address for path in shown_pages(role) if (address := place_of(path, place))]


def _open() -> list[str]:
    return [path for path in _PAGES if f"GET {path}" in OPEN]


@asynccontextmanager
async def served(port: int = 0) -> AsyncIterator[tuple[str, dict[str, str]]]:
    """The address of a desk over that city, and what its parameters may be."""
    with tempfile.TemporaryDirectory() as folder:
        stage, place = await furnished(Path(folder), SystemClock())
        server = DeskServer(create_app(stage.services), "127.0.0.1", port)
        await server.start()
        try:
            yield f"http://127.0.0.1:{server.port}", place
        finally:
            await server.stop()
            await stage.bus.close()
            await stage.services.database.close()


async def show(port: int) -> None:
    """Serve it until interrupted."""
    async with served(port) as (base, place):
        print(f"{base}  {', '.join(LOGINS.values())} / {PASSWORD}\n{place}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=show.__doc__)
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(show(parser.parse_args().port))
