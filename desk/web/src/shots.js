// Photographs of a ticket from a desk: chosen beside a report or for themselves, sent before the report, as phones send.
import { ApiError } from "./api.js";
import { el, notice } from "./dom.js";
import { scaled } from "./field/photos.js";
import { t } from "./i18n.js";
import { over } from "./session.js";

/** Those that were chosen and not sent, by the place that they were chosen in: it is drawn anew, they stay. */
const chosen = new Map();
const of = (box) => chosen.get(box.dataset.shots) ?? [];

/** Pages without https have no randomUUID. */
function newId() {
  const hex = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function paint(box) {
  box.querySelector(".shots-chosen").replaceChildren(...of(box).map((one) =>
    el("button", { type: "button", className: "quiet", title: t("去掉这张照片"), ariaLabel: t("去掉这张照片"), dataset: { undo: one.id, test: "shots-one" } }, el("img", { src: one.preview, alt: "" }), "×")));
}

async function take(box, files) {
  const found = [...of(box)];
  chosen.set(box.dataset.shots, found);
  for (const file of files) {
    try {
      found.push({ id: newId(), made_at: new Date().toISOString(), ...await scaled(file) });
    } catch {
      notice(t("这个文件不是可用的照片"), 8);
    }
  }
}

async function send(box, one, text) {
  const { ticket, login } = box.dataset;
  const form = new FormData();
  form.append("about", JSON.stringify({ id: one.id, login, ticket, made_at: one.made_at, sent_at: new Date().toISOString(), text }));
  form.append("photos", new Blob([one.data], { type: "image/jpeg" }), "1.jpg");
  let answer;
  try {
    answer = await fetch("/api/field/photos", { method: "POST", body: form });
  } catch {
    throw new ApiError(0, { message: t("网络中断，正在重连") });
  }
  if (answer.status === 401) over();
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new ApiError(answer.status, told);
  if (told.state !== "refused") return;
  // What was refused under a number stays refused under it.
  one.id = newId();
  throw new Error([told.message, told.hint].filter(Boolean).join(" · "));
}

/** Sends what was chosen in a form, each once however often it is tried; throws at the first that did not arrive. */
export async function sendShots(form) {
  const box = form.querySelector("[data-shots]");
  const text = form.elements.caption?.value.trim() ?? "";
  while (box && of(box).length) {
    await send(box, of(box)[0], text);
    of(box).shift();
    paint(box);
  }
}

/** `part`: where the forms are; `sent()` is called when a form of photographs alone has gone. */
export function shots(part, sent) {
  const all = () => part.querySelectorAll("[data-shots]").forEach(paint);
  new MutationObserver((changes) => changes.some(({ target }) => target === part) && all()).observe(part, { childList: true });
  part.addEventListener("change", async ({ target }) => {
    const key = target.type === "file" && target.closest("[data-shots]")?.dataset.shots;
    if (!key) return;
    const files = [...target.files];
    await take(target.closest("[data-shots]"), files);
    target.value = "";
    all();
  });
  part.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-undo]");
    const box = button?.closest("[data-shots]");
    if (!box) return;
    chosen.set(box.dataset.shots, of(box).filter((one) => one.id !== button.dataset.undo));
    paint(box);
  });
  part.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!("photos" in form.dataset)) return;
    event.preventDefault();
    const button = form.querySelector("button:not([type=button])");
    button.disabled = true;
    try {
      if (!of(form.querySelector("[data-shots]")).length) throw new Error(t("请先选择照片"));
      await sendShots(form);
      form.reset();
      form.closest("details")?.removeAttribute("open");
      notice("");
      sent();
    } catch (error) {
      notice(error.message);
    }
    button.disabled = false;
  });
}
