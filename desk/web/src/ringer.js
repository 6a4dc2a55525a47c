// Every sound is a buffer, a ring is a looped one: a background tab's timers are slowed down, its running audio is not.
import { chosen } from "./devices.js";
import { Speaker } from "./speaker.js";

/** The chosen speaker: the same as the caller's voice, and the one that was checked. */
let speaker = null;
/** Where rings are heard besides, by whoever has taken the headset off; null where nobody wished that. */
let beside = null;
let context;
/** What sounds now, by who lets it sound: a telephone that is answered does not silence a cry for help, nor the other way. */
const playing = new Map();
/** Sounds made so far: a ring must not wait for its samples a second time. */
const made = new Map();
const listeners = [];
/** A change of device stops a context for a moment, which is no silence. */
const MOMENT_MS = 500;

const changed = () => listeners.forEach((listener) => listener());

/** Rings go to the devices that are chosen now, as far as they are here. */
export async function placeSound() {
  if (!speaker) return;
  const wished = chosen("ring");
  if (wished && wished !== chosen("audiooutput")) beside ??= new Speaker("ring");
  await Promise.all([speaker.aim(), beside?.aim()]);
  changed();
}

/** Browsers allow sound after the first gesture; call this from one. */
export function allowSound() {
  if (!speaker) {
    speaker = new Speaker("audiooutput");
    context = speaker.context;
    context.addEventListener("statechange", () => setTimeout(changed, MOMENT_MS));
    navigator.mediaDevices?.addEventListener("devicechange", placeSound);
    placeSound();
  }
  speaker.begin();
  beside?.begin();
}

/** Whether this page's sounds reach its person: not before the first click or key on it. */
export const audible = () => context?.state === "running";

/** Why a ring would not be heard where it was checked: silent, gone (the chosen speaker is), or nothing. */
export const unheard = () => (!audible() ? "silent" : speaker.gone ? "gone" : "");

/** Call `listener` whenever that may have changed. */
export function onSound(listener) {
  listeners.push(listener);
  allowSound();
  setTimeout(changed, MOMENT_MS);
}

function tone(seconds, sound) {
  const rate = context.sampleRate;
  const buffer = context.createBuffer(1, Math.round(seconds * rate), rate);
  const samples = buffer.getChannelData(0);
  for (let i = 0; i < samples.length; i++) samples[i] = sound(i / rate);
  return buffer;
}

const wave = (hertz, s) => Math.sin(2 * Math.PI * hertz * s);
/** Length in seconds and sound of one round. */
const RINGS = {
  // The exchange's own ring, 450 Hz, 1 s on and 4 s off.
  service: [5, (s) => (s < 1 ? 0.25 * wave(450, s) : 0)],
  // Two tones without a pause.
  emergency: [1, (s) => 0.3 * wave(s < 0.5 ? 800 : 600, s)],
  // Somebody asks us into a call: three short ones.
  link: [1.6, (s) => (s < 0.9 && s % 0.3 < 0.18 ? 0.3 * wave(1000, s) : 0)],
  // A call taker cries for help: short and high, as on the wall.
  help: [1.5, (s) => (s < 0.25 ? 0.3 * wave(1200, s) : 0)],
  // Somebody on the spot asks for help: three short ones, higher than a desk's.
  spot: [1.5, (s) => (s < 0.75 && s % 0.25 < 0.14 ? 0.35 * wave(1500, s) : 0)],
  // A new emergency on the dispatchers' board: twice two tones, then a pause.
  dispatch: [3, (s) => (s < 1.2 && s % 0.6 < 0.5 ? 0.3 * wave(s % 0.6 < 0.25 ? 900 : 700, s) : 0)],
  // What one hears while the other side's telephone rings.
  back: [5, (s) => (s < 1 ? 0.08 * wave(450, s) : 0)],
};

function from({ context: own, out }, buffer, loop) {
  const source = own.createBufferSource();
  source.buffer = buffer;
  source.loop = loop;
  source.connect(out);
  source.start();
  return source;
}

/** `loud`: on the device beside the speaker, too. */
function play([seconds, sound], loop, loud) {
  allowSound();
  placeSound();
  if (!made.has(sound)) made.set(sound, tone(seconds, sound));
  const too = loud && beside && !beside.gone && chosen("ring") && chosen("ring") !== chosen("audiooutput") ? [beside] : [];
  return [speaker, ...too].map((one) => from(one, made.get(sound), loop));
}

/** `kind`: one of RINGS; `owner`: phone, cry or board, each of whom has one sound at a time. */
export function startRing(kind, owner = "phone") {
  stopRing(owner);
  // What the other side's telephone does is for the headset alone.
  playing.set(owner, play(RINGS[kind] ?? RINGS.service, true, kind !== "back"));
}

export function stopRing(owner = "phone") {
  for (const source of playing.get(owner) ?? []) source.stop();
  playing.delete(owner);
}

/** For the check before the shift: the ring as it will be, on all devices where it will be; for so many `seconds`. */
export async function tryRing(seconds) {
  allowSound();
  await placeSound();
  startRing("service", "check");
  await new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });
  stopRing("check");
}

const short = (s) => 0.3 * wave(1200, s);

/** The short tone before a call is taken by itself. */
export function beep() {
  play([0.25, short], false, false);
}

// Every time, not once: some keys do not count as a gesture, and a ring that waits for one is to be heard at the next.
addEventListener("pointerdown", allowSound);
addEventListener("keydown", allowSound);
