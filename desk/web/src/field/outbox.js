// Sends what was pressed, one after the other, each until the server has said what became of it. For page and worker:
// one of them at a time, by a lock of the browser. A cry for help waits for no lock: a photograph that is on its way may
// hold it for minutes, and the server does once what comes twice.
import { arrive, change, kept, outbox } from "./store.js";

const PATHS = { photo: "/api/field/photos", patrol: "/api/field/finds" };
/** Milliseconds until an answer; a photograph on a bad network takes its time. */
const WAIT = { plain: 20_000, photos: 120_000 };
/** What the server may say otherwise the next time. */
const AGAIN = new Set([408, 409, 425, 429]);

/** How the last sending ended: `empty`, `later`, `locating`, `signin` or `busy` (another tab, or the worker, sends). */
export async function drain(changed = () => {}) {
  const cried = await run(changed, (item) => item.kind === "help");
  if (!["empty", "signin"].includes(cried)) return cried;
  return navigator.locks.request("heyi-field", { ifAvailable: true }, async (lock) => (lock ? run(changed, () => true) : "busy"));
}

/** All of these that are this person's. */
async function run(changed, wanted) {
  for (;;) {
    const who = await kept("who");
    const items = await outbox();
    // What another person pressed on this phone is sent when they sign in again.
    const item = items.find((one) => one.state === "waiting" && one.login === who && wanted(one));
    if (!item) return items.some((one) => one.state === "waiting") ? "signin" : "empty";
    if (item.locating && Date.now() < item.locating) return "locating";
    const end = await deliver(item);
    changed();
    if (end) return end;
  }
}

/** Send what this phone could not keep; whether the server has it now. */
export async function direct(item) {
  try {
    const answer = await post(item);
    return answer.ok && ["done", "already"].includes((await answer.json()).state);
  } catch {
    return false;
  }
}

/** Send one; empty where the next may follow. */
async function deliver(item) {
  let answer;
  let told;
  try {
    answer = await post(item);
    told = await answer.json();
  } catch {
    // No network, or what answered is no server of ours.
    await change(item.seq, { tries: item.tries + 1 });
    return "later";
  }
  if (answer.ok && ["done", "already"].includes(told.state)) {
    await arrive(item, told);
    return "";
  }
  if (answer.ok && told.state === "refused") return stuck(item, told.message, told.hint);
  if (answer.status === 401) return "signin";
  if (answer.ok || answer.status >= 500 || AGAIN.has(answer.status)) {
    await change(item.seq, { tries: item.tries + 1 });
    return "later";
  }
  return stuck(item, told.message ?? String(answer.status), "");
}

/** It stays, with what the server said, until its person decides. */
async function stuck(item, message, hint) {
  await change(item.seq, { state: "stuck", message, hint });
  return "";
}

function post(item) {
  const about = {
    id: item.id, login: item.login, ticket: item.ticket, made_at: item.made_at, sent_at: new Date().toISOString(),
    position: item.position, text: item.text,
  };
  const path = PATHS[item.kind];
  const request = { method: "POST", signal: AbortSignal.timeout(path ? WAIT.photos : WAIT.plain) };
  if (!path) {
    const body = JSON.stringify({ ...about, kind: item.kind, unit: item.unit, part: item.part, order: item.order, clock: item.clock, amount: item.amount });
    return fetch("/api/field/actions", { ...request, body, headers: { "Content-Type": "application/json" } });
  }
  const form = new FormData();
  if (item.kind === "patrol") Object.assign(about, { code: item.code, place: item.place });
  form.append("about", JSON.stringify(about));
  item.photos.forEach((data, n) => form.append("photos", new Blob([data], { type: "image/jpeg" }), `${n + 1}.jpg`));
  return fetch(path, { ...request, body: form });
}
