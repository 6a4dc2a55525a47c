// Departments proposed for the ticket beside the list of all: the main one by click or key, those that assist as chips to add.
import { api } from "./api.js";
import { $, el } from "./dom.js";
import { t } from "./i18n.js";
import { inTurn, sparingly } from "./once.js";

export const KEY = "Alt+M";

export class Departments {
  #form;
  #found = [];
  /** For what `#found` is, or is being asked. */
  #about = "";
  /** What is drawn. */
  #drawn = "";
  #asks = inTurn();
  #ask = sparingly(250, () => this.#load(), () => (this.#about = ""));

  /** `form`: the ticket's (ticketform.js). */
  constructor(form) {
    this.#form = form;
  }

  /** The ticket, the form or what triage thinks of has changed. */
  draw() {
    const { ticket } = this.#form;
    // Only these say which departments it may be.
    const about = ticket ? [ticket.id, ticket.code, ticket.place, this.#form.likely].join(" ") : "";
    if (about !== this.#about) {
      if (!ticket || !this.#about.startsWith(`${ticket.id} `)) this.#found = [];
      this.#about = about;
      if (ticket) this.#ask();
    }
    this.#show();
  }

  /** Take the next of the departments proposed as the main one; false where there is none. */
  next() {
    const keys = this.#main().map(({ key }) => key);
    if (!this.#form.open || !keys.length) return false;
    this.#take(keys[(keys.indexOf(this.#form.department) + 1) % keys.length]);
    return true;
  }

  async #load() {
    const { ticket } = this.#form;
    if (!ticket) return;
    const news = this.#asks();
    const found = await api(`/api/tickets/${ticket.id}/departments`);
    if (ticket.id !== this.#form.ticket?.id || !news()) return;
    this.#found = found;
    this.#show();
  }

  #main() {
    return this.#found.filter(({ part }) => part === "main");
  }

  #take(key) {
    this.#form.sendTo(this.#found.find((one) => one.key === key));
    this.#show();
  }

  #show() {
    const chosen = this.#form.department;
    const now = this.#form.open ? this.#found : [];
    // Drawn anew, buttons would lose the keyboard, and readers their place.
    const drawn = JSON.stringify([now, chosen, this.#form.assist]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const focused = $("departments").contains(document.activeElement) && document.activeElement.dataset.key;
    $("departments").replaceChildren(...now.filter(({ part, key }) => part === "main" || key !== chosen).map((one) =>
      one.part === "main" ? this.#chip(one, one.name, one.name, one.key === chosen, () => this.#take(one.key))
        : this.#chip(one, `+ ${one.name}`, t("协办 {name}", { name: one.name }), this.#form.assist.includes(one.key), () => this.#assist(one.key))));
    if (focused) [...$("departments").children].find((one) => one.dataset.key === focused)?.focus();
  }

  #assist(key) {
    const { assist } = this.#form;
    this.#form.assistBy(assist.includes(key) ? assist.filter((one) => one !== key) : [...assist, key]);
    this.#show();
  }

  /** `name` is what it does, in words; `text` the same on little room. */
  #chip({ key, part, reasons }, text, name, pressed, onclick) {
    return el("button", {
      type: "button", title: [name, ...reasons].join(t("；")), "aria-label": name, "aria-pressed": String(pressed),
      dataset: { key, part }, onclick,
    }, text);
  }
}
