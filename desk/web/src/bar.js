// The bar of every page: how many missed calls are to be dealt with, and whether an emergency is among them.
import { api } from "./api.js";
import { $, show } from "./dom.js";
import { hear } from "./live.js";
import { inTurn } from "./once.js";

const link = $("nav-missed");
const count = $("nav-missed-count");

const asks = inTurn();

async function draw() {
  const news = asks();
  const { open, emergency } = await api("/api/missed/count");
  if (!news()) return;
  count.textContent = String(open);
  show(count, open > 0);
  link.classList.toggle("urgent", emergency > 0);
}

let timer = null;
function soon() {
  timer ??= setTimeout(() => {
    timer = null;
    // The number is asked for until it is known: nobody says a second time that it has changed.
    draw().catch(() => setTimeout(soon, 2000));
  }, 300);
}

// Whatever changed while there was no line is in the answer.
if (link) hear(["MissedCallChanged", "reset"], soon, soon);
