// One tab, one telephone: two tabs of the same desk would take each other's calls.

/**
 * Runs `begin` in the only tab that holds this desk (or whatever else only one tab should do); `waiting` is called where
 * another one does, with the path of its page. The next tab in line begins when that one is closed.
 */
export function onlyTab(extension, begin, waiting) {
  if (!navigator.locks) {
    begin();
    return;
  }
  const place = `heyi-tab-${extension}`;
  let held = false;
  // A reloaded page asks before its predecessor has let go: only a wait that lasts means a second tab.
  const patience = setTimeout(() => held || waiting(localStorage.getItem(place) ?? ""), 1500);
  navigator.locks.request(`heyi-desk-${extension}`, () => {
    held = true;
    localStorage.setItem(place, location.pathname);
    clearTimeout(patience);
    begin();
    return new Promise(() => {});
  });
}
