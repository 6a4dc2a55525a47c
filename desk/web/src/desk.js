// The call taker's page: joins telephone, live stream, transcript, verdict and ticket.
import { AgentBar } from "./agentbar.js";
import { api } from "./api.js";
import { CallCard, part } from "./callcard.js";
import { CallControl } from "./callcontrol.js";
import { CallQuality } from "./callquality.js";
import { Departments, KEY as SEND } from "./departments.js";
import { showPhone, startPhone } from "./deskphone.js";
import { dialHere } from "./dial.js";
import { dialled, isNumber } from "./directory.js";
import { DispatchPanel } from "./dispatch.js";
import { $, el, notice, show } from "./dom.js";
import { EarlyCall } from "./early.js";
import { Facts } from "./facts.js";
import { showDrafts, showHistory, urgeFirst } from "./history.js";
import { t } from "./i18n.js";
import { Incident, KEY } from "./incident.js";
import { Incoming } from "./incoming.js";
import { Keypad } from "./keypad.js";
import { forget } from "./kept.js";
import { bindKeys } from "./keys.js";
import { Answers, NEXT, TAKE } from "./knowledgepanel.js";
import { follow, stayAwake } from "./live.js";
import { onlyTab } from "./onetab.js";
import { inTurn, sparingly } from "./once.js";
import { OVER, stayWhile } from "./session.js";
import { SideCall } from "./sidecall.js";
import { showStrain } from "./strain.js";
import { TicketForm } from "./ticketform.js";
import { setServerTime } from "./time.js";
import { Transcript } from "./transcript.js";
import { showVerdict } from "./verdict.js";

const setup = JSON.parse($("setup").textContent);
const choices = JSON.parse($("choices").textContent);
const me = setup.extension;

const card = new CallCard(me);
const transcript = new Transcript();
const incident = new Incident();
const form = new TicketForm(choices, setup.login, () => {
  told.draw();
  departments.draw();
});
const departments = new Departments(form);
const told = new Facts(form, transcript);
const answers = new Answers(() => form.ticket, (ticket) => form.show(ticket));
const bar = new AgentBar(setup, () => form.flush());
/** Waiting calls: id → line. */
const waiting = new Map();
/** Every desk's state, for the transfer panel. */
const states = new Map();
let phone = null;
/** The caller's call on this desk, and the call that the desk has dialled or that another desk makes to it. */
let call = null;
const side = new SideCall(setup.directory, me);
/** What rings, until the server has told of it. */
const early = new EarlyCall(setup);
/** Since when a desk out of the queue, of which no state is told, keeps the other side on hold. */
let ownHold = null;

const control = new CallControl(setup, states, () => phone, drawCard);
const incoming = new Incoming(setup, () => phone);
const keypad = new Keypad((digit) => phone?.key(digit));

// --- what is on this desk ------------------------------------------------------------------------------------------

const shown = () => side.call ?? early.call ?? call;
const isMine = (c) => c?.direction === "in" || c?.direction === "back";

const heldAt = () => (setup.in_queue ? (bar.state === "held" ? bar.at : null) : ownHold);

function drawCard() {
  const held = heldAt();
  card.show(shown(), held, incoming.linked);
  if (!phone) return;
  card.buttons(phone, Boolean(held));
  if (phone.talking) return;
  keypad.close();
  ownHold = null;
}

/** Draw the card and what can be done with it. */
function draw() {
  drawCard();
  control.show(shown());
  incoming.know(shown());
}

function tick() {
  card.tick();
  control.tick();
  bar.tick();
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
  if (next && next.state !== "ended") early.over();
  // A call that is over has nobody in it.
  call = next && { parties: [], called: [], ringing: [], ...next };
  draw();
  incident.show(call?.call_id ?? null);
  answers.show(call?.call_id ?? null);
  if (!call) {
    transcript.load([]);
    takeVerdict(null);
    showHistory(null);
    form.show(null);
    $("talk-title").textContent = "";
    return;
  }
  if (other) {
    form.show(null);
    told.show(null);
    showHistory(null);
  }
  $("talk-title").textContent = `${call.line_name} ${call.caller ?? ""}`;
  transcript.load(call.transcript);
  for (const said of call.transcript) if (said.leg === "caller") control.heard(said.end_s);
  showHistory(call.history);
  form.show(call.ticket);
  takeVerdict(call.verdict);
}

