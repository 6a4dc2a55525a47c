// The call taker's page: joins telephone, live stream, transcript, verdict and ticket.
import { api } from "./api.js";
import { CallCard } from "./callcard.js";
import { $, el, notice, show } from "./dom.js";
import { showDrafts, showHistory } from "./history.js";
import { t } from "./i18n.js";
import { bindKeys } from "./keys.js";
import { follow } from "./live.js";
import { onlyTab } from "./onetab.js";
import { startRing, stopRing } from "./ringer.js";
import { askForMicrophone, Softphone } from "./softphone.js";
import { TicketForm } from "./ticketform.js";
import { clock, setServerTime, since } from "./time.js";
import { Transcript } from "./transcript.js";
import { showVerdict } from "./verdict.js";

const setup = JSON.parse($("setup").textContent);
const choices = JSON.parse($("choices").textContent);
const title = document.title;
const AGENT_STATES = {
  offline: () => t("离线"), away: () => t("离席"), ready: () => t("就绪"), ringing: () => t("振铃"),
  talking: () => t("通话中"), wrapup: () => t("整理"), paused: () => t("示忙"),
};
const PHONE_STATES = {
  connecting: () => t("电话连接中"), registered: () => t("电话已注册"), unregistered: () => t("电话未注册"),
  failed: () => t("电话注册失败"), elsewhere: () => t("在另一标签页"),
};
const TROUBLES = {
  NotAllowedError: () => t("麦克风未获授权，请在浏览器地址栏允许使用麦克风"),
  NotFoundError: () => t("没有找到麦克风，请检查耳麦"),
  NotReadableError: () => t("麦克风被其他程序占用"),
  InsecureContext: () => t("浏览器只在 https 或本机地址上开放麦克风"),
};

const card = new CallCard();
const transcript = new Transcript();
const form = new TicketForm(choices, () => {});
/** Waiting calls: id → line. */
const waiting = new Map();
let phone = null;
let call = null;
let agent = { state: "offline", reason: "", since: new Date().toISOString() };
let figures = null;

// --- what is on this desk ------------------------------------------------------------------------------------------

function showAgent() {
  const state = $("agent-state");
  state.dataset.state = agent.state;
  state.textContent = AGENT_STATES[agent.state]() + (agent.state === "paused" && agent.reason ? ` · ${t(agent.reason)}` : "");
  const busy = agent.state === "talking" || agent.state === "ringing";
  show($("finish"), agent.state === "wrapup");
  show($("ready"), agent.state !== "wrapup");
  for (const id of ["ready", "away"]) {
    $(id).disabled = busy;
    $(id).classList.toggle("now", agent.state === id);
  }
  $("pause").value = "";
  tick();
}

function tick() {
  card.tick();
  const limit = agent.state === "wrapup" && setup.wrapup_s ? ` / ${clock(setup.wrapup_s)}` : "";
  $("agent-clock").textContent = since(agent.since) + limit;
}

function showWaiting() {
  const lines = [...waiting.values()];
  const urgent = lines.filter((line) => setup.emergency.includes(line)).length;
  $("waiting").replaceChildren(
    ...(urgent ? [el("span", { className: "urgent" }, t("紧急等待 {count}", { count: urgent }))] : []),
    el("span", {}, t("服务等待 {count}", { count: lines.length - urgent })));
}

function showCall(next) {
  const other = next?.call_id !== call?.call_id;
  call = next;
  card.show(call);
  if (!call) {
    transcript.load([]);
    showVerdict(null);
    showHistory(null);
    form.show(null);
    $("talk-title").textContent = "";
    return;
  }
  if (other) form.show(null);
  $("talk-title").textContent = `${call.line_name} ${call.caller ?? ""}`;
  transcript.load(call.transcript);
  showHistory(call.history);
  form.show(call.ticket);
  takeVerdict(call.verdict);
}

function takeVerdict(verdict) {
  if (verdict?.outcome === "emergency" && !call.emergency) card.show(Object.assign(call, { emergency: true }));
  showVerdict(verdict);
  transcript.mark(verdict?.reasons ?? []);
  form.candidates(verdict?.candidates ?? []);
}

let turn = 0;
let loading = null;
let held = [];

/** Load a call and show it; what happens to it meanwhile is done afterwards. A call that is not ours is left out. */
async function load(callId) {
  const own = ++turn;
  loading = callId;
  try {
    const fresh = await api(`/api/calls/${encodeURIComponent(callId)}`);
    if (own === turn) showCall(fresh);
  } catch (error) {
    if (error.status !== 404) notice(error.message);
  }
  if (own !== turn) return;
  loading = null;
  const meanwhile = held;
  held = [];
  for (const run of meanwhile) run();
}

