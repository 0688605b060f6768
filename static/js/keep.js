// What a swap of a live region must not take away: chosen checkboxes, open <details>, the focus, and the place of the
// rows. While somebody has their pointer, the focus or a choice in a table, or has scrolled into it, its rows are renewed
// where they are; rows that came, went or moved wait behind a bar that says so.

import { isChoice, touched } from "./touched.js";

const asked = new WeakSet(); // regions whose bar was pressed

const rowsOf = (table) => [...table.tBodies].flatMap((body) => [...body.rows]).filter((row) => row.id);

function busy(table) {
  const { activeElement } = document;
  return table.matches(":hover")
    || (table.contains(activeElement) && activeElement !== document.body)
    || table.getBoundingClientRect().top < 0
    || [...table.querySelectorAll("input")].some((control) => isChoice(control) && touched(control));
}

function bar(answer, fresh) {
  const made = answer.createElement("p");
  made.className = "news";
  made.setAttribute("role", "status");
  const button = answer.createElement("button");
  button.type = "button";
  button.className = "button button--secondary";
  button.dataset.news = "";
  button.textContent = fresh ? `${fresh} new · show` : "The list has changed · show";
  made.append(button);
  return made;
}

// Gives the answer's table the rows of the page's one, in their order. True: something waits.
function hold(answer, table, renewed) {
  const here = rowsOf(table), there = new Map(rowsOf(renewed).map((row) => [row.id, row]));
  if (!here.length || here.map((row) => row.id).join() === [...there.keys()].join()) return false;
  const known = new Set(here.map((row) => row.id));
  const fresh = [...there.keys()].filter((id) => !known.has(id)).length;
  renewed.tBodies[0].replaceChildren(...here.map((row) => there.get(row.id) ?? answer.importNode(row, true)));
  (renewed.closest(".table-scroll") ?? renewed).before(bar(answer, fresh));
  return true;
}

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const region = detail.requestConfig?.elt;
  if (!region?.matches("[data-live]") || !detail.shouldSwap || asked.delete(region)) return;
  const busyTables = [...region.querySelectorAll("table")].map((table, place) => [table, place]).filter(([t]) => busy(t));
  if (!busyTables.length) return;
  const answer = new DOMParser().parseFromString(detail.serverResponse, "text/html");
  const renewed = answer.querySelectorAll("table");
  const held = busyTables.filter(([table, place]) => renewed[place] && hold(answer, table, renewed[place]));
  if (held.length) detail.serverResponse = answer.body.innerHTML;
});

// Takes over whatever is new in a region, also under somebody's hands.
export function renew(region) {
  asked.add(region);
  window.htmx?.trigger(region, "live");
}

document.addEventListener("click", ({ target }) => {
  const region = target.closest("[data-news]")?.closest("[data-live]");
  if (region) renew(region);
});

// Where the focus was, for the case that its element does not live through the swap.
let focused = null;

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const { activeElement } = document;
  focused = detail.target?.contains(activeElement) ? { element: activeElement, row: activeElement.closest("tr")?.id } : null;
});

document.addEventListener("htmx:afterSettle", () => {
  if (!focused || focused.element.isConnected) return;
  const row = focused.row && document.getElementById(focused.row);
  (row?.querySelector(".main-cell a") ?? row?.querySelector("a, button, input") ?? document.getElementById("main"))?.focus({ preventScroll: true });
  focused = null;
});

if (window.Idiomorph) {
  const { callbacks } = window.Idiomorph.defaults;
  // Whether a <details> is open is the person's to say, not the fragment's; and so is what they have chosen.
  callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && node.matches("details, dialog"));
  // What a script has drawn is not in the fragment (charts.js).
  callbacks.beforeNodeMorphed = (node) =>
    !(node instanceof HTMLInputElement && isChoice(node) && touched(node)) && !node.dataset?.hasOwnProperty("kept");
}
