// The check before the shift: network, microphone, recording, speaker. All by keyboard; the choice of devices stays.
import { api } from "./api.js";
import { choose, chosen, sound, speakFrom } from "./devices.js";
import { $, el, notice } from "./dom.js";
import { t } from "./i18n.js";
import { jitter, median, toAsterisk, toServer } from "./linecheck.js";
import { askToNotify, mayNotify } from "./notify.js";
import { tryRing } from "./ringer.js";

const RECORD_S = 3;
/** One ring of the exchange's own. */
const RING_S = 1;
/** dB below full scale from which on the microphone is heard to hear something. */
const SPEAKS_DB = -45;
/** Round trip and jitter with which a call is still good: half of G.114's 150 ms one way is for the rest of the way. */
const FAR_MS = 150;
const UNEVEN_MS = 30;
const TROUBLES = {
  NotAllowedError: () => t("麦克风未获授权，请在浏览器地址栏允许使用麦克风"),
  NotFoundError: () => t("没有找到麦克风，请检查耳麦"),
  NotReadableError: () => t("麦克风被其他程序占用"),
  InsecureContext: () => t("浏览器只在 https 或本机地址上开放麦克风"),
};

/** As it is kept (desk/shift/shiftpages.py). */
const found = { level_db: null, heard: false, asterisk_ms: null, server_ms: null, jitter_ms: null };
/** none, good or bad, of each part. */
const states = { network: "none", microphone: "none", recording: "none", speaker: "none", reminder: "none" };
const out = $("out");
let context = null;
let stream = null;
let analyser = null;
let busy = false;

function say(part, state, words) {
  states[part] = state;
  $(part).dataset.state = state;
  if (words) $(`${part}-says`).textContent = words;
  const all = Object.values(states);
  const whole = all.includes("bad") ? "bad" : all.every((one) => one === "good") ? "good" : "none";
  $("outcome").dataset.state = whole;
  $("outcome").textContent = { good: t("设备正常，可以上岗"), bad: t("有一项不正常"), none: t("尚未全部检查") }[whole];
}

/** A context with its sound on the chosen speaker; browsers begin it with the first key or click. */
function player() {
  context ??= new AudioContext();
  context.resume().catch(() => {});
  return context;
}

async function play(buffer) {
  const source = player().createBufferSource();
  const way = context.createMediaStreamDestination();
  source.buffer = buffer;
  source.connect(way);
  out.srcObject = way.stream;
  await speakFrom(out);
  await out.play().catch(() => {});
  source.start();
  await new Promise((resolve) => { source.onended = resolve; });
}

// --- network

async function network() {
  say("network", "none", t("正在测…"));
  for (const id of ["asterisk-ms", "server-ms", "jitter-ms"]) $(id).textContent = "–";
  Object.assign(found, { asterisk_ms: null, server_ms: null, jitter_ms: null });
  const ms = (value) => t("{ms} 毫秒", { ms: value < 10 ? value.toFixed(1) : Math.round(value) });
  try {
    found.server_ms = median(await toServer());
    $("server-ms").textContent = ms(found.server_ms);
    const trips = await toAsterisk(await api("/api/softphone"));
    found.asterisk_ms = median(trips);
    found.jitter_ms = jitter(trips);
  } catch {
    say("network", "bad", found.server_ms === null ? t("本系统没有应答，请检查网络") : t("话务系统没有应答，请告诉班长"));
    return;
  }
  $("asterisk-ms").textContent = ms(found.asterisk_ms);
  $("jitter-ms").textContent = ms(found.jitter_ms);
  const good = found.asterisk_ms < FAR_MS && found.jitter_ms < UNEVEN_MS;
  say("network", good ? "good" : "bad", good ? t("网络正常") : t("网络慢或不稳，通话会受影响"));
}

// --- microphone

const decibels = (samples) => {
  const power = samples.reduce((sum, value) => sum + value * value, 0) / samples.length;
  return Math.max(-100, 10 * Math.log10(power || 1e-10));
};

function heard(level) {
  found.level_db = Math.max(found.level_db ?? -100, level);
  if (found.level_db >= SPEAKS_DB && states.microphone !== "good") say("microphone", "good", t("听到您的声音了"));
}

function watch() {
  if (!analyser) return;
  const samples = new Float32Array(analyser.fftSize);
  analyser.getFloatTimeDomainData(samples);
  const level = decibels(samples);
  $("level").value = level;
  $("level").textContent = t("{db} 分贝", { db: Math.round(level) });
  // The context stands still before the first key: then there is silence and nothing to say about the microphone.
  if (context.state === "running") heard(level);
}

async function listen() {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = analyser = null;
  found.level_db = null;
  // What another microphone heard says nothing about this one, not even until the browser gives it.
  say("microphone", "none");
  try {
    if (!navigator.mediaDevices) throw Object.assign(new Error(), { name: "InsecureContext" });
    stream = await navigator.mediaDevices.getUserMedia(sound());
  } catch (error) {
    say("microphone", "bad", TROUBLES[error.name]?.() ?? t("无法使用麦克风"));
    return;
  }
  say("microphone", "none", t("请对着麦克风说一句话"));
  analyser = player().createAnalyser();
  // About a tenth of a second.
  analyser.fftSize = 4096;
  context.createMediaStreamSource(stream).connect(analyser);
}

