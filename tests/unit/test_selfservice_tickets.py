"""How a ticket stands, told to its caller and to others; urging it once a day."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.errors import HeyiError
from tests.unit.selfservice_support import AGENT, CALLER, CHIEF, OTHER, Site, figures, jinjiang, site
from ticketing.assign.tables import Nudge
from ticketing.selfservice.asked import TooOften
from ticketing.selfservice.progress import matter_of, progress_of
from ticketing.selfservice.tables import VoiceUrge
from ticketing.tables import Ticket


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as opened:
        yield opened


async def test_the_callers_own_telephone_and_four_figures_are_enough(desk: Site) -> None:
    ticket = await desk.ticket()
    result, told = await desk.ask("ticket", {"figures": figures(ticket)[-4:]})
    assert result == "found"
    assert told == {
        "ticket": ticket.number, "matter": "供水问题", "progress": "已转供水公司，预计11月21日前办结"
    }  # fmt: skip
    # The same number, written in other ways.
    assert (await desk.ask("ticket", {"figures": figures(ticket)[-5:]}, caller="+86 138-0013-8000"))[0] == "found"


async def test_nobody_hears_of_anothers_ticket_by_its_last_figures(desk: Site) -> None:
    ticket = await desk.ticket()
    for caller in (OTHER, "", "anonymous", "8001"):
        assert await desk.ask("ticket", {"figures": figures(ticket)[-4:]}, caller=caller) == ("none", {})


@pytest.mark.parametrize("caller", [OTHER, "", "anonymous"])
async def test_a_whole_number_from_elsewhere_tells_only_how_far_it_is(desk: Site, caller: str) -> None:
    ticket = await desk.ticket()
    _, told = await desk.ask("ticket", {"figures": figures(ticket)}, caller=caller)
    assert told == {"ticket": ticket.number, "matter": "事项", "progress": "正在办理"}


async def test_the_contact_of_a_ticket_is_its_caller_too(desk: Site) -> None:
    ticket = await desk.ticket(contact_phone=OTHER)
    assert (await desk.ask("ticket", {"figures": figures(ticket)[-4:]}, caller=OTHER))[1]["matter"] == "供水问题"


@pytest.mark.parametrize("fields", [{"nature": "举报"}, {"code": "E504", "is_emergency": True, "department": "police"}])
async def test_of_emergencies_and_reports_a_households_telephone_hears_no_more(
    desk: Site, fields: dict[str, object]
) -> None:
    ticket = await desk.ticket(**fields)
    _, told = await desk.ask("ticket", {"figures": figures(ticket)[-4:]})
    assert (told["matter"], told["progress"]) == ("事项", "正在办理")


@pytest.mark.parametrize("figures", ["", "12", "#*", "一二三四", "9" * 30, "０００１x"])
async def test_what_is_no_number_is_none(desk: Site, figures: str) -> None:
    await desk.ticket(caller=OTHER)
    assert await desk.ask("ticket", {"figures": figures}) == ("none", {})
    assert await desk.ask("ticket") == ("none", {})


async def test_an_open_ticket_goes_before_a_closed_one_with_the_same_figures(desk: Site) -> None:
    first = await desk.ticket("hy-1.1")
    await desk.tickets.close(first.id, CHIEF, "已解决")
    desk.clock.advance(24 * 3600)
    second = await desk.ticket("hy-1.2")
    assert figures(first)[-4:] == figures(second)[-4:]
    assert (await desk.ask("ticket", {"figures": figures(first)[-4:]}))[1]["ticket"] == second.number
    assert "办结" in (await desk.ask("ticket", {"figures": figures(first)}))[1]["progress"]


async def test_trying_out_numbers_is_limited_over_processes_and_restarts(desk: Site) -> None:
    """Six an hour from one telephone, whichever process counts; and a limited caller hears nothing, found or not."""
    ticket = await desk.ticket()
    again = Site(desk.folder, desk.clock)
    try:
        for turn in range(6):
            process = (desk, again)[turn % 2]
            assert (await process.ask("ticket", {"figures": "202611209999"}, caller=OTHER))[0] == "none"
        for process in (desk, again):
            with pytest.raises(TooOften):
                await process.ask("ticket", {"figures": figures(ticket)}, caller=OTHER)
        desk.clock.advance(3601)
        assert (await again.ask("ticket", {"figures": figures(ticket)}, caller=OTHER))[0] == "found"
    finally:
        await again.close()


async def test_hidden_numbers_are_limited_for_each_call_and_together(desk: Site) -> None:
    for call in range(10):
        for _ in range(6):
            await desk.ask("ticket", {"figures": "202611209999"}, caller="", call_id=f"hy-{call}.1")
    with pytest.raises(TooOften):
        await desk.ask("ticket", {"figures": "202611209999"}, caller="", call_id="hy-99.1")


async def test_a_child_of_an_incident_stands_where_its_head_stands(desk: Site) -> None:
    head, child = await desk.ticket("hy-1.1"), await desk.tickets.draft("hy-1.2", "12345", OTHER, "1001")
    await desk.tickets.submit(child.id, AGENT, {"code": "S0104", "place": "池店镇华洲村"})
    await desk.tickets.incidents.link(child.id, head.id, AGENT)
    _, heard = await desk.ask("ticket", {"figures": figures(child)}, caller=OTHER)
    assert heard["progress"] == "与同类诉求合并，已转供水公司，预计11月21日前办结"


# --- urging --------------------------------------------------------------------------------------------------------


async def _urgings(desk: Site) -> int:
    async with desk.database.read() as session:
        return await session.scalar(select(func.count()).select_from(Nudge)) or 0


async def test_a_ticket_is_urged_once_a_day(desk: Site) -> None:
    ticket = await desk.ticket()
    assert await desk.ask("urge", {"ticket": ticket.number}) == ("done", {})
    assert await desk.ask("urge", {"ticket": ticket.number}, caller=OTHER) == ("already", {})
    desk.clock.advance(14 * 3600)
    assert await desk.ask("urge", {"ticket": ticket.number}, caller=OTHER) == ("done", {})
    async with desk.database.read() as session:
        nudges = (await session.scalars(select(Nudge).order_by(Nudge.at))).all()
    assert [(n.kind, n.department, n.who, n.reason) for n in nudges] == [
        ("urge", "water", "voice", "来电人通过语音电话催办（登记号码来电）"),
        ("urge", "water", "voice", "来电人通过语音电话催办（其他号码来电）"),
    ]


async def test_two_calls_at_the_same_moment_urge_once(desk: Site) -> None:
    ticket, again = await desk.ticket(), Site(desk.folder, desk.clock)
    try:
        done = await asyncio.gather(*(one.ask("urge", {"ticket": ticket.number}) for one in (desk, again, desk, again)))
    finally:
        await again.close()
    assert sorted(result for result, _ in done) == ["already", "already", "already", "done"]
    assert await _urgings(desk) == 1


async def test_whoever_was_urged_by_a_person_today_is_not_urged_again(desk: Site) -> None:
    ticket = await desk.ticket()
    await desk.assignments.nudge(ticket.id, "urge", AGENT, "来电人催")
    assert await desk.ask("urge", {"ticket": ticket.number}) == ("already", {})


async def test_what_is_closed_or_in_nobodys_hands_is_not_urged(desk: Site) -> None:
    ticket = await desk.ticket()
    await desk.tickets.close(ticket.id, CHIEF, "已解决")
    assert await desk.ask("urge", {"ticket": ticket.number}) == ("closed", {})
    draft = await desk.tickets.draft("hy-1.9", "12345", CALLER, "1001")
    for said in (draft.number, "JJ20260101-0001", "", "; drop table"):
        with pytest.raises(HeyiError):
            await desk.ask("urge", {"ticket": said})
    assert await _urgings(desk) == 0


async def test_an_urging_that_is_broken_off_leaves_nothing(desk: Site) -> None:
    """A caller's look-up is cut at its limit while the database is busy: neither urging nor day is kept by halves."""
    ticket = await desk.ticket()
    async with desk.database.work():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(desk.ask("urge", {"ticket": ticket.number}), 0.2)
    assert await _urgings(desk) == 0
    async with desk.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(VoiceUrge)) == 0
    assert await desk.ask("urge", {"ticket": ticket.number}) == ("done", {})


