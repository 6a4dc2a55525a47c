// The figures of today: each with what it is compared with, and a link to its rows.
import { $, el } from "../dom.js";
import { t } from "../i18n.js";
import { keyed, part, put } from "../keyed.js";

/** A percentage of less says nothing. */
const LEAST = 10;
const TITLES = {
  calls: () => t("今日来电"), "share-emergency": () => t("紧急 15 秒接听"), "share-service": () => t("服务 15 秒接听"),
  gone: () => t("今日放弃"), opened: () => t("今日工单"), emergencies: () => t("紧急警情"), "in-hand": () => t("在办工单"),
  overdue: () => t("逾期工单"), satisfied: () => t("今日满意率"), callbacks: () => t("今日回访"),
};
const PARTS = {
  emergency: (value) => t("其中紧急 {count}", { count: value }), unsatisfied: (value) => t("不满意 {count}", { count: value }), waiting: (value) => t("待回访 {count}", { count: value }),
};

export const number = (value) => (value === null ? "—" : Math.round(value).toLocaleString("en"));
/** Rounded down: 89.6 % does not look like a standard of 90 % that is met. */
export const percent = (share) => (share === null ? "—" : `${Math.floor(100 * share + 1e-9)}%`);

function make({ key }) {
  return el("div", { className: "tile", dataset: { tile: key, test: `tile-${key}` } },
    el("h2", {}, TITLES[key]()), el("a", { className: "big", dataset: { part: "value" } }),
    el("p", { className: "sub" }, el("span", { dataset: { part: "usual" } }), el("span", { className: "parts", dataset: { part: "parts" } })));
}

/** More or less than usual, without a judgement: more calls are neither good nor bad. */
function compared({ value, usual, form }) {
  const shown = form === "share" ? percent(usual) : number(usual);
  const change = form === "share" || usual < LEAST || value === null ? "" : Math.round((100 * (value - usual)) / usual);
  return [t("同期 {value}", { value: shown }), change === "" || change === 0 ? "" : ` ${change > 0 ? "↑" : "↓"}${Math.abs(change)}%`];
}

function below(tile) {
  if (tile.usual !== null) return compared(tile).join("");
  if (tile.of !== null) return t("占在办 {share}", { share: percent(tile.of) });
  return tile.key === "in-hand" ? t("尚未办结") : tile.level !== null ? "" : t("无往期");
}

export function drawTiles(tiles) {
  keyed($("tiles"), tiles, ({ key }) => key, make, (element, tile) => {
    const value = part(element, "value");
    put(value, tile.form === "share" ? percent(tile.value) : number(tile.value));
    value.href = tile.href;
    value.dataset.rows = tile.rows;
    element.classList.toggle("bad", tile.bad);
    put(part(element, "usual"), below(tile));
    part(element, "parts").replaceChildren(
      ...tile.parts.map(({ key, value: count, href }) => el("a", { href, dataset: { rows: count } }, PARTS[key](count))),
      tile.level === null ? "" : t("标准 ≥{share}", { share: percent(tile.level) }));
  });
}
