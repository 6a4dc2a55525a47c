// Keyboard: one table, shown by "?".
import { $, el } from "./dom.js";
import { t } from "./i18n.js";

/** The key's name as the table has it: what the keyboard types with Alt differs from layout to layout, its place not. */
function named(event) {
  const plain = event.altKey ? event.code.replace(/^(Digit|Key|Numpad)/, "") : event.key;
  return (event.ctrlKey || event.metaKey ? "Ctrl+" : "") + (event.altKey ? "Alt+" : "") + plain;
}

/** How a key is called where its own name says nothing. */
const CALLED = { " ": t("空格"), ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };

/** `table`: [key as KeyboardEvent names it, label, what it does]; "Ctrl+" or "Alt+" in front where it needs that.
 * What it does is done at once, or answers with a promise. Keys without a label are left out of the list, and a fourth
 * entry stands there in place of the key: a row of keys that do alike. */
export function bindKeys(table) {
  const list = $("help-keys");
  for (const [key, label, , shown] of table.filter(([, label]) => label)) list.append(el("dt", {}, el("kbd", {}, shown ?? CALLED[key] ?? key)), el("dd", {}, label));
  const dialog = $("help-dialog");
  $("help").addEventListener("click", () => dialog.showModal());
  addEventListener("keydown", (event) => {
    if (event.repeat || event.isComposing) return;
    const typing = event.target.closest?.("input, textarea, select");
    if (event.key === "F1" || (event.key === "?" && !typing)) {
      event.preventDefault();
      dialog.open ? dialog.close() : dialog.showModal();
      return;
    }
    const name = named(event);
    const entry = table.find(([key]) => key === name);
    // What says that it had nothing to do leaves the key to the browser.
    if (entry && entry[2]() !== false) event.preventDefault();
  });
}
