// Lists with filters and pages, by htmx: a new question exchanges the list alone, and the address follows. The templates
// say what is exchanged (exchanged.html); without this module the same forms and links load the whole page.
import htmx from "htmx.org";
import { $, el, notice } from "./dom.js";
import { t } from "./i18n.js";
import { over } from "./session.js";

Object.assign(htmx.config, {
  allowEval: false, allowScriptTags: false, includeIndicatorStyles: false, selfRequestsOnly: true, scrollIntoViewOnBoost: false,
  timeout: 20_000,
  // What a list has shown is kept nowhere: going back asks the server.
  historyCacheSize: 0, refreshOnHistoryMiss: true,
});
/** Where htmx keeps the address, with the words and numbers that were asked for. It does without. */
const KEPT = "htmx-current-path-for-history";
/** What is asked while it is typed says so: nobody has sent it yet. */
const TYPING = "Heyi-Typing";

const on = (name, heard) => document.addEventListener(name, heard);
const asks = (field) => htmx.trigger(field.form, "ask", { field });
/** The field whose change began a request; none for what was sent or a link. */
const fieldOf = ({ requestConfig }) => requestConfig.triggeringEvent?.detail?.field ?? null;

// --- what asks -----------------------------------------------------------------------------------------------------

/** The field in which an input method has a half word. */
let composing = null;
on("compositionstart", ({ target }) => {
  composing = target;
});
on("compositionend", ({ target }) => {
  composing = null;
  if (target.matches("[data-typing]")) asks(target);
});
on("input", ({ target, isComposing }) => {
  if (!isComposing && target.matches("[data-typing]")) asks(target);
});
// What was typed while this module was on its way, or what the browser has put back into the field.
on("DOMContentLoaded", () => {
  for (const field of document.querySelectorAll("[data-typing]")) if (field.value !== field.defaultValue) asks(field);
});
on("change", ({ target }) => {
  if (target.matches("[hx-boost] select")) asks(target);
});
// What was typed before the half word waits with it.
on("htmx:confirm", (event) => {
  if (composing && composing === document.activeElement) event.preventDefault();
});
on("htmx:configRequest", ({ detail }) => {
  for (const [name, value] of [...detail.formData]) if (value === "") detail.formData.delete(name);
  if (fieldOf({ requestConfig: detail })?.matches("[data-typing]")) detail.headers[TYPING] = "1";
});

// --- the address ---------------------------------------------------------------------------------------------------

/** The field that has taken the last step: all that is changed in it at one go is one step back. */
let stepped = null;
on("htmx:beforeHistoryUpdate", ({ detail }) => {
  const field = fieldOf(detail);
  const there = detail.history.path === location.pathname + location.search;
  if (there || (field && field === stepped)) detail.history.type = "replace";
  stepped = field;
});
on("focusout", ({ target }) => {
  if (target !== stepped) return;
  stepped = null;
  // Nobody typed on after it: this was the question, and what finds nothing is counted.
  if (target.matches("[data-typing]") && document.querySelector("[data-none]")) fetch(location.href, { keepalive: true }).catch(() => {});
});
const forget = () => sessionStorage.removeItem(KEPT);
forget();
for (const name of ["htmx:pushedIntoHistory", "htmx:replacedInHistory"]) on(name, forget);

// --- the answer ----------------------------------------------------------------------------------------------------

const said = el("p", { className: "unseen", role: "status" });
document.body.append(said);
/** Whether the focus was in what is exchanged. */
let held = false;

on("htmx:beforeRequest", ({ detail }) => detail.target.setAttribute("aria-busy", "true"));
on("htmx:afterRequest", ({ detail }) => detail.target.removeAttribute("aria-busy"));
on("htmx:beforeSwap", (event) => {
  const { pathInfo, requestConfig, target } = event.detail;
  const { pathname } = new URL(pathInfo.responsePath ?? "", location.href);
  // Led elsewhere: most of all to the sign-in page.
  if (pathname !== new URL(requestConfig.path, location.href).pathname) {
    event.preventDefault();
    if (pathname === "/login") over();
    else location.assign(pathInfo.responsePath);
  }
  held = target.contains(document.activeElement);
});
on("htmx:afterSwap", ({ detail }) => {
  const list = $(detail.target.id);
  notice("");
  said.textContent = list.dataset.told ?? "";
  if (!held || list.contains(document.activeElement)) return;
  list.tabIndex = -1;
  list.focus({ preventScroll: true });
});
on("htmx:responseError", ({ detail: { xhr } }) => {
  if (xhr.status === 401) over();
  else notice(new DOMParser().parseFromString(xhr.responseText, "text/html").querySelector("[data-message]")?.textContent || failed());
});
const failed = () => t("服务没有响应，请稍后再试");
for (const name of ["htmx:sendError", "htmx:timeout"]) on(name, () => notice(failed()));
