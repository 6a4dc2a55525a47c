// Whose ticket it is, for who sees it masked: shown for a reason, until the page is drawn anew.
import { api } from "./api.js";
import { $, notice } from "./dom.js";

/** Forms with `data-reveal`, the address that tells. */
export function reveals(part) {
  part.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.dataset.reveal) return;
    event.preventDefault();
    try {
      const told = await api(form.dataset.reveal, Object.fromEntries(new FormData(form)));
      for (const [name, value] of Object.entries(told)) $(`person-${name}`).textContent = value || "—";
      form.remove();
      notice("");
    } catch (error) {
      notice(error.message);
    }
  });
}
