// Rings that nobody would see: told by the system, over whatever window is in front.

/** granted, denied, default (nobody was asked); none where the browser has no notifications to give. */
export const mayNotify = () => globalThis.Notification?.permission ?? "none";

/** Ask for them, where nobody has been asked; browsers want a key or a click for that. */
export async function askToNotify() {
  if (mayNotify() === "default") await Notification.requestPermission().catch(() => {});
  return mayNotify();
}

/** Asked with the first key or click on this page, whatever that is. */
export function askSoon() {
  const ask = () => {
    askToNotify();
    for (const name of ["pointerdown", "keydown"]) removeEventListener(name, ask);
  };
  for (const name of ["pointerdown", "keydown"]) addEventListener(name, ask);
}

/** A window that stands behind another one, or has not the keyboard, is not looked at. The notification, or null. */
export function tell(headline, body, tag) {
  if (mayNotify() !== "granted" || (!document.hidden && document.hasFocus())) return null;
  const made = new Notification(headline, { body, tag, requireInteraction: true });
  made.onclick = () => focus();
  return made;
}
