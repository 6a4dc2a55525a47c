// Callbacks that people make: one click claims the attempt and has the desk's telephone dial.
import { api } from "./api.js";
import { dialElsewhere } from "./dial.js";
import { $, el, notice } from "./dom.js";
import { t } from "./i18n.js";

dialElsewhere();

/** Clicked like any other number: the page with the telephone dials it. */
function dial(number) {
  const button = el("button", { type: "button", hidden: true, dataset: { dial: number } });
  document.body.append(button);
  button.click();
  button.remove();
}

let redraw = () => location.assign("/callbacks");

document.addEventListener("click", async ({ target }) => {
  const button = target.closest?.("[data-begin], [data-begin-ticket]");
  if (!button) return;
  button.disabled = true;
  const { begin, beginTicket } = button.dataset;
  try {
    const { number } = await api(begin ? `/api/callbacks/${begin}/begin` : `/api/tickets/${beginTicket}/callback`, {});
    notice(number ? "" : t("没有可回访的号码"));
    if (number) dial(number);
    redraw();
  } catch (error) {
    notice(error.message);
    button.disabled = false;
  }
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.handler) return;
  event.preventDefault();
  try {
    await api(form.dataset.handler, Object.fromEntries(new FormData(form)));
    location.reload();
  } catch (error) {
    notice(error.message);
  }
});

if ($("part")) {
  // Only the list has a part that is kept fresh.
  const { keepFresh, soon } = await import("./livepart.js");
  redraw = soon;
  keepFresh({ CallbackTried: soon, TicketMoved: soon });
}
