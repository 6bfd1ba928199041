// From messages to elements. Text only ever becomes text nodes; nothing is read as markup.

const ITEM = /^\s*(?:(\d{1,2})[.)]|[-–•*])\s+(.*)$/;
const ADDRESS = /https?:\/\/[^\s<>«»"]*[^\s<>«»".,;:!?)\]]/.source;
const BEFORE_PHONE = /(?:^|[^\w./-])/.source; // no lookbehind: older iPhones would not read this file at all
const PHONE = /(?:0[1-9]|\+84|1[89]00)[\d .]{5,12}\d(?![\w/-])/.source;
const CODE = /HT\d\d-[0-9A-Z]{6}/.source;
const INLINE = new RegExp(`(${ADDRESS})|(${BEFORE_PHONE})(${PHONE})|«([^«»]{2,20})»|(${CODE})`, "g");
const NOT_TO_CALL = /(?:ví dụ|mã số thuế)[^.;]*$/i; // an example is a stranger's number, a tax code is none
const VERDICTS = { u: "useful", w: "wrong" };
const ICONS = { m: "menu", h: "talk", a: "person", p: "place", x: "more" };

const texts = document.getElementById("texts").dataset;
const commands = new Set(texts.commands.split("|"));
const isCommand = (word) => commands.has(word.replace(new RegExp(` ${CODE}$`), "")); // «trả lời HT26-…» too
const assets = document.body.dataset.assets;

function clone(name) {
  return document.getElementById(name).content.firstElementChild.cloneNode(true);
}

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", `icon ${name}`);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `${assets}/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function link(href, text) {
  const made = element("a", "", text);
  made.href = href;
  if (href.startsWith("http")) Object.assign(made, { target: "_blank", rel: "noopener noreferrer" });
  return made;
}

/** Text with addresses and telephone numbers as links, the assistant's own words («menu») to tap, codes unbroken. */
function fill(target, text) {
  let end = 0;
  for (const found of text.matchAll(INLINE)) {
    const [whole, address, before = "", phone, word, code] = found;
    let made = null;
    if (address) made = link(address, address);
    else if (phone && !NOT_TO_CALL.test(text.slice(0, found.index))) made = link(`tel:${phone.replace(/[ .]/g, "")}`, phone);
    else if (word && isCommand(word)) {
      made = element("button", "word", whole);
      made.type = "button";
      made.dataset.say = word;
    } else if (code) made = element("span", "code", code);
    if (!made) continue;
    target.append(text.slice(end, found.index) + before, made);
    end = found.index + whole.length;
  }
  target.append(text.slice(end));
  return target;
}

/** Lines as paragraphs, numbered and dashed lines as lists that keep their numbers. */
function fillBody(target, text) {
  let list = null;
  let apart = false;
  for (const line of text.split("\n")) {
    const item = ITEM.exec(line);
    if (!line.trim()) {
      apart = true;
    } else if (item) {
      const kind = item[1] ? "ol" : "ul";
      if (!list || list.localName !== kind) target.append((list = element(kind, apart ? "apart" : "")));
      const made = fill(element("li"), item[2]);
      if (item[1]) made.value = Number(item[1]);
      list.append(made);
      apart = false;
    } else {
      list = null;
      target.append(fill(element("p", apart ? "apart" : ""), line));
      apart = false;
    }
  }
}

function choiceButton([label, data]) {
  const [action, argument = ""] = data.split(":");
  const verdict = VERDICTS[action];
  const name = action === "f" && !data.includes(":", 2) ? `field-${argument}` : ICONS[action];
  const button = element("button", verdict ? "verdict-button" : "choice");
  button.type = "button";
  button.dataset.tap = data;
  button.dataset.label = label;
  if (verdict) {
    button.setAttribute("aria-pressed", "false");
    button.append(icon(verdict));
  } else if (name) {
    button.append(icon(name));
  }
  button.append(element("span", "", label));
  return button;
}

/** Asks for the private link of a request; see files.js. */
function linkButton(code) {
  const button = element("button", "choice link-button");
  button.type = "button";
  button.dataset.link = code;
  button.append(element("span", "", texts.linkButton));
  return button;
}

/** How a set of choices is laid out: the fields as tiles, long lists as rows, the rest side by side. */
function layout(choices) {
  const count = (actions) => choices.filter(([, data]) => actions.includes(data[0])).length;
  if (count("f") >= 4) return "tiles";
  return count("tep") >= 2 ? "rows" : "chips";
}

function setTime(target, at) {
  target.dateTime = at.toISOString();
  target.textContent = at.toLocaleTimeString("vi-VN", { hour: "2-digit", minute: "2-digit" });
  return target.textContent;
}

/** A reply of the assistant: heading, text, source and validity, what to tap next. */
export function assistantBubble(reply) {
  const bubble = clone("assistant");
  const part = (selector) => bubble.querySelector(selector);
  const time = setTime(part(":scope > time"), new Date(reply.at));
  bubble.setAttribute("aria-label", texts.assistant.replace("{time}", time));
  if (reply.heading) part("h2").textContent = reply.heading;
  else part("h2").remove();
  fillBody(part(".body"), reply.body);
  if (reply.note) for (const line of reply.note.split("\n")) part(".note > div").append(fill(element("p"), line));
  else part(".note").remove();
  const verdicts = reply.choices.filter(([, data]) => VERDICTS[data.split(":")[0]]);
  const ways = reply.choices.filter((choice) => !verdicts.includes(choice));
  if (verdicts.length) part(".verdict").append(...verdicts.map(choiceButton));
  else part(".verdict").remove();
  if (ways.length) {
    part(".choices").classList.add(layout(ways));
    part(".choices").append(...ways.map(choiceButton));
    for (const button of part(".choices").matches(".rows") ? part(".choices").children : []) button.append(icon("next"));
  } else {
    part(".choices").remove();
  }
  if (reply.link) part(".body").append(linkButton(reply.link));
  return bubble;
}

/** What the person wrote or tapped; `setState` says how far it got. */
export function ownBubble(message) {
  const bubble = clone("mine");
  bubble.dataset.id = message.id;
  bubble.querySelector(".said").textContent = message.label || message.text;
  if (message.tap) bubble.classList.add("tapped");
  bubble.setAttribute("aria-label", texts.mine.replace("{time}", setTime(bubble.querySelector("time"), new Date(message.at))));
  setState(bubble, message.state || "sent");
  return bubble;
}

/** `sending`, `waiting` (it will be tried again), `sent` or `refused`. */
export function setState(bubble, state) {
  bubble.dataset.state = state;
  bubble.querySelector(".state").textContent = texts[state];
  bubble.querySelector(".retry").hidden = state !== "waiting";
}

/** The line that opens a day: today, yesterday or its date. */
export function dayLine(at) {
  const line = clone("day");
  const time = line.querySelector("time");
  const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
  const days = Math.round((midnight(new Date()) - midnight(at)) / 86400000);
  const names = [texts.today, texts.yesterday];
  time.dateTime = at.toISOString().slice(0, 10);
  time.textContent = names[days] || at.toLocaleDateString("vi-VN", { day: "2-digit", month: "2-digit", year: "numeric" });
  return line;
}
