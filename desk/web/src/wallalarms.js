// Everything that is wrong, in one list, with who has taken note of it; and the lines' health beside it.
import { api } from "./api.js";
import { $, el, show } from "./dom.js";
import { t } from "./i18n.js";
import { keyed, part, put } from "./keyed.js";
import { beep } from "./ringer.js";
import { clock, day } from "./time.js";

const lineName = (setup, number) =>
  ({ trunk: t("中继"), recordings: t("录音磁盘") })[number] ?? `${number} ${setup.lines[number] ?? ""}`;

const WORDS = {
  line: (setup, { what, why }) => `${lineName(setup, what)} · ${t(why)}`,
  waiting: (setup, { why }) => t("{line} 有人等候超过时限", { line: lineName(setup, why) }),
  missed: (_setup, { count }) => t("紧急未接来电 {count} 件尚未联系上", { count }),
  recording: (_setup, { count }) => t("近一天有 {count} 段录音未能转写", { count }),
};
const ROWS = {
  waiting: ({ what }) => `/calls/${encodeURIComponent(what)}`, missed: () => "/missed",
};

/** Whether it is about emergencies: only that is red. */
const grave = (setup, { kind, what }) =>
  kind === "waiting" || kind === "missed" || (kind === "line" && (what === "trunk" || setup.emergency.includes(what)));

function row({ key, kind, what, began }, setup, alarm) {
  const text = WORDS[kind](setup, alarm);
  const words = el("input", { maxLength: 200, placeholder: t("如何处理（可不填）"), ariaLabel: t("如何处理（可不填）"), dataset: { part: "words" } });
  const take = el("button", { type: "button", dataset: { part: "take", test: "alarm-note" } }, t("确认"));
  take.addEventListener("click", async () => {
    take.disabled = true;
    await api("/api/alarms/note", { key, began, note: words.value }).catch((error) => put(part(made, "by"), error.message));
    take.disabled = false;
  });
  const made = el("li", { dataset: { test: "alarm-row", alarm: key } },
    el("b", {}, ROWS[kind] ? el("a", { href: ROWS[kind](alarm), target: "_blank", dataset: { part: "text" } }, text)
      : el("span", { dataset: { part: "text" } }, text)),
    el("span", { className: "clock", dataset: { part: "clock", since: began } }),
    el("span", { className: "by muted", dataset: { part: "by" } }), el("span", { className: "inline", dataset: { part: "form" } }, words, take));
  return made;
}

let known = null;

export function drawAlarmList(setup, { alarms }) {
  const fresh = alarms.filter(({ noted }) => !noted);
  const button = $("alarm-button");
  show(button, alarms.length > 0);
  button.classList.toggle("bad", fresh.some((alarm) => grave(setup, alarm)));
  button.classList.toggle("attention", fresh.length > 0);
  button.textContent = fresh.length ? t("告警 {count}", { count: fresh.length }) : t("告警 {count}（已确认）", { count: alarms.length });
  // Once for each that begins while the page is open; what lasts is told by the bar.
  const names = fresh.map(({ key, began }) => `${key} ${began}`);
  if (known && names.some((name) => !known.has(name))) beep();
  known = new Set(names);
  show($("alarm-none"), alarms.length === 0);
  // A state that changes makes another row: one that begins anew is another alarm.
  keyed($("alarm-list"), alarms, ({ key, began }) => `${key} ${began}`, (alarm) => row(alarm, setup, alarm), (element, alarm) => {
    put(part(element, "text"), WORDS[alarm.kind](setup, alarm));
    const { noted } = alarm;
    element.classList.toggle("noted", Boolean(noted));
    show(part(element, "form"), !noted);
    put(part(element, "by"), noted ? [t("{who} {at} 已确认", { who: noted.by, at: day(noted.at) }), noted.note].filter(Boolean).join("：") : "");
  });
}

/** Of each line: whether it works, since which check that is known, and what fails. */
export function drawLinesHealth(lines) {
  const states = { true: t("工作正常"), false: t("异常"), null: t("未检测") };
  $("lines-health").replaceChildren(...lines.map(({ line, name, ok, why, at, took_s: took }) =>
    el("tr", { className: ok === false ? "fails" : "", dataset: { test: "line-health", line } },
      el("th", { scope: "row" }, line === name ? line : `${line} ${name}`), el("td", {}, states[ok]), el("td", {}, why),
      el("td", { className: "clock" }, day(at)), el("td", { className: "clock" }, took ? clock(took) : ""))));
}

for (const [button, box] of [["alarm-button", "alarm-box"], ["health", "lines-box"]]) {
  $(button).addEventListener("click", () => $(box).showModal());
}
