// Any number on any page can be clicked: the page with the desk's telephone dials it.
import { dialled, isNumber } from "./directory.js";
import { el, notice } from "./dom.js";
import { t } from "./i18n.js";

const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel("heyi-dial") : null;
/** The page that has the telephone answers within this time, or there seems to be none. */
const ANSWER_MS = 1000;

/** A number as a button that dials it, with `sign` in its place where there is little room; plain text where it is none. */
export function numberButton(text, sign = "") {
  const number = dialled(text ?? "");
  if (!isNumber(number)) return el("span", {}, sign ? "" : (text ?? ""));
  const title = t("拨打 {number}", { number });
  return el("button", { type: "button", className: "number", title, "aria-label": title, dataset: { dial: number } }, sign || text);
}

/** On the page with the telephone: `dial(number)` for each number clicked here or on another page of this browser. */
export function dialHere(dial) {
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-dial]");
    if (button) dial(dialled(button.dataset.dial));
  });
  channel?.addEventListener("message", ({ data }) => {
    if (!data.number) return;
    channel.postMessage({ taken: data.id });
    dial(dialled(data.number));
  });
}

/** On any other page: numbers clicked are dialled by the page with the telephone; where none is open, that is said. */
export function dialElsewhere() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-dial]");
    if (!button) return;
    const id = crypto.randomUUID?.() ?? String(Math.random());
    let said = false;
    const timer = setTimeout(() => {
      said = true;
      notice(t("请先打开坐席页，再点号码拨打"));
    }, ANSWER_MS);
    const heard = ({ data }) => {
      if (data.taken !== id) return;
      clearTimeout(timer);
      // It was only slow, and dials.
      if (said) notice("");
      channel.removeEventListener("message", heard);
    };
    channel?.addEventListener("message", heard);
    channel?.postMessage({ id, number: button.dataset.dial });
  });
}
