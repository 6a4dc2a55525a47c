// The desk's telephone: SIP over WebSocket (JsSIP), audio over WebRTC.
import JsSIP from "jssip";
import { sound, speakFrom } from "./devices.js";

/**
 * Caller's names of rings that are no new call (switchboard/handling.py, switchboard/supervision.py). Answered at once:
 * the call that this desk holds already comes back to a fresh page; a supervisor asked to listen.
 */
const AT_ONCE = new Set(["heyi-rejoin", "heyi-watch"]);
/** Another desk asks this one into its call. */
export const LINK = "heyi-link";

/**
 * Emits: `state` (connecting, registered, unregistered, failed), `ringing` (detail: name and number of who calls),
 * `dialling` (detail: number), `ringback` (the other side rings), `answered`, `ended` (detail: cause, and whether this
 * desk had dialled), `trouble` (detail: what the microphone said).
 *
 * Nothing is hung up when the page goes away: the caller stays on the line, and the next page rejoins.
 */
export class Softphone extends EventTarget {
  #ua;
  #session = null;
  #ice;
  #audio;
  #host;
  state = "connecting";
  /** Whether this desk dialled the call that it has. */
  outgoing = false;

  constructor(account, audio) {
    super();
    this.#audio = audio;
    this.#ice = account.ice;
    this.#host = account.uri.split("@")[1];
    this.#ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(account.ws)],
      uri: account.uri,
      password: account.password,
      display_name: account.extension,
      register_expires: 120,
      session_timers: false,
      connection_recovery_min_interval: 1,
      connection_recovery_max_interval: 8,
      user_agent: "heyi desk",
    });
    this.#ua.on("registered", () => this.#become("registered"));
    this.#ua.on("unregistered", () => this.#become("unregistered"));
    this.#ua.on("registrationFailed", () => this.#become("failed"));
    this.#ua.on("disconnected", () => this.#become("connecting"));
    this.#ua.on("newRTCSession", ({ session, originator }) => {
      if (originator === "remote") this.#incoming(session);
    });
  }

  start() {
    this.#ua.start();
  }

  /** Ring no more; a call that is up goes on. */
  leave() {
    this.#ua.unregister();
  }

  get ringing() {
    return !this.outgoing && Boolean(this.#session?.isInProgress());
  }

  get talking() {
    return Boolean(this.#session?.isEstablished());
  }

  get busy() {
    return this.#session !== null;
  }

  /** Call a desk or a number; false where the telephone is busy or not registered. */
  dial(number) {
    if (this.#session || this.state !== "registered") return false;
    this.outgoing = true;
    const session = this.#ua.call(`sip:${number}@${this.#host}`, {
      mediaConstraints: sound(),
      pcConfig: { iceServers: this.#ice },
      // Made within call(): listening afterwards would be too late.
      eventHandlers: { peerconnection: ({ peerconnection }) => this.#listenTo(peerconnection) },
    });
    this.#follow(session);
    session.on("progress", ({ response }) => response?.status_code === 180 && this.#emit("ringback"));
    this.#emit("dialling", number);
    return true;
  }

  answer() {
    if (this.ringing) this.#session.answer({ mediaConstraints: sound(), pcConfig: { iceServers: this.#ice } });
  }

  hangup() {
    this.#session?.terminate();
  }

  mute(on) {
    if (!this.talking) return;
    if (on) this.#session.mute({ audio: true });
    else this.#session.unmute({ audio: true });
  }

  hold(on) {
    if (!this.talking) return;
    if (on) this.#session.hold();
    else this.#session.unhold();
  }

  key(digit) {
    if (this.talking) this.#session.sendDTMF(digit, { transportType: "RFC2833" });
  }

  /** Figures of the running call from getStats; null without one. */
  async stats() {
    const connection = this.#session?.connection;
    if (!connection) return null;
    const figures = {
      packetsReceived: 0, packetsLost: 0, bytesReceived: 0, jitterMs: 0, packetsSent: 0, bytesSent: 0,
      roundTripMs: null, audioLevel: null, codec: "", bufferS: 0, bufferCount: 0,
    };
    const report = await connection.getStats();
    for (const item of report.values()) {
      if (item.type === "inbound-rtp" && item.kind === "audio") {
        figures.packetsReceived += item.packetsReceived ?? 0;
        figures.packetsLost += item.packetsLost ?? 0;
        figures.bytesReceived += item.bytesReceived ?? 0;
        figures.jitterMs = Math.round((item.jitter ?? 0) * 1000);
        figures.audioLevel = item.audioLevel ?? null;
        figures.bufferS += item.jitterBufferDelay ?? 0;
        figures.bufferCount += item.jitterBufferEmittedCount ?? 0;
        figures.codec = report.get(item.codecId)?.mimeType ?? "";
      } else if (item.type === "outbound-rtp" && item.kind === "audio") {
        figures.packetsSent += item.packetsSent ?? 0;
        figures.bytesSent += item.bytesSent ?? 0;
      } else if (item.type === "remote-inbound-rtp" && item.roundTripTime !== undefined) {
        figures.roundTripMs = Math.round(item.roundTripTime * 1000);
      }
    }
    return figures;
  }

  #become(state) {
    this.state = state;
    this.#emit("state", state);
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #incoming(session) {
    if (this.#session) {
      session.terminate({ status_code: 486 });
      return;
    }
    this.outgoing = false;
    session.on("peerconnection", ({ peerconnection }) => this.#listenTo(peerconnection));
    this.#follow(session);
    const { display_name: name, uri } = session.remote_identity;
    if (AT_ONCE.has(name)) this.answer();
    else this.#emit("ringing", { name: name ?? "", number: uri.user ?? "" });
  }

  #follow(session) {
    this.#session = session;
    session.on("getusermediafailed", (error) => this.#emit("trouble", error?.name ?? ""));
    session.on("confirmed", () => this.#emit("answered"));
    const over = ({ cause }) => {
      if (this.#session !== session) return;
      const dialled = this.outgoing;
      this.#session = null;
      this.outgoing = false;
      this.#audio.srcObject = null;
      this.#emit("ended", { cause, dialled });
    };
    session.on("ended", over);
    session.on("failed", over);
  }

  #listenTo(connection) {
    connection.addEventListener("track", (event) => {
      this.#audio.srcObject = event.streams[0] ?? new MediaStream([event.track]);
      speakFrom(this.#audio);
      this.#audio.play().catch(() => {});
    });
  }
}

/** Ask for the microphone once, before the first call needs it. Resolves to an error's name, or to an empty string. */
export async function askForMicrophone() {
  if (!navigator.mediaDevices) return "InsecureContext";
  try {
    const stream = await navigator.mediaDevices.getUserMedia(sound());
    for (const track of stream.getTracks()) track.stop();
    return "";
  } catch (error) {
    return error.name;
  }
}
