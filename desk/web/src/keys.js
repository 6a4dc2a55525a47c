// Keyboard: one table, shown by "?".
import { $, el } from "./dom.js";

/** `table`: [key as KeyboardEvent names it, label, what it does]; "Ctrl+" in front where it needs Control. */
export function bindKeys(table) {
  const list = $("help-keys");
  for (const [key, label] of table) list.append(el("dt", {}, el("kbd", {}, key)), el("dd", {}, label));
  const dialog = $("help-dialog");
  $("help").addEventListener("click", () => dialog.showModal());
  addEventListener("keydown", (event) => {
    if (event.repeat || event.isComposing) return;
    const typing = event.target.closest?.("input, textarea, select");
    if (event.key === "?" && !typing) {
      dialog.open ? dialog.close() : dialog.showModal();
      return;
    }
    const name = (event.ctrlKey || event.metaKey ? "Ctrl+" : "") + event.key;
    const entry = table.find(([key]) => key === name);
    if (entry) {
      event.preventDefault();
      entry[2]();
    }
  });
}
