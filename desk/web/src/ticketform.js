import { api, ApiError } from "./api.js";
import { whyClosed } from "./closing.js";
import { $, el, notice, show } from "./dom.js";
import { t } from "./i18n.js";
import { drop, keep, leftOf } from "./kept.js";

/** Saved so soon after the last key; who types without a pause is saved once a second. */
const SAVE_AFTER_MS = 500;
const SAVE_WITHIN_MS = 1000;
const AGAIN_MS = 2000;
/** What stands between what a field has and what is added. A ticket is written in Chinese, whatever the page's language. */
const JOINT = { place: "", summary: "，" };
const FIELDS = ["code", "nature", "is_emergency", "place", "contact_name", "contact_phone", "summary", "department"];
const NAMES = {
  assist: t("协办部门"), code: t("类别"), nature: t("诉求性质"), is_emergency: t("紧急警情"), place: t("地点"), contact_name: t("联系人"),
  contact_phone: t("联系电话"), summary: t("事由"), department: t("承办部门"),
};

/** The server was not reached, or could not. */
const down = (error) => error.status === 0 || error.status >= 500;

/** The ticket of the call: fills itself from what is heard, keeps what a person typed, saves as one types. */
export class TicketForm {
  #form = $("ticket-form");
  #ticket = null;
  /** Fields typed in and not yet sent to be saved. */
  #dirty = new Set();
  /** What was sent and of which the server has not said yet that it has it: fields with their values, each time. */
  #sent = new Set();
  #timer;
  /** Since when something is not yet sent to be saved. */
  #since = 0;
  #saving = Promise.resolve();
  /** Keys of the departments that assist, as they stand in the form. */
  #assist = [];
  #onChange = () => {};
  #login;
  /** What the page before this one could not save any more, by ticket (kept.js). */
  #left;

