// The form opened by a one-time link: the token comes after the hash sign and goes back with the answers.
const form = document.getElementById("request");
const outcome = document.getElementById("outcome");
form.elements.token.value = window.location.hash.slice(1);
window.history.replaceState(null, "", window.location.pathname);

function arrange() {
  document.getElementById("personal").hidden = form.elements.consent.value !== "yes";
  document.getElementById("organised").hidden = !form.dataset.organised.split(" ").includes(form.elements.kind.value);
}

form.addEventListener("change", arrange);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
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
    for (const [name, text] of Object.entries(data.problems || {})) document.getElementById(`${name}-problem`).textContent = text;
  } catch {
    outcome.textContent = form.dataset.failed;
  }
  button.disabled = false;
});
arrange();
