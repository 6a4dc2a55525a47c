"""Calls in hand on the call taker's page, in a real Chromium: everything by keyboard, with a telephone that rings."""

import asyncio
import re

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import CALLER, PAGE, Floor, stand_still
from tests.chromium import sign_in
from tests.desk_fakes import FIRE, NOISE, PASSWORD
from tests.eventually import PATIENCE_S, until
from tests.fake_city import FakeCity

pytestmark = pytest.mark.browser


async def asked(city: FakeCity, *what: str) -> None:
    """Wait until this is the last thing that was asked of a call."""
    await until(lambda: city.asked[-1:] == [what], lambda: f"{what} is asked last, but {city.asked}")


async def test_a_refresh_keeps_the_call_and_takes_it_back_unasked(floor: Floor) -> None:
    """Browser-Phone#267: a refresh drops the call."""
    page = await floor.open()
    await floor.talks(page)
    floor.exchange.registered.clear()
    await page.reload()
    await asyncio.wait_for(floor.exchange.registered.wait(), PATIENCE_S)
    await until(lambda: floor.city.rejoined, "the page takes its call back")
    assert floor.city.rejoined == ["1001"]
    assert [method for method, _ in floor.exchange.asked if method in ("BYE", "CANCEL")] == []
    back = await floor.exchange.ring("heyi-rejoin")
    await asyncio.wait_for(back.answered.wait(), PATIENCE_S)
    assert await page.evaluate("sounds.length") == 0
    await expect(page.locator("[data-test=call-state]")).to_have_text("通话中")
    await expect(page.locator("[data-test=transfer-open]")).to_be_visible()


async def test_a_call_of_the_queue_pops_up_with_the_callers_open_ticket_however_the_number_was_written(
    floor: Floor,
) -> None:
    """yaai#175: no screen pop for queue calls. zammad#4872: a number written with spaces does not match."""
    page = await floor.open()
    await floor.city.arrive("c-0", "12345", "059585600001")
    await floor.city.answer("c-0", "1001")
    await floor.city.judge("c-0", NOISE)
    await expect(page.locator("[name=code]")).to_have_value("S101")
    await page.fill("[name=contact_phone]", "+86 138 0000-1234")
    await expect(page.locator("#saved")).to_have_text("已保存")
    await floor.city.end("c-0")
    await floor.city.become("1001", "ready")
    await floor.rings("c-1", "12345", CALLER)
    await expect(page.locator("[data-test=call-card]")).to_contain_text(CALLER)
    await expect(page.locator("#history-title")).to_contain_text("未结工单 1 件")
    await expect(page.locator("[data-test=history]")).to_contain_text("施工噪声")


async def test_a_number_is_dialled_from_the_field_the_form_and_the_history_in_whatever_form_it_stands(
    floor: Floor,
) -> None:
    page = await floor.open()
    await floor.city.arrive("c-0", "12345", CALLER)
    await floor.city.answer("c-0", "1001")
    await floor.city.end("c-0")
    await expect(page.locator("[data-test=ticket-form]")).to_be_visible()
    dialled = floor.exchange.dialled

    async def called(number: str) -> None:
        await until(lambda: dialled()[-1:] == [number], lambda: f"{number} is dialled, not {dialled()}")
        await floor.exchange.other_side_rings()
        await expect(page.locator("[data-test=call-card]")).to_have_attribute("data-state", "dialling")
        await page.wait_for_function("() => ringing() === 1")
        # The ticket on which one works stays where it is.
        await expect(page.locator("[data-test=ticket-form]")).to_be_visible()
        await floor.exchange.refuse()
        await expect(page.locator("#notice")).to_have_text("对方忙")
        await expect(page.locator("[data-test=call-card]")).to_have_attribute("data-state", "ended")
        await page.wait_for_function("() => ringing() === 0")

    await page.keyboard.press("Alt+0")
    await page.keyboard.type("0595 8568-0001")
    await page.keyboard.press("Enter")
    await called("059585680001")
    await page.fill("[name=contact_phone]", "＋８６ 139 0000 0002")
    await page.click("[data-test=dial-contact]")
    await called("13900000002")
    await page.click("#call-caller .number")
    await called(CALLER)
    await page.fill("[data-test=dial-number]", "你好")
    await page.keyboard.press("Enter")
    await expect(page.locator("#notice")).to_contain_text("3 至 20 位数字")
    assert len(dialled()) == 3


