// ECharts, of which only what these pages draw is in the bundle; colours and type come from the sheets of all pages.
import { HeatmapChart, LineChart, MapChart } from "echarts/charts";
import { AriaComponent, GridComponent, LegendComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import { getInstanceByDom, init, registerMap, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([HeatmapChart, LineChart, MapChart, AriaComponent, GridComponent, LegendComponent, TooltipComponent, VisualMapComponent,
  CanvasRenderer]);

export { registerMap };

const root = document.documentElement;
/** In pixels: what charts measure in. On a wall it follows the screen. */
const em = () => parseFloat(getComputedStyle(document.body).fontSize);
/** A colour of the sheets by its name, as it is now. */
export const colour = (name) => getComputedStyle(document.body).getPropertyValue(`--${name}`).trim();
/** So many times the page's type in pixels. */
export const rem = (count) => Math.round(count * em());

const SHADES = 8;
/** The colours of counts, from few to many, and of the number that stands on each. */
export const heats = () => Array.from({ length: SHADES }, (_, at) => colour(`heat-${at + 1}`));
export const onHeat = (shade) => colour(shade > 5 ? "heat-high" : "heat-low");
/** The step of each count, 0 (none) to 8, as on the page of the analysis. */
export function shades(counts) {
  const top = Math.max(1, ...counts);
  return counts.map((count) => (count ? Math.max(1, Math.ceil((SHADES * count) / top)) : 0));
}

/** What all charts have in common. Nothing moves by itself; tooltips are drawn, for no style may stand in a page. */
export function common(description) {
  const font = { fontFamily: getComputedStyle(document.body).fontFamily, fontSize: rem(0.86), color: colour("ink") };
  return {
    animation: false,
    textStyle: font,
    aria: { enabled: true, label: { description } },
    tooltip: {
      renderMode: "richText", confine: true, backgroundColor: colour("paper"), borderColor: colour("edge"), textStyle: font,
      padding: rem(0.5),
    },
  };
}

export const axis = (more = {}) => ({
  axisLine: { lineStyle: { color: colour("edge") } }, axisTick: { show: false }, splitLine: { lineStyle: { color: colour("edge") } },
  axisLabel: { color: colour("muted"), fontSize: rem(0.86), ...more },
});

/** A table of counts as a heat map; a cell without any is drawn as an empty one. `tip(x, y, count)`: what a cell says. */
export function heatOption(description, columns, rows, counts, { width, every = 1, label = true, tip }) {
  const room = width / (columns.length + 1);
  // Names lie on their side where a column is narrower than they are.
  const heads = every > 1 ? { interval: every - 1 } : room > rem(4.5)
    ? { interval: 0, width: room - rem(0.5), overflow: "break" } : { interval: 0, rotate: 40, width: rem(8), overflow: "truncate" };
  const steps = shades(counts.flat());
  const data = counts.flatMap((row, y) => row.map((count, x) => ({
    value: [x, y, count, steps[y * columns.length + x]],
    label: { color: onHeat(steps[y * columns.length + x]) },
  }))).filter(({ value }) => value[2] > 0);
  const base = common(description);
  const cells = { show: true, interval: 0, lineStyle: { color: colour("edge") } };
  return {
    ...base,
    tooltip: { ...base.tooltip, formatter: ({ value }) => tip(value[0], value[1], value[2]) },
    grid: { left: rem(0.3), right: rem(0.3), top: 0, bottom: rem(0.2), containLabel: true },
    xAxis: { type: "category", data: columns, position: "top", ...axis(heads), splitLine: cells },
    yAxis: { type: "category", data: rows, inverse: true, ...axis({ interval: 0 }), splitLine: cells },
    visualMap: {
      show: false, type: "piecewise", dimension: 3, pieces: heats().map((color, at) => ({ value: at + 1, color })),
    },
    series: [{
      type: "heatmap", data, label: { show: label, fontSize: rem(0.86), formatter: ({ value }) => String(value[2]) },
      itemStyle: { borderColor: colour("paper"), borderWidth: 1 },
      emphasis: { itemStyle: { borderColor: colour("act"), borderWidth: 2 } },
    }],
  };
}

const drawn = new Map();
const sized = new ResizeObserver((entries) => {
  for (const { target } of entries) drawn.get(target)?.();
});

/**
 * Draw a chart into `place`, and again whenever its size, the colours or the type change. `option` makes it anew; `hrefOf`
 * gives the address behind what was clicked.
 */
export function chart(place, option, hrefOf) {
  const draw = () => {
    // What is not to be seen has no size yet; it is drawn when it gets one.
    if (!place.clientWidth || !place.clientHeight) return;
    let instance = getInstanceByDom(place);
    if (!instance) {
      instance = init(place, null, { renderer: "canvas" });
      // For tests and support.
      place.chart = instance;
      instance.on("click", (event) => {
        const href = place.hrefOf?.(event);
        if (href) open(href);
      });
    }
    instance.resize();
    instance.setOption(place.option(), { notMerge: true });
    place.dataset.drawn = "true";
  };
  place.option = option;
  place.hrefOf = hrefOf;
  if (!drawn.has(place)) sized.observe(place);
  drawn.set(place, draw);
  draw();
}

function open(href) {
  location.assign(href);
}

const again = () => drawn.forEach((draw) => draw());
new MutationObserver(again).observe(root, { attributes: true, attributeFilter: ["data-look", "data-type"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
// Fonts that come late have other widths.
document.fonts?.ready.then(again);
