"""Takes the wallboard's picture from a busy centre in memory; needs Chromium and the built scripts.

.heyi/venv/bin/python docs/pictures/wallboard.py [FOLDER]
"""

import asyncio
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from playwright.async_api import ViewportSize, async_playwright, expect

from core.clock import ManualClock
from desk.app import create_app
from desk.server import DeskServer
from tests.desk_fakes import PASSWORD
from tests.wallboard_scene import make_scene

#: Half past ten in the city.
MORNING = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)


async def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="heyi-wallboard-") as scratch:
        stage = await make_scene(Path(scratch), ManualClock(MORNING))
        server = DeskServer(create_app(stage.services), "127.0.0.1", 0)
        await server.start()
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
            )
            page = await browser.new_page(viewport=ViewportSize(width=1366, height=768))
            await page.goto(f"http://127.0.0.1:{server.port}/login?next=/wallboard")
            await page.fill("[data-test=login]", "he")
            await page.fill("[data-test=password]", PASSWORD)
            await page.click("[data-test=sign-in]")
            await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")
            await page.screenshot(path=folder / "wallboard.png")
            await browser.close()
        await server.stop()
        await stage.bus.close()
        await stage.services.database.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent))
