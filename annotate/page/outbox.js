// What the server has not confirmed yet, kept in the browser: a lost connection or a closed tab loses nothing. All of it
// may be sent twice, as the number of the annotation makes it one answer.
import { kept } from "./elements.js";

const kDraftDelay = 400;
const kFirstPause = 1000;
const kLongestPause = 15000;

export class Outbox {
  // `send(path, body)` gives {status, body} or throws when nobody answers; `tell(state, words)` hears how it goes:
  // "kept", "sending" or "waiting".
  constructor({ name, send, tell }) {
    this.answersKey = `rlhf answers ${name}`;
    this.draftKey = `rlhf draft ${name}`;
    this.send = send;
    this.tell = tell;
    this.line = Promise.resolve();
    this.timer = null;
    this.wake = () => {};
    addEventListener("online", () => this.wake());
    addEventListener("pagehide", () => this.sendDraftAtOnce());
  }

  // Sends until the server has taken or refused it. A link that holds no more is not a refusal: a new link of the same
  // annotator finds everything here.
  async deliver(path, body) {
    for (let pause = kFirstPause; ; pause = Math.min(2 * pause, kLongestPause)) {
      const waited = pause > kFirstPause;
      let words = "Not connected";
      try {
        const reply = await this.send(path, body);
        if (waited && reply.status < 500) this.tell("kept");
        if (reply.status < 500 && reply.status !== 401) return reply;
        words = reply.body.error ?? words;
      } catch { /* nobody answers */ }
      this.tell("waiting", words);
      await new Promise((resolve) => { this.wake = resolve; setTimeout(resolve, pause); });
    }
  }

  // One thing after the other.
  inLine(work) {
    const done = this.line.then(work);
    this.line = done.catch(() => {});
    return done;
  }

  // The server's reply to an answer or an undo.
  post(path, body) {
    const entry = { id: `${Date.now()} ${Math.random()}`, path, body };
    kept.set(this.answersKey, [...(kept.get(this.answersKey) ?? []), entry]);
    clearTimeout(this.timer);
    kept.remove(this.draftKey);
    return this.inLine(() => this.deliverEntry(entry));
  }

  async deliverEntry(entry) {
    this.tell("sending");
    const reply = await this.deliver(entry.path, entry.body);
    kept.set(this.answersKey, (kept.get(this.answersKey) ?? []).filter((other) => other.id !== entry.id));
    this.tell("kept");
    return reply;
  }

  // What an earlier visit left behind; gives the replies.
  flush() {
    const left = kept.get(this.answersKey) ?? [];
    return Promise.all(left.map((entry) => this.inLine(() => this.deliverEntry(entry)).then((reply) => ({ entry, reply }))));
  }

  keepDraft(draft) {
    kept.set(this.draftKey, draft);
    this.tell("sending");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.inLine(() => this.sendDraft()), kDraftDelay);
  }

  // The newest one, however many changes there were; a refused one is of no use any more.
  async sendDraft() {
    const draft = kept.get(this.draftKey);
    if (!draft) return;
    await this.deliver("/api/draft", draft);
    if (JSON.stringify(kept.get(this.draftKey)) === JSON.stringify(draft)) {
      kept.remove(this.draftKey);
      this.tell("kept");
    }
  }

  sendDraftAtOnce() {
    const draft = kept.get(this.draftKey);
    if (draft) this.send("/api/draft", draft, { keepalive: true }).catch(() => {});
  }

  // The draft of this annotation that did not reach the server.
  unsentDraft(annotation) {
    const draft = kept.get(this.draftKey);
    return draft?.annotation === annotation ? draft : null;
  }
}
