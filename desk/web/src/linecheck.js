// How far this page is from Asterisk and from the server: round trips, and how much they vary.

const TRIES = 8;
/** An answer that takes longer is none, in milliseconds. */
const LOST_MS = 3000;

const within = (promise) => Promise.race([promise, new Promise((_, no) => { setTimeout(() => no(new Error("lost")), LOST_MS); })]);

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** Mean difference of one round trip to the next, in milliseconds. */
export function jitter(values) {
  const steps = values.slice(1).map((value, at) => Math.abs(value - values[at]));
  return steps.length ? steps.reduce((sum, step) => sum + step, 0) / steps.length : 0;
}

/** Round trips to the server, in milliseconds. Rejects where it does not answer. */
export async function toServer() {
  const took = [];
  for (let n = 0; n <= TRIES; n++) {
    const began = performance.now();
    await within(fetch("/health", { cache: "no-store" }));
    took.push(performance.now() - began);
  }
  // The first may have made the connection.
  return took.slice(1);
}

/** One SIP request that any exchange answers, whoever asks. */
function options({ uri }, id, n) {
  const host = uri.split("@")[1];
  return [
    `OPTIONS sip:${host} SIP/2.0`, `Via: SIP/2.0/WS check.invalid;branch=z9hG4bK${id}${n}`, "Max-Forwards: 70",
    `From: <${uri}>;tag=${id}`, `To: <sip:${host}>`, `Call-ID: ${id}@check.invalid`, `CSeq: ${n} OPTIONS`, "Content-Length: 0", "", "",
  ].join("\r\n");
}

/** Round trips to Asterisk by its WebSocket, which carries calls' signalling, in milliseconds. Rejects as the other. */
export async function toAsterisk(account) {
  const line = new WebSocket(account.ws, "sip");
  const id = Math.random().toString(36).slice(2);
  try {
    await within(new Promise((yes, no) => {
      line.onopen = yes;
      line.onerror = () => no(new Error("refused"));
    }));
    const took = [];
    for (let n = 1; n <= TRIES; n++) {
      const began = performance.now();
      const answered = new Promise((yes) => {
        line.onmessage = ({ data }) => String(data).includes(`${n} OPTIONS`) && yes();
      });
      line.send(options(account, id, n));
      await within(answered);
      took.push(performance.now() - began);
    }
    return took;
  } finally {
    line.close();
  }
}
