// Tabs as the ARIA practices describe them: arrow keys move, one tab stop, panels hidden but the chosen one.

/** Wires a tablist; gives a function that opens a tab by the end of its id. */
export function tabs(list) {
  const all = [...list.querySelectorAll("[role=tab]")];
  const open = (tab) => {
    for (const one of all) {
      const chosen = one === tab;
      one.setAttribute("aria-selected", chosen);
      one.tabIndex = chosen ? 0 : -1;
      document.getElementById(one.getAttribute("aria-controls")).hidden = !chosen;
    }
  };
  for (const tab of all) tab.addEventListener("click", () => open(tab));
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
    open(next);
    next.focus();
    event.preventDefault();
  });
  return (name) => open(all.find((tab) => tab.id === `tab-${name}`));
}
