// A title and nodes -> the panel beside the conversation, or a sheet from below on a narrow screen. Focus goes in and comes back.
import { byId } from "./element.js";

const panel = byId("panel");
const narrow = matchMedia("(max-width: 56rem)");
const before = byId("panel-before");
const after = byId("panel-after");
let opener = null;
let whenClosed = () => {};
let turning = 0; // closings that a change of width makes, not the reader

// `steps` are {before, after}: what the arrows open, null at an end; without it there are no arrows.
export function openPanel(title, nodes, { from = document.activeElement, steps = null, closed = () => {} } = {}) {
  if (from && !panel.contains(from)) opener = from;
  whenClosed();
  whenClosed = closed;
  fillPanel(title, nodes);
  arrow(before, steps && steps.before, steps);
  arrow(after, steps && steps.after, steps);
  if (!panel.open) show();
  byId("panel-title").focus({ preventScroll: true });
}

export function fillPanel(title, nodes) {
  byId("panel-title").textContent = title;
  byId("panel-body").replaceChildren(...nodes);
  byId("panel-body").scrollTop = 0;
}

export const closePanel = () => { if (panel.open) panel.close(); };

function arrow(button, open, steps) {
  button.hidden = !steps;
  button.disabled = !open;
  button.onclick = open;
}

const show = () => (narrow.matches ? panel.showModal() : panel.show());

narrow.addEventListener("change", () => {
  if (!panel.open) return;
  turning += 1;
  panel.close();
  show();
});
panel.addEventListener("close", () => {
  if (turning) { turning -= 1; return; }
  whenClosed();
  whenClosed = () => {};
  if (opener?.isConnected) opener.focus();
  else byId("question").focus();
});
panel.addEventListener("click", (event) => { if (event.target === panel) panel.close(); }); // the backdrop
panel.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  event.stopPropagation();
  panel.close();
});
byId("panel-close").addEventListener("click", closePanel);
