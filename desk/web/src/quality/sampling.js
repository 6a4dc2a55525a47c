// The draws, and shifts to be drawn by a button.
import { keepFresh, soon } from "../livepart.js";

keepFresh({ ReviewTold: soon });
