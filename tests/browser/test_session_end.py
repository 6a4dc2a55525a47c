"""A session that ends on the server: the page leaves, but never in the middle of a call."""

import pytest
from playwright.async_api import expect

from core.city import Person
from desk.access.users import Users
from tests.browser.conftest import Floor
from tests.desk_fakes import CITY, PASSWORD, Stage
from tests.eventually import until

#: Supervisors' pages have bars that ask the server by themselves; these must not leave a call either.
LEADER = Person(login="chief", name="陈班长", role="supervisor", extension="1001", password=PASSWORD)


@pytest.mark.parametrize("login", ["wang", "chief"])
async def test_a_call_goes_on_when_its_desks_session_ends_and_the_page_leaves_after_it(
    stage: Stage, floor: Floor, login: str
) -> None:
    users = Users(stage.services.database)
    await users.seed_people(CITY.model_copy(update={"people": (LEADER,)}))
    page = await floor.open(login, path="/desk")
    await floor.talks(page)
    refused: list[str] = []
    page.on("response", lambda answer: refused.append(answer.url) if answer.status == 401 else None)
    await users.disable(login, stage.clock.now())
    await expect(page.locator("#notice")).to_contain_text("本次通话可以继续")
    await expect(page.locator("[data-test=phone-state]")).to_have_attribute("data-state", "unregistered")
    if login == LEADER.login:
        await until(lambda: [url for url in refused if url.endswith("/api/help")], "the bar asked")
    assert "/desk" in page.url and (await page.evaluate("window.heyi.state()"))["talking"]
    await page.keyboard.press("F4")
    await page.wait_for_url("**/login**")
