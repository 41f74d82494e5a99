// A trace id -> the panel with its span tree: what each step did, how long it took and which one is at fault.
import { getJson } from "./api.js";
import { element } from "./element.js";
import { facts } from "./passage.js";
import { fillPanel, openPanel } from "./panel.js";

const LONGEST = 20000; // characters of a step's input or output that are shown

export async function openTrace(id, options) {
  openPanel("Trace", [element("p", { class: "quiet" }, "Loading…")], options);
  try {
    fillPanel("Trace", view(await getJson(`v1/traces/${encodeURIComponent(id)}`)));
  } catch (problem) {
    const again = element("button", { type: "button", class: "plain", click: () => openTrace(id, { ...options, from: null }) }, "Try again");
    const message = problem.status === 404 ? "This trace is no longer kept." : problem.message;
    fillPanel("Trace", [element("div", { class: "problem", role: "alert" }, element("strong", {}, problem.title ?? "The trace cannot be shown"), element("p", {}, message), again)]);
  }
}

function view(trace) {
  const spans = trace.spans ?? [];
  const root = spans[0];
  if (!root) return [element("p", {}, "This trace has no steps.")];
  const scores = Object.entries(trace.scores ?? {}).map(([name, value]) => `${name} ${Number(value).toPrecision(3)}`).join(", ");
  const rows = [["Id", trace.id], ["Status", trace.status], ["Took", duration(root)], ["Release", trace.release], ["Index", trace.index], ["Model", trace.model], ["Scores", scores], ["Comment", trace.comment]];
  return [...faults(trace), tree(spans, root), facts(rows)];
}

function faults(trace) {
  return (trace.faults ?? []).map((fault) => element("div", { class: "problem" }, element("strong", {}, `Step at fault: ${fault.step}`), element("p", {}, [fault.reason, fault.detail].filter(Boolean).join(": "))));
}

function tree(spans, root) {
  const children = group(spans);
  const seen = new Set();
  const draw = (span) => {
    if (seen.has(span.id)) return null; // a broken trace must not loop
    seen.add(span.id);
    const below = (children.get(span.id) ?? []).map(draw).filter(Boolean);
    return element("li", {}, step(span, root), below.length > 0 && element("ul", {}, below));
  };
  return element("ul", { class: "tree" }, draw(root));
}

function group(spans) {
  const map = new Map();
  for (const span of spans) {
    if (!map.has(span.parent)) map.set(span.parent, []);
    map.get(span.parent).push(span);
  }
  return map;
}

function step(span, root) {
  const whole = Math.max(root.end - root.start, 1e-6);
  const bar = element("span", { class: `bar ${span.status === "ok" ? "" : "bad"}`, "aria-hidden": "true" });
  bar.style.setProperty("--from", Math.max(0, (span.start - root.start) / whole));
  bar.style.setProperty("--share", Math.min(1, (span.end - span.start) / whole));
  const state = span.status === "ok" ? null : element("span", { class: "tag" }, span.status);
  const head = element("summary", {}, element("span", { class: "step" }, span.name, state), element("span", { class: "quiet time" }, duration(span)), bar);
  const tokens = span.usage && `${span.usage.prompt} in, ${span.usage.completion} out${span.usage.estimated ? " (estimated)" : ""}`;
  const rows = [["Error", span.error], ["Tokens", tokens], ...Object.entries(span.attributes ?? {}).map(([name, value]) => [name, shown(value)])];
  return element("details", {}, head, facts(rows), part("Input", span.input), part("Output", span.output));
}

function part(name, value) {
  if (value === null || value === undefined || value === "") return null;
  return [element("h4", {}, name), element("pre", { tabindex: "0" }, shown(value))];
}

function shown(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}\n… ${text.length - LONGEST} more characters` : text;
}

function duration({ start, end }) {
  const milliseconds = (end - start) * 1000;
  return milliseconds < 1000 ? `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;
}
