// The inbox in two panes, where there is room: the list at the left, the request at the right, no page load between
// two requests. Links and forms with hx-trigger="pane consume" say what to fetch and where to put it; on a narrow screen, and
// without this script, they lead and send as any other.

import "./decided.js";
import { renew } from "./keep.js";

const WIDE = window.matchMedia("(min-width: 68.75rem)");
const SLIDE = 150; // milliseconds in which a decided row leaves (inbox.css)
const list = () => document.getElementById("approvals");
const pane = () => document.querySelector("#pane > section"); // the request, or requests, that it shows
const row = (id) => document.getElementById(`approval-${id}`);
const mainLink = (each) => each?.querySelector(".main-cell a[hx-get]");
let wanted = null; // the choice to make once the request is there
let unasked = false; // nobody pressed anything to go there: the focus stays
let coming = null; // the request for what comes into the pane

// A decision that is on its way is not given up for something else.
const open = (element) => coming?.verb !== "post" && window.htmx?.trigger(element, "pane");

function choose(id) {
  const choice = document.getElementById(id);
  choice?.click();
  if (choice && !document.activeElement?.matches("textarea")) choice.focus({ focusVisible: true });
}

function mark() {
  const shown = pane()?.dataset.request;
  for (const each of list()?.querySelectorAll("tr[id]") ?? []) {
    const here = each.id === `approval-${shown}`;
    each.toggleAttribute("data-open", here);
    if (here) mainLink(each)?.setAttribute("aria-current", "true");
    else mainLink(each)?.removeAttribute("aria-current");
  }
}

// What is missing beside what the page has: the list of a request, the first request of a list.
function fill() {
  if (!WIDE.matches) return;
  const undo = pane()?.querySelector("[data-undo]");
  if (undo) leave(undo);
  if (list()?.matches("[hx-trigger^=pane]")) open(list());
  const empty = pane()?.matches("[data-empty]") && !coming;
  const first = list()?.querySelector("tr[id]:not([data-gone])");
  if (empty) unasked = true;
  if (empty && pane().hasAttribute("hx-get")) open(pane());
  else if (empty && first) open(mainLink(first));
  mark();
}

document.addEventListener("click", (event) => {
  const { target, ctrlKey, metaKey, shiftKey } = event;
  const link = target.closest("#approvals a[href]");
  if (!WIDE.matches || !link || ctrlKey || metaKey || shiftKey || event.button) return;
  const here = link.closest("tr[id^=approval-]");
  const opens = link.matches("[hx-trigger^=pane]") ? link : mainLink(here);
  if (!opens) return;
  event.preventDefault();
  const choice = link.hash.startsWith("#decide-") ? link.hash.slice(1) : null;
  if (here?.hasAttribute("data-open") && choice) return choose(choice);
  wanted = choice;
  open(opens);
});

document.addEventListener("holdgate:row", ({ target }) => {
  if (!WIDE.matches || !mainLink(target)) return;
  unasked = true;
  open(mainLink(target));
});

document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (!WIDE.matches || event.defaultPrevented || !form.matches("[hx-trigger^=pane]")) return;
  if (submitter?.hasAttribute("formaction")) return; // an upload
  event.preventDefault();
  open(form);
}, true);

// The ids of the requests that a form has decided, of which not all can be undone.
function sent(form) {
  const items = [...form.querySelectorAll(form.querySelector("[name=all]:checked") ? "[name=shown]" : "[name=item]:checked")];
  return items.length ? items.map((item) => item.value.split(":")[0]) : [form.getAttribute("hx-post")?.match(/approvals\/([0-9a-f-]{36})/)?.[1]];
}

// The decided rows leave the list, and the way back stands above the pane for as long as it can be used.
function leave(undo, form) {
  document.getElementById("undo")?.replaceChildren(undo);
  const gone = (form ? sent(form) : undo.dataset.undo.split(" ")).map(row).filter(Boolean);
  for (const each of gone) each.dataset.gone = "";
}

document.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (detail.target.id === "pane") coming = { xhr: detail.xhr, verb: detail.requestConfig.verb };
});

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.xhr === coming?.xhr) coming = null;
});

document.addEventListener("htmx:afterSettle", ({ detail }) => {
  const { elt, requestConfig } = detail;
  if (elt.id === "approvals") return fill();
  if (elt.id !== "pane") return;
  coming = null;
  const undo = pane().querySelector("[data-undo]");
  const elsewhere = requestConfig?.elt?.id === "standing" && document.activeElement !== document.body; // decided.js
  if (undo) leave(undo, requestConfig?.verb === "post" ? requestConfig.elt : null);
  else if (!unasked) document.querySelector("#undo [data-told]")?.remove();
  mark();
  document.querySelector("[data-inbox]").dataset.inbox = "request";
  document.querySelector(".inbox-list > h1[hidden]")?.removeAttribute("hidden");
  elt.closest(".inbox-pane").scrollTop = 0;
  const wrong = pane().querySelector("[autofocus]"); // of a form with errors the first
  wrong?.focus();
  wrong?.scrollIntoView({ block: "center" });
  if (requestConfig?.verb === "post" && list()) setTimeout(() => renew(list()), SLIDE);
  // Whoever walks the list by j and k goes on there, whoever has just come is where they were, and who was quicker than this is in the request already.
  if (wanted) choose(wanted);
  else if (!unasked && !elsewhere && !document.activeElement?.closest("#pane")) pane().focus({ preventScroll: true });
  [wanted, unasked] = [null, false];
  if (pane().matches("[data-empty]")) fill();
});

WIDE.addEventListener("change", fill);
// Not before htmx, which is a deferred script, has seen the page.
document.addEventListener("DOMContentLoaded", fill);
if (document.readyState === "complete") fill();
