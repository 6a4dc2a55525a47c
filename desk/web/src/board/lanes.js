// The lanes and their rows: what stays keeps its element, so that a choice, a focus or a drag is never lost.
import { $, el, show } from "../dom.js";
import { t } from "../i18n.js";
import { keyed, part, put } from "../keyed.js";
import { left } from "./left.js";

const GRADES = ["", t("特别重大"), t("重大"), t("较大"), t("一般")];

/** The server says how rows are ordered: numbers, then the id. */
export function before(a, b) {
  for (let i = 0; i < a.order.length; i += 1) {
    if (a.order[i] !== b.order[i]) return a.order[i] < b.order[i] ? -1 : 1;
  }
  return 0;
}

function line(row) {
  return el("li", { className: "ticket", role: "option", id: `ticket-${row.id}`, tabIndex: -1, draggable: true, ariaSelected: "false", dataset: { test: "row" } },
    el("span", { className: "left" }, el("b", { dataset: { part: "left" } }), el("span", { className: "muted", dataset: { part: "clock" } })),
    el("span", { className: "what" },
      el("span", { className: "line-1" }, el("span", { className: "badge grade", dataset: { part: "grade" } }), el("b", { dataset: { part: "category" } }), el("span", { dataset: { part: "summary" } })),
      el("span", { className: "line-2 muted" }, el("span", { className: "no", dataset: { part: "number" } }), el("span", { dataset: { part: "place" } }))),
    el("span", { className: "who" },
      el("span", { className: "line-1", dataset: { part: "department" } }),
      el("span", { className: "line-2" }, el("span", { className: "muted", dataset: { part: "step" } }), el("span", { className: "sent", dataset: { part: "units" } }))));
}

function fill(element, row, units) {
  const say = (name, text) => put(part(element, name), text);
  element.dataset.unsent = row.waits ? "1" : "";
  element.dataset.colour = row.colour;
  say("clock", row.clock);
  part(element, "clock").title = row.colour_name;
  say("grade", GRADES[row.grade ?? 0]);
  show(part(element, "grade"), Boolean(row.grade));
  say("category", row.category || t("未定类别"));
  say("summary", row.summary);
  part(element, "summary").title = row.summary;
  say("number", row.number);
  part(element, "place").title = row.place;
  say("place", row.place ? row.place + (row.spot ? "" : ` · ${t("图上无位置")}`) : t("地点未填"));
  const assist = row.assist_names.length ? ` +${row.assist_names.length}` : "";
  say("department", (row.department_name || t("未定部门")) + assist);
  part(element, "department").title = [row.department_name, ...row.assist_names].join(t("、"));
  say("step", row.step_name);
  const sent = units.filter((unit) => unit.ticket === row.id).map((unit) => `${unit.name} ${unit.state_name}`);
  say("units", sent.join(" "));
  part(element, "units").title = sent.join("\n");
}

/** Says again how much time each row has left. */
export function tick(rows) {
  for (const row of rows) {
    const element = $(`ticket-${row.id}`);
    if (!element) continue;
    const { text, late } = left(row);
    put(part(element, "left"), text);
    element.classList.toggle("late", late);
  }
}

function section(lane) {
  return el("section", { className: "lane", dataset: { lane: lane.key, test: `lane-${lane.key}` } },
    el("h2", {}, el("i", { className: "pin-shape", ariaHidden: "true" }), el("span", { dataset: { part: "name" } }), el("b", { dataset: { part: "total" } }), el("span", { className: "late-count", dataset: { part: "late" } })),
    el("ol", { role: "listbox", dataset: { part: "rows" } }),
    el("button", { type: "button", className: "quiet more", dataset: { part: "more", more: lane.key, test: `more-${lane.key}` } }));
}

/** Draw lanes, rows (a Map by id) and which units are on their way to each. */
export function draw(box, lanes, rows, units, chosen) {
  const of = new Map(lanes.map((lane) => [lane.key, []]));
  for (const row of rows.values()) of.get(row.lane)?.push(row);
  keyed(box, lanes, (lane) => lane.key, section, (element, lane) => {
    const own = of.get(lane.key).sort(before);
    const say = (name, text) => put(part(element, name), text);
    say("name", lane.name);
    say("total", String(lane.total));
    element.classList.toggle("calm", lane.total === 0);
    say("late", lane.late ? t("超时 {n}", { n: lane.late }) : "");
    part(element, "rows").ariaLabel = lane.name;
    show(part(element, "rows"), own.length > 0);
    show(part(element, "more"), lane.total > own.length);
    say("more", t("还有 {n} 件，显示更多", { n: lane.total - own.length }));
    keyed(part(element, "rows"), own, (row) => row.id, line, (item, row) => fill(item, row, units));
  });
  mark(box, chosen);
  tick([...rows.values()]);
}

/** Which row is chosen; one of them can always be reached with Tab. */
export function mark(box, chosen) {
  const all = [...box.querySelectorAll(".ticket")];
  const found = all.find((element) => element.dataset.key === chosen);
  for (const element of all) {
    element.ariaSelected = String(element === found);
    element.tabIndex = element === (found ?? all[0]) ? 0 : -1;
  }
}
