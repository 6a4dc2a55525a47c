// One call: its numbers can be dialled, its transcript plays and is corrected.
import "./calls.js";
import { beginCorrections } from "./correct.js";
import { beginRecording } from "./recording.js";

beginCorrections();
beginRecording();
