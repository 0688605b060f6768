// <button data-try="POST" data-try-url="/api/v1/…" data-try-body="{…}" hidden>: a small form that sends the request with a
// token and shows the answer. The token is kept in this page only, and serves all of its requests.

let token = "";

function control(form, label, element, value) {
  const field = document.createElement("label");
  field.className = "field label";
  element.className = element.nodeName === "TEXTAREA" ? "input input--code" : "input";
  element.spellcheck = false;
  element.autocomplete = "off";
  element.value = value;
  field.append(label, element);
  form.append(field);
  return element;
}

async function send(method, url, body) {
  const answer = await fetch(url, {
    method,
    body: body || undefined,
    credentials: "omit",
    headers: { Authorization: `Bearer ${token}`, ...(body ? { "Content-Type": "application/json" } : {}) },
  });
  const text = await answer.text();
  const json = answer.headers.get("content-type")?.includes("json");
  return `${answer.status} ${answer.statusText}\n\n${(json ? JSON.stringify(JSON.parse(text), null, 2) : text).slice(0, 20_000)}`;
}

function open(button) {
  const { try: method, tryUrl, tryBody } = button.dataset;
  const form = document.createElement("form");
  form.className = "form stack";
  const url = control(form, "Address", document.createElement("input"), tryUrl);
  const body = method === "POST" && control(form, "Body", document.createElement("textarea"), tryBody);
  if (body) body.rows = 6;
  const key = control(form, "Token", document.createElement("input"), token);
  key.type = "password";
  key.placeholder = "hg_…";
  const press = document.createElement("button");
  press.className = "button button--primary";
  press.textContent = `Send ${method}`;
  const shown = document.createElement("pre");
  shown.className = "keep-lines";
  shown.tabIndex = 0;
  shown.setAttribute("role", "status");
  form.append(press, shown);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    token = key.value.trim();
    shown.textContent = "…";
    shown.textContent = await send(method, url.value, body && body.value.trim()).catch(String);
  });
  button.parentElement.after(form);
  button.hidden = true;
  url.focus();
}

for (const button of document.querySelectorAll("[data-try]")) button.hidden = false;
document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-try]");
  if (button) open(button);
});
