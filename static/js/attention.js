// How many requests wait for this person, in the title of the tab and in the navigation; a dot on the icon while any does,
// or an alarm fires. Also while the page is hidden, where the stream of changes is not heard: that is when it is of use.

const USUALLY = 60_000, SOONEST = 15_000; // milliseconds between two looks
const address = document.body.dataset.events?.replace(/events$/, "attention");
const icon = document.getElementById("icon");
const title = document.title.replace(/^\(\d+\) /, "");
let looked = performance.now();

async function look() {
  if (!navigator.onLine || performance.now() - looked < SOONEST) return;
  looked = performance.now();
  const answer = await fetch(address, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const { waiting, alarms } = await answer.json();
  document.title = waiting ? `(${waiting}) ${title}` : title;
  const dot = waiting || alarms ? "favicon-dot.svg" : "favicon.svg";
  if (icon && !icon.href.endsWith(dot)) icon.href = icon.href.replace(/favicon(-dot)?\.svg$/, dot);
  const count = document.querySelector(".head-nav .count--hold");
  if (!count) return;
  count.hidden = !waiting;
  count.firstChild.textContent = waiting;
}

if (address) {
  setInterval(look, USUALLY);
  document.addEventListener("holdgate:change", look);
}
