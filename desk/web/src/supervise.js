// The supervisor's own telephone and what it is used for: listening, whispering, speaking to all, taking over.
import { api } from "./api.js";
import { $, el, notice, show } from "./dom.js";
import { t } from "./i18n.js";
import { onlyTab } from "./onetab.js";
import { startRing, stopRing } from "./ringer.js";
import { OVER, stayWhile } from "./session.js";
import { askForMicrophone, Softphone } from "./softphone.js";

const PHONE_STATES = {
  connecting: () => t("电话连接中"), registered: () => t("电话已注册"), unregistered: () => t("电话未注册"),
  failed: () => t("电话注册失败"), elsewhere: () => t("在另一标签页"),
};
export const MODES = {
  listen: () => t("监听"), whisper: () => t("耳语"), barge: () => t("强插"), takeover: () => t("接管"),
};
const WHY = () => [t("例行抽查"), t("协助坐席"), t("投诉复核"), t("突发事件"), t("新员工带教")];
const WHY_PUSH = () => [t("情况紧急"), t("反复来电"), t("老人或儿童"), t("等待过久"), t("上级交办")];

/** Which call this supervisor hears, and how; tells `change`. */
export const supervising = new EventTarget();
supervising.call = "";
supervising.mode = "";
let phone = null;

function become(call, mode) {
  supervising.call = call;
  supervising.mode = mode;
  $("watching").textContent = mode ? t("正在{mode}", { mode: MODES[mode]() }) : "";
  drawPhone();
  supervising.dispatchEvent(new Event("change"));
}

function drawPhone() {
  const ringing = Boolean(phone?.ringing);
  const talking = Boolean(phone?.talking);
  show($("own-phone"), ringing || talking || Boolean(supervising.mode));
  show($("answer"), ringing);
  show($("mute"), talking && supervising.mode !== "listen");
  show($("stop"), talking || Boolean(supervising.mode));
  if (!talking) $("mute").setAttribute("aria-pressed", "false");
  if (ringing && !supervising.mode) $("watching").textContent = t("来电");
}

/**
 * Ask for one of `options` ([value, text]); `about`: lines that say what it will do. Resolves to an empty string where the
 * person turned away.
 */
export function choose(title, options, about = []) {
  const dialog = $("choice");
  if (dialog.open) dialog.close("");
  $("choice-title").textContent = title;
  $("choice-about").replaceChildren(...about.map((line) => el("li", {}, line)));
  $("choices-list").replaceChildren(...options.map(([value, text]) => el("button", { value }, text)));
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
  });
}

const of = (texts) => texts.map((text) => [text, text]);
const path = (call, verb) => `/api/calls/${encodeURIComponent(call)}/${verb}`;

/** What a button asks for: `act`, `call`, and `why` where the reason is known. */
export async function act({ act: what, call, why, agent }) {
  if (what === "push") {
    const reason = await choose(t("提前接听的理由"), of(WHY_PUSH()));
    if (reason) await api(path(call, "push"), { why: reason });
    return;
  }
  if (what === "given") {
    await api(path(call, "help-given"), { agent });
    return;
  }
  const reason = why || (await choose(t("{mode}的理由", { mode: MODES[what]() }), of(WHY())));
  if (!reason) return;
  const before = [supervising.call, supervising.mode];
  if (supervising.call && supervising.call !== call) await leave();
  become(call, what);
  try {
    if (what === "takeover") await api(path(call, "take-over"), { why: reason });
    else await api(path(call, "watch"), { mode: what, why: reason });
    if (agent) await api(path(call, "help-given"), { agent });
    // What goes on with the caller needs the page with transcript and ticket.
    if (what === "takeover") location.assign("/desk");
  } catch (error) {
    become(...(before[0] === call ? before : ["", ""]));
    throw error;
  }
}

/** The supervisor goes, the call goes on. Resolves when the telephone is free for another call. */
async function leave() {
  const call = supervising.call;
  const over = phone?.busy && new Promise((resolve) => {
    phone.addEventListener("ended", resolve, { once: true });
    setTimeout(resolve, 2000);
  });
  if (call) await api(path(call, "unwatch"), {}).catch((error) => error.status !== 404 && Promise.reject(error));
  else phone?.hangup();
  await over;
  become("", "");
}

function showPhone(state) {
  $("phone-state").dataset.state = state;
  $("phone-state").textContent = PHONE_STATES[state]?.() ?? "";
}

async function open(extension) {
  phone = new Softphone(await api("/api/softphone"), $("remote"));
  phone.addEventListener("state", ({ detail }) => showPhone(detail));
  phone.addEventListener("ringing", () => {
    startRing("service");
    drawPhone();
  });
  phone.addEventListener("answered", () => {
    stopRing();
    drawPhone();
  });
  phone.addEventListener("ended", () => {
    stopRing();
    $("watching").textContent = "";
    become("", "");
  });
  phone.addEventListener("trouble", () => notice(t("无法使用麦克风"), 15));
  phone.start();
  const trouble = await askForMicrophone();
  if (trouble) notice(t("无法使用麦克风，{extension} 不能监听", { extension }), 15);
}

/** This page carries the supervisor's telephone, unless another tab does. */
export async function startPhone(extension) {
  showPhone("connecting");
  $("answer").addEventListener("click", () => {
    stopRing();
    phone?.answer();
  });
  $("stop").addEventListener("click", () => leave().catch((error) => notice(error.message)));
  $("mute").addEventListener("click", () => {
    const on = $("mute").getAttribute("aria-pressed") !== "true";
    $("mute").setAttribute("aria-pressed", String(on));
    phone?.mute(on);
  });
  onlyTab(extension, () => open(extension).catch((error) => {
    showPhone("failed");
    notice(error.message);
  }), () => showPhone("elsewhere"));
  stayWhile(() => supervising.mode === "takeover" && (phone?.talking ?? false));
  document.addEventListener(OVER, () => {
    phone?.leave();
    // Whose session is over listens no more.
    if (supervising.mode !== "takeover") phone?.hangup();
  });
  // Who leaves the page listens no more.
  addEventListener("pagehide", () => supervising.mode && supervising.mode !== "takeover" && leave().catch(() => {}));
}
