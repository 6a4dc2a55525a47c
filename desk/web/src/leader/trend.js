// Thirty days of calls, tickets and emergencies. Today is what the tiles say, and goes on growing.
import { $ } from "../dom.js";
import { t } from "../i18n.js";
import { beside } from "./beside.js";
import { axis, chart, colour, common, rem } from "./charts.js";

const SERIES = [
  ["calls", () => t("来电"), "series-1"], ["opened", () => t("工单"), "series-2"], ["emergencies", () => t("紧急警情"), "alarm"],
];

export function drawTrend({ trend, tiles, day }) {
  const now = Object.fromEntries(tiles.map((tile) => [tile.key, tile]));
  const today = { day };
  for (const [key] of SERIES) {
    today[key] = now[key].value;
    today[`${key}_href`] = now[key].href;
  }
  const days = [...trend.filter((one) => one.day < day), today];
  const short = days.map((one) => (one === today ? t("今日") : one.day.slice(5)));
  const option = () => {
    const base = common(t("近 30 天每日来电、工单和紧急警情，数字见表"));
    const edges = { left: rem(3), right: rem(1.2) };
    const dates = { type: "category", data: short, boundaryGap: false, ...axis(), splitLine: { show: false } };
    const counts = { type: "value", minInterval: 1, splitNumber: 3, ...axis({ hideOverlap: true }) };
    return {
      ...base,
      tooltip: { ...base.tooltip, trigger: "axis" },
      axisPointer: { link: [{ xAxisIndex: "all" }] },
      legend: { top: 0, right: 0, icon: "roundRect", itemHeight: rem(0.5), textStyle: { color: colour("muted"), fontSize: rem(0.86) } },
      // Calls are many times more than tickets: each has a scale of its own, one above the other.
      grid: [{ ...edges, top: rem(2.1), bottom: "52%" }, { ...edges, top: "58%", bottom: rem(1.8) }],
      xAxis: [{ ...dates, axisLabel: { show: false } }, { ...dates, gridIndex: 1 }],
      yAxis: [counts, { ...counts, gridIndex: 1 }],
      series: SERIES.map(([key, name, paint], at) => ({
        type: "line", name: name(), data: days.map((one) => one[key]), symbol: "circle", symbolSize: rem(0.5),
        xAxisIndex: Math.min(at, 1), yAxisIndex: Math.min(at, 1),
        lineStyle: { width: 2, color: colour(paint) }, itemStyle: { color: colour(paint) },
      })),
    };
  };
  chart($("trend"), option, ({ seriesIndex, dataIndex }) => days[dataIndex][`${SERIES[seriesIndex][0]}_href`]);
  beside("trend-table", [t("日期"), ...SERIES.map(([, name]) => name())],
    [...days].reverse().map((one) => [one.day, ...SERIES.map(([key]) => ({ text: one[key], href: one[`${key}_href`] }))]));
}
