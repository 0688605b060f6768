// A form that is on its way says so, and does not go twice by a double press. Without this script the server decides.

const TOO_LONG = 10_000; // milliseconds; then whoever has stopped the page may press again

function release(form) {
  delete form.dataset.sending;
  for (const button of form.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
}

document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (event.defaultPrevented || form.getAttribute("method") !== "post") return; // asked about first, or htmx's
  if ("sending" in form.dataset) {
    event.preventDefault();
    return;
  }
  form.dataset.sending = "";
  submitter?.setAttribute("aria-busy", "true");
  setTimeout(release, TOO_LONG, form);
});

window.addEventListener("pageshow", () => document.querySelectorAll("[data-sending]").forEach(release));
