// What a page does when its session is over: it leaves for the sign-in page, but never in the middle of a call.
import { notice } from "./dom.js";
import { t } from "./i18n.js";

const AGAIN_MS = 1000;
/** Told to the document once: a telephone takes no more calls then. */
export const OVER = "session-over";

let busy = () => false;
let going = false;

/** Whoever talks finishes: `talking` says whether somebody does. */
export function stayWhile(talking) {
  busy = talking;
}

function leave() {
  if (busy()) {
    notice(t("您的登录已结束。本次通话可以继续，挂机后须重新登录。"));
    setTimeout(leave, AGAIN_MS);
    return;
  }
  location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
}

/** The server said that nobody is signed in here. */
export function over() {
  if (going) return;
  going = true;
  document.dispatchEvent(new Event(OVER));
  leave();
}

/** Ask, after a live stream was refused: it does not say why. */
export async function askWhetherOver() {
  const answer = await fetch("/api/session").catch(() => null);
  if (answer?.status === 401) over();
}
