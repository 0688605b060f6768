// A choice that needs a reason makes the field for it required, so that the browser says so before anything is sent, and
// gives it the focus when the choice was made by its key. Enter decides, from the choice and from the reason, in which
// Shift and Enter begin another line where there is a keyboard.

const KEYBOARD = window.matchMedia("(pointer: fine)");

document.addEventListener("change", ({ target }) => {
  const decision = target.closest("[data-decide]");
  const reason = decision?.querySelector("[name=reason]");
  if (reason) reason.required = Boolean(decision.querySelector("[data-why]:checked"));
  if (reason?.required && !document.activeElement?.matches("[type=radio]")) reason.focus({ focusVisible: true });
});

// Not while the decision of this tab is on its way: that one is no other's.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const sent = document.querySelector("#request form:is([data-sending], .htmx-request)");
  if (detail.target.id === "elsewhere" && sent) detail.shouldSwap = false;
});

// Decided elsewhere while it was open here: nothing more to send, and what was typed stays, to copy (_elsewhere.html).
document.addEventListener("htmx:afterSettle", () => {
  const forms = document.querySelector("#elsewhere[data-decided]")?.parentElement.querySelectorAll("form:has([data-decide]), .fold > form");
  for (const form of forms ?? []) {
    for (const field of form.elements) {
      if (field.matches("textarea, [type=text]")) field.readOnly = true;
      else field.disabled = true;
    }
  }
});

document.addEventListener("keydown", (event) => {
  const { key, target, shiftKey, ctrlKey, isComposing } = event;
  if (key !== "Enter" || shiftKey || isComposing) return;
  const chosen = target.matches("[data-decide] [type=radio]:checked");
  const reason = target.matches("[data-decide] [name=reason]") && (ctrlKey || KEYBOARD.matches);
  if (!chosen && !reason) return;
  event.preventDefault();
  target.form.requestSubmit(target.closest("[data-decide]").querySelector("[type=submit]"));
});
