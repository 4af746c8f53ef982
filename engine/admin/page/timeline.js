// A call's timeline, opened over the page: asked for anew each second while it is open and the call lives, or a
// sink of one of its phrases has not answered yet.

import { byId, put } from "./dom.js";
import { grown, phraseItem, waitedFor } from "./phrase_item.js";
import { drawing } from "./timeline_drawing.js";
import { count, counted, lasting, millis } from "./words.js";

const EVERY_MS = 1000;
const OVER = ["ended", "failed"];

export class Timeline {
  #call = null; // as it was when it was opened: {key, conversation_id}
  #told = null; // the latest timeline
  #timer = 0;

  constructor(feed, board) {
    Object.assign(this, { feed, board, dialog: byId("timeline"), window: byId("timeline-window") });
    byId("timeline-close").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    this.dialog.addEventListener("close", () => this.#closed());
    this.window.addEventListener("change", () => this.#draw());
    new ResizeObserver(() => this.#draw()).observe(byId("timeline-picture"));
  }

  /** Open it for a call or for a phrase's call: what has a key and a conversation_id. */
  open(call) {
    this.#call = call;
    this.#told = null;
    put(byId("timeline-title"), `Call ${call.conversation_id}`);
    put(byId("timeline-facts"), "");
    put(byId("timeline-fault"), "");
    byId("timeline-picture").replaceChildren();
    byId("timeline-phrases").replaceChildren();
    if (!this.dialog.open) this.dialog.showModal();
    this.#ask();
  }

  #closed() {
    clearTimeout(this.#timer);
    this.#call = null;
  }

  async #ask() {
    clearTimeout(this.#timer);
    const call = this.#call;
    const answer = await this.#answer(call.key);
    if (call !== this.#call) return; // closed, or another one is open by now
    put(byId("timeline-fault"), answer.fault ?? "");
    if (answer.told) this.#told = answer.told;
    this.#draw();
    if (!answer.gone && !this.#finished()) this.#timer = setTimeout(() => this.#ask(), EVERY_MS);
  }

  #finished() {
    if (!OVER.includes(this.#told?.state)) return false;
    return phrasesOf(this.#told).every((phrase) => waitedFor(phrase, this.board.sinks).length === 0);
  }

  async #answer(key) {
    try {
      const address = `/v1/conversations/${encodeURIComponent(key)}/timeline`;
      const response = await fetch(address, { headers: this.feed.headers, cache: "no-store" });
      if (response.ok) return { told: await response.json() };
      if (response.status === 404) return { gone: true, fault: "The engine no longer has this call’s timeline: it keeps the latest 100 that left." };
      return { fault: `The engine answered ${response.status}.` };
    } catch {
      return { fault: "Can’t reach the engine; trying again." };
    }
  }

  #draw() {
    const told = this.#told;
    if (!told || !this.dialog.open) return;
    const phrases = phrasesOf(told);
    put(byId("timeline-facts"), this.#facts(told, phrases));
    const from = this.window.value === "0" ? 0 : Math.max(0, told.now_ms - Number(this.window.value));
    const box = byId("timeline-picture");
    box.replaceChildren(drawing(told, from, Math.max(told.now_ms, from + 1000), Math.max(280, box.clientWidth)));
    this.#list(phrases);
  }

  #facts(told, phrases) {
    const gaps = told.channels.flatMap((channel) => channel.gaps).reduce((sum, [, ms]) => sum + ms, 0);
    const row = this.board.calls.get(told.key);
    const parts = [told.state, `${lasting(told.now_ms / 1000)} of audio`, counted(phrases.length, "phrase"), gaps ? `${millis(gaps)} missing` : "no gaps"];
    if (row) parts.push(row.source, ...(row.shard === null ? [] : [`shard ${row.shard}`]), ...(row.reconnects ? [`${count(row.reconnects)} × reconnected`] : []));
    return parts.join(" · ");
  }

  #list(phrases) {
    const { now, sinks } = this.board;
    const key = JSON.stringify(phrases.map(({ id, deliveries }) => [id, deliveries]));
    if (key === this.listed && byId("timeline-phrases").childElementCount === phrases.length) return this.items.forEach(([item, phrase]) => grown(item, phrase, now));
    this.listed = key;
    const texts = Boolean(this.board.state?.shows_text);
    const newest = [...phrases].sort((a, b) => b.at - a.at);
    this.items = newest.map((phrase) => [phraseItem(phrase, texts, sinks, now, null), phrase]);
    byId("timeline-phrases").replaceChildren(...this.items.map(([item]) => item));
  }
}

const phrasesOf = (told) => told.channels.flatMap((channel) => channel.phrases);
