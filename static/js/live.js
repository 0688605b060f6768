// Live regions: an element with data-live gets the event "live" when its content may be fetched anew.
// The element itself says with hx- attributes what to fetch and where to put it (see templates/base.html).
// Nothing is fetched while the page is hidden or offline, nor while a person types, selects or has
// focus inside the region, so that no swap takes away what they are doing.

const CONTROLS = "input:not([type=hidden]), select, textarea";
const due = new WeakMap(); // region → when to fetch next, on the clock of performance.now()
const failures = new WeakMap(); // region → failed fetches in a row

function interval(region) {
  const seconds = Number(region.dataset.liveInterval) || 5;
  return Math.min(seconds * 2 ** (failures.get(region) ?? 0), 60) * 1000;
}

function edited(control) {
  if (control.type === "checkbox" || control.type === "radio") return control.checked !== control.defaultChecked;
  if (control.options) {
    const options = [...control.options];
    const preset = control.multiple || options.some((option) => option.defaultSelected);
    return preset ? options.some((option) => option.selected !== option.defaultSelected) : control.selectedIndex > 0;
  }
  return control.value !== control.defaultValue;
}

function inUse(region) {
  if (region.querySelector(`:is(${CONTROLS}):focus, :focus-visible, dialog[open]`)) return true;
  const selection = document.getSelection();
  if (selection && !selection.isCollapsed && selection.containsNode(region, true)) return true;
  return [...region.querySelectorAll(CONTROLS)].some(edited);
}

function tick() {
  if (document.hidden || !navigator.onLine) return;
  const now = performance.now();
  for (const region of document.querySelectorAll("[data-live]")) {
    if (!due.has(region)) due.set(region, now + interval(region));
    if (now < due.get(region) || region.classList.contains("htmx-request") || inUse(region)) continue;
    due.set(region, now + interval(region));
    window.htmx?.trigger(region, "live");
  }
}

function settled(region, ok) {
  failures.set(region, ok ? 0 : (failures.get(region) ?? 0) + 1);
  due.set(region, performance.now() + interval(region));
  const stale = document.getElementById("stale");
  if (stale) stale.hidden = ok && navigator.onLine;
}

setInterval(tick, 500);
document.addEventListener("visibilitychange", tick);

window.addEventListener("offline", () => document.getElementById("stale")?.removeAttribute("hidden"));
window.addEventListener("online", () => document.getElementById("stale")?.setAttribute("hidden", ""));

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.elt.matches("[data-live]")) settled(detail.elt, detail.successful);
});

// A failed refresh leaves the region as it was; and a person may have begun to type while it was under way.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const region = detail.requestConfig?.elt;
  if (region?.matches("[data-live]") && (detail.isError || inUse(region))) detail.shouldSwap = false;
});

// Whether a <details> is open is the person's to say, not the fragment's.
if (window.Idiomorph) {
  window.Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
    !(name === "open" && node.matches("details, dialog"));
}
