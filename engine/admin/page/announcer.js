// What a screen reader is told by itself: changes of the verdict, and phrases, a sentence every few seconds at most.

import { byId } from "./dom.js";

const EVERY_MS = 5000;

export class Announcer {
  #phrases = [];
  #verdict = "";
  #timer = 0;

  verdict(text) {
    if (text === this.#verdict) return;
    this.#verdict = text;
    this.#later([text]);
  }

  phrase({ rule }) {
    this.#phrases.push(rule);
    this.#later([]);
  }

  #waiting = [];

  #later(texts) {
    this.#waiting = texts.length ? texts : this.#waiting;
    this.#timer ||= setTimeout(() => this.#say(), EVERY_MS);
  }

  #say() {
    const n = this.#phrases.length;
    const heard = n === 0 ? [] : [n === 1 ? `Phrase spotted: ${this.#phrases[0]}.` : `${n} phrases spotted, the latest: ${this.#phrases.at(-1)}.`];
    byId("announcer").textContent = [...this.#waiting, ...heard].join(" ");
    [this.#phrases, this.#waiting, this.#timer] = [[], [], 0];
  }
}
