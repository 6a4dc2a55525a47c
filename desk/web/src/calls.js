// The list of calls and a call's story: clocks that run, numbers that can be dialled.
import { keepClocks } from "./clocks.js";
import { dialElsewhere } from "./dial.js";
import { $ } from "./dom.js";
import { setServerTime } from "./time.js";

setServerTime($("page").dataset.now);
keepClocks();
dialElsewhere();
