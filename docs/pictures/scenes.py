"""Takes the pictures of the wallboard and of a review from a city in memory; needs Chromium and the built scripts.

.heyi/venv/bin/python docs/pictures/scenes.py [FOLDER]
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from playwright.async_api import Browser, Page, ViewportSize, async_playwright, expect

from core.clock import ManualClock, SystemClock
from desk.app import create_app
from desk.server import DeskServer
from desk.services import DeskServices
from tests.desk_fakes import PASSWORD, Stage
from tests.review_scene import review_stage, reviewed
from tests.wallboard_scene import make_scene

#: No sandbox: Chromium refuses to start as root with one. The supervisor's telephone wants a microphone.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]  # fmt: skip
#: Half past ten in the city.
MORNING = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)


async def main(folder: Path) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        with tempfile.TemporaryDirectory(prefix="heyi-pictures-") as scratch:
            stage = await make_scene(Path(scratch), ManualClock(MORNING))
            async with seen(browser, stage.services, "he", "/wallboard") as page:
                await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")
                await page.screenshot(path=folder / "wallboard.png")
            await over(stage)
        with tempfile.TemporaryDirectory(prefix="heyi-pictures-") as scratch:
            stage = await review_stage(Path(scratch), SystemClock())
            review_id, *_ = await reviewed(stage, "c-1", "zhijian")
            async with seen(browser, stage.services, "zhijian", f"/reviews/{review_id}") as page:
                await page.click("[data-test=begin]")
                await page.locator("[data-test=utterance]").first.wait_for()
                await asyncio.sleep(2)
                await page.screenshot(path=folder / "review.png")
            await over(stage)
        await browser.close()


@asynccontextmanager
async def seen(browser: Browser, services: DeskServices, login: str, path: str) -> AsyncIterator[Page]:
    """A page as this person sees it."""
    server = DeskServer(create_app(services), "127.0.0.1", 0)
    await server.start()
    page = await browser.new_page(viewport=ViewportSize(width=1366, height=768))
    await page.goto(f"http://127.0.0.1:{server.port}/login?look=light&next={path}")
    await page.fill("[data-test=login]", login)
    await page.fill("[data-test=password]", PASSWORD)
    await page.click("[data-test=sign-in]")
    yield page
    await page.close()
    await server.stop()


async def over(stage: Stage) -> None:
    await stage.bus.close()
    await stage.services.database.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent))
