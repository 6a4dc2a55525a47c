"""Single sign-on in a real browser: the button, the provider's own page on another origin, and back to the desk."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from playwright.async_api import Page, expect

from desk.access.auth import COOKIE
from desk.app import create_app
from desk.server import DeskServer
from tests.browser.conftest import SCREEN
from tests.chromium import chromium
from tests.desk_fakes import PASSWORD, Stage
from tests.eventually import PATIENCE_MS
from tests.identity_provider import CLIENT, SECRET, Provider


@pytest.fixture
async def provider(stage: Stage) -> AsyncIterator[Provider]:
    made = Provider(stage.clock, {"xiaoyan": {"sub": "u-1", "preferred_username": "urban"}})
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def sso(stage: Stage, provider: Provider) -> AsyncIterator[Page]:
    """The provider is ``127.0.0.1``, the desk ``localhost``: another site, and cookies that know it."""
    settings = stage.services.settings.model_copy(
        update={"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    )
    server = DeskServer(create_app(replace(stage.services, settings=settings)), "127.0.0.1", 0)
    await server.start()
    async with chromium() as browser:
        context = await browser.new_context(base_url=f"http://localhost:{server.port}", viewport=SCREEN)
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        yield page
    await server.stop()


async def test_over_the_provider_into_the_desk_out_and_away(sso: Page, provider: Provider) -> None:
    await sso.goto("/department?tab=handling")
    await sso.wait_for_url("**/login?next=/department")
    await sso.click("[data-test=sso]")
    await sso.fill("[name=user]", "xiaoyan")
    await sso.click("button")
    await sso.wait_for_url("**/department")
    cookie = next(one for one in await sso.context.cookies() if one["name"] == COOKIE)
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    await sso.evaluate("document.querySelector('form[action=\"/logout\"]').submit()")
    await sso.wait_for_url("**/login?out=1")
    await sso.click("[data-test=sso-out]")
    await sso.wait_for_url("**/login")
    assert "end" in provider.asked


async def test_a_provider_that_is_away_leaves_the_password(sso: Page, provider: Provider) -> None:
    await provider.stop()
    await sso.goto("/login")
    await sso.click("[data-test=sso]")
    await expect(sso.locator("[data-test=login-error]")).to_contain_text("请用用户名和密码登录")
    await sso.fill("[data-test=login]", "urban")
    await sso.fill("[data-test=password]", PASSWORD)
    await sso.click("[data-test=sign-in]")
    await sso.wait_for_url("**/department")
    await provider.start()
