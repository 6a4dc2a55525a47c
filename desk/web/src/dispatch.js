// The panel 调派 beside a ticket: drawn by the server, moved on by its own forms and one key.
import { api } from "./api.js";
import { $, el, show } from "./dom.js";
import { drawn } from "./drawn.js";
import { inTurn, sparingly } from "./once.js";

/** What a person has put in or unfolded, by id. */
function state(place) {
  const fields = [...place.querySelectorAll("input[id]:not([data-tick]), select[id]")];
  return {
    values: fields.map((field) => [field.id, field.type === "checkbox" ? field.checked : field.value]),
    open: [...place.querySelectorAll("details[id]")].map((box) => [box.id, box.open]),
    focused: place.contains(document.activeElement) ? document.activeElement.id : "",
  };
}

function restore({ values, open, focused }) {
  for (const [id, value] of values) {
    const field = $(id);
    if (field?.type === "checkbox") field.checked = value;
    else if (field) field.value = value;
  }
  for (const [id, is] of open) if ($(id)) $(id).open = is;
  if (focused) $(focused)?.focus();
}

/** What a form sends: names that may come several times as lists. */
function values(form) {
  const data = new FormData(form);
  const lists = new Set([...form.querySelectorAll("input[type=checkbox][name]")].map((box) => box.name));
  const single = [...data.entries()].filter(([name]) => !lists.has(name));
  return { ...Object.fromEntries(single), ...Object.fromEntries([...lists].map((name) => [name, data.getAll(name)])) };
}

export class DispatchPanel {
  #place;
  #error;
  #number = "";
  #ticket = "";
  /** A person has chosen by hand: what is proposed anew does not undo it. */
  #touched = false;
  #asks = inTurn();
  /** Deeds on their way: what is read meanwhile may know of them or not, and is read again after them. */
  #posting = 0;
  #refresh = sparingly(700, () => this.#load(), () => {});
  #slowly = sparingly(5000, async () => this.#refresh(), () => {});

  constructor(place) {
    this.#place = el("div");
    this.#error = el("p", { className: "form-error", role: "alert", hidden: true, dataset: { test: "dispatch-error" } });
    place.append(this.#error, this.#place);
    place.addEventListener("submit", (event) => this.#submit(event));
    place.addEventListener("change", (event) => this.#changed(event));
  }

  /** Send what is chosen; false where nothing can be sent. */
  send() {
    const form = this.#form();
    form?.requestSubmit();
    return Boolean(form);
  }

  /** Show the panel of a ticket, by its number; of none where it is empty. */
  show(number) {
    if (number === this.#number) return;
    this.#number = number;
    this.#ticket = "";
    this.#touched = false;
    this.#place.replaceChildren();
    this.#say("");
    if (number) this.#refresh();
  }

  refresh() {
    this.#refresh();
  }

  /** Handlers for the live stream. */
  handlers() {
    const any = () => this.#number && this.#refresh();
    const ours = (event) => event.ticket_id === this.#ticket && this.#refresh();
    return { UnitChanged: any, UnitMoved: () => this.#number && this.#slowly(), SceneChanged: ours };
  }

  #say(text) {
    this.#error.textContent = text;
    show(this.#error, Boolean(text));
  }

  #form() {
    return this.#place.querySelector("[data-test=send-form]");
  }

  async #load() {
    const number = this.#number;
    if (!number) return;
    const news = this.#asks();
    const answer = await fetch(`/tickets/${encodeURIComponent(number)}/dispatch`);
    if (!answer.ok || answer.redirected) return;
    const html = await answer.text();
    if (number !== this.#number || this.#posting || !news()) return;
    const kept = state(this.#place);
    drawn(this.#place, html);
    if (!this.#touched) kept.values = kept.values.filter(([id]) => !/^(send-(?!note)|tell-|scene-)/.test(id));
    restore(kept);
    this.#ticket = this.#place.querySelector("[data-ticket]")?.dataset.ticket ?? "";
  }

  #changed({ target }) {
    if (target.dataset.tick) {
      this.#post(`/api/tickets/${this.#ticket}/plan`, {
        plan: target.dataset.plan, item: target.dataset.tick, done: target.checked,
      });
    } else {
      this.#touched = true;
    }
  }

  async #submit(event) {
    const form = event.target;
    if (!form.dataset.send) return;
    event.preventDefault();
    const button = form.querySelector("button");
    if (button.disabled) return;
    button.disabled = true;
    await this.#post(form.dataset.send, values(form));
    button.disabled = false;
  }

  async #post(path, body) {
    this.#posting += 1;
    try {
      await api(path, body);
      this.#say("");
      this.#touched = false;
      for (const box of this.#place.querySelectorAll("details[open]:not(.plan)")) box.open = false;
      for (const field of this.#place.querySelectorAll("#send-note")) field.value = "";
    } catch (error) {
      this.#say(error.message);
    }
    this.#posting -= 1;
    // Nothing that was asked before is news any more.
    this.#asks()();
    this.#refresh();
  }
}
