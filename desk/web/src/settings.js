// The administrator's pages: numbers beside the text of a file, new entries of a table, how far an apply is.
import { api } from "./api.js";

const AGAIN_MS = 700;
/** A start takes some twelve seconds; whoever waits this long is told where to look. */
const LATE_MS = 120_000;

const text = document.getElementById("text");
if (text) numbered(text, document.getElementById("gutter"));
const entries = document.getElementById("entries");
if (entries) growing(entries, document.getElementById("new-entry"), document.getElementById("add-entry"));
const form = document.getElementById("edit");
if (form) kept(form);
if (document.querySelector("#job[data-running]")) follow();
const restart = document.querySelector("#restart[data-running]");
if (restart) awaited(restart);

/** The text is as high as its lines, so that their numbers stand beside them; Tab leaves it, as every field. */
function numbered(area, gutter) {
  area.addEventListener("input", () => {
    const lines = area.value.split("\n").length;
    if (lines === area.rows) return;
    area.rows = lines;
    gutter.replaceChildren(...Array.from({ length: lines }, (_, at) => {
      const number = document.createElement("span");
      number.id = `line-${at + 1}`;
      number.textContent = `${at + 1}\n`;
      return number;
    }));
  });
  for (const link of document.querySelectorAll("[data-line]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();  // following it would take the focus away again
      document.getElementById(`line-${link.dataset.line}`)?.scrollIntoView({ block: "center" });
      const before = area.value.split("\n").slice(0, Number(link.dataset.line) - 1).join("\n").length;
      area.focus({ preventScroll: true });
      area.setSelectionRange(before && before + 1, before && before + 1);
    });
  }
}

/** A new entry is the empty one with a name of its own. */
function growing(list, template, button) {
  let made = 0;
  button.addEventListener("click", () => {
    const entry = template.content.firstElementChild.cloneNode(true);
    const own = `new${made++}`;
    for (const field of entry.querySelectorAll("[name]")) {
      if (field.name === "row" || field.name === "gone") field.value = own;
      else field.name = field.name.replace(/^new\./, `${own}.`);
    }
    list.append(entry);
    entry.querySelector("input:not([type=hidden])").focus();
  });
}

/** Whoever leaves with changes is asked. */
function kept(edited) {
  let changed = false;
  edited.addEventListener("input", () => { changed = true; });
  edited.addEventListener("submit", () => { changed = false; });
  addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
}

/** The step while it runs; the page anew when it is over. */
async function follow() {
  for (;;) {
    await new Promise((done) => { setTimeout(done, AGAIN_MS); });
    const { job } = await api("/api/settings/asterisk").catch(() => ({}));
    if (job === undefined) continue;
    if (!job || !job.running) { location.reload(); return; }
    document.getElementById("job-step").textContent = job.step_name;
  }
}

/** Until heyi answers as another start of itself; before, it may say why it does not begin anew. */
async function awaited(job) {
  let silent = 0;
  for (;;) {
    await new Promise((done) => { setTimeout(done, AGAIN_MS); });
    const found = await api("/api/settings/restart").catch(() => null);
    if (found && found.boot !== job.dataset.boot) { location.replace("/settings?restarted=1"); return; }
    if (found && !found.running) { location.reload(); return; }
    silent = found ? 0 : silent || Date.now();
    const step = found ? found.step : "restarting";
    for (const text of job.querySelectorAll("[data-step]")) text.hidden = text.dataset.step !== step;
    job.querySelector("[data-late]").hidden = !silent || Date.now() - silent < LATE_MS;
  }
}
