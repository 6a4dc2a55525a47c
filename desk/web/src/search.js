// Search over transcripts by keyboard: "/" types, arrows go from hit to hit, Enter opens.
import { dialElsewhere } from "./dial.js";
import { $ } from "./dom.js";

const query = $("query");
/** The list is exchanged while the page stays (lists.js). */
const hits = () => [...document.querySelectorAll("#hits [data-test=open]")];

function step(by) {
  const links = hits();
  const at = links.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : -1) : at + by;
  if (next < 0) query.focus();
  else links[Math.min(next, links.length - 1)]?.focus();
  links[next]?.closest("li").scrollIntoView({ block: "nearest" });
}

addEventListener("keydown", (event) => {
  if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
  const field = event.target.closest?.("input, select, textarea");
  // In the query too: nobody says a slash, and after a search the focus is still there.
  if (event.key === "/" && (!field || field === query)) {
    query.focus();
    query.select();
  } else if (event.key === "ArrowDown" && (!field || field === query) && hits().length) {
    step(1);
  } else if (event.key === "ArrowUp" && !field && hits().length) {
    step(-1);
  } else {
    return;
  }
  event.preventDefault();
});
dialElsewhere();
