// A retrieved passage -> the panel that shows it with its source. Its text is data: shown as it is, line breaks kept.
import { copyButton, element, link, webAddress } from "./element.js";
import { openPanel } from "./panel.js";

export function openPassage(passages, passage, from) {
  const at = passages.indexOf(passage);
  const open = (other) => other && (() => openPassage(passages, other, null));
  openPanel(`Passage ${passage.rank}`, view(passage), { from, steps: { before: open(passages[at - 1]), after: open(passages[at + 1]) } });
}

export const passageTitle = (passage) => passage.title || passage.uri || "Untitled";

const isCode = ({ kind, uri }) => kind === "repository" && !/\.(?:md|rst|txt|html?)(?:$|[?#])/i.test(uri);

function view(passage) {
  const address = [passage.link, passage.uri].find((candidate) => candidate && webAddress(candidate));
  const rows = [
    ["Section", passage.heading?.join(" › ")],
    ["Author", passage.author],
    ["Kind", passage.kind],
    ["Source", passage.source],
    ["Address", address ? link(address, address) : passage.uri],
    ["Characters", passage.span && `${passage.span[0]} to ${passage.span[1]}`],
    ["Score", Number.isFinite(passage.score) && passage.score.toPrecision(3)],
  ];
  return [
    element("h3", { dir: "auto" }, address ? link(address, passageTitle(passage)) : passageTitle(passage)),
    element("blockquote", { class: isCode(passage) ? "passage mono" : "passage", dir: "auto" }, String(passage.text ?? "")),
    element("div", { class: "row" }, copyButton(() => passage.text, "Copy passage")),
    facts(rows),
  ];
}

export function facts(rows) {
  return element("dl", {}, rows.filter(([, value]) => value).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", { dir: "auto" }, value))));
}
