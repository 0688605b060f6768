// An address says what is filtered, and nothing of what is not: empty fields of a form that asks are not sent.

document.addEventListener("formdata", ({ target, formData }) => {
  if (target.method !== "get") return;
  for (const name of new Set(formData.keys())) if (formData.getAll(name).every((value) => value === "")) formData.delete(name);
});

// Back from what was found leads to a page whose fields say what its own address does. What was typed and not sent stays.
const sent = new Set();

document.addEventListener("submit", ({ target }) => {
  if (target.matches("form[method=get][role=search]")) sent.add(target);
});
window.addEventListener("pagehide", () => {
  for (const form of sent) form.reset();
  sent.clear();
});
