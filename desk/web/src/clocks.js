// Clocks that run: every element that says since when (data-since), and from how many seconds on it is late (data-late).
import { serverNow, since } from "./time.js";

export function drawClocks() {
  for (const place of document.querySelectorAll("[data-since]")) {
    const text = place.dataset.since ? since(place.dataset.since) : "";
    if (place.textContent !== text) place.textContent = text;
    const late = place.dataset.late;
    if (late) place.classList.toggle("late", serverNow() - Date.parse(place.dataset.since) > 1000 * Number(late));
  }
}

export function keepClocks() {
  drawClocks();
  setInterval(drawClocks, 1000);
}
