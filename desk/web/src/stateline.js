// A board's line to the server (desk/statefeed.py): it carries state, not events, so that one that is lost is only opened anew.
import { askWhetherOver } from "./session.js";

const AGAIN_MS = 2000;

/**
 * Follow `address`; `hear` by event name. `say` is told "on" with each word of the server and "off" where the line is lost:
 * also one that died without a sign, after `silenceMs` of nothing.
 */
export function followState(address, { silenceMs, say, hear }) {
  let source;
  let again;
  let heard;

  function open() {
    clearTimeout(again);
    source?.close();
    source = new EventSource(address);
    heard = Date.now();
    source.onerror = () => {
      say("off");
      if (source.readyState !== EventSource.CLOSED) return;
      askWhetherOver();
      again = setTimeout(open, AGAIN_MS);
    };
    for (const [name, handle] of Object.entries(hear)) {
      source.addEventListener(name, ({ data }) => {
        heard = Date.now();
        handle(JSON.parse(data));
        say("on");
      });
    }
  }

  setInterval(() => {
    if (Date.now() - heard <= silenceMs) return;
    say("off");
    open();
  }, 1000);
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", ({ persisted }) => persisted && open());
  addEventListener("online", open);
  open();
}