const mine = (event) => call !== null && event.call_id === call.call_id;

/** A handler for events of the call on this desk. */
const ofCall = (handle) => (event) => {
  if (event.call_id === loading) held.push(() => mine(event) && handle(event));
  else if (mine(event)) handle(event);
};

/** Runs `work` at most once in `ms`, and once more where it was asked for in between. */
function sparingly(ms, work) {
  let timer = null;
  let again = false;
  const run = async () => {
    timer = setTimeout(() => {
      timer = null;
      if (again) {
        again = false;
        run();
      }
    }, ms);
    await work().catch((error) => error.status !== 404 && notice(error.message));
  };
  return () => {
    if (timer) again = true;
    else run();
  };
}

const refreshVerdict = sparingly(250, async () => {
  if (!call) return;
  const id = call.call_id;
  const verdict = await api(`/api/calls/${encodeURIComponent(id)}/verdict`);
  if (call?.call_id === id) takeVerdict(verdict);
});
const refreshTicket = sparingly(250, async () => {
  if (form.ticket) return form.refresh();
  if (!call) return;
  const [ticket] = await api(`/api/tickets?call_id=${encodeURIComponent(call.call_id)}`);
  if (ticket && call?.call_id === ticket.call_id) {
    form.show(ticket);
    refreshVerdict();
  }
});

const callEnded = ofCall((event) => {
  if (call.state === "ringing") showCall(null);
  else card.show(Object.assign(call, { state: "ended", ended_at: event.at }));
});

// --- what happens --------------------------------------------------------------------------------------------------

const handlers = {
  CallQueued(event) {
    waiting.set(event.call_id, event.line);
    showWaiting();
  },
  CallRinging(event) {
    if (event.agent === setup.extension) load(event.call_id);
  },
  CallRingEnded: ofCall((event) => {
    if (event.agent === setup.extension && call.state === "ringing") showCall(null);
  }),
  CallAnswered(event) {
    waiting.delete(event.call_id);
    showWaiting();
    if (event.agent === setup.extension) load(event.call_id);
  },
  CallEnded(event) {
    waiting.delete(event.call_id);
    showWaiting();
    callEnded(event);
  },
  AgentChanged(event) {
    if (event.agent !== setup.extension) return;
    agent = { state: event.state, reason: event.reason, since: event.at };
    showAgent();
  },
  UtterancePartial: ofCall((event) => transcript.put(event, true)),
  UtteranceHeard: ofCall((event) => transcript.put(event, false)),
  TranscriptReady: ofCall(async (event) => {
    const fresh = await api(`/api/calls/${encodeURIComponent(event.call_id)}`).catch(() => null);
    if (!fresh || !mine(fresh)) return;
    transcript.load(fresh.transcript);
    transcript.mark(fresh.verdict?.reasons ?? []);
  }),
  CallTriaged: ofCall(() => refreshVerdict()),
  TicketDrafted: ofCall(() => refreshTicket()),
  TicketEdited: ofCall(() => refreshTicket()),
  TicketMoved: ofCall(() => refreshTicket()),
  CallbackTried: ofCall(() => refreshTicket()),
  async reset() {
    take(await api("/api/state"));
  },
};

function take(state) {
  setServerTime(state.now);
  waiting.clear();
  for (const c of state.calls) if (c.state !== "talking") waiting.set(c.call_id, c.line);
  agent = state.agents.find((a) => a.extension === setup.extension) ?? agent;
  showAgent();
  showWaiting();
  showCall(state.call);
  showDrafts(state.drafts, load);
}

// --- the telephone -------------------------------------------------------------------------------------------------

function showPhone(state) {
  $("phone-state").dataset.state = state;
  $("phone-state").textContent = PHONE_STATES[state]();
}

let notification = null;

function ring() {
  const urgent = call?.emergency ?? false;
  startRing(urgent);
  document.title = `☎ ${call ? `${call.line} ${call.line_name}` : t("来电")}`;
  if (document.hidden && globalThis.Notification?.permission === "granted") {
    notification = new Notification(call ? `${call.line} ${call.line_name}` : t("来电"), {
      body: call?.caller ?? "", tag: "heyi-call", requireInteraction: true,
    });
    notification.onclick = () => focus();
  }
  if (!call || call.state !== "ringing") findRingingCall(5);
}

function quiet() {
  stopRing();
  document.title = title;
  notification?.close();
  notification = null;
}

