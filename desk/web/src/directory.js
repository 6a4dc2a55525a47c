// Whom a call can be passed to, found by digits, pinyin, initials or name.

/** Digits as the exchange dials them: no spaces and dashes, full-width as plain, no +86; other signs stay, and fail. */
export function dialled(text) {
  const plain = text.normalize("NFKC").replace(/[\s\-–—()/.]/g, "");
  const home = plain.match(/^(?:\+|00)86(\d+)$/)?.[1];
  if (home === undefined) return plain;
  return /^(1[3-9]\d{9}|[48]00\d{7}|0\d+)$/.test(home) ? home : `0${home}`;
}

export const isNumber = (text) => /^\d{3,20}$/.test(text);

/** How well an entry fits: 0 best, null not at all. */
function fit(entry, query, digits) {
  if (!query) return 3;
  const key = entry.key ?? entry.target;
  if (key === digits) return 0;
  if (/^\d+$/.test(digits)) return key.startsWith(digits) ? 1 : entry.name.includes(digits) ? 2 : null;
  if (entry.initials.startsWith(query) || entry.pinyin.startsWith(query)) return 1;
  const name = entry.name.toLowerCase();
  return name.includes(query) || entry.pinyin.includes(query) || entry.initials.includes(query) ? 2 : null;
}

/** A desk that could answer now comes before one that could not. */
const ORDER = ["ready", "wrapup", "talking", "held", "ringing", "paused", "away", "offline"];
const KINDS = ["desk", "line", "group", "outside"];

/**
 * Entries that fit, best first. `states`: extension → state. `own`: number of the call's line, to which it is not passed.
 */
export function search(directory, query, states, own) {
  const text = query.trim().toLowerCase().replace(/\s+/g, "");
  const digits = dialled(query);
  const entries = [
    ...directory.desks.map((e) => ({ kind: "desk", ...e, state: states.get(e.target) ?? "offline" })),
    ...directory.lines.filter((e) => e.target !== own).map((e) => ({ kind: "line", ...e })),
    ...directory.groups.map((e) => ({ kind: "group", ...e, key: "" })),
  ];
  const found = entries
    .map((entry) => ({ ...entry, fit: fit(entry, text, digits) }))
    .filter((entry) => entry.fit !== null);
  if (isNumber(digits) && !entries.some((e) => e.target === digits)) {
    found.push({ kind: "outside", target: digits, name: digits, fit: 2.5 });
  }
  const rank = (e) => [e.fit, KINDS.indexOf(e.kind), e.state ? ORDER.indexOf(e.state) : 0];
  return found.sort((a, b) => {
    const [left, right] = [rank(a), rank(b)];
    const at = left.findIndex((value, i) => value !== right[i]);
    return at < 0 ? a.target.localeCompare(b.target, "zh", { numeric: true }) : left[at] - right[at];
  });
}
