// The chat page: what the person does, what the log shows. Storage, network and elements have modules of their own.
import { assistantBubble, dayLine, ownBubble, setState } from "./bubbles.js";
import { Reader, Sender } from "./connection.js";
import { showLink, watchFiles } from "./files.js";
import { Outbox, conversationToken, draft, forget, randomName } from "./store.js";

const TEXT_LIMIT = 20000;
const TYPING_MS = 20000;
const KEY_PAUSE_MS = 2000; // who types pauses no longer between two letters
const HIDDEN_PAUSE_MS = 60000;
const NEAR_END_PX = 160;
const HIDDEN_PX = 40; // less than a line of a button
const ERASED = "da-xoa";

const find = (id) => document.getElementById(id);
const [log, typing, say, notice, latest, examples] = ["log", "typing", "say", "notice", "latest", "examples"].map(find);
const texts = find("texts").dataset;
const withKeyboard = window.matchMedia("(hover: hover) and (pointer: fine)");
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
const framed = window.parent !== window;

const bubbles = new Map(); // own messages by id
let lastDay = "";
let anchor = null; // where reading begins when an answer is longer than the screen
let anchoredAt = 0;
let following = true; // until the person scrolls back, or on through what is longer than the screen
let live = false; // once what was said before is shown
let typedAt = 0;
let scrolledTo = 0;
let noticeTimer = 0;
let typingTimer = 0;

// -- the log -------------------------------------------------------------------------------------------------------

function place(bubble, at) {
  const day = at.toDateString();
  if (day !== lastDay) log.insertBefore(dayLine(at), typing);
  lastDay = day;
  const before = typing.previousElementSibling;
  log.insertBefore(bubble, typing);
  if (!before || !before.matches(".assistant") || !bubble.matches(".assistant")) return;
  const [old, now] = [before, bubble].map((each) => each.querySelector(":scope > time"));
  old.hidden = old.textContent === now.textContent; // one time for what was said in one breath
}

function setAnchor(bubble) {
  anchor = bubble;
  anchoredAt = Date.now();
}

/** Show the newest, but neither scroll the beginning of an answer out of sight nor back to what was read. */
function follow() {
  const top = anchor ? anchor.offsetTop - log.offsetTop - 12 : log.scrollHeight;
  log.scrollTo({ top: Math.max(log.scrollTop, top), behavior: calm.matches ? "auto" : "smooth" });
}

const below = () => log.scrollHeight - log.scrollTop - log.clientHeight;
const atEnd = () => below() < NEAR_END_PX;
const offerLatest = () => (latest.hidden = below() < HIDDEN_PX);

/** Only the person scrolls back: what we do goes down. */
function noteScroll() {
  if (log.scrollTop > scrolledTo) following = following || atEnd();
  else if (log.scrollTop < scrolledTo) following = following && atEnd();
  scrolledTo = log.scrollTop;
  offerLatest();
}

const isTyping = () => Date.now() - typedAt < KEY_PAUSE_MS;

function showReply(reply) {
  if (!reply.body) return; // erased after the time the notice names
  const read = atEnd();
  const isNotice = live && !reply.turn; // nobody waits for it, so nothing else would bring it into view
  const shows = (following || read) && !(isNotice && isTyping());
  const bubble = assistantBubble(reply);
  place(bubble, new Date(reply.at));
  if (!anchor || (isNotice && shows) || (read && Date.now() - anchoredAt > TYPING_MS)) setAnchor(bubble);
  if (bubble.querySelector(".choices")) {
    for (const old of log.querySelectorAll(".current")) old.classList.remove("current");
    bubble.classList.add("current");
  }
  if (shows) follow();
  offerLatest(); // nothing scrolls when what is new lies below
}

