// The queue: ticking a whole page.
const form = document.getElementById("bulk");
const all = document.getElementById("all-rows");
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
