// A call taker's reviews and the appeals that wait: whatever is told of a review may change what may be done.
import { keepFresh, soon } from "../livepart.js";

keepFresh({ ReviewTold: soon });