/** Another caller rings: who was here is gone, with what was entered for him. */
function former() {
  if (call?.state === "ended") showCall(null);
}

function takeVerdict(verdict) {
  if (verdict?.outcome === "emergency" && !call.emergency) {
    call.emergency = true;
    draw();
  }
  showVerdict(verdict);
  transcript.mark(verdict?.reasons ?? []);
  form.candidates(verdict?.candidates ?? []);
  told.show(verdict);
  departments.draw();
}

/** Show a call where it belongs: a caller's with its ticket, one between desks or to outside before it for a while. */
function takeCall(fresh) {
  if (isMine(fresh)) return showCall(fresh);
  side.take(fresh);
  draw();
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
    if (own === turn) takeCall(fresh);
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

const failed = (error) => error.status !== 404 && notice(error.message);
const verdictAsks = inTurn();
const refreshVerdict = sparingly(250, async () => {
  if (!call) return;
  const id = call.call_id;
  const news = verdictAsks();
  const verdict = await api(`/api/calls/${encodeURIComponent(id)}/verdict`);
  if (call?.call_id === id && news()) takeVerdict(verdict);
}, failed);
const refreshTicket = sparingly(250, async () => {
  if (form.ticket) return form.refresh();
  if (!call) return;
  const [ticket] = await api(`/api/tickets?call_id=${encodeURIComponent(call.call_id)}`);
  if (ticket && call?.call_id === ticket.call_id) {
    form.show(ticket);
    refreshVerdict();
  }
}, failed);

/** A handler for what concerns the parties of the call, whichever the desk has. */
const ofShown = (handle) => (event) => {
  if (event.call_id === loading) held.push(() => shown()?.call_id === event.call_id && handle(event));
  else if (event.call_id === shown()?.call_id) handle(event);
};
// What happens while the call is being loaded may be newer than what was loaded: it is asked for afterwards.
const partiesChanged = ofShown(sparingly(250, () => control.refresh(), failed));

const callEnded = ofCall((event) => {
  // Told late: another caller is on this desk already.
  if (early.call || part(call, me, false) === "ringing") showCall(null);
  else {
    Object.assign(call, { state: "ended", ended_at: event.at });
    draw();
  }
});

function heard(event, partial) {
  transcript.put(event, partial);
  if (event.leg !== "caller") return;
  control.heard(event.end_s);
  answers.heard(event.text, partial);
}

// --- what happens --------------------------------------------------------------------------------------------------

function waits(event) {
  waiting.set(event.call_id, event.line);
  showWaiting();
}

function answered(event) {
  waiting.delete(event.call_id);
  showWaiting();
  if (event.agent === me) load(event.call_id);
}

const handlers = {
  CallQueued: waits,
  CallMoved: waits,
  CallArrived(event) {
    if (event.agent !== me || isMine(event)) return;
    side.arrived(event);
    draw();
  },
  CallRinging(event) {
    if (event.agent === me) load(event.call_id);
    else partiesChanged(event);
  },
  CallRingEnded: ofShown((event) => {
    if (event.agent !== me) partiesChanged(event);
    else if (part(shown(), me, false) === "ringing") {
      if (side.call) side.over();
      else showCall(null);
      draw();
    }
  }),
  CallAnswered: answered,
  DeskJoined(event) {
    // The first answer is told as CallAnswered as well, and is being loaded.
    if (event.agent === me && event.call_id !== loading && !(mine(event) && part(call, me, false) === "talking")) {
      answered(event);
    } else {
      if (event.role === "agent") {
        waiting.delete(event.call_id);
        showWaiting();
      }
      partiesChanged(event);
    }
  },
  CallHandedOver: partiesChanged,
  LegEnded: partiesChanged,
  // The caller is asked how it was: for this desk the call is over.
  ConversationEnded: callEnded,
  CallTransferred: ofCall((event) => event.agent !== me && load(event.call_id)),
  CallLocated: ofCall((event) => load(event.call_id)),
  CallHeld: ofShown((event) => {
    if (event.agent !== me) return;
    ownHold = event.held ? event.at : null;
    drawCard();
  }),
  CallerPressed: ofCall((event) => control.pressed(event)),
  CallClaimed: ofCall((event) => incoming.claimedBy(event.agent)),
  HelpAsked: ofShown((event) => event.agent === me && control.helpAsked(event)),
  HelpGiven: ofShown((event) => event.agent === me && control.helpGiven(event)),
  CallEnded(event) {
    waiting.delete(event.call_id);
    showWaiting();
    if (event.call_id === side.call?.call_id) {
      side.over();
      draw();
    }
    callEnded(event);
  },
  AgentChanged(event) {
    states.set(event.agent, event.state);
    control.panel.draw();
    if (event.agent !== me) return;
    showAgent({ state: event.state, reason: event.reason, since: event.at });
  },
  UtterancePartial: ofCall((event) => heard(event, true)),
  UtteranceHeard: ofCall((event) => heard(event, false)),
  TranscriptReady: ofCall(async (event) => {
    const fresh = await api(`/api/calls/${encodeURIComponent(event.call_id)}`).catch(() => null);
    if (!fresh || !mine(fresh)) return;
    transcript.load(fresh.transcript);
    transcript.mark(fresh.verdict?.reasons ?? []);
  }),
  RecognitionStrained: showStrain,
  CallTriaged: ofCall(() => {
    refreshVerdict();
    answers.refresh();
    incident.soon();
  }),
  IncidentSuggested: ofCall(() => incident.refresh()),
  TicketLinked: (event) => incident.linked(event),
  TicketUnlinked: (event) => incident.linked(event),
  TicketDrafted: ofCall(() => {
    refreshTicket();
    incident.refresh();
  }),
  TicketEdited: ofCall(() => {
    refreshTicket();
    incident.soon();
  }),
  TicketMoved: ofCall(() => {
    refreshTicket();
    incident.refresh();
  }),
  CallbackTried: ofCall(() => refreshTicket()),
  async reset() {
    take(await api("/api/state"));
  },
};

function showAgent(agent) {
  bar.show(agent);
  if (!["ringing", "talking", "held"].includes(agent.state)) incoming.rested = agent.state;
  drawCard();
}

function take(state) {
  // It tells of everything that was being loaded, and of what happened to it.
  turn += 1;
  loading = null;
  held = [];
  setServerTime(state.now);
  waiting.clear();
  for (const c of state.calls) if (c.state !== "talking" && isMine(c)) waiting.set(c.call_id, c.line);
  for (const a of state.agents) states.set(a.extension, a.state);
  showAgent(state.agents.find((a) => a.extension === me) ?? { state: "offline", reason: "", since: state.now });
  showWaiting();
  if (state.side) side.take(state.side);
  showCall(state.call);
  showDrafts(state.drafts, load);
}

// --- sending units -------------------------------------------------------------------------------------------------

const sending = new DispatchPanel($("dispatch"));
const sendingBox = $("dispatch-dialog");

/** Open the panel of this ticket; open, send what is chosen. The call goes on beside it. */
function dispatchKey() {
  if (sendingBox.open) return sending.send();
  if (!form.ticket) return false;
  form.flush();
  sending.show(form.ticket.number);
  sendingBox.show();
  return true;
}

function closeDispatch() {
  sendingBox.close();
  sending.show("");
}

const ofTicket = (event) => event.ticket_id === form.ticket?.id && sending.refresh();
for (const [name, handle] of Object.entries(sending.handlers())) handlers[name] = handle;
for (const name of ["TicketEdited", "TicketMoved"]) {
  const before = handlers[name];
  handlers[name] = (event) => {
    before(event);
    ofTicket(event);
  };
}
$("dispatch-open").addEventListener("click", dispatchKey);
$("dispatch-close").addEventListener("click", closeDispatch);
sendingBox.addEventListener("keydown", (event) => event.key === "Escape" && closeDispatch());

// --- keys and buttons ----------------------------------------------------------------------------------------------

function dial(number) {
  if (!isNumber(number)) notice(t("号码须为 3 至 20 位数字"));
  else if (!phone?.dial(number)) notice(phone?.busy ? t("通话中，不能再拨号") : t("电话尚未注册，不能拨号"));
}

function toggle(id, act) {
  if (!phone?.talking) return;
  const on = $(id).getAttribute("aria-pressed") !== "true";
  $(id).setAttribute("aria-pressed", String(on));
  act(on);
}

const mute = () => toggle("mute", (on) => phone.mute(on));
const hold = () => toggle("hold", (on) => phone.hold(on));

$("hangup").addEventListener("click", () => control.hangup());
$("mute").addEventListener("click", mute);
$("hold").addEventListener("click", hold);
// In mid-call no link takes this page and its sound away.
document.querySelector(".top").addEventListener("click", ({ target }) => {
  const link = target.closest("a:not([hreflang])");
  if (link) link.target = phone?.busy ? "_blank" : "";
});
$("check").addEventListener("click", ({ currentTarget }) => {
  currentTarget.target = phone?.busy ? "_blank" : "";
});
$("dial-form").addEventListener("submit", (event) => {
  event.preventDefault();
  dial(dialled($("dial-number").value));
});
$("dial-contact").addEventListener("click", () => dial(dialled(document.querySelector("[name=contact_phone]").value)));
dialHere(dial);

bindKeys([
  ["F2", t("接听"), () => incoming.answer()],
  ["F3", t("三方通话（咨询中）"), () => control.conference()],
  ["F4", t("挂断；咨询中接回，多方时离开"), () => control.hangup()],
  ["F6", t("转接；咨询中转出"), () => control.transferOrComplete()],
  ["F7", t("保持 / 取回"), hold],
  ["F8", t("静音 / 取消静音"), mute],
  ...(setup.in_queue ? [["F9", t("就绪 / 完成整理"), () => bar.readyOrDone()]] : []),
  ...(setup.supervisor ? [] : [["F10", t("求助班长 / 取消"), () => control.help()]]),
  ["Alt+S", t("静默询问：请来电人按键"), () => control.silent()],
  ...control.keys(),
  ...told.keys(),
  [KEY, t("并入同一事件（首项）"), () => incident.link()],
  [NEXT, t("知识库：展开下一条"), () => answers.next()],
  [TAKE, t("知识库：以展开的条目答复并办结"), () => answers.take()],
  ["Alt+U", t("催办来电人的未结工单（首件）"), urgeFirst],
  ["Alt+D", t("调派单位：打开 / 派出所选"), dispatchKey],
  ["Alt+C", t("换下一个推荐类别"), () => form.nextCandidate()],
  [SEND, t("换下一个推荐部门"), () => departments.next()],
  ["Alt+Z", t("直接办结，再按数字选理由"), () => form.close()],
  ["Alt+0", t("拨号"), () => $("dial-number").focus()],
  ["Alt+I", t("拨号键盘"), () => phone?.talking && $("keypad").click()],
  ...(setup.in_queue ? [["Alt+P", t("示忙：选原因"), () => $("pause").focus()]] : []),
  ["Alt+G", t("设备检查"), () => $("check").click()],
  ["Escape", t("改为手动接听；收起键盘"), () => incoming.byHand() || keypad.close()],
  ["Ctrl+Enter", t("提交并派遣"), () => form.submit()],
]);

setInterval(tick, 1000);

const quality = new CallQuality(() => ({ phone, call: shown()?.call_id ?? null, held: Boolean(heldAt()) }));

stayWhile(() => phone?.talking ?? false);
document.addEventListener(OVER, () => phone?.leave());

addEventListener("pagehide", () => {
  // Typed words are sent before the page goes; a caller's call goes on, one that this desk dialled ends with its page.
  form.flush();
  quality.over();
  if (phone?.outgoing) phone.hangup();
});

// Typed words leave before the session does, and none stays behind on this machine.
document.addEventListener("submit", ({ target }) => {
  if (target.getAttribute("action") !== "/logout") return;
  form.flush();
  forget();
});

/** For tests and support: figures of the running call, state of telephone and desk. */
window.heyi = {
  stats: async () => (phone ? phone.stats() : null),
  state: () => ({ phone: phone?.state ?? "none", talking: phone?.talking ?? false, agent: bar.state, call }),
};

const state = await api("/api/state");
take(state);
form.saveLeft();
follow(state.seq, handlers);
// A call may come while another tab is looked at.
stayAwake();
showPhone("connecting");
onlyTab(me, () => {
  notice("");
  startPhone({ me, incoming, early, side, shown, load, draw, former, ready: (made) => (phone = made) })
    .catch((error) => notice(error.message));
}, (where) => {
  showPhone("elsewhere");
  notice(where === "/wallboard"
    ? t("话机在已打开的指挥大屏页上，电话由那一页接听；关闭那一页后本页自动接管。")
    : t("本坐席已在另一个标签页打开，电话由那一页接听；关闭那一页后本页自动接管。"));
});
