// One way of sound out of the page: an audio context on a device that was chosen, wherever devices come and go.
import { chosen } from "./devices.js";

/** Browsers without a choice for contexts have one for elements (Firefox); Safari has neither, and speaks from the system's own. */
export class Speaker {
  context = new AudioContext();
  /** What sources connect to. */
  out = this.context.destination;
  /** Whether a device was chosen and is not here. */
  gone = false;
  #kind;
  #target = this.context;

  /** `kind`: audiooutput or ring (devices.js). */
  constructor(kind) {
    this.#kind = kind;
    if (this.context.setSinkId) return;
    this.#target = new Audio();
    if (!this.#target.setSinkId) return;
    this.out = this.context.createMediaStreamDestination();
    this.#target.srcObject = this.out.stream;
  }

  /** Sound is allowed now, perhaps: begun again, from the device that is chosen now. */
  begin() {
    if (this.context.state === "suspended") this.context.resume().catch(() => {});
    if (this.#target !== this.context && this.#target.paused && this.#target.srcObject) this.#target.play().catch(() => {});
  }

  /** To the chosen device; where it is not here, or refused, to the system's own. */
  async aim() {
    if (!this.#target.setSinkId) return;
    const id = chosen(this.#kind);
    const devices = id ? await navigator.mediaDevices?.enumerateDevices().catch(() => []) : [];
    const here = devices?.some((device) => device.kind === "audiooutput" && device.deviceId === id) ? id : "";
    // Asked for once only: each change is a gap in what sounds.
    if (this.#target.sinkId !== here) await this.#target.setSinkId(here).catch(() => {});
    this.gone = Boolean(id) && this.#target.sinkId !== id;
  }
}
