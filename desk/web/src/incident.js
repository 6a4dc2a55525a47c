// Other calls about the same: shown beside the transcript, linked by one key. Only a person links.
import { api } from "./api.js";
import { $, el, notice, show } from "./dom.js";
import { t } from "./i18n.js";
import { inTurn, sparingly } from "./once.js";
import { day } from "./time.js";

export const KEY = "Alt+L";
const SETTLED_MS = 1000;

export class Incident {
  #call = null;
  #seen = null;
  #busy = false;
  /** Questions on their way: of what they ask, nothing is known yet. */
  #asking = 0;
  #asks = inTurn();
  #later = null;
  #refresh = sparingly(250, () => this.#load(), () => {});

  /** Show what belongs to another call, or to none. */
  show(callId) {
    if (callId !== this.#call) this.#draw(null);
    this.#call = callId;
    if (callId) this.#refresh();
  }

  refresh() {
    this.#refresh();
  }

  /** The place may have become known: what the house makes of that is there a moment later. */
  soon() {
    clearTimeout(this.#later);
    this.#later = setTimeout(() => this.#refresh(), SETTLED_MS);
  }

  /** Tickets were linked or taken apart, perhaps some of those shown. */
  linked({ ticket_id: one, other_id: other }) {
    const { ticket_id: own, callers = [], likely = [] } = this.#seen ?? {};
    const shown = new Set([own, ...callers.map((c) => c.ticket_id), ...likely.map((row) => row.ticket_id)]);
    if (this.#asking || shown.has(one) || shown.has(other)) this.#refresh();
  }

  /** Link to the first incident shown that has a ticket; false where there is nothing to link. */
  link(row = this.#linkable()[0]) {
    const ticket = this.#seen?.ticket_id;
    if (!row || !ticket || this.#busy) return false;
    this.#send(`/api/tickets/${ticket}/link`, { to: row.ticket_id });
    return true;
  }

  #linkable() {
    return this.#seen?.ticket_id && !this.#seen.closed ? this.#seen.likely.filter((row) => row.ticket_id) : [];
  }

  async #send(path, body) {
    this.#busy = true;
    try {
      await api(path, body);
      notice("");
    } catch (error) {
      notice(error.message);
    }
    this.#busy = false;
    this.#refresh();
  }

  async #load() {
    const id = this.#call;
    if (!id) return;
    const news = this.#asks();
    this.#asking += 1;
    try {
      const seen = await api(`/api/calls/${encodeURIComponent(id)}/incident`);
      if (id === this.#call && news()) this.#draw(seen);
    } finally {
      this.#asking -= 1;
    }
  }

  #draw(seen) {
    this.#seen = seen;
    const rows = seen ? [...this.#own(seen), ...this.#others(seen)] : [];
    $("incident").replaceChildren(...rows);
    show($("incident"), rows.length > 0);
    this.#near(seen?.near ?? []);
  }

  /** Open tickets close by, whatever they are about. */
  #near(near) {
    show($("near"), near.length > 0);
    $("near").replaceChildren(el("h2", {}, t("附近未结 {count} 件", { count: near.length })), ...near.map((row) =>
      el("a", { className: "past", href: `/tickets/${encodeURIComponent(row.number)}`, target: "_blank", rel: "noopener", dataset: { test: "near-row" } },
        el("span", { className: "line-1" },
          el("span", {}, row.category || row.number),
          row.emergency ? el("span", { className: "badge emergency" }, t("紧急")) : null,
          el("span", { className: "muted" }, row.metres === null ? t("同村") : t("{m} 米", { m: row.metres })),
          el("span", { className: "muted" }, day(row.at))),
        el("span", { className: "line-2" }, [row.place, row.state_name].filter(Boolean).join(" · ")))));
  }

  /** The incident that the call's ticket belongs to already. */
  #own({ ticket_id: ticket, head, callers }) {
    if (!callers.length) return [];
    const mine = callers.find((caller) => caller.ticket_id === ticket);
    const number = head ?? callers.find((caller) => caller.head);
    return [el("div", { className: "incident-own", dataset: { test: "incident-own" } },
      el("strong", {}, head ? t("已并入 {number}", { number: number.number }) : t("本单为主单")),
      el("span", {}, t("同一事件来电 {count} 人", { count: callers.length })),
      el("span", { className: "muted" }, head ? mine?.stays ? t("不随主单结案") : t("随主单结案") : ""),
      el("span", { className: "spring" }),
      head && mine?.state !== "closed" ? el("button", {
        type: "button", className: "quiet", dataset: { test: "unlink" }, disabled: this.#busy,
        onclick: () => this.#send(`/api/tickets/${ticket}/unlink`, {}),
      }, t("撤出")) : null)];
  }

  #others(seen) {
    if (seen.head || !seen.likely.length) return [];
    const first = this.#linkable()[0];
    return [
      el("h2", {}, t("可能是同一事件")),
      ...seen.likely.map((row) => el("div", { className: "likely", dataset: { test: "likely" } },
        el("div", { className: "likely-what" },
          el("p", { className: "line-1" },
            row.emergency ? el("span", { className: "badge emergency" }, t("紧急")) : null,
            row.ticket_id
              ? el("a", { href: `/tickets/${encodeURIComponent(row.number)}`, target: "_blank", rel: "noopener" }, row.number)
              : el("span", {}, t("来电 {number}", { number: row.number })),
            el("span", { className: "badge" }, row.state_name),
            el("span", {}, [row.category, row.place].filter(Boolean).join(" · ")),
            row.callers > 1 ? el("span", { className: "muted" }, t("来电 {count} 人", { count: row.callers })) : null,
            el("span", { className: "muted" }, day(row.at))),
          el("p", { className: "likely-why" }, row.reasons.join(" · "))),
        row.ticket_id && seen.ticket_id && !seen.closed
          ? el("button", { type: "button", dataset: { test: "link" }, onclick: () => this.link(row) },
            t("并入"), row === first ? el("kbd", {}, KEY) : null)
          : null)),
    ];
  }
}
