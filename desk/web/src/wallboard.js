// The wallboard: the state of the whole centre as one stream, and the supervisor's own telephone.
import { drawAlarms } from "./alarms.js";
import { api } from "./api.js";
import "./backlog.js";
import { drawClocks } from "./clocks.js";
import { $, el, notice, show } from "./dom.js";
import { t } from "./i18n.js";
import { keyed } from "./keyed.js";
import { inTurn } from "./once.js";
import { followState } from "./stateline.js";
import { act, choose, startPhone, supervising } from "./supervise.js";
import { serverNow, setServerTime } from "./time.js";
import { drawAlarmList, drawLinesHealth } from "./wallalarms.js";
import { drawGroups, drawLines, drawTiles } from "./wallfigures.js";
import { drawCalls, drawDesks } from "./wallfloor.js";

const setup = JSON.parse($("setup").textContent);
/** Everything that the server told last, by section. */
const board = {};

const MODE_REASONS = () => [t("例行切换"), t("天气预警"), t("话务高峰"), t("应急演练"), t("恢复正常"), t("其他")];

const DRAWN = [
  [["kinds", "groups", "desks", "day"], () => drawTiles(setup, board)],
  [["lines", "day"], () => drawLines(setup, board)],
  [["groups", "day"], () => drawGroups(setup, board)],
  [["desks", "calls"], () => drawDesks(setup, board)],
  [["calls", "help"], () => drawCalls(setup, board)],
  [["help", "calls"], () => drawAlarms(setup, board)],
  [["alarms"], () => drawAlarmList(setup, board)],
  [["mode"], drawMode],
  [["missed"], drawMissed],
];

function take(changes) {
  setServerTime(changes.now);
  Object.assign(board, changes);
  for (const [sections, draw] of DRAWN) {
    if (sections.some((name) => name in changes) && sections.every((name) => name in board)) draw();
  }
  tick();
}

function drawMode() {
  keyed($("modes"), setup.modes, ({ key }) => key,
    ({ key, name }) => el("button", { type: "button", className: "mode", dataset: { mode: key } }, name),
    (button, { key }) => {
      const holds = key === board.mode;
      button.setAttribute("aria-pressed", String(holds));
      button.classList.toggle("special", holds && key !== setup.modes[0].key);
    });
}

const hours = new Intl.DateTimeFormat("zh-CN", {
  timeZone: document.body.dataset.timezone, hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false,
});

function tick() {
  drawClocks();
  $("clock").textContent = hours.format(new Date(serverNow()));
}

// --- the stream ----------------------------------------------------------------------------------------------------

function say(state) {
  $("live-state").dataset.state = state;
  $("live-state").textContent = state === "on" ? t("实时") : t("重连中");
  show($("lost"), state !== "on");
  $("board").classList.toggle("stale", state !== "on");
}

/** The server tells its time every three seconds, even if nothing else changes. */
const SILENCE_MS = 8_000;

// --- what other rooms tell -----------------------------------------------------------------------------------------

const healthAsks = inTurn();
/** Events after which something is asked for again; the line check is not part of the stream. */
const NOTED = {
  LineHealthChanged: async () => {
    const news = healthAsks();
    const lines = await api("/api/health/lines");
    if (news()) drawHealth(lines);
  },
};

function noted(type) {
  NOTED[type]?.().catch(() => show($("health"), false));
}

function drawHealth(lines) {
  const bad = lines.filter((line) => line.ok === false);
  show($("health"), lines.some((line) => line.ok !== null));
  $("health").classList.toggle("bad", bad.some(({ line }) => line === t("中继") || setup.emergency.includes(line)));
  $("health").classList.toggle("attention", bad.length > 0);
  $("health").textContent = bad.length
    ? t("异常：{lines}", { lines: bad.map((line) => line.line).join(t("、")) })
    : t("线路正常");
  $("health").title = bad.map((line) => `${line.line} ${line.why}`).join("\n");
  drawLinesHealth(lines);
}

function drawMissed() {
  const { open, emergency } = board.missed;
  show($("missed"), true);
  $("missed").classList.toggle("urgent", emergency > 0);
  $("missed").textContent = t("待回拨 {count}", { count: open });
}

/** It covers the tiles: it goes by itself. */
function sayWrong(error) {
  notice(error.message, 15);
}

// --- what people do ------------------------------------------------------------------------------------------------

const asMode = (mode, reason) => api("/api/mode", { mode, reason }).catch((error) => sayWrong(error));

/** The whole centre changes: what will be different is read first, and choosing the reason does it. */
$("modes").addEventListener("click", async (event) => {
  const key = event.target.closest("button")?.dataset.mode;
  if (!key || key === board.mode) return;
  const { name, effects } = setup.modes.find((mode) => mode.key === key);
  const reason = await choose(t("切换为{name}：选择原因即切换", { name }), MODE_REASONS().map((text) => [text, text]), effects);
  if (reason) await asMode(key, reason);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-act]");
  if (!button) return;
  notice("");
  act(button.dataset).catch(sayWrong);
});
supervising.addEventListener("change", () => board.calls && drawCalls(setup, board));

setInterval(tick, 1000);

say("off");
followState("/live/wallboard", { silenceMs: SILENCE_MS, say, hear: { board: take, noted: ({ type }) => noted(type) } });
for (const type of Object.keys(NOTED)) noted(type);
if (setup.extension) startPhone(setup.extension);

/** For tests and support. */
window.heyi = { board, supervising };
