"""Every page at 1366×768 and 1920×1080, in usual and in big type, and on telephones, in both languages: nothing cut,
covered, or beside the window; and a call that is worked on without scrolling."""

from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, ViewportSize, expect

from desk.server import bundle_ready
from tests.browser.conftest import UNBUILT, Floor
from tests.chromium import chromium
from tests.desk_fakes import FIRE
from tests.every_page import page_of, served, walk

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


#: The windows, types and looks that each page is turned to, one after the other, without being loaded again.
SCREENS = (
    (1366, 768, "usual", "light"),
    (1920, 1080, "usual", "light"),
    (1920, 1080, "big", "dark"),
    (1366, 768, "big", "light"),
)
PHONES = ((390, 844, "usual", "light"), (360, 740, "usual", "light"))
#: Worked at with a headset, a map or a wall; nobody has them on a telephone.
NO_PHONE = ("/desk", "/board", "/wallboard", "/leader/wall")
#: What the menu 外观 does; the server writes the same two attributes and the same medium.
TURN = """async ([look, type]) => {
  const root = document.documentElement;
  const sheet = document.getElementById("dark");
  root.dataset.look = look;
  root.dataset.type = type;
  if (sheet && !("always" in sheet.dataset)) sheet.media = look === "dark" ? "screen" : "not all";
  await document.fonts.ready;
  // Charts and lists that measure themselves do so a frame after the window has changed.
  for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
}"""


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_nothing_is_cut_covered_or_off_the_window(lang: str) -> None:
    assert bundle_ready(), UNBUILT
    found: list[str] = []

    async def look(page: Page, whose: str) -> None:
        path = page_of(urlsplit(page.url).path)
        if path == "/leader":  # What comes last of what is counted beside the rest.
            await expect(page.locator("#tier option").first).to_be_attached()
        for width, height, size, shade in SCREENS + (() if path in NO_PHONE else PHONES):
            await turn(page, width, height, size, shade)
            faults = await page.evaluate(FAULTS)
            found.extend(f"{width} {size} {whose}: {fault}" for fault in faults)
        await turn(page, *SCREENS[0])

    async with served() as (base, place), chromium() as browser:
        found += await walk(browser, base, place, look, lang=lang)
    assert not found, "\n".join(found)


async def turn(page: Page, width: int, height: int, size: str, shade: str) -> None:
    await page.set_viewport_size(ViewportSize(width=width, height=height))
    await page.evaluate(TURN, [shade, size])


#: What of these is not wholly to be seen without scrolling anything, and how far the page itself scrolls.
HIDDEN = """(names) => {
  const root = document.scrollingElement;
  const hidden = names.filter((name) => {
    const node = document.querySelector(name);
    const box = node.getBoundingClientRect();
    const whole = node.closest("label") ?? node;
    const at = (x, y) => whole.contains(document.elementFromPoint(x, y));
    return !box.width || !at(box.left + 4, box.top + 4) || !at(box.right - 4, box.bottom - 4);
  });
  return [...hidden, ...(root.scrollHeight > innerHeight || root.scrollWidth > innerWidth ? ["the page scrolls"] : [])];
}"""
#: The main job of a call: to speak, to read what was said and asked, to fill in and to submit.
MAIN_JOB = [
    "#transfer-open", "#hold", "#mute", "#hangup", "#call-caller", "#outcome", "#transcript", "[name=code]",
    "[name=nature]", "[name=place]", "[name=contact_name]", "[name=contact_phone]", "[name=summary]",
    "[name=department]", "#submit", "#dispatch-open", "#close-directly", "#ticket-link",
]  # fmt: skip
#: The number that is rung back stands there whole.
WHOLE = "field => field.value.length === 11 && field.scrollWidth <= field.clientWidth"


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_an_emergency_call_is_worked_on_without_scrolling(floor: Floor, lang: str) -> None:
    page = await floor.open(path=f"/desk?lang={lang}")
    await floor.talks(page)
    await floor.city.judge("c-1", FIRE)
    await expect(page.locator("#questions li")).to_have_count(4)
    for width, height, size, shade in SCREENS:
        await turn(page, width, height, size, shade)
        assert await page.evaluate(HIDDEN, MAIN_JOB) == [], (width, size)
        assert await page.evaluate(FAULTS) == [], (width, size)
        assert await page.locator("[name=contact_phone]").evaluate(WHOLE), (width, size)
