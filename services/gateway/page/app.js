// Joins the parts: a question from the composer -> a turn, its stream, its end. Holds the one answer that is running.
import { ask, hasKey } from "./api.js";
import { busy, compose, offer, wishes, write } from "./composer.js";
import { Conversation } from "./conversation.js";
import { byId } from "./element.js";
import { askKey } from "./key.js";
import { closePanel } from "./panel.js";
import { follow, toLatest } from "./scroll.js";
import { lookAround } from "./standing.js";
import { openTrace } from "./trace.js";
import { Turn } from "./turn.js";

let conversation = new Conversation();
let running = null; // {turn, controller}

const say = (text) => { byId("live").textContent = text; };
const last = () => conversation.turns.at(-1);

const composer = compose({
  send: (question, edited) => (edited ? replace(last(), question) : start(question)),
  stop: () => running?.controller.abort(),
  last: () => (running ? "" : last()?.question),
  escape: closePanel,
});

async function start(question) {
  const turn = conversation.add(new Turn(question));
  byId("empty").hidden = true;
  byId("turns").append(turn.node);
  toLatest();
  running = { turn, controller: new AbortController() };
  busy(true);
  say("Answering");
  const end = await answer(turn, running.controller.signal);
  if (running?.turn !== turn) return; // a new conversation began meanwhile
  running = null;
  busy(false);
  turn.finish(end);
  follow();
  say(end.problem ? `${end.problem.title}. ${end.problem.message}` : `Answer: ${turn.answer.textContent}`);
  if (end.problem?.status === 401) await identify(hasKey() ? end.problem.message : "") && replace(turn, question);
}

// Streams into `turn`; what Turn.finish takes. Never throws: an answer ends in words.
async function answer(turn, signal) {
  const again = () => { if (!running) replace(turn, turn.question); };
  const end = {};
  try {
    for await (const part of ask(conversation.request(turn, wishes()), signal)) {
      if (part.text) { turn.grow(part.text); follow(); }
      if (part.twin) { turn.twin = part.twin; offer(part.twin.passages ?? []); }
      if (part.finish) end.finish = part.finish;
    }
    return end;
  } catch (problem) {
    if (problem.name === "AbortError") return { note: turn.text ? "Stopped. The answer is incomplete." : "Stopped.", again };
    return { problem: problem.title ? problem : { title: "The page failed", message: String(problem) }, again };
  }
}

function replace(turn, question) {
  conversation.drop(turn);
  turn.node.remove();
  return start(question);
}

async function identify(why) {
  const given = await askKey(why);
  if (given) lookAround(refused);
  return given;
}

const refused = (problem) => identify(hasKey() ? problem.message : "");

byId("new").addEventListener("click", () => {
  running?.controller.abort();
  running = null;
  conversation = new Conversation();
  byId("turns").replaceChildren();
  byId("empty").hidden = false;
  closePanel();
  busy(false);
  composer.edit(false);
  say("New conversation");
});
byId("key").addEventListener("click", () => identify(""));

function openLinked() {
  const id = /^#trace\/([\w-]+)$/.exec(location.hash)?.[1];
  if (id) openTrace(id, { closed: () => history.replaceState(null, "", location.pathname + location.search) });
}

addEventListener("hashchange", openLinked);
addEventListener("online", () => lookAround(refused));
openLinked();
lookAround(refused);
write("");
