// What is marked in a call: findings over the waveform; clips, private parts and good examples beneath the transcript.
import { api } from "../api.js";
import { $, el, notice, show } from "../dom.js";
import { t } from "../i18n.js";
import { clock } from "../time.js";

const stretch = ({ from_s, to_s }) => `${clock(from_s)} – ${clock(to_s)}`;

/** A dialog's answer; false where it was cancelled. */
export function ask(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

export class Marks {
  #setup; #address; #wave; #turns;

  constructor(setup, address, turns) {
    [this.#setup, this.#address, this.#turns] = [setup, address, turns];
    $("kept").addEventListener("click", (event) => this.#clicked(event.target).catch((error) => notice(error.message)));
    this.#list();
  }

  /** The waveform is there: what is kept shows in it, and findings over it. */
  join(wave) {
    this.#wave = wave;
    $("spots").replaceChildren(...this.#setup.marks.map((mark, at) => {
      const name = `${clock(mark.second)} ${mark.kind === "danger" ? t("险情") + "：" : mark.label ? `${mark.label}：` : ""}${mark.text}`;
      const spot = el("button", { type: "button", className: `spot ${mark.kind} ${mark.severity}`, title: name, "aria-label": name, dataset: { spot: at, test: "spot" } });
      spot.style.left = `${Math.min((mark.second / wave.seconds) * 100, 100)}%`;
      spot.addEventListener("click", () => this.#go(mark));
      return spot;
    }));
    this.#list();
  }

  /** The next finding after this second, or with -1 the one before. */
  step(by) {
    const at = this.#wave ? this.#wave.time : 0;
    const marks = by > 0 ? this.#setup.marks : [...this.#setup.marks].reverse();
    const mark = marks.find(({ second }) => (by > 0 ? second > at + 0.3 : second < at - 0.3));
    return mark ? this.#go(mark) : false;
  }

  async clip() {
    const within = this.#wave?.stretch;
    if (!within) return notice(t("请先用 [ 和 ] 或拖选定出片段"), 6);
    const made = await this.#form({ name: t("片段批注"), where: stretch({ from_s: within[0], to_s: within[1] }), what: t("批注"),
      save: (comment) => api(`${this.#address}/clips`, { from_s: within[0], to_s: within[1], comment }) });
    if (made) this.#setup.clips.push(made);
    this.#list();
  }

  async private() {
    const chosen = this.#turns.selection();
    const within = this.#wave?.stretch;
    if (!chosen && !within) return notice(t("请先选中要遮蔽的文字，或定出片段"), 6);
    const where = [chosen && `「${chosen.words}」`, within ? stretch({ from_s: within[0], to_s: within[1] }) : t("这句话的全部声音"),
      !chosen && t("只遮蔽声音，文字不变")].filter(Boolean).join(" · ");
    const made = await this.#form({ name: t("遮蔽"), where, what: t("遮蔽的理由"), save: (why) => api(`${this.#address}/private`, {
      why, ...(chosen && { utterance_id: chosen.row.id.slice(2), start: chosen.start, end: chosen.end, words: chosen.words }),
      ...(within && { from_s: within[0], to_s: within[1] }),
    }) });
    if (made) this.#setup.private.push(made);
    this.#list();
  }

  async good() {
    const [from_s, to_s] = this.#wave?.stretch ?? [0, this.#wave?.seconds ?? 0];
    const made = await this.#form({ name: t("选为优秀案例"), where: this.#wave?.stretch ? stretch({ from_s, to_s }) : t("整通电话"), what: t("好在哪里"), example: true,
      save: (why) => api(`${this.#address}/examples`, { from_s, to_s, why, category: $("mark-category").value, title: $("mark-title").value }) });
    if (made) this.#setup.good.push(made);
    this.#list();
  }

  #go(mark) {
    this.#wave.seek(mark.second);
    this.#turns.show(mark.utterance_id);
  }

  /** Ask until it could be kept, or the person gave up; null then. */
  async #form({ name, where, what, save, example = false }) {
    const dialog = $("mark-dialog");
    $("mark-name").textContent = name;
    $("mark-where").textContent = where;
    $("mark-what").textContent = what;
    $("mark-text").value = $("mark-title").value = "";
    show($("mark-example"), example);
    show($("mark-error"), false);
    while (await ask(dialog)) {
      try {
        return await save($("mark-text").value);
      } catch (error) {
        $("mark-error").textContent = error.message;
        show($("mark-error"), true);
      }
    }
    return null;
  }

  async #clicked(target) {
    const { remove, lift, from, to } = target.closest("button")?.dataset ?? {};
    if (remove) {
      await api(`${this.#address}/clips/${remove}/remove`, {});
      this.#setup.clips = this.#setup.clips.filter(({ id }) => id !== remove);
    } else if (lift) {
      await api(`${this.#address}/private/${lift}/lift`, {});
      this.#setup.private = this.#setup.private.filter(({ id }) => String(id) !== lift);
    } else if (from && this.#wave) {
      this.#wave.loop(Number(from), Number(to));
      this.#wave.seek(Number(from));
    }
    this.#list();
  }

  #list() {
    const { clips, private: hidden, good, editable, lead, me } = this.#setup;
    const row = (kind, name, one, text, ...more) => el("p", { className: `row ${kind}`, dataset: { test: kind } },
      el("span", { className: "badge" }, name),
      el("button", { type: "button", className: "quiet clock", dataset: { from: one.from_s, to: one.to_s } }, stretch(one)),
      el("span", { className: "said" }, text), el("span", { className: "spring" }), ...more);
    $("kept").replaceChildren(
      ...clips.map((one) => row("clip", t("批注"), one, one.comment,
        editable && one.by === me && el("button", { type: "button", className: "quiet", dataset: { remove: one.id } }, t("删除")))),
      ...hidden.map((one) => row("hidden", t("已遮蔽"), one, [one.words, one.why].filter(Boolean).join(" · "),
        el("span", { className: "muted" }, one.name),
        lead && el("button", { type: "button", className: "quiet", dataset: { lift: one.id, test: "lift" } }, t("取消遮蔽")))),
      ...good.map((one) => row("good", t("优秀案例"), one, el("a", { href: `/examples/${one.id}` }, one.title))));
    this.#wave?.keep([...clips.map((one) => ({ ...one, kind: "clip" })), ...hidden.map((one) => ({ ...one, kind: "private" }))]);
  }
}
