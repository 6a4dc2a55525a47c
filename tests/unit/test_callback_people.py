"""Callbacks by people and by text message over a database; who does again what the caller was not satisfied with."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from core.city_callbacks import CallbackRule, Channel, CityCallbacks, SecondRule
from core.clock import ManualClock
from core.errors import Conflict, HeyiError, NotAllowed
from heyi.texts import WebhookTexts, signature
from telephony.ledger import CallRow
from tests.databases import KINDS, address
from tests.unit.ticket_support import AGENT, AGENT2, CHIEF, POLICY, START, URBAN, WATER, WATER2, Room
from ticketing.actor import Actor
from ticketing.callbacks import second
from ticketing.callbacks.people import CallbackDesk
from ticketing.callbacks.texts import Texts, answer_of
from ticketing.tables import Callback, Ticket

ARBITER = Actor("duban", "arbiter")
ZONE = ZoneInfo("Asia/Shanghai")


class FakeGateway:
    """Remembers what was sent; ``takes`` is its answer."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []
        self.takes: bool | Exception = True

    async def send(self, *, message_id: str, number: str, text: str) -> bool:
        self.sent.append((message_id, number, text))
        if isinstance(self.takes, Exception):
            raise self.takes
        return self.takes


class Scene:
    """A room whose callbacks go by one rule."""

    def __init__(self, opened: Room, *by: Channel) -> None:
        self.room = opened
        rule = CallbackRule(key="all", name="试", by=by)
        policy = replace(POLICY, rules=(rule,), channels=frozenset({"robot", "person", "sms"}))
        opened.tickets.policy = policy
        self.desk = CallbackDesk(opened.database, opened.tickets, opened.clock)
        self.gateway = FakeGateway()
        self.texts = Texts(opened.database, opened.tickets, opened.clock, self.gateway, "https://x.test/r/")

    async def due(self, minutes: float = 10) -> list[tuple[Callback, Ticket]]:
        self.room.clock.advance(minutes * 60)
        return list(await self.desk.waiting())

    async def outcomes(self, ticket_id: str) -> list[tuple[str, str | None]]:
        return [(row.channel, row.outcome) for row in await self.room.callbacks(ticket_id)]


@pytest.fixture(params=KINDS)
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(address(request, tmp_path))
    await made.database.create_all()
    yield made
    await made.close()


async def test_a_person_calls_with_one_click_and_says_what_the_caller_said(opened: Room) -> None:
    scene = Scene(opened, "person")
    ticket = await opened.reported()
    assert await scene.desk.waiting() == []
    ((row, seen),) = await scene.due()
    assert seen.id == ticket.id and await opened.runner.tick() == 0, "the robot leaves it to people"
    claimed, number = await scene.desk.begin(row.id, AGENT)
    assert (number, claimed.who, claimed.placed_at) == ("13800138000", "agent1", opened.clock.now())
    assert (await scene.desk.begin(row.id, AGENT))[1] == number, "asked again it is the same call"
    async with opened.database.work() as work:
        work.session.add(
            CallRow(
                id="o-1", direction="out", line="", caller="13800138000", agent="1001", arrived_at=opened.clock.now()
            )
        )
    done = await scene.desk.result(row.id, AGENT, "satisfied", solved=True, words="水来了，谢谢")
    assert (done.outcome, done.solved, done.words, done.desk_call) == ("satisfied", True, "水来了，谢谢", "o-1")
    assert (await opened.get(ticket.id)).state == "closed"
    with pytest.raises(Conflict, match="已有结果"):
        await scene.desk.result(row.id, AGENT, "unsatisfied", reason="undone")


