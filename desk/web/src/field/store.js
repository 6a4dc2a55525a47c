// What the phone keeps, in IndexedDB: what waits to be sent, what was shown last, what has arrived. For page and worker.
const NAME = "heyi-field";
const ARRIVED = 30;
let opening;
/** Emptied for good: what is still under way must not make it anew. */
let shut = false;
/** Whether a database that is not there is made. */
let makes = true;

/** For the worker: it sends what a page has kept. Where there is nothing, somebody has signed out, and so it stays. */
export function makeNone() {
  makes = false;
}

/** Answers of requests as promises. */
const answer = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

const finished = (transaction) => new Promise((resolve, reject) => {
  transaction.oncomplete = resolve;
  transaction.onerror = transaction.onabort = () => reject(transaction.error);
});

function open() {
  if (shut) return Promise.reject(new Error("emptied"));
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      if (!makes) return request.transaction.abort();
      request.result.createObjectStore("outbox", { keyPath: "seq", autoIncrement: true });
      request.result.createObjectStore("kept", { keyPath: "key" });
      request.result.createObjectStore("arrived", { keyPath: "id" });
      return undefined;
    };
    request.onsuccess = () => {
      // Signing out in another tab, or the worker's: it must not wait for us.
      request.result.onversionchange = () => { request.result.close(); opening = undefined; };
      resolve(request.result);
    };
    request.onerror = () => { opening = undefined; reject(request.error); };
  });
  return opening;
}

/** One transaction; `work` gets the stores by name, and what it returns is waited for after they are written. */
async function inStores(names, mode, work) {
  const transaction = (await open()).transaction(names, mode);
  const done = finished(transaction);
  // What fails within fails `work`, too.
  done.catch(() => {});
  const result = await work(...names.map((name) => transaction.objectStore(name)));
  await done;
  return result;
}

const write = (names, work) => inStores(names, "readwrite", work);
const read = (name, work) => inStores([name], "readonly", (store) => answer(work(store)));

/** Everything that was not settled yet, in the order in which it was pressed. */
export const outbox = () => read("outbox", (store) => store.getAll());
export const put = (item) => write(["outbox"], (store) => answer(store.put(item)));
export const drop = (seq) => write(["outbox"], (store) => answer(store.delete(seq)));

/** Change some fields of an item that is still there. */
export const change = (seq, fields) => write(["outbox"], async (store) => {
  const item = await answer(store.get(seq));
  if (item) await answer(store.put({ ...item, ...fields }));
});

/** It has arrived: out of the outbox and into the list of what arrived, at once. */
export const arrive = (item, told) => write(["outbox", "arrived"], async (waiting, arrived) => {
  // Emptied in between, or told by another who sent it, too: it comes back no second time.
  if ((await answer(waiting.get(item.seq)))?.id !== item.id) return;
  await answer(waiting.delete(item.seq));
  const { id, label, kind, ticket, unit, part, order, clock, login } = item;
  await answer(arrived.put({ id, label, kind, ticket, unit, part, order, clock, login, at: Date.now(), ...told, number: told.number || item.number }));
  const all = (await answer(arrived.getAll())).sort((a, b) => b.at - a.at);
  for (const old of all.slice(ARRIVED)) await answer(arrived.delete(old.id));
});

export const arrived = async () => (await read("arrived", (store) => store.getAll())).sort((a, b) => b.at - a.at);

/** The tasks as they were shown to `login` at `at`, and whose the outbox is now; null: nobody's. */
export const keepTasks = (tasks) => write(["kept"], async (store) => {
  await answer(store.put({ key: "who", value: tasks?.login ?? null }));
  await answer(store.put({ key: "tasks", value: tasks }));
});
export const kept = async (key) => (await read("kept", (store) => store.get(key)))?.value;

/** Nothing of anybody stays on this phone. */
export async function empty() {
  const last = open();
  shut = true;
  (await last).close();
  opening = undefined;
  await answer(indexedDB.deleteDatabase(NAME));
}
