// The recording of a call beside its transcript: a sentence plays from its second, and shows while it is heard.

const player = document.getElementById("player");

/** Where to begin once the player knows the recording. */
let wanted = null;

function seek() {
  if (wanted !== null) player.currentTime = Math.min(wanted, player.duration || wanted);
  wanted = null;
}

/** Play from this second on. Where the browser wants a click first, the player waits for it and begins there: nothing
 *  of the recording is fetched before, since that would count as listening. */
export function playFrom(second) {
  if (!player) return;
  wanted = second;
  if (player.readyState >= HTMLMediaElement.HAVE_METADATA) seek();
  player.play().catch(() => {});
}

function follow() {
  const said = [...document.querySelectorAll("[data-second]")];
  let heard = null;
  for (const row of said) {
    const second = Number(row.dataset.second);
    if (second <= player.currentTime && (!heard || second >= Number(heard.dataset.second))) heard = row;
  }
  for (const row of said) row.classList.toggle("now", row === heard && !player.paused);
}

/** Sentences play at a click; `?at=` of the address plays at once, `?u=` shows the sentence. */
export function beginRecording() {
  document.addEventListener("click", (event) => {
    const row = event.target.closest?.("[data-play]")?.closest("[data-second]");
    if (row) playFrom(Number(row.dataset.second));
  });
  player?.addEventListener("loadedmetadata", seek);
  for (const name of ["timeupdate", "pause", "play"]) player?.addEventListener(name, follow);
  const asked = new URLSearchParams(location.search);
  const row = asked.get("u") && document.getElementById(`u-${asked.get("u")}`);
  if (row) {
    row.classList.add("here");
    row.scrollIntoView({ block: "center" });
  }
  const at = Number.parseFloat(asked.get("at"));
  if (at >= 0) playFrom(at);
}
