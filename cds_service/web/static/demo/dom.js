// Builds elements without HTML text, so that nothing from a chart can become markup.

/** An element with attributes and children; null children are left out, `on...` attributes are listeners. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class") element.className = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The element with this id. */
export const at = (id) => document.getElementById(id);

/** Puts these children in place of what an element holds. */
export const fill = (element, ...children) => {
  element.replaceChildren(...children.flat(3).filter(Boolean));
  return element;
};

/** A link to another address, opened beside this page. */
export const away = (url, ...children) => h("a", { href: url, target: "_blank", rel: "noopener" }, ...children);

/** JSON for reading: long members folded, keys set apart from values. */
export function json(value) {
  const text = JSON.stringify(value, null, 2);
  const code = h("code");
  const parts = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
  let seen = 0;
  for (const match of text.matchAll(parts)) {
    code.append(text.slice(seen, match.index));
    const kind = match[2] ? "key" : match[1] ? "text" : "plain";
    code.append(h("span", { class: `json-${kind}` }, match[2] ? match[1] : match[0]), match[2] ?? "");
    seen = match.index + match[0].length;
  }
  code.append(text.slice(seen));
  return h("pre", { class: "json", tabindex: "0" }, code);
}

/** A button that copies a text and says so. */
export function copyButton(text) {
  const button = h("button", { class: "button small", type: "button", onclick: copy }, "Copy");
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed here";
    }
  }
  return button;
}
