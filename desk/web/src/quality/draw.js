// The proof of a draw, and further blind scores of a call, by buttons.
import { api } from "../api.js";
import { $, el, notice } from "../dom.js";
import { t } from "../i18n.js";

const prove = $("prove");

prove.addEventListener("click", async () => {
  const place = $("proof");
  prove.disabled = true;
  place.replaceChildren(t("正在重新抽取、比对…"));
  try {
    const { faults } = await api(`/api/quality/sampling/${encodeURIComponent(prove.dataset.draw)}/proof`, {});
    place.dataset.proved = String(faults.length === 0);
    if (faults.length) place.replaceChildren(el("ul", {}, ...faults.map((fault) => el("li", {}, fault))));
    else place.replaceChildren(t("验证通过：重抽结果完全一致，任务与抽样记录相符"));
  } catch (error) {
    notice(error.message);
    place.replaceChildren();
  }
  prove.disabled = false;
});

document.addEventListener("click", async ({ target }) => {
  const call = target.closest("[data-order]");
  if (!call) return;
  call.disabled = true;
  try {
    const { given } = await api("/api/quality/calibration/order", { call_id: call.dataset.order });
    notice(t("已请 {count} 人背对背再评").replace("{count}", String(given)), 5);
  } catch (error) {
    notice(error.message);
    call.disabled = false;
  }
});
