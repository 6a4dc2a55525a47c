// The numbers on the wall. Each one leads to the calls behind it.
import { $, el, show } from "./dom.js";
import { t } from "./i18n.js";
import { keyed, part, put } from "./keyed.js";
import { clock } from "./time.js";

const THRESHOLDS = [10, 15, 20];

/** Address of the list of calls; today's calls from outside where nothing else is asked for. */
export const list = (query) => `/calls?${new URLSearchParams(query)}`;
const today = (day, query) => list({ from: day, direction: "in", ...query });

/** Rounded down: 89.6 % does not look like a standard of 90 % that is met. */
const percent = (share) => (share === null ? "—" : `${Math.floor(100 * share + 1e-9)}%`);
const short = (value) => (value === null ? "—" : value < 9.95 ? value.toFixed(1) : String(Math.round(value)));
const seconds = (value) => (value === null ? "—" : t("{count} 秒", { count: short(value) }));

/** The median of the weeks before; says so where there is none. */
function usual(of, value, show) {
  return of.weeks && value !== null ? t("同期 {value}", { value: show(value) }) : t("无往期");
}
const whole = (value) => String(Math.round(value));

// --- tiles ---------------------------------------------------------------------------------------------------------

function tile(key, title) {
  return el("div", { className: "tile", dataset: { tile: key } },
    el("h2", {}, title),
    el("a", { className: "big", dataset: { part: "value" } }),
    el("p", { className: "sub", dataset: { part: "sub" } }));
}

function fill(element, { value, href, sub, bad, title }) {
  const place = part(element, "value");
  put(place, value);
  if (place.getAttribute("href") !== href) place.href = href;
  element.classList.toggle("bad", Boolean(bad));
  element.title = title ?? "";
  const below = part(element, "sub");
  below.replaceChildren(...sub);
}

const STATE_ORDER = ["ready", "talking", "ringing", "held", "wrapup", "paused", "away", "offline"];

/** What tells a state from all others in one character, for where there is little room. */
const SIGNS = {
  ready: () => t("就"), talking: () => t("通"), ringing: () => t("振"), held: () => t("保"), wrapup: () => t("整"),
  paused: () => t("忙"), away: () => t("席"), offline: () => t("线"),
};

/** Desks by state, each with its sign and colour; the whole name is under the pointer. */
function counts(states, setup) {
  return STATE_ORDER.filter((state) => states[state])
    .map((state) => el("span", { className: `count ${state}`, title: setup.states[state] }, `${SIGNS[state]()} ${states[state]}`));
}

const clockOf = (moment, late) => el("b", { className: "clock", dataset: { since: moment ?? "", late: late ?? "" } });

export function drawTiles(setup, { kinds, groups, desks, day }) {
  const [emergency, service] = kinds;
  const own = desks.filter(({ extension }) => setup.desks[extension]?.in_queue);
  const states = {};
  for (const { state } of own) states[state] = (states[state] ?? 0) + 1;
  const sum = (name) => emergency[name] + service[name];
  const answered = emergency.answered + service.answered;
  const waited = kinds.reduce((all, k) => all + (k.speed_s ?? 0) * k.answered, 0);
  const expected = kinds.reduce((all, k) => all + (k.usual.offered ?? 0), 0);
  const expectedGone = kinds.reduce((all, k) => all + (k.usual.gone ?? 0), 0);
  const weeks = kinds[0].usual.weeks;
  const oldest = (k) => (k.oldest ? [t("最长 "), clockOf(k.oldest, k.kind === "emergency" ? 10 : 60)] : [t("无人等待")]);
  const shares = (k) => ({
    value: percent(k.shares[1]),
    href: today(day, { became: "answered", within: 15, kind: k.kind }),
    bad: k.short_of.length > 0,
    sub: [t("10 秒 {ten} · 20 秒 {twenty}", { ten: percent(k.shares[0]), twenty: percent(k.shares[2]) }), el("br"),
      t("标准 ≥{share}", { share: percent(setup.levels[k.kind][0].share) })],
    title: setup.levels[k.kind].map((level) => `${level.source}：${t("{count} 秒", { count: level.seconds })} ≥${percent(level.share)}`).join("\n"),
  });
  const tiles = [
    ["wait-emergency", t("紧急等待"), { value: String(emergency.waiting), href: list({ became: "waiting", kind: "emergency" }), bad: emergency.waiting > 0, sub: oldest(emergency) }],
    ["wait-service", t("服务等待"), { value: String(service.waiting), href: list({ became: "waiting", kind: "service" }), sub: oldest(service) }],
    ["talking", t("通话中"), { value: String(sum("talking")), href: list({ became: "talking" }), sub: counts(states, setup) }],
    ["offered", t("今日来电"), { value: String(sum("offered")), href: today(day, {}),
      sub: [weeks ? t("同期 {value}", { value: whole(expected) }) : t("无往期"), el("br"), weeks ? t("近 {weeks} 周同期", { weeks }) : ""] }],
    ["share-emergency", t("紧急 15 秒接听"), shares(emergency)],
    ["share-service", t("服务 15 秒接听"), shares(service)],
    ["gone", t("今日放弃"), { value: String(sum("gone")), href: today(day, { became: "gone" }), bad: emergency.gone > 0,
      sub: [t("其中紧急 {count}", { count: emergency.gone }), el("br"), weeks ? t("同期 {value}", { value: whole(expectedGone) }) : t("无往期")] }],
    ["speed", t("平均应答（秒）"), { value: short(answered ? waited / answered : null), href: today(day, { became: "answered" }),
      sub: [t("紧急 {value}", { value: short(emergency.speed_s) }), el("br"), t("服务 {value}", { value: short(service.speed_s) })] }],
  ];
  keyed($("tiles"), tiles, ([key]) => key, ([key, title]) => tile(key, title), (element, [, , content]) => fill(element, content));
}

