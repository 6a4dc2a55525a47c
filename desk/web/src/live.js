// The live stream. EventSource reconnects by itself and names the last event it has; where the server refused it, it
// gives up, and we open it again from the same place.
import { $ } from "./dom.js";
import { t } from "./i18n.js";
import { askWhetherOver } from "./session.js";

/** What the bar of every page shows besides (bar.js, quality/bar.js): passed on to it as events of the document. */
const FOR_THE_BAR = ["MissedCallChanged", "ReviewTold"];
const AGAIN_MS = 2000;

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/**
 * Follow events from number `after` on. `handlers` by event name; `handlers.reset` when too much was missed and the
 * page must load its state afresh. What happens while it does is handled afterwards: what it loads may be older.
 */
export function follow(after, handlers) {
  let last = after;
  let source;
  let again;
  let held = null;

  function say(state) {
    const place = $("live-state");
    place.dataset.state = state;
    place.textContent = state === "on" ? t("实时") : t("重连中");
  }

  function deliver(run) {
    if (held) held.push(run);
    else run();
  }

  /** Whatever the server says, or does not: without its state the page would be wrong from now on. */
  async function afresh() {
    held = [];
    for (;;) {
      try {
        await handlers.reset();
        break;
      } catch {
        await pause(AGAIN_MS);
      }
    }
    const meanwhile = held;
    held = null;
    for (const run of meanwhile) deliver(run);
  }

  function open() {
    source = new EventSource(`/live?after=${last}`);
    source.onopen = () => say("on");
    source.onerror = () => {
      say("off");
      if (source.readyState === EventSource.CLOSED) {
        askWhetherOver();
        clearTimeout(again);
        again = setTimeout(open, AGAIN_MS);
      }
    };
    const listen = (name, handle) => source.addEventListener(name, (message) => {
      if (message.lastEventId) last = Number(message.lastEventId);
      const data = JSON.parse(message.data);
      deliver(() => handle(data));
    });
    for (const [name, handle] of Object.entries(handlers)) listen(name, name === "reset" ? afresh : handle);
    listen("hello", () => {});
    for (const name of FOR_THE_BAR) source.addEventListener(name, () => document.dispatchEvent(new Event(name)));
  }

  say("off");
  open();
  addEventListener("pagehide", () => source.close());
}
