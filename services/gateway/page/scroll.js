// Keeps the end of the conversation in sight while it grows, unless the reader has scrolled away; then offers the way back.
import { byId } from "./element.js";

const area = byId("scroll");
const latest = byId("latest");
let away = false;
let top = 0;

export const follow = () => requestAnimationFrame(() => { if (!away) area.scrollTop = area.scrollHeight; });

export function toLatest() {
  away = false;
  latest.hidden = true;
  follow();
}

area.addEventListener("scroll", () => {
  const end = area.scrollHeight - area.scrollTop - area.clientHeight < 80;
  if (end) away = false;
  else if (area.scrollTop < top) away = true; // only a reader scrolls up: growing text never does
  top = area.scrollTop;
  latest.hidden = !away;
}, { passive: true });
latest.addEventListener("click", toLatest);
