// The page of units: by state, kept fresh.
import { keepFresh, soon } from "./livepart.js";
import { sparingly } from "./once.js";

/** Positions come every few seconds from each unit: the page follows them, but not each one. */
const moved = sparingly(5000, async () => soon(), () => {});
keepFresh({ UnitChanged: soon, UnitMoved: moved });
