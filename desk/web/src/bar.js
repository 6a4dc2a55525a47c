// The bar of every page: how many missed calls are to be dealt with, and whether an emergency is among them.
import { api } from "./api.js";
import { $, show } from "./dom.js";
import { inTurn } from "./once.js";
import { askWhetherOver } from "./session.js";

const CHANGED = "MissedCallChanged";
const link = $("nav-missed");
const count = $("nav-missed-count");

const asks = inTurn();

async function draw() {
  const news = asks();
  const { open, emergency, seq } = await api("/api/missed/count");
  if (!news()) return seq;
  count.textContent = String(open);
  show(count, open > 0);
  link.classList.toggle("urgent", emergency > 0);
  return seq;
}

let timer = null;
function soon() {
  timer ??= setTimeout(() => {
    timer = null;
    // The number is asked for until it is known: nobody says a second time that it has changed.
    draw().catch(() => setTimeout(soon, 2000));
  }, 300);
}

async function begin() {
  // Pages that follow the live stream pass on what they hear (live.js); on all others the bar follows it itself.
  document.addEventListener(CHANGED, soon);
  const seq = await draw();
  if (!("alone" in link.dataset)) return;
  const source = new EventSource(`/live?after=${seq}`);
  source.addEventListener(CHANGED, soon);
  source.addEventListener("reset", soon);
  source.onerror = () => source.readyState === EventSource.CLOSED && askWhetherOver();
  addEventListener("pagehide", () => source.close());
}

if (link) begin().catch(() => {});
