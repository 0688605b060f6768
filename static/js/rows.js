// Rows of a live list fade in when they come, and slide out when they go. None of it where less motion is asked for.

const LONG = 160; // milliseconds
const still = matchMedia("(prefers-reduced-motion: reduce)");
const moves = (node) => !still.matches && !document.hidden && node.nodeName === "TR" && node.id && node.closest("[data-live]");

if (window.Idiomorph) {
  const { callbacks } = window.Idiomorph.defaults;
  callbacks.afterNodeAdded = (node) => {
    if (moves(node)) node.animate([{ opacity: 0 }, { opacity: 1 }], LONG);
  };
  callbacks.beforeNodeRemoved = (node) => {
    if (!moves(node)) return true;
    // No longer a row of the list: it has no name, cannot be reached, and goes by itself.
    node.removeAttribute("id");
    node.inert = true;
    const slide = node.animate([{ opacity: 1 }, { opacity: 0, transform: "translateX(1rem)" }], LONG);
    slide.finished.finally(() => node.remove());
    return false;
  };
}
