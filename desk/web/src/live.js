// The live stream. EventSource reconnects by itself and names the last event it has; where the server refused it, it
// gives up, and we open it again from the same place.
import { $ } from "./dom.js";
import { t } from "./i18n.js";

/**
 * Follow events from number `after` on. `handlers` by event name; `handlers.reset` when too much was missed and the
 * page must load its state afresh (it returns the number to go on from).
 */
export function follow(after, handlers) {
  let last = after;
  let source;
  let again;

  function say(state) {
    const place = $("live-state");
    place.dataset.state = state;
    place.textContent = state === "on" ? t("实时") : t("重连中");
  }

  function open() {
    source = new EventSource(`/live?after=${last}`);
    source.onopen = () => say("on");
    source.onerror = () => {
      say("off");
      if (source.readyState === EventSource.CLOSED) {
        clearTimeout(again);
        again = setTimeout(open, 2000);
      }
    };
    const listen = (name, handle) => source.addEventListener(name, (message) => {
      if (message.lastEventId) last = Number(message.lastEventId);
      handle(JSON.parse(message.data));
    });
    for (const [name, handle] of Object.entries(handlers)) listen(name, handle);
    listen("hello", () => {});
  }

  say("off");
  open();
  addEventListener("pagehide", () => source.close());
}
