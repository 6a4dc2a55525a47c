// A bar of cries for help that stand there until somebody takes them up.
import { api } from "./api.js";
import { $, el, show } from "./dom.js";
import { keyed, part, put } from "./keyed.js";
import { inTurn, sparingly } from "./once.js";
import { allowSound, audible } from "./ringer.js";
import { setServerTime, since } from "./time.js";

const AGAIN_MS = 2000;

/** One bar. `prefix` of its elements' ids: `cries`, `cry-list`, `cries-silent` in top.html. */
export class CryBar {
  #prefix;
  #of;
  #drawn;
  #cries = [];
  #channel;
  #asks = inTurn();

  /**
   * `of`: `path` that answers {now, …}, `list` of its answer; `key(cry)`; `row(cry, take)` makes a row, whose
   * button `take`s it up by a request. `drawn()` is called whenever there are more or fewer.
   */
  constructor(prefix, of, drawn) {
    this.#prefix = prefix;
    this.#of = of;
    this.#drawn = drawn;
    this.#channel = "BroadcastChannel" in globalThis ? new BroadcastChannel(`heyi-${prefix}cries`) : null;
    this.#channel?.addEventListener("message", () => this.refresh());
    setInterval(() => this.any && this.#draw(), 1000);
    this.refresh();
  }

  get any() {
    return this.#cries.length > 0;
  }

  has(test) {
    return this.#cries.some(test);
  }

  /** Asks what cries there are; again until there is an answer. */
  refresh = sparingly(250, () => this.#load(), () => setTimeout(() => this.refresh(), AGAIN_MS));

  /** In the tab that listens for all, or where one was taken up: the others ask again, too. */
  changed = () => {
    this.#channel?.postMessage(null);
    this.refresh();
  };

  async #load() {
    const news = this.#asks();
    const told = await api(this.#of.path);
    if (!news()) return;
    setServerTime(told.now);
    this.#cries = told[this.#of.list];
    this.#draw();
    this.#drawn();
  }

  #draw() {
    const take = (path, body) => api(path, body).then(this.changed, this.changed);
    keyed($(`${this.#prefix}cry-list`), this.#cries, this.#of.key, (cry) => this.#of.row(cry, take),
      (row, cry) => put(part(row, "clock"), since(cry.at)));
    if (this.any && !audible()) allowSound();
    show($(`${this.#prefix}cries-silent`), !audible());
    show($(`${this.#prefix}cries`), this.any);
  }
}

/** How long somebody has cried; the bar keeps it. */
export const clock = () => el("span", { className: "clock", dataset: { part: "clock" } });
