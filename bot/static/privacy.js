// The privacy notice: a person on a shared device can leave the conversation behind.
import { forget } from "./store.js";

const button = document.getElementById("forget");
const outcome = document.getElementById("forgotten");
button.hidden = false;
button.addEventListener("click", () => {
  forget();
  outcome.textContent = outcome.dataset.text;
});
