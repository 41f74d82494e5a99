// One question and its answer: drawn while it streams, then with citations, sources, label and actions. Asks nothing itself.
import { copyButton, element } from "./element.js";
import { feedback } from "./feedback.js";
import { markdown } from "./markdown.js";
import { openPassage, passageTitle } from "./passage.js";

const ENDS = { length: "The answer was cut off at the model’s token limit.", content_filter: "A guard stopped this answer." };

export class Turn {
  text = "";
  twin = null;

  constructor(question) {
    this.question = question;
    this.answer = element("div", { class: "answer" });
    this.foot = element("div", { class: "foot" }, element("p", { class: "waiting" }, element("span", { class: "dots", "aria-hidden": "true" }), "Searching the documents"));
    this.node = element("article", { "aria-busy": "true" }, element("h2", { class: "question", dir: "auto" }, question), this.answer, this.foot);
    this.draw = markdown(this.answer);
  }

  grow(text) {
    if (!this.text) this.foot.replaceChildren();
    this.text += text;
    this.frame ??= requestAnimationFrame(() => { this.frame = null; this.draw(this.text); });
  }

  // `note` says why the answer is not whole; `problem` is a Problem; `again` asks the question once more.
  finish({ finish = "stop", note = ENDS[finish], problem = null, again = null } = {}) {
    cancelAnimationFrame(this.frame);
    this.node.setAttribute("aria-busy", "false");
    this.draw(this.text, (number) => this.citation(number), true);
    const retry = again && element("button", { type: "button", class: "plain", click: again }, "Try again");
    note ??= this.text || problem ? null : "The answer is empty.";
    this.foot.replaceChildren(...[
      this.text && this.sources(),
      problem && failure(problem, retry),
      note && element("p", { class: "quiet note" }, note, " ", retry),
      this.text && this.actions(),
    ].flat().filter(Boolean));
  }

  passage(number) {
    return this.twin?.passages?.find((passage) => passage.rank === number);
  }

  citation(number) {
    const passage = this.passage(number);
    if (!passage) return null;
    const name = `Citation ${number}: ${passageTitle(passage)}`;
    return element("button", { type: "button", class: "cite", "aria-haspopup": "dialog", "aria-label": name, title: passageTitle(passage), click: (event) => this.open(passage, event) }, String(number));
  }

  open(passage, event) {
    openPassage(this.twin.passages, passage, event.currentTarget);
  }

  // The cited passages; where nothing is cited, all that were found.
  sources() {
    const passages = this.twin?.passages ?? [];
    const numbers = new Set([...this.answer.querySelectorAll(".cite")].map((button) => Number(button.textContent)));
    const shown = numbers.size ? passages.filter((passage) => numbers.has(passage.rank)) : passages;
    if (!shown.length) return this.twin && element("p", { class: "quiet note" }, "No passage was found for this question.");
    const items = shown.map((passage) => element("li", {}, element("button", { type: "button", class: "source", "aria-haspopup": "dialog", click: (event) => this.open(passage, event) },
      element("span", { class: "number" }, String(passage.rank)), element("bdi", {}, passageTitle(passage)))));
    return element("section", { class: "sources" }, element("h3", {}, numbers.size ? "Sources" : "Found, but not cited"), element("ul", {}, items));
  }

  actions() {
    const { mode, trace, degraded = [] } = this.twin ?? {};
    const vote = trace && feedback(trace);
    const label = mode === "extractive" && element("span", { class: "tag", title: "Sentences quoted from the documents; no language model wrote this" }, "extractive");
    const missing = degraded.length > 0 && element("span", { class: "tag bad" }, `without ${degraded.join(", ")}`);
    const details = trace && element("a", { class: "plain small", href: `#trace/${encodeURIComponent(trace)}` }, "Trace");
    return [element("div", { class: "actions" }, label, missing, element("span", { class: "gap" }), vote?.buttons ?? [], copyButton(() => this.text, "Copy"), details), vote?.form];
  }
}

function failure(problem, retry) {
  const trace = problem.trace && element("a", { class: "plain", href: `#trace/${encodeURIComponent(problem.trace)}` }, "Trace");
  return element("div", { class: "problem", role: "alert" }, element("strong", {}, problem.title), element("p", {}, problem.message), element("div", { class: "row" }, retry, trace));
}
