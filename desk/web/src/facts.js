// What the caller told, each with its words; and the line that the call taker reads back.
import { $, el, show } from "./dom.js";
import { t } from "./i18n.js";

/** Facts and read-back of `verdict`, or none; a click on a fact gives it to `point`, which shows where it was said. */
export function showFacts(verdict, point) {
  const facts = verdict?.facts ?? [];
  const { zh = "", en = "" } = verdict?.read_back ?? {};
  $("read-back-words").textContent = zh;
  // The caller hears Chinese; who reads another language sees what it says.
  $("read-back-meaning").textContent = document.documentElement.lang.startsWith("zh") ? "" : en;
  show($("read-back"), Boolean(zh));
  $("facts").replaceChildren(...facts.map((fact) => chip(fact, point)));
  show($("told"), Boolean(zh || facts.length));
}

function chip(fact, point) {
  const { kind, name, value, words, confirmed } = fact;
  const plain = (text) => text.replace(/[\s，、。]/g, "");
  return el("button", {
    type: "button", className: `fact ${confirmed ? "sure" : ""}`, dataset: { test: "fact", kind },
    title: confirmed ? t("已向来电人核实，点击看原话") : t("点击看原话"), onclick: () => point(fact),
  },
  el("span", { className: "fact-name" }, name),
  el("span", { className: "fact-value" }, value, confirmed ? " ✓" : ""),
  plain(words) === plain(value) ? null : el("span", { className: "fact-words" }, t("“{words}”", { words })));
}
