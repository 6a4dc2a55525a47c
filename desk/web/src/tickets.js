// Pages that list or show tickets: drawn by the server, kept fresh by the live stream, moved on by forms.
import { api } from "./api.js";
import { $, notice } from "./dom.js";
import { follow } from "./live.js";
import { serverNow } from "./time.js";

const part = $("part");

/** Draw the part anew; what somebody is typing or has unfolded stays. */
async function redraw() {
  const address = new URL(location.href);
  address.searchParams.set("part", "1");
  const answer = await fetch(address);
  if (answer.redirected || !answer.ok) {
    location.reload();
    return;
  }
  const html = await answer.text();
  const typed = new Map([...part.querySelectorAll("textarea[id], select[id]")].map((field) => [field.id, field.value]));
  const open = [...part.querySelectorAll("details[open]")].map(({ id }) => id);
  const focused = document.activeElement?.id;
  // Rendered by our own templates, which escape every value.
  part.innerHTML = html;
  for (const id of open) $(id)?.setAttribute("open", "");
  for (const [id, value] of typed) if ($(id)?.tagName === "TEXTAREA") $(id).value = value;
  if (focused) $(focused)?.focus();
  markLate();
}

function markLate() {
  for (const due of part.querySelectorAll("[data-due]")) {
    due.classList.toggle("late", Date.parse(due.dataset.due) < serverNow());
  }
}

let timer = null;
function soon() {
  timer ??= setTimeout(() => {
    timer = null;
    redraw().catch(() => {});
  }, 300);
}

part.addEventListener("submit", async (event) => {
  const posted = event.target;
  if (!posted.dataset.post) return;
  event.preventDefault();
  const values = Object.fromEntries(new FormData(posted));
  const button = posted.querySelector("button");
  button.disabled = true;
  try {
    await api(posted.dataset.post, posted.dataset.fields ? { fields: values } : values);
    notice("");
    posted.closest("details")?.removeAttribute("open");
    posted.reset();
    await redraw();
  } catch (error) {
    notice(error.message);
    button.disabled = false;
  }
});

part.addEventListener("change", (event) => {
  if (event.target.id === "department-filter") event.target.form.submit();
});

const ours = (event) => (!part.dataset.ticket || event.ticket_id === part.dataset.ticket) && soon();
follow(Number(part.dataset.seq), {
  TicketDrafted: ours, TicketEdited: ours, TicketMoved: ours, CallbackTried: ours, reset: soon,
});
markLate();
setInterval(markLate, 15_000);
