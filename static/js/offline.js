// The notice that the server cannot be reached: shown once a request has really failed, gone once one has succeeded.

// Beside /static/<version>/js/, wherever that is.
const LIVES = new URL("../../../livez", import.meta.url);
const AGAIN = 2000, PATIENCE = 5000;
let asking = null;

function show(away) {
  const notice = document.getElementById("stale");
  if (notice) notice.hidden = !away;
}

async function answers() {
  try {
    const answer = await fetch(LIVES, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    return answer.ok;
  } catch {
    return false;
  }
}

async function ask() {
  while (!(await answers())) {
    show(true);
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
  }
  show(false);
  asking = null;
  document.dispatchEvent(new CustomEvent("holdgate:reachable"));
}

// Something failed: find out, and keep asking until the server is back.
export function doubt() {
  asking ??= ask();
}

window.addEventListener("offline", () => {
  show(true);
  doubt();
});
