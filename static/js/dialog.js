// <a href="…" data-dialog-open="ID"> opens the <dialog id="ID"> instead of leading on; a press beside a dialog closes it.

document.addEventListener("click", (event) => {
  const { target } = event;
  const opener = target.closest("[data-dialog-open]");
  const dialog = opener && document.getElementById(opener.dataset.dialogOpen);
  if (dialog && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    dialog.showModal();
  } else if (target.matches("dialog[data-dialog]")) {
    target.close(); // its padding and the backdrop are the dialog itself
  }
});
