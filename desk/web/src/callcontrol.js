// What the desk does with its call: consult, pass on, call others in, leave; help and silent callers.
import { api } from "./api.js";
import { $, el, notice, show } from "./dom.js";
import { t } from "./i18n.js";
import { keyed, part, put } from "./keyed.js";
import { inTurn } from "./once.js";
import { serverNow } from "./time.js";
import { TransferPanel } from "./transfer.js";

/** Without a word of the caller for so long the call taker is told of the silent protocol. */
const SILENCE_S = 10;
/** Within this time the second click removes somebody who is in the call. */
const SURE_S = 3;
/** How long a line that only confirms stays. */
const CONFIRM_S = 4;
/** Asterisk tells of a telephone outside that is rung only when asked. */
const LOOK_MS = 1000;

const ofQueue = (call) => call.direction === "in" || call.direction === "back";

export class CallControl {
  #me;
  #emergency;
  #directory;
  #supervisor;
  /** Key of each group → extensions of its desks. */
  #members;
  #phone;
  #changed;
  #panel;
  #call = null;
  /** What was asked for and has not come yet: the key of a group, or what is consulted. */
  #linking = new Set();
  /** Groups that came by their number outside, of which the call does not tell whose it is. */
  #outside = new Set();
  /** Channel of the party that the next click removes. */
  #sure = "";
  #unsure = null;
  #reason = "";
  #asked = false;
  #voice = false;
  #look = null;
  #asks = inTurn();

