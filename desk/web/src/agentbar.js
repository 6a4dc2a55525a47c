// The desk's own state: ready, paused, away, wrap-up; and the ring that nobody took.
import { api } from "./api.js";
import { $, notice, show } from "./dom.js";
import { t } from "./i18n.js";
import { AGENT_STATES, BUSY } from "./states.js";
import { clock, since } from "./time.js";

export class AgentBar {
  #setup;
  #flush;
  state = "offline";
  reason = "";
  at = new Date().toISOString();

  /** `flush` saves what is typed before the desk changes its state. */
  constructor(setup, flush) {
    this.#setup = setup;
    this.#flush = flush;
    for (const id of ["ready", "finish", "missed-back"]) $(id).addEventListener("click", () => this.readyOrDone());
    $("away").addEventListener("click", () => this.#wish("away"));
    $("pause").addEventListener("change", (event) => event.target.value && this.#wish("paused", event.target.value));
  }

  get busy() {
    return BUSY.has(this.state);
  }

  show({ state, reason, since: at }) {
    Object.assign(this, { state, reason, at });
    const place = $("agent-state");
    place.dataset.state = state;
    place.textContent = AGENT_STATES[state]() + (state === "paused" && reason ? ` · ${reason === this.#setup.missed ? t("来电未接") : t(reason)}` : "");
    show($("finish"), state === "wrapup");
    show($("ready"), state !== "wrapup");
    for (const id of ["ready", "away"]) {
      $(id).disabled = this.busy;
      $(id).classList.toggle("now", state === id);
    }
    $("pause").value = "";
    show($("missed-ring"), state === "paused" && reason === this.#setup.missed);
    this.tick();
  }

  tick() {
    const limit = this.state === "wrapup" && this.#setup.wrapup_s ? ` / ${clock(this.#setup.wrapup_s)}` : "";
    $("agent-clock").textContent = since(this.at) + limit;
  }

  readyOrDone() {
    if (!this.#setup.in_queue) return;
    if (this.state === "wrapup") this.#ask("/api/agent/finish", {});
    else if (!this.busy) this.#wish("ready");
  }

  async #wish(state, reason = "") {
    await this.#ask("/api/agent/state", { state, reason });
    if (this.busy && state !== "ready") notice(t("通话结束后示忙"));
  }

  async #ask(path, body) {
    try {
      await this.#flush();
      await api(path, body);
      notice("");
    } catch (error) {
      notice(error.message);
    }
  }
}
