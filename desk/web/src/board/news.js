// What the board asks the server for: everything, or the rows that something has happened to. One question at a time.
import { api } from "../api.js";

const TOGETHER_MS = 200;
const AGAIN_MS = 2000;
/** Rows of more tickets than these are asked for with all the others. */
const FEW = 40;

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

export class News {
  #all = false;
  #ids = new Set();
  #asking = false;
  #address;
  #take;

  /** `address()`: what is asked for; `take(answer, ids, asked)` hears it, `ids` null where it is everything, `asked`: the address
   *  of that everything. */
  constructor(address, take) {
    this.#address = address;
    this.#take = take;
  }

  /** Ask for everything; resolves when it is there. */
  all() {
    this.#all = true;
    return this.#run();
  }

  /** Something happened to this ticket. */
  of(id) {
    this.#ids.add(id);
    this.#run();
  }

  async #run() {
    if (this.#asking) return;
    this.#asking = true;
    while (this.#all || this.#ids.size) {
      // What happens together is asked for together.
      if (!this.#all) await pause(TOGETHER_MS);
      const ids = this.#all || this.#ids.size > FEW ? null : [...this.#ids];
      this.#all = false;
      this.#ids.clear();
      const query = new URLSearchParams(this.#address());
      const asked = String(query);
      for (const id of ids ?? []) query.append("id", id);
      try {
        this.#take(await api(`/api/board?${query}`), ids, asked);
      } catch {
        // Nobody says a second time what has changed.
        this.#all = true;
        await pause(AGAIN_MS);
      }
    }
    this.#asking = false;
  }
}
