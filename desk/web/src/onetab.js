// One tab, one telephone: two tabs of the same desk would take each other's calls.

/** Runs `begin` in the only tab that holds this desk; `waiting` is called where another one does. */
export function onlyTab(extension, begin, waiting) {
  if (!navigator.locks) {
    begin();
    return;
  }
  let held = false;
  // A reloaded page asks before its predecessor has let go: only a wait that lasts means a second tab.
  const patience = setTimeout(() => held || waiting(), 1500);
  navigator.locks.request(`heyi-desk-${extension}`, () => {
    held = true;
    clearTimeout(patience);
    begin();
    return new Promise(() => {});
  });
}
