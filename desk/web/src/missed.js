// Missed calls, kept places, the order of the queue, nuisance marks.
import { dialElsewhere } from "./dial.js";
import { keepFresh, soon } from "./livepart.js";

const EVENTS = [
  "MissedCallChanged", "RecallTried", "KeptPlaceChanged", "CallRanked", "NumberMarked",
  "CallQueued", "CallMoved", "CallAnswered", "CallEnded",
];
keepFresh(Object.fromEntries(EVENTS.map((name) => [name, soon])));
dialElsewhere();
