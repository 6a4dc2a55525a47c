// Answers of the knowledge base for what the caller is saying: read one out, take it into the ticket.
import { api } from "./api.js";
import { $, el, notice, show } from "./dom.js";
import { t } from "./i18n.js";
import { sparingly } from "./once.js";

/** Keys: open the next answer; take the open one into the ticket and close it. */
export const NEXT = "Alt+J";
export const TAKE = "Alt+K";
const REASONS = [
  ["off", t("答非所问")], ["old", t("内容过时")], ["local", t("与本地规定不符")],
  ["unclear", t("来电人听不明白")], ["short", t("内容不全")], ["other", t("其他")],
];

export class Answers {
  #call = null;
  #ticket;
  #closed;
  #saying = "";
  #found = [];
  #open = null;
  #refused = new Set();
  #busy = false;
  /** Requests sent, and the latest one whose answer is shown: an earlier one may be answered after it. */
  #asked = 0;
  #shown = 0;
  #refresh = sparingly(400, () => this.#load(), () => {});
  /** What is still being said changes with every word. */
  #listen = sparingly(1200, () => this.#load(), () => {});

  /** `ticket()` gives the form's ticket; `closed(ticket)` hears of the one that was answered. */
  constructor(ticket, closed) {
    this.#ticket = ticket;
    this.#closed = closed;
  }

  /** Show what belongs to another call, or to none. */
  show(callId) {
    if (callId === this.#call) return;
    this.#call = callId;
    this.#saying = "";
    this.#open = null;
    this.#refused.clear();
    this.#draw([]);
    if (callId) this.#refresh();
  }

  /** The caller said this, or is saying it. */
  heard(text, partial) {
    this.#saying = partial ? text.slice(-200) : "";
    if (partial) this.#listen();
    else this.#refresh();
  }

  refresh() {
    this.#refresh();
  }

  /** Open the next answer; false where there is none. */
  next() {
    if (!this.#found.length) return false;
    const at = this.#found.findIndex(({ id }) => id === this.#open);
    this.#open = this.#found[(at + 1) % this.#found.length].id;
    this.#draw(this.#found);
    return true;
  }

  /** Take the open answer; where none is open yet, open the first: nobody closes with what he has not seen. */
  take() {
    const answer = this.#found.find(({ id }) => id === this.#open);
    if (!answer) return this.next();
    if (!this.#may() || this.#busy) return false;
    this.#send(answer);
    return true;
  }

  #may() {
    const ticket = this.#ticket();
    return Boolean(ticket) && !ticket.is_emergency && ["answer", "overrule"].some((a) => ticket.actions.includes(a));
  }

  async #send(answer) {
    const ticket = this.#ticket();
    this.#busy = true;
    try {
      const closed = await api(`/api/tickets/${ticket.id}/answer`, { article: answer.id, version: answer.version });
      notice(t("已用“{title}”答复并办结", { title: answer.title }), 6);
      this.#draw([]);
      this.#closed(closed);
    } catch (error) {
      notice(error.message);
    }
    this.#busy = false;
    this.#refresh();
  }

  async #unhelpful(answer, reason) {
    try {
      await api(`/api/knowledge/${answer.id}/unhelpful`, {
        reason, version: answer.version, ticket_id: this.#ticket()?.id ?? null,
      });
      this.#refused.add(answer.id);
      this.#draw(this.#found);
    } catch (error) {
      notice(error.message);
    }
  }

  async #load() {
    const id = this.#call;
    if (!id) return;
    const turn = ++this.#asked;
    const found = await api(`/api/calls/${encodeURIComponent(id)}/knowledge?saying=${encodeURIComponent(this.#saying)}`);
    if (id !== this.#call || turn < this.#shown) return;
    this.#shown = turn;
    // What somebody reads out just now stays, whatever is said meanwhile.
    const open = this.#found.find((one) => one.id === this.#open);
    this.#draw(open && !found.some((one) => one.id === open.id) ? [open, ...found.slice(0, 2)] : found);
  }

  #draw(found) {
    const box = $("answers");
    // An open list of reasons under somebody's hand is not taken away.
    if (box.contains(document.activeElement) && document.activeElement.tagName === "SELECT" && found.length) return;
    this.#found = found.filter(({ id }) => !this.#refused.has(id));
    if (!this.#found.some(({ id }) => id === this.#open)) this.#open = null;
    show(box, this.#found.length > 0);
    if (!this.#found.length) return box.replaceChildren();
    box.replaceChildren(
      el("h2", {}, t("知识库"), el("span", { className: "muted" }, t("展开"), el("kbd", {}, NEXT))),
      ...this.#found.map((answer) => this.#row(answer)));
  }

  #row(answer) {
    const open = answer.id === this.#open;
    const toggle = () => {
      this.#open = open ? null : answer.id;
      this.#draw(this.#found);
    };
    return el("div", { className: "proposal", dataset: { test: "proposal", article: answer.key } },
      el("button", { type: "button", "aria-expanded": String(open), onclick: toggle },
        answer.title, ...answer.words.slice(0, 4).map((word) => el("mark", {}, word))),
      ...(open ? this.#opened(answer) : []));
  }

  #opened(answer) {
    const reasons = el("select", {
      "aria-label": t("没有帮助"), dataset: { test: "unhelpful" },
      onchange: ({ target }) => {
        const reason = target.value;
        target.blur();
        this.#unhelpful(answer, reason);
      },
    }, el("option", { value: "" }, t("没有帮助…")), ...REASONS.map(([value, name]) => el("option", { value }, name)));
    return [
      el("ol", { className: "answer-steps", dataset: { test: "answer-steps" } }, ...answer.steps.map((step) => el("li", {}, step))),
      el("div", { className: "row" },
        this.#may()
          ? el("button", { type: "button", className: "good", dataset: { test: "take-answer" }, onclick: () => this.take() },
            t("以此答复并办结"), el("kbd", {}, TAKE))
          : el("span", { className: "muted" }, t("仅供指导，不能直接办结")),
        reasons,
        el("span", { className: "spring" }),
        el("a", { className: "quiet", href: `/knowledge/${answer.id}`, target: "_blank", rel: "noopener" }, t("详情")))];
  }
}
