// What a reviewer enters is kept as he types. One writing is under way at a time; when the page goes, the last one goes
// along at once, and the server takes whichever of a page's own writings is the latest.
import { api } from "../api.js";
import { t } from "../i18n.js";

/** Milliseconds without typing, after which it is kept; and before another try without network. */
const PAUSE = 500, AGAIN = 3000;

export class Draft {
  #address; #tab; #read; #version;
  #seq = 0;
  #timer = null;
  #dirty = false;
  #busy = null;
  #stopped = false;

  /** `read()` gives what is entered now; `told(answer)` hears the score, `failed(error)` of a conflict, `state(text)`. */
  constructor({ address, tab, version, read, told, failed, state }) {
    [this.#address, this.#tab, this.#version, this.#read] = [address, tab, version, read];
    this.told = told;
    this.failed = failed;
    this.state = state;
    addEventListener("pagehide", () => this.#dirty && !this.#stopped && this.#send().catch(() => {}));
  }

  /** Something changed; `now`: answers are kept at once, what is typed after a pause. */
  changed(now = false) {
    if (this.#stopped) return;
    this.#dirty = true;
    this.state(t("未保存"));
    this.#later(now ? 0 : PAUSE);
  }

  /** Hand in what is there. */
  async submit() {
    clearTimeout(this.#timer);
    await this.#busy;
    const done = await api(`${this.#address}/score`, this.#body());
    this.#stopped = true;
    return done;
  }

  #later(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (!this.#busy) this.#busy = this.#save().finally(() => { this.#busy = null; });
    }, ms);
  }

  async #save() {
    while (this.#dirty && !this.#stopped) {
      this.#dirty = false;
      try {
        const answer = await this.#send();
        this.#version = answer.version;
        this.told(answer);
        this.state(this.#dirty ? t("未保存") : t("已保存"));
      } catch (error) {
        this.#dirty = true;
        if (error.status) {
          this.#stopped = true;
          this.state(t("未保存"));
          this.failed(error);
        } else {
          this.state(t("网络中断，恢复后自动保存"));
          setTimeout(() => this.#later(0), AGAIN);
        }
        return;
      }
    }
  }

  #body() {
    this.#seq += 1;
    return { version: this.#version, tab: this.#tab, seq: this.#seq, ...this.#read() };
  }

  #send() {
    return api(`${this.#address}/draft`, this.#body());
  }
}
