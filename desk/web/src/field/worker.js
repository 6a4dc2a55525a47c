// The page without a network: its shell and its files from the phone. Sends what waits, too, once there is a network
// again and the page is closed (where the browser can).
import { drain } from "./outbox.js";
import { makeNone } from "./store.js";

const { version, assets } = self.KEPT;
const PREFIX = "heyi-field-";
const CACHE = PREFIX + version;
const SHELL = new URL(self.registration.scope).pathname;
/** A network that does not answer in so many milliseconds is none. */
const PATIENCE = 4000;

async function keepShell(answer) {
  // Never the page of signing in, nor an error.
  if (answer.ok && !answer.redirected) await (await caches.open(CACHE)).put(SHELL, answer.clone());
  return answer;
}

async function install() {
  const cache = await caches.open(CACHE);
  await cache.addAll(assets);
  await fetch(SHELL).then(keepShell).catch(() => {});
  await self.skipWaiting();
}

async function activate() {
  for (const name of await caches.keys()) {
    if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
  }
  await self.clients.claim();
}

async function shell(request) {
  const known = await caches.match(SHELL, { cacheName: CACHE });
  const fresh = fetch(request).then((answer) => {
    if (answer.status >= 500) throw new Error(String(answer.status));
    return keepShell(answer);
  });
  if (!known) return fresh;
  fresh.catch(() => {});
  const late = new Promise((resolve) => { setTimeout(resolve, PATIENCE, known); });
  return Promise.race([fresh.catch(() => known), late]);
}

async function file(request) {
  return (await caches.match(request, { cacheName: CACHE })) ?? fetch(request);
}

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
makeNone();
self.addEventListener("sync", (event) => event.waitUntil(drain().catch(() => {})));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (request.mode === "navigate" && pathname === SHELL) event.respondWith(shell(request));
  else if (pathname.startsWith("/static/")) event.respondWith(file(request));
});
