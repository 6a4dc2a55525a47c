// The page 现场: tasks, finds and the outbox. What is pressed is first kept on the phone, then sent.
import { api } from "../api.js";
import { $, el, notice, show } from "../dom.js";
import { t } from "../i18n.js";
import { setServerTime } from "../time.js";
import { arrivedRow, foundRow, helpLine, jobCard, noteable, takenLine, tick, unitList, waitingRow } from "./cards.js";
import { clear, leaving, out, signedIn } from "./leaving.js";
import { direct, drain } from "./outbox.js";
import { scaled } from "./photos.js";
import { here } from "./place.js";
import { ask, forget } from "./sheet.js";
import * as store from "./store.js";
import { over } from "./tracks.js";

const setup = JSON.parse($("setup").textContent);
/** Milliseconds: a look at the tasks, the first and the longest pause after a network that failed, a position. */
const LOOK = 20_000;
const PATIENCE = 1500;
const [FIRST, LONGEST] = [2000, 60_000];
const LOCATE = { help: 5000, other: 8000 };
const MOST_PHOTOS = 3;
const LOCATED = new Set(["depart", "arrive", "help", "patrol"]);
let me = null;
let shown = null;
/** When the tasks that are shown were asked for. */
let looked = 0;
let waiting = [];
let finds = [];
const unfolded = new Map();

// --- what is shown -------------------------------------------------------------------------------------------------

let drawn = "";

async function draw() {
  if (leaving()) return;
  // Where the browser keeps nothing, tasks are shown and help is called all the same.
  const [kept, arrived] = await Promise.all([store.outbox(), store.arrived()]).catch(() => [[], []]);
  if (leaving()) return;
  waiting = kept;
  const gone = arrived.filter((item) => item.login === me?.login);
  // What is the same stays: a finger may be on its way to it.
  const all = JSON.stringify([me, shown, waiting.map(({ photos, ...item }) => item), gone.map((item) => [item.id, item.at > looked])], (name, value) => (name === "now" ? undefined : value));
  if (all === drawn) return;
  drawn = all;
  const own = waiting.filter((item) => item.login === me?.login && item.state === "waiting");
  // What has arrived since the tasks were read is in none of them yet.
  const since = gone.filter((item) => item.at > looked).reverse();
  const jobs = (shown?.jobs ?? []).filter((job) => !over(job, [...since, ...own].filter((item) => item.ticket === job.id)));
  $("jobs").replaceChildren(...jobs.map((job, n) => jobCard(job, own, since, unfolded.get(job.id) ?? n === 0)));
  if (!jobs.length) $("jobs").append(el("p", { className: "empty", dataset: { test: "no-jobs" } }, shown ? t("没有待办任务") : $("line").dataset.state === "signin" ? t("请重新登录") : t("正在读取任务…")));
  $("units").replaceChildren(unitList(shown?.units ?? [], [...since, ...own]));
  const notices = (shown?.units ?? []).flatMap((unit) => unit.notices.map((notice) => takenLine(unit, notice)));
  $("helps").replaceChildren(...(shown?.helps ?? []).slice(0, 2).map(helpLine), ...notices);
  $("found").replaceChildren(...(shown?.found ?? []).map(foundRow));
  const rows = waiting.map((item) => waitingRow(item, item.login === me?.login));
  $("waiting").replaceChildren(...(rows.length ? rows : [el("p", { className: "empty" }, t("没有待发送的内容"))]));
  $("arrived").replaceChildren(...(gone.length ? [el("h2", {}, t("最近送达")), ...gone.map(arrivedRow)] : []));
  $("count-jobs").textContent = jobs.length || "";
  $("count-outbox").textContent = waiting.length || "";
  $("count-outbox").classList.toggle("stuck", waiting.some((item) => item.state === "stuck"));
  $("who").textContent = $("who").title = me?.name ?? "";
  $("whole-who").textContent = me ? `${me.name} · ${me.department_name}` : "";
}

function line(state) {
  const text = { on: t("在线"), off: t("离线"), signin: t("请重新登录") }[state];
  if ($("line").dataset.state === state) return;
  $("line").dataset.state = state;
  $("line").textContent = text;
  if (state !== "signin") return notice("");
  notice(t("登录已过期。未发送的内容都在本机，重新登录后自动发送。"));
  $("notice").append(" ", el("a", { href: `/login?next=${setup.scope}`, dataset: { test: "sign-in-again" } }, t("重新登录")));
}