// --- tables --------------------------------------------------------------------------------------------------------

const cell = (name, link = true) => el("td", {}, el(link ? "a" : "span", { dataset: { part: name } }));

function set(row, name, text, href, className = "") {
  const place = part(row, name);
  put(place, text);
  if (href && place.getAttribute("href") !== href) place.href = href;
  place.className = className;
}

/** Numbers that lines and groups share. `asked` picks this line's or group's calls. */
function numbers(row, figures, day, asked) {
  set(row, "waiting", String(figures.waiting), list({ became: "waiting", ...asked }), figures.waiting ? "hot" : "nil");
  const oldest = part(row, "oldest");
  oldest.dataset.since = figures.oldest ?? "";
  oldest.dataset.late = figures.target_s || 30;
  if (!figures.oldest) put(oldest, "");
  set(row, "talking", String(figures.talking), list({ became: "talking", ...asked }), figures.talking ? "" : "nil");
  set(row, "offered", String(figures.offered), today(day, asked));
  const { weeks, offered } = figures.usual;
  put(part(row, "usual"), weeks ? whole(offered) : "—");
  part(row, "usual").title = weeks ? t("近 {weeks} 周同期", { weeks }) : t("无往期");
  set(row, "gone", String(figures.gone), today(day, { became: "gone", ...asked }), figures.gone ? (figures.kind === "emergency" ? "hot" : "") : "nil");
}

function share(row, figures, index, day, asked) {
  const within = THRESHOLDS[index];
  const place = `share${within}`;
  set(row, place, percent(figures.shares[index]), today(day, { became: "answered", within, ...asked }),
    figures.short_of.includes(within) ? "short" : "");
  part(row, place).title = t("{count} 通在 {within} 秒内接听 · {usual}", {
    count: figures.within[index], within,
    usual: within === 15 ? usual(figures.usual, figures.usual.share, percent) : "",
  });
}

function line(figures, name) {
  return el("tr", { className: figures.kind },
    el("th", { className: "name", scope: "row", title: `${figures.key} ${name}` }, el("b", {}, figures.key), " ", name),
    cell("waiting"), el("td", {}, el("span", { className: "clock", dataset: { part: "oldest" } })), cell("talking"),
    el("td", {}, el("a", { dataset: { part: "offered" } }), " ", el("small", { dataset: { part: "usual" } })),
    cell("share10"), cell("share15"), cell("share20"), cell("target"), cell("gone"), cell("speed"));
}

export function drawLines(setup, { lines, day }) {
  const lively = lines.filter((x) => x.offered || x.waiting || x.talking || x.kind === "emergency");
  const quiet = lines.filter((x) => !lively.includes(x));
  keyed($("lines"), lively, ({ key }) => key, (x) => line(x, setup.lines[x.key] ?? ""), (row, x) => {
    const asked = { line: x.key };
    numbers(row, x, day, asked);
    THRESHOLDS.forEach((_, index) => share(row, x, index, day, asked));
    set(row, "target", percent(x.on_target), today(day, { became: "answered", within: x.target_s, ...asked }));
    part(row, "target").title = t("本线目标 {seconds} 秒", { seconds: x.target_s });
    set(row, "speed", short(x.speed_s), today(day, { became: "answered", ...asked }));
    part(row, "speed").title = usual(x.usual, x.usual.speed_s, seconds);
    row.classList.toggle("waits", x.waiting > 0);
  });
  // The more lines have calls, the smaller their rows: nobody scrolls a wall.
  $("lines").style.setProperty("--rows", String(lively.length));
  show($("quiet-lines"), quiet.length > 0);
  $("quiet-lines").title = quiet.map(({ key }) => `${key} ${setup.lines[key] ?? ""}`).join("\n");
  put($("quiet-lines"), t("今日无来电的热线 {count} 条：{lines}", { count: quiet.length, lines: quiet.map(({ key }) => key).join(t("、")) }));
}

function group(figures, name) {
  return el("tr", {},
    el("th", { className: "name", scope: "row", title: name }, name),
    cell("waiting"), el("td", {}, el("span", { className: "clock", dataset: { part: "oldest" } })), cell("talking"),
    el("td", {}, el("a", { dataset: { part: "offered" } }), " ", el("small", { dataset: { part: "usual" } })),
    cell("share15"), cell("gone"), el("td", { className: "states", dataset: { part: "states" } }));
}

export function drawGroups(setup, { groups, day }) {
  // Groups that are only called into calls have no callers of their own; their desks stand in the grid.
  const answering = groups.filter(({ key }) => !setup.linkage.includes(key));
  keyed($("groups"), answering, ({ key }) => key, (x) => group(x, setup.groups[x.key]), (row, x) => {
    const asked = { group: x.key };
    numbers(row, x, day, asked);
    share(row, x, 1, day, asked);
    const states = counts(x.desks, setup);
    part(row, "states").replaceChildren(...(states.length ? states : ["—"]));
  });
}