async def test_consult_conference_and_hand_over_without_the_mouse(floor: Floor) -> None:
    page = await floor.open(frozen=True)
    await floor.talks(page)
    await floor.city.become("1002", "ready")
    await page.keyboard.press("F6")
    await page.keyboard.type("erh")
    await expect(page.locator("[data-test=transfer-list] li").first).to_contain_text("1002")
    await expect(page.locator("[data-test=transfer-list] li").first).to_contain_text("就绪")
    await page.keyboard.press("Enter")
    await asked(floor.city, "consult", "c-1", "1002", "1001")
    await floor.city.call_in("c-1", "1002", "agent")
    bar = page.locator("[data-test=consulting]")
    await expect(bar).to_contain_text("正在呼叫 1002")
    await expect(page.locator("[data-test=complete]")).to_contain_text("直接转出")
    # One way back to the caller, not two.
    await expect(page.locator("[data-test=hangup]")).to_be_hidden()
    await expect(page.locator("[data-test=conference]")).to_be_disabled()
    await floor.city.come_in("c-1", "1002", "consult")
    await expect(bar).to_contain_text("正在咨询 1002")
    await expect(page.locator("#complete-name")).to_have_text("转出")
    await page.keyboard.press("F3")
    await asked(floor.city, "conference", "c-1", "1001")
    # While one consults, hanging up is coming back to the caller, and the key of transfer hands over.
    await page.keyboard.press("F4")
    await asked(floor.city, "take_back", "c-1", "1001")
    await page.keyboard.press("F6")
    await asked(floor.city, "complete", "c-1", "1001", "")
    await floor.city.come_in("c-1", "1002", "link")
    await expect(bar).to_be_hidden()
    await expect(page.locator("[data-test=parties]")).to_contain_text("1002 二号坐席")
    remove = page.locator("[data-test=parties] button")
    await expect(remove).to_have_text("移出")
    await stand_still(page)
    await remove.click()
    await expect(remove).to_have_text("确认移出")
    assert floor.city.asked[-1][0] == "complete"
    # Who waits was not sure.
    await page.clock.run_for(3_000)
    await expect(remove).to_have_text("移出")
    await remove.dblclick()
    await page.clock.resume()
    await asked(floor.city, "dismiss", "c-1", "ch-1002")
    await page.keyboard.press("F4")
    await asked(floor.city, "leave", "c-1", "1001")
    await floor.city.go("c-1", "1001")
    await expect(page.locator("[data-test=call-state]")).to_have_text("本席已离开")


async def test_a_key_pressed_once_too_often_passes_nobody_on(floor: Floor) -> None:
    page = await floor.open()
    await floor.talks(page)
    panel = page.locator("[data-test=transfer]")
    await page.keyboard.press("F6")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Control+Enter")
    await expect(panel).to_be_visible()
    await expect(page.locator("[data-test=blind]")).to_be_disabled()
    assert floor.city.asked == []
    await page.keyboard.press("ArrowDown")
    first = page.locator("[data-test=transfer-list] li").first
    await expect(first).to_have_attribute("aria-selected", "true")
    target = await first.get_attribute("data-target")
    await page.keyboard.press("Enter")
    await asked(floor.city, "consult", "c-1", target or "", "1001")
    await page.keyboard.press("F6")
    await page.keyboard.type("12345")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-test=transfer-list] li")).to_have_count(2)
    assert floor.city.asked[-1][0] == "consult"


