// Markdown -> DOM nodes, block by block. HTML in it stays text; images become links; parsing is linear, nesting is bounded.
import { copyButton, element } from "./element.js";
import { inline } from "./inline.js";

const DEEPEST = 8;
const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]{0,30})/;
const HEADING = /^ {0,3}(#{1,6})[ \t]+(.*)$/;
const RULE = /^ {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)])(?: +|\t|$)/;
const DIVIDER = /^[\s|:-]+$/;
const COLUMNS = 60; // a wider table is shown as text

// Draws `text` into `container`; called again with more text it redraws only the blocks that changed.
export function markdown(container) {
  let drawn = [];
  return (text, cite = () => null, afresh = false) => {
    const lines = text.replace(/\r\n?/g, "\n").split("\n");
    const found = split(lines, 0);
    let same = 0;
    while (!afresh && same < Math.min(found.length, drawn.length) && found[same].source === drawn[same]) same += 1;
    while (container.childNodes.length > same) container.lastChild.remove();
    for (const block of found.slice(same)) container.append(draw(block, cite));
    drawn = found.map((block) => block.source);
  };
}

function split(lines, depth) {
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    if (!lines[at].trim()) { at += 1; continue; }
    const block = take(lines, at, depth);
    block.source = lines.slice(at, block.end).join("\n");
    blocks.push(block);
    at = block.end;
  }
  return blocks;
}

function take(lines, at, depth) {
  const line = lines[at];
  if (FENCE.test(line)) return takeCode(lines, at);
  if (RULE.test(line)) return { type: "rule", end: at + 1 };
  const heading = HEADING.exec(line);
  if (heading) return { type: "heading", level: heading[1].length, text: heading[2], end: at + 1 };
  if (isTable(lines, at)) return takeTable(lines, at);
  if (depth < DEEPEST && QUOTE.test(line)) return takeQuote(lines, at, depth);
  if (depth < DEEPEST && ITEM.test(line)) return takeList(lines, at, depth);
  return takeParagraph(lines, at);
}

function isTable(lines, at) {
  const divider = lines[at + 1] ?? "";
  return lines[at].includes("|") && divider.includes("|") && divider.includes("-") && DIVIDER.test(divider) && cells(lines[at]).length <= COLUMNS;
}

const INTERRUPTS = [FENCE, HEADING, RULE, QUOTE, /^ *(?:[-*+]|1[.)]) +\S/];
const starts = (lines, at) => INTERRUPTS.some((pattern) => pattern.test(lines[at])) || isTable(lines, at);

function takeCode(lines, at) {
  const [, fence, language] = FENCE.exec(lines[at]);
  let end = at + 1;
  while (end < lines.length && !(lines[end].trim().startsWith(fence) && !lines[end].trim().slice(fence.length).trim())) end += 1;
  return { type: "code", language, text: lines.slice(at + 1, end).join("\n"), end: Math.min(end + 1, lines.length) };
}

function takeTable(lines, at) {
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|")) end += 1;
  const rows = [lines[at], ...lines.slice(at + 2, end)].map(cells);
  return { type: "table", rows, end };
}

const cells = (line) => line.trim().replace(/^\|/, "").replace(/\|$/, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));

function takeQuote(lines, at, depth) {
  let end = at;
  while (end < lines.length && lines[end].trim() && (QUOTE.test(lines[end]) || !starts(lines, end))) end += 1;
  return { type: "quote", blocks: split(lines.slice(at, end).map((line) => line.replace(QUOTE, "")), depth + 1), end };
}

function takeList(lines, at, depth) {
  const [, margin, mark] = ITEM.exec(lines[at]);
  const ordered = /\d/.test(mark);
  const items = [];
  let end = at;
  while (end < lines.length) {
    const item = ITEM.exec(lines[end]);
    const indent = lines[end].search(/\S/);
    const blankBefore = end > at && !lines[end - 1].trim();
    if (indent < 0) { end += 1; continue; }
    if (item && Math.abs(indent - margin.length) < 2) {
      if (/\d/.test(item[2]) !== ordered) break;
      items.push([lines[end].slice(item[0].length)]);
    } else if (indent > margin.length) {
      items.at(-1).push(...(blankBefore ? [""] : []), dedent(lines[end], margin.length + (ordered ? 3 : 2)));
    } else if (!blankBefore && !starts(lines, end)) items.at(-1).push(lines[end]);
    else break;
    end += 1;
  }
  return { type: "list", ordered, first: parseInt(mark, 10), items: items.map((item) => split(item, depth + 1)), end };
}

const dedent = (line, columns) => line.slice(Math.min(columns, line.search(/\S/)));

function takeParagraph(lines, at) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && !starts(lines, end)) end += 1;
  return { type: "paragraph", text: lines.slice(at, end).join("\n"), end };
}

function draw(block, cite) {
  const all = (blocks) => blocks.map((inner) => draw(inner, cite));
  switch (block.type) {
    case "code": return drawCode(block);
    case "rule": return element("hr");
    case "heading": return element(`h${Math.min(6, block.level + 2)}`, { dir: "auto" }, inline(block.text, cite));
    case "table": return drawTable(block, cite);
    case "quote": return element("blockquote", {}, all(block.blocks));
    case "list": return element(block.ordered ? "ol" : "ul", { start: block.ordered && block.first !== 1 && block.first },
      block.items.map((item) => element("li", { dir: "auto" }, only(item) ? inline(item[0].text, cite) : all(item))));
    default: return element("p", { dir: "auto" }, inline(block.text.trim(), cite));
  }
}

const only = (item) => item.length === 1 && item[0].type === "paragraph";

function drawCode({ language, text }) {
  const bar = element("div", { class: "bar" }, element("span", { class: "quiet" }, language || "text"), copyButton(() => text, "Copy code"));
  return element("div", { class: "code" }, bar, element("pre", { tabindex: "0" }, element("code", {}, text)));
}

function drawTable({ rows: [head, ...rows] }, cite) {
  const row = (tag, values) => element("tr", {}, head.map((_, at) => element(tag, {}, inline(values[at] ?? "", cite))));
  const table = element("table", {}, element("thead", {}, row("th", head)), element("tbody", {}, rows.map((values) => row("td", values))));
  return element("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Table" }, table);
}
