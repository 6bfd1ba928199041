// Shortcuts for who works with a keyboard. They never act while something is being typed, and can be switched off.
const KEPT = "khcn-staff-keys";
const CHORD_MS = 1500;
const TYPED_IN = "input:not([type=checkbox]), textarea, select, [contenteditable]";

const sheet = document.getElementById("keys");
const off = document.getElementById("keys-off");
const rows = () => [...document.querySelectorAll(".queue tbody tr")];
const linkOf = (row) => row.querySelector("td.main a");
let chordUntil = 0;

const isOn = () => localStorage.getItem(KEPT) !== "off";

function label() {
  off.textContent = isOn() ? off.dataset.off : off.dataset.on;
}

function step(by) {
  const all = rows();
  if (!all.length) return;
  const here = all.findIndex((row) => row.contains(document.activeElement));
  const next = here < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, here + by));
  linkOf(all[next]).focus();
  all[next].scrollIntoView({ block: "nearest" });
}

function tick() {
  const row = rows().find((one) => one.contains(document.activeElement));
  const box = row && row.querySelector("input[type=checkbox]");
  if (box) box.click();
}

const byKey = {
  j: () => step(1),
  k: () => step(-1),
  x: tick,
  "*": () => document.getElementById("all-rows")?.click(),
  "/": () => document.getElementById("tim")?.focus(),
  r: () => document.getElementById("text")?.focus(),
  g: () => {
    chordUntil = Date.now() + CHORD_MS;
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.defaultPrevented) return;
  if (event.target.closest(TYPED_IN) || sheet.open) return;
  if (event.key === "?") {
    event.preventDefault();
    sheet.showModal();
    return;
  }
  if (!isOn()) return;
  if (event.key === "q" && Date.now() < chordUntil) {
    window.location.assign("/staff/yeu-cau");
    return;
  }
  const act = byKey[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

off.addEventListener("click", () => {
  localStorage.setItem(KEPT, isOn() ? "off" : "on");
  label();
});
label();
for (const opener of document.querySelectorAll("[data-opens=keys]")) {
  opener.hidden = !window.matchMedia("(hover: hover) and (pointer: fine)").matches;
  opener.addEventListener("click", () => sheet.showModal());
}