  constructor(choices, login, onChange) {
    this.#login = login;
    this.#left = leftOf(login);
    this.#fillLists(choices);
    this.#form.addEventListener("input", (event) => {
      this.#touched(event.target);
      this.#onChange();
    });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    $("close-directly").addEventListener("click", () => this.close());
    this.show(null);
    this.#onChange = onChange;
  }

  get ticket() {
    return this.#ticket;
  }

  /** Whether a person may write in it. */
  get open() {
    return Boolean(this.#ticket) && !this.#form.elements.summary.disabled;
  }

  /** Key of the department chosen, and of those that assist. */
  get department() {
    return this.#value("department");
  }

  get assist() {
    return this.#assist;
  }

  /** Codes of the verdict's categories. */
  get likely() {
    return [...$("candidates").children].map((button) => button.dataset.code);
  }

  /** Choose a department that is proposed, whether the list has it or not. */
  sendTo({ key, name }) {
    this.#offer(key, name);
    this.take({ field: "department", value: key });
  }

  /** These departments assist, and no others. */
  assistBy(keys) {
    if (!this.open) return;
    this.#assist = keys;
    this.#mark("assist");
    this.flush();
  }

  /** Whether a field has `value`; where that only `adds` to it, one of `others` in it is as good. */
  holds({ field, value, adds = false }, others = []) {
    const now = this.#value(field);
    return adds ? [value, ...others].some((text) => text && now.includes(text)) : now === value;
  }

  /** Write `value` into a field as if somebody had typed it, behind what stands there where it `adds`. */
  take({ field: name, value, adds = false }) {
    const field = this.#form.elements[name];
    if (field.type === "checkbox") field.checked = value;
    else field.value = (adds && field.value ? field.value + JOINT[name] + value : value).slice(0, field.maxLength);
    this.#touched(field);
    this.flush();
  }

  /** Show another ticket, or a newer state of the same one; null takes the form away. */
  show(ticket) {
    if (ticket && this.#ticket?.id === ticket.id) {
      if (ticket.version >= this.#ticket.version) this.#take(ticket);
      return;
    }
    this.flush();
    this.#sent.clear();
    this.#ticket = null;
    this.#problem("");
    show(this.#form, Boolean(ticket));
    show($("no-ticket"), !ticket);
    if (!ticket) return;
    this.#form.reset();
    $("saved").textContent = "";
    this.candidates([]);
    this.#take(ticket);
    this.#putBack();
  }

  /** Save what was left of tickets that are not shown. */
  saveLeft() {
    for (const [id, { version, fields }] of this.#left) this.#save({ id, version }, fields);
    this.#left.clear();
  }

  /** Ask the server for the present state of this ticket. */
  async refresh() {
    const id = this.#ticket?.id;
    if (id) this.show(await api(`/api/tickets/${id}`));
  }

  /** The verdict's categories, one key press away. */
  candidates(candidates) {
    $("candidates").replaceChildren(...candidates.map(({ code, name }) =>
      el("button", { type: "button", onclick: () => this.#choose(code), dataset: { code } }, name)));
    this.#showChosen();
  }

  /** Save what is typed at once. */
  flush() {
    clearTimeout(this.#timer);
    if (this.#dirty.size) {
      // Taken now: in a moment the form may show another ticket.
      const ticket = this.#ticket;
      const fields = this.#takeDirty();
      this.#saving = this.#saving.then(() => this.#save(ticket, fields));
    }
    return this.#saving;
  }

  async submit() {
    if (!this.#ticket || $("submit").disabled) return undefined;
    clearTimeout(this.#timer);
    $("submit").disabled = true;
    // Taken now: what is submitted is what somebody sees, even where another call comes in between.
    const ticket = this.#ticket;
    const { id } = ticket;
    const fields = this.#takeDirty();
    await this.#saving;
    const here = this.#ticket?.id === id;
    // And what could not be saved, or was typed, meanwhile.
    if (here) {
      const rest = this.#takeDirty();
      Object.assign(fields, rest);
      this.#sent.delete(rest);
    }
    const { version } = here ? this.#ticket : ticket;
    try {
      const moved = await api(`/api/tickets/${id}/submit`, { fields, version });
      this.#sent.delete(fields);
      drop(id);
      if (this.#ticket?.id !== id) return undefined;
      $("saved").textContent = "";
      this.#problem("");
      this.show(moved);
    } catch (error) {
      this.#sent.delete(fields);
      if (this.#ticket?.id !== id) return notice(error.message);
      for (const name of Object.keys(fields)) this.#dirty.add(name);
      this.#failed(error);
    }
    return this.#enable();
  }

  /** Before anything else is typed, and from the version on which it was typed: what others wrote meanwhile is told. */
  #putBack() {
    const { id } = this.#ticket;
    const left = this.#left.get(id);
    this.#left.delete(id);
    if (!left) return;
    if (!this.open) {
      drop(id);
      notice(t("工单已提交，刷新前未保存的内容没有填入"));
      return;
    }
    for (const [name, value] of Object.entries(left.fields)) {
      const field = this.#form.elements[name];
      if (!field) continue;
      if (field.type === "checkbox") field.checked = value;
      else field.value = value;
      // A choice may be offered no longer.
      if (this.#value(name) === value) this.#touched(field);
      else drop(id, { [name]: value });
    }
    this.#ticket.version = Math.min(this.#ticket.version, left.version);
    this.flush();
    this.#onChange();
  }

  #choose(code) {
    const list = this.#form.elements.code;
    list.value = code;
    this.#touched(list);
    this.flush();
  }

  #touched(field) {
    if (!FIELDS.includes(field.name) || !this.#ticket) return;
    field.classList.add("touched");
    if (field.name === "code") this.#showChosen();
    keep(this.#ticket, { [field.name]: this.#value(field.name) }, this.#login);
    this.#mark(field.name);
  }

  /** To be saved soon. */
  #mark(name) {
    if (!this.#dirty.size) this.#since = Date.now();
    this.#dirty.add(name);
    $("saved").textContent = t("未保存");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), Math.max(0, Math.min(SAVE_AFTER_MS, this.#since + SAVE_WITHIN_MS - Date.now())));
  }

  #takeDirty() {
    const fields = {};
    for (const name of this.#dirty) fields[name] = this.#value(name);
    this.#dirty.clear();
    this.#sent.add(fields);
    return fields;
  }

  /** Not yet saved, as far as is known: what the server shows there is older. */
  #unsaved(name) {
    return this.#dirty.has(name) || [...this.#sent].some((fields) => name in fields);
  }

  async #save(ticket, fields) {
    const { id } = ticket;
    const { version } = this.#ticket?.id === id ? this.#ticket : ticket;
    try {
      const saved = await api(`/api/tickets/${id}`, { fields, version });
      this.#sent.delete(fields);
      drop(id, fields);
      // For what was typed after it and is saved next.
      ticket.version = saved.version;
      if (this.#ticket?.id !== id) return;
      if (!this.#dirty.size) $("saved").textContent = t("已保存");
      this.#problem("");
      this.show(saved);
    } catch (error) {
      this.#sent.delete(fields);
      if (this.#ticket?.id === id) {
        for (const name of Object.keys(fields)) this.#dirty.add(name);
        this.#failed(error);
      } else if (down(error)) setTimeout(() => this.#save(ticket, fields), AGAIN_MS);
      else {
        drop(id, fields);
        notice(error.message);
      }
    }
  }

  #failed(error) {
    if (!(error instanceof ApiError)) throw error;
    $("saved").textContent = t("未保存");
    if (down(error)) {
      // What was typed stays, and is saved when the line is back.
      this.#timer = setTimeout(() => this.flush(), AGAIN_MS);
    }
    if (error.body.differences) {
      this.#ticket.version = error.body.version;
      const changed = error.body.differences.map(({ field, theirs, by }) =>
        t("{field} 已被 {by} 改为「{value}」", { field: NAMES[field] ?? field, by, value: theirs }));
      changed.push(t("再次保存将以您填写的为准"));
      this.#problem(changed.join(t("；")));
      return;
    }
    this.#problem(error.message);
  }

  #take(ticket) {
    this.#ticket = ticket;
    $("ticket-number").textContent = ticket.number;
    $("ticket-state").textContent = ticket.state_name;
    $("ticket-state").dataset.state = ticket.state;
    $("field-line").textContent = `${ticket.line} ${ticket.line_name}`;
    $("field-caller").textContent = ticket.caller;
    $("ticket-link").href = `/tickets/${encodeURIComponent(ticket.number)}`;
    for (const name of FIELDS) {
      const field = this.#form.elements[name];
      field.classList.toggle("touched", ticket.touched.includes(name) || this.#unsaved(name));
      if (this.#unsaved(name)) continue;
      // What stands under the cursor of somebody who has begun to edit it does not change.
      if (document.activeElement === field && ticket.touched.includes(name)) continue;
      if (name === "department") this.#offer(ticket.department, ticket.department_name);
      if (field.type === "checkbox") field.checked = ticket[name];
      else if (field.value !== ticket[name]) field.value = ticket[name];
    }
    if (!this.#unsaved("assist")) this.#assist = ticket.assist;
    this.#showChosen();
    this.#enable();
    this.#onChange();
  }

  /** A village or a grid stands in no list: offered where the ticket is its. */
  #offer(key, name) {
    const field = this.#form.elements.department;
    if (key && ![...field.options].some((one) => one.value === key)) field.append(el("option", { value: key }, name));
  }

  #enable() {
    const actions = this.#ticket?.actions ?? [];
    const open = actions.includes("file") || actions.includes("dispatch");
    $("submit").disabled = !open;
    $("close-directly").disabled = !actions.includes("answer") && !actions.includes("overrule");
    for (const name of FIELDS) this.#form.elements[name].disabled = !open;
  }

  #value(name) {
    if (name === "assist") return this.#assist;
    const field = this.#form.elements[name];
    return field.type === "checkbox" ? field.checked : field.value;
  }

  #showChosen() {
    const code = this.#form.elements.code.value;
    for (const button of $("candidates").children) button.setAttribute("aria-pressed", String(button.dataset.code === code));
  }

  #problem(text) {
    $("form-error").textContent = text;
    show($("form-error"), Boolean(text));
  }

  /** Ask why, then close without sending it anywhere; false where that is not possible. */
  close() {
    if (!this.#ticket || $("close-directly").disabled) return false;
    this.#close();
    return true;
  }

  async #close() {
    const reason = await whyClosed();
    if (!reason || !this.#ticket) return;
    try {
      await this.flush();
      this.show(await api(`/api/tickets/${this.#ticket.id}/close`, { reason }));
      drop(this.#ticket?.id);
      this.#problem("");
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Choose the next of the verdict's categories; false where there is none. */
  nextCandidate() {
    const codes = this.likely;
    if (!this.open || !codes.length) return false;
    this.#choose(codes[(codes.indexOf(this.#value("code")) + 1) % codes.length]);
    return true;
  }

  #fillLists(choices) {
    const { code, nature, department } = this.#form.elements;
    code.append(el("option", { value: "" }, t("请选择")), ...choices.groups.map((group) =>
      el("optgroup", { label: group.name }, ...group.categories.map((c) => el("option", { value: c.code }, `${c.code} ${c.name}`)))));
    nature.append(el("option", { value: "" }, t("请选择")), ...choices.natures.map((n) => el("option", { value: n.value }, n.name)));
    department.append(el("option", { value: "" }, t("请选择")), ...choices.departments.map((d) => el("option", { value: d.value }, d.name)));
  }
}
