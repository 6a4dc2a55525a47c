"""Photographs from a desk: chosen beside a report on a ticket's page, sent before it, shown on the ticket."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import select

from desk.app import create_app
from desk.server import DeskServer, bundle_ready
from tests.browser.conftest import SCREEN, UNBUILT
from tests.chromium import chromium, sign_in
from tests.desk_fakes import PASSWORD, Stage
from tests.eventually import PATIENCE_MS
from tests.unit.doors_support import jpeg
from tests.unit.field_support import URBAN, noise
from ticketing.patrol.tables import FieldPhoto
from ticketing.repository import TicketRepository
from ticketing.tables import Ticket

pytestmark = pytest.mark.browser
REPORT = "form[data-post$='/report']"


@pytest.fixture
async def ticket(stage: Stage) -> Ticket:
    """In the hands of urban management, who may report."""
    made = await noise(stage)
    for step in ("accept", "arrive", "handle"):
        async with stage.services.database.read() as session:
            now = await TicketRepository(session).get(made.id)
        if now.state == "handling":
            break
        await stage.services.tickets.advance(made.id, step, URBAN)
    return made


@pytest.fixture
async def page(stage: Stage, ticket: Ticket) -> AsyncIterator[Page]:
    assert bundle_ready(), UNBUILT
    server = DeskServer(create_app(stage.services), "127.0.0.1", 0)
    await server.start()
    async with chromium() as browser:
        context = await browser.new_context(base_url=f"http://127.0.0.1:{server.port}", viewport=SCREEN)
        made = await context.new_page()
        made.set_default_timeout(PATIENCE_MS)
        await sign_in(made, "urban", PASSWORD, path=f"/tickets/{ticket.number}")
        yield made
        await context.close()
    await server.stop()


def files(*contents: bytes) -> list[dict[str, object]]:
    return [{"name": f"{n}.jpg", "mimeType": "image/jpeg", "buffer": content} for n, content in enumerate(contents)]


async def kept(stage: Stage, ticket: Ticket) -> list[FieldPhoto]:
    async with stage.services.database.read() as session:
        return list(await session.scalars(select(FieldPhoto).where(FieldPhoto.ticket_id == ticket.id)))


async def test_a_report_takes_its_photographs_along(stage: Stage, ticket: Ticket, page: Page) -> None:
    await page.locator("[data-test=report-open]").click()
    form = page.locator(REPORT)
    await form.locator("[data-test=shots-choose]").set_input_files(files(jpeg(), jpeg(), b"no picture"))  # type: ignore[arg-type]
    await expect(form.locator("[data-test=shots-one]")).to_have_count(2)
    await expect(page.locator("#notice")).to_have_text("这个文件不是可用的照片")
    await form.locator("[data-test=shots-one]").first.click()
    await expect(form.locator("[data-test=shots-one]")).to_have_count(1)
    assert await kept(stage, ticket) == [], "nothing goes before the report does"

    # The line is cut between the photograph and the report: neither is lost, and the photograph goes once.
    await page.route("**/report", lambda route: route.abort())
    await form.locator("[data-test=result]").fill("已经停工")
    await form.locator("[data-test=report]").click()
    await expect(page.locator("#notice")).to_have_text("网络中断，正在重连")
    assert len(await kept(stage, ticket)) == 1
    await page.unroute("**/report")
    await form.locator("[data-test=report]").click()
    await expect(page.locator("[data-test=field-photos] img")).to_have_count(1)
    await expect(page.locator("[data-test=ticket-state]").first).not_to_have_attribute("data-state", "handling")
    [photo] = await kept(stage, ticket)
    assert (photo.who, photo.department, photo.kind) == ("urban", "urban", "image/jpeg")


async def test_photographs_go_without_a_report_and_a_refusal_keeps_them(
    stage: Stage, ticket: Ticket, page: Page
) -> None:
    await page.locator("[data-test=photos-open]").click()
    form = page.locator("form[data-photos]")
    await form.locator("[data-test=photos-send]").click()
    await expect(page.locator("#notice")).to_have_text("请先选择照片")
    await form.locator("[data-test=shots-choose]").set_input_files(files(jpeg()))  # type: ignore[arg-type]
    await expect(form.locator("[data-test=shots-one]")).to_have_count(1)
    await form.locator("[data-test=photos-caption]").fill("围挡已拆")
    await page.route("**/api/field/photos", lambda route: route.abort())
    await form.locator("[data-test=photos-send]").click()
    await expect(page.locator("#notice")).to_have_text("网络中断，正在重连")
    await expect(form.locator("[data-test=shots-one]")).to_have_count(1)
    await page.unroute("**/api/field/photos")
    await form.locator("[data-test=photos-send]").click()
    await expect(page.locator("[data-test=field-photos] figcaption")).to_contain_text("围挡已拆")
    [photo] = await kept(stage, ticket)
    assert photo.caption == "围挡已拆"
