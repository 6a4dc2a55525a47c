// The form for the counter: one press is one ticket.
import { $ } from "./dom.js";
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
follow(Number(part.dataset.seq), {});
