// The list of calls and a call's story: clocks that run, numbers that can be dialled.
import { drawClocks, keepClocks } from "./clocks.js";
import { dialElsewhere } from "./dial.js";
import { $ } from "./dom.js";
import { setServerTime } from "./time.js";

setServerTime($("page").dataset.now);
keepClocks();
// Another page of the list (lists.js) does not wait for the next second.
document.addEventListener("htmx:afterSwap", drawClocks);
dialElsewhere();
