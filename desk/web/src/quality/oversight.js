// Many reviews moved on at once. What was ticked stays ticked while the list is drawn anew.
import { api } from "../api.js";
import { $, notice } from "../dom.js";
import { t } from "../i18n.js";
import { keepFresh, part, soon } from "../livepart.js";

const chosen = new Set();
const boxes = () => [...part.querySelectorAll("input[name=review]")];

function count() {
  $("chosen").textContent = String(chosen.size);
  for (const button of $("bulk").querySelectorAll("button")) button.disabled = chosen.size === 0;
  const every = $("every");
  const all = boxes();
  if (every) every.checked = all.length > 0 && all.every((box) => box.checked);
}

function tick() {
  const there = new Set(boxes().map((box) => box.value));
  for (const id of chosen) if (!there.has(id)) chosen.delete(id);
  for (const box of boxes()) box.checked = chosen.has(box.value);
  count();
}

part.addEventListener("change", ({ target }) => {
  if (target.id === "every") {
    for (const box of boxes()) box.checked = target.checked;
  }
  chosen.clear();
  for (const box of boxes()) if (box.checked) chosen.add(box.value);
  count();
});

$("bulk").addEventListener("submit", async (event) => {
  event.preventDefault();
  const action = event.submitter?.value;
  if (!action || chosen.size === 0) return;
  try {
    const { done, refused } = await api("/api/quality/oversight", {
      action, reviews: [...chosen], reviewer: $("to").value, why: $("why").value,
    });
    const told = t("已处理 {count} 项").replace("{count}", String(done));
    notice(refused.length ? `${told}；${refused[0].message} (${refused.length})` : told, refused.length ? 0 : 5);
    chosen.clear();
    $("why").value = "";
    document.activeElement?.blur();
    soon();
  } catch (error) {
    notice(error.message);
  }
});

new MutationObserver(tick).observe(part, { childList: true, subtree: true });
keepFresh({ ReviewTold: soon });
count();
