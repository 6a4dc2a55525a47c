// Who listens, and when: the time in the watermark goes on while the page is open.
const EVERY = 30_000;

export function stamp() {
  const zone = document.body.dataset.timezone;
  const form = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" });
  setInterval(() => {
    for (const place of document.querySelectorAll("[data-watermark]")) place.textContent = form.format(new Date());
  }, EVERY);
}