async def test_digits_are_typed_to_the_other_side_while_the_number_pad_is_open(floor: Floor) -> None:
    page = await floor.open()
    await floor.talks(page)
    pad = page.locator("#keys")
    await page.keyboard.press("5")
    await page.click("[data-test=keypad]")
    await expect(pad).to_be_visible()
    await page.keyboard.press("7")
    await page.keyboard.press("#")
    await page.click("#keys [data-key='0']")
    await page.wait_for_function("() => tones.join('') === '7#0'")
    # What is typed into the ticket is no tone.
    await page.fill("[name=contact_phone]", "")
    await page.locator("[name=contact_phone]").press_sequentially("139")
    await page.click("#talk-title")
    await page.keyboard.press("Escape")
    await expect(pad).to_be_hidden()
    await expect(page.locator("[data-test=keypad]")).to_have_attribute("aria-expanded", "false")
    await page.keyboard.press("9")
    await asyncio.sleep(0.5)
    assert await page.evaluate("tones.join('')") == "7#0"


async def test_mute_is_one_key_and_back(floor: Floor) -> None:
    page = await floor.open()
    await floor.talks(page)
    mute = page.locator("[data-test=mute]")
    assert not await page.evaluate("muted()")
    await page.keyboard.press("F8")
    await expect(mute).to_have_attribute("aria-pressed", "true")
    assert await page.evaluate("muted()")
    await page.keyboard.press("F8")
    await expect(mute).to_have_attribute("aria-pressed", "false")
    assert not await page.evaluate("muted()")


async def test_a_group_that_rings_or_has_come_is_not_called_again_and_its_ring_can_be_taken_back(floor: Floor) -> None:
    page = await floor.open()
    await floor.talks(page)
    group = page.locator("[data-test=groups] [data-group=medical]")
    await expect(group).to_be_enabled()
    await floor.city.call_in("c-1", "1101", "link")
    await expect(group).to_be_disabled()
    await page.keyboard.press("Alt+1")
    stop = page.locator("[data-test=parties] button")
    await expect(stop).to_have_text("取消呼叫")
    await stop.click()
    await asked(floor.city, "dismiss", "c-1", "ch-1101")
    assert len(floor.city.asked) == 1
    await floor.city.come_in("c-1", "1101", "link")
    await expect(stop).to_have_text("移出")
    await expect(group).to_be_disabled()
    await floor.city.go("c-1", "1101")
    await expect(group).to_be_enabled()
    await page.keyboard.press("Alt+1")
    await asked(floor.city, "link", "c-1", "medical", "1001")


async def test_a_desk_that_is_called_while_the_call_is_being_loaded_is_not_overlooked(floor: Floor) -> None:
    page = await floor.open()
    ring = await floor.rings()
    await expect(page.locator("[data-test=answer]")).to_be_visible()

    async def loaded_late(route: Route) -> None:
        """What is loaded was read before the other desk was called, and comes after the page was told of that."""
        answer = await route.fetch()
        if not floor.city.live["c-1"].called:
            await floor.city.call_in("c-1", "1101", "link")
            await asyncio.sleep(0.5)  # time for the event; whether it is lost shows below
        await route.fulfill(response=answer)
        loaded.set()

    loaded = asyncio.Event()
    await page.route("**/api/calls/c-1", loaded_late)
    await page.keyboard.press("F2")
    await asyncio.wait_for(ring.answered.wait(), PATIENCE_S)
    await floor.city.answer("c-1", "1001")
    await asyncio.wait_for(loaded.wait(), PATIENCE_S)
    await expect(page.locator("[data-test=ticket-state]")).to_have_attribute("data-state", "draft")
    await expect(page.locator("[data-test=groups] [data-group=medical]")).to_be_disabled()


