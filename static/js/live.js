// Live regions: an element with data-live gets the event "live" when its content may be fetched anew.
// The element itself says with hx- attributes what to fetch and where to put it (see templates/base.html).
// With the stream of changes a region is fetched when something it shows has changed, without it by its interval.
// Nothing is fetched while the page is hidden or offline, nor while a person types or selects in the region.

import { doubt } from "./offline.js";
import { CONTROLS, isChoice, touched } from "./touched.js";

const SLOWLY = 15; // seconds, for a region whose changes are told
const due = new WeakMap(); // region → when to fetch next, on the clock of performance.now()
const fetched = new WeakMap(); // region → when it was fetched last
const failures = new WeakMap(); // region → failed fetches in a row
let streaming = false;

const seconds = (region) => Number(region.dataset.liveInterval) || 5;

function pause(region) {
  const usual = streaming && region.dataset.liveOn !== "time" ? Math.max(seconds(region), SLOWLY) : seconds(region);
  return Math.min(usual * 2 ** (failures.get(region) ?? 0), 60) * 1000;
}

function inUse(region) {
  const { activeElement } = document;
  if (region.contains(activeElement) && activeElement.matches(CONTROLS) && !isChoice(activeElement)) return true;
  if (region.querySelector("dialog[open]")) return true;
  const selection = document.getSelection();
  if (selection && !selection.isCollapsed && selection.containsNode(region, true)) return true;
  // A chosen checkbox lives through a swap (keep.js); a text that was begun had better not move.
  return [...region.querySelectorAll(CONTROLS)].some((control) => !isChoice(control) && touched(control));
}

// The key p stops and starts it (shortcuts.js), and a line says so.
export function hold() {
  const paused = document.documentElement.toggleAttribute("data-live-paused");
  const line = document.getElementById("live-paused");
  if (line) line.hidden = !paused;
}

function tick() {
  if (document.hidden || !navigator.onLine || document.documentElement.hasAttribute("data-live-paused")) return;
  const now = performance.now();
  for (const region of document.querySelectorAll("[data-live]")) {
    if (!due.has(region)) due.set(region, now + pause(region));
    if (now < due.get(region) || region.classList.contains("htmx-request") || inUse(region)) continue;
    due.set(region, now + pause(region));
    fetched.set(region, now);
    window.htmx?.trigger(region, "live");
  }
}

function concerns(region, { tasks, runs }) {
  const [sort, id] = (region.dataset.liveOn ?? "any").split(":");
  if (sort === "time") return false;
  const named = sort === "task" ? tasks : sort === "run" ? runs : null;
  return named === null || named.includes(id);
}

document.addEventListener("holdgate:stream", ({ detail }) => {
  if (detail === streaming) return; // said at every failed attempt to hear again
  streaming = detail;
  for (const region of document.querySelectorAll("[data-live]")) due.set(region, performance.now() + pause(region));
});

document.addEventListener("holdgate:change", ({ detail }) => {
  const now = performance.now();
  for (const region of document.querySelectorAll("[data-live]")) {
    if (!concerns(region, detail)) continue;
    // Not all browsers at the same instant, and none more often than its interval.
    const soonest = Math.max(now + Math.random() * 300, (fetched.get(region) ?? -Infinity) + seconds(region) * 1000);
    due.set(region, Math.min(due.get(region) ?? Infinity, soonest));
  }
});

setInterval(tick, 250);
document.addEventListener("visibilitychange", tick);

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  const region = detail.elt;
  if (!region.matches("[data-live]")) return;
  failures.set(region, detail.successful ? 0 : (failures.get(region) ?? 0) + 1);
  due.set(region, performance.now() + pause(region));
  if (!detail.successful) doubt();
});

// A failed refresh leaves the region as it was; and a person may have begun to type while it was under way.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const region = detail.requestConfig?.elt;
  if (region?.matches("[data-live]") && (detail.isError || inUse(region))) detail.shouldSwap = false;
});
