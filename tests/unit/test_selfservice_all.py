"""Every look-up: hours, answers, and what holds of all of them whatever is asked."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.city_ivr import LONGEST, LOOK_UPS, USUAL_LONGEST
from core.errors import HeyiError
from tests.unit.selfservice_support import CALLER, CHIEF, OTHER, OWNER, START, Site, figures, jinjiang, site
from ticketing.selfservice.answers import best
from ticketing.selfservice.asked import TooOften
from ticketing.selfservice.cars import bring_owners
from ticketing.selfservice.hours import Hall
from ticketing.selfservice.sheets import Owner


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as opened:
        yield opened


# --- hours ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("local", "result", "said"),
    [
        ("2026-11-20 09:00", "open", "今天8:00到12:00，14:30到17:30"),
        ("2026-11-20 12:30", "closed", "今天14:30上班"),
        ("2026-11-19 20:00", "closed", "明天8:00上班"),
        ("2026-11-20 18:00", "closed", "11月23日星期一8:00上班"),
        ("2026-11-22 23:59", "closed", "明天8:00上班"),
        ("2026-10-01 09:00", "closed", "国庆节放假，10月8日星期四8:00上班"),
        # Saturday before it, worked instead (调休).
        ("2026-10-10 09:00", "open", "今天8:00到12:00，14:30到17:30"),
    ],
)
def test_hours_of_the_hall(local: str, result: str, said: str) -> None:
    now = datetime.fromisoformat(f"{local}+08:00")
    assert Hall(jinjiang()).look_up(now) == (result, {"hours": said})


def test_hours_of_every_hour_of_a_year_can_be_said() -> None:
    hall, now = Hall(jinjiang()), datetime(2026, 1, 1, tzinfo=UTC)
    for hour in range(0, 366 * 24, 3):
        _, told = hall.look_up(now + timedelta(hours=hour))
        assert 0 < len(told["hours"]) <= LONGEST["hours"]


# --- answers -------------------------------------------------------------------------------------------------------


async def test_a_question_that_is_surely_known_is_answered_as_it_was_written_to_be_said(desk: Site) -> None:
    await desk.knowledge.seed()
    said = next(a.spoken for a in jinjiang().knowledge if a.key == "social-card")
    assert await desk.ask("answer", {"words": "社保卡丢了怎么补"}) == ("found", {"answer": said})
    # What the voice cannot say at once is a person's.
    desk.sayable = False
    assert await desk.ask("answer", {"words": "社保卡丢了怎么补"}) == ("none", {})


@pytest.mark.parametrize(
    "words",
    [
        "",
        "你好",
        "家里没水了怎么办",
        "我要投诉楼上天天吵",
        "家里闻到煤气味怎么办",
        "有人晕倒了没有呼吸怎么办",
        "心肺复苏怎么做",
    ],
)
async def test_what_is_not_surely_known_or_no_question_of_a_voice_goes_to_a_person(desk: Site, words: str) -> None:
    await desk.knowledge.seed()
    assert await desk.ask("answer", {"words": words}) == ("none", {})


async def test_an_article_without_a_spoken_form_is_not_read_out(desk: Site) -> None:
    await desk.knowledge.seed()
    index = await desk.knowledge.index()
    unwritten = (entry for entry in index.entries if not entry.content.spoken)
    silent = next(e for e in unwritten if best(index, jinjiang(), e.content.title, START.date()))
    assert await desk.ask("answer", {"words": silent.content.title}) == ("none", {})


async def test_spoken_forms_fit_and_end_with_a_sentence(desk: Site) -> None:
    await desk.knowledge.seed()
    said = await desk.service.sayings()
    assert len(said) == sum(bool(a.spoken) for a in jinjiang().knowledge) > 40
    for text in said:
        assert len(text) <= LONGEST["answer"] and not text.endswith(("，", "；", "。"))


# --- all of them ---------------------------------------------------------------------------------------------------

_WORDS = st.one_of(
    st.text(max_size=60),
    st.text("闽C西12345幺二三四五池店镇华洲村停水电丢了社保卡", max_size=30),
    st.sampled_from(["闽C12345", "池店镇华洲村停水了", "社保卡丢了怎么补", "青阳街道没电", "护照到期了怎么换"]),
)
_CALLERS = st.sampled_from([CALLER, OTHER, "", "anonymous", "+8613800138000", "12345", "059585551234"])


async def _full(desk: Site) -> list[str]:
    """Tickets of two people, a cut, owners of cars, articles; what pressing keys may meet."""
    await desk.knowledge.seed()
    one = await desk.ticket("hy-1.1", summary="联系 13911112222", place="池店镇华洲村8号")
    two = await desk.ticket("hy-1.2", caller=OTHER, contact_phone="13911113333")
    until = START + timedelta(hours=9)
    await desk.cuts.add(
        {
            "kind": "water",
            "areas": ["池店镇"],
            "begins": START,
            "until": until,
            "text": "长" * 60,
            "source": "供水公司",
        },
        CHIEF,
    )
    await bring_owners(desk.database, [Owner("闽C12345", OWNER, "陈车主", date(2026, 1, 1))], CHIEF, START)
    return [figures(one), figures(two), figures(one)[-4:], figures(two)[-4:], one.number, two.number]


def test_whatever_is_asked_values_fit_and_nobodys_number_or_name_is_told(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    private = [OWNER, "13911112222", "13911113333", CALLER, OTHER, "王小明", "陈车主", "8号"]

    async def ask(name: str, words: str, caller: str, place: int) -> None:
        arguments = {key: words for key in LOOK_UPS[name].arguments}
        if place < len(known):
            arguments |= {key: known[place] for key in ("figures", "ticket") if key in arguments}
        try:
            result, told = await desk.ask(name, arguments, caller=caller, call_id=f"hy-{words[:3]}.{place}")
        except HeyiError as error:
            # By its own words: nothing else comes out of a look-up.
            assert isinstance(error, TooOften) or name in ("urge", "message", "car_owner")
            assert not any(one in str(error) for one in private if one not in words)
            return
        assert set(told) == LOOK_UPS[name].results[result]
        for key, value in told.items():
            assert 0 < len(value) <= LONGEST.get(key, USUAL_LONGEST)
            assert not any(one in value for one in private)
            assert not re.search(r"1[3-9]\d{9}", value)

    loop = asyncio.new_event_loop()
    opened = site(tmp_path_factory.mktemp("all"))
    desk = loop.run_until_complete(opened.__aenter__())
    known = loop.run_until_complete(_full(desk))

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.sampled_from(sorted(set(LOOK_UPS) - {"result"})), _WORDS, _CALLERS, st.integers(0, 9))
    def everything(name: str, words: str, caller: str, place: int) -> None:
        # Days go by, so that limits do not hide what would be told.
        desk.clock.advance(3600)
        loop.run_until_complete(ask(name, words, caller, place))

    try:
        everything()
    finally:
        loop.run_until_complete(opened.__aexit__(None, None, None))
        loop.close()


async def test_a_look_up_that_nobody_serves_is_refused(desk: Site) -> None:
    for name in ("weather", ""):
        with pytest.raises(HeyiError):
            await desk.ask(name)


async def test_a_slow_database_holds_no_look_up_beyond_the_limit_of_whoever_asks(desk: Site) -> None:
    """Cut off while another writes, each ends at once and works again afterwards; who only looks does not wait."""
    ticket = await desk.ticket()
    desk.message()
    asked = {
        "urge": {"ticket": ticket.number}, "car_owner": {"words": "闽C12345"},
        "message": {"ticket": ticket.number, "recording": "hy-2.1-voice-1.wav"},
    }  # fmt: skip
    async with desk.database.work():
        assert (await desk.ask("ticket", {"figures": figures(ticket)[-4:]}))[0] == "found"
        for name, arguments in asked.items():
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(desk.ask(name, arguments), 0.1)
    results = {name: (await desk.ask(name, arguments))[0] for name, arguments in asked.items()}
    assert results == {"urge": "done", "car_owner": "none", "message": "done"}
