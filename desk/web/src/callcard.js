import { numberButton } from "./dial.js";
import { $, show } from "./dom.js";
import { t } from "./i18n.js";
import { since } from "./time.js";

const STATES = {
  queued: () => t("排队"),
  ringing: () => t("振铃，已等待"),
  dialling: () => t("正在呼叫"),
  talking: () => t("通话中"),
  held: () => t("保持中"),
  left: () => t("本席已离开"),
  ended: () => t("已结束"),
};
const PASSED = {
  blind: (who) => t("{who} 转来", { who }), attended: (who) => t("{who} 咨询后转来", { who }),
  line: (who) => t("{who} 从其他热线移交", { who }), group: (who) => t("{who} 转来本组", { who }),
};

/** What the call is to this desk: it rings here, is held, goes on here or without it. */
export function part(call, me, held) {
  if (call.state === "ended" || call.state === "dialling") return call.state;
  if (call.ringing?.includes(me)) return "ringing";
  const inside = call.parties?.some((p) => p.extension === me);
  if (inside) return held ? "held" : "talking";
  if (call.agent === me || call.state === "queued") return call.state;
  return "left";
}

/** The call on this desk: a caller's, or one that the desk has dialled. */
export class CallCard {
  #me;
  #call = null;
  #part = "";
  #heldAt = null;

  constructor(extension) {
    this.#me = extension;
  }

  /** `heldAt`: since when this desk keeps the other side on hold, or null. `linked`: the ring asks into another's call. */
  show(call, heldAt = null, linked = false) {
    this.#call = call;
    this.#heldAt = heldAt;
    const card = $("call-card");
    show(card, Boolean(call));
    if (!call) return;
    const now = (this.#part = part(call, this.#me, Boolean(heldAt)));
    const live = now !== "ended" && now !== "left";
    card.classList.toggle("emergency", live && Boolean(call.emergency));
    card.classList.toggle("ended", !live);
    card.dataset.state = now;
    card.dataset.direction = call.direction;
    card.dataset.callId = call.call_id ?? "";
    $("call-line").textContent = call.line_name;
    $("call-number").textContent = call.line;
    $("call-caller").replaceChildren(numberButton(call.caller));
    $("call-opening").textContent = now === "ringing" && !linked ? call.opening : "";
    $("call-state").textContent = STATES[now]();
    $("call-queue").textContent = live ? (call.queue_name ?? "") : "";
    this.#note(call, now, linked);
    this.#place(call.location);
    this.tick();
  }

  #note(call, now, linked) {
    const notes = [];
    if (now === "ringing" && linked) notes.push(t("{who} 请您加入通话", { who: `${call.agent} ${call.agent_name ?? ""}`.trim() }));
    const { passed } = call;
    if (passed && passed.agent !== this.#me && now !== "ended") {
      const who = `${passed.agent} ${passed.agent_name}`.trim() || t("话机");
      notes.push((PASSED[passed.kind] ?? PASSED.blind)(who) + (passed.reason ? ` · ${passed.reason}` : ""));
    }
    $("call-note").textContent = notes.join("\n");
  }

  #place(location) {
    show($("call-place"), Boolean(location));
    if (!location) return;
    const radius = location.radius_m ? t("±{m} 米", { m: Math.round(location.radius_m) }) : "";
    $("call-place").textContent = [location.text, radius, location.source].filter(Boolean).join(" · ");
  }

  tick() {
    const call = this.#call;
    if (!call) return;
    const talked = call.answered_at && this.#part !== "ringing";
    const from = this.#heldAt ?? (talked ? call.answered_at : call.arrived_at);
    $("call-clock").textContent = this.#part === "left" ? "" : since(from, call.ended_at);
    $("call-total").textContent = this.#heldAt ? t("通话 {time}", { time: since(call.answered_at ?? call.arrived_at) }) : "";
  }

  /** Buttons follow the telephone, not the server: they act on the sound that this page carries. */
  buttons(phone, held) {
    show($("call-buttons"), phone.talking || phone.outgoing);
    show($("dial-form"), !phone.busy);
    for (const id of ["mute", "hold", "keypad"]) $(id).disabled = !phone.talking;
    $("hold").setAttribute("aria-pressed", String(held));
    if (!phone.talking) $("mute").setAttribute("aria-pressed", "false");
  }
}
