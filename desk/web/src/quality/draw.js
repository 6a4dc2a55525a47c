// The proof of a draw, by a button.
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
