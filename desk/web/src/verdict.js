import { $, el } from "./dom.js";
import { t } from "./i18n.js";

const NAMES = {
  emergency: () => t("紧急警情"),
  review: () => t("疑似紧急，请判别"),
  service: () => t("服务诉求"),
};

/** What kind of call this seems to be, why, what to ask first. */
export function showVerdict(verdict) {
  const banner = $("verdict");
  banner.dataset.outcome = verdict?.outcome ?? "none";
  $("outcome").textContent = verdict ? NAMES[verdict.outcome]() : t("尚无研判");
  const seen = new Set();
  const reasons = (verdict?.reasons ?? []).filter(({ words, rule }) => {
    const key = words || rule;
    return !seen.has(key) && seen.add(key);
  });
  $("reasons").replaceChildren(...reasons.map(({ words, rule, says }) =>
    el("mark", { className: says, title: rule }, words || (rule === "line" ? t("来自紧急热线") : rule))));
  if (verdict?.suggest_transfer) $("reasons").append(el("span", {}, t("所述似为服务诉求，核实后可取消紧急标记")));
  $("questions").replaceChildren(...(verdict?.questions ?? []).map((question) => el("li", {}, question)));
}
