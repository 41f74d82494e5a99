// /readyz and /v1/models -> what the twin knows, in the head and on the empty page, or a notice of what is missing.
import { getJson, readiness } from "./api.js";
import { byId, element } from "./element.js";
import { facts } from "./passage.js";

const AGAIN = 2000; // milliseconds until a twin that is not ready is asked again
let timer = null;

// Looks until the twin is ready. `refused(problem)` is called when the gateway wants another key.
export async function lookAround(refused) {
  clearTimeout(timer);
  try {
    const { ready, body } = await readiness();
    tell(ready ? null : ["The twin is not ready yet", missing(body)]);
    if (!ready) timer = setTimeout(lookAround, AGAIN, refused);
    introduce((await getJson("v1/models")).data?.[0]);
  } catch (problem) {
    if (problem.status === 401 || problem.status === 403) { refused(problem); return; }
    if (!problem.status) tell([problem.title ?? "The page failed", [problem.message]]);
    timer = setTimeout(lookAround, AGAIN, refused);
  }
}

function tell(news) {
  const notice = byId("notice");
  const said = JSON.stringify(news);
  if (notice.dataset.said === said) return; // unchanged news is not read out again
  notice.dataset.said = said;
  notice.hidden = !news;
  if (news) notice.replaceChildren(element("strong", {}, news[0]), element("ul", {}, news[1].map((line) => element("li", {}, line))));
}

// What is not as it should be, as lines: from a list or from named checks.
function missing(body) {
  const said = body.missing ?? body.problems ?? body.error?.message ?? body.detail ?? [];
  const lines = typeof said === "object" && !Array.isArray(said) ? Object.entries(said).map(([name, value]) => `${name}: ${value}`) : [said].flat();
  return lines.length ? lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))) : ["It does not say what is missing."];
}

function introduce(model) {
  if (!model) return;
  const about = model.twin ?? model;
  const name = about.name ?? model.id ?? "Twin";
  byId("name").textContent = name;
  document.title = name;
  byId("knows").textContent = about.release ? `Release ${about.release}` : "";
  byId("facts").replaceChildren(...facts([["Release", about.release], ["Index", about.index], ["Passages", about.chunks?.toLocaleString()], ["Answers by", about.mode === "extractive" ? "quoting its documents" : about.model]]).childNodes);
}
