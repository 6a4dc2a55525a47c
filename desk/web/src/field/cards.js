// Tasks, units, calls for help and what waits, as elements. Texts from outside only ever become text nodes.
import { el } from "../dom.js";
import { t } from "../i18n.js";
import { day, serverNow } from "../time.js";
import { projected } from "./tracks.js";

const FEW = 60;

/** 剩余 3 小时 12 分 / 超时 5 分 */
export function left(moment) {
  const minutes = Math.floor(Math.abs(Date.parse(moment) - serverNow()) / 60_000);
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24];
  const amount = days ? t("{days} 天 {hours} 小时", { days, hours })
    : hours ? t("{hours} 小时 {minutes} 分", { hours, minutes: minutes % FEW }) : t("{minutes} 分", { minutes });
  return Date.parse(moment) < serverNow() ? t("超时 {amount}", { amount }) : t("剩余 {amount}", { amount });
}

const press = (text, data, className = "") =>
  el("button", { type: "button", className, dataset: data }, text);

function clock(job) {
  if (!job.clock) return null;
  const { name, due_at: due, paused, colour } = job.clock;
  const text = paused ? t("暂停计时") : left(due);
  return el("span", { className: "time-left", dataset: { colour, due: paused ? "" : due, name, test: "left" } }, `${name} ${text}`);
}

/** The clocks that stand on the page, once more. */
export function tick() {
  for (const place of document.querySelectorAll("[data-due]:not([data-due=''])")) {
    place.textContent = `${place.dataset.name} ${left(place.dataset.due)}`;
  }
}

function track(job, one, waiting) {
  const now = projected(one, waiting);
  if (!now) return el("p", { className: "sent" }, [one.name, t("结果已填，等待送达")].filter(Boolean).join(" · "));
  const order = one.order ?? [];
  const rank = (way) => (order.indexOf(way.kind) + order.length + 1) % (order.length + 1);
  const ways = [...now.ways].sort((a, b) => rank(a) - rank(b));
  const forward = ways.filter((way) => way.kind !== "refuse");
  const buttons = [...forward, ...ways.filter((way) => way.kind === "refuse")].map((way, n) =>
    press(way.name, { act: "step", kind: way.kind, unit: one.unit, part: one.part_id ?? "", order: one.order_id ?? "", needs: way.needs, name: way.name, test: way.kind },
      way.kind === "refuse" ? "quiet" : n === 0 ? "primary" : ""));
  if (!buttons.length) return null;
  return el("div", { className: "track", dataset: { unit: one.unit } },
    one.name ? el("span", { className: "unit-name" }, one.name) : null, ...buttons);
}

/** `since`: what has arrived after this was read; `waiting`: what has not. */
export function jobCard(job, waiting, since, unfolded) {
  const mine = waiting.filter((item) => item.ticket === job.id);
  const pressed = [...since.filter((item) => item.ticket === job.id), ...mine];
  const call = job.phone && el("a", { className: "button", href: `tel:${job.phone.replace(/[^\d+*#]/g, "")}`, dataset: { test: "call" } },
    t("拨打 {name}", { name: job.contact || job.phone }));
  const map = job.point && el("a", { className: "button", href: `geo:${job.point[1]},${job.point[0]}?q=${job.point[1]},${job.point[0]}`, dataset: { test: "map" } }, t("地图"));
  const pending = mine.length
    ? el("p", { className: "sent", dataset: { test: "pending" } }, t("已记下，待发送：{what}", { what: mine.map((item) => item.label).join(t("、")) })) : null;
  return el("article", { className: `job${job.emergency ? " emergency" : ""}`, dataset: { job: job.id, number: job.number, test: "job" } },
    el("details", { open: unfolded },
      el("summary", {},
        el("span", { className: "job-head" }, job.emergency ? el("span", { className: "badge emergency" }, t("紧急")) : null,
          el("b", {}, job.category || t("未定类别")), clock(job)),
        el("span", { className: "job-place" }, job.place || t("地点未填")),
        el("span", { className: "job-line" }, job.summary || t("（未填写事由）"))),
      el("dl", {}, ...facts(job)),
      el("div", { className: "pair" }, call, map)),
    pending,
    ...job.extensions.map(askedLine),
    ...job.tracks.map((one) => track(job, one, pressed)),
    el("div", { className: "pair" },
      press(job.photos ? t("拍照（已有 {n} 张）", { n: job.photos }) : t("拍照"), { act: "shot", test: "shot" }),
      press(t("情况说明"), { act: "note", test: "note" }), ...job.extensions.filter((one) => one.longest && !extended(one, pressed)).map((one) =>
        press(many(job) ? t("申请延期（{clock}）", { clock: one.name }) : t("申请延期"), { act: "extend", clock: one.clock, test: "extend" }))));
}

const extended = (one, pressed) => pressed.some((item) => item.kind === "extend" && item.clock === one.clock);
const many = (job) => job.extensions.filter((one) => one.longest).length > 1;

