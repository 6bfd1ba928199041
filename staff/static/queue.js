// The queue: ticking a whole page, and a quiet bar when something new came. Nothing that is being read ever moves.
const ASK_MS = 20000;

const form = document.getElementById("bulk");
const all = document.getElementById("all-rows");
const bar = document.getElementById("news");
const boxes = () => [...document.querySelectorAll(".queue input[form=bulk]")];

function count() {
  const chosen = boxes().filter((box) => box.checked).length;
  all.checked = chosen > 0 && chosen === boxes().length;
  all.indeterminate = chosen > 0 && !all.checked;
  const said = document.getElementById("chosen");
  said.textContent = chosen ? said.dataset.some.replace("{count}", chosen) : said.dataset.none;
}

if (form && all) {
  all.closest("label").hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes()) box.checked = all.checked;
    count();
  });
  for (const box of boxes()) box.addEventListener("change", count);
  count(); // a browser may restore boxes when one comes back
}

async function ask() {
  if (document.visibilityState === "hidden") return;
  const answer = await fetch(bar.dataset.asks, { redirect: "manual", cache: "no-store" });
  if (answer.type === "opaqueredirect") {
    clearInterval(timer); // the session has ended: whatever is clicked next says so
    return;
  }
  if (!answer.ok) return;
  const { text } = await answer.json();
  if (text === bar.textContent) return; // announced once
  bar.textContent = text;
  bar.parentElement.hidden = !text;
}

const timer = bar ? setInterval(() => ask().catch(() => {}), Number(bar.dataset.every) || ASK_MS) : 0;
