// The page's one line to the server. EventSource reconnects by itself and names the last event it has; where the server
// refused it, or nothing comes any more, the line is opened again from the same place.
import { $ } from "./dom.js";
import { t } from "./i18n.js";
import { askWhetherOver } from "./session.js";

/** How soon a line that was refused, or state that could not be loaded, is asked for again. */
const AGAIN_MS = 2000;
/** The server says every 5 s that it is there (desk/sse.py). A line cut without a word would look alive for ever. */
const SILENCE_MS = 12_000;
/** A page that nobody sees gives its line back after so long, for a browser has only six; it resumes when looked at. */
const REST_MS = 10_000;

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** What hears each event, by its name. */
const hearers = new Map();
/** Called whenever a line stands again, and with "on" or "off" as it changes. */
const opened = [];
const states = [];
let source = null;
/** Number of the last event; null: from now on. */
let last = null;
let heard = 0;
let awake = false;
let again = null;
let resting = null;

const say = (state) => states.forEach((tell) => tell(state));

function listen(name) {
  source.addEventListener(name, (message) => {
    heard = Date.now();
    if (message.lastEventId) last = Number(message.lastEventId);
    const data = JSON.parse(message.data);
    for (const handle of hearers.get(name) ?? []) handle(data);
  });
}

function open() {
  close();
  heard = Date.now();
  source = new EventSource(last === null ? "/live" : `/live?after=${last}`);
  source.onopen = () => {
    heard = Date.now();
    say("on");
    opened.forEach((tell) => tell());
  };
  source.onerror = () => {
    say("off");
    if (source?.readyState !== EventSource.CLOSED) return;
    askWhetherOver();
    clearTimeout(again);
    again = setTimeout(open, AGAIN_MS);
  };
  for (const name of hearers.keys()) listen(name);
}

function close() {
  clearTimeout(again);
  source?.close();
  source = null;
}

function look() {
  if (!source || Date.now() - heard < SILENCE_MS) return;
  say("off");
  open();
}

function seen() {
  clearTimeout(resting);
  if (document.visibilityState === "visible") {
    if (!source) open();
  } else if (!awake) resting = setTimeout(close, REST_MS);
}

let begun = false;

/** Open the line, once: whoever asks first. */
function begin() {
  if (begun) return;
  begun = true;
  for (const name of ["alive", "hello"]) if (!hearers.has(name)) hearers.set(name, []);
  open();
  setInterval(look, 1000);
  addEventListener("online", () => (source || document.visibilityState === "visible") && open());
  addEventListener("pagehide", close);
  addEventListener("pageshow", ({ persisted }) => persisted && open());
  document.addEventListener("visibilitychange", seen);
  // A tab may be opened without being looked at.
  seen();
}

function on(name, handle) {
  if (hearers.has(name)) hearers.get(name).push(handle);
  else {
    hearers.set(name, [handle]);
    if (source) listen(name);
  }
}

/** Hear of events besides what the page itself follows. `whenOpened`: whatever was missed may be asked for now. */
export function hear(names, handle, whenOpened) {
  for (const name of names) on(name, handle);
  if (whenOpened) opened.push(whenOpened);
  begin();
}

/** The page's line stays open though nobody looks: it must be heard. */
export function stayAwake() {
  awake = true;
  clearTimeout(resting);
  if (begun && !source) open();
}

/**
 * Follow events from number `after` on. `handlers` by event name; `handlers.reset` when too much was missed and the
 * page must load its state afresh. What happens while it does is handled afterwards: what it loads may be older.
 */
export function follow(after, handlers) {
  let held = null;

  function deliver(run) {
    if (held) held.push(run);
    else run();
  }

  /** Whatever the server says, or does not: without its state the page would be wrong from now on. */
  async function afresh() {
    held = [];
    for (;;) {
      try {
        await handlers.reset();
        break;
      } catch {
        await pause(AGAIN_MS);
      }
    }
    const meanwhile = held;
    held = null;
    for (const run of meanwhile) deliver(run);
  }

  function show(state) {
    const place = $("live-state");
    place.dataset.state = state;
    place.textContent = state === "on" ? t("实时") : t("重连中");
  }

  for (const [name, handle] of Object.entries(handlers)) {
    on(name, name === "reset" ? afresh : (data) => deliver(() => handle(data)));
  }
  states.push(show);
  show("off");
  // The bars may have opened the line already, from a later event than the page's state.
  last = after;
  if (begun) open();
  else begin();
}