async def test_a_supervisor_goes_on_with_the_call_that_was_taken_over(floor: Floor) -> None:
    city = floor.city
    await city.arrive("c-1", "119", CALLER)
    await city.answer("c-1", "1001")
    await city.say("c-1", "华洲村有房子冒烟，人困在楼上")
    await city.judge("c-1", FIRE)
    await city.come_in("c-1", "1009", "supervisor")
    await city.go("c-1", "1001")
    page = await floor.open("he", path="/desk")
    await until(lambda: city.rejoined, "the page takes the call")
    assert city.rejoined == ["1009"]
    back = await floor.exchange.ring("heyi-rejoin")
    await asyncio.wait_for(back.answered.wait(), PATIENCE_S)
    await expect(page.locator("[data-test=call-state]")).to_have_text("通话中")
    await expect(page.locator("[data-test=utterance]")).to_contain_text("冒烟")
    # No desk of the queue: there is no state to choose, and no supervisor to cry for.
    for name in ("ready", "away", "agent-state", "ask-help"):
        await expect(page.locator(f"[data-test={name}]")).to_be_hidden()
    await expect(page.locator("[name=place]")).to_have_value("池店镇华洲村")
    await page.fill("[name=contact_name]", "黄先生")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("[data-test=ticket-state]")).to_have_attribute("data-state", "dispatched")
    # In mid-call no link takes the page away.
    async with floor.context.expect_page() as beside:
        await page.click("[data-test=nav-missed]")
    await (await beside.value).close()
    await page.keyboard.press("F6")
    await page.keyboard.type("1002")
    await page.keyboard.press("Control+Enter")
    await asked(city, "transfer", "c-1", "desk", "1002", "1009", "")
    await page.keyboard.press("F4")
    await asyncio.wait_for(back.over.wait(), PATIENCE_S)


async def test_a_second_tab_says_where_the_telephone_is_and_takes_it_when_that_page_is_closed(floor: Floor) -> None:
    desk = await floor.open("he", path="/desk")
    other = await floor.context.new_page()
    await other.goto("/desk")
    await expect(other.locator("[data-test=phone-state]")).to_have_text("在另一标签页")
    await expect(other.locator("#notice")).to_contain_text("另一个标签页")
    await desk.goto("/wallboard")
    await expect(other.locator("[data-test=phone-state]")).to_have_text("话机在线")
    await expect(desk.locator("#phone-state")).to_have_text("在另一标签页")
    await other.close()
    await expect(desk.locator("#phone-state")).to_have_attribute("data-state", "registered")
    again = await floor.context.new_page()
    await again.goto("/desk")
    await expect(again.locator("#notice")).to_contain_text("话机在已打开的指挥大屏页上")


async def test_a_cry_for_help_is_seen_and_heard_on_every_page_of_a_supervisor(floor: Floor) -> None:
    city = floor.city
    await city.arrive("c-1", "119", CALLER)
    await city.answer("c-1", "1001")
    page = await floor.context.new_page()
    await page.add_init_script(PAGE)
    await sign_in(page, "lin", PASSWORD)
    # A supervisor's day begins at the wall.
    await page.wait_for_url("**/wallboard")
    await page.goto("/department")
    await page.keyboard.press("Shift")
    other = await floor.context.new_page()
    await other.goto("/calls")
    await expect(other.locator("[data-test=cries]")).to_be_hidden()
    await city.ask_help("c-1", by="1001")
    for tab in (page, other):
        await expect(tab.locator("[data-test=cry]")).to_contain_text("1001 一号坐席 求助119 火警")
        await expect(tab.locator("[data-test=cry] a")).to_have_attribute("href", "/wallboard")
    await page.wait_for_function("() => ringing() === 1", polling=100)
    # Nobody has clicked on the other page yet: it cannot be heard, and says so.
    await expect(other.locator("[data-test=cries]")).to_contain_text("声音尚未开启")
    await page.reload()
    await expect(page.locator("[data-test=cry]")).to_have_count(1)
    await page.keyboard.press("Shift")
    await page.wait_for_function("() => ringing() === 1", polling=100)
    await page.click("[data-test=cry-given]")
    for tab in (page, other):
        await expect(tab.locator("[data-test=cries]")).to_be_hidden()
    await page.wait_for_function("() => ringing() === 0", polling=100)
    await city.ask_help("c-1", by="1001")
    await expect(other.locator("[data-test=cry]")).to_have_count(1)
    await city.end("c-1")
    await expect(other.locator("[data-test=cry]")).to_have_count(0)


