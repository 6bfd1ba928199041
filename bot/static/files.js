// Files for a request, one after the other; and the private link of a request, asked for once and shown here only.
import { randomName } from "./store.js";

const SIZE_LIMIT = 10 * 1024 * 1024;
const COUNT_LIMIT = 10;

async function call(path, options, token) {
  const answer = await fetch(path, { ...options, headers: { "x-chat-token": token, ...options.headers }, cache: "no-store" });
  return { ok: answer.ok, data: await answer.json().catch(() => ({})) };
}

/** Sends what is chosen; `show` makes a bubble for a file and returns a function that says how far it got. */
export function watchFiles({ input, token, texts, show, tell, onSent }) {
  input.addEventListener("change", async () => {
    const chosen = [...input.files].slice(0, COUNT_LIMIT);
    input.value = "";
    for (const file of chosen) {
      if (file.size > SIZE_LIMIT) {
        tell(texts.fileTooLarge, 12);
        continue;
      }
      const id = randomName(12);
      const mark = show({ id, at: Date.now(), text: `${texts.file} ${file.name}`, state: "sending" });
      try {
        const headers = { "content-type": "application/octet-stream", "x-file-name": encodeURIComponent(file.name.slice(-200)) };
        const { ok, data } = await call(`/chat/files?id=${id}`, { method: "POST", body: file, headers }, token);
        mark(ok ? "sent" : "refused");
        if (ok) onSent();
        else tell(data.text || texts.fileFailed, 12);
      } catch {
        mark("refused");
        tell(texts.fileFailed, 12);
      }
    }
  });
}

function copyButton(text, texts) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "choice link-button";
  button.textContent = texts.copy;
  const done = () => (button.textContent = texts.copied);
  button.addEventListener("click", () => navigator.clipboard.writeText(text).then(done, () => {})); // refused: it stands above
  return button;
}

/** The private link of a request in place of the button that asked for it, to be copied or printed. */
export async function showLink({ button, token, texts, tell }) {
  try {
    const { ok, data } = await call("/chat/links", { method: "POST", body: JSON.stringify({ code: button.dataset.link }) }, token);
    if (!ok) throw new Error(data.error);
    const box = document.createElement("p");
    box.className = "private-link";
    const link = document.createElement("a");
    link.href = link.textContent = data.link;
    box.append(`${texts.link} `, link);
    button.replaceWith(box);
    if (navigator.clipboard) box.after(copyButton(data.link, texts)); // only where the page came by https
  } catch {
    tell(texts.linkFailed, 12);
  }
}
