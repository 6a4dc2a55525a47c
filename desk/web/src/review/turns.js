// The transcript beside the sound: which sentence is heard, and which one a key is about.
import { $ } from "../dom.js";

export class Turns {
  #box = $("transcript");
  #current = null;
  /** Told when a person chooses a sentence. */
  onChosen = () => {};

  constructor() {
    this.#box.addEventListener("click", (event) => {
      const row = event.target.closest(".utterance");
      if (!row || event.target.closest("form, [data-correct]")) return;
      this.#take(row);
      if (event.target.closest("[data-play]")) this.onChosen(Number(row.dataset.second), true);
    });
  }

  get rows() { return [...this.#box.querySelectorAll(".utterance")]; }
  get current() { return this.#current?.isConnected ? this.#current : null; }

  /** What is heard at this second becomes the sentence that keys are about. */
  heard(second, playing) {
    let found = null;
    for (const row of this.rows) if (Number(row.dataset.second) <= second + 0.05) found = row;
    for (const row of this.rows) row.classList.toggle("now", row === found && playing);
    if (playing && found && found !== this.#current) this.#take(found);
  }

  /** The next sentence, or with -1 the one before; its second. */
  step(by) {
    const rows = this.rows;
    const at = rows.indexOf(this.#current);
    const row = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1)];
    if (!row) return;
    this.#take(row);
    this.onChosen(Number(row.dataset.second), false);
  }

  show(id) {
    const row = id && document.getElementById(`u-${id}`);
    if (row) this.#take(row);
  }

  /** The place in the call that is meant: words that are marked with the mouse, else the whole sentence. */
  place() {
    const chosen = this.selection();
    const row = chosen?.row ?? this.current;
    if (!row) return null;
    return {
      utterance_id: row.id.slice(2), second: Number(row.dataset.second),
      words: (chosen?.words ?? row.querySelector(".text").textContent).slice(0, 500),
    };
  }

  /** Words that are marked within one sentence, and where they stand in it; null where there are none. */
  selection() {
    const selection = getSelection();
    if (!selection.rangeCount || selection.isCollapsed) return null;
    const range = selection.getRangeAt(0);
    const text = [...this.#box.querySelectorAll(".text")].find(
      (each) => each.contains(range.startContainer) && each.contains(range.endContainer));
    if (!text) return null;
    const before = range.cloneRange();
    before.selectNodeContents(text);
    before.setEnd(range.startContainer, range.startOffset);
    // Characters as the server counts them: one for each code point.
    const start = [...before.toString()].length;
    const words = range.toString();
    return words ? { row: text.closest(".utterance"), words, start, end: start + [...words].length } : null;
  }

  #take(row) {
    this.#current?.classList.remove("here");
    this.#current = row;
    row.classList.add("here");
    row.scrollIntoView({ block: "nearest" });
  }
}
