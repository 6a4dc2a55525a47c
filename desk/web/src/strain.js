// A badge above the transcript while recognition does not keep up.
import { $, show } from "./dom.js";
import { t } from "./i18n.js";

/** It is told every second; without news it is over. */
const FORGET_MS = 5000;
const SAYS = {
  late: (event) => t("转写延迟 {count} 秒", { count: Math.round(event.lag_s) }),
  busy: () => t("转写繁忙，稍后补齐"),
};

let timer = null;

export function showStrain(event) {
  clearTimeout(timer);
  const says = SAYS[event.strain];
  const badge = $("strain");
  const text = says ? says(event) : "";
  // A screen reader is told of what is new, not of every second.
  if (badge.textContent !== text) badge.textContent = text;
  badge.dataset.strain = event.strain;
  show(badge, Boolean(says));
  if (says) timer = setTimeout(() => showStrain({ strain: "none" }), FORGET_MS);
}