/** The telephone can ring a moment before the server knows which call it is. */
async function findRingingCall(tries) {
  const state = await api("/api/state").catch(() => null);
  if (!phone?.ringing) return;
  if (state?.call?.state === "ringing") {
    showCall(state.call);
    ring();
  } else if (tries > 1) setTimeout(() => findRingingCall(tries - 1), 300);
}

async function rejoin() {
  const { joined } = await api("/api/agent/rejoin", {});
  if (!joined) notice(t("未能接回通话，请联系班长"));
}

async function startPhone() {
  phone = new Softphone(await api("/api/softphone"), $("remote"));
  let first = true;
  phone.addEventListener("state", async ({ detail }) => {
    showPhone(detail);
    if (detail !== "registered" || !first) return;
    first = false;
    // A page that was reloaded in mid-call: the caller is still there, only this end of the sound is not.
    const state = await api("/api/state");
    if (state.call?.state === "talking" && !phone.busy) await rejoin();
  });
  phone.addEventListener("ringing", () => {
    ring();
    card.buttons(phone);
  });
  phone.addEventListener("answered", () => {
    quiet();
    notice("");
    figures = null;
    card.buttons(phone);
  });
  phone.addEventListener("ended", () => {
    quiet();
    card.buttons(phone);
  });
  phone.addEventListener("trouble", ({ detail }) => notice(TROUBLES[detail]?.() ?? t("无法使用麦克风")));
  phone.start();
  const trouble = await askForMicrophone();
  if (trouble) notice(TROUBLES[trouble]?.() ?? t("无法使用麦克风"));
}

async function wish(state, reason = "") {
  try {
    await form.flush();
    await api("/api/agent/state", { state, reason });
    notice(agent.state === "talking" && state !== "ready" ? t("通话结束后示忙") : "");
  } catch (error) {
    notice(error.message);
  }
}

async function finish() {
  try {
    await form.flush();
    await api("/api/agent/finish", {});
  } catch (error) {
    notice(error.message);
  }
}

function toggle(id, act) {
  if (!phone?.talking) return;
  const on = $(id).getAttribute("aria-pressed") !== "true";
  $(id).setAttribute("aria-pressed", String(on));
  act(on);
}

function answer() {
  if (!phone?.ringing) return;
  quiet();
  show($("answer"), false);
  phone.answer();
}

const mute = () => toggle("mute", (on) => phone.mute(on));

function readyOrDone() {
  if (globalThis.Notification?.permission === "default") Notification.requestPermission();
  if (agent.state === "wrapup") finish();
  else if (agent.state !== "talking" && agent.state !== "ringing") wish("ready");
}

$("ready").addEventListener("click", readyOrDone);
$("finish").addEventListener("click", readyOrDone);
$("away").addEventListener("click", () => wish("away"));
$("pause").addEventListener("change", (event) => event.target.value && wish("paused", event.target.value));
$("answer").addEventListener("click", answer);
$("hangup").addEventListener("click", () => phone?.hangup());
$("mute").addEventListener("click", mute);
$("hold").addEventListener("click", () => toggle("hold", (on) => phone.hold(on)));
$("keypad").addEventListener("click", () => {
  show($("keys"), $("keys").hidden);
  $("keypad").setAttribute("aria-expanded", String(!$("keys").hidden));
});
$("keys").addEventListener("click", (event) => event.target.dataset.key && phone?.key(event.target.dataset.key));

bindKeys([
  ["F2", t("接听"), answer],
  ["F4", t("挂断"), () => phone?.hangup()],
  ["F8", t("静音 / 取消静音"), mute],
  ["F9", t("就绪 / 完成整理"), readyOrDone],
  ["Ctrl+Enter", t("提交并派遣"), () => form.submit()],
]);

setInterval(tick, 1000);

setInterval(async () => {
  if (!phone?.talking) return;
  const now = await phone.stats();
  if (now) card.quality(now, figures);
  figures = now;
}, 2000);

// Typed words are sent before the page goes; the call itself goes on.
addEventListener("pagehide", () => form.flush());

/** For tests and support: figures of the running call, state of telephone and desk. */
window.heyi = {
  stats: async () => (phone ? phone.stats() : null),
  state: () => ({ phone: phone?.state ?? "none", talking: phone?.talking ?? false, agent: agent.state, call }),
};

const state = await api("/api/state");
take(state);
follow(state.seq, handlers);
showPhone("connecting");
onlyTab(setup.extension, () => {
  notice("");
  startPhone().catch((error) => notice(error.message));
}, () => {
  showPhone("elsewhere");
  notice(t("本坐席已在另一个标签页打开，电话由那一页接听；关闭那一页后本页自动接管。"));
});
