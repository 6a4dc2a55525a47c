// Departments side by side: a list that is a chart and a table at once.
import { $, el } from "../dom.js";
import { t } from "../i18n.js";

const MEASURES = {
  late: { name: () => t("逾期率"), counts: "handle_late" },
  satisfied: { name: () => t("满意率"), counts: "satisfied" },
};
const share = ({ part, whole }) => (100 * part) / whole;

/** Several lists side by side, or the one that is chosen. */
export function drawRanking(setup, ranking, place, { tier, measure }) {
  const found = ranking.tiers.find((one) => one.tier === tier) ?? ranking.tiers[0];
  const rows = found?.[measure] ?? [];
  const few = found?.[`${measure}_few`] ?? 0;
  const address = (who, count) => `/assessment/cases?${new URLSearchParams({
    period: ranking.period, version: ranking.version, of: "departments", who, count,
  })}`;
  const most = Math.max(1, ...rows.map(share));
  place.replaceChildren(
    el("ol", { className: "ranks" }, ...rows.map((row) => {
      const bar = el("i", { className: `bar ${measure}` });
      // Through the object model: the page may carry no style of its own.
      bar.style.width = `${measure === "satisfied" ? share(row) : (100 * share(row)) / most}%`;
      return el("li", { dataset: { test: "rank", who: row.who } }, el("b", { className: "place" }, String(row.place)),
        el("span", { className: "who", title: setup.departments[row.who] ?? row.name }, setup.departments[row.who] ?? row.name), el("span", { className: "track" }, bar),
        el("a", { href: address(row.who, MEASURES[measure].counts), dataset: { rows: row.part },
          ariaLabel: `${setup.departments[row.who] ?? row.name} ${MEASURES[measure].name()} ${share(row).toFixed(1)}%` },
        `${share(row).toFixed(1)}%`),
        el("small", {}, `${row.part} / ${row.whole}`));
    })),
    rows.length ? "" : el("p", { className: "empty" }, t("本月尚无足够的件数可供排名")),
    few ? el("p", { className: "muted" }, t("另有 {count} 个单位不足 {minimum} 件，不排名", { count: few, minimum: ranking.minimum })) : "",
  );
}

/** What the ranking is of, in words; what is chosen beside it is not said again. */
export function rankingTitle(setup, ranking, { tier, measure }) {
  if (!setup.wall) return t("{period}排名", { period: setup.periods[ranking.period] ?? ranking.period });
  const found = ranking.tiers.find((one) => one.tier === tier) ?? ranking.tiers[0];
  return [setup.periods[ranking.period] ?? ranking.period, setup.tiers[found?.tier] ?? "", MEASURES[measure].name()]
    .filter(Boolean).join(" · ");
}

/** The tiers that have somebody, for the choice above the list. */
export function drawTiers(setup, ranking, chosen) {
  const select = $("tier");
  const keys = ranking.tiers.map((one) => one.tier);
  if (select.dataset.keys === keys.join()) return;
  select.dataset.keys = keys.join();
  select.replaceChildren(...keys.map((key) => el("option", { value: key, selected: key === chosen }, setup.tiers[key] ?? key)));
}
