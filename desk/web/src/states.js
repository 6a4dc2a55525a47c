// Names of desks' states, as every list of desks shows them.
import { t } from "./i18n.js";

export const AGENT_STATES = {
  offline: () => t("离线"), away: () => t("离席"), ready: () => t("就绪"), ringing: () => t("振铃"),
  talking: () => t("通话中"), held: () => t("保持"), wrapup: () => t("话后整理"), paused: () => t("示忙"),
};
/** States in which a call is on the desk. */
export const BUSY = new Set(["talking", "held", "ringing"]);
