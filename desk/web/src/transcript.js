import { $, el } from "./dom.js";
import { t } from "./i18n.js";

/** What both sides say, with the words that decided marked. */
export class Transcript {
  #box = $("transcript");
  #rows = new Map();
  #marks = [];

  clear(hint = "") {
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
        el("span", { className: "leg" }, utterance.leg === "caller" ? t("来电人") : t("坐席")),
        el("span", { className: "text" }));
      this.#box.append(row);
    }
    row.className = `utterance ${utterance.leg}${partial ? " partial" : ""}`;
    row.dataset.final = String(!partial);
    this.#rows.set(utterance.utterance_id, { row, partial, text: utterance.text, leg: utterance.leg });
    this.#paint(row, utterance.text, utterance.leg);
    if (atEnd) this.#box.scrollTop = this.#box.scrollHeight;
  }

  /** `reasons` of a verdict: their words are marked wherever they were said. */
  mark(reasons) {
    this.#marks = reasons
      .flatMap(({ words, says }) => words.split(/[\s,，、。…+|/]+/).filter((word) => word.length > 1).map((word) => [word, says]))
      .sort((a, b) => b[0].length - a[0].length);
    for (const { row, text, leg } of this.#rows.values()) this.#paint(row, text, leg);
  }

  #paint(row, text, leg) {
    const place = row.querySelector(".text");
    place.replaceChildren();
    if (leg !== "caller") {
      place.textContent = text;
      return;
    }
    for (let at = 0, plain = 0; at <= text.length; ) {
      const hit = this.#marks.find(([word]) => text.startsWith(word, at));
      if (hit || at === text.length) place.append(text.slice(plain, at));
      if (!hit) {
        at += 1;
        continue;
      }
      place.append(el("mark", { className: hit[1] }, hit[0]));
      at += hit[0].length;
      plain = at;
    }
  }
}
