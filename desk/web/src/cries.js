// Cries for help on every page of who answers them: a call taker's (but on the wall, which has its own), and those from
// the spot. Shown, heard, and a way there.
import { $, el } from "./dom.js";
import { clock, CryBar } from "./crybar.js";
import { t } from "./i18n.js";
import { hear, stayAwake } from "./live.js";
import { onlyTab } from "./onetab.js";
import { startRing, stopRing } from "./ringer.js";

/** Also where the live stream is lost: nobody's cry waits for it. */
const LOOK_MS = 15_000;

function ofDesk(cry, take) {
  const given = el("button", { type: "button", dataset: { test: "cry-given" } }, t("已知悉"));
  given.addEventListener("click", () => take(`/api/calls/${encodeURIComponent(cry.call_id)}/help-given`, { agent: cry.agent }));
  return el("p", { className: "cry", dataset: { test: "cry", call: cry.call_id } },
    el("b", {}, t("{desk} 求助", { desk: `${cry.agent} ${cry.agent_name}` })), el("span", {}, `${cry.line} ${cry.line_name}`), clock(),
    // The wall that is open is shown; where none is, it opens beside this page, which may carry a call.
    el("a", { className: "button", href: "/wallboard", target: "heyi-wallboard" }, t("到指挥大屏处理")), given);
}

function where(cry) {
  if (cry.lat === null) return t("位置未知");
  const spot = `${cry.lat.toFixed(5)}, ${cry.lon.toFixed(5)}`;
  return cry.accuracy_m === null ? spot : `${spot} ±${cry.accuracy_m} m`;
}

function ofSpot(cry, take) {
  const words = el("input", { maxLength: 500, placeholder: t("答复（可不填），如：增援已出发"), ariaLabel: t("答复"), dataset: { test: "spot-words" } });
  const given = el("button", { type: "button", dataset: { test: "spot-given" } }, t("已接到，处理"));
  given.addEventListener("click", () => take(`/api/field/helps/${cry.id}/answer`, { words: words.value }));
  return el("p", { className: "cry", dataset: { test: "spot-cry", help: cry.id } },
    el("b", {}, t("现场求助：{who}", { who: [cry.department_name, cry.unit_name, cry.who].filter(Boolean).join(" ") })),
    el("span", {}, cry.words), el("span", {}, where(cry)),
    cry.number ? el("a", { href: `/tickets/${cry.number}`, target: "_blank" }, cry.number) : null,
    clock(), el("span", { className: "spring" }), el("span", { className: "inline" }, words, given));
}

let sounding = "";

/** One sound at a time: whoever cries on the spot may be in danger. */
function ring() {
  const wanted = spot?.any ? "spot" : desk?.any ? "help" : "";
  if (wanted === sounding) return;
  sounding = wanted;
  if (wanted) startRing(wanted, "cry");
  else stopRing("cry");
}

const bar = (prefix, of) => ($(`${prefix}cries`) ? new CryBar(prefix, of, ring) : null);
const desk = bar("", { path: "/api/help", list: "help", key: (cry) => `${cry.call_id} ${cry.agent}`, row: ofDesk });
const spot = bar("spot-", { path: "/api/field/helps", list: "helps", key: (cry) => cry.id, row: ofSpot });
const bars = [desk, spot].filter(Boolean);

const all = () => bars.forEach((one) => one.changed());
hear(["reset"], all, all);
if (spot) hear(["FieldHelpAsked", "FieldHelpGiven"], spot.changed);
if (desk) {
  hear(["HelpAsked", "HelpGiven"], desk.changed);
  hear(["CallEnded"], ({ call_id: id }) => {
    if (desk.has((cry) => cry.call_id === id)) desk.changed();
  });
}

setInterval(() => bars.forEach((one) => one.refresh()), LOOK_MS);
// Nobody may look at any tab: one of them keeps its line, and tells the others.
onlyTab("cries", stayAwake, () => {});
