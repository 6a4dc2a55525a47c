// How long until a ticket's next clock is due.
import { t } from "../i18n.js";
import { clock, serverNow } from "../time.js";

/** Seconds as the board says them: to the second only where a second counts. */
export function span(seconds, exact) {
  if (exact && seconds < 3600) return clock(seconds);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return t("{n} 分", { n: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return t("{h} 时 {m} 分", { h: hours, m: minutes % 60 });
  return t("{d} 天 {h} 时", { d: Math.floor(hours / 24), h: hours % 24 });
}

/** What stands in a row's first column, and whether its time is over. */
export function left(row, now = serverNow()) {
  if (!row.due_at) return { text: t("无时限"), late: false };
  if (row.paused) return { text: t("暂停"), late: false };
  const seconds = (Date.parse(row.due_at) - now) / 1000;
  const text = span(Math.abs(seconds), row.emergency);
  return seconds < 0 ? { text: t("超 {n}", { n: text }), late: true } : { text: t("剩 {n}", { n: text }), late: false };
}

/** Milliseconds until the first of these rows becomes late, at least a second and at most half a minute. */
export function untilLate(rows, now = serverNow()) {
  const due = rows.filter((row) => row.due_at && !row.paused).map((row) => Date.parse(row.due_at) - now).filter((ms) => ms > 0);
  return Math.max(1000, Math.min(30_000, ...due));
}
