// Cries for help of call takers: over everything else, heard, until somebody comes.
import { $, el, show } from "./dom.js";
import { t } from "./i18n.js";
import { keyed } from "./keyed.js";
import { audible, beep } from "./ringer.js";

function alarm({ call_id: id, agent, at }, setup, board) {
  const call = board.calls.find((x) => x.call_id === id);
  const line = call ? `${call.line} ${setup.lines[call.line] ?? ""}` : "";
  const button = (act, text) => el("button", { type: "button", dataset: { act, call: id, agent, why: t("坐席求助") } }, text);
  return el("div", { className: "alarm", dataset: { test: "alarm", call: id } },
    el("b", {}, t("{desk} 求助", { desk: `${agent} ${setup.desks[agent]?.name ?? ""}` })), el("span", {}, line),
    el("span", { className: "clock", dataset: { since: at } }), el("span", { className: "spring" }),
    ...(setup.extension ? [button("listen", t("监听")), button("whisper", t("耳语")), button("barge", t("强插"))] : []),
    button("given", t("已知悉")));
}

export function drawAlarms(setup, board) {
  const known = new Set([...$("alarms").children]);
  keyed($("alarms"), board.help, ({ call_id: id, agent }) => `${id} ${agent}`, (x) => alarm(x, setup, board), () => {});
  // One key answers it, whatever was under the hand before.
  [...$("alarms").children].find((element) => !known.has(element))?.querySelector("button").focus();
  sound(board.help.length > 0);
}

let sounding = null;

function sound(on) {
  if (on && !sounding) {
    sounding = setInterval(again, 1500);
    again();
  } else if (!on && sounding) {
    clearInterval(sounding);
    sounding = null;
    show($("silent"), false);
  }
}

/** A browser lets no page be heard on which nobody has clicked yet: then the wall says so. */
function again() {
  beep();
  show($("silent"), !audible());
}
