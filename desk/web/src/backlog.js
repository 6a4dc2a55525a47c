// On the wall: recordings that wait to be transcribed again, and those that could not be.
import { api } from "./api.js";
import { $, show } from "./dom.js";
import { t } from "./i18n.js";

const EVERY_MS = 15_000;

async function draw() {
  const { waiting, working, faulty } = await api("/api/health/transcripts");
  const place = $("backlog");
  show(place, waiting > 0 || faulty.length > 0);
  place.classList.toggle("bad", faulty.length > 0);
  place.textContent = faulty.length && !waiting
    ? t("转写异常 {count}", { count: faulty.length })
    : t("待转写 {count}", { count: waiting });
  const lines = faulty.map(({ call_id, why }) => `${call_id} ${why}`);
  if (working?.total_s) {
    const percent = Math.floor((100 * working.done_s) / working.total_s);
    lines.unshift(t("{call} 已转写 {percent}%", { call: working.call_id, percent }));
  }
  place.title = lines.slice(0, 20).join("\n");
}

/** What is shown stays while the server does not answer; that it does not is told elsewhere. */
const soon = () => draw().catch(() => {});
soon();
setInterval(soon, EVERY_MS);
