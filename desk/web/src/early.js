// The call as its ring tells of it. The ring comes from Asterisk to this page by itself, with the line and the caller's
// number; the server's word about the same call follows a moment later, and not at all while the server is away.
import { serverNow } from "./time.js";

export class EarlyCall {
  #me;
  #lines;
  #emergency;
  #openings;
  /** As the server shows a call, as far as the ring tells; null where nothing rings, or the server has told by now. */
  call = null;

  constructor(setup) {
    this.#me = setup.extension;
    this.#lines = setup.lines;
    this.#emergency = new Set(setup.emergency);
    this.#openings = setup.openings;
  }

  /** The telephone rings. Asterisk gives a caller of the queue the number of his line as his name; all else is no such call. */
  rings({ name, number }) {
    if (!Object.hasOwn(this.#lines, name)) return;
    this.call = {
      early: true, call_id: null, direction: "in", line: name, line_name: this.#lines[name], caller: number,
      emergency: this.#emergency.has(name), opening: this.#openings[name] ?? "", state: "ringing",
      arrived_at: new Date(serverNow()).toISOString(), answered_at: null, ended_at: null, agent: this.#me, agent_name: "",
      queue: "", queue_name: "", ringing: [this.#me], parties: [], called: [], passed: null, location: null,
    };
  }

  answered() {
    if (!this.call) return;
    Object.assign(this.call, {
      state: "talking", ringing: [], answered_at: new Date(serverNow()).toISOString(),
      parties: [{ extension: this.#me, name: "", channel: "", role: "agent" }],
    });
  }

  over() {
    this.call = null;
  }
}
