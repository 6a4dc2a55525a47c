"""axe-core over every page, by day and by night: nothing that keeps anybody from working with it (WCAG 2.2 AA).

One exception, which the standard allows (2.5.8, Equivalent): the figures of the wallboard stand in rows lower than
24 px, so that all lines are seen at once; the same lists are reached from the bar.
"""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Page

from desk.server import bundle_ready
from tests.browser.conftest import UNBUILT
from tests.chromium import chromium
from tests.every_page import served, walk

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "desk" / "web" / "node_modules" / "axe-core" / "axe.min.js"
#: All rules by day; by night other colours are all that differs.
BY_DAY = """axe.run(document, {
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"],
})"""
BY_NIGHT = "axe.run(document, {runOnly: {type: 'rule', values: ['color-contrast']}, resultTypes: ['violations']})"
LOOK = """async (look) => {
  const sheet = document.getElementById("dark");
  if (!("always" in sheet.dataset)) sheet.media = look === "dark" ? "screen" : "not all";
}"""


async def test_nothing_serious_on_any_page() -> None:
    assert bundle_ready(), UNBUILT
    axe = await asyncio.to_thread(AXE.read_text, encoding="utf-8")
    found: list[str] = []

    async def judge(page: Page, whose: str) -> None:
        await page.evaluate(axe)
        for look, run in (("light", BY_DAY), ("dark", BY_NIGHT)):
            await page.evaluate(LOOK, look)
            for broken in (await page.evaluate(run))["violations"]:
                if broken["impact"] not in ("serious", "critical"):
                    continue
                for node in broken["nodes"]:
                    figure = broken["id"] == "target-size" and page.url.endswith("/wallboard")
                    if not figure or "data-part=" not in node["html"]:
                        found.append(f"{whose} {look}: {broken['id']} {node['html'][:160]}")

    async with served() as (base, place), chromium() as browser:
        found += await walk(browser, base, place, judge)
    assert not found, "\n".join(found)
