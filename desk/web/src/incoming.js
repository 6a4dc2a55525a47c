// A ringing telephone: sound, title, notification; who of several desks takes it; answering by itself.
import { api } from "./api.js";
import { $, show } from "./dom.js";
import { t } from "./i18n.js";
import { tell } from "./notify.js";
import { audible, beep, startRing, stopRing } from "./ringer.js";
import { LINK } from "./softphone.js";

/** Seconds from the tone to the answer of a call that is taken by itself. */
const COUNTDOWN_S = 3;

export class Incoming {
  #setup;
  #phone;
  #title = document.title;
  #ring = null;
  #call = null;
  /** The other desk that is answering, or empty. */
  #claimed = "";
  #left = 0;
  #timer = null;
  #sound = "";
  #notification = null;
  /** What the microphone said; a call is never taken into silence. */
  trouble = "";
  /** The desk's state before it rang: in the last resort the telephones of those who are not there ring, too. */
  rested = "";

  constructor(setup, phone) {
    this.#setup = setup;
    this.#phone = phone;
    $("answer").addEventListener("click", () => this.answer());
  }

  get linked() {
    return this.#ring?.name === LINK;
  }

  /** The telephone rings. */
  begin(ring) {
    this.#ring = ring;
    this.#claimed = "";
    this.#draw();
    this.#notification = tell(this.#headline(), this.#call?.caller ?? "", "heyi-call");
    this.#auto();
  }

  /** Which call it is that rings, as soon as the server has told. */
  know(call) {
    this.#call = call;
    if (!this.#ring) return;
    this.#draw();
    this.#auto();
  }

  /** It rings no more: answered, taken elsewhere, given up. */
  over() {
    this.#ring = null;
    this.#stopCountdown();
    this.#notification?.close();
    this.#notification = null;
    this.#draw();
  }

  /** Another desk says that it answers, or (empty) has not. Here it rings on: who is first is Asterisk's to decide. */
  claimedBy(desk) {
    if (!this.#ring) return;
    this.#claimed = desk === this.#setup.extension ? "" : desk;
    if (this.#claimed) this.#stopCountdown();
    this.#draw();
  }

  answer() {
    if (!this.#ring || !this.#phone()?.ringing) return;
    const many = (this.#call?.ringing.length ?? 0) > 1;
    // Told to the others, not asked for: Asterisk decides who is first, and no answer waits for a server.
    if (many) api(`/api/calls/${encodeURIComponent(this.#call.call_id)}/claim`, {}).catch(() => {});
    const phone = this.#phone();
    this.over();
    phone.answer();
  }

  /** Escape: this one is answered by hand. False where nothing counts down. */
  byHand() {
    if (!this.#timer) return false;
    this.#stopCountdown();
    this.#draw();
    return true;
  }

  #headline() {
    if (this.linked) return t("请加入通话");
    return this.#call ? `${this.#call.line} ${this.#call.line_name}`.trim() : t("来电");
  }

  #draw() {
    const ringing = Boolean(this.#ring);
    show($("answer"), ringing);
    $("answer-name").textContent = this.linked ? t("加入通话") : t("接听");
    show($("countdown"), this.#left > 0);
    $("countdown").textContent = t("{s} 秒后自动接听", { s: this.#left });
    const wanted = this.#mayAnswerItself() && !(audible() && !this.trouble);
    show($("claim"), ringing && Boolean(this.#claimed || wanted));
    $("claim").textContent = this.#claimed ? t("{desk} 正在接听", { desk: this.#claimed }) : t("没有声音或麦克风，请手动接听");
    document.title = ringing ? `☎ ${this.#headline()}` : this.#title;
    const sound = !ringing ? "" : this.linked ? "link" : this.#call?.emergency ? "emergency" : "service";
    if (sound === this.#sound) return;
    this.#sound = sound;
    if (sound) startRing(sound);
    else stopRing();
  }

  #mayAnswerItself() {
    const call = this.#call;
    return this.#setup.auto_answer && Boolean(this.#ring) && !call?.early && !this.linked && !this.#claimed && Boolean(call?.emergency)
      && this.rested === "ready" && call.ringing.length === 1 && !call.queue.startsWith(this.#setup.last_resort);
  }

  #auto() {
    if (this.#timer || this.#ring?.byHand || !this.#mayAnswerItself() || this.trouble || !audible()) return;
    beep();
    this.#left = COUNTDOWN_S;
    this.#timer = setInterval(() => {
      this.#left -= 1;
      if (this.#left > 0) this.#draw();
      else this.answer();
    }, 1000);
    this.#draw();
  }

  #stopCountdown() {
    if (this.#timer && this.#ring) this.#ring.byHand = true;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#left = 0;
  }
}
