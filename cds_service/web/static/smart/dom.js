// Builds elements without HTML text, so that nothing from a chart can become markup.

/** An element with attributes and children; attributes and children that are null or false are left out. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Shows these children as the whole page and moves the reader's place to its first heading. */
export function show(...children) {
  const main = document.getElementById("content");
  main.replaceChildren(...children.flat(3).filter(Boolean));
  focusOn(main.querySelector("h1"));
}

/** Moves keyboard and screen reader to an element that is not a control. */
export function focusOn(element) {
  if (!element) return;
  element.setAttribute("tabindex", "-1");
  element.focus({ preventScroll: false });
}

/** Safe HTML from our own service as elements. */
export function rendered(html) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  return [...parsed.body.childNodes];
}
