// A row of a list is one stop of the Tab key: its link. The arrows to the left and right lead to what else can be pressed
// in it. Without this script each of them is a stop.

const PRESSED = "a[href], button, summary, input[type=checkbox]";
const rowOf = (element) => element.closest("main tbody tr[id]:has(.main-cell a[href])");

function settle() {
  for (const row of document.querySelectorAll("main tbody tr[id]:has(.main-cell a[href])")) {
    const link = row.querySelector(".main-cell a[href]");
    for (const each of row.querySelectorAll(PRESSED)) if (each !== link) each.tabIndex = -1;
  }
}

document.addEventListener("keydown", (event) => {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!by || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || !event.target.matches(PRESSED)) return;
  const all = [...(rowOf(event.target)?.querySelectorAll(PRESSED) ?? [])].filter((each) => each.checkVisibility());
  const next = all[all.indexOf(event.target) + by];
  if (!next) return;
  event.preventDefault();
  next.focus({ focusVisible: true });
});

settle();
document.addEventListener("htmx:afterSwap", settle);
