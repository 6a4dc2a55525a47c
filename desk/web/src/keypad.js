// The number pad of the call card: by mouse, and while it is open by the keyboard.
import { $, show } from "./dom.js";

const KEYS = /^[0-9*#]$/;
/** How long a key that was typed is shown pressed. */
const SHOWN_MS = 150;

export class Keypad {
  #pad = $("keys");
  #press;

  /** `press(digit)` sends it to the other side. */
  constructor(press) {
    this.#press = press;
    $("keypad").addEventListener("click", () => this.#open(this.#pad.hidden));
    this.#pad.addEventListener("click", ({ target }) => target.dataset.key && press(target.dataset.key));
    addEventListener("keydown", (event) => this.#typed(event));
  }

  #open(wanted) {
    show(this.#pad, wanted);
    $("keypad").setAttribute("aria-expanded", String(wanted));
  }

  /** False where it was not open. */
  close() {
    if (this.#pad.hidden) return false;
    this.#open(false);
    return true;
  }

  /** What is typed into a field stays there. */
  #typed(event) {
    if (this.#pad.hidden || event.repeat || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!KEYS.test(event.key) || event.target.closest?.("input, textarea, select, dialog")) return;
    event.preventDefault();
    this.#press(event.key);
    const key = this.#pad.querySelector(`[data-key="${event.key}"]`);
    key.classList.add("pressed-now");
    setTimeout(() => key.classList.remove("pressed-now"), SHOWN_MS);
  }
}
