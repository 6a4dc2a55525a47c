// What was told, each thing with its words: read back, looked up in the transcript, taken into the form by one key.
import { $, el, show } from "./dom.js";
import { t } from "./i18n.js";

/** With Alt: a letter stays with what it stands on until the ticket has that; then it waits until the others were used. */
const LETTERS = ["Q", "W", "E", "R", "T", "Y", "A", "X", "B"];
const KEYS = `Alt+${LETTERS.join(" ")}`;

/** How the transcript marks what was told. */
const MARKS = { danger: "emergency", place: "place", relative: "place", name: "thing", vehicle: "thing" };
const NUMBER = "number";

/** Mobile numbers, and those of places with their area code. */
const PHONE = /^(1[3-9]\d{9}|0\d{9,11})$/;

const plain = (text) => text.replace(/[\s，、。；]/g, "");
const idOf = ({ kind, value }) => `${kind} ${value}`;

/** The words that tell of danger, as what can be taken: they make the ticket an emergency and stand in it. */
function dangers(reasons) {
  const words = new Set(reasons.filter((r) => r.says === "emergency" && r.words).map((r) => r.words));
  return [...words].map((word) => ({
    kind: "danger", name: t("险情"), value: word, words: word, utterance_id: "", confirmed: false,
    takes: [{ field: "is_emergency", value: true }, { field: "summary", value: word, adds: true }],
  }));
}

export class Facts {
  #form;
  #transcript;
  #facts = [];
  #readBack = {};
  /** Letter of each thing that was told, by `idOf`. */
  #letters = new Map();
  /** Letters that stand on nothing, in the order in which they are given. */
  #free = [...LETTERS];

  /** `form`: takes what was told (ticketform.js); `transcript`: shows where it was said, and marks it. */
  constructor(form, transcript) {
    this.#form = form;
    this.#transcript = transcript;
  }

  /** What `verdict` knows of a call; null: of none. */
  show(verdict) {
    if (!verdict) {
      this.#letters.clear();
      this.#free = [...LETTERS];
    }
    const places = (verdict?.facts ?? []).filter(({ kind }) => kind === "place");
    const others = (verdict?.facts ?? []).filter(({ kind }) => kind !== "place");
    const danger = dangers(verdict?.reasons ?? []);
    this.#facts = [...places, ...danger, ...others];
    this.#readBack = verdict?.read_back ?? {};
    this.draw();
  }

  /** Letters are few: what the ticket has gives its own back, for what had none. */
  #deal() {
    const open = new Map(this.#facts.filter((fact) => !this.#held(fact)).map((fact) => [idOf(fact), fact]));
    for (const [id, letter] of this.#letters) {
      if (open.has(id)) continue;
      this.#letters.delete(id);
      this.#free.push(letter);
    }
    // Words of danger, which mostly stand in the draft by themselves, come after facts.
    for (const last of [false, true]) {
      for (const [id, { kind }] of open) {
        if ((kind === "danger") !== last || this.#letters.has(id) || !this.#free.length) continue;
        this.#letters.set(id, this.#free.shift());
      }
    }
  }

  /** Keys of what was told, for the table of keys. */
  keys() {
    return LETTERS.map((letter, at) => [`Alt+${letter}`, at ? "" : t("把听到的填入工单"), () => this.#key(letter), KEYS]);
  }

  /** The form has changed: what stands in it is not offered. */
  draw() {
    this.#deal();
    const { zh = "", en = "" } = this.#readBack;
    $("read-back-words").textContent = zh;
    // The caller hears Chinese; who reads another language sees what it says.
    $("read-back-meaning").textContent = document.documentElement.lang.startsWith("zh") ? "" : en;
    show($("read-back"), Boolean(zh));
    const told = this.#facts.filter((fact) => fact.kind !== "danger" || !this.#held(fact));
    const offered = (fact) => (this.#held(fact) || !this.#form.open ? "" : (this.#letters.get(idOf(fact)) ?? ""));
    $("facts").replaceChildren(...told.map((fact) => this.#chip(fact, offered(fact))));
    show($("told"), Boolean(zh || told.length));
    const taken = (fact) => (this.#held(fact) || !this.#form.open ? null : () => this.#take(fact));
    this.#transcript.tell(
      this.#facts.map((fact) => ({ ...fact, mark: MARKS[fact.kind] ?? NUMBER, key: offered(fact), take: taken(fact) })),
      (figures) => taken({ takes: [this.#placeOf(figures)], words: figures, value: figures }));
  }

  /** Where a number goes that nobody has made a fact of: a telephone to the contact without one, all others to what it is about. */
  #placeOf(figures) {
    const contact = { field: "contact_phone", value: figures };
    const rings = PHONE.test(figures) && (this.#form.holds(contact) || this.#form.holds({ ...contact, value: "" }));
    return rings ? contact : { field: "summary", value: figures, adds: true };
  }

  #held({ takes, words, value }) {
    return takes.every((take) => this.#form.holds(take, [words, value]));
  }

  #take({ takes, words, value }) {
    for (const take of takes) if (!this.#form.holds(take, [words, value])) this.#form.take(take);
    this.draw();
  }

  #key(letter) {
    const fact = this.#facts.find((one) => this.#letters.get(idOf(one)) === letter);
    if (!fact || !this.#form.open || this.#held(fact)) return false;
    this.#take(fact);
    return true;
  }

  #chip(fact, letter) {
    const { kind, name, value, words, confirmed } = fact;
    const held = this.#held(fact);
    return el("span", { className: `fact${confirmed ? " sure" : ""}${held ? " held" : ""}`, dataset: { test: "told-fact", kind } },
      el("button", {
        type: "button", dataset: { test: "fact", kind },
        title: confirmed ? t("已向来电人核实，点击看原话") : t("点击看原话"), onclick: () => this.#transcript.point(fact),
      },
      el("span", { className: "fact-name" }, name),
      el("span", { className: "fact-value" }, value, confirmed ? " ✓" : ""),
      plain(words) === plain(value) ? null : el("span", { className: "fact-words" }, t("“{words}”", { words }))),
      held || !this.#form.open ? null : el("button", {
        type: "button", className: "take", dataset: { test: "take" }, title: t("填入工单"), "aria-label": [t("填入工单：{value}", { value }), letter && `Alt+${letter}`].join(" ").trim(),
        onclick: () => this.#take(fact),
      }, letter ? el("kbd", {}, `Alt+${letter}`) : t("填入")));
  }
}
