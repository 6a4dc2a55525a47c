// Desks and live calls on the wall.
import { $, el, show } from "./dom.js";
import { t } from "./i18n.js";
import { keyed, part, put } from "./keyed.js";
import { MODES, supervising } from "./supervise.js";
import { clock as time } from "./time.js";

const timed = (name) => el("span", { className: "clock", dataset: { part: name, since: "" } });

// --- desks ---------------------------------------------------------------------------------------------------------

function desk({ extension }, setup) {
  return el("a", { className: "seat", href: `/worktime#${extension}`, dataset: { extension, test: "desk" } },
    el("span", { className: "who" }, el("b", {}, extension), " ", setup.desks[extension]?.name ?? ""),
    el("span", { className: "state" }, el("b", { dataset: { part: "state" } }), timed("clock")),
    el("span", { className: "about", dataset: { part: "about" } }));
}

/** Why a desk takes no calls, how long wrap-up lasts at most, or which call is there. */
function about({ state, reason }, call, setup) {
  if (state === "paused") return reason ? t(reason) : t("未说明原因");
  if (state === "wrapup") return t("限时 {limit}", { limit: time(setup.wrapup_s) });
  return call ? `${call.line} ${setup.lines[call.line] ?? ""}` : "";
}

export function drawDesks(setup, { desks, calls }) {
  const byId = new Map(calls.map((call) => [call.call_id, call]));
  keyed($("desks"), desks, ({ extension }) => extension, (x) => desk(x, setup), (element, x) => {
    const call = byId.get(x.call_id);
    element.dataset.state = x.state;
    element.classList.toggle("emergency", Boolean(call && ["talking", "ringing", "held"].includes(x.state) && setup.emergency.includes(call.line)));
    put(part(element, "state"), setup.states[x.state]);
    const clock = part(element, "clock");
    clock.dataset.since = x.state === "offline" ? "" : x.since;
    if (x.state === "offline") put(clock, "");
    put(part(element, "about"), about(x, call, setup));
    part(element, "about").title = about(x, call, setup);
  });
}

// --- calls ---------------------------------------------------------------------------------------------------------

const BUTTONS = ["listen", "whisper", "barge", "takeover"];

function call(x, setup) {
  return el("div", { className: "live", dataset: { call: x.call_id, test: "live-call" } },
    el("a", { className: "line", href: `/calls/${encodeURIComponent(x.call_id)}`, dataset: { part: "line" } }),
    el("span", { className: "caller", dataset: { part: "caller" } }),
    timed("clock"),
    el("span", { className: "at", dataset: { part: "at" } }),
    el("span", { className: "acts" },
      el("button", { type: "button", hidden: true, dataset: { act: "push", call: x.call_id } }, t("提前")),
      ...BUTTONS.map((mode) => el("button", { type: "button", hidden: true, dataset: { act: mode, call: x.call_id } }, MODES[mode]()))));
}

export function drawCalls(setup, { calls, help }) {
  const asking = new Set(help.map(({ call_id: id }) => id));
  keyed($("calls"), calls, ({ call_id: id }) => id, (x) => call(x, setup), (row, x) => {
    const talks = x.state === "talking";
    row.dataset.state = x.state;
    row.classList.toggle("emergency", setup.emergency.includes(x.line));
    row.classList.toggle("asking", asking.has(x.call_id));
    const name = setup.lines[x.line];
    put(part(row, "line"), name ? `${x.line} ${name}` : (x.direction === "internal" ? t("内部") : t("呼出")));
    put(part(row, "caller"), x.caller || t("未知号码"));
    const clock = part(row, "clock");
    clock.dataset.since = talks ? x.answered_at ?? x.arrived_at : x.arrived_at;
    clock.dataset.late = talks ? "" : setup.emergency.includes(x.line) ? 10 : 60;
    const others = x.with.filter((extension) => extension !== setup.extension);
    const desks = [talks ? x.agent : x.ringing.length > 1 ? String(x.ringing.length) : x.ringing[0], ...others];
    const at = desks.filter(Boolean).join("+");
    put(part(row, "at"), talks ? at : x.state === "ringing" ? t("振铃 {desk}", { desk: at }) : t("排队"));
    part(row, "line").title = part(row, "line").textContent;
    for (const button of row.querySelectorAll("button")) {
      const mode = button.dataset.act;
      const here = supervising.call === x.call_id && supervising.mode === mode;
      show(button, mode === "push" ? x.waits : talks && Boolean(setup.extension));
      button.setAttribute("aria-pressed", String(here));
      button.disabled = here;
    }
  });
  if (!calls.length) $("calls").replaceChildren(el("p", { className: "nobody", dataset: { key: "" } }, t("当前没有通话")));
}
