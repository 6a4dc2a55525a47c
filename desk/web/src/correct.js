// Correcting an utterance in its place: Enter saves, Esc leaves it as it was.
import { api } from "./api.js";
import { el, notice } from "./dom.js";
import { t } from "./i18n.js";

/** What the person saw when he began, by utterance: only that may be replaced. */
const seen = new WeakMap();

function edit(row) {
  if (row.querySelector("form")) return;
  const text = row.querySelector(".text");
  seen.set(row, text.textContent);
  const field = el("textarea", { value: text.textContent, maxLength: 500, rows: 2, "aria-label": t("更正内容") });
  const form = el("form", { className: "correction", dataset: { test: "correction" } },
    field,
    el("span", { className: "row" },
      el("button", { className: "primary", dataset: { test: "save" } }, t("保存")),
      el("button", { type: "button", className: "quiet", dataset: { cancel: "" } }, t("取消")),
      el("span", { className: "muted" }, t("没有人说话时可清空"))));
  text.hidden = true;
  row.append(form);
  field.focus();
  field.setSelectionRange(field.value.length, field.value.length);
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      form.requestSubmit();
    } else if (event.key === "Escape") {
      close(row);
    }
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    save(row, field.value).catch((error) => notice(error.message));
  });
}

function close(row) {
  row.querySelector("form")?.remove();
  row.querySelector(".text").hidden = false;
  row.querySelector("[data-correct]")?.focus();
}

async function save(row, after) {
  const { call, api: own } = document.getElementById("page").dataset;
  const address = own ?? `/api/calls/${encodeURIComponent(call)}`;
  try {
    const done = await api(`${address}/utterances/${encodeURIComponent(row.id.slice(2))}`, { before: seen.get(row), after });
    row.querySelector(".text").textContent = done.text;
    if (done.text !== done.before) {
      const mark = row.querySelector(".corrected");
      mark.hidden = false;
      mark.title = t("{who} 更正，原为：{before}", { who: done.who, before: done.before });
    }
    notice("");
    close(row);
  } catch (error) {
    if (error.status !== 409) throw error;
    // Somebody else was faster: show what it is now, keep what was typed.
    const fresh = await api(address);
    const now = fresh.transcript.find(({ utterance_id }) => `u-${utterance_id}` === row.id);
    if (now) {
      row.querySelector(".text").textContent = now.text;
      row.querySelector(".text").hidden = false;
      seen.set(row, now.text);
    }
    throw error;
  }
}

/** Every button `data-correct` opens its utterance for correction. */
export function beginCorrections() {
  document.addEventListener("click", (event) => {
    const row = event.target.closest?.(".utterance");
    if (!row) return;
    if (event.target.closest("[data-correct]")) edit(row);
    if (event.target.closest("[data-cancel]")) close(row);
  });
}
