// The dispatcher's board: lanes of open tickets, units, map. Moved by keys and by dragging, fresh without reloading.
import { api } from "../api.js";
import { $, notice } from "../dom.js";
import { t } from "../i18n.js";
import { bindKeys } from "../keys.js";
import { follow } from "../live.js";
import { sparingly } from "../once.js";
import { setServerTime } from "../time.js";
import { Alarm } from "./alarm.js";
import { dragging } from "./dragging.js";
import { before, draw, mark, tick } from "./lanes.js";
import { left, untilLate } from "./left.js";
import { News } from "./news.js";
import { Palette } from "./palette.js";
import { Recall } from "./recall.js";
import { drawUnits } from "./units.js";
import { View } from "./view.js";

const setup = JSON.parse($("setup").textContent);
const KEPT = "board-chosen";
const LANES = ["emergency", "waiting", "overdue", "moving"];
const SAID_S = 8;

setServerTime(setup.now);
const box = $("lanes");
const rows = new Map();
let lanes = [];
let units = [];
let chosen = sessionStorage.getItem(KEPT) ?? "";
let loaded = false;
/** What the rows that are shown are rows of: others that come into view by another choice are not new. */
let scope = "";
const limits = Object.fromEntries(LANES.map((lane) => [lane, setup.shown]));
const level = $("level");

const view = new View((id) => choose(id, true));
const alarm = new Alarm((id) => choose(id, true));
const palette = new Palette($("palette"), setup.departments, done);
const recall = new Recall($("recall"), done);
const news = new News(() => ({ ...limits, level: level.value }), take);

/** Rows from the top of the board to its end. */
const ordered = () => LANES.flatMap((lane) => [...rows.values()].filter((row) => row.lane === lane).sort(before));

function show() {
  draw(box, lanes, rows, units, chosen);
  view.show(ordered(), units, chosen);
}

function choose(id, see = false) {
  chosen = id;
  sessionStorage.setItem(KEPT, id);
  mark(box, chosen);
  view.show(ordered(), units, chosen);
  const element = $(`ticket-${id}`);
  element?.scrollIntoView({ block: "nearest" });
  element?.focus({ preventScroll: true });
  element?.classList.remove("fresh");
  if (see) view.see(rows.get(id)?.spot);
}

/** What the server said: of everything, or of the rows with these ids; `asked`: of which lanes and level. */
function take(answer, ids, asked) {
  setServerTime(answer.now);
  const inList = box.contains(document.activeElement) && document.activeElement.classList.contains("ticket");
  const standing = ordered().map((row) => row.id);
  const known = new Set(rows.keys());
  const grave = new Set([...rows.values()].filter((row) => row.emergency).map((row) => row.id));
  for (const id of ids ?? known) rows.delete(id);
  for (const row of answer.rows) rows.set(row.id, row);
  lanes = answer.lanes;
  const here = rows.get(chosen);
  if (chosen && !here && loaded && known.has(chosen)) {
    // It has left the board: the next one below stands where it stood.
    const at = standing.indexOf(chosen);
    chosen = [...standing.slice(at + 1), ...standing.slice(0, at).reverse()].find((id) => rows.has(id)) ?? "";
  }
  show();
  if (inList) $(`ticket-${chosen}`)?.focus({ preventScroll: true });
  if (asked === scope) for (const row of answer.rows.filter((each) => each.emergency && !grave.has(each.id))) arrived(row);
  if (!ids) scope = asked;
  alarm.keep(rows);
  loaded = true;
  box.dataset.loaded = "1";
  later();
  // A row that left made room for one that was not shown.
  const shown = (lane) => [...rows.values()].filter((row) => row.lane === lane.key).length;
  if (ids && lanes.some((lane) => shown(lane) < Math.min(lane.total, limits[lane.key]))) news.all();
}

function arrived(row) {
  $(`ticket-${row.id}`)?.classList.add("fresh");
  $("alarmed").textContent = t("新的紧急警情 {number} {category} {place}", row);
  alarm.raise(row);
}

let timer = null;
/** Once a clock has run out, the server says where its ticket stands now. */
function later() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    const all = [...rows.values()];
    tick(all);
    for (const row of all) if (row.lane === "moving" && left(row).late) news.of(row.id);
    later();
  }, untilLate([...rows.values()]));
}
setInterval(() => tick([...rows.values()].filter((row) => row.emergency)), 1000);

const loadUnits = sparingly(300, async () => {
  units = await api("/api/board/units");
  drawUnits($("units"), setup.states, units);
  show();
}, () => setTimeout(() => loadUnits(), 2000));

function moved({ unit: key, lon, lat }) {
  const unit = units.find((each) => each.key === key);
  if (!unit) return;
  Object.assign(unit, { at: { lon, lat, told: true }, age: t("刚刚"), old: false });
  view.show(ordered(), units, chosen);
}

function done(row, what) {
  notice(`${row.number} · ${what}`, SAID_S);
  $("told").textContent = `${row.number} ${what}`;
  news.of(row.id);
  loadUnits();
}

const said = (error) => notice(error.message, SAID_S);