function showOwn(message) {
  if (message.kind === "start" || bubbles.has(message.id)) return;
  if (isVerdict(message)) {
    pressVerdict(message.tap);
    return;
  }
  if (!message.label && !message.text) return;
  const bubble = ownBubble(message);
  for (const old of log.querySelectorAll(".newest")) old.classList.remove("newest");
  bubble.classList.add("newest");
  bubbles.set(message.id, bubble);
  place(bubble, new Date(message.at));
  setAnchor(bubble);
  examples.hidden = true;
}

const sentFiles = ({ files }) => (files || []).map((name) => `${texts.file} ${name}`.trim()).join("\n");

const isVerdict = (message) => /^[uw]:/.test(message.tap || "");

function pressVerdict(data) {
  const [, key] = data.split(":");
  for (const button of log.querySelectorAll(".verdict-button")) {
    if (button.dataset.tap.endsWith(`:${key}`)) button.setAttribute("aria-pressed", String(button.dataset.tap === data));
  }
}

function showTyping(on) {
  clearTimeout(typingTimer);
  typing.hidden = !on;
  find("typing-status").textContent = on ? texts.typing : "";
  if (on) {
    typingTimer = setTimeout(() => showTyping(false), TYPING_MS);
    if (atEnd()) follow();
  }
}

let told = "";
let reachable = true;

/** What was said for a while goes before the standing word that nothing gets through. */
function showNotice() {
  notice.textContent = told || (reachable ? "" : texts.offline);
  notice.hidden = !notice.textContent;
}

function tell(text, seconds) {
  clearTimeout(noticeTimer);
  told = text;
  noticeTimer = setTimeout(() => {
    told = "";
    showNotice();
  }, seconds * 1000);
  showNotice();
}

function network(works) {
  reachable = works;
  showNotice();
}

// -- out and in ----------------------------------------------------------------------------------------------------

const token = conversationToken();
const outbox = new Outbox({
  onAdded: (message) => showOwn({ ...message, state: "sending" }),
  onRemoved: (id) => bubbles.has(id) && setState(bubbles.get(id), "sent"),
});
const reader = new Reader({
  token,
  onNetwork: network,
  onGone: () => {
    forget();
    window.location.hash = ERASED;
    window.location.reload();
  },
  onReply: (reply) => {
    showTyping(false);
    showReply(reply);
  },
});
const mark = (message, state) => bubbles.has(message.id) && setState(bubbles.get(message.id), state);
const sender = new Sender({
  token,
  outbox,
  onNetwork: network,
  onWaiting: () => {
    showTyping(false);
    for (const message of outbox.all()) mark(message, "waiting");
  },
  onSent: (message) => {
    mark(message, "sent");
    showTyping(!outbox.first || !typing.hidden);
    reader.expect();
  },
  onRefused: (message) => mark(message, "refused"),
  onSlowDown: (text, seconds) => tell(text, Math.max(seconds, 5)),
});

function send(body) {
  const message = { id: randomName(12), at: Date.now(), ...body };
  outbox.add(message);
  showOwn({ ...message, state: "sending" });
  following = true;
  if (isVerdict(message)) anchor = null;
  else follow();
  sender.wake();
}

/** Everything so far, own messages and replies interleaved as they happened. */
async function restore() {
  const { replies, own } = await reader.history();
  const told = new Map();
  for (const reply of replies) if (reply.turn && !told.has(reply.turn)) told.set(reply.turn, Date.parse(reply.at));
  const time = (message) => Math.min(Date.parse(message.at), told.get(message.turn) || Infinity); // clocks may differ
  const entries = [
    ...own.map((message) => ({ at: time(message), show: () => showOwn({ ...message, text: message.text || sentFiles(message), label: message.tap && message.text }) })),
    ...replies.map((reply) => ({ at: Date.parse(reply.at), show: () => showReply(reply) })),
  ].sort((one, other) => one.at - other.at);
  for (const entry of entries) entry.show();
  return entries.length > 0;
}

