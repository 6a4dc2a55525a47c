// The table beside each chart: for who cannot see it, for the keyboard, and on paper.
import { $, el } from "../dom.js";
import { t } from "../i18n.js";

/** Fill a panel's table. `rows` are lists of cells: a text, or `{ text, href }`. The first cell names its row. */
export function beside(id, heads, rows) {
  const cell = (content, first) => el(first ? "th" : "td", first ? { scope: "row" } : {},
    content?.href ? el("a", { href: content.href }, String(content.text)) : String(content?.text ?? content ?? ""));
  $(id).replaceChildren(
    el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((content, at) => cell(content, at === 0))))),
  );
}

/** The button of each panel shows its table instead of its chart. */
export function besides() {
  for (const button of document.querySelectorAll("[data-beside]")) {
    button.addEventListener("click", () => {
      const tabled = button.closest(".panel").classList.toggle("tabled");
      button.setAttribute("aria-pressed", String(tabled));
      button.textContent = tabled ? t("图") : t("表");
    });
  }
}
