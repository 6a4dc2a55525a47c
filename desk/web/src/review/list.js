// A reviewer's list by keyboard: arrows go from one to the next, Enter opens it.
const links = [...document.querySelectorAll("[data-test=open]")];
links[0]?.focus();
addEventListener("keydown", (event) => {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!by || !links.length) return;
  event.preventDefault();
  const at = links.indexOf(document.activeElement) + by;
  links[Math.min(Math.max(at, 0), links.length - 1)].focus();
});
