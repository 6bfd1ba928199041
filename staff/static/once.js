// What was just done is said once: a page loaded again, or an address kept or sent on, does not say it anew.
const SAID = ["xong", "da-giao", "con-lai"];
const address = new URL(location.href);

if (SAID.some((name) => address.searchParams.has(name))) {
  for (const name of SAID) address.searchParams.delete(name);
  history.replaceState(history.state, "", address);
}
