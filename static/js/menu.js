// Menus are <details data-menu>: they open without a script. This closes them as people expect: by Escape (the focus
// goes back to where it came from), by a press elsewhere, when the focus leaves, and when another one opens.

const menus = () => document.querySelectorAll("details[data-menu][open]");

function close(menu, { refocus = false } = {}) {
  menu.open = false;
  if (refocus) menu.querySelector("summary").focus();
}

document.addEventListener("click", ({ target }) => {
  for (const menu of menus()) if (!menu.contains(target)) close(menu);
});

document.addEventListener("focusin", ({ target }) => {
  for (const menu of menus()) if (!menu.contains(target)) close(menu);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus()) close(menu, { refocus: menu.contains(document.activeElement) });
});
