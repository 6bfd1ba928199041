// To and from the server: messages go out one by one until each is confirmed; replies come in as a stream, or by
// asking where streams do not get through.

const POST_TIMEOUT_MS = 20000;
const FIRST_BYTE_MS = 8000; // the server speaks at once; a silent stream is held back by something in between
const SILENCE_MS = 40000; // it says "still here" every 15 seconds
const REPLY_OVERDUE_MS = 6000;
const POLL_BUSY_MS = 1500;
const POLL_IDLE_MS = 8000;
const STREAM_AGAIN_MS = 120000;
const BACKOFF_LIMIT_MS = 30000;

const backoff = (failures) => Math.min(BACKOFF_LIMIT_MS, 1000 * 2 ** Math.min(failures, 5)) * (0.8 + 0.4 * Math.random());

/** A wait that `wake` ends early. */
class Nap {
  for(ms) {
    return new Promise((resolve) => {
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(resolve, ms);
    });
  }
  wake() {}
}

/** Sends the outbox in order; a message leaves it only when the server has it, or will never take it. */
export class Sender {
  constructor({ token, outbox, onSent, onWaiting, onRefused, onSlowDown, onNetwork }) {
    Object.assign(this, { token, outbox, onSent, onWaiting, onRefused, onSlowDown, onNetwork });
    this.nap = new Nap();
    this.running = false;
  }

  wake() {
    this.nap.wake();
    if (!this.running) this.run();
  }

  async run() {
    this.running = true;
    let failures = 0;
    for (let message = this.outbox.first; message; message = this.outbox.first) {
      const { answer, wait } = await this.post(message);
      if (answer) {
        failures = 0;
        continue;
      }
      this.onWaiting();
      await this.nap.for(wait || backoff(failures));
      failures += 1;
    }
    this.running = false;
  }

  async post(message) {
    const { at, ...body } = message;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), POST_TIMEOUT_MS);
    try {
      const response = await fetch("/chat/messages", {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Chat-Token": this.token },
        body: JSON.stringify(body),
        signal: abort.signal,
      });
      this.onNetwork(true);
      return await this.judge(message, response);
    } catch {
      this.onNetwork(false);
      return {};
    } finally {
      clearTimeout(timer);
    }
  }

  async judge(message, response) {
    if (response.ok) {
      this.outbox.remove(message.id);
      this.onSent(message);
      return { answer: true };
    }
    const seconds = Number(response.headers.get("Retry-After")) || 0;
    if (response.status === 429) this.onSlowDown((await response.json()).text || "", seconds);
    if (response.status === 429 || response.status >= 500) return { wait: seconds * 1000 };
    this.outbox.remove(message.id);
    this.onRefused(message);
    return { answer: true };
  }
}

/** Reads replies above the last one seen, for as long as the page is open. */
export class Reader {
  constructor({ token, onReply, onNetwork, onGone }) {
    Object.assign(this, { token, onReply, onNetwork, onGone });
    this.last = 0;
    this.nap = new Nap();
    this.abort = null;
    this.failures = 0;
    this.pollUntil = 0;
    this.overdue = 0;
    this.paused = false;
  }

  get headers() {
    return { "X-Chat-Token": this.token };
  }

  /** The whole conversation: replies and, with them, what the person wrote. */
  async history() {
    const replies = [];
    let own = [];
    for (let after = 0, page = null; page === null || page.length === 100; after = page[page.length - 1].seq) {
      const response = await fetch(`/chat/messages?after=${after}${page === null ? "&own=1" : ""}`, { headers: this.headers });
      if (!response.ok) throw new Error(String(response.status));
      const body = await response.json();
      if (page === null) own = body.own;
      page = body.replies;
      replies.push(...page);
      if (!page.length) break;
    }
    if (replies.length) this.last = replies[replies.length - 1].seq;
    return { replies, own };
  }

  take(reply) {
    if (reply.seq <= this.last) return false;
    this.last = reply.seq;
    clearTimeout(this.overdue);
    this.overdue = 0;
    this.onReply(reply);
    return true;
  }

  /** A message was taken: its reply should come soon, else the stream is not to be trusted. */
  expect() {
    clearTimeout(this.overdue);
    this.overdue = setTimeout(async () => {
      this.overdue = 0;
      if (await this.ask()) this.distrust();
    }, REPLY_OVERDUE_MS);
    if (!this.abort) this.nap.wake();
  }

  distrust() {
    this.pollUntil = Date.now() + STREAM_AGAIN_MS;
    this.drop();
  }

  drop() {
    if (this.abort) this.abort.abort();
    this.nap.wake();
  }

  pause() {
    this.paused = true;
    this.drop();
  }

  resume() {
    this.paused = false;
    this.nap.wake();
  }

  async run() {
    for (;;) {
      if (this.paused) {
        await this.nap.for(600000);
      } else if (Date.now() < this.pollUntil) {
        await this.ask();
        await this.nap.for(this.overdue ? POLL_BUSY_MS : POLL_IDLE_MS);
      } else {
        await this.nap.for(await this.stream());
      }
    }
  }

  /** Ask once. Whether there was news. */
  async ask() {
    try {
      const response = await fetch(`/chat/messages?after=${this.last}`, { headers: this.headers });
      if (!response.ok) return false;
      this.onNetwork(true);
      const { replies, gone } = await response.json();
      if (gone) this.onGone();
      return replies.map((reply) => this.take(reply)).includes(true);
    } catch {
      this.onNetwork(false);
      return false;
    }
  }

  /** Read one stream to its end. Milliseconds to wait before the next. */
  async stream() {
    const abort = new AbortController();
    this.abort = abort;
    let watch = setTimeout(() => abort.abort(), FIRST_BYTE_MS);
    let heard = false;
    try {
      const headers = { ...this.headers, "Last-Event-ID": String(this.last) };
      const response = await fetch("/chat/events", { headers, signal: abort.signal, cache: "no-store" });
      if (response.status === 410) {
        this.onGone();
        return 60000;
      }
      if (response.status === 204) return this.overdue ? 500 : 60000; // no conversation before the first message
      if (response.status === 429 || !response.body) this.pollUntil = Date.now() + STREAM_AGAIN_MS;
      if (!response.ok || !response.body) return backoff((this.failures += 1));
      const reader = response.body.getReader();
      const decoder = new TextDecoder();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        clearTimeout(watch);
        if (done) return 200 + 1300 * Math.random(); // a long stream ended, or the server restarts
        watch = setTimeout(() => abort.abort(), SILENCE_MS);
        heard = true;
        this.failures = 0;
        this.onNetwork(true);
        const events = (rest + decoder.decode(value, { stream: true })).split("\n\n");
        rest = events.pop();
        for (const event of events) this.read(event);
      }
    } catch {
      if (this.paused || Date.now() < this.pollUntil) return 0;
      this.failures += 1;
      if (navigator.onLine === false || this.failures > 1) this.onNetwork(false);
      if (!heard && this.failures >= 3 && navigator.onLine !== false) this.pollUntil = Date.now() + STREAM_AGAIN_MS;
      return heard ? 300 : backoff(this.failures - 1);
    } finally {
      clearTimeout(watch);
      this.abort = null;
    }
  }

  read(event) {
    const data = event.split("\n").find((line) => line.startsWith("data: "));
    if (data === "data: gone") this.onGone(); // erased: the page must not show it any longer
    else if (data) this.take(JSON.parse(data.slice(6)));
  }
}
