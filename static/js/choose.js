// Choosing rows: the box in a table's head chooses all of its rows, Shift and a press all from the last one chosen to
// this one, and what stands for how many are chosen says so. Without this script boxes are ticked one by one.

const boxesOf = (form) => [...(form?.querySelectorAll("[data-select]") ?? [])];
let last = null;

function tell(form) {
  const boxes = boxesOf(form);
  const chosen = boxes.filter((box) => box.checked).length;
  for (const all of form?.querySelectorAll("[data-select-all]") ?? []) {
    all.checked = chosen > 0 && chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  }
  for (const place of form?.querySelectorAll("[data-selected]") ?? []) place.textContent = chosen ? `${chosen} selected` : "Selected";
}

document.addEventListener("click", ({ target, shiftKey }) => {
  if (!target.matches("[data-select], [data-select-all]")) return;
  const boxes = boxesOf(target.form);
  const [from, to] = [boxes.indexOf(last), boxes.indexOf(target)].sort((a, b) => a - b);
  if (target.matches("[data-select-all]")) for (const box of boxes) box.checked = target.checked;
  else if (shiftKey && from >= 0) for (const box of boxes.slice(from, to)) box.checked = target.checked;
  last = target.matches("[data-select]") ? target : null;
  tell(target.form);
});

const tellAll = () => new Set([...document.querySelectorAll("[data-select]")].map((box) => box.form)).forEach(tell);

tellAll();
document.addEventListener("htmx:afterSwap", tellAll);
window.addEventListener("pageshow", tellAll); // a browser gives boxes back as they were left