function view(name) {
  for (const one of ["jobs", "find", "outbox"]) show($(`view-${one}`), one === name);
  for (const button of document.querySelectorAll("[data-view]")) {
    if (button.dataset.view === name) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
  scrollTo(0, 0);
}

// --- what comes ----------------------------------------------------------------------------------------------------

/** The tasks as the server has them; what was shown last where there is no network. */
async function look() {
  if (leaving()) return undefined;
  const asked = Date.now();
  let told;
  try {
    const answer = await fetch("/api/field/tasks", { signal: AbortSignal.timeout(15_000) });
    if (answer.status === 401) return expired();
    if (!answer.ok) throw new Error(String(answer.status));
    told = await answer.json();
  } catch {
    return leaving() ? undefined : line("off");
  }
  if (leaving()) return undefined;
  // Two looks may be on their way, and the later one may be answered first.
  if (asked < looked) return undefined;
  take(told);
  looked = asked;
  await store.keepTasks({ login: me.login, at: asked, told: shown }).catch(() => {});
  line("on");
  return draw();
}

/** Nobody is signed in: whoever holds the phone now is not shown what was another's, nor presses in that name. */
async function expired() {
  if (leaving()) return;
  me = null;
  shown = null;
  await store.keepTasks(null).catch(() => {});
  line("signin");
  await draw();
}

function take(told) {
  const news = shown && told.jobs.filter((job) => !shown.jobs.some((one) => one.id === job.id));
  setServerTime(told.now);
  me = told.me;
  shown = told;
  if (!news?.length) return;
  navigator.vibrate?.(news.some((job) => job.emergency) ? [400, 150, 400, 150, 400] : [200]);
  notice(t("新任务：{what}", { what: news.map((job) => `${job.category} ${job.place}`).join(t("、")) }), 8);
}

/** What was shown last; not longer than a shift, and only to the person whose it was. */
async function remembered() {
  const last = await store.kept("tasks").catch(() => null);
  if (me || leaving()) return undefined;
  const old = !last || Date.now() - last.at > setup.shift_h * 3_600_000;
  if (old || last.login !== signedIn()) return store.keepTasks(null).catch(() => {});
  me = last.told.me;
  shown = last.told;
  looked = last.at;
  return draw();
}

// --- what goes -----------------------------------------------------------------------------------------------------

let pause = FIRST;
let again;

async function send() {
  if (leaving()) return undefined;
  clearTimeout(again);
  const end = await drain(draw).catch(() => "later");
  if (leaving()) return undefined;
  if (end === "later") line("off");
  if (end === "empty") {
    pause = FIRST;
    return look();
  }
  pause = end === "later" ? Math.min(pause * 2, LONGEST) : end === "locating" || end === "busy" ? 1000 : LONGEST;
  again = setTimeout(send, pause);
  // Whether nobody is signed in, or somebody whose it is not, the server knows.
  return end === "signin" ? look() : draw();
}

/** Keep what was pressed, then send it; whether it is kept. A position that is being sought is waited for, but not for
 *  long. */
async function queue(item) {
  if (!me || leaving()) {
    notice(t("请先登录"));
    return false;
  }
  const located = LOCATED.has(item.kind) || item.located;
  const patience = item.kind === "help" ? LOCATE.help : LOCATE.other;
  const kept = {
    id: crypto.randomUUID(), login: me.login, state: "waiting", tries: 0, message: "", hint: "", ticket: "", number: "",
    unit: "", part: "", order: "", text: "", position: null, photos: [], made_at: new Date().toISOString(), ...item,
    locating: located ? Date.now() + patience + 1000 : 0,
  };
  delete kept.located;
  let seq;
  try {
    seq = await store.put(kept);
  } catch {
    if (kept.kind === "help") return cry(kept);
    notice(t("本机无法保存，刚才的内容没有记下。请腾出存储空间后再试；急事请用电话或电台。"));
    return false;
  }
  await draw();
  navigator.serviceWorker?.ready.then((worker) => worker.sync?.register("outbox")).catch(() => {});
  if (located) {
    here(patience).then(async ({ position = null, refused = "" }) => {
      if (leaving()) return;
      await store.change(seq, { position, refused, locating: 0 }).catch(() => {});
      if (refused === "denied") notice(t("未授权定位，本次不带位置；可在浏览器设置中允许定位。"), 8);
      pause = FIRST;
      send();
    });
    return true;
  }
  pause = FIRST;
  send();
  return true;
}

/** Where nothing can be kept, a cry for help goes from here, again and again, until the server has it. */
async function cry(item) {
  notice(t("本机无法保存，正在直接发送求助，请勿关闭本页。"));
  const { position = null } = await here(LOCATE.help);
  while (!leaving() && !(await direct({ ...item, position }))) {
    notice(t("求助还没有送达，正在重试，请勿关闭本页；同时请用电话或电台求助。"));
    await new Promise((resolve) => { setTimeout(resolve, FIRST); });
  }
  if (leaving()) return false;
  notice(t("求助已送达指挥席，等待回应"));
  look();
  return true;
}

/** Unfinished words are of one person, one task and one act. */
const draftOf = (...about) => [me?.login ?? "", ...about].join(" ");

const jobOf = (element) => shown.jobs.find((job) => job.id === element.closest("[data-job]")?.dataset.job);

async function step(button) {
  const job = jobOf(button);
  const { kind, unit, part, order, needs, name } = button.dataset;
  const draft = draftOf(job.id, unit, kind);
  const hint = { report: t("办理结果：做了什么，现场情况如何"), refuse: t("退回的理由") }[kind] ?? "";
  const said = needs ? await ask({ title: `${name} · ${job.number}`, needs, hint, draft, yes: name }) : { words: "" };
  if (!said) return;
  if (await queue({ kind, unit, part, order, ticket: job.id, number: job.number, text: said.words, label: name })) forget(draft);
}

async function note(button) {
  const job = jobOf(button);
  const draft = draftOf(job.id, "note");
  const said = await ask({ title: `${t("情况说明")} · ${job.number}`, needs: "words", draft, hint: t("现场情况，写入工单记录") });
  if (!said) return;
  if (await queue({ kind: "note", ticket: job.id, number: job.number, text: said.words, label: t("情况说明") })) forget(draft);
}

/** More time, of a clock that allows it, with the reason; whoever the city names decides. */
async function extend(button) {
  const job = jobOf(button);
  const { clock, name, unit_name: unit, longest, step: by } = job.extensions.find((one) => one.clock === button.dataset.clock);
  const draft = draftOf(job.id, clock, "extend");
  const said = await ask({ title: `${t("申请延期")} · ${job.number}`, text: name, needs: "words", hint: t("申请延期的理由"), draft, yes: t("提交申请"),
    amount: { name: t("延长（{unit}，最多 {most}）", { unit, most: longest }), longest, step: by } });
  if (!said) return;
  if (await queue({ kind: "extend", ticket: job.id, number: job.number, clock, amount: said.amount, text: said.words, label: t("申请延期") })) forget(draft);
}

/** The camera's file comes to an element that no drawing takes away, and that knows whose photograph it is: the task may
 *  have left the list before the camera is done. */
function shot(button) {
  const { id: ticket, number } = jobOf(button);
  Object.assign($("shot").dataset, { ticket, number });
  $("shot").click();
}

async function taken({ target }) {
  const { ticket, number } = target.dataset;
  const made = await picture(target);
  if (!made) return;
  const draft = draftOf(ticket, "photo");
  const said = await ask({ title: `${t("现场照片")} · ${number}`, needs: "maybe", hint: t("照片说明（可不填）"), draft, preview: made.preview, place: true, yes: t("发送") });
  if (!said) return;
  if (await queue({ kind: "photo", ticket, number, text: said.words, photos: [made.data], preview: made.preview, located: said.place, label: t("现场照片") })) forget(draft);
}

async function picture(input) {
  const [file] = input.files;
  input.value = "";
  if (!file) return null;
  try {
    return await scaled(file);
  } catch {
    notice(t("这个文件不是可用的照片"), 8);
    return null;
  }
}

async function help() {
  const job = shown?.jobs.find((one) => unfolded.get(one.id)) ?? shown?.jobs[0];
  const unit = job?.tracks.find((track) => track.unit)?.unit ?? "";
  const said = await ask({ title: t("向指挥席求助"), text: job ? t("将连同位置和工单 {number} 一起发送", { number: job.number }) : t("将连同位置一起发送"), needs: "maybe", hint: t("需要什么（可不填）"), yes: t("立即求助"), grave: true });
  if (!said) return;
  await queue({ kind: "help", unit, ticket: job?.id ?? "", number: job?.number ?? "", text: said.words, label: t("求助") });
}

const acts = {
  step, note, shot, extend,
  back: (button) => queue({ kind: "back", unit: button.dataset.unit, label: t("归队") }),
  // Said once is enough, so it needs no place in the outbox: without a network it stays.
  known: (button) => api(`/api/orders/${button.dataset.order}/seen`, {}).then(look, (error) => notice(error.message, 6)),
  again: (button) => retry(button, {}),
  "as-note": (button) => retry(button, { kind: "note", unit: "" }),
  async drop(button) {
    const item = itemOf(button);
    if (await ask({ title: t("放弃“{what}”？", { what: item.label }), text: t("将从本机删除，无法找回。"), yes: t("放弃此条") })) await store.drop(item.seq);
    await draw();
  },
  save(button) {
    const item = itemOf(button);
    item.photos.forEach((data, n) => {
      const href = URL.createObjectURL(new Blob([data], { type: "image/jpeg" }));
      el("a", { href, download: `${item.number || "heyi"}-${item.seq}-${n + 1}.jpg` }).click();
      setTimeout(() => URL.revokeObjectURL(href), 10_000);
    });
  },
};

const itemOf = (element) => waiting.find((item) => item.seq === Number(element.closest("[data-seq]").dataset.seq));

/** Once more, under a new id: what was refused under the old one stays refused. */
async function retry(button, fields) {
  const { seq, ...item } = itemOf(button);
  const text = fields.kind === "note" && noteable(item) ? [t("（未能办理：{what}）", { what: item.label }), item.text].filter(Boolean).join(" ") : item.text;
  await store.put({ ...item, ...fields, text, id: crypto.randomUUID(), state: "waiting", tries: 0, message: "", hint: "", locating: 0, label: fields.kind ? t("情况说明") : item.label });
  await store.drop(seq);
  pause = FIRST;
  await send();
}

// --- finds ---------------------------------------------------------------------------------------------------------

function drawFinds() {
  $("find-photos").replaceChildren(...finds.map((one, n) => el("button", { type: "button", dataset: { undo: n }, ariaLabel: t("去掉这张照片") }, el("img", { src: one.preview, alt: "" }), "×")));
  $("find-shot").disabled = finds.length >= MOST_PHOTOS;
}

$("find-shot").addEventListener("change", async ({ target }) => {
  const made = await picture(target);
  if (made && finds.length < MOST_PHOTOS) finds.push(made);
  drawFinds();
});
$("find-photos").addEventListener("click", ({ target }) => {
  const button = target.closest("[data-undo]");
  if (button) finds.splice(Number(button.dataset.undo), 1);
  drawFinds();
});
$("find").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [text, code, place] = ["find-text", "find-code", "find-place"].map((id) => $(id).value.trim());
  const button = event.target.querySelector(".primary");
  button.disabled = true;
  const noted = await queue({ kind: "patrol", text, code, place, photos: finds.map((one) => one.data), preview: finds[0]?.preview ?? "", label: t("巡查上报") });
  button.disabled = false;
  if (!noted) return;
  event.target.reset();
  finds = [];
  drawFinds();
  notice(t("已记下，正在上报"), 4);
});

