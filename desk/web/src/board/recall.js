// Taking back: the ticket from its department, or a unit from the ticket, where the flow and the unit's state allow it.
import { api } from "../api.js";
import { el, show } from "../dom.js";
import { t } from "../i18n.js";

const BUSY = ["assigned", "enroute", "onscene"];

export class Recall {
  #dialog;
  #after;

  constructor(dialog, after) {
    this.#dialog = dialog;
    this.#after = after;
  }

  /** Open it on a row, with the units that are on their way to it; false where nothing can be taken back. */
  async open(row, units) {
    if (this.#dialog.open) return true;
    const { may_recall: may, departments } = await api(`/api/board/tickets/${row.id}`);
    const what = [
      ...units.filter((unit) => unit.ticket === row.id && BUSY.includes(unit.state)).map((unit) => ({
        path: `/api/units/${unit.key}/act`, body: { action: "recall" }, name: t("召回单位 {name}（{state}）", { name: unit.name, state: unit.state_name }),
      })),
      ...(may ? [{ path: `/api/tickets/${row.id}/refuse`, body: {}, name: t("召回工单，退回待派（{name}）", { name: departments.find((one) => one.has)?.name ?? row.department_name }) }] : []),
    ];
    if (!what.length) return false;
    this.#build(row, what);
    this.#dialog.showModal();
    this.#dialog.querySelector("#recall-reason").focus();
    return true;
  }

  #build(row, what) {
    const error = el("p", { className: "form-error", role: "alert", hidden: true, dataset: { test: "recall-error" } });
    const send = async (event) => {
      event.preventDefault();
      const chosen = what[Number(new FormData(event.target).get("what"))];
      try {
        await api(chosen.path, { ...chosen.body, reason: this.#dialog.querySelector("#recall-reason").value.trim() });
        this.#dialog.close();
        this.#after(row, chosen.name);
      } catch (fault) {
        error.textContent = fault.message;
        show(error, true);
      }
    };
    this.#dialog.replaceChildren(el("form", { method: "dialog", onsubmit: send },
      el("h2", { id: "recall-title" }, t("召回"), " ", el("b", {}, row.number), " ", row.category),
      el("ul", { className: "recalls" }, ...what.map(({ name }, i) => el("li", {}, el("label", {}, el("input", { type: "radio", name: "what", value: String(i), checked: i === 0 }), el("span", {}, name))))),
      el("input", { id: "recall-reason", required: true, maxLength: 500, placeholder: t("理由"), ariaLabel: t("理由"), autocomplete: "off", dataset: { test: "recall-reason" } }),
      error,
      el("div", { className: "row" }, el("button", { className: "primary", dataset: { test: "recall-send" } }, t("召回"), " ", el("kbd", {}, "Enter")), el("span", { className: "spring" }),
        el("button", { type: "button", className: "quiet", onclick: () => this.#dialog.close() }, t("关闭"), " ", el("kbd", {}, "Esc")))));
  }
}
