// The telephone on the call taker's page: registering, ringing, dialling, coming back after a refresh.
import { api } from "./api.js";
import { part } from "./callcard.js";
import { $, notice, show } from "./dom.js";
import { t } from "./i18n.js";
import { askSoon, mayNotify } from "./notify.js";
import { onSound, placeSound, startRing, stopRing, unheard } from "./ringer.js";
import { askForMicrophone, Softphone } from "./softphone.js";

const PHONE_STATES = {
  connecting: () => t("电话连接中"), registered: () => t("话机在线"), unregistered: () => t("电话未注册"),
  failed: () => t("电话注册失败"), elsewhere: () => t("在另一标签页"),
};
const TROUBLES = {
  NotAllowedError: () => t("麦克风未获授权，请在浏览器地址栏允许使用麦克风"),
  NotFoundError: () => t("没有找到麦克风，请检查耳麦"),
  NotReadableError: () => t("麦克风被其他程序占用"),
  InsecureContext: () => t("浏览器只在 https 或本机地址上开放麦克风"),
};

const UNHEARD = { silent: () => t("没有声音：点一下页面"), gone: () => t("所选听筒不在，声音改走系统默认设备，请检查耳麦") };

/** Whoever would not hear the ring reads it beforehand. */
function sayWhetherHeard() {
  const why = unheard();
  show($("silent"), Boolean(why));
  if (why) $("silent").textContent = UNHEARD[why]();
}

/** A check that found all in order says nothing of what was refused since. */
function sayWhetherTold() {
  if (mayNotify() !== "denied" || $("check").dataset.state !== "good") return;
  $("check").dataset.state = "bad";
  $("check").textContent = t("桌面提醒被拒");
}

export function showPhone(state) {
  $("phone-state").dataset.state = state;
  $("phone-state").textContent = PHONE_STATES[state]();
}

/**
 * Starts the telephone. `desk`: extension `me`, `incoming` (see incoming.js), `early` (see early.js), `side` (see sidecall.js), `shown()` the
 * call on the card, `load(id)` shows another, `draw()`; `ready(phone)` is called before anything can happen.
 */
export async function startPhone(desk) {
  const { incoming, early, side } = desk;
  const phone = new Softphone(await api("/api/softphone"), $("remote"));
  desk.ready(phone);

  function troubled(name) {
    incoming.trouble = name;
    notice(TROUBLES[name]?.() ?? t("无法使用麦克风"));
  }

  function calm() {
    incoming.over();
    stopRing();
    desk.draw();
  }

  /** The telephone can ring a moment before the server knows which call it is. */
  async function findRingingCall(tries) {
    const known = desk.shown();
    if (!phone.ringing || (known && !known.early && part(known, desk.me, false) === "ringing")) return;
    const state = await api("/api/state").catch(() => null);
    if (!phone.ringing) return;
    const found = [state?.side, state?.call].find((c) => c?.ringing?.includes(desk.me));
    if (found) desk.load(found.call_id);
    else if (tries > 1) setTimeout(() => findRingingCall(tries - 1), 300);
  }

  /** After a refresh in mid-call: the caller is still there, only this end of the sound is not. */
  async function comeBack() {
    const state = await api("/api/state");
    if (phone.busy) return;
    // What this desk had dialled ended with its page; where it did not, nobody could hang it up any more.
    if (state.side?.agent === desk.me) await api(`/api/calls/${encodeURIComponent(state.side.call_id)}/hangup`, {});
    if (!state.call || part(state.call, desk.me, false) !== "talking") return;
    const { joined } = await api("/api/agent/rejoin", {});
    if (!joined) notice(t("未能接回通话，请联系班长"));
  }

  let first = true;
  phone.addEventListener("state", async ({ detail }) => {
    showPhone(detail);
    if (detail !== "registered" || !first) return;
    first = false;
    await comeBack().catch((error) => {
      // The caller is still there: once more at the next registration.
      first = true;
      notice(error.message);
    });
  });
  phone.addEventListener("ringing", ({ detail }) => {
    early.rings(detail);
    // What was talked of with somebody else is no longer shown, nor written into.
    if (early.call) desk.former();
    // So that the ring knows from the first what it rings for.
    desk.draw();
    incoming.begin(detail);
    desk.draw();
    findRingingCall(5);
  });
  phone.addEventListener("dialling", ({ detail }) => {
    notice("");
    side.dialling(detail);
    desk.draw();
  });
  phone.addEventListener("ringback", () => startRing("back"));
  phone.addEventListener("answered", () => {
    notice("");
    if (side.call) side.answered();
    early.answered();
    calm();
  });
  phone.addEventListener("ended", ({ detail }) => {
    if (detail.dialled) notice(side.outcome(detail.cause), 6);
    side.over();
    early.over();
    calm();
  });
  phone.addEventListener("trouble", ({ detail }) => troubled(detail));
  phone.start();
  onSound(sayWhetherHeard);
  askSoon();
  sayWhetherTold();
  const trouble = await askForMicrophone();
  // Some browsers name no device before.
  placeSound();
  if (trouble) troubled(trouble);
}
