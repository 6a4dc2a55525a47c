// A ticket is dragged onto a department of the shelf, or onto a unit of the list or the map.
import { api } from "../api.js";
import { el, show } from "../dom.js";
import { t } from "../i18n.js";

const target = (event) => event.target.closest?.("[data-drop], [data-unit]");

/**
 * `begin(id)` hears what is dragged and answers with its row; `dropped(row, {department} or {unit})` what came of it.
 */
export function dragging(lanes, shelf, others, begin, dropped) {
  let row = null;
  let over = null;

  function light(element) {
    over?.classList.remove("over");
    over = element;
    over?.classList.add("over");
  }

  function offer(departments) {
    shelf.replaceChildren(el("p", { className: "muted" }, row.waits ? t("拖到部门：主办；拖到单位：派出") : t("拖到部门：添加协办；拖到单位：增派")),
      ...departments.map(({ key, name, why }) => el("div", { className: "drop", dataset: { drop: key, test: "drop" } }, el("b", {}, name), el("span", { className: "muted" }, why))));
  }

  async function propose() {
    const mine = row;
    offer(mine.department ? [{ key: mine.department, name: mine.department_name, why: "" }] : []);
    const { departments } = await api(`/api/board/tickets/${mine.id}`);
    if (row === mine) offer(departments.filter((one) => !one.has).slice(0, 8).map((one) => ({ key: one.key, name: one.name, why: one.reasons.join(t("、")) })));
  }

  lanes.addEventListener("dragstart", (event) => {
    row = begin(event.target.closest?.(".ticket")?.dataset.key);
    if (!row) return;
    event.dataTransfer.setData("text/plain", row.number);
    event.dataTransfer.effectAllowed = "copy";
    // A browser lets go where the page changes in the very moment of the start.
    setTimeout(() => {
      if (!row) return;
      show(shelf, true);
      propose().catch(() => {});
    });
  });
  addEventListener("dragend", () => {
    row = null;
    light(null);
    show(shelf, false);
  });
  for (const place of others) {
    place.addEventListener("dragover", (event) => {
      const found = row && target(event);
      light(found || null);
      if (!found) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
    });
    place.addEventListener("drop", (event) => {
      const found = row && target(event);
      if (!found) return;
      event.preventDefault();
      const { drop: department, unit } = found.dataset;
      dropped(row, department ? { department } : { unit });
      light(null);
      show(shelf, false);
    });
  }
}