  /**
   * `phone()` gives the telephone, `changed()` is called when the parties have. `setup`: see desk/pages.py.
   */
  constructor(setup, states, phone, changed) {
    this.#me = setup.extension;
    this.#emergency = new Set(setup.emergency);
    this.#directory = setup.directory;
    this.#supervisor = setup.supervisor;
    this.#members = new Map(setup.directory.groups.map(({ target }) =>
      [target, new Set(setup.directory.desks.filter((d) => d.groups.includes(target)).map((d) => d.target))]));
    this.#phone = phone;
    this.#changed = changed;
    this.#panel = new TransferPanel(setup.directory, states, {
      consult: (row, reason) => this.#consult(row, reason),
      transfer: (row, reason) => this.#do("transfer", { kind: row.kind, target: row.target, reason }, t("已转出")),
    });
    this.#drawGroups();
    for (const [id, act] of [
      ["transfer-open", () => this.transferOrComplete()], ["take-back", () => this.takeBack()],
      ["conference", () => this.conference()], ["complete", () => this.transferOrComplete()],
      ["ask-help", () => this.help()], ["ask-silent", () => this.silent()], ["silent-now", () => this.silent()],
    ]) $(id).addEventListener("click", act);
  }

  /** Keys of the linkage groups, for the table of keys. */
  keys() {
    return this.#directory.groups.filter((g) => g.linkage && g.hotkey)
      .map((g) => [`Alt+${g.hotkey}`, t("联动 {name}", { name: g.name }), () => this.link(g)]);
  }

  get panel() {
    return this.#panel;
  }

  /** Another call, or a newer state of the same one; null where none is on the desk. */
  show(call) {
    if (call?.call_id !== this.#call?.call_id) {
      this.#panel.close();
      this.#linking.clear();
      this.#outside.clear();
      this.#asked = false;
      this.#voice = false;
    }
    this.#call = call;
    if (!call || !this.#inIt()) this.#panel.close();
    this.draw();
  }

  /** The caller was heard, at so many seconds from the beginning of the call. */
  heard(endS) {
    const call = this.#call;
    if (!call?.answered_at) return;
    const answered = (Date.parse(call.answered_at) - Date.parse(call.arrived_at)) / 1000;
    if (endS > answered) this.#voice = true;
  }

  #inIt() {
    return this.#call?.parties.some((p) => p.extension === this.#me) ?? false;
  }

  /** Everybody else who takes part and is not being consulted. */
  #others() {
    return (this.#call?.parties ?? []).filter((p) => p.extension !== this.#me && p.role !== "consult");
  }

  /** Passing on lets everybody else go, removing somebody one of them: that is for the desk whose call it is. */
  #own() {
    return this.#call?.agent === this.#me;
  }

  /** Who is consulted: in conversation with this desk, or still ringing. */
  #consulted() {
    const call = this.#call;
    if (!this.#own() || !this.#inIt()) return null;
    const talks = call.parties.find((p) => p.role === "consult" && p.extension !== this.#me);
    const rings = call.called.find((p) => p.role === "agent" && p.extension !== this.#me);
    return talks ? { ...talks, talks: true } : rings ? { ...rings, talks: false } : null;
  }

  draw() {
    const call = this.#call;
    const talking = Boolean(call && this.#phone()?.talking && call.state !== "ended");
    const live = talking && this.#inIt();
    const queue = live && ofQueue(call);
    const consulted = live ? this.#consulted() : null;
    const guest = call?.parties.find((p) => p.extension === this.#me)?.role === "consult";
    show($("transfer-open"), queue && !consulted && this.#own());
    show($("ask-help"), live && !this.#supervisor);
    show($("ask-silent"), queue && this.#emergency.has(call.line) && !consulted && !guest);
    show($("groups"), live && !consulted && !guest);
    show($("consulting"), Boolean(consulted));
    if (consulted) {
      const who = `${consulted.extension} ${consulted.name}`.trim();
      $("consult-who").textContent = consulted.talks ? t("正在咨询 {who}，来电人听音乐等候", { who }) : t("正在呼叫 {who}…", { who });
      $("conference").disabled = !consulted.talks;
      $("complete").disabled = !consulted.talks && !consulted.extension;
      // He has heard nothing yet: it rings on, for the caller.
      $("complete-name").textContent = consulted.talks ? t("转出") : t("直接转出");
    }
    // The consultation has its own way back, by the same key.
    show($("hangup"), !consulted);
    $("hangup-name").textContent = this.#leaves() ? t("离开") : t("挂断");
    this.#drawParties(live, consulted);
    this.#drawBusy();
    this.#drawHelp(live);
    this.#drawSilence();
    this.#watch(live);
  }

  /** Hanging up leaves others in the call: then it is called so. */
  #leaves() {
    return this.#inIt() && this.#others().length > 0;
  }

  #drawParties(live, consulted) {
    const call = this.#call;
    const ringing = live ? call.called.filter((p) => p.channel !== consulted?.channel) : [];
    const rows = live ? [...this.#others().map((p) => [p, true]), ...ringing.map((p) => [p, false])] : [];
    show($("parties"), rows.length > 0);
    keyed($("parties"), rows, ([party]) => party.channel || party.extension, ([party]) => el("li", {},
      el("span", { className: "name" }, `${party.extension} ${party.name}`.trim()),
      el("span", { className: "muted", dataset: { part: "role" } }),
      el("button", { type: "button", dataset: { part: "remove" } })), (row, [party, joined]) => {
      Object.assign(row.dataset, { extension: party.extension, joined: String(joined) });
      put(part(row, "role"), this.#partOf(party, joined));
      const button = part(row, "remove");
      const sure = this.#sure === party.channel;
      show(button, this.#own() && party.role !== "supervisor");
      button.classList.toggle("firm", sure);
      put(button, !joined ? t("取消呼叫") : sure ? t("确认移出") : t("移出"));
      button.onclick = () => this.#remove(party, joined);
    });
  }

  /** Somebody who talks is removed by the second click: the first may have been meant for another row. */
  #remove(party, joined) {
    const sure = !joined || this.#sure === party.channel;
    clearTimeout(this.#unsure);
    this.#sure = sure ? "" : party.channel;
    if (sure) return this.#do("dismiss", { channel: party.channel });
    this.#unsure = setTimeout(() => {
      this.#sure = "";
      this.draw();
    }, SURE_S * 1000);
    this.draw();
  }

  /** What a group has to do with this call: asked for or ringing, in it, or nothing. */
  #groupIs(group) {
    const ours = (party) => this.#members.get(group).has(party.extension);
    if (this.#linking.has(group) || this.#call?.called.some(ours)) return "calling";
    return this.#outside.has(group) || this.#call?.parties.some(ours) ? "in" : "";
  }

  #drawBusy() {
    for (const button of $("groups").children) {
      const now = this.#groupIs(button.dataset.group);
      button.disabled = Boolean(now);
      button.classList.toggle("calling", now === "calling");
    }
  }

  #partOf(party, joined) {
    if (!joined) return t("振铃");
    if (party.extension && party.extension === this.#call.agent) return t("主接");
    return party.role === "supervisor" ? t("班长强插") : t("通话中");
  }

  #drawGroups() {
    const groups = this.#directory.groups.filter((g) => g.linkage);
    $("groups").replaceChildren(...groups.map((g) => el("button", {
      type: "button", title: t("联动 {name}", { name: g.name }), dataset: { group: g.target }, onclick: () => this.link(g),
    }, g.name, g.hotkey ? el("kbd", {}, `Alt+${g.hotkey}`) : null)));
  }

  #drawHelp(live) {
    const by = this.#call?.help?.[this.#me];
    $("ask-help").dataset.state = by === undefined ? "none" : by ? "coming" : "asked";
    $("help-name").textContent = by === undefined ? t("求助") : by ? t("已响应") : t("已求助");
    show($("help-line"), live && by !== undefined);
    const words = by ? t("班长（{by}）已响应求助", { by }) : t("已向班长求助，再按一次取消");
    $("help-line").textContent = by === undefined ? "" : words;
  }

  #drawSilence() {
    const call = this.#call;
    const keys = (call?.pressed ?? []).map(({ digit }) => digit).join(" ");
    show($("pressed"), Boolean(keys) && call.state !== "ended" && this.#inIt());
    const urgent = call && this.#emergency.has(call.line);
    $("pressed").textContent = urgent && keys.includes("1")
      ? t("来电人按了 1：可能不便说话。不要追问，按静默报警处置")
      : t("来电人按键：{keys}", { keys });
    const silent = call && urgent && call.state === "talking" && this.#inIt() && ofQueue(call) && !this.#voice && !keys
      && call.answered_at && serverNow() - Date.parse(call.answered_at) > SILENCE_S * 1000;
    show($("silence"), Boolean(silent));
    $("silence-text").textContent = this.#asked ? t("已请来电人按键，等待中…") : t("接通后一直没有听到来电人说话");
    show($("silent-now"), !this.#asked);
  }

  /** Once a second: clocks, and the silence that grows. */
  tick() {
    this.#drawSilence();
  }

  // --- deeds

  /** `swallowed`: status codes of errors that nobody needs to be told. */
  async #do(verb, body = {}, done = "", swallowed = []) {
    const id = this.#call?.call_id;
    if (!id) {
      // It rang or was answered, and the server has not told of it.
      if (this.#call) notice(t("网络中断，正在重连"));
      return null;
    }
    try {
      const answer = await api(`/api/calls/${encodeURIComponent(id)}/${verb}`, body);
      notice(done, CONFIRM_S);
      this.refresh();
      return answer;
    } catch (error) {
      if (!swallowed.includes(error.status)) notice(error.message);
      this.refresh();
      return null;
    }
  }

  /** Ask who takes part now. */
  async refresh() {
    const call = this.#call;
    if (!call?.call_id || call.state === "ended") return;
    const news = this.#asks();
    const now = await api(`/api/calls/${encodeURIComponent(call.call_id)}/parties`).catch((error) =>
      (error.status === 404 ? { parties: [], called: [], agent: "" } : null));
    if (!now || this.#call !== call || !news()) return;
    Object.assign(call, now);
    if (!call.parties.some((p) => !p.extension)) this.#outside.clear();
    this.draw();
    this.#changed();
  }

  #watch(live) {
    const wanted = live && (this.#call.called.length > 0 || this.#linking.size > 0 || this.#call.parties.some((p) => !p.extension));
    if (wanted) this.#look ??= setInterval(() => this.refresh(), LOOK_MS);
    else {
      clearInterval(this.#look);
      this.#look = null;
    }
  }

  async #consult(row, reason) {
    this.#reason = reason;
    await this.#do("consult", { target: row.target, outside: row.kind === "outside" });
    // The desk's leg is begun a moment after the answer.
    setTimeout(() => this.refresh(), 600);
  }

  /** The same key twice: choose whom, and when he has heard enough, let him have the caller. */
  transferOrComplete() {
    if (this.#consulted()) this.#do("complete", { reason: this.#reason }, t("已转出"));
    else if (this.#panel.opened) this.#panel.close();
    else if (!$("transfer-open").hidden) this.#panel.open(this.#call);
  }

  takeBack() {
    if (this.#consulted()) this.#do("take-back");
  }

  conference() {
    if (this.#consulted()?.talks) this.#do("conference");
  }

  async link(group) {
    if ($("groups").hidden || this.#groupIs(group.target)) return;
    const id = this.#call.call_id;
    this.#linking.add(group.target);
    this.draw();
    const answer = await this.#do("link", { group: group.target });
    if (this.#call?.call_id !== id) return;
    this.#linking.delete(group.target);
    if (answer && !this.#members.get(group.target).has(answer.who)) this.#outside.add(group.target);
    if (answer) notice(t("{name} 已加入通话（{who}）", { name: group.name, who: answer.who }), CONFIRM_S);
    this.draw();
  }

  /** Hang up; in a consultation back to the caller, in company only oneself leaves. */
  async hangup() {
    const phone = this.#phone();
    if (this.#consulted()) return this.takeBack();
    if (!this.#leaves()) return phone?.hangup();
    // Whatever the server says: who wants to go, goes; who is out already has what he wanted.
    await this.#do("leave", {}, "", [403, 404]);
    setTimeout(() => phone?.talking && phone.hangup(), 1500);
  }

  help() {
    if ($("ask-help").hidden) return;
    if (this.#call.help?.[this.#me] === undefined) this.#do("help");
    else this.#do("help-given", { agent: this.#me });
  }

  async silent() {
    if ($("ask-silent").hidden) return;
    if (await this.#do("ask-silent")) this.#asked = true;
    this.draw();
  }

  // --- what is told of this call

  helpAsked(event) {
    this.#call.help = { ...this.#call.help, [event.agent]: "" };
    this.draw();
  }

  helpGiven(event) {
    const help = { ...this.#call.help };
    if (event.by === event.agent) delete help[event.agent];
    else help[event.agent] = event.by;
    this.#call.help = help;
    this.draw();
  }

  pressed(event) {
    this.#call.pressed = [...(this.#call.pressed ?? []), { digit: event.digit, at: event.at }];
    this.draw();
  }
}
