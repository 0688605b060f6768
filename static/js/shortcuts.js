// Single keys, while nobody types: those of elements with data-keys="g r" press that element, a field gets the focus
// and a box is ticked, a choice chosen (what stands in a row only while the focus is in that row; with data-keys-focus a
// button gets the focus, too); j and k walk the rows of the page's list, o opens, x chooses;
// / goes to the list's field, ? shows all keys. Not loaded for people who have switched
// single keys off.

import { hold } from "./live.js";

const PAUSE = 1200; // milliseconds between two keys of one shortcut
const TYPING = "input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select, [contenteditable]";
let typed = [];
let timer;

const rows = () => [...document.querySelectorAll("main tbody tr[id]")];
// Its link before the box that chooses it, wherever the two stand.
const handle = (row) => row.querySelector(".main-cell a") ?? row.querySelector("a") ?? row.querySelector("button, input");

function walk(by) {
  const all = rows();
  const here = all.indexOf(document.activeElement?.closest("tr[id]") ?? document.querySelector("main tr[data-open]"));
  const next = all[here < 0 ? (by > 0 ? 0 : all.length - 1) : here + by];
  if (!next) return;
  handle(next)?.focus({ focusVisible: true });
  next.scrollIntoView({ block: "nearest" });
  next.dispatchEvent(new CustomEvent("holdgate:row", { bubbles: true }));
}

const own = {
  j: () => walk(1),
  k: () => walk(-1),
  o: () => document.activeElement?.closest("tr[id]") && handle(document.activeElement.closest("tr[id]"))?.click(),
  x: () => document.activeElement?.closest("tr[id]")?.querySelector("input[type=checkbox]")?.click(),
  "/": () => {
    const field = document.querySelector("main input[type=search]");
    if (field) field.focus();
    else document.querySelector("[data-palette-open]")?.click();
  },
  p: () => document.querySelector("[data-live]") && hold(),
  "?": () => document.getElementById("shortcuts-dialog")?.showModal(),
};

function wanted(keys) {
  // Beside an open request the keys are that request's, wherever the focus is.
  const beside = document.getElementById("pane")?.checkVisibility();
  const row = beside ? null : document.activeElement?.closest("tr[id]");
  const found = (place) => place && [...place.querySelectorAll("[data-keys]")].filter((each) => each.dataset.keys.startsWith(keys));
  const inRow = found(row);
  return inRow?.length ? inRow : found(document).filter((each) => !each.closest("tr[id], [inert]")); // inert: a row that slides out
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  if (event.key.length !== 1 || event.key === " " || event.target.closest(TYPING) || document.querySelector("dialog[open]")) return;
  clearTimeout(timer);
  timer = setTimeout(() => (typed = []), PAUSE);
  typed.push(event.key);
  const keys = typed.join(" ");
  const elements = wanted(keys);
  const exact = elements.find((each) => each.dataset.keys === keys);
  if (exact) {
    event.preventDefault();
    typed = [];
    if (exact.matches("input:not([type=checkbox], [type=radio]), select, textarea, [data-keys-focus]")) return exact.focus({ focusVisible: true });
    exact.click();
    if (exact.matches("[type=radio]") && document.activeElement?.tagName !== "TEXTAREA") exact.focus({ focusVisible: true });
  } else if (!elements.length) {
    typed = [];
    if (own[event.key]) {
      event.preventDefault();
      own[event.key]();
    }
  }
});
