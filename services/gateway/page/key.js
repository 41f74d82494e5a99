// A refused request -> a dialog that asks for a key. Resolves to true when one was given.
import { useKey } from "./api.js";
import { byId } from "./element.js";

const dialog = byId("ask-key");
const field = byId("key-value");

export function askKey(why = "") {
  byId("key-why").textContent = why;
  byId("key").hidden = false;
  field.value = "";
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue === "use" && Boolean(field.value.trim());
      if (given) useKey(field.value);
      field.value = dialog.returnValue = "";
      resolve(given);
    }, { once: true });
  });
}

byId("key-cancel").addEventListener("click", () => dialog.close("cancel"));
