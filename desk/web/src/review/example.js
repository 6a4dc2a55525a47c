// A good example: its sentences play from their second; whoever put it in may take it out.
import { api } from "../api.js";
import { $, notice } from "../dom.js";
import { beginRecording } from "../recording.js";
import { stamp } from "./watermark.js";

beginRecording();
stamp();
$("remove")?.addEventListener("click", async () => {
  try {
    await api(`/api/examples/${$("page").dataset.example}/remove`, {});
    location.assign("/examples");
  } catch (error) {
    notice(error.message);
  }
});
