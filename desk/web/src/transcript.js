import { $, el } from "./dom.js";
import { t } from "./i18n.js";
import { named } from "./names.js";

const LEGS = { caller: () => t("来电人"), agent: () => t("坐席"), third: () => t("第三方") };

/** A number of five figures or more that begins at `at`: telephones, plates, papers. Its words; empty where none does. */
function number(text, at) {
  if (at && /[0-9]/.test(text[at - 1])) return "";
  return /^[0-9][0-9 -]{3,}[0-9]X?/.exec(text.slice(at))?.[0] ?? "";
}

/** A mark; where it can be taken into the form, by click or Enter. */
function marked(words, kind, key, take) {
  const mark = el("mark", { className: kind, dataset: key ? { key } : {} }, words);
  if (!take) return mark;
  Object.assign(mark, { role: "button", tabIndex: 0, title: t("填入工单"), onclick: take });
  mark.dataset.test = "take-mark";
  mark.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    take();
  });
  return mark;
}

/** What both sides say, with the words that decided marked. */
export class Transcript {
  #box = $("transcript");
  #rows = new Map();
  #marks = [];
  /** What was told: by utterance, its words with the way they are marked, the key and the deed that take them into the form. */
  #told = new Map();
  /** The deed that takes a number of which nobody has made a fact; null where the form has it, or is closed. */
  #taking = () => null;
  /** The utterance and the words that were asked for last. */
  #pointed = null;

  clear(hint = "") {
    this.#pointed = null;
    this.#rows.clear();
    this.#box.replaceChildren(hint ? el("p", { className: "empty" }, hint) : "");
  }

  load(utterances) {
    this.clear(utterances.length ? "" : t("接通后，双方说的话会逐句显示在这里。"));
    for (const utterance of utterances) this.put(utterance, false);
    this.#box.scrollTop = this.#box.scrollHeight;
  }

  /** A new or better text of one utterance. A partial never replaces what is final. */
  put(utterance, partial) {
    const known = this.#rows.get(utterance.utterance_id);
    if (known && !known.partial && partial) return;
    const atEnd = this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight < 60;
    let row = known?.row;
    if (!row) {
      if (!this.#rows.size) this.#box.replaceChildren();
      row = el("p", { dataset: { test: "utterance", leg: utterance.leg } },
        el("span", { className: "leg" }, (LEGS[utterance.leg] ?? LEGS.agent)()),
        el("span", { className: "text" }));
      this.#box.append(row);
    }
    row.className = `utterance ${utterance.leg}${partial ? " partial" : ""}`;
    row.dataset.final = String(!partial);
    this.#rows.set(utterance.utterance_id, { row, partial, utterance });
    this.#paint(row, utterance);
    if (atEnd) this.#box.scrollTop = this.#box.scrollHeight;
  }

  /** `reasons` of a verdict: their words are marked wherever they were said. */
  mark(reasons) {
    this.#marks = reasons
      .flatMap(({ words, says }) => words.split(/[\s,，、。…+|/]+/).filter((word) => word.length > 1).map((word) => [word, says]))
      .sort((a, b) => b[0].length - a[0].length);
    for (const { row, utterance } of this.#rows.values()) this.#paint(row, utterance);
  }

  /**
   * `facts`: what was told, with `mark`, `key` and `take`; its words are marked where they were said. `taking(figures)`:
   * what takes any other number.
   */
  tell(facts, taking) {
    this.#taking = taking;
    this.#told = new Map();
    for (const { utterance_id: id, words, mark, key, take } of facts) {
      if (id && words) this.#told.set(id, [...(this.#told.get(id) ?? []), [words, mark, key, take]]);
    }
    for (const { row, utterance } of this.#rows.values()) this.#paint(row, utterance);
  }

  /** Show where `words` were said: their utterance comes into view with them marked. False where it is not here. */
  point({ utterance_id, words }) {
    const found = this.#rows.get(utterance_id);
    if (!found) return false;
    const former = this.#rows.get(this.#pointed?.utterance_id);
    this.#pointed = { utterance_id, words };
    for (const { row, utterance } of [former, found].filter(Boolean)) this.#paint(row, utterance);
    found.row.scrollIntoView({ block: "center" });
    return true;
  }

  #paint(row, { utterance_id, text, leg, names = [] }) {
    const told = this.#pointed?.utterance_id === utterance_id;
    const marks = [
      ...(told ? [[this.#pointed.words, "told"]] : []), ...(this.#told.get(utterance_id) ?? []),
      ...(leg === "caller" ? this.#marks : []),
    ];
    row.classList.toggle("pointed", told);
    row.querySelector(".text").replaceChildren(...named(text, names, (part) => this.#marked(part, marks)));
  }

  /** A text in pieces: strings, and marks around the words that decided. */
  #marked(text, marks) {
    const pieces = [];
    for (let at = 0, plain = 0; at <= text.length; ) {
      const figures = number(text, at);
      const hit = marks.find(([word]) => text.startsWith(word, at))
        ?? (figures && [figures, "number", "", this.#taking(figures.replace(/[ -]/g, ""))]);
      if (hit || at === text.length) pieces.push(text.slice(plain, at));
      if (!hit) {
        at += 1;
        continue;
      }
      pieces.push(marked(...hit));
      at += hit[0].length;
      plain = at;
    }
    return pieces;
  }
}
