// To whom a ticket goes: departments and units, the likeliest first, each with its reason; digits choose, Ctrl+Enter sends.
import { api } from "../api.js";
import { el, show } from "../dom.js";
import { t } from "../i18n.js";

/** Departments and units that have a digit of the keyboard. */
const DIGITS = 9;
const FOUND = 6;

/** What the button will do, in words. */
export function plan({ waits, main, assist, units }) {
  const comma = t("、");
  const said = [];
  if (main) said.push(waits ? t("主办 {name}", { name: main }) : t("改派主办 {name}", { name: main }));
  if (assist.length) said.push(t("协办 {names}", { names: assist.join(comma) }));
  if (units.length) said.push(t("派出 {names}", { names: units.join(comma) }));
  return said.join(t("；"));
}

export class Palette {
  #dialog;
  #departments;
  #after;
  #row = null;
  #found = null;
  #main = "";
  #assist = new Set();
  #units = new Set();
  /** Looked for by name, besides what is proposed. */
  #extra = [];
  #sending = false;

  /** `departments`: [{value, name}]; `after(row, what)` hears what was sent. */
  constructor(dialog, departments, after) {
    this.#dialog = dialog;
    this.#departments = departments;
    this.#after = after;
    dialog.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Open it on a row of the board. */
  async open(row) {
    if (this.#dialog.open || this.#sending) return;
    this.#sending = true;
    try {
      this.#found = await api(`/api/board/tickets/${row.id}`);
    } finally {
      this.#sending = false;
    }
    this.#row = row;
    this.#extra = [];
    const chosen = (how) => this.#found.departments.filter((one) => one.chosen === how).map((one) => one.key);
    [this.#main = ""] = chosen("main");
    this.#assist = new Set(chosen("assist"));
    this.#units = new Set(this.#found.units.filter((unit) => unit.chosen).map((unit) => unit.key));
    this.#build();
    this.#dialog.showModal();
    this.#dialog.querySelector("[data-choice]")?.focus();
  }

  #all() {
    return [...this.#found.departments, ...this.#extra];
  }

  #build() {
    const row = this.#row;
    const { waits, more_units: more } = this.#found;
    const field = (name, label, hidden) => el("input", { id: `palette-${name}`, maxLength: 500, placeholder: label, ariaLabel: label, hidden, autocomplete: "off", dataset: { test: `palette-${name}` } });
    this.#dialog.replaceChildren(el("form", { method: "dialog", onsubmit: (event) => this.#submit(event) },
      el("h2", { id: "palette-title" }, t("派单"), " ", el("b", {}, row.number), " ", row.category),
      el("p", { className: "muted about" }, [row.place, row.summary].filter(Boolean).join(" · ")),
      el("div", { className: "choices" },
        el("section", {},
          el("h3", {}, t("部门"), el("span", { className: "muted" }, ` ${waits ? t("先选的为主办") : t("添加协办")}`)),
          el("ul", { id: "palette-departments" }),
          el("input", { type: "search", id: "palette-find", placeholder: t("找其他部门"), ariaLabel: t("找其他部门"), autocomplete: "off", oninput: () => this.#find(), dataset: { test: "palette-find" } }),
          el("ul", { id: "palette-others" })),
        el("section", {},
          el("h3", {}, t("单位"), el("span", { className: "muted" }, ` ${t("Shift+数字")}`)),
          el("ul", { id: "palette-units" }),
          el("p", { className: "muted" }, this.#found.units.length ? (more ? t("还有 {n} 个较远的单位", { n: more }) : "") : t("没有可派的单位")))),
      field("note", t("给单位的话"), true),
      field("reason", t("改派理由"), true),
      el("p", { className: "plan-line", id: "palette-plan", role: "status", dataset: { test: "palette-plan" } }),
      el("p", { className: "form-error", id: "palette-error", role: "alert", hidden: true, dataset: { test: "palette-error" } }),
      el("div", { className: "row" },
        el("button", { className: "primary", id: "palette-send", dataset: { test: "palette-send" } }, t("确认派出"), " ", el("kbd", {}, "Ctrl+Enter")),
        el("span", { className: "muted hint" }, t("M 设为主办")), el("span", { className: "spring" }),
        el("button", { type: "button", className: "quiet", onclick: () => this.#dialog.close() }, t("关闭"), " ", el("kbd", {}, "Esc")))));
    this.#draw();
  }

  #choice(kind, one, i, reasons, picked, role, disabled) {
    return el("li", {}, el("button", {
      type: "button", role: "checkbox", ariaChecked: String(Boolean(picked)), disabled, className: "choice", onclick: () => this.#toggle(kind, one.key),
      dataset: { choice: `${kind}:${one.key}`, test: `choice-${kind}` },
    },
    el("kbd", {}, i < DIGITS ? (kind === "unit" ? `⇧${i + 1}` : String(i + 1)) : ""),
    el("span", { className: "choice-name" }, one.name),
    el("span", { className: "role" }, role),
    el("span", { className: "why" }, reasons)));
  }

  #draw() {
    const { waits, units } = this.#found;
    const at = (id) => this.#dialog.querySelector(`#palette-${id}`);
    const focused = this.#dialog.contains(document.activeElement) ? document.activeElement.dataset.choice : null;
    at("departments").replaceChildren(...this.#all().map((one, i) => {
      const role = one.has ? t("已承办") : one.key === this.#main ? t("主办") : this.#assist.has(one.key) ? t("参与协办") : "";
      const made = this.#choice("department", one, i, one.reasons.join(t("、")), one.key === this.#main || this.#assist.has(one.key), role, one.has && !this.#found.may_reassign);
      made.classList.toggle("against", one.against);
      return made;
    }));
    at("units").replaceChildren(...units.map((unit, i) => {
      const far = unit.distance ? `${unit.basis === "position" ? "" : "≈ "}${unit.distance}${unit.minutes === null ? "" : ` · ${t("约 {n} 分", { n: Math.ceil(unit.minutes) })}`}` : unit.basis_name;
      const why = [far, unit.chosen ? t("建议") : "", unit.old ? t("位置旧 {age}", { age: unit.age }) : ""].filter(Boolean).join(" · ");
      return this.#choice("unit", unit, i, why, this.#units.has(unit.key), unit.state === "idle" ? "" : unit.state_name, false);
    }));
    show(at("note"), this.#units.size > 0);
    const moved = !waits && Boolean(this.#main);
    show(at("reason"), moved);
    at("reason").required = moved;
    const names = (keys, list) => list.filter((one) => keys.has(one.key)).map((one) => one.name);
    const said = plan({ waits, main: names(new Set([this.#main]), this.#all())[0], assist: names(this.#assist, this.#all()), units: names(this.#units, units) });
    at("plan").textContent = said || t("请选择部门或单位");
    at("send").disabled = !said;
    if (focused) this.#dialog.querySelector(`[data-choice="${CSS.escape(focused)}"]`)?.focus();
  }

  #toggle(kind, key) {
    if (kind === "unit") {
      if (!this.#units.delete(key)) this.#units.add(key);
    } else if (key === this.#main) {
      this.#main = "";
    } else if (!this.#assist.delete(key)) {
      const one = this.#all().find((each) => each.key === key);
      if (one?.has) return;
      if (this.#found.waits && !this.#main) this.#main = key;
      else this.#assist.add(key);
    }
    this.#draw();
  }

  #makeMain(key) {
    if (!this.#found.waits && !this.#found.may_reassign) return;
    const before = this.#main;
    this.#main = key;
    this.#assist.delete(key);
    if (before && before !== key && this.#found.waits) this.#assist.add(before);
    this.#draw();
  }

  #find() {
    const words = this.#dialog.querySelector("#palette-find").value.trim().toLowerCase();
    const known = new Set(this.#all().map((one) => one.key));
    const every = [...this.#departments, ...this.#found.near];
    const fits = words ? every.filter((one) => !known.has(one.value) && one.name.toLowerCase().includes(words)) : [];
    const unique = [...new Map(fits.map((one) => [one.value, one])).values()].slice(0, FOUND);
    this.#dialog.querySelector("#palette-others").replaceChildren(...unique.map((one) => el("li", {},
      el("button", { type: "button", className: "choice", onclick: () => this.#add(one), dataset: { test: "palette-other" } }, el("kbd", {}, "+"), el("span", { className: "choice-name" }, one.name)))));
  }

  #add({ value, name }) {
    this.#extra.push({ key: value, name, reasons: [t("自选")], against: false, has: false });
    this.#dialog.querySelector("#palette-find").value = "";
    this.#find();
    this.#toggle("department", value);
    this.#dialog.querySelector(`[data-choice="department:${CSS.escape(value)}"]`)?.focus();
  }

  #key(event) {
    if (event.isComposing) return;
    if (event.ctrlKey && event.key === "Enter") {
      event.preventDefault();
      this.#dialog.querySelector("form").requestSubmit();
      return;
    }
    if (event.target.matches("input")) {
      if (event.key === "Enter") {
        event.preventDefault();
        if (event.target.type === "search") this.#dialog.querySelector("#palette-others button")?.click();
      }
      return;
    }
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const [, digit] = /^(?:Digit|Numpad)([1-9])$/.exec(event.code) ?? [];
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (digit) {
      const list = event.shiftKey ? this.#found.units : this.#all();
      const one = list[Number(digit) - 1];
      if (one) this.#toggle(event.shiftKey ? "unit" : "department", one.key);
    } else if (step) {
      const all = [...this.#dialog.querySelectorAll("[data-choice]:enabled")];
      all[Math.max(0, Math.min(all.length - 1, all.indexOf(document.activeElement) + step))]?.focus();
    } else if (event.key.toLowerCase() === "m") {
      const [kind, key] = (document.activeElement.dataset?.choice ?? "").split(/:(.*)/s);
      if (kind === "department") this.#makeMain(key);
    } else if (event.key === "/") {
      this.#dialog.querySelector("#palette-find").focus();
    } else return;
    event.preventDefault();
  }

  async #submit(event) {
    event.preventDefault();
    if (this.#sending) return;
    const button = this.#dialog.querySelector("#palette-send");
    const value = (name) => this.#dialog.querySelector(`#palette-${name}`).value.trim();
    const said = this.#dialog.querySelector("#palette-plan").textContent;
    this.#sending = true;
    button.disabled = true;
    try {
      await api(`/api/board/tickets/${this.#row.id}/send`, {
        main: this.#main, assist: [...this.#assist], units: [...this.#units], note: value("note"), reason: value("reason"),
        part: this.#found.part, ...(this.#found.waits ? { version: this.#found.version } : {}),
      });
      this.#dialog.close();
      this.#after(this.#row, said);
    } catch (error) {
      const place = this.#dialog.querySelector("#palette-error");
      place.textContent = error.message;
      show(place, true);
    }
    this.#sending = false;
    button.disabled = false;
  }
}