async def test_no_two_call_at_once_neither_people_nor_robot(opened: Room) -> None:
    scene = Scene(opened, "person")
    first, second = await opened.reported("1.1"), await opened.reported("1.2")
    (one, _), (two, _) = await scene.due()
    await scene.desk.begin(one.id, AGENT)
    with pytest.raises(Conflict, match="正在回访"):
        await scene.desk.begin(one.id, AGENT2)
    with pytest.raises(Conflict, match="另一工单"):
        await scene.desk.begin(two.id, AGENT2)
    with pytest.raises(NotAllowed, match="拨打的人"):
        await scene.desk.result(one.id, AGENT2, "satisfied")
    await scene.desk.result(one.id, AGENT, "no_answer")
    await scene.desk.begin(two.id, AGENT2)
    assert {first.id, second.id} == {one.ticket_id, two.ticket_id}
    for who in (WATER, URBAN):
        with pytest.raises(NotAllowed):
            await scene.desk.begin(two.id, who)


async def test_a_person_goes_before_the_robot_and_the_robot_does_not_ring_him_then(opened: Room) -> None:
    scene = Scene(opened, "robot")
    ticket, other = await opened.reported("1.1"), await opened.reported("1.2")
    opened.clock.advance(600)
    row, _ = await scene.desk.begin_ticket(ticket.id, CHIEF)
    assert row.channel == "person"
    assert await opened.runner.tick() == 0, "the same number, called by a person just now"
    await scene.desk.result(row.id, CHIEF, "satisfied")
    assert await opened.runner.tick() == 1
    assert opened.dialler.dialled[0][2] == other.number
    with pytest.raises(Conflict, match="没有待回访"):
        await scene.desk.begin_ticket(ticket.id, CHIEF)


async def test_nobody_is_called_at_night(opened: Room) -> None:
    scene = Scene(opened, "person")
    await opened.reported()
    ((row, _),) = await scene.due(11 * 60 + 1)
    with pytest.raises(NotAllowed, match="免打扰"):
        await scene.desk.begin(row.id, AGENT)


async def test_who_cannot_talk_is_called_at_the_time_that_he_wishes(opened: Room) -> None:
    scene = Scene(opened, "person")
    ticket = await opened.reported()
    ((row, _),) = await scene.due()
    await scene.desk.begin(row.id, AGENT)
    evening = datetime(2026, 11, 20, 18, 30, tzinfo=ZONE)
    for wrong in (None, opened.clock.now(), opened.clock.now() + timedelta(days=15)):
        with pytest.raises(HeyiError, match="约定"):
            await scene.desk.result(row.id, AGENT, "later", asked=wrong)
    await scene.desk.result(row.id, AGENT, "later", asked=evening)
    assert [r.due_at for r in await opened.callbacks(ticket.id)][1] == evening
    # Twice he may; then every further wish uses up an attempt, and it ends.
    made = 1
    while rows := [r for r in await opened.callbacks(ticket.id) if r.ended_at is None]:
        opened.clock.advance((rows[0].due_at - opened.clock.now()).total_seconds())
        await scene.desk.begin(rows[0].id, AGENT)
        await scene.desk.result(rows[0].id, AGENT, "later", asked=opened.clock.now() + timedelta(hours=1))
        made += 1
    assert made == POLICY.max_attempts + POLICY.max_later
    now = await opened.get(ticket.id)
    assert (now.state, now.satisfaction) == ("closed", "unknown")


