// Pages that list or show tickets.
import { dialElsewhere } from "./dial.js";
import { DispatchPanel } from "./dispatch.js";
import { $ } from "./dom.js";
import { beforePost, keepFresh, part, soon } from "./livepart.js";
import { reveals } from "./reveal.js";
import { sendShots, shots } from "./shots.js";

part.addEventListener("change", (event) => {
  if (["department-filter", "source-filter"].includes(event.target.id)) event.target.form.submit();
});

dialElsewhere();
reveals(part);
shots(part, soon);
beforePost(sendShots);

const sending = $("dispatch") && new DispatchPanel($("dispatch"));
sending?.show($("dispatch").dataset.number);
if (sending) {
  addEventListener("keydown", (event) => {
    if (event.altKey && event.code === "KeyD" && !event.repeat && sending.send()) event.preventDefault();
  });
}

const ours = (event) => {
  if (part.dataset.ticket && event.ticket_id !== part.dataset.ticket) return;
  soon();
  sending?.refresh();
};
keepFresh({ ...sending?.handlers(), TicketDrafted: ours, TicketEdited: ours, TicketMoved: ours, CallbackTried: ours, ClockWarned: ours, ClockOverdue: ours, TicketLinked: ours, TicketUnlinked: ours });
