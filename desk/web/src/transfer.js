// The transfer panel: find whom, then consult or pass on; between lines the matter first. All by keyboard.
import { search } from "./directory.js";
import { $, el, show } from "./dom.js";
import { t } from "./i18n.js";
import { AGENT_STATES } from "./states.js";

const KINDS = { desk: () => t("坐席"), line: () => t("热线"), group: () => t("技能组"), outside: () => t("外线") };

export class TransferPanel {
  #panel = $("transfer");
  #query = $("transfer-query");
  #reason = $("transfer-reason");
  #directory;
  #states;
  #act;
  #call = null;
  /** The line to which the call goes once its matter is chosen. */
  #line = null;
  #rows = [];
  #at = 0;
  /** A row was chosen by arrow or click, not only shown first. */
  #picked = false;

  /** `states`: extension → state, kept by others. `act.consult(row)` and `act.transfer(row, reason)` do it. */
  constructor(directory, states, act) {
    this.#directory = directory;
    this.#states = states;
    this.#act = act;
    this.#query.addEventListener("input", () => {
      this.#begin();
      this.draw();
    });
    this.#panel.addEventListener("keydown", (event) => this.#key(event));
    $("transfer-close").addEventListener("click", () => this.close());
    $("transfer-consult").addEventListener("click", () => this.#choose(false));
    $("transfer-blind").addEventListener("click", () => this.#choose(true));
  }

  get opened() {
    return !this.#panel.hidden;
  }

  open(call) {
    this.#call = call;
    this.#line = null;
    this.#query.value = "";
    this.#reason.value = "";
    this.#begin();
    show(this.#panel, true);
    this.draw();
    this.#query.focus();
  }

  close() {
    show(this.#panel, false);
  }

  #begin() {
    this.#at = 0;
    this.#picked = false;
  }

  /** The row that is meant: nobody's caller goes to whoever happens to stand first in a list not yet looked at. */
  get #meant() {
    const looked = this.#picked || this.#query.value.trim() || (this.#line && this.#rows.length === 1);
    return looked ? this.#rows[this.#at] : undefined;
  }

  /** Draw the list again, with desks' states as they are now. */
  draw() {
    if (!this.opened) return;
    const chosen = this.#rows[this.#at];
    this.#rows = this.#line ? this.#matters() : search(this.#directory, this.#query.value, this.#states, this.#call.line);
    const again = this.#rows.findIndex((row) => row.kind === chosen?.kind && row.target === chosen?.target);
    if (again >= 0 && this.#picked) this.#at = again;
    this.#at = Math.min(this.#at, Math.max(0, this.#rows.length - 1));
    const none = el("li", { className: "empty" }, this.#line ? t("没有约定事项，请在下面填写事由") : t("没有找到"));
    $("transfer-list").replaceChildren(...(this.#rows.length ? this.#rows.map((row, i) => this.#row(row, i)) : [none]));
    $("transfer-step").textContent = this.#line ? t("→ {line}：选择移交事项", { line: this.#line.name }) : "";
    this.#query.placeholder = this.#line ? t("查找事项") : t("分机、号码、拼音或名称");
    const row = this.#meant;
    const asks = !this.#line && (!row || row.kind === "desk" || row.kind === "outside");
    show($("transfer-consult"), asks);
    $("transfer-consult").disabled = !row;
    $("transfer-blind").disabled = !row && !(this.#line && !this.#agreed().length);
    $("transfer-blind-key").textContent = asks ? "Ctrl+Enter" : "Enter";
    show($("transfer-why"), !this.#line || !this.#agreed().length);
    this.#reason.placeholder = this.#line ? t("请填写转接事由") : t("可不填");
  }

  #agreed() {
    return this.#directory.matters.filter((m) => m.source === this.#call.line && m.target === this.#line.target);
  }

  #matters() {
    const query = this.#query.value.trim().toLowerCase();
    return this.#agreed().filter((m) => m.name.toLowerCase().includes(query)).map((m) => ({ kind: "matter", ...m, target: m.value }));
  }

  #row(row, i) {
    const state = row.state ? el("span", { className: "desk-state", dataset: { state: row.state } }, AGENT_STATES[row.state]()) : null;
    const number = row.kind === "desk" || row.kind === "line" ? el("b", {}, row.target) : null;
    const made = el("li", {
      role: "option", "aria-selected": String(this.#rows[i] === this.#meant), dataset: { kind: row.kind, target: row.target },
      onclick: () => {
        this.#at = i;
        this.#picked = true;
        this.draw();
        this.#query.focus();
      },
      ondblclick: () => this.#choose(row.kind === "line" || row.kind === "group" || row.kind === "matter"),
    }, number, el("span", { className: "name" }, row.name), state,
    row.kind === "matter" ? null : el("span", { className: "muted" }, KINDS[row.kind]()));
    if (i === this.#at) queueMicrotask(() => made.scrollIntoView({ block: "nearest" }));
    return made;
  }

  #key(event) {
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (step) {
      // The first step down is onto the first row.
      if (this.#meant) this.#at = Math.min(Math.max(0, this.#at + step), this.#rows.length - 1);
      this.#picked = true;
      this.draw();
    } else if (event.key === "Enter") this.#choose(event.ctrlKey || event.metaKey);
    else if (event.key === "Escape") this.#line ? this.#back() : this.close();
    else return;
    event.preventDefault();
    // Ctrl+Enter here is no submitting of the ticket.
    event.stopPropagation();
  }

  #back() {
    this.#line = null;
    this.#query.value = "";
    this.#begin();
    this.draw();
  }

  /** `blind`: pass on at once. To lines and groups there is no other way. */
  #choose(blind) {
    const row = this.#meant;
    const reason = this.#reason.value.trim();
    if (this.#line) {
      if (row) this.#done(() => this.#act.transfer(this.#line, row.value));
      else if (!this.#agreed().length && reason) this.#done(() => this.#act.transfer(this.#line, reason));
      else (this.#agreed().length ? this.#query : this.#reason).focus();
      return;
    }
    if (!row) return;
    if (row.kind === "line") {
      this.#line = row;
      this.#query.value = "";
      this.#begin();
      this.draw();
      (this.#rows.length ? this.#query : this.#reason).focus();
    } else if (row.kind === "group" || blind) this.#done(() => this.#act.transfer(row, reason));
    else this.#done(() => this.#act.consult(row, reason));
  }

  #done(act) {
    this.close();
    act();
  }
}
