// A request that is open here and was decided elsewhere, in another tab or by somebody else: it is shown as it is now, with
// nothing left to press, and what was typed stays to be copied. A tab that was opened for it alone closes when the same
// person has decided in another one and nothing was typed, where the browser lets it.

import { CONTROLS, isChoice, touched } from "./touched.js";

const SOON = [500, 3000, 10_000]; // milliseconds after another tab has sent a decision
const standing = () => document.getElementById("standing"); // is fetched again (live.js), and says so
const request = () => document.getElementById("request");
const opened = request()?.dataset.request; // what this tab was opened for
const tabs = new BroadcastChannel("holdgate-decisions");
let kept = null; // what goes above the request once it is there

document.addEventListener("submit", ({ target }) => {
  if (!target.querySelector("[data-decide]")) return;
  tabs.postMessage(null);
  standing()?.remove(); // what is decided here needs no telling
});

// Also while this tab is hidden, and so heard of nothing.
tabs.addEventListener("message", () => {
  const look = () => standing()?.matches("[data-live]") && window.htmx?.trigger(standing(), "live");
  for (const wait of SOON) setTimeout(look, wait);
});

function typed() {
  const texts = [...request().querySelectorAll(CONTROLS)].filter((each) => !isChoice(each) && each.type !== "file");
  return texts.filter((each) => touched(each) && each.value.trim());
}

function copy(control, n) {
  const name = control.labels?.[0]?.firstChild.textContent.trim() ?? control.name;
  const title = Object.assign(document.createElement("h3"), { className: "small", textContent: name });
  const text = Object.assign(document.createElement("pre"), { className: "code code--wrap", id: `typed-${n}`, tabIndex: 0 });
  text.textContent = control.value;
  text.setAttribute("role", "group");
  text.setAttribute("aria-label", name);
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Copy" });
  button.className = "button button--secondary button--small";
  button.dataset.copyFrom = text.id;
  button.hidden = !navigator.clipboard;
  const part = document.createElement("div");
  part.className = "passage";
  const row = Object.assign(document.createElement("div"), { className: "toolbar" });
  row.append(button);
  part.append(title, text, row);
  return part;
}

function copies(controls) {
  const section = document.createElement("section");
  section.className = "section";
  section.dataset.typed = "";
  const title = Object.assign(document.createElement("h2"), { textContent: "What you entered" });
  const note = Object.assign(document.createElement("p"), { className: "muted small" });
  note.textContent = "It wasn’t sent. Copy what you still need.";
  section.append(title, note, ...controls.map(copy));
  return section;
}

document.addEventListener("htmx:afterSettle", ({ detail: { elt } }) => {
  if (elt.id === "standing" && elt.matches("[data-decided]")) {
    const texts = typed();
    const alone = history.length === 1 && request().dataset.request === opened;
    if (elt.dataset.decided === "here" && alone && !texts.length) window.close();
    kept = [...elt.children, ...(texts.length ? [copies(texts)] : [])];
    window.htmx.trigger(elt, "pane");
  } else if (elt.id === "pane" && kept) {
    request().prepend(...kept);
    kept = null;
  }
});
