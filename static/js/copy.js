// <button data-copy="text"> or <button data-copy-from="id of an element">: into the clipboard. The buttons are hidden
// without a script, or where the browser offers no clipboard (plain http).

const COPIED = "Copied";

const show = () => {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("[data-copy][hidden], [data-copy-from][hidden]")) button.hidden = false;
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (!button || !navigator.clipboard) return;
  const text = button.dataset.copy ?? document.getElementById(button.dataset.copyFrom)?.innerText ?? "";
  await navigator.clipboard.writeText(text);
  const word = button.querySelector("span") ?? button;
  if (word.textContent === COPIED) return;
  const before = word.textContent;
  word.textContent = COPIED;
  setTimeout(() => { word.textContent = before; }, 1500);
});

show();
document.addEventListener("htmx:afterSettle", show);