async def test_not_satisfied_reopens_once_with_a_second_handler_then_the_supervisor_decides(opened: Room) -> None:
    scene = Scene(opened, "person")
    ticket = await opened.reported()
    with pytest.raises(NotAllowed, match="退回重办"):
        await scene.desk.second_handler(ticket.id, WATER, "李师傅")
    ((row, _),) = await scene.due()
    await scene.desk.begin(row.id, AGENT)
    with pytest.raises(HeyiError, match="原因"):
        await scene.desk.result(row.id, AGENT, "unsatisfied")
    await scene.desk.result(row.id, AGENT, "unsatisfied", solved=False, reason="undone", words="还是没水")
    assert ((await opened.get(ticket.id)).state, (await opened.get(ticket.id)).reopened) == ("handling", 1)
    for name, by in (("water1", WATER), ("", WATER), ("李师傅", URBAN), ("李师傅", AGENT)):
        with pytest.raises(HeyiError):
            await scene.desk.second_handler(ticket.id, by, name)
    named = await scene.desk.second_handler(ticket.id, WATER, " 李 师傅 ")
    assert (named.former, named.name, named.round) == ("water1", "李 师傅", 1)
    await scene.desk.second_handler(ticket.id, CHIEF, "供水公司负责人")
    async with opened.database.read() as session:
        former, rows = await second.former(session, ticket.id), await second.handlers(session, ticket.id)
    assert (former.login, [r.name for r in rows]) == ("water1", ["供水公司负责人"])
    assert (await opened.history(ticket.id))[-1].note == "重办换由供水公司负责人办理"
    await opened.tickets.report(ticket.id, WATER, "二次维修完毕")
    ((row, _),) = await scene.due()
    await scene.desk.begin(row.id, AGENT)
    await scene.desk.result(row.id, AGENT, "unsatisfied", reason="partly")
    now = await opened.get(ticket.id)
    assert now.state == "callback" and now.escalated_at is not None


async def again(opened: Room, rule: SecondRule) -> Ticket:
    """A ticket whose caller was not satisfied, in a city with this rule."""
    opened.tickets.city = opened.tickets.city.model_copy(
        update={"callbacks": CityCallbacks(second=rule, second_overrule=("supervisor",))}
    )
    ticket = await opened.reported()
    await opened.key(await opened.dial(10), "2")
    assert (await opened.get(ticket.id)).reopened == 1
    return ticket


@pytest.mark.parametrize(
    ("rule", "former", "login", "department", "named", "may"),
    [
        ("person", "water1", "water1", "water", "", False),
        ("person", "water1", "water1", "water", "李师傅", True),
        ("person", "water1", "water2", "water", "", True),
        ("person", "water1", "urban1", "urban", "", True),
        ("login", "water1", "water1", "water", "李师傅", False),
        ("login", "water1", "water2", "water", "", True),
        ("login", "water1", "urban1", "urban", "", True),
        ("department", "water1", "water2", "water", "李师傅", False),
        ("department", "water1", "urban1", "urban", "", True),
        ("off", "water1", "water1", "water", "", True),
        ("login", "", "water1", "water", "", True),
    ],
)
def test_who_may_do_it_again(rule: SecondRule, former: str, login: str, department: str, named: str, may: bool) -> None:
    before = second.Former(former, "water" if former else "")
    assert (second.refused(rule, before, login, department, named) == "") is may
    assert second.refused(rule, before, login, department, named, overruled=True) == ""


@pytest.mark.parametrize("rule", ["person", "login", "department"])
async def test_the_same_person_cannot_report_again(opened: Room, rule: SecondRule) -> None:
    ticket = await again(opened, rule)
    with pytest.raises(NotAllowed, match="退回重办须"):
        await opened.tickets.report(ticket.id, WATER, "还是那样")
    assert (await opened.get(ticket.id)).state == "handling"
    if rule == "department":
        with pytest.raises(NotAllowed, match="另一部门"):
            await opened.tickets.report(ticket.id, WATER2, "二次维修完毕")
        async with opened.tickets.change(ticket.id) as (work, now):
            await opened.tickets.parts.send(work, now, "urban", CHIEF, opened.clock.now(), "reassign", "换部门")
        await opened.tickets.report(ticket.id, URBAN, "二次维修完毕")
    else:
        await opened.tickets.report(ticket.id, WATER2, "二次维修完毕")
    assert (await opened.get(ticket.id)).state == "callback"


async def test_a_name_counts_only_where_the_city_says_so_and_is_not_the_former_ones(opened: Room) -> None:
    ticket = await again(opened, "login")
    desk = CallbackDesk(opened.database, opened.tickets, opened.clock)
    with pytest.raises(NotAllowed, match="另一人"):
        await desk.second_handler(ticket.id, WATER, "王师傅", {"water1": "王师傅"})
    await desk.second_handler(ticket.id, WATER, "李师傅", {"water1": "王师傅"})
    with pytest.raises(NotAllowed, match="另一人"):
        await opened.tickets.report(ticket.id, WATER, "二次维修完毕")


