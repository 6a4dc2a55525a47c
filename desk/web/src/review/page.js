// One review: sound, transcript and scorecard beside each other, everything by keys.
import { api } from "../api.js";
import { beginCorrections } from "../correct.js";
import { $, el, notice, show } from "../dom.js";
import { t } from "../i18n.js";
import { bindKeys } from "../keys.js";
import { clock } from "../time.js";
import { Card } from "./card.js";
import { Draft } from "./draft.js";
import { ask, Marks } from "./marks.js";
import { Turns } from "./turns.js";
import { stamp } from "./watermark.js";
import { Wave } from "./wave.js";

const setup = JSON.parse($("setup").textContent);
const address = $("page").dataset.api;
const begun = Boolean($("transcript"));
const fail = (error) => notice(error.message);

/** Keys of the page are not for what somebody types, nor for a dialog; the space bar works a button that has it. */
const typing = () => document.activeElement?.matches("input, textarea, select") || Boolean(document.querySelector("dialog[open]"));
const free = (act) => () => (typing() ? false : act());
const bar = (act) => () => (typing() || document.activeElement?.matches("button:focus-visible, a:focus-visible, summary") ? false : act());

async function step(name, why) {
  if (why !== undefined) {
    $("why-name").textContent = why;
    $("why-text").value = "";
    if (!(await ask($("why-dialog")))) return;
  }
  await api(`${address}/${name}`, why === undefined ? {} : { why: $("why-text").value });
  if (name === "hand-back") location.assign("/reviews");
  else location.reload();
}

for (const button of document.querySelectorAll("[data-step]")) {
  button.addEventListener("click", () => step(button.dataset.step, button.dataset.why).catch(fail));
}

function beginWork() {
  const turns = new Turns();
  const card = new Card(setup);
  const marks = new Marks(setup, address, turns);
  card.told(setup);
  let wave = null;

  const draft = setup.editable && new Draft({
    address, tab: setup.tab, version: setup.version, read: () => card.entered, told: (answer) => card.told(answer),
    state: (text) => { $("saved").textContent = text; },
    failed: (error) => {
      notice(error.message);
      if (error.status === 409) $("notice").append(" ", el("button", { type: "button", onclick: () => location.reload(), dataset: { test: "reload" } }, t("载入最新内容")));
    },
  });
  if (draft) card.onChange = (now) => draft.changed(now);

  async function submit() {
    if (!draft) return;
    try {
      await draft.submit();
      location.assign("/reviews");
    } catch (error) {
      fail(error);
      card.showMissing();
    }
  }

  function showState() {
    $("play-name").textContent = wave.playing ? t("暂停") : t("播放");
    $("speed").textContent = `${wave.speed.toFixed(wave.speed % 0.5 ? 2 : 1)}×`;
    const within = wave.stretch;
    $("loop").textContent = within ? `${clock(within[0])} – ${clock(within[1])}` : wave.from !== null ? `${clock(wave.from)} –` : t("可在波形上拖选");
    for (const [name, on] of [["skip", wave.skips], ["zoom", wave.close]]) document.querySelector(`[data-do="${name}"]`).setAttribute("aria-pressed", String(on));
    show(document.querySelector('[data-do="unloop"]'), wave.from !== null);
  }

  const withWave = (act) => () => (wave ? act(wave) : false);
  const acts = {
    toggle: withWave((w) => void w.toggle()), back: withWave((w) => w.by(-5)), ahead: withWave((w) => w.by(5)),
    slower: withWave((w) => w.faster(-1)), faster: withWave((w) => w.faster(1)), from: withWave((w) => w.setFrom()),
    to: withWave((w) => w.setTo()), unloop: withWave((w) => w.unloop()), skip: withWave((w) => w.skip()),
    zoom: withWave((w) => w.zoom()), clip: () => void marks.clip().catch(fail),
    private: () => void marks.private().catch(fail), good: () => void marks.good().catch(fail), submit: () => void submit(),
  };
  document.addEventListener("click", (event) => {
    const act = acts[event.target.closest?.("[data-do]")?.dataset.do];
    if (act) act();
    // A sentence becomes evidence; the click has made it the chosen one.
    else if (event.target.closest?.("[data-evidence]")) card.evidence(turns.place());
  });

  turns.onChosen = (second, play) => {
    if (!wave) return;
    wave.seek(second);
    if (play && !wave.playing) wave.toggle();
  };
  card.onPlace = ({ utterance_id, second }) => {
    turns.show(utterance_id);
    wave?.seek(second);
  };

  const digits = Array.from({ length: 10 }, (_, n) => [String(n), n ? "" : t("量表打分"), free(() => card.answer(String(n))), "0 – 9"]);
  bindKeys([
    [" ", t("播放、暂停"), bar(acts.toggle)],
    ["ArrowLeft", t("后退 5 秒"), free(acts.back)], ["ArrowRight", t("前进 5 秒"), free(acts.ahead)],
    ["-", t("慢一档（0.75 – 2 倍）"), free(acts.slower)], ["=", t("快一档"), free(acts.faster)],
    ["[", t("循环起点 A"), free(acts.from)], ["]", t("循环终点 B"), free(acts.to)], ["\\", t("取消循环"), free(acts.unloop)],
    ["s", t("跳过静音"), free(acts.skip)], ["z", t("波形放大、还原"), free(acts.zoom)],
    ["ArrowUp", t("上一句"), free(() => turns.step(-1))], ["ArrowDown", t("下一句"), free(() => turns.step(1))],
    [",", t("上一处标记"), free(() => marks.step(-1))], [".", t("下一处标记"), free(() => marks.step(1))],
    ["k", t("上一项"), free(() => card.step(-1))], ["j", t("下一项"), free(() => card.step(1))],
    ...(setup.editable ? [
      ["y", t("是"), free(() => card.answer("yes"))], ["n", t("否"), free(() => card.answer("no"))],
      ["x", t("不适用"), free(() => card.answer("na"))], ...digits,
      ["p", t("采纳机检建议"), free(() => card.accept())], ["e", t("当前这句（或选中的字）作为本项依据"), free(() => card.evidence(turns.place()))],
      ["c", t("写本项评语"), free(() => card.comment())], ["b", t("片段批注（A 到 B）"), free(acts.clip)],
      ["Ctrl+Enter", t("提交评分"), () => (document.querySelector("dialog[open]") ? false : acts.submit())],
    ] : []),
    ...(setup.editable || setup.lead ? [["m", t("遮蔽选中的字或 A 到 B"), free(acts.private)], ["g", t("选为优秀案例"), free(acts.good)]] : []),
    ["Escape", t("离开输入框"), () => (document.querySelector("dialog[open]") || !typing() ? false : document.activeElement.blur())],
  ]);
  beginCorrections();

  async function listen() {
    const picture = await api(`${address}/peaks`);
    wave = new Wave($("player"), $("wave"), picture, setup.nonce);
    wave.onState = showState;
    wave.onTime = (second) => {
      $("time").textContent = clock(second);
      turns.heard(second, wave.playing);
    };
    $("total").textContent = clock(wave.seconds);
    showState();
    await wave.ready;
    marks.join(wave);
  }
  if ($("player")) {
    listen().catch((error) => {
      $("wave-none").textContent = error.message;
      show($("wave-none"), true);
    });
  }
}

stamp();
if (begun) beginWork();
else bindKeys(setup.may.includes("begin") ? [["Enter", t("开始评分"), bar(() => void step("begin").catch(fail))]] : []);
