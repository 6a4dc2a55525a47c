// The ring is one looped buffer: a background tab's timers are slowed down, its running audio is not.
let context;
let playing;

/** Browsers allow sound after the first gesture; call this from one. */
export function allowSound() {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume().catch(() => {});
}

function tone(seconds, sound) {
  const rate = context.sampleRate;
  const buffer = context.createBuffer(1, Math.round(seconds * rate), rate);
  const samples = buffer.getChannelData(0);
  for (let i = 0; i < samples.length; i++) samples[i] = sound(i / rate);
  return buffer;
}

// Service: the exchange's own ring, 450 Hz, 1 s on and 4 s off. Emergency: two tones without a pause.
const service = (s) => (s < 1 ? 0.25 * Math.sin(2 * Math.PI * 450 * s) : 0);
const emergency = (s) => 0.3 * Math.sin(2 * Math.PI * (s < 0.5 ? 800 : 600) * s);

export function startRing(urgent) {
  stopRing();
  allowSound();
  playing = context.createBufferSource();
  playing.buffer = urgent ? tone(1, emergency) : tone(5, service);
  playing.loop = true;
  playing.connect(context.destination);
  playing.start();
}

export function stopRing() {
  playing?.stop();
  playing = undefined;
}

addEventListener("pointerdown", allowSound, { once: true });
addEventListener("keydown", allowSound, { once: true });
