// Whose phone it is: who has signed in, and signing out, after which nothing of anybody is left.
import { $, el } from "../dom.js";
import { t } from "../i18n.js";
import { forgetAll } from "./sheet.js";
import * as store from "./store.js";

const LEAVING = "heyi-field-leaving";
const CACHES = "heyi-field-";
const AGAIN = 5000;
const SHOWN = ["jobs", "units", "helps", "found", "waiting", "arrived", "who", "whole-who", "count-jobs", "count-outbox", "ask-photo"];
let left = false;

/** Signed out here, or in another tab: whatever is still under way writes nothing any more. */
export const leaving = () => left || Boolean(localStorage.getItem(LEAVING));

/** Whose session this is, as the server said at signing in; known without a network. Empty: nobody's. */
export const signedIn = () => decodeURIComponent(document.cookie.match(/(?:^|; )heyi_who=([^;]*)/)?.[1] ?? "");

/** Empty page and phone. First the mark, which stops whatever is under way, and by which this begins once more where the
 *  page is closed in between. */
export async function clear() {
  localStorage.setItem(LEAVING, "yes");
  left = true;
  for (const id of SHOWN) $(id).replaceChildren();
  forgetAll();
  await store.empty().catch(() => {});
  for (const name of await globalThis.caches?.keys() ?? []) if (name.startsWith(CACHES)) await caches.delete(name);
}

/** The session ends at the server; without a network as soon as there is one. */
export async function out(next) {
  // Another tab has ended it: the next session is somebody's own.
  if (!localStorage.getItem(LEAVING)) return location.assign(next);
  try {
    const answer = await fetch("/logout", { method: "POST", redirect: "manual" });
    if (answer.type !== "opaqueredirect" && !answer.ok && answer.status !== 401) throw new Error(String(answer.status));
    localStorage.removeItem(LEAVING);
    location.assign(next);
  } catch {
    $("jobs").replaceChildren(el("p", { className: "empty", dataset: { test: "cleared" } }, t("本机已清空。网络恢复后自动退出账号，请勿离开本页。")));
    setTimeout(out, AGAIN, next);
  }
  return undefined;
}

// Signed out in another tab; or gone back to from another page, when somebody else may have signed in.
addEventListener("storage", ({ key, newValue }) => key === LEAVING && newValue && location.reload());
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
