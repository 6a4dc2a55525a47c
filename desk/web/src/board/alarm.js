// A new emergency calls for its dispatcher: a sound, the tab's title, a notification where nobody looks, until somebody
// touches the board or the ticket has left it. Where the browser lets nothing be heard yet, the board says so.
import { $, show } from "../dom.js";
import { t } from "../i18n.js";
import { stayAwake } from "../live.js";
import { askToNotify, mayNotify, tell } from "../notify.js";
import { allowSound, audible, startRing, stopRing } from "../ringer.js";

/** Milliseconds: whoever was typing when it came has not yet heard it. */
const UNHEARD = 1000;
const OWNER = "board";

export class Alarm {
  #title = document.title;
  /** Ids of emergencies that nobody here has seen, and their notifications. */
  #unseen = new Map();
  #since = 0;
  #choose;

  /** `choose(id)`: show this ticket. */
  constructor(choose) {
    this.#choose = choose;
    // A dispatcher works beside other pages: this one is to be heard behind them.
    stayAwake();
    for (const touch of ["pointerdown", "keydown"]) addEventListener(touch, () => Date.now() - this.#since > UNHEARD && this.#clear(), true);
    $("board-silent").addEventListener("click", () => {
      allowSound();
      this.#tell();
      askToNotify().then(() => this.#tell());
    });
    setInterval(() => this.#tell(), 1000);
    this.#tell();
  }

  /** This emergency is new on the board. */
  raise(row) {
    if (!this.#unseen.size) {
      this.#since = Date.now();
      startRing("dispatch", OWNER);
    }
    this.#unseen.set(row.id, this.#notify(row));
    this.#draw();
  }

  /** Those that have left the board need nobody here any more. */
  keep(rows) {
    for (const id of [...this.#unseen.keys()].filter((one) => !rows.has(one))) this.#drop(id);
    this.#draw();
  }

  #clear() {
    for (const id of [...this.#unseen.keys()]) this.#drop(id);
    this.#draw();
  }

  #drop(id) {
    this.#unseen.get(id)?.close();
    this.#unseen.delete(id);
  }

  #notify(row) {
    const body = [row.category, row.place].filter(Boolean).join(" ");
    const made = tell(t("新的紧急警情 {number}", row), body, `heyi-${row.id}`);
    if (made) made.onclick = () => {
      focus();
      this.#clear();
      this.#choose(row.id);
    };
    return made;
  }

  #draw() {
    const count = this.#unseen.size;
    document.title = count ? `(${count}) ${this.#title}` : this.#title;
    if (!count) stopRing(OWNER);
  }

  #tell() {
    const text = !audible() ? t("没有声音，点此开启") : mayNotify() === "default" ? t("开启桌面通知") : "";
    if ($("board-silent").textContent !== text) $("board-silent").textContent = text;
    show($("board-silent"), Boolean(text));
  }
}
