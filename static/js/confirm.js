// Asks before a form goes: <form data-confirm="Cancel 12 tasks?"> or the same attribute on the pressed button.
// Without this script the form simply goes. data-confirm-kind="danger" paints the yes-button.

const confirmed = new WeakSet();

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function ask(question, yes, kind) {
  const title = element("p", { id: "confirm-question", textContent: question });
  const cancel = element("button", { className: "button button--secondary", value: "", textContent: "Keep as it is" });
  const go = element("button", { className: `button button--${kind}`, value: "yes", textContent: yes });
  const form = element("form", { method: "dialog" }, title, element("div", { className: "form-actions" }, cancel, go));
  const dialog = element("dialog", { className: "dialog" }, form);
  dialog.setAttribute("aria-labelledby", title.id);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

document.addEventListener("submit", async (event) => {
  const { target: form, submitter } = event;
  const asks = submitter?.dataset.confirm ? submitter : form;
  const question = asks.dataset.confirm;
  if (!question || confirmed.delete(form)) return;
  event.preventDefault();
  event.stopImmediatePropagation(); // before htmx sees it
  const yes = (submitter?.textContent ?? "").trim() || "Yes";
  if (!(await ask(question, yes, asks.dataset.confirmKind ?? "primary"))) return;
  confirmed.add(form);
  form.requestSubmit(submitter);
  confirmed.delete(form);
}, true);
