// How the call sounds, while it goes on; and when it is over, kept with it.
import { api } from "./api.js";
import { $ } from "./dom.js";
import { t } from "./i18n.js";
import { estimate } from "./mos.js";

const EVERY_MS = 2000;
/** Samples that the warning and the worst stretch are made of: one bad moment is no bad line. */
const STRETCH = 5;
const GRADES = { good: () => t("好"), fair: () => t("尚可"), poor: () => t("差") };

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

export class CallQuality {
  #now;
  #before = null;
  #call = null;
  #samples = [];
  #least = 4.5;

  /** `now()`: telephone, id of its call, and whether the other side is on hold. */
  constructor(now) {
    this.#now = now;
    setInterval(() => this.#look(), EVERY_MS);
  }

  async #look() {
    const { phone, call, held } = this.#now();
    if (this.#call !== call) this.over();
    if (!phone?.talking || !call) return this.over();
    if (held) {
      this.#before = null;
      return undefined;
    }
    const now = await phone.stats();
    if (!now) return undefined;
    this.#call = call;
    if (this.#before) this.#draw(now, this.#before);
    this.#before = now;
    return undefined;
  }

  #draw(now, before) {
    const got = now.packetsReceived - before.packetsReceived;
    const lost = Math.max(0, now.packetsLost - before.packetsLost);
    const emitted = now.bufferCount - before.bufferCount;
    const sample = {
      loss: got + lost ? lost / (got + lost) : 0, jitterMs: now.jitterMs, roundTripMs: now.roundTripMs,
      bufferMs: emitted > 0 ? (1000 * (now.bufferS - before.bufferS)) / emitted : 0,
    };
    const place = $("quality");
    if (!got) {
      // Nothing at all comes: that is no sound, and not a bad one.
      place.dataset.grade = "silent";
      place.textContent = t("没有收到对方声音");
      return;
    }
    this.#samples.push(sample);
    const last = this.#samples.slice(-STRETCH);
    const seen = estimate({
      loss: mean(last.map(({ loss }) => loss)), roundTripMs: sample.roundTripMs, bufferMs: mean(last.map(({ bufferMs }) => bufferMs)),
    });
    if (last.length === STRETCH) this.#least = Math.min(this.#least, seen.mos);
    place.dataset.grade = seen.grade;
    place.dataset.mos = seen.mos.toFixed(2);
    place.title = t("按 ITU-T G.107 估算（1 至 4.5 分）");
    place.textContent = t("音质{grade} {mos} · 丢包 {loss}% · 抖动 {jitter} ms · 往返 {trip} ms", {
      grade: GRADES[seen.grade](), mos: seen.mos.toFixed(1), loss: sample.loss ? (100 * sample.loss).toFixed(1) : 0, jitter: sample.jitterMs,
      trip: sample.roundTripMs ?? "–",
    });
  }

  /** The call is over, or another has begun: what was measured is kept. */
  over() {
    const [call, samples] = [this.#call, this.#samples];
    $("quality").textContent = "";
    delete $("quality").dataset.grade;
    this.#call = this.#before = null;
    this.#samples = [];
    const least = this.#least;
    this.#least = 4.5;
    if (!call || !samples.length) return;
    const trips = samples.map(({ roundTripMs }) => roundTripMs).filter((ms) => ms !== null);
    const whole = {
      loss: mean(samples.map(({ loss }) => loss)), bufferMs: mean(samples.map(({ bufferMs }) => bufferMs)),
      roundTripMs: trips.length ? mean(trips) : null,
    };
    const { mos } = estimate(whole);
    api(`/api/calls/${encodeURIComponent(call)}/quality`, {
      seconds: (samples.length * EVERY_MS) / 1000, mos, mos_least: Math.min(least, mos), loss: 100 * whole.loss,
      jitter_ms: mean(samples.map(({ jitterMs }) => jitterMs)), round_trip_ms: whole.roundTripMs,
    }).catch(() => {});
  }
}
