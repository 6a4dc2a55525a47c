// The one dialog of the page: a question, words, a photograph with its caption. What was typed outlives a reload.
import { $, el, show } from "../dom.js";
import { t } from "../i18n.js";

const DRAFT = "heyi-field-draft ";
const box = $("ask");
const words = $("ask-words");
let settle;

/** Resolves with {words, place, amount}, or null where the person thought better of it.
 *
 *  `needs`: "words" must be written, "maybe" may be, "" are not asked for. `draft`: name by which unfinished words are
 *  kept on this phone. `amount`: {name, longest, step} of a number that must be given. */
export function ask({ title, text = "", yes = t("确定"), needs = "", hint = "", draft = "", preview = "", place = false, grave = false, amount = null }) {
  settle?.(null);
  $("ask-title").textContent = title;
  $("ask-text").textContent = text;
  show($("ask-text"), Boolean(text));
  $("ask-photo").replaceChildren(...(preview ? [el("img", { src: preview, alt: "" })] : []));
  show(words, Boolean(needs));
  words.required = needs === "words";
  words.placeholder = hint;
  words.dataset.draft = draft;
  words.value = draft ? localStorage.getItem(DRAFT + draft) ?? "" : "";
  show($("ask-place-line"), place);
  $("ask-place").checked = false;
  show($("ask-amount-line"), Boolean(amount));
  $("ask-amount-name").textContent = amount?.name ?? "";
  Object.assign($("ask-amount"), { value: "", required: Boolean(amount), min: amount?.step ?? "", max: amount?.longest ?? "", step: amount?.step ?? "any" });
  $("ask-yes").textContent = yes;
  $("ask-yes").classList.toggle("grave", grave);
  box.returnValue = "";
  box.showModal();
  return new Promise((resolve) => { settle = resolve; });
}

/** Words that were sent are no draft any more. */
export function forget(draft) {
  localStorage.removeItem(DRAFT + draft);
}

export function forgetAll() {
  for (const key of Object.keys(localStorage)) if (key.startsWith(DRAFT)) localStorage.removeItem(key);
}

words.addEventListener("input", () => {
  if (words.dataset.draft) localStorage.setItem(DRAFT + words.dataset.draft, words.value);
});
$("ask-no").addEventListener("click", () => box.close(""));
box.addEventListener("close", () => {
  const done = settle;
  settle = undefined;
  done?.(box.returnValue === "yes" ? { words: words.value.trim(), place: $("ask-place").checked, amount: Number($("ask-amount").value) } : null);
});
