// A call that this desk has dialled, or that another desk makes to it: its card stands before the caller's meanwhile.
import { t } from "./i18n.js";
import { serverNow } from "./time.js";

/** Why an outgoing call came to nothing, by JsSIP's names of causes. */
const CAUSES = {
  Busy: () => t("对方忙"), Rejected: () => t("对方拒接"), "No Answer": () => t("无人接听"), Unavailable: () => t("无人接听"),
  "Not Found": () => t("号码有误或不存在"), "Address Incomplete": () => t("号码有误或不存在"),
};

export class SideCall {
  #names;
  #me;
  /** As the server shows a call; null where there is none. */
  call = null;

  constructor(directory, me) {
    this.#names = new Map(directory.desks.map((desk) => [desk.target, desk.name]));
    this.#me = me;
  }

  /** This page's telephone dials. */
  dialling(number) {
    const now = new Date(serverNow()).toISOString();
    this.take({
      call_id: null, direction: this.#names.has(number) ? "internal" : "out", caller: number, agent: this.#me,
      state: "dialling", arrived_at: now, answered_at: null, ended_at: null, parties: [], called: [], ringing: [],
    });
  }

  /** The server has seen a call of this desk: from now on its id is known. */
  arrived(event) {
    if (!this.call) this.dialling(event.caller);
    this.call.call_id = event.call_id;
  }

  answered() {
    if (this.call.answered_at) return;
    Object.assign(this.call, { state: "talking", answered_at: new Date(serverNow()).toISOString() });
    if (!this.call.parties.some((p) => p.extension === this.#me)) {
      this.call.parties.push({ extension: this.#me, name: "", channel: "", role: "agent" });
    }
  }

  /** A call as the server shows it; the number shown is the other side's. */
  take(call) {
    const outwards = call.agent === this.#me;
    const other = outwards ? call.caller : call.agent;
    const name = this.#names.get(other) ?? "";
    this.call = {
      parties: [], called: [], ringing: [], ...call, emergency: false, opening: "", line: "", queue_name: "", passed: null, caller: other,
      line_name: [call.direction === "internal" ? t("内线") : t("呼出"), name].filter(Boolean).join(" · "),
    };
  }

  over() {
    this.call = null;
  }

  /** What became of it, in words; empty where both simply hung up. */
  outcome(cause) {
    return this.call?.answered_at ? "" : (CAUSES[cause]?.() ?? "");
  }
}
