const zone = document.body.dataset.timezone;
const format = new Intl.DateTimeFormat("zh-CN", {
  timeZone: zone, month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hour12: false,
});
let ahead = 0;

/** Clocks run on the server's time: a desk's own clock may be wrong. */
export function setServerTime(now) {
  ahead = Date.parse(now) - Date.now();
}

export const serverNow = () => Date.now() + ahead;

export function day(moment) {
  return moment ? format.format(new Date(moment)).replace("/", "-") : "";
}

/** m:ss or h:mm:ss from a moment until another, or until now. */
export function since(moment, until) {
  return clock(((until ? Date.parse(until) : serverNow()) - Date.parse(moment)) / 1000);
}

/** Seconds as m:ss or h:mm:ss. */
export function clock(duration) {
  const seconds = Math.max(0, Math.floor(duration));
  const two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
