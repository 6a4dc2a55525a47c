// Closing a ticket at once: why, by a figure for what is usual, or typed.
import { $ } from "./dom.js";

const box = $("close-dialog");
const reason = box.querySelector("[name=reason]");

function choose(button) {
  reason.value = button.dataset.reason;
  box.close("ok");
}

for (const button of box.querySelectorAll("[data-reason]")) button.addEventListener("click", () => choose(button));
box.addEventListener("keydown", (event) => {
  if (event.target === reason || event.altKey || event.ctrlKey || event.metaKey) return;
  const button = box.querySelectorAll("[data-reason]")[Number(event.key) - 1];
  if (!button) return;
  event.preventDefault();
  choose(button);
});

/** Ask why; resolves to the reason, or to an empty text where nobody wants to close any more. */
export async function whyClosed() {
  if (box.open) return "";
  reason.value = "";
  box.returnValue = "";
  box.showModal();
  await new Promise((resolve) => { box.addEventListener("close", resolve, { once: true }); });
  return box.returnValue === "ok" ? reason.value.trim() : "";
}
