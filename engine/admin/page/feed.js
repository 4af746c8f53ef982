// The connection to `GET /v1/live`, for as long as the page is open.
//
// It comes back by itself: after the engine's restart, a network's fault, a computer's sleep. What it tells is `onLink` with one
// of {name: "connecting" | "live" | "waiting" | "sign-in", detail, retryAt}, and `onEvent` with kind and data of each event.
// The token is sent as a header, never in the address; it is kept in this tab's session storage once it was right.

import { EventReader } from "./event_reader.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;
const SILENCE_MS = 8000; // a tick comes every second: silence for so long is a connection that is dead and does not know it
const STALE_MS = 3000; // the same for a page that has just woken up
const KEPT = "cueline.token";

class Fault extends Error {}

export class Feed {
  #wait = FIRST_WAIT_MS;
  #attempt = null; // AbortController of the connection under way
  #wake = () => {};
  #newsAt = 0;
  #live = false;

  constructor(onEvent, onLink) {
    this.onEvent = onEvent;
    this.onLink = onLink;
    this.token = sessionStorage.getItem(KEPT);
    setInterval(() => this.#look(SILENCE_MS), 1000);
    const woken = () => document.visibilityState === "visible" && this.#woken();
    for (const name of ["visibilitychange", "resume"]) document.addEventListener(name, woken);
    for (const name of ["online", "pageshow"]) window.addEventListener(name, woken);
  }

  get headers() {
    return this.token ? { Authorization: `Bearer ${this.token}` } : {};
  }

  /** Use this token from now on, and connect at once; null forgets it. */
  sign(token) {
    this.token = token;
    if (token === null) sessionStorage.removeItem(KEPT);
    this.#wait = FIRST_WAIT_MS;
    this.#attempt?.abort();
    this.#wake();
  }

  /** Never returns. */
  async run() {
    for (;;) {
      this.onLink({ name: "connecting", detail: "" });
      const detail = await this.#follow().catch((fault) => (fault instanceof Fault ? fault.message : "can’t reach the engine"));
      this.#live = false;
      if (detail === null) await new Promise((resolve) => (this.#wake = resolve)); // until there is a token
      else await this.#pause(detail);
      this.#wake = () => {};
    }
  }

  /** One connection, to its end; returns why it ended, or null where a token has to be asked for. */
  async #follow() {
    this.#attempt = new AbortController();
    this.#newsAt = Date.now();
    const { signal } = this.#attempt;
    const response = await fetch("/v1/live", { headers: this.headers, cache: "no-store", signal });
    if (response.status === 401) return this.#askToken();
    if (!response.ok) throw new Fault(await said(response));
    if (this.token) sessionStorage.setItem(KEPT, this.token);
    const reader = new EventReader();
    for await (const text of texts(response.body)) {
      this.#newsAt = Date.now();
      for (const { kind, data } of reader.push(text)) {
        if (kind === "lost") return "this page read too slowly";
        this.#take(kind, data);
      }
    }
    return "the engine has ended the connection";
  }

  #take(kind, data) {
    if (kind === "state") {
      this.#live = true;
      this.#wait = FIRST_WAIT_MS;
      this.onLink({ name: "live", detail: "" });
    }
    this.onEvent(kind, data);
  }

  #askToken() {
    this.onLink({ name: "sign-in", detail: this.token ? "That is not this engine’s token." : "" });
    sessionStorage.removeItem(KEPT);
    return null;
  }

  async #pause(detail) {
    const wait = this.#wait * (0.75 + Math.random() / 2);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
    this.onLink({ name: "waiting", detail, retryAt: Date.now() + wait });
    await new Promise((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, wait);
    });
  }

  #look(limit) {
    if (this.#attempt && Date.now() - this.#newsAt > limit) this.#attempt.abort();
  }

  /** The page is seen again, or the network is back: what waits need not wait, what is dead is let go. */
  #woken() {
    if (this.#live) this.#look(STALE_MS);
    else if (this.#wait > FIRST_WAIT_MS) {
      this.#wait = FIRST_WAIT_MS;
      if (!document.querySelector("dialog#sign-in[open]")) this.#wake();
    }
  }
}

async function* texts(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

async function said(response) {
  const problem = await response.json().catch(() => ({}));
  return problem.detail ?? `the engine answered ${response.status}`;
}
