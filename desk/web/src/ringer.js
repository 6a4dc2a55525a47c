// Every sound is a buffer, a ring is a looped one: a background tab's timers are slowed down, its running audio is not.
let context;
/** What sounds now, by who lets it sound: a telephone that is answered does not silence a cry for help, nor the other way. */
const playing = new Map();
/** Sounds made so far: a ring must not wait for its samples a second time. */
const made = new Map();

/** Browsers allow sound after the first gesture; call this from one. */
export function allowSound() {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume().catch(() => {});
}

/** Whether this page's sounds reach its person: not before the first click or key on it. */
export const audible = () => context?.state === "running";

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
  // What one hears while the other side's telephone rings.
  back: [5, (s) => (s < 1 ? 0.08 * wave(450, s) : 0)],
};

function play(seconds, sound, loop) {
  allowSound();
  if (!made.has(sound)) made.set(sound, tone(seconds, sound));
  const source = context.createBufferSource();
  source.buffer = made.get(sound);
  source.loop = loop;
  source.connect(context.destination);
  source.start();
  return source;
}

/** `kind`: service, emergency, link, help, spot or back; `owner`: phone or cry, each of whom has one sound at a time. */
export function startRing(kind, owner = "phone") {
  stopRing(owner);
  playing.set(owner, play(...(RINGS[kind] ?? RINGS.service), true));
}

export function stopRing(owner = "phone") {
  playing.get(owner)?.stop();
  playing.delete(owner);
}

const short = (s) => 0.3 * wave(1200, s);

/** The short tone before a call is taken by itself. */
export function beep() {
  play(0.25, short, false);
}

// Every time, not once: some keys do not count as a gesture, and a ring that waits for one is to be heard at the next.
addEventListener("pointerdown", allowSound);
addEventListener("keydown", allowSound);
