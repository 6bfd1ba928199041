// The request page: a canned reply goes into the box where the caret stands, to be changed before it is sent.
const pick = document.getElementById("mau");
const box = document.getElementById("text");

if (pick && box) {
  pick.form.addEventListener("submit", (event) => {
    const { text } = pick.selectedOptions[0].dataset;
    event.preventDefault();
    if (!text) return;
    const [from, to] = box.value ? [box.selectionStart, box.selectionEnd] : [0, 0];
    box.setRangeText(text, from, to, "end");
    const left = box.value.search(/\{[a-z_]+\}/);
    box.focus();
    if (left >= 0) box.setSelectionRange(left, box.value.indexOf("}", left) + 1);
    pick.value = "";
  });
}
