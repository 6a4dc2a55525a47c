// The bar of every page: how much of quality waits for this person.
import { api } from "../api.js";
import { hear } from "../live.js";
import { inTurn } from "../once.js";

const link = document.querySelector("[data-test=nav-quality]");
const asks = inTurn();

async function draw() {
  const news = asks();
  const { open } = await api("/api/quality/waiting");
  if (!news()) return;
  let count = link.querySelector("b");
  if (!count) {
    count = document.createElement("b");
    count.dataset.test = "nav-quality-count";
    link.append(" ", count);
  }
  count.textContent = String(open);
  count.hidden = open === 0;
}

let timer = null;
function soon() {
  timer ??= setTimeout(() => {
    timer = null;
    draw().catch(() => setTimeout(soon, 2000));
  }, 300);
}

if (link) hear(["ReviewTold", "reset"], soon, soon);