async def test_to_another_line_with_its_matter_and_blind_to_a_desk_with_a_reason(floor: Floor) -> None:
    page = await floor.open()
    await floor.talks(page)
    await page.keyboard.press("F6")
    await page.keyboard.type("12345")
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-test=transfer-list] li")).to_have_count(2)
    await page.keyboard.type("开锁")
    await expect(page.locator("[data-test=transfer-list] li")).to_have_count(1)
    await page.keyboard.press("Enter")
    await asked(floor.city, "transfer", "c-1", "line", "12345", "1001", "开锁求助（无险情）")
    await page.keyboard.press("F6")
    await page.keyboard.type("1002")
    await page.fill("[data-test=transfer-reason]", "需要闽南语")
    await page.keyboard.press("Control+Enter")
    await asked(floor.city, "transfer", "c-1", "desk", "1002", "1001", "需要闽南语")
    # The same keys submit the ticket elsewhere; here they have not.
    await expect(page.locator("[data-test=ticket-state]")).to_have_attribute("data-state", "draft")
    await page.keyboard.press("F6")
    await page.keyboard.type("0595 8560 0001")
    await page.keyboard.press("Enter")
    await asked(floor.city, "consult", "c-1", "059585600001", "1001", "outside")


async def test_one_key_calls_the_ambulance_desk_in_and_its_page_shows_everything_while_it_rings(floor: Floor) -> None:
    page = await floor.open()
    await floor.talks(page)
    await floor.city.say("c-1", "华洲村有房子冒烟，人困在楼上")
    await floor.city.judge("c-1", FIRE)
    await page.keyboard.press("Alt+1")
    await asked(floor.city, "link", "c-1", "medical", "1001")
    await expect(page.locator("#notice")).to_contain_text("120急救 已加入通话")
    await floor.context.clear_cookies()
    floor.exchange.registered.clear()
    third = await floor.open("su")
    await floor.city.become("1101", "ready")
    await floor.city.call_in("c-1", "1101", "link")
    ring = await floor.exchange.ring("heyi-link", CALLER)
    await expect(third.locator("[data-test=call-card]")).to_contain_text(CALLER)
    await expect(third.locator("[data-test=call-note]")).to_have_text("1001 一号坐席 请您加入通话")
    await expect(third.locator("[data-test=answer]")).to_contain_text("加入通话")
    await expect(third.locator("[name=place]")).to_have_value("池店镇华洲村")
    await expect(third.locator("[data-test=utterance]")).to_contain_text("冒烟")
    await third.keyboard.press("F2")
    await asyncio.wait_for(ring.answered.wait(), PATIENCE_S)
    await floor.city.come_in("c-1", "1101", "link")
    await expect(third.locator("[data-test=parties]")).to_contain_text("主接")
    # A guest lets nobody go and passes nobody on; it leaves, and the others stay.
    await expect(third.locator("[data-test=parties] button:visible")).to_have_count(0)
    await expect(third.locator("[data-test=transfer-open]")).to_be_hidden()
    await expect(third.locator("[data-test=hangup]")).to_contain_text("离开")
    await third.keyboard.press("F4")
    await asked(floor.city, "leave", "c-1", "1101")


