// What the page keeps on the person's device: the token of the conversation, the draft, messages not yet taken.
// Inside a foreign site the browser may refuse any storage; then everything lives as long as the page does.

const PREFIX = "khcn.";
const TOKEN = /^[A-Za-z0-9_-]{32,64}$/;

class PageMemory {
  constructor() {
    this.values = new Map();
  }
  get length() {
    return this.values.size;
  }
  key(index) {
    return [...this.values.keys()][index];
  }
  getItem(name) {
    return this.values.has(name) ? this.values.get(name) : null;
  }
  setItem(name, value) {
    this.values.set(name, value);
  }
  removeItem(name) {
    this.values.delete(name);
  }
}

function usable(kind) {
  try {
    const storage = window[kind];
    storage.setItem(`${PREFIX}probe`, "1");
    storage.removeItem(`${PREFIX}probe`);
    return storage;
  } catch {
    return null;
  }
}

const storage = usable("localStorage") || usable("sessionStorage") || new PageMemory();
const tab = usable("sessionStorage") || new PageMemory();

function keep(name, value) {
  try {
    storage.setItem(PREFIX + name, value);
  } catch {
    // full: the page still has it in memory
  }
}

/** `count` random bytes in URL-safe characters. */
export function randomName(count) {
  const bytes = crypto.getRandomValues(new Uint8Array(count));
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
}

/** The secret that makes this conversation this person's. */
export function conversationToken() {
  const linked = window.location.hash.slice(1); // the private link of a request opens its conversation here
  if (linked.startsWith("link-") && TOKEN.test(linked)) {
    window.history.replaceState(null, "", window.location.pathname);
    keep("token", linked);
    return linked;
  }
  const known = storage.getItem(`${PREFIX}token`);
  if (known && TOKEN.test(known)) return known;
  keep("token", randomName(32));
  const kept = storage.getItem(`${PREFIX}token`); // another tab may have been quicker
  return kept && TOKEN.test(kept) ? kept : randomName(32);
}

/** Remove all traces from this device. */
export function forget() {
  openForm.drop();
  const names = Array.from({ length: storage.length }, (_, index) => storage.key(index));
  for (const name of names) if (name.startsWith(PREFIX)) storage.removeItem(name);
}

/** The form behind a one-time link, for a reload of its tab only: `{ token, answers }`. */
export const openForm = {
  read() {
    try {
      return JSON.parse(tab.getItem(`${PREFIX}form`));
    } catch {
      return null;
    }
  },
  write(form) {
    try {
      tab.setItem(`${PREFIX}form`, JSON.stringify(form));
    } catch {
      // full: it lasts until a reload
    }
  },
  drop: () => tab.removeItem(`${PREFIX}form`),
};

export const draft = {
  read: () => storage.getItem(`${PREFIX}draft`) || "",
  write: (text) => (text ? keep("draft", text) : storage.removeItem(`${PREFIX}draft`)),
};

/**
 * Messages the server has not confirmed, oldest first. Each has a storage key of its own, so that two tabs never
 * overwrite each other's; what one tab adds or removes, the others hear of.
 */
export class Outbox {
  constructor({ onAdded, onRemoved }) {
    this.messages = new Map();
    for (let index = 0; index < storage.length; index += 1) this.take(storage.key(index));
    window.addEventListener("storage", (event) => {
      if (!event.key || !event.key.startsWith(`${PREFIX}out.`)) return;
      const id = event.key.slice(PREFIX.length + 4);
      if (event.newValue === null) {
        if (this.messages.delete(id)) onRemoved(id);
      } else if (!this.messages.has(id) && this.take(event.key)) {
        onAdded(this.messages.get(id));
      }
    });
  }

  take(key) {
    if (!key.startsWith(`${PREFIX}out.`)) return false;
    try {
      const message = JSON.parse(storage.getItem(key));
      this.messages.set(message.id, message);
      return true;
    } catch {
      storage.removeItem(key); // not ours, or cut off
      return false;
    }
  }

  all() {
    return [...this.messages.values()].sort((one, other) => one.at - other.at);
  }

  get first() {
    return this.all()[0];
  }

  add(message) {
    this.messages.set(message.id, message);
    keep(`out.${message.id}`, JSON.stringify(message));
  }

  remove(id) {
    this.messages.delete(id);
    storage.removeItem(`${PREFIX}out.${id}`);
  }
}
