// Listens to GET /events and says on the document what has changed: "holdgate:change" with {tasks, runs}, each a list
// of ids or null for everything; and whether it can hear: "holdgate:stream" with true or false.
// Only while the page is seen: browsers allow few connections to one server.

import { doubt } from "./offline.js";

const address = document.body.dataset.events;
const AGAIN = 30_000;
let source = null;
let missed = false;

const say = (name, detail) => document.dispatchEvent(new CustomEvent(`holdgate:${name}`, { detail }));

function listen() {
  if (source || document.hidden) return;
  source = new EventSource(address);
  source.addEventListener("open", () => {
    say("stream", true);
    if (missed) say("change", { tasks: null, runs: null });
    missed = false;
  });
  source.addEventListener("change", ({ data }) => say("change", JSON.parse(data)));
  source.addEventListener("error", () => {
    say("stream", false);
    missed = true;
    doubt();
    if (source?.readyState === EventSource.CLOSED) {
      source = null; // refused, and the browser does not ask again: the page polls meanwhile
      setTimeout(listen, AGAIN);
    }
  });
}

function rest() {
  source?.close();
  source = null;
  missed = true;
  say("stream", false);
}

if (address) {
  listen();
  document.addEventListener("visibilitychange", () => (document.hidden ? rest() : listen()));
  document.addEventListener("holdgate:reachable", listen);
  window.addEventListener("pagehide", rest);
  window.addEventListener("pageshow", listen);
}
