// The form for the counter: one press is one ticket; open tickets of the visitor's number stand beside it.
import { api } from "./api.js";
import { $, el, show } from "./dom.js";
import { t } from "./i18n.js";
import { follow } from "./live.js";

const part = $("part");

part.addEventListener("submit", (event) => {
  const button = event.target.querySelector("button");
  // In the next turn: a button that is disabled at once would not send its form in every browser.
  setTimeout(() => { button.disabled = true; });
});
addEventListener("pageshow", () => {
  for (const button of part.querySelectorAll("button")) button.disabled = false;
});

const phone = part.querySelector("[name=phone]");
const DIGITS = 7;
let asked = "";

function row(ticket) {
  const matter = [ticket.category, ticket.summary].filter(Boolean).join(" · ");
  return el("p", {}, el("a", { href: `/tickets/${encodeURIComponent(ticket.number)}`, target: "_blank", rel: "noopener" }, ticket.number),
    ` ${ticket.state_name} `, matter);
}

async function look() {
  const number = phone.value.trim();
  if (number === asked) return;
  asked = number;
  let found = { open: 0, tickets: [] };
  // Without an answer the form goes on as if there were none: nobody waits for it.
  if (number.replace(/\D/g, "").length >= DIGITS) found = await api("/walkin/earlier", { phone: number }).catch(() => found);
  if (number !== asked) return;
  $("earlier").replaceChildren(el("strong", {}, t("该号码有未结工单 {count} 件，请先核对是否同一件事", { count: found.open })), ...found.tickets.map(row));
  show($("earlier"), found.open > 0);
}

let soon;
phone.addEventListener("input", () => { clearTimeout(soon); soon = setTimeout(look, 400); });
addEventListener("pageshow", look);

follow(Number(part.dataset.seq), {});