async function open() {
  for (let wait = 500; ; wait = Math.min(wait * 2, 15000)) {
    try {
      const known = await restore();
      network(true);
      if (!known && !outbox.first) outbox.add({ id: `start-${reader.last}`, at: Date.now(), kind: "start" });
      break;
    } catch {
      network(false);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  for (const message of outbox.all()) showOwn({ ...message, state: "sending" });
  if (!bubbles.size) examples.hidden = false;
  log.scrollTop = anchor && bubbles.size ? anchor.offsetTop - log.offsetTop - 12 : 0;
  scrolledTo = log.scrollTop;
  log.setAttribute("aria-live", "polite");
  live = true;
  if (outbox.first) {
    showTyping(outbox.first.kind === "start");
    sender.wake();
  }
  reader.run();
}

// -- what the person does ------------------------------------------------------------------------------------------

function grow() {
  say.style.height = "auto";
  say.style.height = `${say.scrollHeight + 2}px`;
  find("send").disabled = !say.value.trim();
}

function submit() {
  const text = say.value.trim();
  if (!text) return;
  if (text.length > TEXT_LIMIT) {
    tell(texts.tooLong, 12);
    return;
  }
  typedAt = 0;
  send({ text });
  say.value = "";
  draft.write("");
  grow();
  say.focus();
}

find("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
say.addEventListener("input", () => {
  typedAt = Date.now();
  draft.write(say.value);
  grow();
});
say.addEventListener("keydown", (event) => {
  const composing = event.isComposing || event.keyCode === 229; // Telex and other input methods
  if (event.key === "Enter" && !event.shiftKey && !composing && withKeyboard.matches) {
    event.preventDefault();
    submit();
  }
});

log.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || button.disabled) return;
  if (button.classList.contains("retry")) {
    sender.wake();
    return;
  }
  button.disabled = true; // a second tap in a hurry
  setTimeout(() => {
    button.disabled = false;
  }, 1200);
  if (button.dataset.link) showLink({ button, token, texts, tell });
  else if (button.dataset.say) send({ text: button.dataset.say });
  else if (button.dataset.tap) {
    if (button.getAttribute("aria-pressed") !== "true") send({ tap: button.dataset.tap, label: button.dataset.label });
  }
});
examples.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) send({ text: button.textContent });
});
watchFiles({
  input: find("files"),
  token,
  texts,
  tell,
  show: (message) => {
    showOwn(message);
    follow();
    return (state) => setState(bubbles.get(message.id), state);
  },
  onSent: () => {
    showTyping(true);
    reader.expect();
  },
});
find("menu").addEventListener("click", () => send({ tap: "m", label: texts.menu }));
latest.addEventListener("click", () => {
  log.scrollTo({ top: log.scrollHeight, behavior: calm.matches ? "auto" : "smooth" });
  log.focus({ preventScroll: true });
});
log.addEventListener("scroll", noteScroll, { passive: true });
for (const gesture of ["wheel", "touchmove", "keydown"]) log.addEventListener(gesture, () => (following = following && atEnd()), { passive: true });

window.addEventListener("offline", () => {
  network(false);
  reader.drop();
});
window.addEventListener("online", () => {
  sender.wake();
  reader.drop();
});
window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.reload(); // other tabs went on while this one slept
});
let hiddenTimer = 0;
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.visibilityState === "hidden") hiddenTimer = setTimeout(() => reader.pause(), HIDDEN_PAUSE_MS);
  else {
    reader.resume();
    if (outbox.first) sender.wake();
  }
});

if (framed) {
  window.parent.postMessage("khcn:ready", "*"); // says nothing but that the frame was allowed
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") window.parent.postMessage("khcn:close", "*");
  });
} else if (withKeyboard.matches) {
  say.focus();
}
say.value = draft.read();
grow();
if (window.location.hash === `#${ERASED}`) {
  window.history.replaceState(null, "", window.location.pathname);
  tell(texts.erased, 20);
}
open();