async def test_the_same_person_may_where_a_supervisor_says_why(opened: Room) -> None:
    ticket = await again(opened, "login")
    desk = CallbackDesk(opened.database, opened.tickets, opened.clock)
    for by, why in ((WATER, "只有一人"), (AGENT, "只有一人"), (ARBITER, "只有一人"), (CHIEF, " ")):
        with pytest.raises(HeyiError):
            await desk.overrule(ticket.id, by, why)
    opened.tickets.city = opened.tickets.city.model_copy(
        update={"callbacks": CityCallbacks(second="login", second_overrule=("supervisor", "arbiter"))}
    )
    with pytest.raises(NotAllowed, match="辖区"):
        await desk.overrule(ticket.id, replace(ARBITER, department="urban"), "只有一人")
    row = await desk.overrule(ticket.id, CHIEF, "所里只有一名水工")
    assert (row.round, row.overruled_by, row.name) == (1, "chief", "")
    assert (await opened.history(ticket.id))[-1].note == "准予原经办人再办：所里只有一名水工"
    await opened.tickets.report(ticket.id, WATER, "二次维修完毕")
    # It holds for this round alone.
    await opened.key(await opened.dial(10), "2")
    await opened.tickets.reopen(ticket.id, CHIEF, "再办")
    with pytest.raises(NotAllowed, match="另一人"):
        await opened.tickets.report(ticket.id, WATER, "三次维修完毕")


async def test_what_the_supervisor_sends_back_without_a_complaint_anybody_may_do(opened: Room) -> None:
    ticket = await opened.reported()
    await opened.tickets.reopen(ticket.id, CHIEF, "抽查")
    await opened.tickets.report(ticket.id, WATER, "重新修复")
    assert (await opened.get(ticket.id)).state == "callback"


async def test_what_somebody_began_and_forgot_goes_on_by_itself(opened: Room) -> None:
    scene = Scene(opened, "person")
    ticket = await opened.reported()
    ((row, _),) = await scene.due()
    await scene.desk.begin(row.id, AGENT)
    opened.clock.advance(7200)
    assert await scene.desk.sweep() == 0
    opened.clock.advance(1)
    assert (await scene.desk.sweep(), await scene.desk.sweep()) == (1, 0)
    assert await scene.outcomes(ticket.id) == [("person", "failed"), ("person", None)]


async def test_the_rule_says_who_is_not_called_at_all(opened: Room) -> None:
    Scene(opened)
    ticket = await opened.reported()
    assert (await opened.get(ticket.id)).state == "closed" and await opened.callbacks(ticket.id) == []


async def test_a_text_message_is_sent_once_and_its_reply_counts(opened: Room) -> None:
    scene = Scene(opened, "sms", "person")
    ticket = await opened.reported()
    assert await scene.texts.tick() == 0
    opened.clock.advance(600)
    assert (await scene.texts.tick(), await scene.texts.tick()) == (1, 0)
    ((message, number, text),) = scene.gateway.sent
    assert number == "13800138000" and ticket.number in text and "https://x.test/r/" in text
    assert await scene.texts.reply(message, "", "什么意思？") == "unclear"
    assert await scene.texts.reply("cb-nothing", "", "1") == "unknown"
    assert await scene.texts.reply("", "13800138000", " 2。") == "taken"
    assert (await opened.get(ticket.id)).state == "handling"
    (row,) = await opened.callbacks(ticket.id)
    assert (row.outcome, row.words) == ("unsatisfied", "什么意思？")


