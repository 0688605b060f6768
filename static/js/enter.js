// Enter in a field with data-enter="id" presses that button instead of the form's first one.

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || !event.target.matches("[data-enter]")) return;
  event.preventDefault();
  document.getElementById(event.target.dataset.enter)?.click();
});
