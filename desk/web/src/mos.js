// How a call sounds, estimated from what is counted: the E-model, ITU-T G.107, with its defaults, for G.711.

/** Length of a packet, which its sender waits for, in milliseconds. */
const PACKET_MS = 20;
/** G.711 with concealment of lost packets, as browsers have it: robustness to loss that comes at random (ITU-T G.113). */
const ROBUST = 25.1;
/** Ratings from which on users are satisfied, and below which many are not (ITU-T G.109). */
const GOOD = 80;
const POOR = 70;

/**
 * `loss`: share of packets that did not come, 0..1; `roundTripMs`, null where unknown; `bufferMs`: the time for which the
 * browser holds sound back. Returns the rating `r` (0..93.2), `mos` (1..4.5) and `grade`: good, fair or poor.
 */
export function estimate({ loss, roundTripMs, bufferMs }) {
  const delay = (roundTripMs ?? 0) / 2 + bufferMs + PACKET_MS;
  // Impairment by delay: the line that Cole and Rosenbluth (2001) put through the recommendation's curve.
  const late = 0.024 * delay + (delay > 177.3 ? 0.11 * (delay - 177.3) : 0);
  const percent = 100 * loss;
  const lost = (95 * percent) / (percent + ROBUST);
  const r = Math.max(0, 93.2 - late - lost);
  // Annex B.
  const mos = Math.max(1, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6);
  return { r, mos, grade: r >= GOOD ? "good" : r >= POOR ? "fair" : "poor" };
}
