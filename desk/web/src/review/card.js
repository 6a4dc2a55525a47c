// The scorecard: answers, what they rest on, comments; what the checks propose stands beside until a person takes it.
import { $, el, show } from "../dom.js";
import { t } from "../i18n.js";
import { clock } from "../time.js";

const NAMES = { yes: t("是"), no: t("否"), na: t("不适用") };
const part = (item, name) => item.querySelector(`[data-part="${name}"]`);

export class Card {
  #entered; #proposals; #editable;
  #current = null;
  onChange = () => {};
  onPlace = () => {};

  constructor({ entered, proposals, editable }) {
    this.#entered = structuredClone(entered);
    this.#proposals = proposals;
    this.#editable = editable;
    for (const item of this.items) {
      item.addEventListener("click", (event) => this.#clicked(item, event.target));
      item.addEventListener("focusin", () => this.choose(item));
      const comment = part(item, "comment");
      comment.value = this.#entered.comments[item.dataset.item] ?? "";
      comment.readOnly = !editable;
      comment.addEventListener("input", () => {
        this.#entered.comments[item.dataset.item] = comment.value;
        this.onChange(false);
      });
      this.#paint(item);
    }
    const note = $("note");
    note.value = this.#entered.note;
    note.readOnly = !editable;
    note.addEventListener("input", () => {
      this.#entered.note = note.value;
      this.onChange(false);
    });
    if (editable && this.items.length) this.choose(this.items.find((item) => !(item.dataset.item in this.#entered.answers)) ?? this.items[0]);
  }

  get items() { return [...document.querySelectorAll("#card .item")]; }
  get entered() { return this.#entered; }

  choose(item) {
    if (item === this.#current) return;
    this.#current?.classList.remove("current");
    this.#current = item;
    item.classList.add("current");
    item.scrollIntoView({ block: "nearest" });
  }

  step(by) {
    const items = this.items;
    const at = Math.min(Math.max(items.indexOf(this.#current) + by, 0), items.length - 1);
    if (items[at]) this.choose(items[at]);
  }

  /** Answer the chosen item; false where it has no such answer. */
  answer(value) {
    const button = this.#editable && this.#current?.querySelector(`[data-answer="${value}"]`);
    if (!button) return false;
    const key = this.#current.dataset.item;
    this.#entered.answers[key] = /^\d+$/.test(value) ? Number(value) : value;
    this.#paint(this.#current);
    this.onChange(true);
  }

  /** Take what the checks propose for the chosen item, with what it rests on. */
  accept() {
    const key = this.#current?.dataset.item;
    const proposed = this.#proposals[key];
    if (!this.#editable || !proposed) return false;
    for (const { utterance_id, second, words } of proposed.evidence) {
      if (utterance_id) this.#rest(key, { utterance_id, second: second ?? 0, words: words ?? "" });
    }
    return this.answer(proposed.answer);
  }

  /** The place is what the chosen item's answer rests on. */
  evidence(place) {
    if (!this.#editable || !place || !this.#current) return false;
    this.#rest(this.#current.dataset.item, place);
    this.#paint(this.#current);
    this.onChange(true);
  }

  comment() {
    if (!this.#editable || !this.#current) return false;
    const field = part(this.#current, "comment");
    show(field, true);
    field.focus();
    field.scrollIntoView({ block: "nearest" });
  }

  /** The score as the server has made it. */
  told({ score, missing }) {
    $("points").textContent = score.points ?? "—";
    $("points").classList.toggle("failed", score.passed === false);
    $("verdict").textContent = score.points === null ? "" : score.passed ? t("合格") : t("不合格");
    show($("verdict"), score.points !== null);
    $("left").textContent = missing.length ? t("还有 {count} 项未评", { count: missing.length }) : "";
    const failed = score.failed.map((key) => this.#item(key)?.querySelector(".name").textContent ?? key);
    show($("auto-fail"), failed.length > 0);
    // The line takes room of the card: what somebody works on stays in view.
    this.#current?.scrollIntoView({ block: "nearest" });
    const items = failed.join("、");
    $("auto-fail").textContent = score.before_fail === null
      ? t("一票否决：{items}。整通计 0 分", { items })
      : t("一票否决：{items}。整通计 0 分（否则为 {points} 分）", { items, points: score.before_fail });
    for (const item of this.items) {
      const lost = score.lost[item.dataset.item];
      part(item, "lost").textContent = lost ? `−${lost}` : "";
      item.classList.toggle("open", missing.includes(item.dataset.item));
    }
  }

  /** Show the first of what is not answered yet. */
  showMissing() {
    const item = this.items.find((each) => !(each.dataset.item in this.#entered.answers));
    if (item) this.choose(item);
  }

  #item(key) { return this.items.find((item) => item.dataset.item === key); }

  #rest(key, place) {
    const places = (this.#entered.evidence[key] ??= []);
    if (places.length < 20 && !places.some((one) => one.utterance_id === place.utterance_id && one.words === place.words)) places.push(place);
  }

  #clicked(item, target) {
    this.choose(item);
    const button = target.closest("button");
    if (!button) return;
    if (button.dataset.answer !== undefined) this.answer(button.dataset.answer);
    else if (button.dataset.accept !== undefined) this.accept();
    else if (button.dataset.place !== undefined) this.onPlace(this.#entered.evidence[item.dataset.item][Number(button.dataset.place)]);
    else if (button.dataset.drop !== undefined) {
      this.#entered.evidence[item.dataset.item].splice(Number(button.dataset.drop), 1);
      this.#paint(item);
      this.onChange(true);
    }
  }

  #paint(item) {
    const key = item.dataset.item;
    const answer = this.#entered.answers[key];
    for (const button of item.querySelectorAll("[data-answer]")) {
      button.setAttribute("aria-pressed", String(button.dataset.answer === String(answer)));
      button.disabled = !this.#editable;
    }
    show(part(item, "comment"), Boolean(part(item, "comment").value) || part(item, "comment") === document.activeElement);
    part(item, "places").replaceChildren(...(this.#entered.evidence[key] ?? []).map((place, at) => el("li", {},
      el("button", { type: "button", className: "quiet place", dataset: { place: at, test: "place" } },
        el("b", { className: "clock" }, clock(place.second)), ` ${place.words || t("（此处）")}`),
      this.#editable && el("button", { type: "button", className: "quiet", dataset: { drop: at }, "aria-label": t("删除这条依据") }, "×"))));
    this.#propose(item, this.#proposals[key], answer);
  }

  /** The proposal, until the item is answered otherwise than by nobody. */
  #propose(item, proposed, answer) {
    const line = part(item, "proposal");
    show(line, Boolean(proposed) && answer === undefined);
    if (!proposed) return;
    const why = proposed.evidence.map(({ reason }) => reason).filter(Boolean);
    line.replaceChildren(
      el("span", { className: "badge machine" }, t("机检建议：{answer}", { answer: NAMES[proposed.answer] })),
      el("span", { className: "muted" }, [...new Set(why)].slice(0, 2).join("；")),
      el("span", { className: "spring" }),
      el("button", { type: "button", className: "quiet", dataset: { accept: "", test: "accept" } }, t("采纳"), el("kbd", {}, "p")));
  }
}
