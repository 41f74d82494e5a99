// Tag, attributes and children -> a DOM element. Strings become text nodes, never markup; this is the page's only way to build.

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return node;
}

export const byId = (id) => document.getElementById(id);

// Only addresses that a browser opens as a web page; everything else (javascript:, data:, file:, relative) is null.
export function webAddress(text) {
  try {
    const url = new URL(String(text).trim());
    return ["http:", "https:"].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

export function link(address, ...children) {
  const href = webAddress(address);
  if (!href) return element("span", {}, ...children);
  return element("a", { href, target: "_blank", rel: "noopener noreferrer", title: href }, ...children);
}

// A button that copies what `text()` gives and says so.
export function copyButton(text, name = "Copy") {
  const button = element("button", { type: "button", class: "plain small" }, name);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed to copy";
    }
    setTimeout(() => { button.textContent = name; }, 1600);
  });
  return button;
}
