// Units by state: a click shows one on the map, a ticket may be dropped on it.
import { el, show } from "../dom.js";
import { t } from "../i18n.js";
import { keyed, part, put } from "../keyed.js";

function group([state]) {
  return el("section", { className: "unit-group", dataset: { state, test: `units-${state}` } },
    el("h2", {}, el("i", { className: "shape", ariaHidden: "true", dataset: { state } }), el("span", { dataset: { part: "name" } }), el("b", { dataset: { part: "count" } })),
    el("div", { className: "chips", dataset: { part: "chips" } }));
}

const chip = (unit) => el("button", { type: "button", className: "chip", dataset: { unit: unit.key, test: "board-unit" } },
  el("span", { dataset: { part: "name" } }), el("span", { className: "muted", dataset: { part: "more" } }));

/** `states`: [state, its name] in their order; those off duty stand last. */
export function drawUnits(box, states, units) {
  const groups = [...states, ["off", t("不在班")]].map(([state, name]) => [
    state, name, units.filter((unit) => (unit.on_duty ? unit.state : "off") === state),
  ]);
  keyed(box, groups.filter(([, , own]) => own.length), ([state]) => state, group, (element, [state, name, own]) => {
    put(part(element, "name"), name);
    put(part(element, "count"), String(own.length));
    keyed(part(element, "chips"), own, (unit) => unit.key, chip, (button, unit) => {
      put(part(button, "name"), unit.name);
      put(part(button, "more"), unit.number ? unit.number.split("-").at(-1) : unit.at?.told ? (unit.old ? `≥ ${unit.age}` : "") : "");
      show(part(button, "more"), Boolean(part(button, "more").textContent));
      button.title = [unit.kind_name, unit.department_name, unit.state_name, unit.number, unit.age && t("位置 {age}", { age: unit.age })].filter(Boolean).join(" · ");
      button.dataset.free = unit.free ? "1" : "";
    });
    element.dataset.state = state;
  });
}
