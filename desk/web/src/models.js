// Proposed models: another one in use changes what may be decided.
import { keepFresh, soon } from "./livepart.js";

keepFresh({ ModelChanged: soon });
