"""A refresh, a lost network, a second tab, a browser that dies: nothing typed is lost, and no caller is hung up."""

import asyncio

import pytest
from playwright.async_api import Error, Page, expect

from tests.browser.conftest import Floor, stand_still
from tests.browser.fake_exchange import Ring
from tests.chromium import sign_in
from tests.desk_fakes import PASSWORD, Stage
from tests.eventually import PATIENCE_S, until
from ticketing.repository import TicketRepository

pytestmark = pytest.mark.browser


async def typed(stage: Stage, field: str) -> str:
    """What the server has in this field of the call's ticket."""
    async with stage.services.database.read() as session:
        ticket = await TicketRepository(session).by_call("c-1")
    assert ticket is not None
    value: str = getattr(ticket, field)
    return value


async def saved(page: Page) -> None:
    await expect(page.locator("#saved")).to_have_text("已保存")


async def still_there(floor: Floor, ring: Ring) -> None:
    """The page has not hung the caller up, and the house still has the call."""
    assert not ring.over.is_set()
    assert floor.city.hung_up == []
    assert "c-1" in floor.city.live


async def test_who_types_without_a_pause_is_saved_all_the_same(stage: Stage, floor: Floor) -> None:
    page = await floor.open(frozen=True)
    await floor.talks(page)
    field = page.locator("[name=summary]")
    await stand_still(page)
    await field.focus()
    # Ten keys, 0.3 s apart: at no time half a second without one.
    for key in "abcdefghij":
        await page.keyboard.press(key)
        await page.clock.run_for(300)

    async def some() -> bool:
        return (await typed(stage, "summary")).startswith("abc")

    # The page's clock stands: nothing but what was sent by now can come.
    await until(some, lambda: "saved while typing")


async def test_while_the_network_is_gone_one_types_on_and_it_is_saved_afterwards(stage: Stage, floor: Floor) -> None:
    page = await floor.open()
    ring = await floor.talks(page)
    await page.fill("[name=place]", "梅岭街道")
    await saved(page)
    await page.context.set_offline(True)
    await page.fill("[name=summary]", "断网时写的")
    await expect(page.locator("#saved")).to_have_text("未保存")
    # What is said meanwhile comes afterwards, once.
    await floor.city.say("c-1", "断网时说的")
    await page.fill("[name=contact_name]", "黄先生")
    await still_there(floor, ring)
    assert await typed(stage, "summary") != "断网时写的"
    await page.context.set_offline(False)
    await saved(page)
    await expect(page.locator("[data-test=utterance]").filter(has_text="断网时说的")).to_have_count(1)
    assert (await typed(stage, "summary"), await typed(stage, "contact_name")) == ("断网时写的", "黄先生")
    assert await typed(stage, "place") == "梅岭街道"
    await expect(page.locator("[data-test=call-card]")).to_have_attribute("data-state", "talking")
    await still_there(floor, ring)


async def test_a_second_tab_takes_nothing_away_and_goes_on_when_the_first_is_closed(stage: Stage, floor: Floor) -> None:
    first = await floor.open()
    ring = await floor.talks(first)
    await first.fill("[name=place]", "梅岭街道")
    await saved(first)
    second = await floor.context.new_page()
    await second.goto("/desk")
    await expect(second.locator("[data-test=phone-state]")).to_have_text("在另一标签页")
    await expect(second.locator("[name=place]")).to_have_value("梅岭街道")
    # Both write: each sees what the other has, and nothing of it is lost.
    await second.fill("[name=contact_name]", "黄先生")
    await saved(second)
    await expect(first.locator("[name=contact_name]")).to_have_value("黄先生")
    await still_there(floor, ring)
    assert await first.evaluate("heyi.state().talking")
    assert floor.city.rejoined == []
    await first.close()
    await expect(second.locator("[data-test=phone-state]")).to_have_attribute("data-state", "registered")
    await until(lambda: floor.city.rejoined == ["1001"], lambda: "the second tab takes the caller back")
    await still_there(floor, ring)
    assert await typed(stage, "place") == "梅岭街道"


