// The form opened by a one-time link: the token comes after the hash sign and goes back with the answers. This tab keeps
// both until they are sent, so that a reload goes on with what was typed.
import { openForm } from "./store.js";

const form = document.getElementById("request");
const outcome = document.getElementById("outcome");
const linked = window.location.hash.slice(1);
const kept = openForm.read();
const token = linked || kept?.token || "";
window.history.replaceState(null, "", window.location.pathname);

let keeps = Boolean(token);

function keep() {
  const answers = Object.fromEntries(new FormData(form));
  delete answers.place_choice; // its buttons do not come back
  if (keeps) openForm.write({ token, answers });
}

function stopKeeping() {
  keeps = false;
  openForm.drop();
}

function fillIn(answers) {
  for (const [name, value] of Object.entries(answers)) {
    const field = form.elements.namedItem(name);
    if (!field) continue;
    if (field.type === "checkbox") field.checked = field.value === value;
    else field.value = value;
  }
}

function arrange() {
  document.getElementById("personal").hidden = form.elements.consent.value !== "yes";
  document.getElementById("organised").hidden = !form.dataset.organised.split(" ").includes(form.elements.kind.value);
}

// What the place may mean, each as a button; typing again forgets the choice.
function offer(places) {
  const group = document.getElementById("places");
  group.hidden = places.length === 0;
  form.elements.place_choice.value = "";
  group.replaceChildren(...places.map(([label, value]) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "choice";
    button.textContent = label;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      form.elements.place_choice.value = value;
      for (const other of group.children) other.setAttribute("aria-pressed", String(other === button));
    });
    return button;
  }));
}

form.elements.place.addEventListener("input", () => {
  offer([]);
});
form.addEventListener("input", keep);
form.addEventListener("change", () => {
  arrange();
  keep();
});
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  for (const problem of form.querySelectorAll(".problem")) problem.textContent = "";
  try {
    const answer = await fetch(form.action || window.location.pathname, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...Object.fromEntries(new FormData(form)), token }),
    });
    const data = await answer.json();
    outcome.textContent = data.text || form.dataset.failed;
    if (answer.ok || answer.status === 404) stopKeeping(); // sent, or the link is no longer good
    if (answer.ok) form.remove();
    if (data.problems?.place) offer(data.places || []);
    for (const [name, text] of Object.entries(data.problems || {})) document.getElementById(`${name}-problem`).textContent = text;
  } catch {
    outcome.textContent = form.dataset.failed;
  }
  button.disabled = false;
});
window.addEventListener("hashchange", () => window.location.reload()); // another link was opened in this tab

if (kept?.token === token) fillIn(kept.answers || {});
arrange();
keep();
if (!token) { // nobody fills in a form that cannot be sent
  outcome.textContent = form.dataset.noLink;
  form.remove();
}
