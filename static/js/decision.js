// A choice that needs a reason makes the field for it required, so that the browser says so before anything is sent, and
// gives it the focus when the choice was made by its key. Enter decides, from the choice and from the reason, in which
// Shift and Enter begin another line where there is a keyboard.

const KEYBOARD = window.matchMedia("(pointer: fine)");

function mark(decision) {
  const reason = decision?.querySelector("[name=reason]");
  if (reason) reason.required = Boolean(decision.querySelector("[data-why]:checked"));
  return reason;
}

const markAll = () => document.querySelectorAll("[data-decide]").forEach(mark); // also what comes chosen, with an error

document.addEventListener("change", ({ target }) => {
  const reason = mark(target.closest("[data-decide]"));
  if (reason?.required && !document.activeElement?.matches("[type=radio]")) reason.focus({ focusVisible: true });
});

markAll();
document.addEventListener("htmx:afterSettle", markAll);

document.addEventListener("keydown", (event) => {
  const { key, target, shiftKey, ctrlKey, isComposing } = event;
  if (key !== "Enter" || shiftKey || isComposing) return;
  const chosen = target.matches("[data-decide] [type=radio]:checked");
  const reason = target.matches("[data-decide] [name=reason]") && (ctrlKey || KEYBOARD.matches);
  if (!chosen && !reason) return;
  event.preventDefault();
  target.form.requestSubmit(target.closest("[data-decide]").querySelector("[type=submit]"));
});