/** The devices that there are, in their lists; their names are told only once the microphone is allowed. */
async function list() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  for (const [id, kind, name, none] of [
    ["microphones", "audioinput", "audioinput", t("系统默认")], ["speakers", "audiooutput", "audiooutput", t("系统默认")],
    ["ringers", "audiooutput", "ring", t("只在听筒")],
  ]) {
    const there = devices.filter((device) => device.kind === kind && device.deviceId && device.deviceId !== "default");
    $(id).replaceChildren(el("option", { value: "" }, none),
      ...there.map((device, n) => el("option", { value: device.deviceId }, device.label || t("设备 {n}", { n: n + 1 }))));
    $(id).value = there.some((device) => device.deviceId === chosen(name)) ? chosen(name) : "";
  }
  // Safari lets nobody choose.
  for (const id of ["speakers", "ringers"]) $(id).disabled = !out.setSinkId;
}

// --- recording and speaker

function occupied(now) {
  busy = now;
  document.body.toggleAttribute("data-sounding", now);
}

async function record() {
  if (busy || !stream) return;
  occupied(true);
  try {
    const recorder = new MediaRecorder(stream);
    const pieces = [];
    recorder.ondataavailable = ({ data }) => pieces.push(data);
    const ended = new Promise((resolve) => { recorder.onstop = resolve; });
    recorder.start();
    for (let left = RECORD_S; left > 0; left--) {
      say("recording", "none", t("正在录音，还有 {s} 秒", { s: left }));
      await new Promise((resolve) => { setTimeout(resolve, 1000); });
    }
    recorder.stop();
    await ended;
    const buffer = await player().decodeAudioData(await new Blob(pieces).arrayBuffer());
    const samples = buffer.getChannelData(0);
    const tenth = Math.floor(buffer.sampleRate / 10);
    let loudest = -100;
    for (let at = 0; at + tenth <= samples.length; at += tenth) loudest = Math.max(loudest, decibels(samples.subarray(at, at + tenth)));
    heard(loudest);
    say("recording", "none", t("正在播放…"));
    await play(buffer);
    if (loudest >= SPEAKS_DB) say("recording", "good", t("录到 {s} 秒，已播放", { s: buffer.duration.toFixed(1) }));
    else say("recording", "bad", t("没有录到声音，请检查麦克风"));
  } catch {
    say("recording", "bad", t("没有录到声音，请检查麦克风"));
  } finally {
    occupied(false);
  }
}

async function tone() {
  if (busy) return;
  occupied(true);
  say("speaker", "none", t("听到测试音和铃声了吗？"));
  const rate = player().sampleRate;
  const buffer = context.createBuffer(1, Math.round(1.2 * rate), rate);
  const samples = buffer.getChannelData(0);
  // Softly on and off: a click would be heard where the tone is not.
  for (let n = 0; n < samples.length; n++) {
    const s = n / rate;
    samples[n] = 0.25 * Math.sin(2 * Math.PI * 600 * s) * Math.min(1, 20 * s, 20 * (1.2 - s));
  }
  try {
    await play(buffer);
    await tryRing(RING_S);
  } finally {
    occupied(false);
  }
}

function answer(yes) {
  found.heard = yes;
  say("speaker", yes ? "good" : "bad", yes ? t("听得清") : t("听不清：请检查耳机、音量，或换一个设备"));
}

// --- what is told of a ring while another window is in front

const REMINDERS = {
  granted: () => ["good", t("已允许：窗口不在前面时，来电也有桌面提醒")],
  denied: () => ["bad", t("已被拒绝：点地址栏左侧的图标，把“通知”改为“允许”，再刷新本页")],
  default: () => ["none", t("按 7，在浏览器的询问中选“允许”")],
  none: () => ["bad", t("此浏览器不能提醒，请把坐席页放在最前面")],
};

async function reminder(asked) {
  say("reminder", ...REMINDERS[asked ? await askToNotify() : mayNotify()]());
}

async function keep() {
  try {
    await api("/api/desk/check", { ok: Object.values(states).every((state) => state === "good"), ...found });
    location.assign("/desk");
  } catch (error) {
    notice(error.message);
  }
}

for (const [id, act] of [
  ["network-again", network], ["record", record], ["tone", tone], ["heard", () => answer(true)],
  ["unheard", () => answer(false)], ["remind", () => reminder(true)], ["keep", keep],
]) $(id).addEventListener("click", act);
$("microphones").addEventListener("change", ({ target }) => {
  choose("audioinput", target.value);
  listen();
});
for (const [id, name] of [["speakers", "audiooutput"], ["ringers", "ring"]]) {
  $(id).addEventListener("change", ({ target }) => {
    choose(name, target.value);
    found.heard = false;
    say("speaker", "none", t("听到测试音和铃声了吗？"));
    tone();
  });
}

const KEYS = {
  1: network, 2: () => $("microphones").focus(), 3: record, 4: () => $("speakers").focus(), 5: tone,
  6: () => $("ringers").focus(), 7: () => reminder(true),
  y: () => answer(true), n: () => answer(false), Enter: keep, Escape: () => location.assign("/desk"),
};
addEventListener("keydown", (event) => {
  if (event.repeat || event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
  // In a list, and on a button, keys do what they do there; the first Escape leads out of a list.
  if (event.key === "Enter" && event.target.closest("select, button, a, summary")) return;
  if (event.target.tagName === "SELECT") {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act) return;
  event.preventDefault();
  player();
  act();
});
addEventListener("pagehide", () => stream?.getTracks().forEach((track) => track.stop()));

say("network", "none");
setInterval(watch, 100);
network();
reminder(false);
listen().then(list);
navigator.mediaDevices?.addEventListener("devicechange", list);
