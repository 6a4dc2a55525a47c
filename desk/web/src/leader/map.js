// The city's grids, darker where more tickets came from.
import { $, el } from "../dom.js";
import { t } from "../i18n.js";
import { beside } from "./beside.js";
import { chart, colour, common, heats, registerMap, shades } from "./charts.js";

let asked;

/** Once: the shapes are the city's files, and stay as they are while heyi runs. */
function shapes() {
  asked ??= fetch("/leader/map.json").then((answer) => {
    if (!answer.ok) throw new Error(answer.statusText);
    return answer.json();
  }).then((found) => {
    registerMap("grids", found);
    return found;
  }).catch((error) => {
    asked = undefined;
    throw error;
  });
  return asked;
}

/** A degree of longitude is so much shorter than one of latitude here. */
function squeeze({ features }) {
  const [, lat] = features[0].geometry.coordinates[0][0][0];
  return Math.cos((lat * Math.PI) / 180);
}

export async function drawMap(setup, areas, wall) {
  const keys = Object.keys(setup.grids);
  if (!keys.length) {
    $("map-note").textContent = t("本市尚无网格图");
    return;
  }
  const found = await shapes();
  const counts = keys.map((key) => areas.grids[key] ?? 0);
  const steps = shades(counts);
  const href = (key) => `${areas.base}&${new URLSearchParams({ grid: key })}`;
  const option = () => {
    const base = common(t("近 {days} 天各网格工单数，数字见表", { days: areas.days }));
    const paints = heats();
    return {
      ...base,
      tooltip: { ...base.tooltip, formatter: ({ name }) =>
        [setup.grids[name] ?? name, t("{count} 件", { count: areas.grids[name] ?? 0 })].join("\n") },
      series: [{
        type: "map", map: "grids", aspectScale: squeeze(found), roam: !wall, scaleLimit: { min: 1, max: 40 }, selectedMode: false,
        label: { show: false }, itemStyle: { areaColor: colour("ground"), borderColor: colour("muted"), borderWidth: 0.7 },
        emphasis: { label: { show: false }, itemStyle: { areaColor: colour("warn-edge") } },
        data: keys.map((name, at) => ({ name, value: counts[at], itemStyle: steps[at] ? { areaColor: paints[steps[at] - 1] } : {} })),
      }],
    };
  };
  chart($("map"), option, ({ name }) => (setup.grids[name] ? href(name) : ""));
  beside("map-table", [t("网格"), t("工单")], keys.map((key, at) => [setup.grids[key], { text: counts[at], href: href(key) }])
    .sort((a, b) => b[1].text - a[1].text));
  const invented = found.features.some(({ properties }) => properties.invented);
  $("map-note").replaceChildren(t("有坐标的工单 {count} 件", { count: areas.pointed }),
    ...(invented ? [" · ", el("span", {}, t("网格为演示，非真实边界"))] : []));
}
