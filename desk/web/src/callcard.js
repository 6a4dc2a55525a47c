import { $, show } from "./dom.js";
import { t } from "./i18n.js";
import { since } from "./time.js";

const STATES = {
  queued: () => t("排队"),
  ringing: () => t("振铃，已等待"),
  talking: () => t("通话中"),
  ended: () => t("已结束"),
};

/** The call on this desk. */
export class CallCard {
  #call = null;

  show(call) {
    this.#call = call;
    const card = $("call-card");
    show(card, Boolean(call));
    if (!call) return;
    const live = call.state !== "ended";
    card.classList.toggle("emergency", live && call.emergency);
    card.classList.toggle("ended", !live);
    card.dataset.state = call.state;
    card.dataset.callId = call.call_id ?? "";
    $("call-line").textContent = call.line_name;
    $("call-number").textContent = call.line;
    $("call-caller").textContent = call.caller ?? "";
    $("call-opening").textContent = call.state === "ringing" ? call.opening : "";
    $("call-state").textContent = STATES[call.state]();
    this.tick();
  }

  tick() {
    const call = this.#call;
    if (!call) return;
    const talked = call.answered_at && call.state !== "ringing";
    $("call-clock").textContent = since(talked ? call.answered_at : call.arrived_at, call.ended_at);
  }

  /** Buttons follow the telephone, not the server: they act on the sound that this page carries. */
  buttons(phone) {
    show($("answer"), phone.ringing);
    show($("call-buttons"), phone.talking);
    if (!phone.talking) {
      show($("keys"), false);
      for (const id of ["mute", "hold"]) $(id).setAttribute("aria-pressed", "false");
      $("quality").textContent = "";
    }
  }

  quality(figures, previous) {
    const got = figures.packetsReceived - (previous?.packetsReceived ?? 0);
    const lost = Math.max(0, figures.packetsLost - (previous?.packetsLost ?? 0));
    const share = got + lost ? (100 * lost) / (got + lost) : 0;
    const silent = previous && got === 0;
    $("quality").classList.toggle("poor", share > 3 || Boolean(silent));
    $("quality").textContent = silent
      ? t("没有收到对方声音")
      : t("语音质量：丢包 {loss}% · 抖动 {jitter} 毫秒", { loss: share.toFixed(1), jitter: figures.jitterMs });
  }
}
