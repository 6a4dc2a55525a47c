// Two heat maps: places by matters, and hours by weekdays.
import { $ } from "../dom.js";
import { t } from "../i18n.js";
import { beside } from "./beside.js";
import { chart, heatOption } from "./charts.js";

/** Rows and columns that are drawn, however few have anything: a cell is always as large. The table has all that has. */
const ROWS = 12;
const COLUMNS = 12;

/** What has something first, then what has nothing, then empty places. */
const filled = (some, others, room) => Array.from({ length: room }, (_, at) => [...some, ...others][at]);

const address = (base, query) => `${base}&${new URLSearchParams(query)}`;

/** Towns, or the busiest communities, by groups of matters. */
export function drawAreas(setup, areas, by) {
  const places = by === "communities" ? areas.communities : areas.towns;
  const name = (place) => (place ? `${place.town}${place.community ?? ""}` : "");
  const query = ({ town, community }) => (community ? { town, community } : { town });
  const quiet = by === "communities" ? [] : setup.towns.filter((town) => !areas.towns.some((one) => one.town === town));
  const rows = filled(places, quiet.map((town) => ({ town, groups: {} })), ROWS);
  const groups = filled(areas.groups, Object.keys(setup.groups).filter((group) => !areas.groups.includes(group)), COLUMNS);
  const counts = rows.map((place) => groups.map((group) => place?.groups[group] ?? 0));
  const label = (group) => setup.groups[group] ?? group ?? "";
  $("areas").dataset.cells = String(counts.flat().filter(Boolean).length);
  chart($("areas"),
    () => heatOption(t("近 {days} 天各地各类工单数，数字见表", { days: areas.days }), groups.map(label), rows.map(name), counts, {
      width: $("areas").clientWidth, tip: (x, y, count) => [`${name(rows[y])} · ${label(groups[x])}`, t("{count} 件", { count })].join("\n"),
    }),
    ({ value }) => address(areas.base, { ...query(rows[value[1]]), group: groups[value[0]] }));
  beside("areas-table", [t("地区"), t("合计"), ...areas.groups.map(label)], places.map((place) => [
    name(place), { text: place.count, href: address(areas.base, query(place)) },
    ...areas.groups.map((group) => (place.groups[group]
      ? { text: place.groups[group], href: address(areas.base, { ...query(place), group }) } : "")),
  ]));
  $("areas-note").textContent = t("共 {total} 件，能确定镇街的 {placed} 件", { total: areas.total, placed: areas.placed });
}

export function drawHours(setup, hours) {
  $("hours-none").hidden = Boolean(hours);
  $("hours").hidden = !hours;
  if (!hours) return;
  const counts = setup.weekdays.map((_, day) => hours.counts.slice(day * 24, day * 24 + 24));
  const columns = Array.from({ length: 24 }, (_, hour) => String(hour));
  const of = (weekday, hour) => address(hours.base, { weekday, hour });
  chart($("hours"),
    () => heatOption(t("近 28 天各时段工单数，数字见表"), columns, setup.weekdays, counts, {
      width: $("hours").clientWidth, label: false, every: 2, tip: (x, y, count) => [`${setup.weekdays[y]} ${columns[x]}:00`, t("{count} 件", { count })].join("\n"),
    }),
    ({ value }) => of(value[1], value[0]));
  beside("hours-table", [t("时段"), ...columns], setup.weekdays.map((name, weekday) => [
    name, ...counts[weekday].map((count, hour) => (count ? { text: count, href: of(weekday, hour) } : "")),
  ]));
}