# --- the sentence --------------------------------------------------------------------------------------------------

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)


def told(state: str, **fields: object) -> Ticket:
    usual = {"is_emergency": False, "code": "S0401", "nature": "投诉", "department": "urban_management"}
    return Ticket(state=state, **{**usual, **fields})


@pytest.mark.parametrize(
    ("ticket", "said"),
    [
        (told("draft"), "已经登记"),
        (told("filed"), "已经立案，正在安排办理"),
        (told("dispatched", due_at=NOW + timedelta(days=5)), "已转城市管理局，预计11月25日前办结"),
        (told("dispatched"), "已转城市管理局办理"),
        (told("handling", due_at=NOW + timedelta(days=60)), "正在由城市管理局办理，预计2027年1月19日前办结"),
        (told("handling", due_at=NOW + timedelta(hours=5)), "正在由城市管理局办理，预计今天15:00前办结"),
        (told("handling", due_at=NOW - timedelta(hours=1)), "正在由城市管理局办理，已过预定时间，还没有办结"),
        (told("handling"), "正在由城市管理局办理"),
        (told("handling", department="gone"), "正在办理"),
        (told("reported"), "城市管理局已经办理，等待给您回访"),
        (told("callback"), "城市管理局已经办理，等待给您回访"),
        (told("closed", closed_at=NOW - timedelta(days=2)), "已经在11月18日办结"),
        (told("closed", closed_at=NOW - timedelta(minutes=5)), "已经在今天办结"),
    ],
)
def test_the_sentence_of_every_state(ticket: Ticket, said: str) -> None:
    assert progress_of(ticket, jinjiang(), NOW, own=True) == said


def test_every_category_department_and_state_keeps_to_what_a_voice_may_say() -> None:
    city = jinjiang()
    for group in city.taxonomy:
        for category in group.categories:
            assert 0 < len(matter_of(told("filed", code=category.code), city, own=True)) <= 16
    for department in [*city.departments, *city.derived.values()]:
        for state in ("dispatched", "handling", "reported", "closed"):
            for due in (NOW - timedelta(days=9), NOW + timedelta(days=400)):
                ticket = told(state, department=department.id, due_at=due, closed_at=NOW)
                for head in (None, told("handling", department=department.id, due_at=due)):
                    assert 0 < len(progress_of(ticket, city, NOW, own=True, head=head)) <= 40