/** What a drag means: of a ticket that waits its main department, of one in hand one more. */
async function dropped(row, { department, unit }) {
  const { part } = row;
  const order = department
    ? row.waits ? { main: department, assist: row.assist.filter((key) => key !== department) } : { assist: [department] }
    : { units: [unit], assist: row.waits ? row.assist : [] };
  const name = department ? setup.departments.find((one) => one.value === department)?.name ?? department : units.find((one) => one.key === unit)?.name ?? unit;
  try {
    await api(`/api/board/tickets/${row.id}/send`, { ...order, part, ...(row.waits ? { version: row.version } : {}) });
    done(row, t("已派 {name}，按 U 可召回", { name }));
  } catch (error) {
    said(error);
  }
}

/** Keys belong to what is open or written in. */
const free = () => !document.querySelector("dialog[open]") && !document.activeElement?.matches("input, textarea, select");
const own = (work) => () => {
  if (!free()) return false;
  const row = rows.get(chosen);
  if (row) work(row);
  return undefined;
};
const step = (by) => () => {
  if (!free() || document.activeElement?.closest("#map")) return false;
  const all = ordered();
  const at = all.findIndex((row) => row.id === chosen);
  const next = all[at < 0 ? 0 : Math.max(0, Math.min(all.length - 1, at + by))];
  if (next) choose(next.id);
  return undefined;
};
const jump = (i) => () => {
  if (!free()) return false;
  const first = ordered().find((row) => row.lane === LANES[i]);
  if (first) choose(first.id);
  return undefined;
};
const go = (row) => location.assign(`/tickets/${encodeURIComponent(row.number)}`);
const open = () => {
  // A button or a link has the key for itself.
  if (document.activeElement?.matches("button, a, summary")) return false;
  return own(go)();
};
const assign = own((row) => palette.open(row).catch(said));
const takeBack = own((row) => recall.open(row, units).then((may) => may || notice(t("这张工单现在没有可以召回的"), SAID_S)).catch(said));
const close = own((row) => view.see(row.spot, true));
bindKeys([
  ["j", t("下一件"), step(1), "J ↓"], ["ArrowDown", "", step(1)], ["J", "", step(1)],
  ["k", t("上一件"), step(-1), "K ↑"], ["ArrowUp", "", step(-1)], ["K", "", step(-1)],
  ["1", t("跳到紧急、待派、超时、在办"), jump(0), "1…4"], ["2", "", jump(1)], ["3", "", jump(2)], ["4", "", jump(3)],
  ["a", t("派单：部门和单位"), assign, "A"], ["A", "", assign],
  ["u", t("召回"), takeBack, "U"], ["U", "", takeBack],
  ["z", t("在地图上看"), close, "Z"], ["Z", "", close],
  ["Enter", t("打开工单"), open],
]);

box.addEventListener("click", (event) => {
  const more = event.target.closest("[data-more]");
  if (more) {
    limits[more.dataset.more] = Math.min(setup.most, 2 * limits[more.dataset.more]);
    news.all();
    return;
  }
  const row = event.target.closest(".ticket");
  if (row) choose(row.dataset.key, true);
});
box.addEventListener("focusin", ({ target }) => {
  if (target.classList.contains("ticket") && target.dataset.key !== chosen) choose(target.dataset.key);
});
box.addEventListener("dblclick", (event) => {
  const row = rows.get(event.target.closest(".ticket")?.dataset.key);
  if (row) palette.open(row).catch(said);
});
/** The file has the rows of the level that is chosen. */
function leadToSheet() {
  const sheet = $("as-sheet");
  const address = new URL(sheet.href);
  address.searchParams.set("level", level.value);
  sheet.href = address.pathname + address.search;
}

level.addEventListener("change", () => {
  chosen = "";
  leadToSheet();
  news.all();
});
// A browser that goes back has the choice still.
leadToSheet();
$("units").addEventListener("click", (event) => {
  const unit = units.find((each) => each.key === event.target.closest("[data-unit]")?.dataset.unit);
  if (!unit) return;
  view.see(unit.at);
  if (rows.has(unit.ticket)) choose(unit.ticket);
});
dragging(box, $("shelf"), [$("shelf"), $("units"), $("map")], (id) => {
  choose(id);
  return rows.get(id) ?? null;
}, dropped);

const ticket = ({ ticket_id: id }) => id && news.of(id);
/** What call takers type all day moves nothing here, but for these. */
const MOVING = ["is_emergency", "department", "assist"];
const edited = (event) => (rows.has(event.ticket_id) || event.fields.some((field) => MOVING.includes(field))) && ticket(event);
follow(setup.seq, {
  TicketDrafted: ticket, TicketEdited: edited, TicketMoved: ticket, TicketLinked: ticket, TicketUnlinked: ticket,
  ClockWarned: ticket, ClockOverdue: ticket, SceneChanged: ticket,
  UnitChanged: (event) => {
    loadUnits();
    ticket(event);
  },
  UnitMoved: moved,
  reset: async () => {
    loadUnits();
    await news.all();
  },
});
news.all();
loadUnits();
view.open();
