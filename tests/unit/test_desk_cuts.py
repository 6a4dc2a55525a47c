"""Pages: announced cuts entered and ended by those who may; messages of callers heard by right, with a trace."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from core.audit import AuditEntry
from core.city_selfservice import CitySelfService
from desk.access.rights import announces
from desk.access.users import Users
from desk.app import create_app
from telephony.recordings.sealer import Recording
from tests.desk_fakes import CITY, PASSWORD, Stage, make_stage, write_wav
from ticketing.selfservice.tables import Announcement, VoiceMessage

FORM = {
    "kind": "water", "areas": "华洲村", "begins": "2026-11-20T08:00", "until": "2026-11-20T18:00",
    "text": "因管网检修停水<b>", "source": "供水公司",
}  # fmt: skip


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = await make_stage(tmp_path)
    object.__setattr__(
        stage.services,
        "city",
        CITY.model_copy(update={"selfservice": CitySelfService(announcers={"water": ("urban",)})}),
    )
    yield stage
    await stage.bus.close()
    await stage.services.database.close()


@asynccontextmanager
async def browser(stage: Stage, login: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(stage.services)), base_url="http://desk.test",
        headers={"Origin": "http://desk.test"},
    ) as client:  # fmt: skip
        assert (await client.post("/api/login", json={"login": login, "password": PASSWORD})).status_code == 200
        yield client


async def cuts(stage: Stage) -> list[Announcement]:
    async with stage.services.database.read() as session:
        return list(await session.scalars(select(Announcement)))


async def test_a_supervisor_enters_and_ends_one(stage: Stage) -> None:
    async with browser(stage, "lin") as lead:
        assert (await lead.post("/announcements", data=FORM)).status_code == 303
        [made] = await cuts(stage)
        assert (made.areas, made.made_by) == (["池店镇华洲村"], "lin")
        shown = (await lead.get("/announcements")).text
        assert "因管网检修停水&lt;b&gt;" in shown and "池店镇华洲村" in shown
        assert (await lead.post(f"/announcements/{made.id}/end")).status_code == 303
        assert "停水&lt;b" not in (await lead.get("/announcements")).text
        assert "停水&lt;b" in (await lead.get("/announcements?over=1")).text
        again = await lead.post(f"/announcements/{made.id}/end")
        assert again.status_code == 400 and "公告已经结束" in again.text
    async with stage.services.database.read() as session:
        told = (await session.scalars(select(AuditEntry.what).where(AuditEntry.who == "lin"))).all()
    assert {"announcement", "announcement_ended"} <= set(told)


async def test_what_cannot_be_taken_stays_in_the_form(stage: Stage) -> None:
    async with browser(stage, "lin") as lead:
        for wrong, said in (
            ({"areas": "华州村"}, "池店镇华洲村"),
            ({"until": "soon"}, "时间"),
            ({"text": ""}, "播报内容"),
        ):
            answer = await lead.post("/announcements", data={**FORM, **wrong})
            assert answer.status_code == 400 and said in answer.text and "供水公司" in answer.text
        english = await lead.post("/announcements?lang=en", data={**FORM, "areas": "北京"})
        assert "No town or village has this name" in english.text
    assert await cuts(stage) == []


async def test_departments_enter_what_the_city_lets_them_and_others_only_look(stage: Stage) -> None:
    async with browser(stage, "urban") as urban:
        assert 'data-test="announcement-form"' in (await urban.get("/announcements")).text
        assert (await urban.post("/announcements", data=FORM)).status_code == 303
        assert (await urban.post("/announcements", data={**FORM, "kind": "power"})).status_code == 400
    [made] = await cuts(stage)
    for login in ("wang", "fire"):
        async with browser(stage, login) as client:
            page = (await client.get("/announcements")).text
            assert "因管网检修停水" in page and 'data-test="announcement-form"' not in page
            assert 'data-test="end"' not in page
            assert (await client.post("/announcements", data=FORM)).status_code == 400
            assert (await client.post(f"/announcements/{made.id}/end")).status_code == 400
    assert len(await cuts(stage)) == 1


@pytest.mark.parametrize(
    ("login", "kinds"),
    [("lin", ("water", "power", "gas", "road")), ("urban", ("water",)), ("fire", ()), ("wang", ())],
)
async def test_rights_of_kinds(stage: Stage, login: str, kinds: tuple[str, ...]) -> None:
    user = await Users(stage.services.database).get(login)
    assert user is not None and announces(user, stage.services.city) == kinds


# --- messages --------------------------------------------------------------------------------------------------------


@pytest.fixture
async def left(stage: Stage) -> tuple[str, str]:
    """Number of a ticket of the urban department that desk 1001 took, and a message left for it."""
    await stage.city.arrive("c-1", "12345", "13800001234")
    await stage.city.ring("c-1", "1001")
    ticket = await stage.city.answer("c-1", "1001")
    await stage.city.end("c-1", None)
    write_wav(stage.services.settings.recordings / "c-9-voice-1.wav", 0.5)
    async with stage.services.database.work() as work:
        held = await work.session.get_one(type(ticket), ticket.id)
        held.department = "urban"
        message = VoiceMessage(
            ticket_id=ticket.id, call_id="c-9", file="c-9-voice-1.wav", own=True, at=stage.services.clock.now(),
            state="done", text="他们又开工了",
        )  # fmt: skip
        work.session.add(message)
    return ticket.number, message.id


async def test_heard_by_right_in_ranges_with_a_trace(stage: Stage, left: tuple[str, str]) -> None:
    number, message = left
    url = f"/messages/{message}/recording"
    for login, heard in (("lin", True), ("wang", True), ("urban", True), ("chen", False)):
        async with browser(stage, login) as client:
            page = (await client.get(f"/tickets/{number}")).text
            assert ("他们又开工了" in page, url in page, "您无权查看这条留言" in page) == (heard, heard, not heard)
            assert (await client.get(url)).status_code == (200 if heard else 404)
    async with browser(stage, "fire") as other:
        assert (await other.get(f"/tickets/{number}")).status_code == (await other.get(url)).status_code == 404
    async with browser(stage, "lin") as lead:
        part = await lead.get(url, headers={"Range": "bytes=100-199"})
        assert part.status_code == 206 and len(part.content) == 100
        assert (await lead.get("/messages/nothing/recording")).status_code == 404
    async with stage.services.database.read() as session:
        traces = (await session.scalars(select(AuditEntry).where(AuditEntry.what == "recording"))).all()
    assert {(row.who, row.call_id) for row in traces} == {("lin", "c-9"), ("wang", "c-9"), ("urban", "c-9")}
    assert all(row.detail.startswith("message=c-9-voice-1.wav") for row in traces)
    # The range belongs to the listening that had begun.
    assert len(traces) == 3


async def test_after_its_time_it_is_gone(stage: Stage, left: tuple[str, str]) -> None:
    number, message = left
    async with stage.services.database.work() as work:
        now = stage.services.clock.now()
        work.session.add(
            Recording(file="c-9-voice-1.wav", call_id="c-9", kind="message", sealed_at=now, deleted_at=now)
        )
    async with browser(stage, "lin") as lead:
        assert (await lead.get(f"/messages/{message}/recording")).status_code == 410
        assert 'data-test="message-player"' not in (await lead.get(f"/tickets/{number}")).text
