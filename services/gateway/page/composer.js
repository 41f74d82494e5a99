// Keys and fields below the conversation -> questions and filters. Enter sends, Shift+Enter breaks, Esc stops, Up edits.
import { byId, element } from "./element.js";

const form = byId("composer");
const box = byId("question");
const fields = ["author", "kind", "source", "k"].map((name) => form.elements[name]);

// `on` is {send(question, edited), stop(), last(), escape()}: last() gives the question to edit, escape() is Esc with nothing to end.
export function compose(on) {
  let editing = false;
  const edit = (value, text = "") => {
    editing = value;
    byId("editing").hidden = !value;
    write(text);
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const question = box.value.trim();
    if (!question || form.dataset.busy) return;
    const edited = editing;
    edit(false);
    on.send(question, edited);
  });
  box.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); form.requestSubmit(); }
    if (event.key === "ArrowUp" && !box.value && on.last()) { event.preventDefault(); edit(true, on.last()); }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog:modal")) return;
    if (form.dataset.busy) on.stop();
    else if (editing) edit(false);
    else on.escape();
  });
  byId("stop").addEventListener("click", on.stop);
  box.addEventListener("input", fit);
  byId("clear").addEventListener("click", () => { fields.forEach((field) => { field.value = ""; }); count(); });
  byId("filters").addEventListener("input", count);
  return { edit };
}

export function write(text) {
  box.value = text;
  fit();
  box.focus();
}

export function busy(value) {
  if (value) form.dataset.busy = "true";
  else delete form.dataset.busy;
  const had = [byId("send"), byId("stop")].includes(document.activeElement);
  byId("send").hidden = value;
  byId("stop").hidden = !value;
  if (had) (value ? byId("stop") : box).focus();
}

// The `twin` object of a request; empty fields are left out.
export function wishes() {
  const [author, kind, source, k] = fields.map((field) => field.value.trim());
  const filter = Object.fromEntries(Object.entries({ author, kind, source }).filter(([, value]) => value));
  return { ...(Object.keys(filter).length && { filter }), ...(Number(k) > 0 && { k: Number(k) }) };
}

// Authors and sources that answers came from are offered as filters.
export function offer(passages) {
  const add = (list, value) => {
    if (value && ![...list.options].some((option) => option.value === value)) list.append(element("option", { value }));
  };
  for (const passage of passages) {
    add(byId("authors"), passage.author);
    add(byId("sources"), passage.source);
  }
}

function count() {
  const used = fields.filter((field) => field.value.trim()).length;
  byId("filtered").textContent = used ? ` (${used})` : "";
}

function fit() {
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}
