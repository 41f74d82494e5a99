// One paragraph of Markdown -> text nodes and inline elements: code, emphasis, web links, citations. Anything else is text.
import { element, link, webAddress } from "./element.js";

const DEEPEST = 8;
const REACH = 2000; // how far a closing mark is looked for: hostile text costs this much a character, not its length
const CITATION = /\[(\d{1,3})\](?!\()/y;
const LINK = /\[((?:[^[\]\\]|\\.){1,500})\]\(<?((?:[^\s<>()]|\([^\s<>()]{0,200}\)){1,2048})>?(?:\s+"[^"]{0,300}")?\)/y;
const ANGLED = /<(https?:\/\/[^\s<>]{1,2048})>/y;
const BARE = /https?:\/\/[^\s<>"'`]{1,2048}/y;

const RULES = { "\\": escaped, "`": code, "[": bracket, "!": image, "*": emphasis, _: emphasis, "<": angled, h: bare, " ": hardBreak };

// `cite(number)` gives a node for a citation that is known, else null and the text stays as it is.
export function inline(text, cite, depth = 0) {
  const nodes = [];
  let from = 0;
  let at = 0;
  while (at < text.length) {
    const hit = depth < DEEPEST ? RULES[text[at]]?.(text, at, cite, depth) : null;
    if (!hit) { at += 1; continue; }
    const plain = text.slice(from, at);
    if (hit.glued) nodes.push(...glue(plain, hit.node));
    else nodes.push(plain, hit.node);
    from = at = hit.end;
  }
  if (at > from) nodes.push(text.slice(from, at));
  return nodes;
}

// A number does not begin a line: it is kept with the word before it.
function glue(plain, node) {
  const word = /\S{0,30} ?$/.exec(plain.slice(-31))[0];
  return [plain.slice(0, plain.length - word.length), element("span", { class: "keep" }, word.replace(/ $/, "\u00a0"), node)];
}

function match(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function closing(text, mark, from) {
  const found = text.slice(from, from + REACH).indexOf(mark);
  return found < 0 ? -1 : from + found;
}

function escaped(text, at) {
  const next = text[at + 1];
  if (next === "\n") return { node: element("br"), end: at + 2 };
  return next && /[!-/:-@[-`{-~]/.test(next) ? { node: next, end: at + 2 } : null;
}

function hardBreak(text, at) {
  return text.startsWith("  \n", at) ? { node: element("br"), end: at + 3 } : null;
}

function code(text, at) {
  const mark = /^`+/.exec(text.slice(at, at + 20))[0];
  let end = closing(text, mark, at + mark.length);
  while (end > 0 && text[end + mark.length] === "`") end = closing(text, mark, skip(text, end));
  if (end < 0) return { node: mark, end: at + mark.length };
  const inner = text.slice(at + mark.length, end).replaceAll("\n", " ");
  return { node: element("code", {}, inner.trim() ? inner.replace(/^ (.*) $/s, "$1") : inner), end: end + mark.length };
}

function skip(text, at) {
  while (text[at] === "`") at += 1;
  return at;
}

function bracket(text, at, cite, depth) {
  const number = match(CITATION, text, at);
  const cited = number && cite(Number(number[1]));
  if (cited) return { node: cited, end: at + number[0].length, glued: true };
  const found = match(LINK, text, at);
  if (!found) return null;
  if (!webAddress(found[2])) return { node: found[0], end: at + found[0].length };
  return { node: link(found[2], ...inline(found[1], () => null, depth + 1)), end: at + found[0].length };
}

function image(text, at, cite, depth) {
  return text[at + 1] === "[" && match(LINK, text, at + 1) ? bracket(text, at + 1, () => null, depth) : null;
}

function emphasis(text, at, cite, depth) {
  const sign = text[at];
  const mark = text[at + 1] === sign ? sign + sign : sign;
  const inside = at + mark.length;
  if (!text[inside] || /\s/.test(text[inside])) return null;
  if (sign === "_" && /[\p{L}\p{N}]/u.test(text[at - 1] ?? "")) return null;
  const end = closing(text, mark, inside + 1);
  if (end < 0 || /\s/.test(text[end - 1]) || (sign === "_" && /[\p{L}\p{N}]/u.test(text[end + mark.length] ?? ""))) return null;
  const tag = mark.length === 2 ? "strong" : "em";
  return { node: element(tag, {}, inline(text.slice(inside, end), cite, depth + 1)), end: end + mark.length };
}

function angled(text, at) {
  const found = match(ANGLED, text, at);
  return found && webAddress(found[1]) ? { node: link(found[1], found[1]), end: at + found[0].length } : null;
}

function bare(text, at) {
  if (/[\p{L}\p{N}]/u.test(text[at - 1] ?? "")) return null;
  const found = match(BARE, text, at);
  if (!found) return null;
  const address = found[0].replace(/[.,;:!?)\]*_]{1,9}$/, "");
  return webAddress(address) ? { node: link(address, address), end: at + address.length } : null;
}
