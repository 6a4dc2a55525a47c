// A page whose one part is drawn by the server, kept fresh by the live stream, moved on by forms with data-post.
import { api } from "./api.js";
import { keepClocks } from "./clocks.js";
import { $, notice } from "./dom.js";
import { drawn } from "./drawn.js";
import { t } from "./i18n.js";
import { follow } from "./live.js";
import { inTurn } from "./once.js";
import { serverNow, setServerTime } from "./time.js";

export const part = $("part");

const AGAIN_MS = 2000;
const FIELDS = "input:not([type=hidden]), textarea, select";

/** Somebody has entered something here that was not sent yet. */
function entered(field) {
  if (field.tagName !== "SELECT") return field.value !== field.defaultValue;
  const { options, selectedIndex } = field;
  return selectedIndex !== Math.max(0, [...options].findIndex((option) => option.defaultSelected));
}

let pressed = false;

/** Whether a person is in the middle of something that new elements would destroy: an input method's half word, an
 *  open list of choices, a click between its two halves. */
function busy() {
  if (pressed || (part.contains(document.activeElement) && document.activeElement.matches(FIELDS))) return true;
  return [...part.querySelectorAll("details[open]")].some((box) => [...box.querySelectorAll(FIELDS)].some(entered));
}

/** Where the focus is, so that the same place of the new part gets it. */
function spot() {
  const element = document.activeElement;
  if (!part.contains(element)) return "";
  if (element.id) return `#${CSS.escape(element.id)}`;
  const box = element.matches("summary") && element.closest("details[id]");
  if (box) return `#${CSS.escape(box.id)} > summary`;
  const form = element.closest("[data-post]");
  return form ? `[data-post="${CSS.escape(form.dataset.post)}"] button` : "";
}

const asks = inTurn();

/** Draw the part anew; what somebody has entered or unfolded stays. Put off while somebody is `busy`, unless `sent`. */
async function redraw(sent = false) {
  if (!sent && busy()) return wait();
  const address = new URL(location.href);
  address.searchParams.set("part", "1");
  const news = asks();
  const answer = await fetch(address);
  if (answer.redirected || !answer.ok) {
    location.reload();
    return undefined;
  }
  const html = await answer.text();
  if (!news()) return undefined;
  // While the answer was on its way somebody may have begun.
  if (!sent && busy()) return wait();
  const kept = new Map([...part.querySelectorAll("textarea[id], select[id], input[id]")]
    .filter(entered).map((field) => [field.id, field.value]));
  const open = [...part.querySelectorAll("details[open]")].map(({ id }) => id);
  const focused = spot();
  delete part.dataset.waits;
  drawn(part, html);
  for (const id of open) $(id)?.setAttribute("open", "");
  for (const [id, value] of kept) if ($(id)) $(id).value = value;
  if (focused) part.querySelector(focused)?.focus();
  markLate();
  return undefined;
}

function wait() {
  part.dataset.waits = t("有新变化，填完或收起后显示");
}

function markLate() {
  for (const due of part.querySelectorAll("[data-due]")) {
    due.classList.toggle("late", Date.parse(due.dataset.due) < serverNow());
  }
}

let timer = null;
function within(ms) {
  timer ??= setTimeout(() => {
    timer = null;
    // Nobody says a second time what has changed: it is asked for until there is an answer.
    redraw().catch(() => within(AGAIN_MS));
  }, ms);
}

export const soon = () => within(300);

/** What was put off is made up for as soon as nobody is busy. */
const free = () => "waits" in part.dataset && soon();
part.addEventListener("focusout", free);
part.addEventListener("toggle", free, true);
part.addEventListener("pointerdown", () => {
  pressed = true;
});
for (const end of ["pointerup", "pointercancel"]) {
  addEventListener(end, () => {
    pressed = false;
    free();
  });
}

/** What must have gone before a form may: each is given the form, and the form waits for it. */
const before = [];
export const beforePost = (work) => before.push(work);

part.addEventListener("submit", async (event) => {
  const posted = event.target;
  if (!posted.dataset.post) return;
  event.preventDefault();
  const values = Object.fromEntries(new FormData(posted));
  const button = posted.querySelector("button:not([type=button])");
  button.disabled = true;
  try {
    for (const work of before) await work(posted);
    await api(posted.dataset.post, posted.dataset.fields ? { fields: values } : values);
    notice("");
    posted.closest("details")?.removeAttribute("open");
    posted.reset();
    await redraw(true);
  } catch (error) {
    notice(error.message);
    button.disabled = false;
  }
});

/** Begin: `handlers` by event name, besides what every such page needs. */
export function keepFresh(handlers) {
  if (part.dataset.now) setServerTime(part.dataset.now);
  follow(Number(part.dataset.seq), { ...handlers, reset: soon });
  markLate();
  setInterval(markLate, 15_000);
  keepClocks();
}
