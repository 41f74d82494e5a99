// What waits for a review -> decisions, one proposal at a time, by button or key. Each is kept at once, so leaving loses nothing.
import { getJson, postJson } from "./api.js";
import { byId, element } from "./element.js";
import { closePanel } from "./panel.js";
import { ending, failure, nothing, proposal } from "./proposal.js";

const PART = 20; // proposals that are fetched at a time
const view = byId("review");
const body = byId("review-body");
let round = null; // one going through: {queue, total, seen, after, approved, down, skipped, busy}; the queue's first is shown

export function openReview() {
  closePanel();
  byId("chat").hidden = true;
  view.hidden = false;
  byId("review-title").focus();
  begin();
}

function leave() {
  round = null;
  closePanel();
  view.hidden = true;
  byId("chat").hidden = false;
  byId("review-open").focus();
}

function begin() {
  round = { queue: [], total: 0, seen: 0, after: "", approved: 0, down: 0, skipped: 0, busy: false };
  body.replaceChildren(element("p", { class: "quiet" }, "Loading…"));
  choices(false);
  more();
}

// Does one thing at a time, and says what went wrong with it; `again` is offered then. A round that was left draws nothing.
async function doing(work, again) {
  const now = round;
  if (!now || now.busy) return;
  now.busy = true;
  view.setAttribute("aria-busy", "true");
  try {
    await work(now);
  } catch (problem) {
    if (now === round) fail(now, problem, again);
  }
  now.busy = false;
  if (now === round) view.setAttribute("aria-busy", "false");
}

const more = () => doing(next, more);
const skip = () => doing((now) => { if (now.queue.length) { now.skipped += 1; return next(past(now)); } }, more);
const approve = () => doing((now) => decide(now, true), approve);
const turnDown = () => doing((now) => decide(now, false), turnDown);

async function decide(now, approved) {
  if (!now.queue.length) return;
  let note = "";
  try {
    await postJson(`v1/reviews/${encodeURIComponent(now.queue[0].id)}`, { approved });
    now[approved ? "approved" : "down"] += 1;
  } catch (problem) {
    if (![404, 409].includes(problem.status)) throw problem;
    note = `Not decided by you: ${problem.message}.`;
    now.queue.length = 1; // others are at work here: what waits is asked for again
  }
  await next(past(now), note);
}

function past(now) {
  now.after = now.queue.shift().trace;
  now.seen += 1;
  return now;
}

async function next(now, note = "") {
  if (!now.queue.length) await refill(now);
  const left = now.queue.length || !now.seen ? 0 : (await getJson("v1/reviews?limit=1")).waiting;
  if (now === round) draw(now, note, left);
}

async function refill(now) {
  const { data, waiting } = await getJson(`v1/reviews?limit=${PART}${now.after && `&after=${encodeURIComponent(now.after)}`}`);
  now.queue = data;
  now.total = now.seen + waiting;
}

function draw(now, note, left) {
  const [shown] = now.queue;
  const at = shown ? `${now.seen + 1} of ${now.total}` : "";
  byId("review-progress").textContent = at;
  notice(note && element("p", { class: "notice" }, note));
  fill(...(shown ? proposal(shown) : now.seen ? ending(now, left, begin) : nothing()));
  choices(Boolean(shown));
  byId("live").textContent = shown ? `${note} ${at}: ${shown.question}` : body.textContent;
}

function fill(...nodes) {
  closePanel(); // a trace that stands open there is the last one's
  const lost = body.contains(document.activeElement);
  body.replaceChildren(...nodes);
  body.scrollTop = 0;
  if (lost || document.activeElement === document.body) byId("review-title").focus();
}

function fail(now, problem, again) {
  const said = failure(problem, now.queue.length ? again : more);
  if (now.queue.length) { notice(said); return; }
  notice("");
  fill(said);
  choices(false);
}

function notice(node) {
  byId("review-note").replaceChildren(...[node].filter(Boolean));
  byId("review-note").hidden = !node;
}

function choices(shown) {
  if (!shown && byId("choices").contains(document.activeElement)) byId("review-title").focus();
  byId("choices").hidden = !shown;
}

const KEYS = { y: approve, n: turnDown, s: skip, escape: leave };

document.addEventListener("keydown", (event) => {
  const other = event.repeat || event.ctrlKey || event.metaKey || event.altKey; // a key that is held must not decide the next one
  if (view.hidden || other || document.querySelector("dialog:modal") || byId("panel").contains(event.target)) return;
  const act = KEYS[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault(); // the chat behind has keys of its own
  if (act === leave && byId("panel").open) closePanel();
  else act();
}, true);

byId("review-open").addEventListener("click", openReview);
byId("review-close").addEventListener("click", leave);
byId("approve").addEventListener("click", approve);
byId("turn-down").addEventListener("click", turnDown);
byId("skip").addEventListener("click", skip);
