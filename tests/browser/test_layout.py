"""Every page in a window of 1366×768, in both languages: nothing cut, covered, or beside the window."""

import pytest
from playwright.async_api import Page

from desk.server import bundle_ready
from tests.browser.conftest import UNBUILT
from tests.chromium import chromium
from tests.every_page import served, walk

pytestmark = pytest.mark.browser

#: What is wrong with the page as it stands, in words. A text that ends in … says all of it in a title.
FAULTS = """() => {
  const faults = new Set();
  const words = (node) => (node.textContent || "").trim().replace(/\\s+/g, " ").slice(0, 40);
  const told = (node) => `${node.tagName.toLowerCase()} ${node.id} ${node.classList[0] ?? ""} “${words(node)}”`;
  const shown = (node) => node.checkVisibility({ checkVisibilityCSS: true }) && node.getClientRects().length > 0;
  // For screen readers alone: as small as a point.
  const point = (node) => node.clientHeight === 1 || node.clientWidth === 1;
  const unseen = (node) => Boolean(node) && (point(node) || unseen(node.parentElement));
  const titled = (node) => node.closest("[title]") !== null || node.querySelector("[title]") !== null;
  const root = document.scrollingElement;
  if (root.scrollWidth > innerWidth + 1) {
    const wide = [...document.querySelectorAll("body *")].filter((node) =>
      shown(node) && node.getBoundingClientRect().right > innerWidth + 1);
    faults.add(`sideways: ${root.scrollWidth} px, ${wide.slice(-1).map(told)}`);
  }
  const FIRM = "button, .button, .badge, th, td, label, h1, h2, p, dd, dt, summary, li";
  for (const node of document.querySelectorAll("body *")) {
    if (node.closest("svg, .chart, canvas, [inert]") || node.matches("script, style, option, textarea")) continue;
    const style = getComputedStyle(node);
    if (!shown(node) || style.display === "inline" || !node.clientWidth || unseen(node)) continue;
    const filled = node.textContent.trim() !== "";
    if (filled && node.scrollWidth > node.clientWidth + 1) {
      if (["hidden", "clip"].includes(style.overflowX) && !titled(node)) faults.add(`cut: ${told(node)}`);
      const spills = style.overflowX === "visible" && node.matches(FIRM) && !node.querySelector(".why, nav");
      if (spills) faults.add(`spills: ${told(node)}`);
    }
    if (style.overflowY === "hidden" && node.scrollHeight > node.clientHeight + 3 && filled && !node.childElementCount
        && !titled(node) && style.webkitLineClamp === "none") faults.add(`cut below: ${told(node)}`);
    if (node.matches("select") && !node.multiple) {
      const pen = document.createElement("canvas").getContext("2d");
      pen.font = style.font;
      const text = node.selectedOptions[0]?.text ?? "";
      const room = node.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - 16;
      const wide = pen.measureText(text).width > room + 2;
      if (wide && !titled(node)) faults.add(`cut: select ${node.name} ${node.id} “${text}”`);
    }
  }
  const stays = (node) => Boolean(node)
    && (["sticky", "fixed"].includes(getComputedStyle(node).position) || stays(node.parentElement));
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!walker.currentNode.nodeValue.trim() || !shown(parent) || unseen(parent)) continue;
    if (parent.closest("svg, option, script, noscript") || getComputedStyle(parent).pointerEvents === "none") continue;
    range.selectNodeContents(walker.currentNode);
    const box = range.getClientRects()[0];
    if (!box) continue;
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    if (x < 0 || y < 0 || x >= innerWidth || y >= innerHeight) continue;
    const top = document.elementFromPoint(x, y);
    if (!top || top.contains(parent) || parent.contains(top)) continue;
    // Scrolled out of the window of a list, or below what stays in place while the rest scrolls.
    let hidden = false;
    for (let inside = parent; inside; inside = inside.parentElement) {
      const { overflowX, overflowY } = getComputedStyle(inside);
      if (overflowX === "visible" && overflowY === "visible") continue;
      const frame = inside.getBoundingClientRect();
      hidden ||= x < frame.left || x > frame.right || y < frame.top || y > frame.bottom;
    }
    if (!hidden && !stays(top)) faults.add(`covered: ${told(parent)} by ${told(top)}`);
  }
  return [...faults];
}"""


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_nothing_is_cut_covered_or_off_the_window(lang: str) -> None:
    assert bundle_ready(), UNBUILT
    found: list[str] = []

    async def look(page: Page, whose: str) -> None:
        await page.evaluate("document.fonts.ready")
        found.extend(f"{whose}: {fault}" for fault in await page.evaluate(FAULTS))

    async with served() as (base, place), chromium() as browser:
        found += await walk(browser, base, place, look, lang=lang)
    assert not found, "\n".join(found)