async def test_after_a_crash_the_next_page_has_every_word_and_takes_the_caller_back(stage: Stage, floor: Floor) -> None:
    page = await floor.open()
    ring = await floor.talks(page)
    await floor.city.say("c-1", "华洲村着火了")
    await page.fill("[name=place]", "池店镇华洲村")
    await page.fill("[name=summary]", "自建房冒烟")
    await saved(page)
    crashed = asyncio.Event()
    page.on("crash", lambda _: crashed.set())
    # The page's process is gone without a word: no event of leaving, no last message to anybody.
    devil = await floor.context.new_cdp_session(page)
    dying = asyncio.ensure_future(devil.send("Page.crash"))
    await asyncio.wait_for(crashed.wait(), PATIENCE_S)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    await still_there(floor, ring)
    again = await floor.context.new_page()
    await again.goto("/desk")
    await expect(again.locator("[name=place]")).to_have_value("池店镇华洲村")
    await expect(again.locator("[name=summary]")).to_have_value("自建房冒烟")
    await expect(again.locator("[data-test=utterance]")).to_contain_text("华洲村着火了")
    await expect(again.locator("[data-test=phone-state]")).to_have_attribute("data-state", "registered")
    await until(lambda: floor.city.rejoined == ["1001"], lambda: "the new page takes the caller back")
    # Asterisk places the call anew, and the page takes it without a ring.
    back = await floor.exchange.ring("heyi-rejoin", "13800001234")
    await asyncio.wait_for(back.answered.wait(), PATIENCE_S)
    await expect(again.locator("[data-test=call-card]")).to_have_attribute("data-state", "talking")
    await still_there(floor, ring)


#: The fields that the browser keeps, of each draft.
KEPT = """
Object.values(JSON.parse(sessionStorage.getItem('heyi-unsaved') ?? '{"drafts": {}}').drafts).map((d) => d.fields)
"""


async def test_what_was_typed_without_a_network_outlives_a_refresh(stage: Stage, floor: Floor) -> None:
    page = await floor.open()
    ring = await floor.talks(page)
    await page.fill("[name=place]", "梅岭街道")
    await saved(page)
    # What the server has is personal data that this browser has no need of.
    assert await page.evaluate(KEPT) == []
    await page.context.set_offline(True)
    await page.fill("[name=summary]", "断网时写的")
    await page.fill("[name=contact_name]", "黄先生")
    await expect(page.locator("#saved")).to_have_text("未保存")
    with pytest.raises(Error, match="ERR_INTERNET_DISCONNECTED"):
        await page.reload()
    await page.context.set_offline(False)
    await page.goto("/desk")
    await saved(page)
    await expect(page.locator("[name=summary]")).to_have_value("断网时写的")
    await expect(page.locator("[name=contact_name]")).to_have_value("黄先生")
    assert (await typed(stage, "summary"), await typed(stage, "contact_name")) == ("断网时写的", "黄先生")
    assert await typed(stage, "place") == "梅岭街道"
    assert await page.evaluate(KEPT) == []
    await still_there(floor, ring)


async def test_what_is_kept_is_nobody_elses_and_goes_with_signing_out(floor: Floor) -> None:
    page = await floor.open()
    await floor.talks(page)
    await page.route("**/api/tickets/*", lambda route: route.abort())
    await page.fill("[name=summary]", "未保存的")
    await page.wait_for_function(f"() => {KEPT.strip()}.length === 1")
    left = await page.evaluate("sessionStorage.getItem('heyi-unsaved')")
    await page.click("[data-test=me] summary")
    await page.click("[data-test=sign-out]")
    await expect(page.locator("[data-test=sign-in]")).to_be_visible()
    assert await page.evaluate("sessionStorage.getItem('heyi-unsaved')") is None
    # As if its session had ended without a word: another person's desk takes nothing of it.
    await page.evaluate("(left) => sessionStorage.setItem('heyi-unsaved', left)", left)
    await sign_in(page, "chen", PASSWORD, path="/desk")
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")
    assert await page.evaluate("sessionStorage.getItem('heyi-unsaved')") is None
