// A proposal, the end of a review, or a Problem -> nodes. Texts are shown as they are; what hides in them is made visible.
import { element } from "./element.js";
import { facts } from "./passage.js";

const HIDDEN = /(?![\n\r\t\u200c\u200d])[\p{Cc}\p{Cf}]/gu; // controls, and what turns text around; not what joins letters

// What a model would learn must be what the reviewer reads: characters without a shape are written out.
const plain = (text) => String(text ?? "").replace(HIDDEN, (found) => `⟨U+${found.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);

export function proposal({ question, chosen, rejected, why, comment, author, trace, documents }) {
  const link = element("a", { href: `#trace/${encodeURIComponent(trace)}` }, trace);
  return [
    element("h2", { class: "asked", dir: "auto", tabindex: "0" }, plain(question)),
    element("p", { class: "quiet" }, `This answer was ${plain(why)}.`),
    comment && comment !== chosen && element("p", { class: "said", dir: "auto" }, element("span", { class: "quiet" }, "Comment: "), plain(comment)),
    element("div", { class: "pair" }, side("Chosen", chosen), side("Rejected", rejected)),
    facts([["Author", plain(author)], ["Trace", link], ["Documents", plain(documents.join(", "))]]),
  ].filter(Boolean);
}

function side(name, text) {
  const shown = element("div", { class: "passage", dir: "auto", role: "region", tabindex: "0", "aria-label": name }, plain(text));
  return element("section", { class: name.toLowerCase() }, element("h3", {}, name), shown);
}

export const nothing = () => [
  element("h2", {}, "Nothing waits for a review"),
  element("p", {}, "A proposal comes about when a reader marks an answer down. Preferred to it is the reader’s comment, where it is long enough to be an answer, else the passage that should have been followed. An answer marked up is proposed where another to the same question was marked down."),
  learned(),
];

export function ending({ approved, down, skipped }, left, again) {
  const counted = [[approved, "approved"], [down, "turned down"], [skipped, "skipped"]].filter(([count]) => count).map((pair) => pair.join(" "));
  return [
    element("h2", {}, left ? `${left} still ${left === 1 ? "waits" : "wait"}` : "Nothing waits any more"),
    element("p", {}, counted.length ? `You are through: ${counted.join(", ")}.` : "You are through."),
    learned(),
    left > 0 && element("div", { class: "row" }, element("button", { type: "button", class: "main", click: again }, "Begin again")),
  ].filter(Boolean);
}

const learned = () => element("p", { class: "quiet" }, "What is approved becomes a preference example at the next ", element("code", {}, "twin dataset build"), ".");

export function failure(problem, again) {
  const retry = element("button", { type: "button", class: "plain", click: again }, "Try again");
  return element("div", { class: "problem", role: "alert" }, element("strong", {}, problem.title ?? "The page failed"), element("p", {}, problem.message), element("div", { class: "row" }, retry));
}