async def test_a_text_without_a_reply_goes_on_to_a_person_and_a_late_reply_still_counts(opened: Room) -> None:
    scene = Scene(opened, "sms", "person")
    ticket = await opened.reported()
    opened.clock.advance(600)
    await scene.texts.tick()
    opened.clock.advance(24 * 3600 + 1)
    await scene.texts.tick()
    assert await scene.outcomes(ticket.id) == [("sms", "no_answer"), ("person", None)]
    assert await scene.texts.reply(scene.gateway.sent[0][0], "", "满意") == "taken"
    assert await scene.outcomes(ticket.id) == [("sms", "satisfied")]
    assert (await opened.get(ticket.id)).state == "closed"


@pytest.mark.parametrize("fault", [False, OSError("down")])
async def test_a_gateway_that_takes_nothing_is_a_failed_attempt(opened: Room, fault: bool | Exception) -> None:
    scene = Scene(opened, "sms", "person")
    ticket = await opened.reported()
    scene.gateway.takes = fault
    opened.clock.advance(600)
    assert await scene.texts.tick() == 0
    assert await scene.outcomes(ticket.id) == [("sms", "failed"), ("person", None)]


async def test_nobody_is_written_to_at_night_and_a_fixed_line_never(opened: Room) -> None:
    scene = Scene(opened, "sms")
    await opened.reported()
    opened.clock.advance(12 * 3600)
    assert await scene.texts.tick() == 0 and scene.gateway.sent == []
    fixed = await opened.reported("1.2", caller="0595-85681234")
    assert await scene.outcomes(fixed.id) == [("person", None)]


async def test_the_page_of_a_message_is_answered_once(opened: Room) -> None:
    scene = Scene(opened, "sms")
    ticket = await opened.reported()
    (row,) = await opened.callbacks(ticket.id)
    assert row.token and await scene.texts.of_token(row.token) is None, "not sent yet"
    opened.clock.advance(600)
    await scene.texts.tick()
    assert await scene.texts.answer(row.token, "satisfied", "办得快")
    assert not await scene.texts.answer(row.token, "unsatisfied")
    assert not await scene.texts.answer("", "satisfied") and not await scene.texts.answer("x" * 24, "satisfied")
    (row,) = await opened.callbacks(ticket.id)
    assert (row.outcome, row.words) == ("satisfied", "办得快")


def test_what_a_reply_says() -> None:
    assert [answer_of(text) for text in ("1", "回复1", " 满意！", "2", "不满意", "12", "不满意 1", "")] == [
        "satisfied", "satisfied", "satisfied", "unsatisfied", "unsatisfied", None, None, None,
    ]  # fmt: skip


async def test_the_gateway_gets_a_signed_message_and_nothing_is_followed_elsewhere() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response([200, 302, 500][len(seen) - 1], headers={"location": "http://10.0.0.1/"})

    clock = ManualClock(START)
    gateway = WebhookTexts("https://sms.test/send", "s3", clock.now, httpx.MockTransport(answer))
    sent = [await gateway.send(message_id="cb-1", number="13800138000", text="您好") for _ in range(3)]
    assert sent == [True, False, False] and len(seen) == 3
    stamp = seen[0].headers["x-heyi-timestamp"]
    assert stamp == str(int(START.timestamp()))
    assert seen[0].headers["x-heyi-signature"] == f"sha256={signature('s3', stamp, seen[0].content)}"
    assert seen[0].headers["idempotency-key"] == "cb-1" and b'"to": "13800138000"' in seen[0].content
    await gateway.close()


async def test_further_attempts_go_to_the_hour_at_which_this_number_answered_before(opened: Room) -> None:
    first = await opened.reported("1.1")
    opened.clock.advance(5 * 3600)
    call = await opened.dial(0)
    await opened.key(call, "1")
    assert (await opened.get(first.id)).state == "closed"
    opened.clock.advance(19 * 3600)  # answered at 15:00; now it is 10:00 on the next day
    again = await opened.reported("1.2")
    call = await opened.dial(10)
    await opened.hangup(call, "unanswered")
    planned = (await opened.callbacks(again.id))[1].due_at
    assert planned.astimezone(ZONE) == datetime(2026, 11, 21, 15, 0, tzinfo=ZONE)
