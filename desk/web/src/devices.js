// Which microphone and which speaker this browser's person has chosen (the check before the shift); kept in the browser.

const NAMES = { audioinput: "heyi-microphone", audiooutput: "heyi-speaker", ring: "heyi-ring" };

/** `kind`: audioinput, audiooutput, or ring: where it rings besides the speaker. The device's id; empty: the system's own, for rings none. */
export const chosen = (kind) => localStorage.getItem(NAMES[kind]) ?? "";

export function choose(kind, id) {
  if (id) localStorage.setItem(NAMES[kind], id);
  else localStorage.removeItem(NAMES[kind]);
}

/** What the telephone asks the browser for. A device that was chosen and is gone is replaced by what there is. */
export function sound() {
  const id = chosen("audioinput");
  return {
    audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, ...(id ? { deviceId: { ideal: id } } : {}) },
    video: false,
  };
}

/** Have an audio element speak from the chosen speaker; where it is gone, or cannot be chosen, from the system's own. */
export async function speakFrom(audio) {
  if (!audio.setSinkId) return;
  await audio.setSinkId(chosen("audiooutput")).catch(() => audio.setSinkId("").catch(() => {}));
}