async def test_a_caller_who_says_nothing_is_asked_and_the_key_is_shown_even_after_a_refresh(floor: Floor) -> None:
    page = await floor.open(frozen=True)
    ring = await floor.rings()
    await expect(page.locator("[data-test=answer]")).to_be_visible()
    await page.keyboard.press("F2")
    await asyncio.wait_for(ring.answered.wait(), PATIENCE_S)
    # From here on the page's time is the test's: the server's answer is told at its very beginning, or after it.
    await stand_still(page)
    await floor.city.answer("c-1", "1001")
    await expect(page.locator("[data-test=transfer-open]")).to_be_visible()
    hint = page.locator("[data-test=silence]")
    await page.clock.fast_forward(8_000)
    await expect(hint).to_be_hidden()
    await page.clock.fast_forward(20_000)
    await expect(hint).to_contain_text("没有听到来电人说话")
    await page.clock.resume()
    await page.keyboard.press("Alt+s")
    await asked(floor.city, "ask_silent", "c-1")
    await expect(hint).to_contain_text("等待中")
    await floor.city.press("c-1", "1")
    await expect(page.locator("[data-test=pressed]")).to_contain_text("按静默报警处置")
    await expect(hint).to_be_hidden()
    await page.reload()
    await expect(page.locator("[data-test=pressed]")).to_contain_text("按静默报警处置")


async def test_a_caller_who_speaks_is_no_silent_one(floor: Floor) -> None:
    page = await floor.open(frozen=True)
    await floor.talks(page)
    floor.city.partial("c-1", "u-1", "喂")
    await expect(page.locator("[data-test=utterance]")).to_have_count(1)
    await page.clock.fast_forward(15_000)
    await expect(page.locator("#call-clock")).to_have_text(re.compile(r"^(0:[1-5]\d|[1-9]\d*:)"))
    await expect(page.locator("[data-test=silence]")).to_be_hidden()


async def test_help_is_asked_seen_coming_and_taken_back_by_the_same_key(floor: Floor) -> None:
    page = await floor.open()
    await floor.talks(page)
    line = page.locator("[data-test=help-line]")
    await page.keyboard.press("F10")
    await expect(line).to_be_visible()
    await expect(line).to_contain_text("已向班长求助")
    await floor.city.help_given("c-1", "1001", by="1009")
    await expect(line).to_contain_text("班长（1009）已响应")
    await page.keyboard.press("F10")
    await expect(line).to_be_hidden()


async def test_hold_has_a_clock_of_its_own_on_card_and_bar(floor: Floor) -> None:
    """asterisk#1006: states that no screen shows. Held is one, with its time."""
    page = await floor.open()
    await floor.talks(page)
    await floor.city.hold("c-1", "1001", True)
    await expect(page.locator("[data-test=agent-state]")).to_have_text("保持")
    await expect(page.locator("[data-test=call-state]")).to_have_text("保持中")
    await expect(page.locator("#call-total")).to_contain_text("通话 0:")
    await expect(page.locator("[data-test=hold]")).to_have_attribute("aria-pressed", "true")
    await floor.city.hold("c-1", "1001", False)
    await expect(page.locator("[data-test=call-state]")).to_have_text("通话中")
    await expect(page.locator("[data-test=hold]")).to_have_attribute("aria-pressed", "false")


async def test_a_number_on_a_tickets_page_is_dialled_by_the_tab_with_the_telephone(floor: Floor) -> None:
    page = await floor.open()
    await floor.city.arrive("c-0", "12345", CALLER)
    ticket = await floor.city.answer("c-0", "1001")
    await floor.city.end("c-0")
    await expect(page.locator("[data-test=ticket-form]")).to_be_visible()
    other = await floor.context.new_page()
    await other.goto(f"/tickets/{ticket.number}")
    await other.locator(f"[data-dial='{CALLER}']").first.click()
    await until(floor.exchange.dialled, "the tab with the telephone dials")
    assert floor.exchange.dialled() == [CALLER]
    await expect(other.locator("#notice")).to_be_hidden()
    await page.close()
    await other.locator(f"[data-dial='{CALLER}']").first.click()
    await expect(other.locator("#notice")).to_contain_text("请先打开坐席页")
