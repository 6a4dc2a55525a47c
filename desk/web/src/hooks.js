// Other systems: subscriptions, dead letters, keys. A secret is shown once, beside the part that is drawn anew.
import { api } from "./api.js";
import { $, notice } from "./dom.js";
import { keepFresh, part, soon } from "./livepart.js";

part.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.secret) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const given = new FormData(form);
  const values = Object.fromEntries(given);
  if (form.querySelector("[name=topics]")) {
    values.topics = given.getAll("topics");
    values.personal = given.has("personal");
  }
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const made = await api(form.dataset.secret, values);
    notice("");
    $("secret-words").textContent = made.secret;
    $("secret-where").textContent =
      values.kind && values.kind !== "open311" ? `${part.dataset.base}/in/${values.kind}/${made.id}` : "";
    $("secret").hidden = false;
    form.reset();
    form.closest("details")?.removeAttribute("open");
    soon();
  } catch (error) {
    notice(error.message);
  }
  button.disabled = false;
}, true);

keepFresh({ TicketMoved: soon, TicketTakenIn: soon });
// What becomes of a message is no event: it is looked at while somebody looks.
setInterval(soon, 5000);
