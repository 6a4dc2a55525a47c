import { $, el } from "./dom.js";
import { t } from "./i18n.js";

const NAMES = {
  emergency: () => t("紧急警情"),
  review: () => t("疑似紧急，请判别"),
  service: () => t("服务诉求"),
};

const pairs = (words) => [...words].slice(1).map((character, at) => words.slice(at, at + 2));

/** Each reason once. The model points at runs of characters, often at several pieces of the same words: only the first of them
 *  is shown, and none of what a rule has named; in the transcript all are marked. */
function telling(reasons) {
  const shown = [];
  for (const reason of reasons) {
    const { words, rule } = reason;
    const again = shown.some((other) => (words || rule) === (other.words || other.rule)
      || (rule.startsWith("model.") && pairs(words).some((pair) => other.words.includes(pair))));
    if (!again) shown.push(reason);
  }
  return shown;
}

/** What kind of call this seems to be, why, what to ask first. */
export function showVerdict(verdict) {
  const banner = $("verdict");
  banner.dataset.outcome = verdict?.outcome ?? "none";
  $("outcome").textContent = verdict ? NAMES[verdict.outcome]() : t("尚无研判");
  $("reasons").replaceChildren(...telling(verdict?.reasons ?? []).map(({ words, rule, says }) =>
    el("mark", { className: says, title: rule }, words || (rule === "line" ? t("来自紧急热线") : rule))));
  if (verdict?.suggest_transfer) $("reasons").append(el("span", {}, t("所述似为服务诉求，核实后可取消紧急标记")));
  $("questions").replaceChildren(...(verdict?.questions ?? []).map((question) => el("li", {}, question)));
}
