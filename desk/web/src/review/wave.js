// The sound of a call: waveform of both sides, speed, a loop from A to B, silence skipped. Peaks come from the server,
// so nothing of the sound is fetched before somebody plays it: that would count as listening.
import WaveSurfer from "wavesurfer.js";
import Regions from "wavesurfer.js/dist/plugins/regions.esm.js";

const SPEEDS = [0.75, 1, 1.25, 1.5, 1.75, 2];
/** Pixels of a second when a stretch is looked at closely. */
const CLOSE = 60;
const LOOP = "loop";

const colour = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();

/** base64 of values 0…255 as shares of the loudest. */
function side(text) {
  return Float32Array.from(atob(text), (c) => c.charCodeAt(0) / 255);
}

export class Wave {
  #surfer;
  #regions = Regions.create();
  #player;
  #silences;
  #speed = 1;
  #skips = false;
  #from = null;
  #to = null;
  #close = false;
  /** Told after each change of loop, speed, skipping; and with the second while it plays or jumps. */
  onState = () => {};
  onTime = () => {};

  constructor(player, container, { seconds, sides, silences }, nonce) {
    this.#player = player;
    this.#silences = silences;
    this.seconds = seconds;
    const lines = ["--wave-caller", "--wave-agent"].map((name) => ({
      waveColor: colour(name), progressColor: colour(`${name}-heard`), height: 44,
    }));
    this.#surfer = WaveSurfer.create({
      container, media: player, peaks: sides.map(side), duration: seconds, cspNonce: nonce, dragToSeek: false,
      splitChannels: lines.slice(0, sides.length), cursorColor: colour("--ink"), cursorWidth: 2, hideScrollbar: false,
      autoScroll: true, autoCenter: false, plugins: [this.#regions],
    });
    this.#regions.enableDragSelection({ color: colour("--wave-loop") });
    this.#regions.on("region-created", (region) => {
      if (region.id.startsWith("kept-") || region.id === LOOP) return;
      const { start, end } = region;
      region.remove();
      if (end - start > 0.2) this.loop(start, end);
    });
    this.#regions.on("region-updated", (region) => {
      if (region.id !== LOOP) return;
      [this.#from, this.#to] = [region.start, region.end];
      this.onState();
    });
    this.#surfer.on("timeupdate", (second) => this.#moved(second));
    for (const name of ["play", "pause"]) player.addEventListener(name, () => this.onState());
    /** Stretches have a place only in a waveform that is drawn. */
    this.ready = new Promise((resolve) => this.#surfer.once("ready", resolve));
  }

  get time() { return this.#surfer.getCurrentTime(); }
  get playing() { return !this.#player.paused; }
  get speed() { return this.#speed; }
  get skips() { return this.#skips; }
  get close() { return this.#close; }
  /** [A, B]; null where not both are set. */
  get stretch() { return this.#from !== null && this.#to !== null ? [this.#from, this.#to] : null; }
  get from() { return this.#from; }

  toggle() { return this.playing ? this.#player.pause() : this.#player.play().catch(() => {}); }
  seek(second) { this.#surfer.setTime(Math.min(Math.max(second, 0), this.seconds)); }
  by(seconds) { this.seek(this.time + seconds); }

  faster(steps) {
    const at = SPEEDS.indexOf(this.#speed) + steps;
    this.#speed = SPEEDS[Math.min(Math.max(at, 0), SPEEDS.length - 1)];
    this.#surfer.setPlaybackRate(this.#speed, true);
    this.onState();
  }

  skip() {
    this.#skips = !this.#skips;
    this.onState();
  }

  zoom() {
    this.#close = !this.#close;
    this.#surfer.zoom(this.#close ? CLOSE : 0);
    this.onState();
  }

  setFrom() { this.#bounds(this.time, this.#to); }
  setTo() { this.#bounds(this.#from ?? 0, this.time); }
  loop(from, to) { this.#bounds(from, to); }
  unloop() { this.#bounds(null, null); }

  /** Stretches that are kept: `id`, `from_s`, `to_s`, `kind`. */
  keep(stretches) {
    for (const region of this.#regions.getRegions()) if (region.id.startsWith("kept-")) region.remove();
    for (const { id, from_s, to_s, kind } of stretches) {
      this.#regions.addRegion({
        id: `kept-${kind}-${id}`, start: from_s, end: to_s, drag: false, resize: false, color: colour(`--wave-${kind}`),
      });
    }
  }

  /** Where B is not behind A there is no loop yet: the other end is still to come. */
  #bounds(from, to) {
    [this.#from, this.#to] = [from, to !== null && from !== null && to <= from ? null : to];
    this.#regions.getRegions().find(({ id }) => id === LOOP)?.remove();
    if (this.stretch) {
      this.#regions.addRegion({ id: LOOP, start: this.#from, end: this.#to, color: colour("--wave-loop") });
    }
    this.onState();
  }

  #moved(second) {
    if (this.playing) {
      if (this.stretch && second >= this.#to) return this.seek(this.#from);
      const silent = this.#skips && this.#silences.find(([begin, end]) => second > begin && second < end - 0.1);
      if (silent && !(this.stretch && silent[1] > this.#to)) return this.seek(silent[1]);
    }
    this.onTime(second);
  }
}
