// 外观: by day or by night, usual or big type. The page that the server sends has it already; here it changes without a
// reload, which would take a call taker's page away in the middle of a call.
const YEAR_S = 365 * 86400;
const MEDIA = { auto: "screen and (prefers-color-scheme: dark)", light: "not all", dark: "screen" };
const root = document.documentElement;

function show(wish, value) {
  if (wish === "letters") root.dataset.type = value;
  else {
    root.dataset.look = value;
    const sheet = document.getElementById("dark");
    if (sheet && !("always" in sheet.dataset)) sheet.media = MEDIA[value];
  }
  for (const link of document.querySelectorAll(`[data-wish="${wish}"]`)) {
    if (link.dataset.value === value) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

/** What the browser keeps: the page may come from the telephone's own store and be older than the wish. */
function kept(name, values, otherwise) {
  const value = document.cookie.split("; ").find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
  return values.includes(value) ? value : otherwise;
}

function showAll() {
  show("look", kept("look", Object.keys(MEDIA), root.dataset.look));
  show("letters", kept("letters", ["usual", "big"], root.dataset.type));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-wish]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const { wish, value } = link.dataset;
  document.cookie = `${wish}=${value}; max-age=${YEAR_S}; path=/; samesite=lax`;
  show(wish, value);
});

// A menu that opens by a click closes by a click elsewhere, by Esc, and when the keyboard leaves it.
const menus = () => document.querySelectorAll("details.menu[open]");
document.addEventListener("pointerdown", (event) => {
  for (const menu of menus()) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("focusout", ({ target, relatedTarget }) => {
  const menu = target.closest?.("details.menu[open]");
  if (menu && relatedTarget && !menu.contains(relatedTarget)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus()) {
    menu.open = false;
    menu.querySelector("summary").focus();
    event.stopImmediatePropagation();
  }
}, true);

// What is chosen and wider than its box is told under the pointer.
const pen = document.createElement("canvas").getContext("2d");
function tell(select) {
  const text = select.selectedOptions[0]?.text ?? "";
  const { font, paddingLeft, paddingRight } = getComputedStyle(select);
  pen.font = font;
  const room = select.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight) - 16;
  if (select.clientWidth && pen.measureText(text).width > room) select.title = text;
  else select.removeAttribute("title");
}
const chosen = document.querySelectorAll("select:not([multiple], [title])");
for (const select of chosen) {
  tell(select);
  select.addEventListener("change", () => tell(select));
}
const tellAll = () => chosen.forEach(tell);
addEventListener("resize", tellAll);
new MutationObserver(tellAll).observe(root, { attributes: true, attributeFilter: ["data-type"] });

// Another tab of this browser, or a page that the browser kept: as the cookie says now.
addEventListener("pageshow", showAll);
document.addEventListener("visibilitychange", () => document.hidden || showAll());
showAll();
