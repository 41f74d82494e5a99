// Requests to the gateway -> values, or a Problem that a reader understands. The key stays in this tab and in one header.
import { events } from "./events.js";

const KEY = "twin.key";
let key = read();

function read() {
  try { return sessionStorage.getItem(KEY) ?? ""; } catch { return ""; }
}

export const hasKey = () => Boolean(key);

export function useKey(value) {
  key = value.trim();
  try {
    if (key) sessionStorage.setItem(KEY, key);
    else sessionStorage.removeItem(KEY);
  } catch { /* storage is off: the key lasts for this page */ }
}

// What went wrong, in two lines: `title` says what, `message` what to do. `status` is 0 when nothing answered.
export class Problem extends Error {
  constructor(title, message, { status = 0, trace = "" } = {}) {
    super(message);
    Object.assign(this, { title, status, trace });
  }
}

const TITLES = {
  400: "The question was not accepted", 401: "A valid key is needed", 403: "This key may not do that", 404: "Not found", 409: "Decided already",
  413: "The question is too long", 422: "The question was not accepted", 429: "Too many requests",
  502: "The model server failed", 503: "The twin is not available", 504: "The model server took too long",
};

export const getJson = async (path) => (await request(path)).json();

export async function postJson(path, body, signal) {
  return (await request(path, { method: "POST", body: JSON.stringify(body), signal, headers: { "content-type": "application/json" } })).json();
}

// What /readyz says, ready or not: {ready, body}.
export async function readiness() {
  const response = await reach("readyz", {});
  return { ready: response.ok, body: await response.json().catch(() => ({})) };
}

// Yields {text}, {twin, annotations} and {finish} in the order they come. Aborting `signal` cancels the answer on the server.
export async function* ask(body, signal) {
  const response = await request("v1/chat/completions", {
    method: "POST", body: JSON.stringify({ ...body, stream: true }), signal, headers: { "content-type": "application/json", accept: "text/event-stream" },
  });
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
    throw new Problem("The answer cannot be read", "Something between this page and the twin changed the stream.", { status: response.status });
  }
  try {
    for await (const data of events(response.body)) {
      if (data === "[DONE]") return;
      yield* parts(JSON.parse(data));
    }
  } catch (error) {
    if (error instanceof Problem || error.name === "AbortError") throw error;
    throw new Problem("The connection was lost", "The answer above is incomplete.");
  }
  throw new Problem("The answer broke off", "The stream ended before the answer did.");
}

function* parts(chunk) {
  if (chunk.error) throw new Problem("The answer broke off", chunk.error.message ?? "", { trace: chunk.error.trace });
  const choice = chunk.choices?.[0];
  if (choice?.delta?.content) yield { text: choice.delta.content };
  if (chunk.twin) yield { twin: chunk.twin, annotations: choice?.delta?.annotations ?? [] };
  if (choice?.finish_reason) yield { finish: choice.finish_reason };
}

async function request(path, options = {}) {
  const headers = { ...options.headers, ...(key && { authorization: `Bearer ${key}` }) };
  const response = await reach(path, { ...options, headers });
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw problem(response.status, body.error ?? {}, response.headers.get("retry-after"));
}

async function reach(path, options) {
  try {
    return await fetch(path, { cache: "no-store", credentials: "same-origin", redirect: "error", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    const offline = navigator.onLine === false;
    throw new Problem(offline ? "You are offline" : "The twin cannot be reached",
      offline ? "Connect to the network, then try again." : "It may be restarting, or the network is down. Try again in a moment.");
  }
}

function problem(status, { message = "", trace = "" }, retryAfter) {
  const said = message || `The gateway answered ${status}.`;
  const whole = Number(retryAfter) > 0 ? `${said.replace(/[.\s]*$/, ".")} Try again in ${retryAfter} s.` : said;
  const title = TITLES[status] ?? (status >= 500 ? "The twin failed" : "The request was refused");
  return new Problem(title, whole, { status, trace });
}
