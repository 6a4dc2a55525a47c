import { api } from "./api.js";
import { numberButton } from "./dial.js";
import { $, el, notice, show } from "./dom.js";
import { t } from "./i18n.js";
import { day } from "./time.js";

/** Tickets urged in this call: its history may be drawn anew. */
const urged = new Set();

/** The caller rings again about an open ticket: one press (Alt+U for the first of them) urges its department. */
function urgeButton(ticket) {
  const done = urged.has(ticket.id);
  const button = el("button", { type: "button", className: "quiet", title: "Alt+U", disabled: done }, done ? t("已催办") : t("催办"));
  button.dataset.test = "urge";
  button.addEventListener("click", async () => {
    button.disabled = true;
    urged.add(ticket.id);
    try {
      await api(`/api/tickets/${encodeURIComponent(ticket.id)}/urge`, {});
      button.textContent = t("已催办");
    } catch (error) {
      notice(error.message);
      urged.delete(ticket.id);
      button.disabled = false;
    }
  });
  return button;
}

/** False where there is none to urge. */
export function urgeFirst() {
  const first = $("history").querySelector("[data-test=urge]:not(:disabled)");
  if (!first) return false;
  first.click();
  return true;
}

function ticketRow(ticket) {
  const open = ticket.state !== "closed";
  const link = el("a", { href: `/tickets/${encodeURIComponent(ticket.number)}`, target: "_blank", rel: "noopener" },
    el("span", { className: "line-1" },
      el("span", { className: `badge${open ? " open" : ""}` }, open ? t("未结 · {state}", { state: ticket.state_name }) : ticket.state_name),
      ticket.is_emergency ? el("span", { className: "badge emergency" }, t("紧急")) : null,
      el("span", { className: "muted" }, day(ticket.created_at))),
    el("span", { className: "line-2" }, [ticket.category, ticket.summary].filter(Boolean).join(" · ")));
  return el("div", { className: "past with-number" }, link, open && ticket.state !== "draft" ? urgeButton(ticket) : null,
    ticket.contact_phone ? numberButton(ticket.contact_phone, "☎") : null);
}

function callRow(call) {
  return el("div", { className: "past with-number" },
    el("span", { className: "line-1" },
      el("span", {}, call.line_name),
      el("span", { className: "muted" }, day(call.arrived_at)),
      el("span", { className: "muted" }, call.outcome_name)),
    numberButton(call.caller, "☎"));
}

/** Earlier tickets (the open ones first) and calls of the caller. */
export function showHistory(history) {
  if (!history) urged.clear();
  const rows = history ? [...history.tickets.map(ticketRow), ...history.calls.map(callRow)] : [];
  $("history-title").textContent = history?.open
    ? t("来电人历史 · 未结工单 {count} 件", { count: history.open })
    : t("来电人历史");
  const none = el("p", { className: "empty" }, history ? t("该号码此前没有来电和工单") : t("来电时显示该号码的历史"));
  $("history").replaceChildren(...(rows.length ? rows : [none]));
}

/** Drafts of this desk that were left without being submitted. */
export function showDrafts(drafts, open) {
  const box = $("drafts");
  show(box, drafts.length > 0);
  box.replaceChildren(
    el("h2", {}, t("未提交的受理单 {count} 件", { count: drafts.length })),
    ...drafts.map((draft) => el("button", { type: "button", className: "past", onclick: () => open(draft.call_id) },
      el("span", { className: "line-1" }, draft.number, el("span", { className: "muted" }, draft.line_name)))));
}
