"""Same incident on the call taker's page in a real Chromium: suggestion, one key, linked; and the list of callers."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from playwright.async_api import Page, expect

from desk.access.users import Users
from tests.chromium import sign_in
from tests.desk_fakes import FIRE, NOISE, PASSWORD, Stage
from ticketing.actor import Actor
from ticketing.likely import IncidentListener
from ticketing.tables import Ticket
from triage.verdict import Place

pytestmark = pytest.mark.browser


def listen(stage: Stage) -> None:
    async def said(call_id: str) -> Sequence[tuple[str, str]]:
        return [(row.utterance_id, row.text) for row in stage.city.said.get(call_id, []) if row.leg == "caller"]

    def nowhere(_text: str) -> Sequence[Place]:
        return ()

    IncidentListener(stage.bus, stage.services.database, stage.clock, said, nowhere)


async def reported(stage: Stage, call_id: str, caller: str, desk: str) -> Ticket:
    await stage.city.arrive(call_id, "119", caller)
    ticket = await stage.city.answer(call_id, desk)
    await stage.city.say(call_id, "华洲村有栋自建房冒烟，有人困在楼上")
    await stage.city.judge(call_id, FIRE)
    return ticket


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_one_key_links_the_call_to_what_was_suggested(stage: Stage, page: Page, lang: str) -> None:
    listen(stage)
    first = await reported(stage, "c-1", "13800001111", "1002")
    await sign_in(page, "wang", PASSWORD, lang=lang)
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")
    await stage.city.arrive("c-2", "119", "13800002222")
    second = await stage.city.answer("c-2", "1001")
    box = page.locator("[data-test=incident]")
    await expect(box).to_be_hidden()
    await stage.city.say("c-2", "喂，华洲村这边房子着火了，好大的烟")
    await stage.city.judge("c-2", FIRE)
    likely = page.locator("[data-test=likely]")
    await expect(likely).to_have_count(1)
    await expect(likely).to_contain_text(first.number)
    await expect(likely).to_contain_text("同在华洲村" if lang == "zh" else "Both at 华洲村")
    await expect(likely.locator("kbd")).to_have_text("Alt+L")
    for name in ("submit", "close", "verdict", "transcript", "incident"):
        await expect(page.locator(f"[data-test={name}]")).to_be_in_viewport(ratio=1)
    # Also while somebody types.
    await page.locator("[name=contact_name]").click()
    await page.keyboard.press("Alt+l")
    own = page.locator("[data-test=incident-own]")
    await expect(own).to_contain_text(first.number)
    await expect(likely).to_have_count(0)
    assert await page.locator("[name=contact_name]").input_value() == ""
    third = await reported(stage, "c-3", "13800003333", "1002")
    await stage.services.tickets.incidents.link(third.id, second.id, await _wang(stage))
    await expect(own).to_contain_text("来电 3 人" if lang == "zh" else "3 callers")

    await page.goto(f"/tickets/{first.number}")
    callers = page.locator("[data-test=callers] tr[data-number]")
    await expect(callers).to_have_count(3)
    await expect(callers.nth(1)).to_contain_text("13800002222")
    # The list grows while somebody looks.
    fourth = await reported(stage, "c-4", "13800004444", "1002")
    await stage.services.tickets.incidents.link(fourth.id, first.id, await _wang(stage))
    await expect(callers).to_have_count(4)
    await page.locator(f"tr[data-number='{third.number}'] [data-test=unlink]").click()
    await expect(callers).to_have_count(3)
    # Somebody asked not to be called back.
    await page.locator("[data-test=spare]").click()
    await expect(page.locator("[data-test=spared]")).to_have_text(
        "来电人要求不回访" if lang == "zh" else "The caller asked not to be called back"
    )
    await expect(page.locator("[data-test=spare]")).to_have_count(0)


async def _wang(stage: Stage) -> Actor:
    user = await Users(stage.services.database).get("wang")
    assert user is not None
    return user.actor()


async def test_open_tickets_near_the_place_stand_beside_the_caller_whatever_they_are_about(
    stage: Stage, page: Page
) -> None:
    listen(stage)
    noise = replace(NOISE, places=FIRE.places)
    for call_id, caller in (("c-1", "13800001111"), ("c-2", "13800002222")):
        await stage.city.arrive(call_id, "12345", caller)
        ticket = await stage.city.answer(call_id, "1002")
        await stage.city.say(call_id, "华洲村的工地半夜还在施工")
        await stage.city.judge(call_id, noise)
        await stage.services.tickets.submit(ticket.id, await _wang(stage))
        await stage.city.end(call_id)
    await sign_in(page, "wang", PASSWORD)
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")
    await stage.city.arrive("c-3", "119", "13800003333")
    await stage.city.answer("c-3", "1001")
    near = page.locator("[data-test=near-row]")
    await expect(near).to_have_count(0)
    await stage.city.say("c-3", "喂，华洲村这边房子着火了，好大的烟")
    await stage.city.judge("c-3", FIRE)
    await expect(near).to_have_count(2)
    await expect(near.first).to_contain_text("施工噪声")
    await expect(near.first).to_contain_text("同村")
    # No likely twin: another matter at the same place.
    await expect(page.locator("[data-test=likely]")).to_have_count(0)
