// What a calibration meeting agreed on, item by item.
import { api } from "../api.js";
import { notice } from "../dom.js";

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.settle) return;
  event.preventDefault();
  try {
    await api(form.dataset.settle, Object.fromEntries(new FormData(form)));
    location.reload();
  } catch (error) {
    notice(error.message);
  }
});