// --- signing out ---------------------------------------------------------------------------------------------------

async function leave() {
  const unsent = (await store.outbox().catch(() => [])).length;
  const text = unsent ? t("还有 {n} 条没有送达，退出后将从本机删除，无法找回。", { n: unsent }) : t("本机的任务和记录将清空。");
  if (!await ask({ title: t("退出并清空本机"), text, yes: unsent ? t("删除并退出") : t("退出"), grave: unsent > 0 })) return;
  await bare();
}

/** Nothing is shown, kept or sent any more. */
async function bare() {
  clearTimeout(again);
  me = null;
  shown = null;
  await clear();
  return out(`/login?next=${setup.scope}`);
}

// --- joining -------------------------------------------------------------------------------------------------------

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (button?.dataset.view) view(button.dataset.view);
  else if (button?.dataset.act) Promise.resolve(acts[button.dataset.act](button)).catch(() => notice(t("本机存储出错，请再试一次。"), 8));
});
$("shot").addEventListener("change", taken);
$("jobs").addEventListener("toggle", ({ target }) => {
  const card = target.closest("[data-job]");
  if (card) unfolded.set(card.dataset.job, target.open);
}, true);
$("help").addEventListener("click", help);
$("leave").addEventListener("click", leave);
addEventListener("online", () => { pause = FIRST; send(); });
addEventListener("offline", () => line("off"));
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && send());
let offer;
addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  offer = event;
  show($("install"), true);
});
$("install").addEventListener("click", () => offer?.prompt());

async function begin() {
  if (leaving()) return bare();
  await navigator.storage?.persist?.().catch(() => {});
  await navigator.serviceWorker?.register(`${setup.scope}worker.js`, { scope: setup.scope }).catch(() => {});
  // Who has signed in is what the server says; only where it does not answer, what was shown last.
  await Promise.race([look(), new Promise((resolve) => { setTimeout(resolve, PATIENCE); })]);
  if (!me) await remembered();
  await send();
  setInterval(tick, 10_000);
  setInterval(() => document.visibilityState === "visible" && me && send(), LOOK);
  return undefined;
}

begin();
