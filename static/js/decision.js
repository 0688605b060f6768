// A choice that needs a reason makes the field for it required, so that the browser says so before anything is sent.

document.addEventListener("change", ({ target }) => {
  const decision = target.closest("[data-decide]");
  const reason = decision?.querySelector("[name=reason]");
  if (reason) reason.required = Boolean(decision.querySelector("[data-why]:checked"));
});
