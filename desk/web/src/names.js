import { el } from "./dom.js";
import { t } from "./i18n.js";

/** Less likely than this a name is not worth a look. */
const WORTH = 0.3;

/**
 * The pieces of `text`, with its `names` as buttons: one that was corrected is underlined and says what was heard, one
 * that is not sure is dotted; a click shows what else it may have been. `marked` gives the pieces of a plain stretch.
 */
export function named(text, names, marked) {
  const pieces = [];
  // Positions are counted in characters as Python does; a rare character is two units here.
  const characters = [...text];
  const between = (from, to) => characters.slice(from, to).join("");
  let at = 0;
  for (const name of names) {
    if (name.start < at || name.state === "said" || !(name.candidates[0]?.score >= WORTH)) continue;
    pieces.push(...marked(between(at, name.start)), button(name, marked(between(name.start, name.end))));
    at = name.end;
  }
  return [...pieces, ...marked(between(at))];
}

function button(name, pieces) {
  const list = el("span", { className: "others", hidden: true, dataset: { test: "others" } },
    ...name.candidates.flatMap((candidate, i) => [i ? "、" : "", whole(candidate)]));
  const hint = name.state === "corrected" ? t("听到的是“{heard}”，点击看其他可能", { heard: name.heard }) : t("可能是地名，点击查看");
  const made = el("button", {
    type: "button", className: `name ${name.state}`, title: hint, ariaExpanded: "false", dataset: { test: "name" },
    onclick() {
      list.hidden = !list.hidden;
      made.ariaExpanded = String(!list.hidden);
    },
  }, ...pieces);
  return el("span", {}, made, list);
}

/** A candidate as it is written in full: its town first. */
function whole({ text, town }) {
  return text === town ? town : `${town}${text}`;
}
