// /readyz and /v1/models -> what the twin knows, in the head and on the empty page, or a notice of what is missing.
import { getJson, readiness } from "./api.js";
import { byId, element } from "./element.js";
import { facts } from "./passage.js";

const AGAIN = 2000; // milliseconds until a twin that is not ready is asked again
let timer = null;

// Looks until the twin is ready. `refused(problem)` is called when the gateway wants another key, and then only /readyz is asked.
export async function lookAround(refused) {
  clearTimeout(timer);
  let again = false;
  try {
    const { ready, body } = await readiness();
    tell(ready ? null : ["The twin is not ready yet", missing(body)]);
    again = !ready;
    if (refused) introduce((await getJson("v1/models")).data?.[0]);
  } catch (problem) {
    if (problem.status === 401 || problem.status === 403) {
      refused(problem);
      refused = null;
    } else {
      if (!problem.status) tell([problem.title ?? "The page failed", [problem.message]]);
      again = true;
    }
  }
  clearTimeout(timer);
  if (again) timer = setTimeout(lookAround, AGAIN, refused);
}

function tell(news) {
  const notice = byId("notice");
  const said = JSON.stringify(news);
  if (notice.dataset.said === said) return; // unchanged news is not read out again
  notice.dataset.said = said;
  notice.hidden = !news;
  if (news) notice.replaceChildren(element("strong", {}, news[0]), element("ul", {}, news[1].map((line) => element("li", {}, line))));
}

const missing = (body) => body.missing?.map(String) ?? ["It does not say what is missing."];

function introduce(model) {
  const { release, index, mode, model: writer, scopes = [] } = model?.twin ?? {};
  byId("review-open").hidden = !scopes.includes("admin");
  byId("knows").textContent = release ? `Release ${release}` : "";
  const rows = [["Release", release], ["Index", index], ["Answers by", mode === "extractive" ? "quoting its documents" : writer]];
  byId("facts").replaceChildren(...facts(rows).childNodes);
}
