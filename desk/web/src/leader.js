// 领导驾驶舱: today, trend, heat, ranking and brief as one stream; on the page of a person, and on a wall.
import { $, show } from "./dom.js";
import { t } from "./i18n.js";
import { besides } from "./leader/beside.js";
import { drawBrief } from "./leader/brief.js";
import { drawAreas, drawHours } from "./leader/heats.js";
import { drawMap } from "./leader/map.js";
import { drawRanking, drawTiers, rankingTitle } from "./leader/ranking.js";
import { drawTiles } from "./leader/tiles.js";
import { drawTrend } from "./leader/trend.js";
import { hidePointer, leaf, stayAwake, turns } from "./leader/turns.js";
import { followState } from "./stateline.js";
import { serverNow, setServerTime } from "./time.js";

const setup = JSON.parse($("setup").textContent);
/** Everything that the server told last, by section. */
const board = {};
const chosen = { areas: "towns", measure: "late", tier: "" };

const DRAWN = [
  [["tiles"], () => drawTiles(board.tiles)],
  [["tiles", "trend", "day"], () => drawTrend(board)],
  [["areas"], areas],
  [["hours"], () => drawHours(setup, board.hours)],
  [["brief"], () => {
    drawBrief(setup, board.brief);
    if (setup.wall) leaves();
  }],
  [["ranking"], ranking],
  [["mode"], () => {
    show($("mode"), board.mode !== setup.normal);
    $("mode").textContent = setup.modes[board.mode] ?? board.mode;
  }],
];

function areas() {
  if (!setup.wall && chosen.areas === "grids") {
    drawMap(setup, board.areas, false).catch(() => {});
    return;
  }
  drawAreas(setup, board.areas, chosen.areas);
  if (setup.wall) drawMap(setup, board.areas, true).catch(() => {});
}

function ranking() {
  chosen.tier ||= board.ranking.tiers[0]?.tier ?? "";
  for (const place of document.querySelectorAll("[data-ranking]")) {
    const what = { tier: chosen.tier, measure: place.dataset.ranking || chosen.measure };
    drawRanking(setup, board.ranking, place, what);
    place.closest(".panel").querySelector("[data-title]").textContent = rankingTitle(setup, board.ranking, what);
  }
  if (setup.wall) leaves();
  else drawTiers(setup, board.ranking, chosen.tier);
}

// --- the wall: what is longer than the screen is shown bit by bit ---------------------------------------------------

const LISTS = ".slide:not([hidden]) :is(.brief, .ranks)";

function leaves() {
  for (const place of document.querySelectorAll(LISTS)) leaf(place);
}

/** Where each list goes on when its slide comes again; and after the last of its departments the next tier. */
const goesOn = { ranks: 0, brief: 0 };

function turned(slide) {
  if (board.ranking && slide === "trend" && goesOn.ranks === 0 && turned.before) {
    const tiers = board.ranking.tiers.map(({ tier }) => tier);
    chosen.tier = tiers[(tiers.indexOf(chosen.tier) + 1) % tiers.length] ?? "";
    ranking();
  }
  for (const place of document.querySelectorAll(LISTS)) {
    const kind = place.classList.contains("ranks") ? "ranks" : "brief";
    place.dataset.from = goesOn[kind];
    leaf(place);
    // Both rankings stand at the same place.
    if (kind === "brief" || slide === "brief") goesOn[kind] = Number(place.dataset.next);
  }
  turned.before = true;
}

function take(changes) {
  setServerTime(changes.now);
  // A screen that stays open for weeks takes the scripts of a new heyi by itself.
  if (setup.wall && changes.version && changes.version !== setup.version) location.reload();
  Object.assign(board, changes);
  for (const [sections, draw] of DRAWN) {
    if (sections.some((name) => name in changes) && sections.every((name) => name in board)) draw();
  }
}

// --- the stream ----------------------------------------------------------------------------------------------------

const zone = document.body.dataset.timezone;
const hours = new Intl.DateTimeFormat("zh-CN", { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const days = new Intl.DateTimeFormat(setup.language === "zh" ? "zh-CN" : "en-GB",
  { timeZone: zone, month: "long", day: "numeric", weekday: "long" });

/** The server tells its time every ten seconds, even if nothing else changes. */
const SILENCE_MS = 25_000;
let told = "";

function say(state) {
  $("live-state").dataset.state = state;
  $("live-state").textContent = state === "on" ? t("实时") : t("重连中");
  show($("lost"), state !== "on" && told !== "");
  $("lost").textContent = t("与服务器的连接已中断，数字停在 {time}，正在重连", { time: told });
  $("board").classList.toggle("stale", state !== "on" && told !== "");
}

function hear(sections) {
  take(sections);
  told = hours.format(new Date(serverNow()));
}

setInterval(() => {
  $("clock").textContent = hours.format(new Date(serverNow()));
  $("date").textContent = days.format(new Date(serverNow()));
}, 1000);

// --- what people do ------------------------------------------------------------------------------------------------

besides();
if (setup.wall) {
  turns(turned);
  addEventListener("resize", leaves);
  hidePointer();
  stayAwake();
} else {
  $("areas-by").addEventListener("change", ({ target }) => {
    chosen.areas = target.value;
    show($("areas"), target.value !== "grids");
    show($("map"), target.value === "grids");
    for (const id of ["areas-table", "areas-note"]) show($(id), target.value !== "grids");
    for (const id of ["map-table", "map-note"]) show($(id), target.value === "grids");
    if (board.areas) areas();
  });
  $("tier").addEventListener("change", ({ target }) => {
    chosen.tier = target.value;
    ranking();
  });
  $("measure").addEventListener("change", ({ target }) => {
    chosen.measure = target.value;
    ranking();
  });
}

say("off");
followState("/live/leader", { silenceMs: SILENCE_MS, say, hear: { board: hear } });

/** For tests and support. */
window.heyi = { board };
