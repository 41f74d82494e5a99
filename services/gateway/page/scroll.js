// Keeps the end of the conversation in sight while it grows, unless the reader has scrolled away; then offers the way back.
import { byId } from "./element.js";

const area = byId("scroll");
const latest = byId("latest");
let away = false;

export const follow = () => requestAnimationFrame(() => { if (!away) area.scrollTop = area.scrollHeight; });

export function toLatest() {
  away = false;
  latest.hidden = true;
  follow();
}

area.addEventListener("scroll", () => {
  away = area.scrollHeight - area.scrollTop - area.clientHeight > 80;
  latest.hidden = !away;
}, { passive: true });
latest.addEventListener("click", toLatest);
