// The wall's slides, one after another, for a screen that nobody touches.
import { $, show } from "../dom.js";
import { t } from "../i18n.js";

/** So long each is to be seen. */
export const TURN_MS = 20_000;

/** `shown(name)`: a slide of this name is to be seen from now on. */
export function turns(shown) {
  const slides = [...document.querySelectorAll("[data-slide]")];
  const dots = $("dots");
  let at = 0;
  let stopped = false;
  let timer;
  const draw = () => {
    slides.forEach((slide, place) => show(slide, place === at));
    dots.textContent = slides.map((_, place) => (place === at ? "●" : "○")).join(" ");
    dots.setAttribute("aria-label", t("第 {at} 屏，共 {all} 屏", { at: at + 1, all: slides.length }));
    shown(slides[at].dataset.slide);
  };
  const go = (step) => {
    at = (at + step + slides.length) % slides.length;
    draw();
    clearInterval(timer);
    if (!stopped) timer = setInterval(() => go(1), TURN_MS);
  };
  const stop = () => {
    stopped = !stopped;
    $("pause").setAttribute("aria-pressed", String(stopped));
    $("pause").textContent = stopped ? t("继续轮播") : t("暂停轮播");
    go(0);
  };
  $("pause").addEventListener("click", stop);
  addEventListener("keydown", ({ key, target }) => {
    if (target.closest("a, button, select") && key === " ") return;
    if (key === " ") stop();
    if (key === "ArrowRight") go(1);
    if (key === "ArrowLeft") go(-1);
  });
  go(0);
}

/**
 * Of a list that is longer than its place: as many entries as fit, the next time those after them. True where the end of
 * the list is to be seen.
 */
export function leaf(place) {
  const entries = [...place.children];
  let from = Number(place.dataset.from ?? 0);
  if (from >= entries.length) from = 0;
  entries.forEach((entry, at) => show(entry, at >= from));
  // What stands below the list in the same panel keeps its room.
  let after = 0;
  for (let next = place.nextElementSibling; next; next = next.nextElementSibling) after += next.offsetHeight;
  const box = place.classList.contains("ranks") ? place.parentElement : place;
  const bottom = box.getBoundingClientRect().bottom - after;
  let until = entries.length;
  while (until > from + 1 && entries[until - 1].getBoundingClientRect().bottom > bottom) show(entries[--until], false);
  // A heading alone at the end says nothing.
  while (until > from + 1 && until < entries.length && /^H\d$/.test(entries[until - 1].tagName)) show(entries[--until], false);
  place.dataset.next = until < entries.length ? until : 0;
  return until === entries.length;
}

/** The pointer of a screen that nobody touches is in the way; who moves it sees it and the buttons. */
export function hidePointer(afterMs = 4000) {
  let timer;
  const moved = () => {
    document.body.classList.remove("untouched");
    clearTimeout(timer);
    timer = setTimeout(() => document.body.classList.add("untouched"), afterMs);
  };
  addEventListener("pointermove", moved);
  addEventListener("keydown", moved);
  moved();
}

/** The screen does not go dark, where the browser can prevent it (on https, and while the page is to be seen). */
export function stayAwake() {
  const ask = () => document.visibilityState === "visible" && navigator.wakeLock?.request("screen").catch(() => {});
  document.addEventListener("visibilitychange", ask);
  ask();
}
