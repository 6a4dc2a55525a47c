// The sentences of the latest brief, each figure with its tickets.
import { $, el, show } from "../dom.js";
import { t } from "../i18n.js";

export function drawBrief(setup, brief) {
  show($("brief-none"), !brief);
  const body = brief?.body[setup.language];
  $("brief").replaceChildren(...(body ? [
    el("h3", {}, el("a", { href: `/briefs/${brief.id}` }, body.title)), el("p", { className: "muted" }, body.period),
    ...body.sections.flatMap(({ title, lines }) => [el("h4", {}, title),
      ...lines.map((runs) => el("p", {}, ...runs.map(([text, query]) =>
        (query ? el("a", { className: "figure", href: `/briefs/${brief.id}/tickets?${query}` }, text) : text))))]),
    ...(brief.body.advice ? [el("h4", {}, t("分析与建议")), ...brief.body.advice.split("\n").filter(Boolean).map((line) => el("p", {}, line))] : []),
  ] : []));
}
