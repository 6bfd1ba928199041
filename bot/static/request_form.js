// The form opened by a one-time link: the token comes after the hash sign and goes back with the answers.
const form = document.getElementById("request");
const outcome = document.getElementById("outcome");
form.elements.token.value = window.location.hash.slice(1);
window.history.replaceState(null, "", window.location.pathname);

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
form.addEventListener("change", arrange);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  for (const problem of form.querySelectorAll(".problem")) problem.textContent = "";
  try {
    const answer = await fetch(form.action || window.location.pathname, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(Object.fromEntries(new FormData(form))),
    });
    const data = await answer.json();
    outcome.textContent = data.text || form.dataset.failed;
    if (answer.ok) form.remove();
    if (data.problems?.place) offer(data.places || []);
    for (const [name, text] of Object.entries(data.problems || {})) document.getElementById(`${name}-problem`).textContent = text;
  } catch {
    outcome.textContent = form.dataset.failed;
  }
  button.disabled = false;
});
arrange();
