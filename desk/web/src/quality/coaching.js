// One call taker's weeks and plans.
import { keepFresh, soon } from "../livepart.js";

keepFresh({ ReviewTold: soon });
