"""The browser that tests open: the machine's own Chromium, a microphone that a file speaks into, and signing in."""

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Error, Page, async_playwright, expect

from tests.eventually import PATIENCE_MS

#: How long a page may take to show what it must: only what never comes waits so long, also beside other work.
expect.set_options(timeout=PATIENCE_MS)

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
#: What a call with sound needs besides: to be heard without a click, and to find Asterisk on this machine.
SOUND = [
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--allow-loopback-in-peer-connection",
]
#: With WebGL by the processor alone, whatever the machine has, and without any.
WEBGL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
NO_WEBGL = ["--disable-3d-apis"]


@asynccontextmanager
async def chromium(microphone: Path | None = None, *, drawing: Sequence[str] = ()) -> AsyncIterator[Browser]:
    """A running browser; ``microphone`` is a WAV file that is spoken again and again, for pages on real calls;
    ``drawing``: :data:`WEBGL` or :data:`NO_WEBGL`, where a test is about that.
    """
    flags = [*FLAGS, *SOUND, f"--use-file-for-fake-audio-capture={microphone}"] if microphone is not None else FLAGS
    flags = [flag for flag in flags if not (drawing and flag == "--disable-gpu")] + list(drawing)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        try:
            yield browser
        finally:
            await browser.close()


async def sign_in(page: Page, login: str, password: str, *, path: str = "", lang: str = "zh") -> None:
    """As a person does, at the page of signing in; then ``path``, or where this person's day begins."""
    address = f"/login?lang={lang}&next={path}"
    try:
        await page.goto(address)
    except Error as error:
        # The page was just leaving by itself, after what was pressed last.
        if "ERR_ABORTED" not in str(error):
            raise
        await page.goto(address)
    await page.fill("[data-test=login]", login)
    await page.fill("[data-test=password]", password)
    # Its scripts have run then: what is pressed before them is done by forms and links alone.
    async with page.expect_navigation(wait_until="domcontentloaded"):
        await page.click("[data-test=sign-in]")
