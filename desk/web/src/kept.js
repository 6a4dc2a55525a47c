// What was typed into drafts and the server does not have yet: kept in this tab, so that it outlives a refresh and a crash
// while there is no network. It is personal: nothing stays once it is saved, after signing out, or for another login.

const KEY = "heyi-unsaved";
let over = false;

function read() {
  try {
    return { login: "", drafts: {}, ...JSON.parse(sessionStorage.getItem(KEY)) };
  } catch {
    return { login: "", drafts: {} };
  }
}

function write(all) {
  if (!Object.keys(all.drafts).length) return sessionStorage.removeItem(KEY);
  try {
    sessionStorage.setItem(KEY, JSON.stringify(all));
  } catch {
    // A store that is full, or forbidden, keeps nobody from typing.
  }
}

/** Who types here. What somebody else has left is gone. By ticket's id what is left of him: its version, its fields. */
export function leftOf(login) {
  const all = read();
  if (all.login !== login) all.drafts = {};
  all.login = login;
  write(all);
  return new Map(Object.entries(all.drafts));
}

/** Keep `fields` of a ticket, beside what is kept of it already. */
export function keep({ id, version }, fields, login) {
  if (over) return;
  const all = { ...read(), login };
  const known = all.drafts[id];
  all.drafts[id] = { version: known?.version ?? version, fields: { ...known?.fields, ...fields } };
  write(all);
}

/** The server has `fields`: what was typed over them since stays. Without fields: nothing of this ticket is kept. */
export function drop(id, fields) {
  const all = read();
  const left = all.drafts[id]?.fields ?? {};
  for (const [name, value] of Object.entries(fields ?? left)) if (left[name] === value) delete left[name];
  if (!Object.keys(left).length) delete all.drafts[id];
  write(all);
}

/** Signed out: nothing is kept, and nothing more. */
export function forget() {
  over = true;
  sessionStorage.removeItem(KEY);
}
