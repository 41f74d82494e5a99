// A reader's thumb and comment -> POST /v1/feedback. The last one sent counts; both can be changed.
import { element } from "./element.js";
import { postJson } from "./api.js";

const THUMB = "M6 9v8H3V9zm0 0 4-6c1.5 0 2 1 1.700 2.300L11 8h5a1.500 1.500 0 0 1 1.500 1.800l-1.200 6A1.500 1.500 0 0 1 14.800 17H6";

export function feedback(trace) {
  let score = 0;
  const note = element("p", { class: "quiet", role: "status" });
  const comment = element("textarea", { rows: "2", maxlength: "4000", "aria-label": "Comment", placeholder: "What was good or wrong? (optional)" });
  const send = element("button", { type: "submit", class: "plain" }, "Send comment");
  const form = element("form", { class: "comment", hidden: true, submit: (event) => { event.preventDefault(); post(score); } }, comment, element("div", { class: "row" }, send, note));
  const thumbs = [[1, "Good answer"], [-1, "Bad answer"]].map(([value, name]) => [value, thumb(name, value, () => post(value))]);

  async function post(value) {
    thumbs.concat([[0, send]]).forEach(([, button]) => { button.disabled = true; });
    note.textContent = "Saving…";
    form.hidden = false;
    form.scrollIntoView({ block: "nearest" });
    try {
      await postJson("v1/feedback", { trace, score: value, comment: comment.value.trim() });
      score = value;
      note.textContent = comment.value.trim() ? "Saved with your comment." : "Saved. A comment helps the author.";
    } catch (problem) {
      note.textContent = `Not saved: ${problem.title ?? "something failed"}. ${problem.message}`;
    }
    note.classList.toggle("wrong", note.textContent.startsWith("Not saved"));
    thumbs.forEach(([own, button]) => { button.disabled = false; button.setAttribute("aria-pressed", String(own === score)); });
    send.disabled = score === 0;
  }

  return { buttons: thumbs.map(([, button]) => button), form };
}

function thumb(name, value, click) {
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  icon.setAttribute("viewBox", "0 0 20 20");
  icon.setAttribute("aria-hidden", "true");
  if (value < 0) icon.classList.add("down");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", THUMB);
  icon.append(path);
  return element("button", { type: "button", class: "plain round", "aria-label": name, "aria-pressed": "false", title: name, click }, icon);
}
