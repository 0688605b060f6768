// The command palette: Ctrl+K (or the search link) opens it, arrows go through what is found, Enter opens the first.
// What is found comes from the server, the same list as on /search. The decisions that the open request offers are
// actions: they come first once one is named in full ("approve"), so that no page is mistaken for one.

const palette = document.getElementById("palette");
const field = document.getElementById("palette-q");
const actions = document.getElementById("palette-commands");
const links = () => [...palette.querySelectorAll("#palette-commands button, #palette-results a")];

function decide(choice) {
  const decision = choice.closest("[data-decide]");
  palette.close();
  choice.click();
  const reason = choice.matches("[data-why]") && decision.querySelector("[name=reason]");
  if (reason) reason.focus({ focusVisible: true });
  else choice.form.requestSubmit(decision.querySelector("[type=submit]"));
}

function offer() {
  const choices = [...document.querySelectorAll("main [data-request] [data-decide] [type=radio]")].filter((each) => each.checkVisibility());
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  actions.replaceChildren();
  let named = false;
  for (const choice of choices) {
    const verb = choice.labels[0].textContent.trim();
    const label = `${verb} “${choice.closest("[data-request]").querySelector("h1 bdi").textContent}”`;
    if (!words.every((word) => label.toLowerCase().includes(word))) continue;
    named ||= words[0] === verb.toLowerCase();
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
    button.addEventListener("click", () => decide(choice));
    const item = document.createElement("li");
    item.append(button);
    actions.append(item);
  }
  const results = document.getElementById("palette-results");
  if (named) results.before(actions);
  else results.after(actions);
}

function open() {
  const search = document.getElementById("filter-q");
  if (location.pathname.endsWith("/search") && search) return search.focus();
  if (!palette.open) palette.showModal();
  field.select();
  offer();
  window.htmx?.trigger(field, "palette:open");
}

function step(by) {
  const all = [field, ...links()];
  all[(all.indexOf(document.activeElement) + by + all.length) % all.length].focus();
}

if (palette) {
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey) {
      event.preventDefault();
      open();
    }
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-palette-open]") || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    open();
  });
  palette.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      step(event.key === "ArrowDown" ? 1 : -1);
    }
  });
  field.addEventListener("input", offer);
  // Enter opens the first of what is listed for what is typed: when that is still on its way, as soon as it is there.
  let listed = null, wanted = false;
  const form = palette.querySelector("form[action]");

  function openFirst() {
    const [first] = links();
    wanted = false;
    if (first) first.click();
    else form.submit();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (listed === field.value) return openFirst();
    wanted = true;
    window.htmx?.trigger(field, "palette:open");
  });
  field.addEventListener("htmx:beforeRequest", () => (listed = null));
  // One that is replaced by a newer one has failed at nothing: only these have.
  for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"])
    field.addEventListener(failure, () => wanted && form.submit());
  field.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (!detail.successful) return;
    listed = detail.requestConfig.parameters.q ?? detail.requestConfig.formData?.get("q");
    if (wanted) setTimeout(() => listed === field.value && openFirst());
  });
}