/** More time that was asked for, and what came of it. */
function askedLine({ name, asked }) {
  if (!asked) return null;
  const state = asked.granted === null ? t("待审批") : asked.granted ? t("同意") : t("不同意");
  return el("p", { className: "sent", dataset: { test: "asked-more" } }, `${name} · ${asked.wish} · ${[state, asked.decided_by, asked.answer].filter(Boolean).join(" ")}`);
}

function facts(job) {
  const rows = [
    [t("编号"), `${job.number} · ${job.state_name}${job.part_name ? ` · ${job.part_name}` : ""}`],
    [t("承办部门"), job.department_name], [t("说明"), job.description === job.summary ? "" : job.description],
    [t("命令"), job.notes.join("\n")], [t("联系人"), [job.contact, job.phone].filter(Boolean).join(" ")],
  ];
  return rows.filter(([, value]) => value).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]);
}

/** The department's units: what they do, and the way home. */
export function unitList(units, waiting) {
  if (!units.length) return "";
  return el("section", { className: "card" }, el("h2", {}, t("本部门单位")), ...units.map((unit) => {
    const going = waiting.some((item) => item.kind === "back" && item.unit === unit.key);
    return el("p", { className: "unit-line", dataset: { unit: unit.key, state: unit.state } }, el("b", {}, unit.name),
      el("span", {}, unit.on_duty ? unit.state_name : t("不在班")), el("span", { className: "spring" }),
      unit.may_return && !going ? press(t("归队"), { act: "back", unit: unit.key, test: "back" }) : null);
  }));
}

/** An order that was taken from a unit. */
export function takenLine(unit, notice) {
  return el("p", { className: "taken", dataset: { order: notice.id, test: "taken" } }, el("b", {}, `${unit.name} · ${notice.ending_name}`),
    el("span", {}, [notice.number, notice.place, notice.reason].filter(Boolean).join(" · ")), el("span", { className: "spring" }),
    press(t("知道了"), { act: "known", order: notice.id, test: "known" }));
}

/** Own calls for help: heard or not. */
export function helpLine(help) {
  const heard = Boolean(help.answered_at);
  return el("p", { className: heard ? "help-line heard" : "help-line", dataset: { test: "own-help" } },
    heard ? t("求助已由 {who} 接到", { who: help.answered_by }) : t("求助已送达指挥席，等待回应"),
    help.answer ? ` · ${help.answer}` : "", el("time", {}, ` ${day(help.at)}`));
}

const why = (refused) => ({ denied: t("未授权定位"), timeout: t("定位超时") })[refused] ?? t("定位不可用");

export function waitingRow(item, own) {
  const stuck = item.state === "stuck";
  const words = item.text || item.place || "";
  const state = stuck ? [item.message, item.hint].filter(Boolean).join(" · ")
    : !own ? t("由 {who} 记下，须其本人登录后发送", { who: item.login })
      : item.tries ? t("已试 {n} 次，网络恢复后自动发送", { n: item.tries }) : t("等待发送");
  return el("article", { className: stuck ? "item stuck" : "item", dataset: { seq: item.seq, kind: item.kind, test: stuck ? "stuck" : "item" } },
    el("p", {}, el("b", {}, item.label), ` ${item.number || ""}`, el("span", { className: "spring" }), el("time", {}, day(item.made_at))),
    words ? el("p", { className: "words" }, words) : null,
    item.preview ? el("img", { src: item.preview, alt: "" }) : null,
    item.refused ? el("p", { className: "hint" }, why(item.refused)) : null,
    el("p", { className: "state" }, state),
    stuck ? el("p", { className: "hint" }, advice(item)) : null,
    stuck ? el("div", { className: "pair" }, press(t("再试一次"), { act: "again", test: "again" }),
      noteable(item) ? press(t("转为情况说明"), { act: "as-note", test: "as-note" }) : null,
      item.photos?.length ? press(t("存到手机"), { act: "save", test: "save" }) : null,
      press(t("放弃此条"), { act: "drop", test: "drop" }, "quiet")) : null);
}

/** What a person may do about something that was refused. */
function advice(item) {
  if (item.kind === "photo") return t("可再试一次；仍不行请存到手机，再与指挥席联系。");
  if (noteable(item)) return t("工单在您离线期间有变动。可把这条转为情况说明，留在原工单的记录里；也可再试一次或放弃。");
  return t("请按提示修改后再试，或与指挥席联系。");
}

export const noteable = (item) => Boolean(item.ticket) && ["accept", "depart", "arrive", "handle", "report", "refuse", "extend"].includes(item.kind);

export function arrivedRow(item) {
  return el("p", { className: "gone", dataset: { kind: item.kind, test: "gone" } }, el("b", {}, item.label), ` ${item.number || ""} `,
    el("span", { className: "spring" }), item.state === "already" ? item.message : t("已送达"), el("time", {}, ` ${day(item.at)}`));
}

export function foundRow(one) {
  return el("article", { className: "item", dataset: { test: "found-one" } },
    el("p", {}, el("b", {}, one.number), el("span", { className: "spring" }), el("span", { className: "badge" }, one.state_name)),
    el("p", { className: "words" }, one.summary), el("p", { className: "hint" }, [one.place, one.department_name].filter(Boolean).join(" · ")),
    one.result ? el("p", { className: "words" }, one.result) : null);
}
